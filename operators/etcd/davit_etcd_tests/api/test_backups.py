"""Backups against a real API server: what it takes and refuses, and whole passes with the Job controller played by hand."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

import pytest
from davit.backup.model import seconds
from davit.backup.report import Report
from davit.errors import Rejected
from davit.kube.http import KubeClient
from davit.kube.kinds import JOB, POD
from davit.model import Key, Kind, Manifest
from davit.reconcile import Reconciler
from davit.status import timestamp, verdict
from davit_etcd.api.backups import ETCD_BACKUP, ETCD_BACKUP_SCHEDULE
from davit_etcd.api.restores import ETCD_RESTORE
from davit_etcd.api.v1 import ETCD_CLUSTER
from davit_etcd.backup.operator import BackupOperator
from davit_etcd.manifests.jobs import Agent
from davit_etcd.schedule.operator import ScheduleOperator

from davit_etcd_tests.api.test_schema import cluster
from davit_etcd_tests.backup_world import FACTS, PROOF, STORE

pytestmark = pytest.mark.api

MEMBER = {"name": "db-0", "id": "a0", "role": "Leader", "healthy": True}
TEMPLATE = {"size": 3, "version": "3.6.14", "affinity": {"nodeAffinity": {"x": 1}}, "resources": {"limits": {"memory": "1Gi"}}}


def made(kind: Kind, namespace: str, name: str = "b", **spec: Any) -> Manifest:
    """A resource about EtcdCluster db."""
    head = {"apiVersion": kind.api_version, "kind": kind.kind, "metadata": {"name": name, "namespace": namespace}}
    return {**head, "spec": {"cluster": "db", **spec}}


def restore(namespace: str, **spec: Any) -> Manifest:
    return made(ETCD_RESTORE, namespace, **{"source": {"backup": "b"}, "template": TEMPLATE, **spec})


async def status(kube: KubeClient, kind: Kind, namespace: str, name: str, written: dict[str, Any]) -> Manifest:
    """Write a status as another process would."""
    body = {"apiVersion": kind.api_version, "kind": kind.kind, "metadata": {"name": name, "namespace": namespace}}
    return await kube.apply(kind, {**body, "status": written}, subresource="status")


@pytest.fixture
async def db(kube: KubeClient, namespace: str) -> str:
    """A namespace with an EtcdCluster db that serves and has a store."""
    await kube.create(ETCD_CLUSTER, cluster(namespace, objectStore=STORE))
    await status(kube, ETCD_CLUSTER, namespace, "db", {"observedGeneration": 1, "clusterID": "c1", "members": [MEMBER]})
    return namespace


# --- the schemas -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [ETCD_BACKUP, ETCD_BACKUP_SCHEDULE, ETCD_RESTORE], ids=lambda kind: kind.kind)
async def test_names_that_lead_elsewhere_are_refused(kube: KubeClient, namespace: str, kind: Kind) -> None:
    more: dict[str, Any] = {"schedule": "@daily"} if kind == ETCD_BACKUP_SCHEDULE else {}
    if kind == ETCD_RESTORE:
        more = {"source": {"backup": "b"}}
    with pytest.raises(Rejected, match=r"spec\.cluster"):
        await kube.create(kind, made(kind, namespace, **{**more, "cluster": "../../victim/etcdclusters/c"}))
    if kind == ETCD_RESTORE:
        for field in ("backup", "namespace", "name"):
            with pytest.raises(Rejected, match=f"spec.source.{field}"):
                await kube.create(kind, made(kind, namespace, source={field: "../x"}))
        return
    for encryption in ({"secretName": "a/b"}, {"secretName": "a", "key": ".."}, {"secretName": "a", "key": "../k"}):
        with pytest.raises(Rejected, match=r"spec\.encryption"):
            await kube.create(kind, made(kind, namespace, **more, encryption=encryption))
    for store in ({"credentialsSecret": {"name": "../x"}}, {"ca": {"name": "a/b"}}, {"ca": {"name": "a", "key": "..k"}}):
        with pytest.raises(Rejected, match=r"spec\.objectStore"):
            await kube.create(kind, made(kind, namespace, **more, objectStore={**STORE, **store}))


@pytest.mark.parametrize("kind", [ETCD_BACKUP, ETCD_BACKUP_SCHEDULE, ETCD_RESTORE], ids=lambda kind: kind.kind)
async def test_a_new_resource_is_in_progress_until_the_operator_looks(kube: KubeClient, namespace: str, kind: Kind) -> None:
    more: dict[Kind, dict[str, Any]] = {
        ETCD_BACKUP: {}, ETCD_BACKUP_SCHEDULE: {"schedule": "@daily"}, ETCD_RESTORE: {"source": {"backup": "x"}}
    }  # fmt: skip
    found = await kube.create(kind, made(kind, namespace, **more[kind]))
    assert found["status"] == {"observedGeneration": -1}
    assert verdict(found) == "InProgress"


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (lambda ns: made(ETCD_BACKUP, ns), lambda ns: made(ETCD_BACKUP, ns, verify="restore")),
        (lambda ns: made(ETCD_BACKUP, ns, objectStore=STORE), lambda ns: made(ETCD_BACKUP, ns)),
        (restore, lambda ns: restore(ns, confirm="db")),
        (restore, lambda ns: restore(ns, template={**TEMPLATE, "affinity": {"nodeAffinity": {"x": 2}}})),
    ],
    ids=["backup-added", "backup-removed", "restore-added", "restore-below-an-open-field"],
)
async def test_what_may_have_run_can_not_be_changed(
    kube: KubeClient, namespace: str, first: Callable[[str], Manifest], second: Callable[[str], Manifest]
) -> None:
    kind = next(kind for kind in (ETCD_BACKUP, ETCD_RESTORE) if kind.matches(first(namespace)))
    created = await kube.create(kind, first(namespace))
    assert (await kube.apply(kind, first(namespace)))["metadata"]["generation"] == created["metadata"]["generation"]
    await kube.patch(kind, Key(namespace, "b"), [{"op": "add", "path": "/metadata/labels", "value": {"team": "a"}}])
    await status(kube, kind, namespace, "b", {"observedGeneration": 1, "phase": "Pending"})
    changed = {**second(namespace), "metadata": {**second(namespace)["metadata"]}}
    live = await kube.get(kind, Key(namespace, "b"))
    assert live is not None
    changed["metadata"]["resourceVersion"] = live["metadata"]["resourceVersion"]
    with pytest.raises(Rejected, match="spec can't change"):
        await kube.replace(kind, changed)


@pytest.mark.parametrize(("kind", "longest"), [(ETCD_BACKUP, 56), (ETCD_BACKUP_SCHEDULE, 52)], ids=lambda part: str(part)[:8])
async def test_names_that_jobs_and_labels_can_not_have_are_refused(
    kube: KubeClient, namespace: str, kind: Kind, longest: int
) -> None:
    more = {"schedule": "@daily"} if kind == ETCD_BACKUP_SCHEDULE else {}
    await kube.create(kind, made(kind, namespace, "b" * longest, **more))
    with pytest.raises(Rejected, match=f"at most {longest} characters"):
        await kube.create(kind, made(kind, namespace, "b" * (longest + 1), **more))


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ({"cluster": None}, "spec.cluster"),
        ({"deadline": "soon"}, "spec.deadline"),
        ({"verify": "yes"}, "spec.verify"),
        ({"objectStore": {"bucket": "b-1"}}, "spec.objectStore.credentialsSecret"),
        ({"objectStore": {**STORE, "endpoint": "minio:9000"}}, "spec.objectStore.endpoint"),
        ({"objectStore": {**STORE, "prefix": "/x"}}, "spec.objectStore.prefix"),
        ({"objectStore": {**STORE, "bucket": "Backups"}}, "spec.objectStore.bucket"),
    ],
)
async def test_bad_specs_are_refused(kube: KubeClient, namespace: str, spec: dict[str, Any], said: str) -> None:
    given = made(ETCD_BACKUP, namespace, **spec)
    given["spec"] = {name: value for name, value in given["spec"].items() if value is not None}
    with pytest.raises(Rejected, match=said.replace(".", r"\.")):
        await kube.create(ETCD_BACKUP, given)


# --- whole passes ----------------------------------------------------------------------------------------------------


class World:
    """The controllers, with a clock that can be put forward, and the part of the Job controller and the kubelet."""

    def __init__(self, kube: KubeClient, namespace: str) -> None:
        self.kube, self.namespace, self.ahead = kube, namespace, 0.0
        self.backups = BackupOperator(kube, Agent("registry.example/davit:1", ("pull",)))
        self.schedules = ScheduleOperator(kube)

    def now(self) -> float:
        return time.time() + self.ahead

    async def reconcile(self, name: str = "b") -> Manifest:
        """One pass over an EtcdBackup; returns it."""
        await Reconciler(self.backups, self.kube, clock=self.now)(Key(self.namespace, name))
        return await self.live(ETCD_BACKUP, name)

    async def tick(self) -> Manifest:
        """One pass over the schedule."""
        await Reconciler(self.schedules, self.kube, clock=self.now)(Key(self.namespace, "s"))
        return await self.live(ETCD_BACKUP_SCHEDULE, "s")

    async def live(self, kind: Kind, name: str) -> Manifest:
        found = await self.kube.get(kind, Key(self.namespace, name))
        assert found is not None, f"{kind.kind} {name}"
        return found

    async def end(self, name: str, report: Report) -> None:
        """The Job's pod runs and ends with this report, and the Job with it."""
        job = await self.live(JOB, name)
        template = job["spec"]["template"]
        owner = {"apiVersion": "batch/v1", "kind": "Job", "name": name, "uid": job["metadata"]["uid"], "controller": True}
        head = {"name": f"{name}-x", "namespace": self.namespace, "labels": template["metadata"]["labels"]}
        pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {**head, "ownerReferences": [owner]}, "spec": template["spec"]}
        await self.kube.create(POD, pod)
        ended = {"exitCode": 0 if report.ok else 65, "message": report.to_json(), "reason": "Completed"}
        state = {
            "name": template["spec"]["containers"][0]["name"],
            "image": "x",
            "imageID": "x",
            "ready": False,
            "restartCount": 0,
        }
        await status(
            self.kube, POD, self.namespace, f"{name}-x",
            {"phase": "Succeeded" if report.ok else "Failed", "containerStatuses": [{**state, "state": {"terminated": ended}}]},
        )  # fmt: skip
        at = timestamp(time.time())
        first, last = ("SuccessCriteriaMet", "Complete") if report.ok else ("FailureTarget", "Failed")
        conditions = [
            {"type": kind, "status": "True", "reason": "Test", "lastTransitionTime": at, "lastProbeTime": at}
            for kind in (first, last)
        ]
        count = {"succeeded": 1, "completionTime": at} if report.ok else {"failed": 1}
        written = {"startTime": at, "conditions": conditions, "uncountedTerminatedPods": {}, **count}
        await status(self.kube, JOB, self.namespace, name, written)


