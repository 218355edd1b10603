"""A control plane as plain processes: etcd and an API server, and controllers if asked.

With the defaults it needs no root and no network namespace, and takes free loopback ports::

    with ControlPlane(tmp_path) as cp:
        client(cp.kubeconfig)
"""

from __future__ import annotations

import socket
from collections.abc import Callable
from pathlib import Path
from types import TracebackType

import yaml
from cryptography.hazmat.primitives.asymmetric import ec

from ci.cluster import flags, layout, pki
from ci.cluster.flags import Flags
from ci.cluster.process import Processes
from ci.errors import CommandFailed
from ci.progress import wait_for
from ci.shell import run
from ci.tools.build import ensure, path

API_SERVER_NAMES = (
    "kubernetes", "kubernetes.default", "kubernetes.default.svc",
    f"kubernetes.default.svc.{layout.DOMAIN}", "localhost",
    "127.0.0.1", layout.KUBERNETES_SERVICE, layout.HOST,
)  # fmt: skip
CLIENTS = {
    "admin": ("kubernetes-admin", ("system:masters",)),
    "controllers": ("system:kube-controller-manager", ()),
    "scheduler": ("system:kube-scheduler", ()),
    "proxy": ("system:kube-proxy", ()),
}
Note = Callable[[str], None]


class ControlPlane:
    """etcd and kube-apiserver in `state`; `controllers` adds the controller manager."""

    def __init__(self, state: Path, controllers: bool = False, placed: Flags | None = None) -> None:
        self.processes = Processes(state)
        self.flags = placed or free_ports(state, controllers)
        self.throwaway = placed is None
        self.kubeconfig = self.flags.pki / "admin.conf"

    def __enter__(self) -> ControlPlane:
        ensure(["kubernetes", "etcd36"])
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def start(self, note: Note = lambda _: None) -> None:
        """Keys, then the processes in order; returns when the API server is ready."""
        if not (self.flags.pki / "done").exists():
            write_keys(self.flags)
        policy = yaml.safe_dump(flags.audit_policy())
        (self.flags.state / "audit-policy.yaml").write_text(policy)
        self._start("etcd", flags.etcd(self.flags, path("etcd36", "etcd")))
        self._start("apiserver", flags.apiserver(self.flags, kube("kube-apiserver")))
        wait_for(self.not_ready, 120, note)
        if self.flags.controllers:
            argv = flags.controllers(self.flags, kube("kube-controller-manager"))
            self._start("controllers", argv)
        if self.flags.nodes:
            self._start("scheduler", flags.scheduler(self.flags, kube("kube-scheduler")))

    def stop(self) -> None:
        """End the processes, clients of the API server first."""
        for name in reversed(layout.CONTROL_PLANE):
            self.processes.stop(name)

    def alive(self) -> bool:
        """Whether all of its processes run."""
        return all(self.processes.alive(name) for name in layout.CONTROL_PLANE)

    def not_ready(self) -> str | None:
        """What the API server still lacks; an ended process is an error at once."""
        for name in ("etcd", "apiserver"):
            self.processes.require_alive(name)
        try:
            self.kubectl("get", "--raw", "/readyz", timeout=5)
        except CommandFailed as failed:
            return f"the API server ({str(failed).splitlines()[-1][:50]})"
        return None

    def kubectl(self, *argv: str, stdin: str | None = None, timeout: float = 60) -> str:
        """Run kubectl as the administrator."""
        command = (kube("kubectl"), "--kubeconfig", self.kubeconfig)
        cache = {"KUBECACHEDIR": str(self.flags.state / "kubectl")}
        return run(*command, *argv, stdin=stdin, timeout=timeout, env=cache)

    def _start(self, name: str, argv: list[str]) -> None:
        self.processes.start(name, argv, dies_with_us=self.throwaway)


def kube(program: str) -> Path:
    """A program of the pinned Kubernetes."""
    return path("kubernetes", program)


def free_ports(state: Path, controllers: bool) -> Flags:
    """Three loopback ports that were free a moment ago."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(3)]
    api, client, peer = (int(s.getsockname()[1]) for s in sockets)
    for s in sockets:
        s.close()
    return Flags(state.resolve(), "127.0.0.1", api, client, peer, False, controllers)


def cluster_flags(state: Path) -> Flags:
    """The local cluster's own: fixed ports, on the node bridge."""
    return Flags(state, layout.HOST, layout.API_PORT, layout.ETCD_PORT, layout.ETCD_PORT + 1)


def write_keys(f: Flags) -> None:
    """All keys of the control plane; the file `done` is written last."""
    f.pki.mkdir(parents=True, exist_ok=True)
    ca, front = pki.new_authority("davit-ca"), pki.new_authority("davit-front-ca")
    pki.write_pair(f.pki, "ca", ca.pair)
    pki.write_pair(f.pki, "front-ca", front.pair)
    pki.write_pair(f.pki, "front-proxy", front.issue("front-proxy"))
    pki.write_pair(f.pki, "apiserver", ca.issue("kube-apiserver", hosts=API_SERVER_NAMES))
    for name, (user, groups) in CLIENTS.items():
        pair = ca.issue(user, groups)
        pki.write_pair(f.pki, name, pair)
        pki.write_kubeconfig(f.pki / f"{name}.conf", f.server, ca.pair.cert, pair)
    signer = ec.generate_private_key(ec.SECP256R1())
    pki.write_private(f.pki / "sa.key", pki.key_pem(signer))
    (f.pki / "sa.pub").write_bytes(pki.public_pem(signer))
    (f.pki / "done").touch()
