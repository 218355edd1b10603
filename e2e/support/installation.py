"""An installed operator: found by its labels, stopped, killed and started as an administrator or a fault would."""

from __future__ import annotations

from dataclasses import dataclass
from signal import SIGKILL

from e2e.support import signals
from e2e.support.kinds import DEPLOYMENT, LEASE, POD
from e2e.support.kube import Json, Kube, dig, pod_ready
from e2e.support.sandbox import Sandbox
from e2e.support.wait import until

PRODUCTS = ("etcd", "prometheus", "alertmanager")
COMPONENT = {"app.kubernetes.io/component": "operator"}
"""What the pods of all our operators have."""


@dataclass(frozen=True)
class Installation:
    """The Deployment of a product's operator in its namespace."""

    kube: Kube
    namespace: str
    patience: float = 1.0
    product: str = "etcd"

    @property
    def labels(self) -> dict[str, str]:
        """By which it is found."""
        return {"app.kubernetes.io/name": f"{self.product}-operator", **COMPONENT}

    def deployment(self) -> Json:
        """The one Deployment with our labels."""
        found = self.kube.all(DEPLOYMENT, self.namespace, self.labels)
        if len(found) != 1:
            names = [item["metadata"]["name"] for item in found]
            raise AssertionError(f"one Deployment with {self.labels} expected in {self.namespace}, found {names}")
        return found[0]

    def exists(self) -> bool:
        """Whether it is installed at all."""
        return bool(self.kube.all(DEPLOYMENT, self.namespace, self.labels))

    @property
    def name(self) -> str:
        """The Deployment's name."""
        return str(self.deployment()["metadata"]["name"])

    @property
    def image(self) -> str:
        """The operator's image; it has Python, so helper pods run from it and no further image is needed."""
        return str(self.deployment()["spec"]["template"]["spec"]["containers"][0]["image"])

    def pods(self) -> list[Json]:
        """Its pods, terminating ones included."""
        return self.kube.all(POD, self.namespace, self.labels)

    def wait_ready(self, replicas: int = 1, deadline: float = 120.0) -> None:
        """Until so many replicas, and no others, are ready."""

        def settled(pods: list[Json]) -> bool:
            return len(pods) == replicas and all(pod_ready(pod) for pod in pods)

        until(f"{replicas} operator pods ready", self.pods, settled, deadline=deadline * self.patience)

    def scale(self, replicas: int, *, wait: bool = True) -> None:
        """Change the number of replicas and wait for it; at 0 there is no pod left."""
        self.kube.patch(DEPLOYMENT, self.namespace, self.name, {"spec": {"replicas": replicas}}, "scale")
        if wait:
            self.wait_ready(replicas)

    def stop(self) -> None:
        """No operator at all."""
        self.scale(0)

    def start(self, replicas: int = 1) -> None:
        """Back again."""
        self.scale(replicas)

    def kill(self, sandbox: Sandbox, pod: str | None = None, *, replace: bool = False) -> list[str]:
        """SIGKILL to one replica or all, whose containers are restarted; returns the pods, does not wait.

        `replace` deletes the pods too: a container that is killed often is restarted ever later.
        """
        names = [pod] if pod else [str(p["metadata"]["name"]) for p in self.pods()]
        for name in names:
            signals.send(sandbox, self.namespace, name, SIGKILL)
            if replace:
                self.kube.delete(POD, self.namespace, name, grace=0)
        return names

    def renew(self) -> None:
        """Replace pods whose containers were restarted, so that no test inherits their back-off."""
        for pod in self.pods():
            if any(s["restartCount"] for s in dig(pod, "status", "containerStatuses") or []):
                self.kube.delete(POD, self.namespace, pod["metadata"]["name"])
        self.wait_ready(int(self.deployment()["spec"]["replicas"]))

    def holder(self) -> str:
        """Which pod holds the Lease, empty when none does."""
        leases = self.kube.all(LEASE, self.namespace)
        mine = [lease for lease in leases if f"{self.product}-operator" in lease["metadata"]["name"]]
        identity = str(dig(mine[0], "spec", "holderIdentity") or "") if mine else ""
        names = [str(pod["metadata"]["name"]) for pod in self.pods()]
        return next((name for name in names if name in identity), "")