async def test_a_verified_backup_from_start_to_end(kube: KubeClient, db: str) -> None:
    world = World(kube, db)
    created = await kube.create(ETCD_BACKUP, made(ETCD_BACKUP, db, verify="restore", deadline="20m"))
    assert (await world.reconcile())["status"]["phase"] == "Running"
    job = await world.live(JOB, "b-backup")
    (owner,) = job["metadata"]["ownerReferences"]
    assert (owner["kind"], owner["uid"], owner["controller"]) == ("EtcdBackup", created["metadata"]["uid"], True)
    assert seconds("20m") - 60 <= job["spec"]["activeDeadlineSeconds"] <= seconds("20m")
    pod = job["spec"]["template"]["spec"]
    assert pod["automountServiceAccountToken"] is False
    assert pod["restartPolicy"] == "Never"
    await world.end("b-backup", Report(True, "Done", "done", FACTS))
    assert (await world.reconcile())["status"]["phase"] == "Verifying"
    await world.end("b-verify", Report(True, "Done", "done", PROOF))
    found = await world.reconcile()
    assert found["status"]["phase"] == "Succeeded"
    assert found["status"]["verified"]["revision"] == 41
    assert verdict(found) == "Current"


async def test_what_settled_or_waits_costs_no_write(kube: KubeClient, db: str) -> None:
    world = World(kube, db)
    for name, cluster_name in (("b", "db"), ("waits", "other")):
        await kube.create(ETCD_BACKUP, made(ETCD_BACKUP, db, name, cluster=cluster_name))
    await kube.create(ETCD_BACKUP_SCHEDULE, made(ETCD_BACKUP_SCHEDULE, db, "s", schedule="0 0 1 1 *"))
    for _ in range(2):
        before = [await world.reconcile("b"), await world.reconcile("waits"), await world.tick()]
    after = [await world.reconcile("b"), await world.reconcile("waits"), await world.tick()]
    assert [found["metadata"]["resourceVersion"] for found in before] == [f["metadata"]["resourceVersion"] for f in after]
    await world.end("b-backup", Report(True, "Done", "done", FACTS))
    done = await world.reconcile("b")
    world.ahead = 86400.0
    assert (await world.reconcile("b"))["metadata"]["resourceVersion"] == done["metadata"]["resourceVersion"]


