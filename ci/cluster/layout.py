"""Names and addresses of the local cluster: pure, so that `down` can work them out again."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ci.paths import LIB, RUN

BRIDGE = "davit0"
HOST = "172.30.0.1"
"""The machine itself on the node bridge; the API server listens here alone."""
NODE_CIDR = "172.30.0.0/24"
POD_CIDR = "10.244.0.0/16"
SERVICE_CIDR = "10.96.0.0/16"
KUBERNETES_SERVICE = "10.96.0.1"
DNS_SERVICE = "10.96.0.10"
API_PORT = 6443
ETCD_PORT = 12379
DOMAIN = "cluster.local"
MAX_NODES = 3


@dataclass(frozen=True)
class Node:
    """One node: a network namespace with its own runtime, kubelet and pod subnet."""

    index: int

    @property
    def name(self) -> str:
        """The Kubernetes node name."""
        return f"node{self.index}"

    @property
    def netns(self) -> str:
        """Also the cgroup's name; prefixed, since both lists are the machine's."""
        return f"davit-{self.name}"

    @property
    def netns_path(self) -> Path:
        """Where `ip netns add` mounts it."""
        return Path("/var/run/netns") / self.netns

    @property
    def veth(self) -> str:
        """The machine's end of the cable; the node's end is eth0."""
        return f"davit-v{self.index}"

    @property
    def address(self) -> str:
        """On the node bridge."""
        return f"172.30.0.{self.index + 1}"

    @property
    def pod_cidr(self) -> str:
        """The subnet of the node's pods."""
        return f"10.244.{self.index}.0/24"

    @property
    def lib(self) -> Path:
        """Images, volumes, kubelet state."""
        return LIB / self.name

    @property
    def run(self) -> Path:
        """The container runtime's short-lived state."""
        return RUN / self.name

    @property
    def socket(self) -> Path:
        """The container runtime's socket."""
        return RUN / f"{self.name}.sock"

    @property
    def processes(self) -> tuple[str, str, str]:
        """Names of its processes in the order of their start."""
        return tuple(f"{self.name}-{part}" for part in NODE_PARTS)  # type: ignore[return-value]


NODE_PARTS = ("containerd", "kubelet", "proxy")
CONTROL_PLANE = ("etcd", "apiserver", "controllers", "scheduler")
HOST_PROXY = "host-proxy"


def nodes(count: int) -> list[Node]:
    """The first `count` nodes."""
    return [Node(index) for index in range(1, count + 1)]
