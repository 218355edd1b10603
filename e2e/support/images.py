"""Images that few tests need, built on demand by ci.images."""

from __future__ import annotations

import subprocess
import sys

from e2e.support.settings import REPO


def load(*names: str) -> None:
    """Build and load them where the cluster takes images from here; the first build of one takes minutes."""
    words = [sys.executable, "-m", "ci.images", "load", *names]
    subprocess.run(words, cwd=REPO, capture_output=True, text=True, timeout=1800, check=True)
