"""Which programs each pinned Go module builds, and with which flags: pure."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field
from pathlib import Path

from ci.paths import CI, cache

KUBE_COMMANDS = (
    "kube-apiserver", "kube-controller-manager", "kube-scheduler",
    "kubelet", "kube-proxy", "kubectl",
)  # fmt: skip
ETCD = {
    "etcd": "go.etcd.io/etcd/server/v3",
    "etcdctl": "go.etcd.io/etcd/etcdctl/v3",
    "etcdutl": "go.etcd.io/etcd/etcdutl/v3",
}
PROMETHEUS, ALERTMANAGER = "github.com/prometheus/prometheus", "github.com/prometheus/alertmanager"
MINIO, THANOS = "github.com/minio/minio", "github.com/thanos-io/thanos"
OF_PROMETHEUS = "github.com/prometheus/common/version.Version"
"""Read by --version and /api/v1/status/buildinfo; the programs of Prometheus and Alertmanager give it no `v`."""


@dataclass(frozen=True)
class Tool:
    """One module under ci/tools; its version is the one its go.mod requires of `module`."""

    name: str
    module: str
    programs: dict[str, str]
    version_vars: tuple[str, ...] = ()
    home: Path = field(default=CI / "tools")
    module_of: str = ""
    """The tool whose go.mod it is built with, where it is not its own."""
    tags: tuple[str, ...] = ()
    """Build tags without which it does not work."""

    @property
    def source(self) -> Path:
        """The folder with go.mod."""
        return self.home / (self.module_of or self.name)

    @property
    def version(self) -> str:
        """For example v1.34.4; a module of our own has no requirement, and is v0."""
        return required_version((self.source / "go.mod").read_text(), self.module) or "v0"

    @property
    def release(self) -> str:
        """The version that people know, for example v3.13.2, which Prometheus' module calls v0.313.2."""
        named = {PROMETHEUS: prometheus_release, MINIO: minio_release}
        return named[self.module](self.version) if self.module in named else self.version

    @property
    def folder(self) -> Path:
        """Where the built programs are."""
        return cache() / "bin" / f"{self.name}-{self.version}"

    @property
    def ldflags(self) -> str:
        """Small programs that know their version."""
        sets = (f"-X {var}={value}" for var, value in version_values(self))
        return " ".join(("-s", "-w", *sets))

    def digest(self) -> str:
        """Changes when anything changes that the build depends on, except the Go release."""
        parts = [repr(sorted(self.programs.items())), self.ldflags]
        parts += self.tags
        parts += [f.read_text() for f in sorted(self.source.rglob("*")) if f.is_file()]
        return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]


def required_version(go_mod: str, module: str) -> str | None:
    """The version of `module` in the text of a go.mod."""
    found = re.search(rf"^(?:require)?\s*{re.escape(module)} (v\S+)", go_mod, re.MULTILINE)
    return found[1] if found else None


def version_values(tool: Tool) -> list[tuple[str, str]]:
    """Linker values, the same that upstream's own builds set."""
    if tool.name == "kubernetes":
        return kubernetes_values(tool.version)
    if tool.module == MINIO:
        return minio_values(tool.version)
    values = [(var, tool.release.removeprefix("v") if var == OF_PROMETHEUS else tool.release) for var in tool.version_vars]
    return [*values, *helm3_values(tool)] if tool.name == "helm3" else values


def prometheus_release(module_version: str) -> str:
    """v0.313.2 is v3.13.2, the module's minor number is the major one times hundred and the minor one; v0.45.6 is v2.45.6."""
    _, minor, patch = module_version.split(".", 2)
    return f"v{int(minor) // 100 or 2}.{int(minor) % 100}.{patch}"


def minio_time(module_version: str) -> str:
    """The commit's time in the pseudo-version of a module without usable tags, as yyyymmddhhmmss."""
    return module_version.split("-")[1]


def minio_release(module_version: str) -> str:
    """RELEASE.2026-02-12T20-18-48Z of v0.0.0-20260212201848-7aac2a2c5b7c, by MinIO's own rule: the commit's time."""
    at = minio_time(module_version)
    return f"RELEASE.{at[:4]}-{at[4:6]}-{at[6:8]}T{at[8:10]}-{at[10:12]}-{at[12:]}Z"


def minio_values(version: str) -> list[tuple[str, str]]:
    """What `minio --version` says; without them it calls itself a development build."""
    at, commit = minio_time(version), version.split("-")[2]
    said = f"{at[:4]}-{at[4:6]}-{at[6:8]}T{at[8:10]}:{at[10:12]}:{at[12:]}Z"
    values = {"Version": said, "ReleaseTag": minio_release(version), "CommitID": commit, "ShortCommitID": commit}
    return [(f"{MINIO}/cmd.{key}", value) for key, value in (values | {"CopyrightYear": at[:4]}).items()]


def kubernetes_values(version: str) -> list[tuple[str, str]]:
    """The version in parts, and again for the clients' user agent."""
    major, minor = version.removeprefix("v").split(".")[:2]
    values = {"gitVersion": version, "gitMajor": major, "gitMinor": minor}
    values |= {"gitTreeState": "clean", "gitCommit": version}
    packages = ("k8s.io/component-base/version", "k8s.io/client-go/pkg/version")
    return [(f"{p}.{key}", value) for p in packages for key, value in values.items()]


