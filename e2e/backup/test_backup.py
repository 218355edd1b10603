"""A backup is what its status says, in the store and for people; schedules keep what they were told to keep."""

from __future__ import annotations

import hashlib
import io
from typing import Any

import pyrage
import pytest
import zstandard

from e2e.support import etcd, traffic
from e2e.support.backups import BUMP, Backup, Schedule
from e2e.support.cluster import EtcdCluster
from e2e.support.kube import Json, condition
from e2e.support.kubectl import Kubectl
from e2e.support.settings import Settings
from e2e.support.store import PREFIX, Store, folder, put_secret
from e2e.support.wait import until

CANARY = "plain-text-canary-" * 40


def snapshot_of(archive: bytes, identity: pyrage.x25519.Identity | None = None) -> bytes:
    """As a person would read it: `age -d | zstd -d`, whose result must carry its own right hash."""
    data = pyrage.decrypt(archive, [identity]) if identity else archive
    snapshot: bytes = zstandard.ZstdDecompressor().stream_reader(io.BytesIO(data)).read()
    assert len(snapshot) % 512 == 32, "a database in pages, and the hash of it all"
    assert hashlib.sha256(snapshot[:-32]).digest() == snapshot[-32:]
    return snapshot


def archive_in(store: Store, below: str) -> tuple[str, Json]:
    """The key of a backup's archive, and its marker, after a look that nothing else is there."""
    marker = store.read_json(f"{below}backup.json")
    key = below + marker["archive"]["name"]
    assert set(store.sizes(below)) - {f"{below}verified.json"} == {key, f"{below}backup.json"}
    assert store.sizes(below)[key] == marker["archive"]["size"]
    return key, marker


@pytest.mark.ci
def test_backed_up_verified_and_restored_into_a_new_cluster(
    cluster: EtcdCluster, objects: Store, settings: Settings, kubectl_program: Kubectl
) -> None:
    """Status, store and a new cluster tell the same: what was there when the backup began, and nothing later."""
    cluster.create(3, objectStore=objects.spec())
    etcd.put(cluster, planted="before")
    before, leader, revision = etcd.settled(cluster, 3), etcd.leader(cluster), etcd.revision(cluster)
    backup = Backup(cluster.sandbox, "one").create(cluster=cluster.name, verify="restore", deadline="5m")
    waiting = kubectl_program.run(
        "wait", "--for=condition=Ready", "etcdbackup/one", "-n", cluster.sandbox.namespace, "--timeout=150s", timeout=180
    )
    assert waiting.code == 0, (waiting.err, backup.picture())
    status = backup.succeeded()
    etcd.put(cluster, planted="after")

    assert_told(status, objects, before.members[0].cluster)
    assert status["revision"] >= revision
    assert status["member"] in set(before.listed) - {leader}, "of equals, one that does not lead"
    assert status["verified"]["revision"] >= revision
    assert status["verified"]["keys"] >= 1
    assert f"{folder(status['location'])}verified.json" in objects.sizes(folder(status["location"]))
    cluster.until("the cluster's status names it", lambda: cluster.status().get("backups"), lambda found: found
                  and found["lastGood"]["id"] == found["lastVerified"]["id"] == status["id"], 30)  # fmt: skip

    copy = EtcdCluster(cluster.sandbox, settings.version, "copy")
    copy.create(3, bootstrap={"fromBackup": {"backup": "one"}})
    after = etcd.settled(copy, 3)
    assert etcd.get(copy, "planted") == "before"
    assert after.members[0].cluster != before.members[0].cluster
    assert etcd.revision(copy) > BUMP
    assert etcd.get(cluster, "planted") == "after", "the cluster that was backed up goes its own way"
    cluster.sandbox.note(f"backup {status['duration']}, {status['size']}")


def assert_told(status: Json, store: Store, cluster_id: str) -> None:
    """What, where, how large, which revision, which hash, how long: each as it is in the store."""
    below = folder(status["location"])
    key, marker = archive_in(store, below)
    snapshot = snapshot_of(store.read(key))
    assert below.startswith(f"{PREFIX}/{store.sandbox.namespace}/")
    assert below.endswith(f"/{status['id']}/")
    assert marker["id"] == status["id"]
    assert status["hash"] == hashlib.sha256(snapshot).hexdigest() == marker["content"]["sha256"]
    assert status["clusterID"] == cluster_id
    for name in ("time", "size", "snapshotSize", "duration", "startedAt", "finishedAt", "etcdVersion", "job"):
        assert status.get(name), f"status.{name} is not told"


def test_encrypted_before_it_leaves_the_pod_and_readable_without_davit(cluster: EtcdCluster, objects: Store) -> None:
    """age and zstd: the store holds nothing in clear, people read it with their own tools, a verification with the Secret's."""
    identity = pyrage.x25519.Identity.generate()
    put_secret(cluster.sandbox, "backup-key", {"age.key": f"# of the test\n{identity}\n"})
    cluster.create(1, objectStore=objects.spec(), encryption={"secretName": "backup-key"})
    etcd.put(cluster, canary=CANARY)
    status = Backup(cluster.sandbox, "sealed").create(cluster=cluster.name, verify="restore", deadline="3m").succeeded()
    key, marker = archive_in(objects, folder(status["location"]))
    archive = objects.read(key)
    assert archive.startswith(b"age-encryption.org/v1")
    assert marker["recipients"] == [str(identity.to_public())]
    assert CANARY.encode() in snapshot_of(archive, identity)
    everything = b"".join(objects.read(one) for one in objects.sizes())
    assert CANARY[:36].encode() not in everything
    assert str(identity).encode() not in everything


