"""Whole passes over EtcdBackups, with Kubernetes and the agent played by the test."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from davit import metrics as library
from davit.backup.model import backup_id
from davit.errors import Blocked, Rejected
from davit.kube.kinds import JOB, POD
from davit.model import Key, Manifest
from davit.reconcile import Operator
from davit.status import timestamp, verdict
from davit.testing.builders import condition, resource
from davit.testing.fake_client import FakeClient
from davit_etcd.api.backups import ETCD_BACKUP
from davit_etcd.api.v1 import ETCD_CLUSTER
from davit_etcd.backup import metrics
from davit_etcd.backup.model import Backup, View
from davit_etcd.backup.operator import BackupOperator
from davit_etcd.manifests import OPERATOR
from davit_etcd.manifests.jobs import Agent

from davit_etcd_tests.backup_world import NOW, STORE, BackupWorld, cluster

HOUR = 3600.0


def config(job: Manifest) -> dict[str, Any]:
    """What the agent is told."""
    (container,) = job["spec"]["template"]["spec"]["containers"]
    (variable,) = container["env"]
    found: dict[str, Any] = json.loads(variable["value"])
    return found


def judged(world: BackupWorld, name: str = "b") -> str:
    return verdict(world.kube.objects[ETCD_BACKUP, Key("ns", name)])


def test_it_has_every_room_of_the_pipeline() -> None:
    operator: Operator[Backup, View] = BackupOperator(FakeClient(), Agent("a"))
    assert (operator.name, operator.kind) == (OPERATOR, ETCD_BACKUP)


async def test_a_backup_from_start_to_end() -> None:
    world = BackupWorld()
    world.backup()
    await world.reconcile()
    assert world.status()["phase"] == "Running"
    assert judged(world) == "InProgress"
    world.start()
    world.now += 5
    await world.reconcile()
    world.finish()
    world.now += 5
    again = await world.reconcile()
    assert again is None
    assert judged(world) == "Current"
    status = world.status()
    conditions = status.pop("conditions")
    assert [c["type"] for c in conditions] == ["Ready"]
    assert status == {
        "observedGeneration": 1,
        "phase": "Succeeded",
        "id": backup_id("2026-01-01T00:00:00Z", "uid-b"),
        "name": "b",
        "location": f"s3://backups/ns/c/{status['id']}",
        "time": "2026-01-01T00:00:05Z",
        "size": "1.2Ki",
        "snapshotSize": "20.0Ki",
        "revision": 41,
        "hash": "ab" * 32,
        "member": "c-1",
        "etcdVersion": "3.5.32",
        "clusterID": "c1",
        "duration": "1.2s",
        "pruned": 0,
        "stored": 1,
        "startedAt": "2026-01-01T00:00:00Z",
        "finishedAt": "2026-01-01T00:00:10Z",
        "job": "b-backup",
    }
    assert [notice.reason for notice in world.kube.events] == ["BackupStarted", "BackupSucceeded"]


async def test_what_the_agent_is_told() -> None:
    world = BackupWorld()
    world.backup(compression="none", encryption={"secretName": "age"}, deadline="10m")
    await world.reconcile()
    job = world.job()
    told = config(job)
    assert told["id"] == backup_id("2026-01-01T00:00:00Z", "uid-b")
    assert told["store"]["bucket"] == "backups"
    assert told["cipher"] == {"secret": "age", "key": "age.key"}
    assert told["compression"] == "none"
    assert told["group"] == ""
    assert told["retention"] is None
    assert told["subject"] == {"namespace": "ns", "name": "c", "uid": "uid-cluster"}
    assert told["members"] == [{"name": f"c-{n}", "url": f"http://c-{n}-0.c-peers.ns.svc:2379"} for n in range(3)]
    assert job["spec"]["activeDeadlineSeconds"] == 600
    assert job["metadata"]["ownerReferences"][0]["uid"] == "uid-b"
    pod = job["spec"]["template"]["spec"]
    assert pod["containers"][0]["image"] == "davit:1"
    assert {"name": "pull"} in pod["imagePullSecrets"]


async def test_learners_and_members_that_never_started_are_not_read_from() -> None:
    world = BackupWorld()
    members = world.kube.objects[ETCD_CLUSTER, Key("ns", "c")]["status"]["members"]
    members[0]["role"] = "Learner"
    del members[2]["id"]
    world.backup()
    await world.reconcile()
    assert [member["name"] for member in config(world.job())["members"]] == ["c-1"]


async def test_the_backups_own_store_goes_before_the_clusters() -> None:
    world = BackupWorld()
    world.backup(objectStore={"bucket": "other", "prefix": "p", "credentialsSecret": {"name": "x"}})
    await world.reconcile()
    world.finish()
    await world.reconcile()
    assert world.status()["location"].startswith("s3://other/p/ns/c/")


async def test_the_location_is_where_the_job_wrote_whatever_the_cluster_says_by_now() -> None:
    world = BackupWorld()
    world.change(ETCD_CLUSTER, "c", encryption={"secretName": "age"})
    world.backup(verify="restore")
    await world.reconcile()
    world.change(ETCD_CLUSTER, "c", objectStore={**STORE, "bucket": "moved"}, encryption=None)
    world.finish()
    await world.reconcile()
    assert world.status()["location"].startswith("s3://backups/")
    fetch = world.job("b-verify")["spec"]["template"]["spec"]["initContainers"][0]
    source = json.loads(fetch["env"][0]["value"])["source"]
    assert source["store"]["bucket"] == "backups"
    assert source["cipher"]["secret"] == "age"


async def test_a_verified_backup() -> None:
    world = BackupWorld()
    world.backup(verify="restore", deadline="10m")
    await world.reconcile()
    world.finish()
    await world.reconcile()
    assert world.status()["phase"] == "Verifying"
    assert world.status()["revision"] == 41
    assert judged(world) == "InProgress"
    assert world.job("b-verify")["spec"]["activeDeadlineSeconds"] == 600
    world.finish("b-verify")
    await world.reconcile()
    assert world.status()["phase"] == "Succeeded"
    assert world.status()["verified"] == {"time": "2026-01-01T00:01:00Z", "revision": 41, "hash": "7", "keys": 12}
    assert judged(world) == "Current"


async def test_a_verification_that_could_not_compare_says_so() -> None:
    world = BackupWorld()
    world.backup(verify="restore")
    await world.reconcile()
    world.finish()
    await world.reconcile()
    world.finish("b-verify", compared=False, warnings=["etcd compacted meanwhile"])
    await world.reconcile()
    assert world.status()["phase"] == "Succeeded"
    assert world.status()["message"].endswith("was restored, but could not be compared; etcd compacted meanwhile")
    assert world.status()["verified"]["message"] == "etcd compacted meanwhile"


async def test_what_the_first_job_said_outlives_it() -> None:
    world = BackupWorld()
    world.backup(verify="restore")
    await world.reconcile()
    world.finish()
    await world.reconcile()
    world.kube.remove(JOB, Key("ns", "b-backup"))
    world.finish("b-verify")
    await world.reconcile()
    assert world.status()["phase"] == "Succeeded"
    assert world.status()["revision"] == 41


async def test_a_verification_that_fails_fails_the_backup_and_says_where_it_is() -> None:
    world = BackupWorld()
    world.backup(verify="restore")
    await world.reconcile()
    world.finish()
    await world.reconcile()
    world.fail("b-verify", "HashDiffers", "the restored data has another hash")
    await world.reconcile()
    status = world.status()
    assert (status["phase"], condition(status, "Stalled")["reason"]) == ("Failed", "HashDiffers")
    assert "verification failed: the restored data has another hash" in status["message"]
    assert status["location"]
    assert status["verified"] == {"message": "the restored data has another hash"}
    assert judged(world) == "Failed"


async def test_a_warning_is_told_and_spoils_nothing() -> None:
    world = BackupWorld()
    world.backup()
    await world.reconcile()
    world.finish(warnings=["1 old backup could not be removed"])
    await world.reconcile()
    assert world.status()["phase"] == "Succeeded"
    assert "could not be removed" in world.status()["message"]


async def test_a_failure_has_the_agents_words() -> None:
    world = BackupWorld()
    world.backup()
    await world.reconcile()
    world.fail()
    await world.reconcile()
    status = world.status()
    assert (status["phase"], status["message"]) == ("Failed", "the store refuses the key pair")
    assert condition(status, "Stalled")["reason"] == "AccessDenied"
    assert judged(world) == "Failed"


@pytest.mark.parametrize("end", ["finish", "fail"])
async def test_a_backup_that_ended_is_never_run_again_and_costs_no_write(end: str) -> None:
    """Whatever becomes of its Job, its cluster and its spec, and whatever a later operator thinks of it."""
    world = BackupWorld()
    world.backup()
    await world.reconcile()
    getattr(world, end)()
    await world.reconcile()
    before = world.status()
    world.kube.remove(JOB, Key("ns", "b-backup"))
    world.kube.remove(ETCD_CLUSTER, Key("ns", "c"))
    world.kube.objects[ETCD_BACKUP, Key("ns", "b")]["spec"]["deadline"] = "what a later release refuses"
    world.now += 30 * 24 * HOUR
    written = len(world.kube.writes)
    assert await world.reconcile() is None
    assert world.kube.writes[written:] == []
    assert world.status() == before


async def test_a_running_backup_costs_no_write_while_nothing_changes() -> None:
    world = BackupWorld()
    world.backup()
    await world.reconcile()
    world.start()
    await world.reconcile()
    written = len(world.kube.writes)
    world.now += 60
    await world.reconcile()
    assert world.kube.writes[written:] == []


@pytest.mark.parametrize(
    ("change", "reason", "words"),
    [
        ({"size": 0}, "ClusterHibernated", "set its spec.size"),
        ({"paused": True}, "ClusterPaused", "set its spec.paused to false"),
        ({}, "NoMemberServes", "see its status"),
        ({"objectStore": None}, "NoObjectStore", "set it there"),
        ({"encryption": {"secret": "x"}}, "EncryptionInvalid", "secretName"),
    ],
)
async def test_what_is_missing_is_said_and_waited_for_until_the_deadline(change: dict[str, Any], reason: str, words: str) -> None:
    world = BackupWorld()
    world.kube.put(ETCD_CLUSTER, cluster({"objectStore": STORE, **change}, healthy=False))
    if reason in ("NoObjectStore", "EncryptionInvalid"):
        world.kube.put(ETCD_CLUSTER, cluster(change))
    world.backup()
    again = await world.reconcile()
    status = world.status()
    assert (status["phase"], condition(status, "Reconciling")["reason"]) == ("Pending", reason)
    assert words in status["message"]
    assert again is not None
    assert again <= 30
    assert world.names(JOB) == []
    written = len(world.kube.writes)
    await world.reconcile()
    assert world.kube.writes[written:] == []
    world.now += HOUR
    await world.reconcile()
    status = world.status()
    assert (status["phase"], condition(status, "Stalled")["reason"]) == ("Failed", "DeadlineExceeded")
    assert words in status["message"]
    assert world.names(JOB) == []


async def test_a_cluster_that_comes_in_time_is_backed_up_in_what_is_left_of_the_deadline() -> None:
    world = BackupWorld()
    world.kube.remove(ETCD_CLUSTER, Key("ns", "c"))
    world.backup()
    await world.reconcile()
    assert condition(world.status(), "Reconciling")["reason"] == "ClusterMissing"
    world.now += 600
    world.kube.put(ETCD_CLUSTER, cluster())
    await world.reconcile()
    assert world.status()["phase"] == "Running"
    assert world.job()["spec"]["activeDeadlineSeconds"] == 3000


async def test_a_deadline_that_passed_while_the_operator_was_away() -> None:
    world = BackupWorld()
    world.backup(deadline="10m")
    world.now += 601
    await world.reconcile()
    assert world.status()["phase"] == "Failed"
    assert world.names(JOB) == []


async def test_a_pod_that_finds_no_image_is_told_and_remembered_at_the_deadline() -> None:
    world = BackupWorld()
    world.backup()
    await world.reconcile()
    waiting = {"waiting": {"reason": "ImagePullBackOff", "message": "not found"}}
    world.start(phase="Pending", containerStatuses=[{"name": "backup", "image": "davit:1", "state": waiting}])
    again = await world.reconcile()
    assert again == 15.0
    status = world.status()
    assert (status["phase"], condition(status, "Reconciling")["reason"]) == ("Running", "ImageMissing")
    assert "davit:1" in status["message"]
    world.now += HOUR
    world.end()
    world.now += 61
    await world.reconcile()
    status = world.status()
    assert status["phase"] == "Failed"
    assert "Last seen: The image davit:1" in status["message"]


async def test_a_container_that_can_not_be_made_names_the_secret_and_the_key() -> None:
    world = BackupWorld()
    world.backup()
    await world.reconcile()
    said = "couldn't find key age.key in Secret ns/age"
    waiting = {"waiting": {"reason": "CreateContainerConfigError", "message": said}}
    world.start(phase="Pending", containerStatuses=[{"name": "backup", "state": waiting}])
    await world.reconcile()
    assert said in world.status()["message"]


async def test_a_quota_that_lets_no_pod_in_is_told() -> None:
    world = BackupWorld()
    world.backup()
    await world.reconcile()
    world.stamp()
    world.warn("b-backup", "FailedCreate", 'pods "b-backup-x" is forbidden: exceeded quota: small')
    await world.reconcile()
    assert condition(world.status(), "Reconciling")["reason"] == "PodRefused"
    assert "exceeded quota: small" in world.status()["message"]


async def test_a_job_that_nobody_ends_is_ended_after_its_deadline() -> None:
    """No controller manager, a suspended Job, a node that is gone: an end always comes."""
    world = BackupWorld()
    world.backup()
    await world.reconcile()
    world.start()
    world.now += HOUR + 89
    await world.reconcile()
    assert world.status()["phase"] == "Running"
    world.now += 2
    await world.reconcile()
    assert world.status()["phase"] == "Failed"
    assert "did not end by its deadline" in world.status()["message"]
    assert world.names(JOB) == []


async def test_a_verification_that_nobody_ends_is_ended_after_its_deadline() -> None:
    world = BackupWorld()
    world.backup(verify="restore")
    await world.reconcile()
    world.finish()
    await world.reconcile()
    world.stamp()
    world.now += HOUR + 91
    await world.reconcile()
    assert world.status()["phase"] == "Failed"
    assert world.names(JOB) == ["b-backup"]


@pytest.mark.parametrize("ending", ["-backup", "-verify"])
async def test_a_job_deleted_by_hand_fails_the_backup(ending: str) -> None:
    world = BackupWorld()
    world.backup(verify="restore")
    await world.reconcile()
    if ending == "-verify":
        world.finish()
        await world.reconcile()
    world.kube.remove(JOB, Key("ns", f"b{ending}"))
    await world.reconcile()
    assert world.status()["phase"] == "Failed"
    assert f"b{ending} was deleted" in world.status()["message"]


async def test_a_verification_starts_however_late_the_operator_is() -> None:
    world = BackupWorld()
    world.backup(verify="restore")
    await world.reconcile()
    world.finish()
    world.now += 24 * HOUR
    await world.reconcile()
    assert world.job("b-verify")["spec"]["activeDeadlineSeconds"] == 3600


async def test_a_verification_that_can_not_start_fails_in_the_end() -> None:
    world = BackupWorld()
    world.backup(verify="restore")
    await world.reconcile()
    world.finish()
    world.kube.remove(ETCD_CLUSTER, Key("ns", "c"))
    await world.reconcile()
    assert (world.status()["phase"], condition(world.status(), "Reconciling")["reason"]) == ("Verifying", "ClusterMissing")
    world.now += 2 * HOUR
    await world.reconcile()
    assert world.status()["phase"] == "Failed"
    assert "could not start in time: EtcdCluster c does not exist" in world.status()["message"]


async def test_a_strangers_job_is_left_alone_and_named() -> None:
    world = BackupWorld()
    world.kube.put(JOB, {"metadata": {"name": "b-backup", "namespace": "ns"}, "spec": {}})
    world.backup()
    await world.reconcile()
    assert condition(world.status(), "Stalled")["reason"] == "NameTaken"
    assert "choose another name" in condition(world.status(), "Stalled")["message"]
    assert world.status()["phase"] == "Pending"


async def test_a_stranger_in_the_way_for_ever_ends_as_failed() -> None:
    world = BackupWorld()
    world.kube.put(JOB, {"metadata": {"name": "b-backup", "namespace": "ns"}, "spec": {}})
    world.backup()
    world.now += 3 * HOUR
    await world.reconcile()
    assert world.status()["phase"] == "Failed"
    assert "Job b-backup exists" in world.status()["message"]


async def test_a_predecessors_job_is_waited_for() -> None:
    world = BackupWorld()
    world.backup()
    await world.reconcile()
    world.kube.remove(ETCD_BACKUP, Key("ns", "b"))
    anew = resource(ETCD_BACKUP, "b", {"cluster": "c"}, uid="uid-anew", creationTimestamp=timestamp(world.now))
    world.kube.put(ETCD_BACKUP, anew)
    assert await world.reconcile() == 1.0
    assert "garbage collector" in world.status()["message"]
    assert world.status()["phase"] == "Pending"
    world.kube.remove(JOB, Key("ns", "b-backup"))
    await world.reconcile()
    assert world.job()["metadata"]["ownerReferences"][0]["uid"] == "uid-anew"


async def test_a_predecessors_job_that_never_goes_fails_the_backup_in_the_end() -> None:
    world = BackupWorld()
    world.backup()
    await world.reconcile()
    world.kube.remove(ETCD_BACKUP, Key("ns", "b"))
    made = resource(ETCD_BACKUP, "b", {"cluster": "c"}, uid="uid-anew", creationTimestamp=timestamp(world.now))
    world.kube.put(ETCD_BACKUP, made)
    await world.reconcile()
    world.now += HOUR - 60
    assert await world.reconcile() == 30.0
    world.now += 60
    assert await world.reconcile() is None
    assert world.status()["phase"] == "Failed"
    assert "Job b-backup of an earlier EtcdBackup of this name is still there" in world.status()["message"]


async def test_a_strangers_job_of_its_name_fails_the_backup_at_its_deadline() -> None:
    world = BackupWorld()
    world.backup()
    world.kube.put(JOB, resource(JOB, "b-backup", {}, uid="other"))
    await world.reconcile()
    assert world.status()["phase"] == "Pending"
    world.now += HOUR
    await world.reconcile()
    assert world.status()["phase"] == "Failed"
    assert condition(world.kube.objects[ETCD_BACKUP, Key("ns", "b")], "Stalled")["reason"] == "NameTaken"


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ({"cluster": "../../victim/etcdclusters/c"}, "spec.cluster: '../../victim/etcdclusters/c' can't be its name: write"),
        ({"cluster": "c/status"}, "spec.cluster"),
        ({"encryption": {"secretName": "a/b"}}, "spec.encryption.secretName"),
        ({"encryption": {"secretName": "a", "key": "../age.key"}}, "spec.encryption.key"),
        ({"encryption": {"secretName": "a", "key": ".."}}, "spec.encryption.key"),
        ({"objectStore": {**STORE, "credentialsSecret": {"name": "../x"}}}, "spec.objectStore.credentialsSecret.name"),
        ({"objectStore": {**STORE, "ca": {"name": "ca", "key": "..x"}}}, "spec.objectStore.ca.key"),
        ({"deadline": "72h1s"}, "spec.deadline: 72h1s is too long: at most 72h"),
        ({"deadline": "9" * 31 + "h"}, "spec.deadline"),
    ],
)
async def test_names_that_lead_elsewhere_and_endless_deadlines_are_refused(spec: dict[str, Any], said: str) -> None:
    world = BackupWorld()
    world.backup(**spec)
    await world.reconcile()
    assert world.status()["phase"] == "Failed"
    assert said in world.status()["message"]
    assert world.names(JOB) == []


async def test_retention_waits_for_the_verification() -> None:
    world = BackupWorld()
    world.schedule(verify="restore", retention={"keepLast": 3})
    world.now += HOUR
    await world.tick()
    (name,) = world.names(ETCD_BACKUP)
    await world.reconcile(name)
    assert config(world.job(f"{name}-backup"))["retention"] is None
    world.finish(f"{name}-backup")
    await world.reconcile(name)
    assert config(world.job(f"{name}-verify"))["retention"] == {"keepLast": 3}
    assert "stored" not in world.status(ETCD_BACKUP, name)
    world.finish(f"{name}-verify")
    await world.reconcile(name)
    assert (world.status(ETCD_BACKUP, name)["stored"], world.status(ETCD_BACKUP, name)["pruned"]) == (1, 0)


async def test_no_retention_removes_what_the_cluster_is_restored_from() -> None:
    world = BackupWorld()
    live = world.kube.objects[ETCD_CLUSTER, Key("ns", "c")]
    live["status"]["restore"] = {"phase": "SafetyBackup", "source": "s3://backups/p/ns/c/20260101T000000Z-0123abcd"}
    world.backup()
    await world.reconcile()
    assert config(world.job())["keep"] == ["20260101T000000Z-0123abcd"]


async def test_a_backup_whose_pods_are_evicted_again_and_again_has_failed() -> None:
    """The Job's failure policy counts no eviction, so that it would go on from node to node until its deadline."""
    world = BackupWorld()
    world.backup()
    await world.reconcile()
    for number in range(4):
        assert world.status()["phase"] == "Running"
        found = world.start(phase="Failed", reason="Evicted", message="The node was low on resource: ephemeral-storage.")
        world.kube.put(POD, {**found, "metadata": {**found["metadata"], "name": f"b-backup-{number}"}})
        world.kube.objects.pop((POD, Key("ns", "b-backup-x")))
        await world.reconcile()
    assert world.status()["phase"] == "Failed"
    assert "4 pods of Job b-backup were evicted: The node was low on resource" in world.status()["message"]
    assert world.names(JOB) == []


