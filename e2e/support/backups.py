"""Backups, schedules and restores as users write them, and what is seen while they run."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from e2e.support.cluster import EtcdCluster
from e2e.support.kinds import ETCD_BACKUP, ETCD_BACKUP_SCHEDULE, ETCD_RESTORE, JOB, POD, Kind
from e2e.support.kube import Json, condition, dig
from e2e.support.sampling import Sampler
from e2e.support.sandbox import Sandbox
from e2e.support.wait import until

FINAL = ("Succeeded", "Failed")
BUMP = 1_000_000_000
"""By how much a restore raises the revision at the least, as the docs say."""


@dataclass(frozen=True)
class Run:
    """Something that runs once and ends; a handle, every question goes to the API server."""

    KIND: ClassVar[Kind]

    sandbox: Sandbox
    name: str

    def create(self, **spec: Any) -> Any:
        """Make it; it starts by that."""
        self.sandbox.kube.create(self.KIND, {"metadata": {"name": self.name, "namespace": self.sandbox.namespace}, "spec": spec})
        return self

    def find(self) -> Json | None:
        """The resource."""
        return self.sandbox.kube.get(self.KIND, self.sandbox.namespace, self.name)

    def read(self) -> Json:
        """The resource, which must exist."""
        return self.sandbox.kube.read(self.KIND, self.sandbox.namespace, self.name)

    def status(self) -> Json:
        """Its status, empty before the first."""
        return (self.find() or {}).get("status") or {}

    def phase(self) -> str:
        """Its phase, empty before the first status."""
        return str(self.status().get("phase") or "")

    def until(self, what: str, ready: Callable[[Json], Any], seconds: float = 120, every: float = 0.25) -> Json:
        """Wait for a status; a failure shows the whole of it, with Jobs and events."""
        found: Json = until(f"{self.KIND.kind} {self.name}: {what}", self.status, ready, deadline=self.sandbox.seconds(seconds),
                            show=self.picture, every=every)  # fmt: skip
        return found

    def ended(self, seconds: float = 120) -> Json:
        """Its status once it has ended, either way."""
        return self.until("ended", lambda status: status.get("phase") in FINAL, seconds)

    def succeeded(self, seconds: float = 120) -> Json:
        """Its status after success; any other end fails at once."""
        status = self.ended(seconds)
        assert status["phase"] == "Succeeded", f"{self.KIND.kind} {self.name} failed: {self.picture()}"
        assert condition(self.read(), "Ready").get("status") == "True"
        return status

    def failed(self, *reasons: str, seconds: float = 120) -> Json:
        """Its status after failure, for one of these reasons if any are given; success fails at once."""
        status = self.ended(seconds)
        assert status["phase"] == "Failed", f"{self.KIND.kind} {self.name} succeeded: {self.picture()}"
        assert status.get("message"), "a failure without a word"
        assert not reasons or self.why(status) in reasons, f"{self.why(status)} is none of {reasons}: {self.picture()}"
        return status

    def why(self, status: Json) -> str:
        """Why it failed, in a word: an agent's is the first of the message where the condition tells of the whole."""
        reason = str(condition({"status": status}, "Stalled").get("reason") or "")
        first = str(status.get("message") or "").partition(":")[0]
        return first if reason == "RestoreFailed" and first.isalpha() else reason

    def picture(self) -> Json:
        """The state in few lines."""
        box = self.sandbox
        return {
            "status": {key: value for key, value in self.status().items() if key != "conditions"},
            "conditions": [f"{c['type']}={c['status']} {c['reason']}: {c.get('message', '')}" for c in
                           self.status().get("conditions") or []],
            "jobs": {job["metadata"]["name"]: job.get("status") for job in box.kube.all(JOB, box.namespace)},
            "pods": {pod["metadata"]["name"]: [dig(pod, "status", "phase"), *messages(pod)] for pod in
                     box.kube.all(POD, box.namespace) if "batch.kubernetes.io/job-name" in pod["metadata"].get("labels", {})},
            "events": [f"{e['involvedObject'].get('name')} {e['reason']}: {e['message']}" for e in
                       box.kube.events(box.namespace)[-10:]],
        }  # fmt: skip


class Backup(Run):
    """An EtcdBackup."""

    KIND = ETCD_BACKUP


class Restore(Run):
    """An EtcdRestore."""

    KIND = ETCD_RESTORE


class Schedule(Run):
    """An EtcdBackupSchedule; it never ends."""

    KIND = ETCD_BACKUP_SCHEDULE

    def runs(self) -> list[Json]:
        """The EtcdBackups that it made, oldest first."""
        uid = self.read()["metadata"]["uid"]
        found = self.sandbox.kube.all(ETCD_BACKUP, self.sandbox.namespace)
        mine = [one for one in found if any(owner["uid"] == uid for owner in one["metadata"].get("ownerReferences", []))]
        return sorted(mine, key=lambda one: str(one["metadata"]["creationTimestamp"]))


def messages(pod: Mapping[str, Any]) -> list[str]:
    """What a pod's containers left as their last words."""
    statuses = [*(dig(pod, "status", "initContainerStatuses") or []), *(dig(pod, "status", "containerStatuses") or [])]
    said = (dig(one, "state", "terminated", "message") or dig(one, "state", "waiting", "reason") for one in statuses)
    return [str(text) for text in said if text]


def restore_phase(cluster: EtcdCluster) -> str:
    """status.restore.phase of an EtcdCluster."""
    return str(dig(cluster.find(), "status", "restore", "phase") or "")


@dataclass
class Trail(Sampler):
    """Looks on while data is replaced: the phases in their order, and whether the old volumes were there at each look."""

    cluster: EtcdCluster
    claims: dict[str, str]
    phases: list[str] = field(default_factory=list)
    early: list[str] = field(default_factory=list)
    """Old volumes that were gone while going back might still have been needed."""

    def look(self) -> None:
        claims = self.cluster.claims()
        # Asked after the claims: whoever was away then, was away in this phase or an earlier one.
        phase = restore_phase(self.cluster)
        if phase and phase != (self.phases or [""])[-1]:
            self.phases.append(phase)
        gone = sorted(name for name, uid in self.claims.items() if claims.get(name) != uid)
        if gone and phase not in ("Cleaning", "Succeeded"):
            self.early.append(f"{', '.join(gone)} in {phase or 'no phase'}")

    def assert_old_data_outlived_the_doubt(self) -> None:
        """No old volume went before the restored cluster served."""
        assert not self.early, f"old volumes were gone too early: {self.early[:5]} (phases {self.phases})"