def helm3_values(tool: Tool) -> list[tuple[str, str]]:
    """The Kubernetes that `helm template` assumes: 1.20 unless it is told (client-go v0.x is Kubernetes 1.x)."""
    client = required_version((tool.source / "go.mod").read_text(), "k8s.io/client-go") or "v0.0"
    minor = client.split(".")[1]
    packages = ("helm.sh/helm/v3/pkg/chartutil", "helm.sh/helm/v3/pkg/lint/rules")
    return [(f"{p}.k8sVersion{part}", value) for p in packages for part, value in (("Major", "1"), ("Minor", minor))]


def go_name(package: str) -> str:
    """The file name that `go build -o folder/` gives a command: no major-version suffix."""
    parts = package.split("/")
    return parts[-2] if re.fullmatch(r"v\d+", parts[-1]) else parts[-1]


PROMTOOLS = ("promtool245", "promtool253", "prometheus3")
AMTOOLS = ("amtool025", "amtool028", "alertmanager")
"""Those that `make differential` proves configurations with, the oldest first."""
TOOLS = {
    tool.name: tool
    for tool in (
        Tool("kubernetes", "k8s.io/kubernetes",
             {name: f"k8s.io/kubernetes/cmd/{name}" for name in KUBE_COMMANDS}),
        Tool("etcd36", "go.etcd.io/etcd/server/v3", ETCD),
        Tool("pause", "", {"pause": "davit.dev/ci/tools/pause"}),
        Tool("coredns", "github.com/coredns/coredns", {"coredns": "github.com/coredns/coredns"}),
        Tool("local-path-provisioner", "github.com/rancher/local-path-provisioner",
             {"local-path-provisioner": "github.com/rancher/local-path-provisioner"}),
        Tool("helm4", "helm.sh/helm/v4", {"helm": "helm.sh/helm/v4/cmd/helm"},
             ("helm.sh/helm/v4/internal/version.version",)),
        Tool("helm3", "helm.sh/helm/v3", {"helm": "helm.sh/helm/v3/cmd/helm"},
             ("helm.sh/helm/v3/internal/version.version",)),
        Tool("etcd35", "go.etcd.io/etcd/server/v3", ETCD),
        Tool("etcd37", "go.etcd.io/etcd/server/v3", ETCD),
        Tool("kwok", "sigs.k8s.io/kwok", {"kwok": "sigs.k8s.io/kwok/cmd/kwok"}),
        Tool("kubeconform", "github.com/yannh/kubeconform",
             {"kubeconform": "github.com/yannh/kubeconform/cmd/kubeconform"}, ("main.version",)),
        Tool("metrics-server", "sigs.k8s.io/metrics-server",
             {"metrics-server": "sigs.k8s.io/metrics-server/cmd/metrics-server"}),
        Tool("prometheus3", PROMETHEUS,
             {name: f"{PROMETHEUS}/cmd/{name}" for name in ("prometheus", "promtool")}, (OF_PROMETHEUS,)),
        Tool("alertmanager", ALERTMANAGER,
             {name: f"{ALERTMANAGER}/cmd/{name}" for name in ("alertmanager", "amtool")}, (OF_PROMETHEUS,)),
        # Earlier releases, which prove what is written for them.
        *(Tool(name, PROMETHEUS, {"promtool": f"{PROMETHEUS}/cmd/promtool"}) for name in PROMTOOLS[:-1]),
        *(Tool(name, ALERTMANAGER, {"amtool": f"{ALERTMANAGER}/cmd/amtool"}) for name in AMTOOLS[:-1]),
        # The object store that backups are tested with.
        Tool("minio", MINIO, {"minio": MINIO}),
        # Beside a Prometheus, in the test of the sidecar. It casts labels to slices, and panics where they are something else.
        Tool("thanos", THANOS, {"thanos": f"{THANOS}/cmd/thanos"}, (OF_PROMETHEUS,), tags=("slicelabels",)),
        # Of our own, on top of prometheus-operator as a library: what it generates, to compare with.
        Tool("prometheus-operator", "github.com/prometheus-operator/prometheus-operator",
             {name: f"davit.dev/ci/tools/prometheus-operator/cmd/{name}" for name in ("promdiff", "amdiff")}),
        # The peer of `make bench`, and what tests switch from.
        Tool("prometheus-operator-peer", "github.com/prometheus-operator/prometheus-operator",
             {name: f"github.com/prometheus-operator/prometheus-operator/cmd/{name}"
              for name in ("operator", "prometheus-config-reloader")}, (OF_PROMETHEUS,), module_of="prometheus-operator"),
    )
}  # fmt: skip
CLUSTER_TOOLS = ("kubernetes", "etcd36", "pause", "coredns", "local-path-provisioner")
"""What a Ready node needs, the slowest first."""
USER_TOOLS = ("helm4",)
"""What people and tests need beside it, once it is there."""
