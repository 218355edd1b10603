"""Faults for tests on the local cluster: cut a node's cable, freeze its kubelet. Needs root."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager

from ci.cluster.layout import Node
from ci.cluster.process import Processes
from ci.errors import Refused
from ci.paths import STATE
from ci.shell import run


def by_name(name: str) -> Node:
    """The node that Kubernetes calls so."""
    return Node(int(name.removeprefix("node")))


def cut(node: Node) -> None:
    """Unplug the node: NotReady after 40-50 s, while its pods run on unseen."""
    run("ip", "link", "set", node.veth, "down")


def restore(node: Node) -> None:
    """Plug it in again: Ready after about 10 s."""
    run("ip", "link", "set", node.veth, "up")


def freeze_kubelet(node: Node, processes: Processes | None = None) -> None:
    """Stop the kubelet's clock: pods run on and stay reachable, but nobody tends them."""
    signal_kubelet(node, signal.SIGSTOP, processes)


def thaw_kubelet(node: Node, processes: Processes | None = None) -> None:
    """Let the kubelet go on."""
    signal_kubelet(node, signal.SIGCONT, processes)


def signal_kubelet(node: Node, number: signal.Signals, processes: Processes | None) -> None:
    """To that very process and no other."""
    record = (processes or Processes(STATE)).record(node.processes[1])
    if record is None or not record.alive:
        raise Refused(f"{node.name} has no kubelet", "bring it up with `make up`")
    record.signal(number)


def heal(node: Node, processes: Processes | None = None) -> None:
    """Undo every fault of this module."""
    restore(node)
    thaw_kubelet(node, processes)


@contextmanager
def lost(node: Node) -> Iterator[None]:
    """The node is unplugged within the block, and back in any case."""
    cut(node)
    try:
        yield
    finally:
        restore(node)
