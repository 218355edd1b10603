"""A backup before every change that could cost data; without it the change is not made."""

from __future__ import annotations

import pytest

from e2e.support import etcd, traffic
from e2e.support.backups import Backup
from e2e.support.cluster import EtcdCluster
from e2e.support.kinds import ETCD_BACKUP
from e2e.support.kube import Json
from e2e.support.settings import Settings
from e2e.support.store import Faults, Store
from e2e.support.wait import never, until


def safeties(cluster: EtcdCluster) -> dict[str, Json]:
    """The EtcdBackups that the operator made for its own safety, by name."""
    found = cluster.sandbox.kube.all(ETCD_BACKUP, cluster.sandbox.namespace, {"app.kubernetes.io/instance": cluster.name})
    return {one["metadata"]["name"]: one for one in found if "-safety-" in one["metadata"]["name"]}


def uids(cluster: EtcdCluster) -> dict[str, str]:
    """Of its pods."""
    return {name: pod["metadata"]["uid"] for name, pod in cluster.pods().items()}


@pytest.mark.parametrize("what", ["upgrade", "shrink"])
def test_made_before_anything_changes(what: str, cluster: EtcdCluster, objects: Store, settings: Settings) -> None:
    """It has succeeded before the first member is touched, and holds the data of before."""
    cluster.create(3, objectStore=objects.spec(), version=settings.versions[0])
    etcd.put(cluster, planted="before")
    before, pods, revision = etcd.settled(cluster, 3), uids(cluster), etcd.revision(cluster)
    with traffic.running(cluster) as flow:
        cluster.edit(**({"version": settings.versions[1]} if what == "upgrade" else {"size": 1}))
        found = until("a safety backup", lambda: safeties(cluster), deadline=60, every=0.1)
        (name,) = found
        safety = Backup(cluster.sandbox, name)
        until("it has ended, or a pod has changed", lambda: safety.phase() in ("Succeeded", "Failed") or uids(cluster) != pods,
              deadline=120, every=0.05)  # fmt: skip
        assert safety.phase() == "Succeeded", "a member was changed before the backup was there"
        cluster.wait_ready(seconds=240)
        flow.flow()
    status = safety.succeeded()
    assert status["etcdVersion"] == settings.versions[0]
    assert status["revision"] >= revision
    assert set(safeties(cluster)) == {name}, "one change, one backup"
    etcd.settled(cluster, 3 if what == "upgrade" else 1)
    assert before.members[0].cluster == cluster.status()["clusterID"]
    assert cluster.status()["backups"]["safety"] == name


def test_a_failed_one_stops_the_change_until_the_store_is_back(
    cluster: EtcdCluster, objects: Store, faults: Faults, settings: Settings
) -> None:
    """Stalled says why; nothing is changed meanwhile; after the failed one is deleted it goes on."""
    cluster.create(3, objectStore=objects.spec(endpoint=faults.endpoint), version=settings.versions[0])
    pods = uids(cluster)
    faults.switch("answer", status=403, code="AccessDenied")
    cluster.edit(version=settings.versions[1])
    stalled = cluster.wait_condition("Stalled", "True", "SafetyBackupFailed", seconds=180)
    assert (
        "AccessDenied" in stalled["message"] or "denied" in stalled["message"].lower() or "refuse" in stalled["message"].lower()
    )
    never("a member is changed without a backup", lambda: uids(cluster), lambda now: now != pods, during=15)
    assert cluster.condition("Available")["status"] == "True"
    faults.end()
    for name in safeties(cluster):
        cluster.sandbox.kube.delete(ETCD_BACKUP, cluster.sandbox.namespace, name)
    cluster.wait_ready(seconds=240)
    assert {member.version for member in etcd.settled(cluster, 3).members} == {settings.versions[1]}


def test_none_where_it_is_not_wanted(cluster: EtcdCluster, objects: Store, faults: Faults, settings: Settings) -> None:
    """spec.safetyBackup false: the same change with the store away just happens."""
    cluster.create(1, objectStore=objects.spec(endpoint=faults.endpoint), safetyBackup=False, version=settings.versions[0])
    faults.switch("refuse")
    cluster.edit(version=settings.versions[1])
    cluster.wait_ready()
    assert not safeties(cluster)
