"""Pods without a network, see e2e/support/pod/network.py."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from e2e.support import signals
from e2e.support.kinds import POD
from e2e.support.sandbox import Sandbox


@contextmanager
def cut(sandbox: Sandbox, namespace: str, pod: str) -> Iterator[None]:
    """Within the block nothing but its node reaches a pod, and it reaches nothing; its processes run on."""
    signals.run(sandbox, namespace, pod, "network", lambda container: ["cut", container])
    try:
        yield
    finally:
        if sandbox.kube.get(POD, namespace, pod) is not None:
            signals.run(sandbox, namespace, pod, "network", lambda container: ["mend", container])
