"""A small world for EtcdBackups and EtcdBackupSchedules: the API server as a fake, Kubernetes' part of it by hand, a clock.

It plays the Job controller and the agent: `start`, `report` and `end` change a Job and its pod as they would.
"""

from __future__ import annotations

from typing import Any

from davit.backup.report import PERMANENT, Report
from davit.errors import Blocked, Transient
from davit.kube.kinds import EVENT, JOB, POD
from davit.model import Key, Kind, Manifest
from davit.reconcile import Reconciler
from davit.status import timestamp
from davit.testing.builders import resource
from davit.testing.fake_client import Crash, FakeClient
from davit_etcd.api.backups import ETCD_BACKUP, ETCD_BACKUP_SCHEDULE
from davit_etcd.api.v1 import ETCD_CLUSTER
from davit_etcd.backup.operator import BackupOperator
from davit_etcd.manifests import OPERATOR
from davit_etcd.manifests.jobs import Agent
from davit_etcd.schedule.operator import ScheduleOperator

NOW = 1_767_225_600.0
"""2026-01-01T00:00:00Z."""
STORE = {"bucket": "backups", "endpoint": "https://minio:9000", "credentialsSecret": {"name": "minio"}}
FACTS = {
    "id": "20260101T000000Z-00000000", "time": "2026-01-01T00:00:05Z", "revision": 41, "revisionAfter": 42, "hash": 7,
    "hashRevision": 41, "compactRevision": 1, "clusterID": "c1", "member": "c-1", "etcdVersion": "3.5.32", "snapshotSize": 20_512,
    "snapshotSha256": "ab" * 32, "archiveSize": 1_234, "archive": "snapshot.db.zst", "seconds": 1.25, "pruned": [], "stored": 1,
    "warnings": [],
}  # fmt: skip
PROOF = {
    "id": FACTS["id"],
    "time": "2026-01-01T00:01:00Z",
    "revision": 41,
    "hash": 7,
    "keys": 12,
    "compared": True,
    "seconds": 9.0,
    "stored": 1,
    "pruned": [],
}


def cluster(spec: dict[str, Any] | None = None, *, healthy: bool = True, **more: Any) -> Manifest:
    """An EtcdCluster c of three members with a store."""
    members = [
        {"name": f"c-{n}", "id": f"a{n}", "role": "Leader" if n == 0 else "Follower", "healthy": healthy} for n in range(3)
    ]
    status = {"clusterID": "c1", "currentVersion": "3.5.32", "members": members}
    full = {"size": 3, "version": "3.5.32", "objectStore": STORE, **(spec or {})}
    kept = {name: value for name, value in full.items() if value is not None}
    return resource(ETCD_CLUSTER, "c", kept, uid="uid-cluster", status=status, **more)