async def test_a_job_that_the_api_server_refuses_leaves_the_backup_pending() -> None:
    """Not running: or the missing Job would count as deleted."""
    world = BackupWorld()
    world.backup()
    world.kube.fail_write(1, before=True, error=Rejected("admission webhook denied the request"))
    await world.reconcile()
    assert world.status()["phase"] == "Pending"
    assert "admission webhook" in world.status()["message"]
    await world.reconcile()
    assert world.status()["phase"] == "Running"


async def test_a_quota_on_jobs_is_told_and_remembered_at_the_deadline() -> None:
    world = BackupWorld()
    world.backup()
    world.kube.fail_write(1, before=True, error=Blocked("Forbidden", "create jobs.batch: exceeded quota: small"))
    await world.reconcile()
    assert condition(world.status(), "Stalled")["reason"] == "Forbidden"
    world.now += HOUR
    await world.reconcile()
    assert world.status()["phase"] == "Failed"
    assert "exceeded quota: small" in world.status()["message"]


async def test_rights_that_are_missing_end_in_a_failure_too() -> None:
    """Nothing can be seen, so nothing can be planned; there is an end nevertheless."""
    world = BackupWorld()
    world.backup()

    async def refuse(*_: Any, **__: Any) -> Any:
        raise Blocked("Forbidden", "get jobs.batch is not allowed")

    get = world.kube.get
    world.kube.get = lambda kind, key: refuse() if kind == JOB else get(kind, key)  # type: ignore[method-assign]
    await world.reconcile()
    assert (world.status()["phase"], condition(world.status(), "Stalled")["reason"]) == ("Pending", "Forbidden")
    world.now += 2 * HOUR + 91
    await world.reconcile()
    assert world.status()["phase"] == "Failed"
    assert "not allowed" in world.status()["message"]


