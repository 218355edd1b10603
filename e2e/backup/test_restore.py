"""Restores into new clusters and in place: the backup's data and nothing else, and no way to lose what was there before."""

from __future__ import annotations

import pytest

from e2e.support import damage, etcd, traffic
from e2e.support.backups import BUMP, Backup, Restore, Trail, restore_phase
from e2e.support.cluster import EtcdCluster
from e2e.support.kinds import ETCD_CLUSTER, JOB, POD
from e2e.support.kube import Json
from e2e.support.settings import Settings
from e2e.support.store import Store, folder
from e2e.support.wait import never

FAST = 0.05
FINAL_SHAPE = {"storage": {"size": "1Gi"}, "resources": {"requests": {"cpu": "20m", "memory": "48Mi"}}}


def backed_up(cluster: EtcdCluster, name: str = "one") -> Json:
    """A finished backup of it."""
    return Backup(cluster.sandbox, name).create(cluster=cluster.name, deadline="3m").succeeded()  # type: ignore[no-any-return]


def uids(cluster: EtcdCluster) -> dict[str, str]:
    """Of its pods: the same twice means that none was restarted."""
    return {name: pod["metadata"]["uid"] for name, pod in cluster.pods().items()}


def test_from_backup_stays_in_the_manifest_and_is_read_once(cluster: EtcdCluster, objects: Store, settings: Settings) -> None:
    """GitOps: the same manifest applied again, grown and upgraded, after the backup is gone from the store, changes no data."""
    cluster.create(1, objectStore=objects.spec())
    etcd.put(cluster, planted="before")
    status = backed_up(cluster)
    copy = EtcdCluster(cluster.sandbox, settings.version, "copy")
    source = {"objectStore": objects.spec(), "name": cluster.name, "id": status["id"]}
    copy.create(1, bootstrap={"fromBackup": source})
    etcd.put(copy, planted="later")
    identity = copy.status()["clusterID"]
    for key in objects.sizes(folder(status["location"])):
        objects.delete(key)
    jobs = jobs_of(copy)
    copy.create(3, bootstrap={"fromBackup": source}, etcdOptions={"heartbeat-interval": "150"})
    etcd.settled(copy, 3)
    assert etcd.get(copy, "planted") == "later"
    assert copy.status()["clusterID"] == identity
    assert jobs_of(copy) <= jobs, "another restore was begun"


def jobs_of(cluster: EtcdCluster) -> set[str]:
    """Uids of all Jobs of a cluster."""
    found = cluster.sandbox.kube.all(JOB, cluster.sandbox.namespace, {"app.kubernetes.io/instance": cluster.name})
    return {job["metadata"]["uid"] for job in found}


def test_an_etcd_restore_makes_the_cluster_from_its_template(cluster: EtcdCluster, objects: Store, settings: Settings) -> None:
    """From the store alone, latest of what it holds, into a cluster that outlives the EtcdRestore."""
    cluster.create(1, objectStore=objects.spec())
    etcd.put(cluster, planted="older")
    backed_up(cluster, "older")
    etcd.put(cluster, planted="newer")
    newest = backed_up(cluster, "newer")
    cluster.delete()
    restore = Restore(cluster.sandbox, "again")
    template = {"size": 3, "version": settings.version, **FINAL_SHAPE}
    restore.create(
        cluster="fresh", source={"objectStore": objects.spec(), "name": cluster.name}, template=template, deadline="5m"
    )
    status = restore.succeeded(240)
    fresh = EtcdCluster(cluster.sandbox, settings.version, "fresh")
    fresh.wait_ready(3)
    etcd.settled(fresh, 3)
    assert etcd.get(fresh, "planted") == "newer"
    assert newest["id"] in status["source"]
    assert status["revision"] >= newest["revision"]
    fresh.sandbox.kube.delete(restore.KIND, fresh.sandbox.namespace, restore.name)
    never("the cluster goes with its EtcdRestore", fresh.find, lambda found: found is None, during=5)


