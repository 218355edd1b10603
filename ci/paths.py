"""Where the tooling keeps things; one place, so that `down` can promise what it removes."""

from __future__ import annotations

import os
from pathlib import Path

REPO = Path(__file__).resolve().parent.parent
CI = REPO / "ci"
DAVIT = REPO / ".davit"
KUBECONFIG = DAVIT / "kubeconfig"
STATE = DAVIT / "cluster"
"""Keys, configs, logs and process records of the local cluster."""
RUN = Path("/run/davit")
"""Unix sockets: their paths may have 107 characters at most, and the repo may be deep."""
LIB = Path("/var/lib/davit")
"""Container and kubelet roots: they need a file system that overlayfs accepts."""


def cache() -> Path:
    """Builds that outlive a cluster, shared by every checkout of the repo."""
    return Path(os.environ.get("DAVIT_CACHE") or Path.home() / ".cache" / "davit")