def test_recipients_alone_make_backups_that_nobody_here_can_read(cluster: EtcdCluster, objects: Store) -> None:
    """With public keys only a backup succeeds, and one that shall be verified says at once that it can't be."""
    identity = pyrage.x25519.Identity.generate()
    put_secret(cluster.sandbox, "recipients", {"age.key": f"{identity.to_public()}\n"})
    cluster.create(1, objectStore=objects.spec(), encryption={"secretName": "recipients"})
    etcd.put(cluster, canary=CANARY)
    status = Backup(cluster.sandbox, "sealed").create(cluster=cluster.name, deadline="2m").succeeded()
    key, _ = archive_in(objects, folder(status["location"]))
    assert CANARY.encode() in snapshot_of(objects.read(key), identity)
    unreadable = Backup(cluster.sandbox, "unreadable").create(cluster=cluster.name, verify="restore", deadline="2m")
    assert "recipients" in unreadable.failed("KeyMissing")["message"]


def test_not_compressed_and_to_a_store_of_its_own(cluster: EtcdCluster, objects: Store) -> None:
    """The EtcdBackup's own objectStore and compression win; the cluster needs none."""
    cluster.create(1)
    etcd.put(cluster, canary=CANARY)
    backup = Backup(cluster.sandbox, "plain")
    backup.create(cluster=cluster.name, objectStore=objects.spec(prefix="elsewhere"), compression="none", deadline="2m")
    key, marker = archive_in(objects, folder(backup.succeeded()["location"]))
    assert key.startswith("elsewhere/")
    snapshot = objects.read(key)
    assert hashlib.sha256(snapshot[:-32]).digest() == snapshot[-32:]
    assert marker["compression"] == "none"


def test_an_end_is_final(cluster: EtcdCluster, objects: Store) -> None:
    """A backup that ended is never made again, not even after its cluster and its Job have changed or gone."""
    cluster.create(1, objectStore=objects.spec())
    backup = Backup(cluster.sandbox, "one").create(cluster=cluster.name, deadline="2m")
    status, keys = backup.succeeded(), objects.sizes()
    missing = Backup(cluster.sandbox, "of-nothing").create(cluster="nothing", objectStore=objects.spec(), deadline="15s")
    ended = missing.failed(seconds=60)
    cluster.edit(etcdOptions={"heartbeat-interval": "150"})
    cluster.wait_ready()
    second = Backup(cluster.sandbox, "two").create(cluster=cluster.name, deadline="2m").succeeded()
    assert second["id"] != status["id"]
    assert (backup.status(), missing.status()) == (status, ended)
    assert keys.items() <= objects.sizes().items()


def test_backed_up_under_load_from_a_member_that_does_not_lead(cluster: EtcdCluster, objects: Store) -> None:
    """Writers take no notice: every acknowledged write is found, and the gap stays short."""
    cluster.create(3, objectStore=objects.spec())
    etcd.fill(cluster, 24, 1024 * 1024)
    with traffic.running(cluster) as flow:
        leader = etcd.leader(cluster)
        revision = etcd.revision(cluster)
        status = Backup(cluster.sandbox, "busy").create(cluster=cluster.name, verify="restore", deadline="4m").succeeded(240)
        flow.flow()
    assert status["revision"] >= revision
    assert status["member"] != leader
    assert not objects.unfinished()


def test_a_schedule_makes_backups_and_keeps_so_many(cluster: EtcdCluster, objects: Store) -> None:
    """Every minute, keepLast 1: the older one goes from the store when the next is there; others' backups are left alone."""
    cluster.create(1, objectStore=objects.spec())
    alone = Backup(cluster.sandbox, "alone").create(cluster=cluster.name, deadline="2m").succeeded()["id"]
    schedule = Schedule(cluster.sandbox, "minutely")
    schedule.create(cluster=cluster.name, schedule="* * * * *", timeZone="Europe/Berlin", retention={"keepLast": 1},
                    successfulHistory=1, deadline="50s")  # fmt: skip
    first = good(schedule, besides="", seconds=120)
    assert set(objects.markers()) == {alone, first}
    second = good(schedule, besides=first, seconds=120)
    until("the older one is gone from the store", lambda: set(objects.markers()) == {alone, second}, deadline=30)
    until(
        "one success is kept", lambda: [one["status"]["id"] for one in schedule.runs()], lambda ids: ids == [second], deadline=30
    )
    assert schedule.status()["stored"] == 1
    cluster.sandbox.kube.patch(schedule.KIND, cluster.sandbox.namespace, schedule.name, {"spec": {"suspend": True}})
    suspended = schedule.until("suspended", lambda s: s.get("phase") == "Suspended", 30)
    assert not suspended.get("nextTime")
    assert condition(schedule.read(), "Ready")["status"] == "True"


def good(schedule: Schedule, besides: str, seconds: float) -> str:
    """The id of its newest good backup, once that is another one."""

    def another(status: Json) -> Any:
        found = (status.get("lastGood") or {}).get("id")
        return found and found != besides

    return str(schedule.until("another good backup", another, seconds)["lastGood"]["id"])