def test_in_place_ends_with_the_backups_data_and_fools_no_watcher(
    cluster: EtcdCluster, objects: Store, settings: Settings
) -> None:
    """Data as of the backup; the old volumes go last; who watched from before is told; what was there is in a safety backup."""
    cluster.create(3, objectStore=objects.spec())
    etcd.put(cluster, planted="before")
    backed_up(cluster)
    etcd.put(cluster, planted="after", extra="new")
    old, claims, revision = etcd.settled(cluster, 3), cluster.claims(), etcd.revision(cluster)
    restore = Restore(cluster.sandbox, "back")
    with Trail(cluster, claims) as trail:
        restore.create(cluster=cluster.name, confirm=cluster.name, source={"backup": "one"}, deadline="8m")
        status = restore.succeeded(420)
        cluster.wait_ready()
    trail.assert_old_data_outlived_the_doubt()
    new = etcd.settled(cluster, 3)
    assert etcd.get(cluster, "planted") == "before"
    assert etcd.get(cluster, "extra") is None
    assert new.members[0].cluster != old.members[0].cluster
    assert cluster.status()["clusterID"] == new.members[0].cluster
    assert not set(claims.values()) & set(cluster.claims().values()), "an old volume is in use"
    assert not set(new.listed) & set(old.listed), "a name was used twice"
    told = etcd.watch(cluster, "planted", revision)
    assert told.get("canceled"), told
    assert int(told["compact_revision"]) > revision
    assert etcd.revision(cluster) > BUMP
    cluster.sandbox.note(f"phases {', '.join(trail.phases)}")

    safety = Backup(cluster.sandbox, status["safetyBackup"])
    assert safety.succeeded()["revision"] >= revision
    undo = EtcdCluster(cluster.sandbox, settings.version, "undo")
    undo.create(1, bootstrap={"fromBackup": {"backup": safety.name}})
    assert (etcd.get(undo, "planted"), etcd.get(undo, "extra")) == ("after", "new")


@pytest.mark.parametrize("confirm", [None, "another"])
def test_not_confirmed_nothing_is_touched(confirm: str | None, cluster: EtcdCluster, objects: Store) -> None:
    """An EtcdRestore of a cluster that exists must name it twice."""
    cluster.create(1, objectStore=objects.spec())
    etcd.put(cluster, planted="before")
    backed_up(cluster)
    etcd.put(cluster, planted="after")
    before = uids(cluster), cluster.claims()
    spec = {"confirm": confirm} if confirm else {}
    status = Restore(cluster.sandbox, "rash").create(cluster=cluster.name, source={"backup": "one"}, **spec).failed(seconds=60)
    assert "confirm" in status["message"]
    assert (uids(cluster), cluster.claims()) == before
    assert etcd.get(cluster, "planted") == "after"
    assert not restore_phase(cluster)


