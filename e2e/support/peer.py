"""prometheus-operator itself, on the same cluster: what tests switch from, and the benchmark compares with.

Its images are built on demand by ci.images; its CRDs come from its Go module, and are nowhere in this repository.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from ci.images.table import PEER
from e2e.support import images
from e2e.support.kinds import CRD, DEPLOYMENT, NAMESPACE, POD, SERVICE_ACCOUNT
from e2e.support.kube import Json, Kube, condition, pod_ready
from e2e.support.process import Process
from e2e.support.rights import CLUSTER_ROLE_BINDING
from e2e.support.sandbox import LABEL, RESTRICTED
from e2e.support.settings import REPO
from e2e.support.wait import until

MODULE = "github.com/prometheus-operator/prometheus-operator"
IMAGES = ("prometheus-operator-peer", "prometheus-config-reloader")
LABELS = {"app": "prometheus-operator-peer"}
SECURE: Json = {
    "securityContext": {
        "runAsNonRoot": True, "runAsUser": 1000, "fsGroup": 2000, "seccompProfile": {"type": "RuntimeDefault"},
    },
}  # fmt: skip
"""Part of a Prometheus' or Alertmanager's spec: what it makes by itself is refused where `restricted` is enforced."""


@dataclass(frozen=True)
class Peer:
    """Its Deployment in a namespace of its own."""

    kube: Kube
    namespace: str
    patience: float = 1.0

    def install(self, *arguments: str) -> None:
        """Make it with its rights, and wait until it runs; set up as upstream ships it, but for the limits."""
        images.load(*IMAGES)
        labels = {LABEL: "true", **RESTRICTED}
        self.kube.apply(NAMESPACE, {"metadata": {"name": self.namespace, "labels": labels}})
        self.kube.apply(SERVICE_ACCOUNT, {"metadata": self._metadata()})
        self.kube.apply(
            CLUSTER_ROLE_BINDING,
            {
                "metadata": {"name": self.namespace},
                "roleRef": {"apiGroup": CLUSTER_ROLE_BINDING.group, "kind": "ClusterRole", "name": "cluster-admin"},
                "subjects": [{"kind": "ServiceAccount", "name": self.name, "namespace": self.namespace}],
            },
        )
        self.kube.apply(DEPLOYMENT, {"metadata": self._metadata(), "spec": deployment(self.name, arguments)})
        self.wait_ready()

    def remove(self) -> None:
        """All of it but what it made."""
        self.kube.delete(CLUSTER_ROLE_BINDING, None, self.namespace)
        self.kube.delete(NAMESPACE, None, self.namespace)
        until("the peer is gone", self.pods, lambda pods: not pods, deadline=120 * self.patience)

    def scale(self, replicas: int) -> None:
        """Stop it with 0, start it with 1."""
        self.kube.patch(DEPLOYMENT, self.namespace, self.name, {"spec": {"replicas": replicas}}, "scale")
        self.wait_ready(replicas)

    def restart(self) -> None:
        """A new process: memory that was once needed is not given back."""
        self.scale(0)
        self.scale(1)

    def wait_ready(self, replicas: int = 1) -> None:
        """Until so many pods, and no others, are ready."""

        def settled(pods: list[Json]) -> bool:
            return len(pods) == replicas and all(pod_ready(pod) for pod in pods)

        until(f"{replicas} pods of prometheus-operator ready", self.pods, settled, deadline=120 * self.patience)

    def pods(self) -> list[Json]:
        """Its pods."""
        return self.kube.all(POD, self.namespace, LABELS)

    @property
    def process(self) -> Process:
        """Its metrics."""
        (pod,) = self.pods()
        return Process(self.kube, self.namespace, pod["metadata"]["name"], 8080)

    @property
    def name(self) -> str:
        """Of its objects."""
        return LABELS["app"]

    def _metadata(self) -> Json:
        return {"name": self.name, "namespace": self.namespace, "labels": LABELS}


def deployment(account: str, arguments: Sequence[str]) -> Json:
    """Source of arguments and environment: example/rbac/prometheus-operator of its repository."""
    container: Json = {
        "name": "prometheus-operator",
        "image": PEER,
        "args": list(arguments),
        "env": [{"name": "GOGC", "value": "30"}],
        "ports": [{"name": "http", "containerPort": 8080}],
        "readinessProbe": {"httpGet": {"path": "/healthz", "port": "http"}, "periodSeconds": 1},
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
    }
    spec = {
        "serviceAccountName": account,
        "securityContext": {"runAsNonRoot": True, "runAsUser": 65534, "seccompProfile": {"type": "RuntimeDefault"}},
        "containers": [container],
    }
    template = {"metadata": {"labels": LABELS}, "spec": spec}
    return {"replicas": 1, "strategy": {"type": "Recreate"}, "selector": {"matchLabels": LABELS}, "template": template}


class _Loader(yaml.SafeLoader):
    """YAML 1.1 has a type of its own for a lone `=`, which upstream's enums use as text."""


_Loader.add_constructor("tag:yaml.org,2002:value", lambda loader, node: str(node.value))


def definitions() -> list[Json]:
    """Upstream's CRDs, read from where Go keeps its module."""
    home = REPO / "ci" / "tools" / "prometheus-operator"
    words = ["go", "list", "-m", "-f", "{{.Dir}}", MODULE]
    subprocess.run(["go", "mod", "download", MODULE], cwd=home, capture_output=True, timeout=600, check=True)
    done = subprocess.run(words, cwd=home, capture_output=True, text=True, timeout=600, check=True)
    folder = Path(done.stdout.strip()) / "example" / "prometheus-operator-crd"
    return [_read(path) for path in sorted(folder.glob("*.yaml"))]


def _read(path: Path) -> Json:
    found: Any = yaml.load(path.read_text(), _Loader)
    assert isinstance(found, dict), path
    return found


@contextmanager
def upstream_crds(kube: Kube) -> Iterator[None]:
    """While the block runs the cluster's monitoring CRDs are upstream's; afterwards they are what they were."""
    before: list[Json] = []
    made: list[str] = []
    try:
        for wanted in definitions():
            name = wanted["metadata"]["name"]
            found = kube.get(CRD, None, name)
            if found is None:
                kube.apply(CRD, wanted)
                made.append(name)
            else:
                before.append(found)
                # Our operators keep those CRDs current that have their label, and leave all others alone.
                _replace(kube, wanted, wanted["metadata"].get("labels") or {})
        until("upstream's CRDs are served", lambda: _served(kube), deadline=60)
        yield
    finally:
        for old in before:
            _replace(kube, old, old["metadata"].get("labels") or {})
        for name in made:
            kube.delete(CRD, None, name)


def _replace(kube: Kube, wanted: Json, labels: Json) -> None:
    operations = [
        {"op": "replace", "path": "/spec", "value": wanted["spec"]},
        {"op": "add", "path": "/metadata/labels", "value": labels},
    ]
    kube.json_patch(CRD, None, wanted["metadata"]["name"], operations)


def _served(kube: Kube) -> bool:
    names = [wanted["metadata"]["name"] for wanted in definitions()]
    return all(condition(kube.get(CRD, None, name), "Established").get("status") == "True" for name in names)
