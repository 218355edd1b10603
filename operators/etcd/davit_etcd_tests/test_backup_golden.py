"""What each situation of a backup or a schedule looks like to people: status, verdict of kstatus, events, Jobs."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from davit.kube.kinds import JOB
from davit.model import Key, Kind
from davit.status import timestamp, verdict
from davit.testing import golden
from davit_etcd.api.backups import ETCD_BACKUP, ETCD_BACKUP_SCHEDULE
from davit_etcd.api.v1 import ETCD_CLUSTER

from davit_etcd_tests.backup_world import STORE, BackupWorld, cluster

FOLDER = Path(__file__).parent / "golden_backups"
Scene = Callable[[BackupWorld], Awaitable[float | None]]


async def one_off_running(world: BackupWorld) -> float | None:
    world.backup()
    await world.reconcile()
    world.start()
    return await world.reconcile()


async def one_off_succeeded(world: BackupWorld) -> float | None:
    await one_off_running(world)
    world.now += 65
    world.finish(archiveSize=98_765_432, snapshotSize=987_654_321, seconds=61.7, pruned=["a", "b"], stored=7)
    return await world.reconcile()


async def one_off_no_store(world: BackupWorld) -> float | None:
    world.kube.put(ETCD_CLUSTER, cluster({"objectStore": None}))
    world.backup()
    return await world.reconcile()


async def one_off_hibernated_too_long(world: BackupWorld) -> float | None:
    world.kube.put(ETCD_CLUSTER, cluster({"size": 0}, healthy=False))
    world.backup(deadline="20m")
    await world.reconcile()
    world.now += 1201
    return await world.reconcile()


async def one_off_bucket_missing(world: BackupWorld) -> float | None:
    await one_off_running(world)
    world.fail("b-backup", "BucketMissing", "bucket backups does not exist at https://minio:9000: make it, Davit never does")
    return await world.reconcile()


async def one_off_retrying(world: BackupWorld) -> float | None:
    await one_off_running(world)
    world.fail("b-backup", "Unreachable", "no connection to https://minio:9000")
    world.job()["status"] = {}
    return await world.reconcile()


async def verified(world: BackupWorld) -> float | None:
    world.backup(verify="restore")
    await world.reconcile()
    world.finish()
    await world.reconcile()
    world.finish("b-verify")
    return await world.reconcile()


async def verifying(world: BackupWorld) -> float | None:
    world.backup(verify="restore", objectStore=STORE)
    await world.reconcile()
    world.finish()
    return await world.reconcile()


async def invalid(world: BackupWorld) -> float | None:
    world.backup(deadline="0s", compression="gzip")
    return await world.reconcile()


async def schedule_new(world: BackupWorld) -> float | None:
    world.schedule(schedule="30 2 * * *", timeZone="Europe/Berlin")
    return await world.tick()


async def schedule_running(world: BackupWorld) -> float | None:
    world.schedule(verify="restore", retention={"keepLast": 3})
    world.now += 3600
    return await world.tick()


async def schedule_failed(world: BackupWorld) -> float | None:
    await schedule_running(world)
    name = "s-202601010100"
    await world.reconcile(name)
    world.fail(f"{name}-backup")
    await world.reconcile(name)
    return await world.tick()


async def schedule_good(world: BackupWorld) -> float | None:
    await schedule_running(world)
    name = "s-202601010100"
    for ending in ("backup", "verify"):
        await world.reconcile(name)
        world.finish(f"{name}-{ending}")
    await world.reconcile(name)
    return await world.tick()


async def schedule_invalid(world: BackupWorld) -> float | None:
    world.schedule(schedule="0 25 * * *", timeZone="Mars/Olympus")
    return await world.tick()


SCENES: tuple[Scene, ...] = (
    one_off_running, one_off_succeeded, one_off_no_store, one_off_hibernated_too_long, one_off_bucket_missing, one_off_retrying,
    verified, verifying, invalid, schedule_new, schedule_running, schedule_failed, schedule_good, schedule_invalid,
)  # fmt: skip


@pytest.mark.parametrize("scene", SCENES, ids=lambda scene: scene.__name__.replace("_", "-"))
async def test_golden(scene: Scene) -> None:
    world = BackupWorld()
    again = await scene(world)
    kind, name = (ETCD_BACKUP_SCHEDULE, "s") if scene.__name__.startswith("schedule") else (ETCD_BACKUP, "b")
    golden.check(FOLDER / f"{scene.__name__.replace('_', '-')}.yaml", rendered(world, kind, name, again))


def test_no_golden_is_left_over() -> None:
    assert {path.stem for path in FOLDER.iterdir()} == {scene.__name__.replace("_", "-") for scene in SCENES}


def rendered(world: BackupWorld, kind: Kind, name: str, again: float | None) -> dict[str, Any]:
    live = world.kube.objects[kind, Key("ns", name)]
    status = {**live["status"], "conditions": [_condition(c) for c in live["status"]["conditions"]]}
    runs = [found for (of, _), found in world.kube.objects.items() if of == ETCD_BACKUP and kind != ETCD_BACKUP]
    return {
        "now": timestamp(world.now),
        "kstatus": verdict(live),
        "requeue_after": again,
        "status": dict(sorted(status.items())),
        "events": [f"{'Warning' if e.warning else 'Normal'} {e.reason}: {e.message}" for e in world.kube.events],
        "jobs": world.names(JOB),
        **({"made": [{"metadata": _made(run["metadata"]), "spec": run["spec"]} for run in runs]} if runs else {}),
    }


def _condition(condition: dict[str, Any]) -> str:
    return f"{condition['type']}={condition['status']} {condition['reason']}: {condition['message']}"


def _made(metadata: dict[str, Any]) -> dict[str, Any]:
    return {part: metadata[part] for part in ("name", "labels", "annotations", "ownerReferences")}