async def test_a_failure_is_final(kube: KubeClient, db: str) -> None:
    world = World(kube, db)
    await kube.create(ETCD_BACKUP, made(ETCD_BACKUP, db))
    await world.reconcile()
    await world.end("b-backup", Report(False, "AccessDenied", "the store refuses the key pair", {}))
    found = await world.reconcile()
    assert found["status"]["phase"] == "Failed"
    assert verdict(found) == "Failed"
    job = await world.live(JOB, "b-backup")
    await kube.delete(JOB, Key(db, "b-backup"), uid=job["metadata"]["uid"])
    assert (await world.reconcile())["metadata"]["resourceVersion"] == found["metadata"]["resourceVersion"]
    assert await kube.get(JOB, Key(db, "b-backup")) is None


async def test_a_deadline_ends_what_nobody_runs(kube: KubeClient, db: str) -> None:
    """This API server has no Job controller: the Job is never started."""
    world = World(kube, db)
    await kube.create(ETCD_BACKUP, made(ETCD_BACKUP, db, deadline="10m"))
    await world.reconcile()
    world.ahead = 700.0
    found = await world.reconcile()
    assert found["status"]["phase"] == "Failed"
    assert "deadline" in found["status"]["message"]
    job = await kube.get(JOB, Key(db, "b-backup"))
    assert job is None or "deletionTimestamp" in job["metadata"]