async def test_an_operator_that_does_not_know_its_image_says_so() -> None:
    world = BackupWorld(image="")
    world.backup()
    await world.reconcile()
    assert "DAVIT_AGENT_IMAGE" in world.status()["message"]


@pytest.mark.parametrize(
    ("spec", "name", "words"),
    [
        ({"deadline": "0s"}, "b", "spec.deadline: 0s is less than a second"),
        ({"compression": "gzip"}, "b", "spec.compression"),
        ({}, "b" * 57, "metadata.name: at most 56 characters"),
    ],
)
async def test_an_invalid_backup_fails_at_once(spec: dict[str, Any], name: str, words: str) -> None:
    """Its spec can't be mended."""
    world = BackupWorld()
    world.backup(name, **spec)
    await world.reconcile(name)
    status = world.status(name=name)
    assert status["phase"] == "Failed"
    assert words in status["message"]
    assert judged(world, name) == "Failed"
    assert world.names(JOB) == []


# --- groups and retention --------------------------------------------------------------------------------------------


def owned(world: BackupWorld, kind: str, name: str, uid: str) -> None:
    made = world.backup()
    reference = {"apiVersion": "etcd.davit.dev/v1", "kind": kind, "name": name, "uid": uid, "controller": True}
    world.kube.put(ETCD_BACKUP, {**made, "metadata": {**made["metadata"], "ownerReferences": [reference]}})


