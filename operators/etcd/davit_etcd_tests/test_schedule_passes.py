"""Whole passes over EtcdBackupSchedules: what is due, what is kept, what is said."""

from __future__ import annotations

from typing import Any

import pytest
from davit.errors import Invalid
from davit.kube.labels import INSTANCE
from davit.model import Key, Manifest
from davit.reconcile import Operator
from davit.status import timestamp, verdict
from davit.testing.builders import condition
from davit.testing.fake_client import FakeClient
from davit_etcd.api.backups import ETCD_BACKUP, ETCD_BACKUP_SCHEDULE
from davit_etcd.api.v1 import ETCD_CLUSTER
from davit_etcd.manifests import OPERATOR
from davit_etcd.schedule.model import Schedule, View
from davit_etcd.schedule.operator import ScheduleOperator
from davit_etcd.schedule.validate import validate

from davit_etcd_tests.backup_world import NOW, STORE, BackupWorld, cluster

HOUR = 3600.0
FIRST = "s-202601010100"


def status(world: BackupWorld) -> dict[str, Any]:
    return world.status(ETCD_BACKUP_SCHEDULE, "s")


def judged(world: BackupWorld) -> str:
    return verdict(world.kube.objects[ETCD_BACKUP_SCHEDULE, Key("ns", "s")])


def run(world: BackupWorld, name: str) -> Manifest:
    return world.kube.objects[ETCD_BACKUP, Key("ns", name)]


def end(world: BackupWorld, name: str, phase: str = "Succeeded", **more: Any) -> None:
    """The EtcdBackup ends, as its own controller would write it."""
    found = {"phase": phase, "finishedAt": timestamp(world.now), "time": timestamp(world.now), "id": f"id-{name}"}
    run(world, name)["status"] = {**found, "message": "the store is full" if phase == "Failed" else "", **more}


async def at(world: BackupWorld, hours: float) -> float | None:
    """A pass so many hours after the start."""
    world.now = NOW + hours * HOUR
    return await world.tick()


def runs(world: BackupWorld) -> list[str]:
    return world.names(ETCD_BACKUP)


def test_it_has_every_room_of_the_pipeline() -> None:
    operator: Operator[Schedule, View] = ScheduleOperator(FakeClient())
    assert (operator.name, operator.kind) == (OPERATOR, ETCD_BACKUP_SCHEDULE)


async def test_nothing_is_due_at_first() -> None:
    world = BackupWorld()
    world.schedule()
    again = await world.tick()
    assert again == 600.0
    assert status(world)["phase"] == "Active"
    assert status(world)["nextTime"] == "2026-01-01T01:00:00Z"
    assert "lastScheduledTime" not in status(world)
    assert judged(world) == "Current"
    assert runs(world) == []


async def test_the_next_look_is_exactly_at_the_next_due_time() -> None:
    world = BackupWorld()
    world.schedule()
    assert await at(world, 0.99) == pytest.approx(36.0)


async def test_what_is_due_is_started_once() -> None:
    world = BackupWorld()
    world.schedule(objectStore=STORE, verify="restore", deadline="20m", retention={"keepLast": 3})
    await at(world, 1)
    assert runs(world) == [FIRST]
    assert status(world)["running"] == FIRST
    assert status(world)["lastScheduledTime"] == "2026-01-01T01:00:00Z"
    assert status(world)["nextTime"] == "2026-01-01T02:00:00Z"
    made = run(world, FIRST)
    assert made["spec"] == {"cluster": "c", "objectStore": STORE, "verify": "restore", "deadline": "20m"}
    (owner,) = made["metadata"]["ownerReferences"]
    assert (owner["kind"], owner["uid"], owner["controller"]) == ("EtcdBackupSchedule", "uid-s", True)
    assert made["metadata"]["labels"][INSTANCE] == "c"
    assert made["metadata"]["labels"]["etcd.davit.dev/schedule"] == "s"
    written = len(world.kube.writes)
    await at(world, 1.1)
    end(world, FIRST)
    await at(world, 1.2)
    assert [write.verb for write in world.kube.writes[written:]] == ["apply/status"]
    assert runs(world) == [FIRST]
    assert "running" not in status(world)


