"""What is common to a Prometheus and an Alertmanager under test."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

from e2e.support.errors import Unreachable
from e2e.support.kinds import POD, PVC, STATEFUL_SET, Kind
from e2e.support.kube import Json, condition, dig, pod_ready
from e2e.support.process import Process
from e2e.support.sandbox import Sandbox
from e2e.support.wait import until

SMALL = {"requests": {"cpu": "20m", "memory": "48Mi"}}


@dataclass(frozen=True)
class Instance:
    """A handle; nothing is cached, every question goes to the API server or to the process."""

    KIND: ClassVar[Kind]
    PORT: ClassVar[int]

    sandbox: Sandbox
    version: str
    name: str = "main"
    namespace: str = ""
    """Where it is, the sandbox's first when empty."""

    @property
    def home(self) -> str:
        """Its namespace."""
        return self.namespace or self.sandbox.namespace

    @property
    def prefix(self) -> str:
        """What its objects' names begin with."""
        return f"{self.KIND.kind.lower()}-{self.name}"

    def defaults(self) -> Json:
        """The spec of tests that are about something else."""
        raise NotImplementedError

    def manifest(self, *, labels: Json | None = None, **spec: Any) -> Json:
        """As a user would write it; later keys win, None leaves a key out."""
        full = {**self.defaults(), **spec}
        metadata = {"name": self.name, "namespace": self.home, "labels": labels or {}}
        return {"metadata": metadata, "spec": {key: value for key, value in full.items() if value is not None}}

    def apply(self, *, labels: Json | None = None, **spec: Any) -> None:
        """Create or change it as a whole, and don't wait."""
        self.sandbox.kube.apply(self.KIND, self.manifest(labels=labels, **spec))

    def edit(self, **spec: Any) -> None:
        """Change parts of the spec; None removes a key."""
        self.sandbox.kube.patch(self.KIND, self.home, self.name, {"spec": spec})

    def find(self) -> Json | None:
        """The resource, None when there is none."""
        return self.sandbox.kube.get(self.KIND, self.home, self.name)

    def status(self) -> Json:
        """Its status, empty before the first."""
        return (self.find() or {}).get("status") or {}

    def condition(self, kind: str) -> Json:
        """One of its conditions, empty when absent."""
        return condition(self.find(), kind)

    def pods(self) -> dict[str, Json]:
        """Its pods that are not on their way out, by name."""
        found = self.sandbox.kube.all(POD, self.home, self.selector)
        return {pod["metadata"]["name"]: pod for pod in found if "deletionTimestamp" not in pod["metadata"]}

    @property
    def selector(self) -> dict[str, str]:
        """Labels of its pods."""
        return {"app.kubernetes.io/name": self.KIND.kind.lower(), "app.kubernetes.io/instance": self.name}

    def uids(self) -> dict[str, tuple[str, int]]:
        """Of its pods: uid and restarts, by name; the same twice means that nothing was restarted."""
        return {
            name: (pod["metadata"]["uid"], sum(s["restartCount"] for s in dig(pod, "status", "containerStatuses") or []))
            for name, pod in self.pods().items()
        }

    def claims(self) -> dict[str, tuple[str, str]]:
        """Its volume claims: uid and volume by name, the data's identity."""
        found = self.sandbox.kube.all(PVC, self.home)
        mine = (claim for claim in found if f"-{self.prefix}-" in claim["metadata"]["name"])
        return {claim["metadata"]["name"]: (claim["metadata"]["uid"], str(claim["spec"].get("volumeName"))) for claim in mine}

    def stateful_sets(self) -> list[Json]:
        """Its StatefulSets, by name."""
        found = {one["metadata"]["name"]: one for one in self.sandbox.kube.all(STATEFUL_SET, self.home)}
        return [one for name, one in found.items() if name == self.prefix or name.startswith(f"{self.prefix}-shard-")]

    def processes(self) -> list[Process]:
        """Those of its ready pods, by name."""
        return [Process(self.sandbox.kube, self.home, name, self.PORT) for name, pod in self.pods().items() if pod_ready(pod)]

    @property
    def process(self) -> Process:
        """Its only one, or the first; raises `Unreachable` while no pod is ready."""
        for found in self.processes():
            return found
        raise Unreachable(f"no pod of {self.prefix} is ready")

    def until(self, what: str, look: Callable[[], Any], ready: Callable[[Any], Any] = bool, seconds: float = 60) -> Any:
        """Wait; a failure shows the whole state."""
        show = self.picture
        return until(f"{self.name}: {what}", look, ready, deadline=self.sandbox.seconds(seconds), show=show, every=0.1)

    def wait_live(self, seconds: float = 120, *, upstream: bool = False) -> Json:
        """Until status says that all pods serve and run what is written for this generation, and the digests agree.

        upstream: the CRD is prometheus-operator's, which holds the conditions only.
        """

        def holds(resource: Json | None) -> bool:
            return self.says_live(resource) and (upstream or self.is_live(resource))

        found: Json = self.until("Ready and ConfigLive", self.find, holds, seconds)
        return found

    @staticmethod
    def says_live(resource: Json | None) -> bool:
        """Whether the conditions say so."""
        if resource is None:
            return False
        generation = resource["metadata"]["generation"]
        conditions = [condition(resource, kind) for kind in ("ConfigLive", "Ready", "Available")]
        return all(one.get("status") == "True" and one.get("observedGeneration") == generation for one in conditions)

    def is_live(self, resource: Json | None) -> bool:
        """Whether status says so, with the digests that show it."""
        if resource is None:
            return False
        config = dig(resource, "status", "config") or {}
        current = config.get("observedGeneration", config.get("generation")) == resource["metadata"]["generation"]
        return self.says_live(resource) and current and config.get("live") == config.get("digest") != ""

    def wait_condition(self, kind: str, status: str, *reasons: str, seconds: float = 60) -> Json:
        """Until a condition has this status, and one of the reasons if any are given."""

        def holds(found: Json) -> bool:
            return found.get("status") == status and (not reasons or found.get("reason") in reasons)

        found: Json = self.until(f"condition {kind}={status} {'/'.join(reasons)}", lambda: self.condition(kind), holds, seconds)
        return found

    def quarantined(self) -> list[Json]:
        """What is left out, with the reasons."""
        return self.status().get("quarantined") or []

    def wait_quarantined(self, path: str, *words: str, seconds: float = 30) -> Json:
        """Until the entry for a path is there and its message has all the words: before, it may tell of what was wrong last."""

        def entry(entries: list[Json]) -> Json | None:
            found = (one for one in entries if one["path"].startswith(path) and all(word in one["message"] for word in words))
            return next(found, None)

        said = f" with {', '.join(words)}" if words else ""
        found = entry(self.until(f"{path} is quarantined{said}", self.quarantined, entry, seconds))
        assert found is not None
        return found

    def delete_pod(self, name: str, *, grace: int | None = None) -> None:
        """Delete a pod, or kill it with `grace` 0, and wait until its successor is ready."""
        before = self.pods()[name]["metadata"]["uid"]
        self.sandbox.kube.delete(POD, self.home, name, grace=grace)
        self.until(
            f"the successor of {name} is ready",
            lambda: self.pods().get(name),
            lambda pod: pod is not None and pod["metadata"]["uid"] != before and pod_ready(pod),
            120,
        )

    def picture(self) -> Json:
        """The state in few lines."""
        found = self.find() or {}
        return {
            "generation": [dig(found, "metadata", "generation"), dig(found, "status", "observedGeneration")],
            "conditions": [_line(one) for one in dig(found, "status", "conditions") or []],
            "config": dig(found, "status", "config"),
            "quarantined": dig(found, "status", "quarantined"),
            "pods": {name: [dig(pod, "status", "phase"), pod_ready(pod)] for name, pod in self.pods().items()},
            "events": [f"{e['reason']}: {e['message']}" for e in self.sandbox.kube.events(self.home)[-6:]],
        }


def _line(found: Json) -> str:
    return f"{found['type']}={found['status']} {found['reason']}: {found.get('message', '')} ({found.get('observedGeneration')})"