def test_a_corrupt_backup_leaves_the_cluster_serving(cluster: EtcdCluster, objects: Store) -> None:
    """In place, with a writer throughout: refused before anything stops, no write lost, no pod restarted."""
    cluster.create(3, objectStore=objects.spec())
    status = backed_up(cluster)
    archive = folder(status["location"]) + objects.read_json(folder(status["location"]) + "backup.json")["archive"]["name"]
    objects.flip(archive, objects.sizes(archive)[archive] // 2)
    before = uids(cluster), cluster.claims()
    with traffic.running(cluster) as flow:
        restore = Restore(cluster.sandbox, "broken")
        restore.create(cluster=cluster.name, confirm=cluster.name, source={"backup": "one"}, deadline="5m")
        restore.failed("Corrupt", seconds=180)
        flow.flow()
        cluster.until("the seed's volume is gone", cluster.claims, lambda claims: claims == before[1], 60)
    assert (uids(cluster), cluster.claims()) == before
    cluster.wait_ready()


def test_a_seed_that_can_not_start_goes_and_the_old_members_come_back(cluster: EtcdCluster, objects: Store) -> None:
    """In place, past the point where the old members were stopped: at the deadline they are started again, with all data."""
    cluster.create(3, objectStore=objects.spec(), safetyBackup=False)
    etcd.put(cluster, planted="before")
    backed_up(cluster)
    old, claims = etcd.settled(cluster, 3), cluster.claims()
    restore = Restore(cluster.sandbox, "stuck")
    with traffic.running(cluster) as flow, Trail(cluster, claims) as trail:
        restore.create(cluster=cluster.name, confirm=cluster.name, source={"backup": "one"}, deadline="60s")
        restore.until("the old members are being stopped", lambda status: status.get("step") == "Stopping", 120, FAST)
        damage.admit_no_pods(cluster)
        restore.until("rolling back", lambda status: status.get("step") in ("RollingBack", "Failed"), 120)
        damage.admit_pods(cluster)
        restore.failed(seconds=240)
        cluster.wait_ready(seconds=240)
        flow.flow()
    trail.assert_old_data_outlived_the_doubt()
    new = etcd.settled(cluster, 3)
    assert cluster.claims() == claims
    assert {m.name: m.id for m in new.members} == {m.name: m.id for m in old.members}
    assert new.members[0].cluster == old.members[0].cluster == cluster.status()["clusterID"]


def test_deleting_the_restore_under_way_leaves_one_history(cluster: EtcdCluster, objects: Store) -> None:
    """An EtcdRestore that is deleted under way: the restore ends one way or the other, and the cluster serves one of both."""
    cluster.create(1, objectStore=objects.spec(), safetyBackup=False)
    etcd.put(cluster, planted="before")
    backed_up(cluster)
    etcd.put(cluster, planted="after")
    restore = Restore(cluster.sandbox, "gone")
    restore.create(cluster=cluster.name, confirm=cluster.name, source={"backup": "one"}, deadline="3m")
    cluster.until("begun", lambda: restore_phase(cluster), seconds=60)
    cluster.sandbox.kube.delete(restore.KIND, cluster.sandbox.namespace, restore.name)
    cluster.until("ended", lambda: restore_phase(cluster), lambda phase: phase in ("Succeeded", "Failed"), 240)
    cluster.wait_ready(seconds=240)
    succeeded = restore_phase(cluster) == "Succeeded"
    assert etcd.get(cluster, "planted") == ("before" if succeeded else "after")
    assert len(cluster.claims()) == 1


def test_a_pod_of_the_restore_that_is_killed_is_made_again(cluster: EtcdCluster, objects: Store, settings: Settings) -> None:
    """The Job's pod dies in the middle of the download: the next one does it all again."""
    cluster.create(1, objectStore=objects.spec())
    etcd.fill(cluster, 48, 1024 * 1024)
    etcd.put(cluster, planted="before")
    backed_up(cluster)
    copy = EtcdCluster(cluster.sandbox, settings.version, "copy")
    copy.create(1, ready=False, bootstrap={"fromBackup": {"backup": "one"}})
    component = {"app.kubernetes.io/component": "restore", "app.kubernetes.io/instance": "copy"}
    kube, namespace = cluster.sandbox.kube, cluster.sandbox.namespace
    pod = copy.until("the Job's pod", lambda: kube.all(POD, namespace, component), seconds=60)[0]
    kube.delete(POD, namespace, pod["metadata"]["name"], grace=0)
    copy.wait_ready(seconds=240)
    assert etcd.get(copy, "planted") == "before"


def test_a_restore_of_a_cluster_that_another_one_restores_waits(cluster: EtcdCluster, objects: Store) -> None:
    """Two at once: one after the other, or the second is refused; never both in one."""
    cluster.create(1, objectStore=objects.spec(), safetyBackup=False)
    for turn in ("first", "second"):
        etcd.put(cluster, planted=turn)
        backed_up(cluster, turn)
    restores = [Restore(cluster.sandbox, name) for name in ("first", "second")]
    for restore in restores:
        restore.create(cluster=cluster.name, confirm=cluster.name, source={"backup": restore.name}, deadline="4m")
    ended = {restore.name: restore.ended(300)["phase"] for restore in restores}
    cluster.wait_ready(seconds=120)
    assert "Succeeded" in ended.values(), ended
    assert etcd.get(cluster, "planted") in {name for name, phase in ended.items() if phase == "Succeeded"}
    assert cluster.sandbox.kube.read(ETCD_CLUSTER, cluster.sandbox.namespace, cluster.name)["status"]["size"] == 1