async def test_a_schedules_backup_is_pruned_by_the_schedules_rules() -> None:
    world = BackupWorld()
    world.schedule(retention={"keepLast": 7, "maxAge": "30d"})
    owned(world, "EtcdBackupSchedule", "s", "uid-s")
    await world.reconcile()
    told = config(world.job())
    assert told["group"] == "schedule:uid-s"
    assert told["retention"] == {"keepLast": 7, "maxAge": 30 * 86400.0}


async def test_a_schedule_without_retention_keeps_all() -> None:
    world = BackupWorld()
    world.schedule()
    owned(world, "EtcdBackupSchedule", "s", "uid-s")
    await world.reconcile()
    assert config(world.job())["group"] == "schedule:uid-s"
    assert config(world.job())["retention"] == {}


async def test_safety_backups_keep_five() -> None:
    world = BackupWorld()
    owned(world, "EtcdCluster", "c", "uid-cluster")
    await world.reconcile()
    assert config(world.job())["group"] == "safety:uid-cluster"
    assert config(world.job())["retention"] == {"keepLast": 5}


@pytest.mark.parametrize(("kind", "name"), [("EtcdBackupSchedule", "s"), ("EtcdCluster", "c"), ("ConfigMap", "x")])
async def test_an_owner_that_is_not_there_prunes_nothing(kind: str, name: str) -> None:
    world = BackupWorld()
    world.schedule(retention={"keepLast": 1})
    owned(world, kind, name, "uid-of-an-earlier-one")
    await world.reconcile()
    assert config(world.job())["group"] == ""
    assert config(world.job())["retention"] is None


