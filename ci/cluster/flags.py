"""Command lines of the control plane, the same for a real cluster and for bare API tests: pure."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ci.cluster import layout

FAST = ("--kube-api-qps=200", "--kube-api-burst=400")


@dataclass(frozen=True)
class Flags:
    """Where things are; `nodes` is False for an API server without any."""

    state: Path
    host: str
    port: int
    etcd_port: int
    peer_port: int
    nodes: bool = True
    controllers: bool = True

    @property
    def pki(self) -> Path:
        """Keys and certificates."""
        return self.state / "pki"

    @property
    def server(self) -> str:
        """The API server's address."""
        return f"https://{self.host}:{self.port}"

    @property
    def audit_log(self) -> Path:
        """One JSON line per write, by anyone."""
        return self.state / "audit.log"


def etcd(f: Flags, program: Path) -> list[str]:
    """The cluster's own store; it need not survive a power cut."""
    client, peer = f"http://127.0.0.1:{f.etcd_port}", f"http://127.0.0.1:{f.peer_port}"
    return [
        str(program), "--data-dir", str(f.state / "etcd"), "--unsafe-no-fsync",
        "--listen-client-urls", client, "--advertise-client-urls", client,
        "--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer,
        "--initial-cluster", f"default={peer}", "--logger=zap", "--log-level=warn",
    ]  # fmt: skip


def apiserver(f: Flags, program: Path) -> list[str]:
    """Standard but for the audit log; without controllers nobody makes service accounts."""
    pki = f.pki
    return [
        str(program),
        f"--etcd-servers=http://127.0.0.1:{f.etcd_port}",
        f"--secure-port={f.port}", f"--bind-address={f.host}", f"--advertise-address={f.host}",
        f"--client-ca-file={pki}/ca.crt",
        f"--tls-cert-file={pki}/apiserver.crt", f"--tls-private-key-file={pki}/apiserver.key",
        "--service-account-issuer=https://kubernetes.default.svc",
        f"--service-account-key-file={pki}/sa.pub",
        f"--service-account-signing-key-file={pki}/sa.key",
        f"--service-cluster-ip-range={layout.SERVICE_CIDR}",
        "--authorization-mode=Node,RBAC", "--allow-privileged=true",
        f"--kubelet-client-certificate={pki}/admin.crt",
        f"--kubelet-client-key={pki}/admin.key",
        "--kubelet-preferred-address-types=InternalIP,Hostname",
        f"--requestheader-client-ca-file={pki}/front-ca.crt",
        "--requestheader-allowed-names=front-proxy",
        "--requestheader-username-headers=X-Remote-User",
        "--requestheader-group-headers=X-Remote-Group",
        "--requestheader-extra-headers-prefix=X-Remote-Extra-",
        f"--proxy-client-cert-file={pki}/front-proxy.crt",
        f"--proxy-client-key-file={pki}/front-proxy.key",
        f"--audit-policy-file={f.state}/audit-policy.yaml", f"--audit-log-path={f.audit_log}",
        "--audit-log-maxsize=1000", "--audit-log-maxbackup=2",
        *admission(f),
    ]  # fmt: skip


def admission(f: Flags) -> list[str]:
    """What differs without nodes or controllers."""
    plain = [] if f.nodes else ["--endpoint-reconciler-type=none"]
    if not f.controllers:
        return [*plain, "--disable-admission-plugins=ServiceAccount"]
    return [*plain, "--enable-admission-plugins=NodeRestriction"]


def controllers(f: Flags, program: Path) -> list[str]:
    """No serving port, so that no self-signed certificate is left behind; one replica."""
    conf = f"{f.pki}/controllers.conf"
    return [
        str(program), f"--kubeconfig={conf}", "--secure-port=0", "--leader-elect=false",
        f"--authentication-kubeconfig={conf}", f"--authorization-kubeconfig={conf}",
        "--use-service-account-credentials", "--allocate-node-cidrs=false",
        f"--service-account-private-key-file={f.pki}/sa.key", f"--root-ca-file={f.pki}/ca.crt",
        f"--cluster-cidr={layout.POD_CIDR}",
        f"--cluster-signing-cert-file={f.pki}/ca.crt", f"--cluster-signing-key-file={f.pki}/ca.key",
        f"--flex-volume-plugin-dir={f.state}/flex",
        "--concurrent-statefulset-syncs=10", *FAST,
    ]  # fmt: skip


def scheduler(f: Flags, program: Path) -> list[str]:
    """As the controllers."""
    conf = f"{f.pki}/scheduler.conf"
    return [
        str(program), f"--kubeconfig={conf}", "--secure-port=0", "--leader-elect=false",
        f"--authentication-kubeconfig={conf}", f"--authorization-kubeconfig={conf}", *FAST,
    ]  # fmt: skip


def audit_policy() -> dict[str, object]:
    """Every write once, when it is done; reads not at all, nor questions put as a create."""
    questions = [{"group": "authentication.k8s.io"}, {"group": "authorization.k8s.io"}]
    writes = ["create", "update", "patch", "delete", "deletecollection"]
    return {
        "apiVersion": "audit.k8s.io/v1",
        "kind": "Policy",
        "omitStages": ["RequestReceived", "ResponseStarted"],
        "rules": [
            {"level": "None", "resources": questions},
            {"level": "Metadata", "verbs": writes},
            {"level": "None"},
        ],
    }
