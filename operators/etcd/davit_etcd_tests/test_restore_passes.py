"""The controller of EtcdRestores, pass after pass, with EtcdClusters as other hands leave them."""

from __future__ import annotations

from typing import Any

import pytest
from davit.errors import Blocked
from davit.model import Key, Kind, Manifest
from davit.reconcile import Reconciler
from davit.status import timestamp, verdict
from davit.testing.fake_client import Crash, FakeClient
from davit_etcd.api.backups import ETCD_BACKUP
from davit_etcd.api.restores import ETCD_RESTORE
from davit_etcd.api.v1 import ETCD_CLUSTER
from davit_etcd.manifests import OPERATOR
from davit_etcd.restore.operator import RestoreOperator
from davit_etcd.validate import validate

NOW = 1_800_000_000.0
STORE = {"bucket": "backups", "credentialsSecret": {"name": "s3"}}
SOURCE = {"objectStore": STORE}
TEMPLATE = {"size": 3, "version": "3.5.32"}


class World:
    """One EtcdRestore called r into c."""

    def __init__(self, **spec: Any) -> None:
        self.kube = FakeClient(OPERATOR)
        self.now = NOW
        self.operator = RestoreOperator(self.kube)
        self.reconcile = Reconciler(self.operator, self.kube, clock=lambda: self.now)
        self.put("r", spec)

    def put(self, name: str, spec: dict[str, Any], **status: Any) -> None:
        head = {"name": name, "namespace": "ns", "uid": f"uid-{name}", "creationTimestamp": timestamp(self.now)}
        given = {"cluster": "c", "source": SOURCE, **spec}
        self.kube.put(
            ETCD_RESTORE, {"metadata": head, "spec": {k: v for k, v in given.items() if v is not None}, "status": status}
        )

    def cluster(self, spec: dict[str, Any] | None = None, uid: str = "uid-c", by: str = "", **status: Any) -> None:
        head: dict[str, Any] = {"name": "c", "namespace": "ns", "uid": uid}
        if by:
            head["annotations"] = {"etcd.davit.dev/restored-by": by}
        said = {"clusterID": "c1", **status}
        self.kube.put(ETCD_CLUSTER, {"metadata": head, "spec": {**TEMPLATE, **(spec or {})}, "status": said})

    def progress(self, phase: str, kind: str = "Restore", uid: str = "uid-r", **more: Any) -> None:
        live = self.kube.objects[ETCD_CLUSTER, Key("ns", "c")]
        live["status"]["restore"] = {"kind": kind, "phase": phase, "uid": uid, "seed": "c-3", "message": f"at {phase}", **more}

    async def go(self) -> dict[str, Any]:
        await self.reconcile(Key("ns", "r"))
        return self.status

    @property
    def restore(self) -> Manifest:
        return self.kube.objects[ETCD_RESTORE, Key("ns", "r")]

    @property
    def status(self) -> dict[str, Any]:
        found: dict[str, Any] = self.restore["status"]
        return found

    @property
    def reason(self) -> str:
        return next(str(c["reason"]) for c in self.status["conditions"] if c["type"] == "Ready")


async def test_one_that_could_never_be_looked_at_fails_at_its_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(confirm="c", deadline="10m")
    world.cluster()

    async def forbidden(*args: Any, **kwargs: Any) -> None:
        raise Blocked("Forbidden", "get etcdclusters: no right to")

    monkeypatch.setattr(world.kube, "get", _but_for_restores(world.kube.get, forbidden))
    assert (await world.go())["phase"] == "Pending"
    assert world.reason == "Forbidden"
    world.now += 601
    assert (await world.go())["phase"] == "Failed"
    assert "no right to" in world.status["message"]
    assert world.status["finishedAt"] == timestamp(world.now)