# --- who is woken, and what is counted -------------------------------------------------------------------------------


async def test_the_operator_knows_who_waits_for_a_cluster() -> None:
    world = BackupWorld()
    found = world.kube.objects[ETCD_CLUSTER, Key("ns", "c")]
    world.backup("one")
    world.backup("two")
    await world.reconcile("one")
    await world.reconcile("two")
    assert set(world.operator.pending.of(found)) == {Key("ns", "one"), Key("ns", "two")}
    world.finish("one-backup")
    await world.reconcile("one")
    await world.reconcile("one")
    assert set(world.operator.pending.of(found)) == {Key("ns", "two")}


@pytest.fixture
def shown() -> Iterator[None]:
    """EtcdCluster c has its series, from the beginning."""
    key = Key("ns", "c")
    library.resource_gone("EtcdCluster", key)
    library.resource_ready("EtcdCluster", key, True)
    metrics.published(key, {})
    yield
    library.resource_gone("EtcdCluster", key)


def failures() -> float | None:
    return library.REGISTRY.get_sample_value("davit_etcd_backup_failed_total", {"namespace": "ns", "cluster": "c"})


@pytest.mark.usefixtures("shown")
async def test_each_failure_is_counted_once() -> None:
    assert failures() == 0.0
    world = BackupWorld()
    world.backup()
    await world.reconcile()
    world.fail()
    for _ in range(3):
        await world.reconcile()
    assert failures() == 1.0
    library.resource_gone("EtcdCluster", Key("ns", "c"))
    assert failures() is None


