"""`python3 -OO -m davit_etcd.agent backup|fetch|settle|verify`: see `davit_etcd.agent.command`."""

from __future__ import annotations

import sys
from types import ModuleType

# minio loads its client for administrators with all its cryptography, 8 MB at the peak, and nobody here needs it.
_unused = ModuleType("minio.minioadmin")
_unused.MinioAdmin = None  # type: ignore[attr-defined]
sys.modules["minio.minioadmin"] = _unused

from davit_etcd.agent.command import main  # noqa: E402

if __name__ == "__main__":
    sys.exit(main())