class BackupWorld:
    """One EtcdCluster c, EtcdBackups, and the controllers."""

    def __init__(self, *, image: str = "davit:1") -> None:
        self.kube = FakeClient(OPERATOR)
        self.now = NOW
        self.operator = BackupOperator(self.kube, Agent(image, ("pull",)))
        self.schedules = ScheduleOperator(self.kube)
        self.kube.put(ETCD_CLUSTER, cluster())

    # --- what people do

    def backup(self, name: str = "b", **spec: Any) -> Manifest:
        """An EtcdBackup, made now."""
        made = resource(ETCD_BACKUP, name, {"cluster": "c", **spec}, uid=f"uid-{name}", creationTimestamp=timestamp(self.now))
        return self.kube.put(ETCD_BACKUP, made)

    def schedule(self, name: str = "s", **spec: Any) -> Manifest:
        """An EtcdBackupSchedule, made now; every hour unless the spec says otherwise."""
        full = {"cluster": "c", "schedule": "0 * * * *", **spec}
        made = resource(ETCD_BACKUP_SCHEDULE, name, full, uid=f"uid-{name}", creationTimestamp=timestamp(self.now))
        return self.kube.put(ETCD_BACKUP_SCHEDULE, made)

    def change(self, kind: Kind, name: str, **spec: Any) -> None:
        """Edit a spec; None removes a field."""
        live = self.kube.objects[kind, Key("ns", name)]
        live["spec"] = {key: value for key, value in {**live["spec"], **spec}.items() if value is not None}
        live["metadata"]["generation"] += 1

    # --- what the controllers do

    async def reconcile(self, name: str = "b") -> float | None:
        """One pass over an EtcdBackup."""
        self.stamp()
        return await Reconciler(self.operator, self.kube, clock=lambda: self.now)(Key("ns", name))

    async def tick(self, name: str = "s") -> float | None:
        """One pass over a schedule."""
        self.stamp()
        return await Reconciler(self.schedules, self.kube, clock=lambda: self.now)(Key("ns", name))

    async def attempt(self, kind: Kind, name: str) -> None:
        """A pass that may fail, as the queue would take it; what follows a crash is a new process."""
        try:
            await (self.reconcile(name) if kind == ETCD_BACKUP else self.tick(name))
        except (Transient, Blocked):
            pass
        except Crash:
            self.operator = BackupOperator(self.kube, self.operator.agent)
            self.schedules = ScheduleOperator(self.kube)

    # --- what Kubernetes and the agent do

    def stamp(self) -> None:
        """The creation times that a real API server gives."""
        for (kind, _), found in self.kube.objects.items():
            if kind in (JOB, ETCD_BACKUP):
                found["metadata"].setdefault("creationTimestamp", timestamp(self.now))

    def job(self, name: str = "b-backup") -> Manifest:
        """The live Job."""
        self.stamp()
        return self.kube.objects[JOB, Key("ns", name)]

    def start(self, name: str = "b-backup", **status: Any) -> Manifest:
        """The Job's pod, running unless `status` says otherwise."""
        job = self.job(name)
        found = {
            "metadata": {
                "name": f"{name}-x", "namespace": "ns", "creationTimestamp": timestamp(self.now),
                "labels": {**job["spec"]["template"]["metadata"]["labels"], "batch.kubernetes.io/job-name": name},
                "ownerReferences": [{"kind": "Job", "name": name, "uid": job["metadata"]["uid"], "controller": True}],
            },
            "spec": job["spec"]["template"]["spec"],
            "status": {"phase": "Running", "containerStatuses": [{"name": "backup", "state": {"running": {}}}], **status},
        }  # fmt: skip
        return self.kube.put(POD, found)

    def end(self, name: str = "b-backup", report: Report | None = None, *, reason: str = "PodFailurePolicy") -> None:
        """The Job and its pod end with this report; with none, at the Job's deadline, and the pod is deleted."""
        job, pod = self.job(name), self.kube.objects.get((POD, Key("ns", f"{name}-x")))
        good = report is not None and report.ok
        if report is None:
            self.kube.objects.pop((POD, Key("ns", f"{name}-x")), None)
            reason = "DeadlineExceeded"
        else:
            if pod is None:
                self.start(name)
                pod = self.kube.objects[POD, Key("ns", f"{name}-x")]
            ended = {"exitCode": 0 if good else PERMANENT, "message": report.to_json()}
            pod["status"] = {
                "phase": "Succeeded" if good else "Failed",
                "containerStatuses": [{"name": "backup", "state": {"terminated": ended}}],
            }
        condition = {"type": "Complete" if good else "Failed", "status": "True", "lastTransitionTime": timestamp(self.now)}
        job["status"] = {"conditions": [condition | ({} if good else {"reason": reason})]}

    def finish(self, name: str = "b-backup", **facts: Any) -> None:
        """The Job succeeds."""
        base = PROOF if name.endswith("-verify") else {**FACTS, "time": timestamp(self.now)}
        self.end(name, Report(True, "Done", "done", {**base, **facts}))

    def fail(self, name: str = "b-backup", reason: str = "AccessDenied", message: str = "the store refuses the key pair") -> None:
        """The Job fails."""
        self.end(name, Report(False, reason, message))

    def warn(self, job: str, reason: str, message: str) -> None:
        """An Event on a Job."""
        uid = self.job(job)["metadata"]["uid"]
        self.kube.put(
            EVENT,
            {
                "metadata": {"name": f"{job}.1", "namespace": "ns"},
                "involvedObject": {"name": job, "uid": uid},
                "type": "Warning",
                "reason": reason,
                "message": message,
                "lastTimestamp": timestamp(self.now),
            },
        )

    # --- what can be seen

    def status(self, kind: Kind = ETCD_BACKUP, name: str = "b") -> dict[str, Any]:
        """The written status."""
        return dict(self.kube.objects[kind, Key("ns", name)].get("status") or {})

    def names(self, kind: Kind) -> list[str]:
        """Of all objects of a kind."""
        return sorted(key.name for of, key in self.kube.objects if of == kind)