@pytest.mark.usefixtures("shown")
async def test_a_failure_after_the_cluster_went_brings_no_series_back() -> None:
    world = BackupWorld()
    world.backup()
    await world.reconcile()
    library.resource_gone("EtcdCluster", Key("ns", "c"))
    world.fail()
    await world.reconcile()
    await world.reconcile()
    assert failures() is None


@pytest.mark.usefixtures("shown")
async def test_an_old_failure_is_not_counted_by_a_new_process() -> None:
    world = BackupWorld()
    world.backup()
    await world.reconcile()
    world.fail()
    await world.reconcile()
    world.operator = BackupOperator(world.kube, Agent("davit:2"))
    await world.reconcile()
    assert failures() == 0.0


def test_the_age_of_backups_is_shown_and_goes_with_the_cluster() -> None:
    key, labels = Key("ns", "aged"), {"namespace": "ns", "cluster": "aged"}
    library.resource_ready("EtcdCluster", key, True)
    metrics.published(key, {"lastGood": {"time": "2026-01-01T00:00:00Z"}})
    read = library.REGISTRY.get_sample_value
    assert read("davit_etcd_backup_last_success_timestamp_seconds", labels) == NOW
    assert read("davit_etcd_backup_last_verified_timestamp_seconds", labels) is None
    metrics.published(key, {"lastGood": {"time": "2026-01-02T00:00:00Z"}, "lastVerified": {"time": "2026-01-01T00:00:00Z"}})
    assert read("davit_etcd_backup_last_verified_timestamp_seconds", labels) == NOW
    library.resource_gone("EtcdCluster", key)
    assert read("davit_etcd_backup_last_success_timestamp_seconds", labels) is None
    assert read("davit_etcd_backup_last_verified_timestamp_seconds", labels) is None


async def test_nothing_secret_is_read() -> None:
    """The operator has no rights on Secrets, so it may not even try."""
    world = BackupWorld()
    asked: list[str] = []
    get, found = world.kube.get, world.kube.list

    async def noted_get(kind: Any, key: Key) -> Manifest | None:
        asked.append(kind.kind)
        return await get(kind, key)

    async def noted_list(kind: Any, *args: Any, **more: Any) -> list[Manifest]:
        asked.append(kind.kind)
        return await found(kind, *args, **more)

    world.kube.get, world.kube.list = noted_get, noted_list  # type: ignore[method-assign]
    world.backup(verify="restore")
    await done_verified(world)
    assert set(asked) == {"EtcdBackup", "EtcdCluster", "Job", "Pod", "Event"}


async def done_verified(world: BackupWorld) -> None:
    await world.reconcile()
    await world.reconcile()
    world.finish()
    await world.reconcile()
    world.finish("b-verify")
    await world.reconcile()
    assert world.status()["phase"] == "Succeeded"