async def test_a_settled_schedule_costs_no_write() -> None:
    world = BackupWorld()
    world.schedule()
    await at(world, 1)
    end(world, FIRST)
    await at(world, 1.1)
    written = len(world.kube.writes)
    for minutes in range(10, 50, 5):
        await at(world, 1 + minutes / 60)
    assert world.kube.writes[written:] == []


async def test_one_runs_at_a_time_and_the_missed_ones_are_made_up_for_by_one() -> None:
    world = BackupWorld()
    world.schedule()
    await at(world, 1)
    await at(world, 4.5)
    assert runs(world) == [FIRST]
    end(world, FIRST)
    await at(world, 4.6)
    assert runs(world) == [FIRST, "s-202601010400"]


async def test_skip_waits_for_the_next_due_time() -> None:
    world = BackupWorld()
    world.schedule(missedRun="Skip")
    await at(world, 1)
    end(world, FIRST)
    await at(world, 3.5)
    assert runs(world) == [FIRST]
    await at(world, 4)
    assert runs(world) == [FIRST, "s-202601010400"]


async def test_skip_does_not_run_right_after_one_that_was_late() -> None:
    """The due time passed while another ran, however little ago."""
    world = BackupWorld()
    world.schedule(missedRun="Skip")
    await at(world, 1)
    world.now = NOW + 2 * HOUR + 30
    end(world, FIRST)
    await at(world, 2 + 31 / 3600)
    assert runs(world) == [FIRST]


async def test_a_schedule_that_is_new_has_missed_nothing() -> None:
    world = BackupWorld()
    world.now = NOW + 0.5 * HOUR
    world.schedule()
    await world.tick()
    assert runs(world) == []


async def test_suspended() -> None:
    world = BackupWorld()
    world.schedule(suspend=True)
    assert await at(world, 5) == 600.0
    assert runs(world) == []
    assert status(world)["phase"] == "Suspended"
    assert "nextTime" not in status(world)
    assert judged(world) == "Current"
    world.change(ETCD_BACKUP_SCHEDULE, "s", suspend=None)
    await at(world, 5.1)
    assert runs(world) == ["s-202601010500"]


async def test_one_that_runs_is_left_alone_when_it_is_suspended() -> None:
    world = BackupWorld()
    world.schedule()
    await at(world, 1)
    world.change(ETCD_BACKUP_SCHEDULE, "s", suspend=True)
    await at(world, 1.1)
    assert status(world)["running"] == FIRST


@pytest.mark.parametrize(
    ("spec", "field", "remedy"),
    [
        ({"schedule": "0 25 * * *"}, "spec.schedule", "0 to 23"),
        ({"schedule": "0 0 * *"}, "spec.schedule", "write five"),
        ({"schedule": "0 0 30 2 *"}, "spec.schedule", "never comes"),
        ({"timeZone": "Mars/Olympus"}, "spec.timeZone", "Europe/Berlin"),
        ({"retention": {"maxAge": "0d"}}, "spec.retention.maxAge", "30d"),
        ({"deadline": "0s"}, "spec.deadline", "30m"),
        ({"compression": "gzip"}, "spec.compression", "zstd"),
    ],
)
async def test_an_invalid_schedule_starts_nothing_and_keeps_what_there_is(spec: dict[str, Any], field: str, remedy: str) -> None:
    world = BackupWorld()
    world.schedule(failedHistory=0)
    await at(world, 1)
    world.change(ETCD_BACKUP_SCHEDULE, "s", **spec)
    await at(world, 3)
    assert status(world)["phase"] == "Invalid"
    said = condition(status(world), "Stalled")
    assert said["reason"] == "Invalid"
    assert field in said["message"]
    assert remedy in said["message"]
    assert runs(world) == [FIRST]
    assert status(world)["running"] == FIRST
    assert judged(world) == "Failed"
    end(world, FIRST)
    await at(world, 3.1)
    assert status(world)["lastGood"]["name"] == FIRST


