"""One EtcdCluster under test: what a user sees of it through the API, and what etcd itself says."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from e2e.support import kstatus
from e2e.support.kinds import ETCD_CLUSTER, PDB, POD, PVC, SERVICE, STATEFUL_SET, Kind
from e2e.support.kube import Json, condition, dig
from e2e.support.sandbox import Sandbox
from e2e.support.wait import until

INSTANCE = "app.kubernetes.io/instance"
MEMBER = "etcd.davit.dev/member"
ROLE = "etcd.davit.dev/role"
SMALL = {"requests": {"cpu": "20m", "memory": "48Mi"}}
"""So that several clusters fit on a laptop or a CI machine."""
CHILDREN = (STATEFUL_SET, SERVICE, PDB, PVC, POD)


@dataclass(frozen=True)
class EtcdCluster:
    """A handle; nothing is cached, every question goes to the API server."""

    sandbox: Sandbox
    version: str
    name: str = "db"

    @property
    def labels(self) -> dict[str, str]:
        """What all its objects carry."""
        return {
            "app.kubernetes.io/name": "etcd",
            INSTANCE: self.name,
            "app.kubernetes.io/managed-by": "davit-etcd-operator",
        }

    def manifest(self, size: int, **spec: Any) -> Json:
        """As a user would write it, with small resources; later keys win."""
        full = {"size": size, "version": self.version, "storage": {"size": "1Gi"}, "resources": SMALL, **spec}
        return {"metadata": {"name": self.name, "namespace": self.sandbox.namespace}, "spec": full}

    def create(self, size: int = 3, *, ready: bool = True, **spec: Any) -> EtcdCluster:
        """Apply it, start the client pod meanwhile, and wait until it is ready."""
        self.sandbox.kube.apply(ETCD_CLUSTER, self.manifest(size, **spec))
        self.sandbox.client()
        if ready:
            self.wait_ready()
        return self

    def edit(self, **spec: Any) -> None:
        """Change parts of the spec; None removes a key."""
        self.sandbox.kube.patch(ETCD_CLUSTER, self.sandbox.namespace, self.name, {"spec": spec})

    def scale(self, replicas: int) -> None:
        """`kubectl scale`."""
        self.sandbox.kube.patch(ETCD_CLUSTER, self.sandbox.namespace, self.name, {"spec": {"replicas": replicas}}, "scale")

    def delete(self) -> None:
        """Delete the resource and wait until it is gone."""
        self.sandbox.kube.delete(ETCD_CLUSTER, self.sandbox.namespace, self.name)
        self.until("the EtcdCluster is gone", self.find, lambda found: found is None)

    def find(self) -> Json | None:
        """The resource, None when there is none."""
        return self.sandbox.kube.get(ETCD_CLUSTER, self.sandbox.namespace, self.name)

    def read(self) -> Json:
        """The resource."""
        return self.sandbox.kube.read(ETCD_CLUSTER, self.sandbox.namespace, self.name)

    def status(self) -> Json:
        """Its status, empty before the first."""
        return (self.find() or {}).get("status") or {}

    def condition(self, kind: str) -> Json:
        """One of its conditions, empty when absent."""
        return condition(self.find(), kind)

    def all(self, kind: Kind) -> list[Json]:
        """Its children of a kind, by their labels."""
        return self.sandbox.kube.all(kind, self.sandbox.namespace, self.labels)

    def pods(self) -> dict[str, Json]:
        """Its pods that are not on their way out, by member."""
        pods = (pod for pod in self.all(POD) if "deletionTimestamp" not in pod["metadata"])
        return {pod["metadata"]["labels"][MEMBER]: pod for pod in pods}

    def pod(self, member: str) -> Json | None:
        """A member's pod, terminating or not."""
        return self.sandbox.kube.get(POD, self.sandbox.namespace, pod_name(member))

    def claims(self) -> dict[str, str]:
        """Uids of its volume claims by name: the data's identity."""
        return {claim["metadata"]["name"]: claim["metadata"]["uid"] for claim in self.all(PVC)}

    def members(self) -> list[str]:
        """Names of its members according to its StatefulSets."""
        return [item["metadata"]["name"] for item in self.all(STATEFUL_SET)]

    def fresh_members(self, before: Mapping[str, object]) -> list[str]:
        """Members that were not there before."""
        return sorted(set(self.members()) - set(before))

    def events(self, reason: str | None = None) -> list[Json]:
        """Events on the resource, in order."""
        found = self.sandbox.kube.events(self.sandbox.namespace, self.name)
        mine = [event for event in found if event["involvedObject"].get("kind") == "EtcdCluster"]
        return [event for event in mine if reason in (None, event["reason"])]

    @property
    def endpoint(self) -> str:
        """Where clients inside the cluster reach it."""
        return f"http://{self.name}-client.{self.sandbox.namespace}.svc:2379"

    def until(self, what: str, look: Callable[[], Any], ready: Callable[[Any], Any] = bool, seconds: float = 120) -> Any:
        """Wait; a failure shows the whole state of the cluster."""
        return until(f"{self.name}: {what}", look, ready, deadline=self.sandbox.seconds(seconds), show=self.picture)

    def wait_ready(self, size: int | None = None, seconds: float = 180) -> Json:
        """Until the operator has seen this generation and all that it asks for is there, as kstatus would say."""

        def done(resource: Json | None) -> bool:
            status = (resource or {}).get("status") or {}
            if resource is None or kstatus.verdict(resource) != kstatus.CURRENT:
                return False
            wanted = resource["spec"]["size"] if size is None else size
            settled = status.get("observedGeneration") == resource["metadata"]["generation"]
            return settled and condition(resource, "Ready").get("status") == "True" and status.get("readyMembers") == wanted

        ready: Json = self.until("ready", self.find, done, seconds)
        return ready

    def wait_condition(self, kind: str, status: str, *reasons: str, seconds: float = 120) -> Json:
        """Until a condition has this status, and one of the reasons if any are given."""

        def holds(found: Json) -> bool:
            return found.get("status") == status and (not reasons or found.get("reason") in reasons)

        wanted = f"condition {kind}={status} {'/'.join(reasons)}"
        found: Json = self.until(wanted, lambda: self.condition(kind), holds, seconds)
        return found

    def wait_event(self, *reasons: str, seconds: float = 60) -> Json:
        """Until an Event with one of these reasons is on the resource."""

        def matching() -> list[Json]:
            return [event for event in self.events() if event["reason"] in reasons]

        return dict(self.until(f"an Event {'/'.join(reasons)}", matching, seconds=seconds)[-1])

    def picture(self) -> Json:
        """The state in few lines: spec, conditions, members, pods, claims, latest events."""
        found = self.find() or {}
        return {
            "spec": {key: found.get("spec", {}).get(key) for key in ("size", "version", "image", "paused")},
            "generation": [dig(found, "metadata", "generation"), dig(found, "status", "observedGeneration")],
            "conditions": [_line(c) for c in dig(found, "status", "conditions") or []],
            "members": [f"{m['name']} {m.get('role')} {m.get('healthy')} {m.get('reason', '')}" for m in
                        dig(found, "status", "members") or []],
            "pods": [_pod_line(pod) for pod in self.all(POD)],
            "claims": [f"{c['metadata']['name']} {dig(c, 'status', 'phase')}" for c in self.all(PVC)],
            "events": [f"{e['reason']}: {e['message']}" for e in self.events()[-6:]],
        }  # fmt: skip


def pod_name(member: str) -> str:
    """The one pod of a member's StatefulSet."""
    return f"{member}-0"


def claim_name(member: str) -> str:
    """A member's volume claim."""
    return f"data-{member}"


def _line(found: Json) -> str:
    return f"{found['type']}={found['status']} {found['reason']}: {found.get('message', '')}"


def _pod_line(pod: Json) -> str:
    states = [
        f"restarts={s['restartCount']} ready={s['ready']} {next(iter(s.get('state') or {'?': 0}))}"
        for s in dig(pod, "status", "containerStatuses") or []
    ]
    leaving = " terminating" if "deletionTimestamp" in pod["metadata"] else ""
    return f"{pod['metadata']['name']} {dig(pod, 'status', 'phase')}{leaving} {' '.join(states)}"