async def test_two_operators_make_one_job(kube: KubeClient, db: str) -> None:
    """A leader that lost its lease without knowing, and the next one."""
    await kube.create(ETCD_BACKUP, made(ETCD_BACKUP, db))
    await asyncio.gather(*(World(kube, db).reconcile() for _ in range(2)), return_exceptions=True)
    found = await World(kube, db).reconcile()
    assert found["status"]["phase"] == "Running"
    jobs = await kube.list(JOB, db)
    assert [job["metadata"]["name"] for job in jobs] == ["b-backup"]


async def test_a_schedule_makes_backups_that_are_its_own(kube: KubeClient, db: str) -> None:
    world = World(kube, db)
    created = await kube.create(
        ETCD_BACKUP_SCHEDULE,
        made(ETCD_BACKUP_SCHEDULE, db, "s", schedule="* * * * *", retention={"keepLast": 2}, objectStore=STORE),
    )
    names = []
    for minutes in (2, 4, 6):
        world.ahead = minutes * 60.0
        name = (await world.tick())["status"]["running"]
        names.append(name)
        run = await world.live(ETCD_BACKUP, name)
        assert run["metadata"]["ownerReferences"][0]["uid"] == created["metadata"]["uid"]
        assert run["spec"] == {"cluster": "db", "objectStore": STORE}
        world.ahead = 0.0
        await world.reconcile(name)
        await world.end(f"{name}-backup", Report(True, "Done", "done", {**FACTS, "time": timestamp(time.time() + minutes)}))
        assert (await world.reconcile(name))["status"]["phase"] == "Succeeded"
    world.ahead = 6 * 60.0
    found = await world.tick()
    assert found["status"]["lastGood"]["name"] == names[-1]
    assert found["status"]["consecutiveFailures"] == 0
    assert len(set(names)) == 3


async def test_history_takes_the_oldest_resources(kube: KubeClient, db: str) -> None:
    world = World(kube, db)
    await kube.create(ETCD_BACKUP_SCHEDULE, made(ETCD_BACKUP_SCHEDULE, db, "s", schedule="* * * * *", successfulHistory=1))
    for minutes in (2, 4):
        world.ahead = minutes * 60.0
        name = (await world.tick())["status"]["running"]
        await status(
            kube, ETCD_BACKUP, db, name,
            {"observedGeneration": 1, "phase": "Succeeded", "time": timestamp(world.now()), "finishedAt": timestamp(world.now())},
        )  # fmt: skip
    await world.tick()
    left = [item["metadata"]["name"] for item in await kube.list(ETCD_BACKUP, db)]
    assert left == [name]