def test_a_name_that_is_too_long_is_refused() -> None:
    world = BackupWorld()
    with pytest.raises(Invalid, match=r"metadata\.name: at most 52 characters"):
        validate(world.schedule("s" * 53))


async def test_time_zones() -> None:
    world = BackupWorld()
    world.schedule(schedule="0 3 * * *", timeZone="Europe/Berlin")
    await world.tick()
    assert status(world)["nextTime"] == "2026-01-01T02:00:00Z"


async def test_a_hibernated_cluster_has_nothing_to_back_up() -> None:
    world = BackupWorld()
    world.kube.put(ETCD_CLUSTER, cluster({"size": 0}))
    world.schedule()
    await at(world, 3)
    assert runs(world) == []
    assert condition(status(world), "Ready")["reason"] == "ClusterHibernated"
    assert judged(world) == "Current"
    world.kube.put(ETCD_CLUSTER, cluster())
    await at(world, 3.2)
    assert runs(world) == ["s-202601010300"]


async def test_a_cluster_that_is_not_there_is_waited_for() -> None:
    world = BackupWorld()
    world.kube.remove(ETCD_CLUSTER, Key("ns", "c"))
    world.schedule()
    await at(world, 3)
    assert runs(world) == []
    assert condition(status(world), "Reconciling")["reason"] == "ClusterMissing"
    assert world.schedules.known.of(cluster()) == (Key("ns", "s"),)


async def test_failures_in_a_row_are_counted_beyond_the_history() -> None:
    world = BackupWorld()
    world.schedule(failedHistory=1)
    for hour in range(1, 6):
        await at(world, hour)
        end(world, f"s-20260101{hour:02}00", "Failed")
        await at(world, hour + 0.1)
        await at(world, hour + 0.2)
    assert runs(world) == ["s-202601010500"]
    assert status(world)["consecutiveFailures"] == 5
    said = condition(status(world), "Stalled")
    assert said["reason"] == "LastBackupFailed"
    assert "the store is full" in said["message"]
    await at(world, 6)
    end(world, "s-202601010600")
    await at(world, 6.1)
    assert status(world)["consecutiveFailures"] == 0
    assert judged(world) == "Current"


async def test_the_last_one_stays_even_without_a_history() -> None:
    world = BackupWorld()
    world.schedule(failedHistory=0)
    await at(world, 1)
    end(world, FIRST, "Failed")
    await at(world, 1.1)
    await at(world, 1.2)
    assert runs(world) == [FIRST]
    assert condition(status(world), "Stalled")["reason"] == "LastBackupFailed"


async def test_history_forgets_the_oldest_resources_and_never_the_newest_good_one() -> None:
    world = BackupWorld()
    world.schedule(successfulHistory=1, failedHistory=2)
    for hour in range(1, 9):
        await at(world, hour)
        end(world, f"s-20260101{hour:02}00", "Succeeded" if hour < 4 else "Failed")
        while await world.tick() == 0.0:
            pass
    assert runs(world) == ["s-202601010300", "s-202601010700", "s-202601010800"]
    assert status(world)["lastGood"]["name"] == "s-202601010300"


async def test_what_was_good_is_remembered_when_its_resource_is_gone() -> None:
    world = BackupWorld()
    world.schedule()
    await at(world, 1)
    end(world, FIRST, verified={"time": "2026-01-01T01:10:00Z"}, location="s3://b/x", revision=5, stored=4)
    await at(world, 1.1)
    world.kube.remove(ETCD_BACKUP, Key("ns", FIRST))
    await at(world, 1.2)
    found = status(world)
    assert found["lastGood"] == found["lastVerified"]
    assert found["lastGood"] == {
        "name": FIRST, "id": f"id-{FIRST}", "time": "2026-01-01T01:00:00Z", "location": "s3://b/x", "revision": 5
    }  # fmt: skip
    assert found["stored"] == 4
    assert runs(world) == []
    assert found["lastScheduledTime"] == "2026-01-01T01:00:00Z"


