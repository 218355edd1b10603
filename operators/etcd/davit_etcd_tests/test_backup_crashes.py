"""The operator dies before or after any write: what comes out is the same, and nothing is done twice."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from davit.kube.kinds import JOB
from davit.status import verdict
from davit.testing.fake_client import Write
from davit_etcd.api.backups import ETCD_BACKUP, ETCD_BACKUP_SCHEDULE
from hypothesis import given, settings
from hypothesis import strategies as st

from davit_etcd_tests.backup_world import NOW, BackupWorld

Play = Callable[[BackupWorld], None]
"""What Kubernetes does between two passes."""
LIMIT = 40


def finish(world: BackupWorld) -> None:
    """Whatever Job runs, succeeds."""
    for name in world.names(JOB):
        if not world.job(name).get("status"):
            world.finish(name)


def fail(world: BackupWorld) -> None:
    for name in world.names(JOB):
        if not world.job(name).get("status"):
            world.fail(name)


def never(world: BackupWorld) -> None:
    """No Job ever starts."""
    world.now += 900


def vanish(world: BackupWorld) -> None:
    """Somebody deletes each Job as soon as the status says that it runs."""
    phase = world.status().get("phase")
    for kind, key in [found for found in world.kube.objects if found[0] == JOB and phase in ("Running", "Verifying")]:
        if world.status().get("job") == key.name:
            world.kube.remove(kind, key)


async def settle(world: BackupWorld, play: Play) -> None:
    """Pass after pass until the backup ended, and two more."""
    for _ in range(LIMIT):
        await world.attempt(ETCD_BACKUP, "b")
        if world.status().get("phase") in ("Succeeded", "Failed"):
            break
        play(world)
        world.now += 10
    else:
        raise AssertionError(f"not ended after {LIMIT} passes: {world.status()}")
    for _ in range(2):
        await world.attempt(ETCD_BACKUP, "b")


def made(world: BackupWorld) -> list[str]:
    return [write.name for write in world.kube.writes if write.verb == "create" and write.kind == "Job"]


@pytest.mark.parametrize("before", [True, False], ids=["before", "after"])
@pytest.mark.parametrize("verify", ["none", "restore"])
@pytest.mark.parametrize("play", [finish, fail, never, vanish], ids=lambda play: play.__name__)
async def test_a_backup_ends_the_same_whenever_the_operator_dies(play: Play, verify: str, before: bool) -> None:
    calm = BackupWorld()
    calm.backup(verify=verify)
    await settle(calm, play)
    assert calm.kube.writes, "a test that dies at no write shows nothing"
    for number in range(1, len(calm.kube.writes) + 1):
        world = BackupWorld()
        world.backup(verify=verify)
        world.kube.fail_write(number, before=before)
        await settle(world, play)
        assert world.status()["phase"] == calm.status()["phase"], number
        assert len(made(world)) == len(set(made(world))), f"a Job was made twice after write {number}"
        live = world.kube.objects[ETCD_BACKUP, next(key for kind, key in world.kube.objects if kind == ETCD_BACKUP)]
        assert verdict(live) in ("Current", "Failed")
        assert {name: world.status().get(name) for name in ("revision", "hash", "location")} == {
            name: calm.status().get(name) for name in ("revision", "hash", "location")
        }


async def hours(world: BackupWorld, count: int) -> None:
    """A schedule for so many hours, with a few looks after each due time; every backup succeeds."""
    for hour in range(1, count + 1):
        world.now = NOW + hour * 3600
        for _ in range(4):
            await world.attempt(ETCD_BACKUP_SCHEDULE, "s")
            for name in world.names(ETCD_BACKUP):
                await world.attempt(ETCD_BACKUP, name)
            finish(world)
            world.now += 10


def started(world: BackupWorld) -> list[Write]:
    return [write for write in world.kube.writes if write.verb == "create" and write.kind == "EtcdBackup"]


@pytest.mark.parametrize("before", [True, False], ids=["before", "after"])
async def test_a_schedule_starts_each_backup_once_whenever_the_operator_dies(before: bool) -> None:
    calm = BackupWorld()
    calm.schedule(successfulHistory=1)
    await hours(calm, 2)
    names = [write.name for write in started(calm)]
    assert names == ["s-202601010100", "s-202601010200"]
    for number in range(1, len(calm.kube.writes) + 1):
        world = BackupWorld()
        world.schedule(successfulHistory=1)
        world.kube.fail_write(number, before=before)
        await hours(world, 2)
        assert [write.name for write in started(world)] == names, number
        assert world.names(ETCD_BACKUP) == ["s-202601010200"]
        found = world.status(ETCD_BACKUP_SCHEDULE, "s")
        assert found["lastGood"]["name"] == "s-202601010200"
        assert found["lastScheduledTime"] == "2026-01-01T02:00:00Z"


EVENTS = st.lists(
    st.tuples(st.sampled_from(["finish", "fail", "nothing", "suspend", "resume", "crash", "wipe"]), st.integers(60, 5400)),
    min_size=1,
    max_size=12,
)


@settings(max_examples=20, deadline=None)
@given(events=EVENTS, skip=st.booleans())
async def test_whatever_happens_one_runs_at_a_time_and_none_twice(events: list[tuple[str, int]], skip: bool) -> None:
    world = BackupWorld()
    world.schedule(schedule="*/20 * * * *", successfulHistory=1, failedHistory=1, **({"missedRun": "Skip"} if skip else {}))
    for event, seconds in events:
        world.now += seconds
        match event:
            case "finish":
                finish(world)
            case "fail":
                fail(world)
            case "suspend" | "resume":
                world.change(ETCD_BACKUP_SCHEDULE, "s", suspend=event == "suspend")
            case "crash":
                world.kube.fail_write(1, before=bool(seconds % 2))
            case "wipe":
                live = next(found for (kind, _), found in world.kube.objects.items() if kind == ETCD_BACKUP_SCHEDULE)
                live.pop("status", None)
        for _ in range(2):
            for name in world.names(ETCD_BACKUP):
                await world.attempt(ETCD_BACKUP, name)
            await world.attempt(ETCD_BACKUP_SCHEDULE, "s")
        phases = [world.status(name=name).get("phase") for name in world.names(ETCD_BACKUP)]
        assert sum(phase not in ("Succeeded", "Failed") for phase in phases) <= 1
        names = [write.name for write in started(world)]
        assert len(names) == len(set(names))
        assert phases.count("Succeeded") <= 2
        good = [name for name in names if world.status(ETCD_BACKUP_SCHEDULE, "s").get("lastGood", {}).get("name") == name]
        assert all(name in world.names(ETCD_BACKUP) for name in good), "the newest good one was forgotten"