async def test_one_that_was_accepted_is_never_given_up_for_what_blocks_it_now(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(confirm="c", deadline="10m")
    world.cluster()
    assert (await world.go())["phase"] == "Restoring"

    async def forbidden(*args: Any, **kwargs: Any) -> None:
        raise Blocked("Forbidden", "get etcdclusters: no right to")

    monkeypatch.setattr(world.kube, "get", _but_for_restores(world.kube.get, forbidden))
    world.now += 100_000
    assert (await world.go())["phase"] == "Restoring"


def _but_for_restores(able: Any, unable: Any) -> Any:
    async def get(kind: Kind, key: Key) -> Any:
        return await (able if kind == ETCD_RESTORE else unable)(kind, key)

    return get


# --- in place --------------------------------------------------------------------------------------------------------


async def test_a_confirmed_restore_is_accepted_and_followed_to_its_end() -> None:
    world = World(confirm="c")
    world.cluster()
    assert (await world.go())["phase"] == "Restoring"
    assert world.status["startedAt"] == timestamp(NOW)
    world.progress("SafetyBackup", source="s3://backups/ns/c/x", revision=7)
    assert (await world.go())["step"] == "SafetyBackup"
    assert verdict(world.restore) == "InProgress"
    world.progress("Succeeded", source="s3://backups/ns/c/x", revision=7, safetyBackup="c-safety-1", finishedAt=timestamp(NOW))
    status = await world.go()
    assert (status["phase"], status["revision"], status["safetyBackup"]) == ("Succeeded", 7, "c-safety-1")
    assert status["source"] == "s3://backups/ns/c/x"
    assert verdict(world.restore) == "Current"
    world.progress("Failed")
    writes = len(world.kube.writes)
    assert await world.go() == status
    assert len(world.kube.writes) == writes


async def test_what_the_cluster_took_back_has_failed() -> None:
    world = World(confirm="c")
    world.cluster()
    await world.go()
    world.progress("RollingBack")
    assert (await world.go())["phase"] == "Restoring"
    world.progress("Failed")
    assert (await world.go())["phase"] == "Failed"
    assert world.status["message"] == "at Failed; the data is as it was before"
    assert verdict(world.restore) == "Failed"


@pytest.mark.parametrize(
    ("spec", "cluster", "reason"),
    [
        ({}, {}, "NotConfirmed"),
        ({"confirm": "d"}, {}, "NotConfirmed"),
        ({"confirm": "c", "template": TEMPLATE}, {"paused": True}, "ClusterPaused"),
        ({"confirm": "c"}, {"size": 0}, "ClusterHibernated"),
        ({"confirm": "c"}, {"storage": {"type": "Memory"}}, "ClusterInMemory"),
        ({"confirm": "c", "source": {"backup": "none"}}, {}, "BackupMissing"),
        ({"confirm": "c", "source": {}}, {}, "Invalid"),
        ({"confirm": "c", "deadline": "0s"}, {}, "Invalid"),
    ],
)
async def test_a_refusal_is_final_and_touches_nothing(spec: dict[str, Any], cluster: dict[str, Any], reason: str) -> None:
    world = World(**spec)
    world.cluster(cluster)
    before = dict(world.kube.objects[ETCD_CLUSTER, Key("ns", "c")])
    assert (await world.go())["phase"] == "Failed"
    assert world.reason == reason
    assert world.kube.objects[ETCD_CLUSTER, Key("ns", "c")] == before
    world.progress("Succeeded")
    assert (await world.go())["phase"] == "Failed"


async def test_once_accepted_it_is_not_refused_any_more() -> None:
    world = World(confirm="c")
    world.cluster()
    await world.go()
    world.cluster({"paused": True})
    assert (await world.go())["phase"] == "Restoring"


async def test_it_waits_for_its_backup_and_for_those_before_it_and_no_longer_than_its_deadline() -> None:
    world = World(confirm="c", source={"backup": "b"})
    world.cluster()
    world.kube.put(
        ETCD_BACKUP, {"metadata": {"name": "b", "namespace": "ns"}, "spec": {"cluster": "c"}, "status": {"phase": "Running"}}
    )
    assert (await world.go())["phase"] == "Pending"
    assert world.reason == "BackupUnfinished"
    done = {"phase": "Succeeded", "id": "20260101T000000Z-00000000"}
    spec = {"cluster": "c", "objectStore": STORE}
    world.kube.put(ETCD_BACKUP, {"metadata": {"name": "b", "namespace": "ns"}, "spec": spec, "status": done})
    world.put("a", {"confirm": "c"})
    await world.go()
    assert world.reason == "Queued"
    world.put("a", {"confirm": "c"}, phase="Failed")
    world.cluster(restore={"kind": "Recovery", "phase": "Starting", "seed": "c-3"})
    await world.go()
    assert world.reason == "ClusterBusy"
    world.now += 3600
    assert (await world.go())["phase"] == "Failed"
    assert world.reason == "DeadlineExceeded"


async def test_an_accepted_one_that_is_not_begun_fails_only_after_the_cluster_could_no_longer_begin() -> None:
    world = World(confirm="c", deadline="10m")
    world.cluster()
    await world.go()
    world.now += 600
    assert (await world.go())["phase"] == "Restoring"
    world.now += 120
    assert (await world.go())["phase"] == "Failed"
    assert "nothing was changed" in world.status["message"]


async def test_at_the_deadline_a_restored_cluster_that_serves_is_a_success() -> None:
    world = World(confirm="c")
    world.cluster(conditions=[{"type": "Available", "status": "True"}, {"type": "Ready", "status": "False", "message": "1 of 3"}])
    await world.go()
    world.progress("Growing", oldMembers=["c-0", "c-1"])
    assert (await world.go())["phase"] == "Restoring"
    world.now += 3600
    assert (await world.go())["phase"] == "Succeeded"
    assert "c-0, c-1" in world.status["message"]


async def test_at_the_deadline_a_restored_cluster_that_does_not_serve_is_told() -> None:
    world = World(confirm="c")
    world.cluster(conditions=[{"type": "Available", "status": "False"}])
    await world.go()
    world.progress("Growing", oldMembers=["c-0", "c-1"])
    world.now += 3600
    assert (await world.go())["phase"] == "Failed"
    assert "the old volumes are kept" in world.status["message"]


async def test_a_cluster_deleted_meanwhile() -> None:
    world = World(confirm="c", template=TEMPLATE)
    world.cluster()
    await world.go()
    world.kube.remove(ETCD_CLUSTER, Key("ns", "c"))
    assert (await world.go())["phase"] == "Failed"
    assert world.reason == "ClusterDeleted"


# --- a new cluster ---------------------------------------------------------------------------------------------------


async def test_a_cluster_is_made_from_the_template_once() -> None:
    world = World(template={**TEMPLATE, "objectStore": STORE})
    await world.go()
    made = world.kube.objects[ETCD_CLUSTER, Key("ns", "c")]
    assert "ownerReferences" not in made["metadata"]
    assert made["spec"]["bootstrap"] == {"fromBackup": SOURCE}
    assert made["spec"]["objectStore"] == STORE
    assert validate(made).bootstrap is not None
    made["status"] = {"restore": {"kind": "Bootstrap", "phase": "Seeding", "seed": "c-0"}}
    assert (await world.go())["step"] == "Seeding"
    made = world.kube.objects[ETCD_CLUSTER, Key("ns", "c")]
    made["status"]["restore"] = {"kind": "Bootstrap", "phase": "Succeeded", "seed": "c-0", "revision": 7, "message": "it serves"}
    assert (await world.go())["phase"] == "Succeeded"
    assert world.status["revision"] == 7


async def test_a_cluster_that_was_deleted_is_not_made_again() -> None:
    world = World(template=TEMPLATE)
    await world.go()
    await world.go()
    world.kube.remove(ETCD_CLUSTER, Key("ns", "c"))
    assert (await world.go())["phase"] == "Failed"
    assert (ETCD_CLUSTER, Key("ns", "c")) not in world.kube.objects


@pytest.mark.parametrize("write", range(1, 5))
@pytest.mark.parametrize("before", [True, False])
async def test_the_making_survives_every_crash(write: int, before: bool) -> None:
    world = World(template=TEMPLATE)
    world.kube.fail_write(write, before=before)
    for _ in range(4):
        try:
            await world.go()
        except Crash:
            continue
    made = [entry for entry in world.kube.writes if entry.verb == "create"]
    assert len(made) == 1
    assert world.status["phase"] == "Restoring"
    world.cluster(by="uid-r", restore={"kind": "Bootstrap", "phase": "Succeeded", "seed": "c-0"})
    assert (await world.go())["phase"] == "Succeeded"


async def test_a_backup_that_the_new_cluster_can_not_begin_with() -> None:
    world = World(template=TEMPLATE)
    stalled = [{"type": "Stalled", "status": "True", "reason": "RestoreFailed", "message": "Corrupt: cut off"}]
    world.cluster(by="uid-r", clusterID="", conditions=stalled)
    assert (await world.go())["phase"] == "Failed"
    assert "Corrupt: cut off" in world.status["message"]


async def test_a_new_cluster_that_came_up_with_volumes_of_before_is_not_restored() -> None:
    world = World(template=TEMPLATE)
    unused = [{"type": "BootstrapUnused", "status": "True", "reason": "HasData", "message": "data of its own"}]
    world.cluster(by="uid-r", conditions=unused, members=[{"name": "c-0", "id": "a0"}, {"name": "c-1", "id": "a1"}])
    assert (await world.go())["phase"] == "Failed"
    assert world.reason == "HasData"
    assert "data-c-0, data-c-1" in world.status["message"]
    assert "spec.confirm c" in world.status["message"]


async def test_a_new_cluster_that_is_not_there_in_time() -> None:
    world = World(template=TEMPLATE)
    await world.go()
    world.now += 3600
    assert (await world.go())["phase"] == "Failed"
    assert world.reason == "DeadlineExceeded"


@pytest.mark.parametrize(
    ("template", "field"),
    [
        (None, "ClusterMissing"),
        ({**TEMPLATE, "version": "2.3.0"}, "spec.template.version"),
        ({**TEMPLATE, "size": 0}, "spec.template.size"),
        ({**TEMPLATE, "bootstrap": {"fromBackup": SOURCE}}, "spec.template.bootstrap"),
        ({**TEMPLATE, "storage": {"type": "Memory"}}, "spec.template.bootstrap.fromBackup"),
    ],
)
async def test_a_template_that_is_no_cluster(template: dict[str, Any] | None, field: str) -> None:
    world = World(template=template)
    assert (await world.go())["phase"] == "Failed"
    assert field in world.status["message"] + world.reason
    assert (ETCD_CLUSTER, Key("ns", "c")) not in world.kube.objects


async def test_changes_of_the_cluster_wake_the_open_ones() -> None:
    world = World(confirm="c")
    world.cluster()
    await world.go()
    cluster = world.kube.objects[ETCD_CLUSTER, Key("ns", "c")]
    assert world.operator.pending.of(cluster) == (Key("ns", "r"),)
    world.progress("Succeeded")
    await world.go()
    assert world.operator.pending.of(cluster) == ()