async def test_other_backups_of_the_cluster_are_none_of_its_business() -> None:
    world = BackupWorld()
    world.schedule(successfulHistory=1)
    made = world.backup("mine")
    made["metadata"]["labels"] = {"etcd.davit.dev/schedule": "s"}
    world.kube.put(ETCD_BACKUP, made)
    await at(world, 1)
    assert runs(world) == ["mine", FIRST]


async def test_a_strangers_backup_of_the_same_name_is_left_alone_and_told() -> None:
    world = BackupWorld()
    world.schedule()
    world.backup(FIRST)
    await at(world, 1)
    assert condition(status(world), "Stalled")["reason"] == "NameTaken"
    assert "ownerReferences" not in run(world, FIRST)["metadata"]
    assert "lastScheduledTime" not in status(world)


@pytest.mark.parametrize("length", [1, 43, 44, 52])
def test_names_of_runs_fit_and_stay_apart(length: int) -> None:
    world = BackupWorld()
    one, other = (validate(world.schedule("s" * (length - 1) + end)) for end in "ab")
    names = {one.run_name(NOW), one.run_name(NOW + 60), other.run_name(NOW)}
    assert len(names) == 3
    assert all(len(name) <= 56 for name in names)
    assert one.run_name(NOW) == one.run_name(NOW)


@pytest.mark.parametrize("ahead", [1.0, 24.0 * 365])
async def test_a_clock_that_was_ahead_once_stops_no_schedule(ahead: float) -> None:
    world = BackupWorld()
    world.schedule()
    await at(world, 0.01)
    await at(world, ahead + 1)
    (wrong,) = runs(world)
    world.now = NOW + 0.1 * HOUR
    world.stamp()
    end(world, wrong, "Failed")
    await at(world, 0.2)
    assert [warning for warning in events(world) if warning.startswith("ClockWasWrong")] == [warning_of(ahead)]
    await at(world, 1.01)
    end(world, FIRST)
    assert status(world)["lastScheduledTime"] == "2026-01-01T01:00:00Z"
    await at(world, 1.02)
    assert judged(world) == "Current", "the run of the wrong time is not the last"
    await at(world, 2.01)
    assert "s-202601010200" in runs(world)
    assert len([warning for warning in events(world) if warning.startswith("ClockWasWrong")]) == 1


def warning_of(ahead: float) -> str:
    noted = timestamp(NOW + (int(ahead) + 1) * HOUR)
    return f"ClockWasWrong: status.lastScheduledTime was {noted}, which is still to come: a clock was wrong, it is not counted"


def events(world: BackupWorld) -> list[str]:
    return [f"{notice.reason}: {notice.message}" for notice in world.kube.events]


async def test_a_schedule_that_seems_to_be_made_in_the_future_starts() -> None:
    world = BackupWorld()
    world.now = NOW + 1000 * HOUR
    world.schedule()
    await at(world, 0.5)
    await at(world, 1)
    assert runs(world) == [FIRST]


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ({"cluster": "../../victim/etcdclusters/c"}, "spec.cluster: '../../victim/etcdclusters/c' can't be its name: write"),
        ({"deadline": "73h"}, "spec.deadline: 73h is too long: at most 72h"),
    ],
)
async def test_what_its_backups_would_be_refused_for_is_refused_at_once(spec: dict[str, Any], said: str) -> None:
    world = BackupWorld()
    world.schedule(**spec)
    await at(world, 1.5)
    assert runs(world) == []
    assert said in condition(world.kube.objects[ETCD_BACKUP_SCHEDULE, Key("ns", "s")], "Stalled")["message"]
