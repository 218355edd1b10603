"""The operator is killed at each step of a backup and of a restore in place, and each ends as if nothing had been."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from e2e.support import etcd, signals
from e2e.support.backups import Backup, Restore, Run, Trail
from e2e.support.cluster import EtcdCluster
from e2e.support.installation import Installation
from e2e.support.kinds import ETCD_BACKUP, JOB
from e2e.support.store import Store, folder
from e2e.support.wait import until

pytestmark = pytest.mark.serial

FAST = 0.03
"""Seconds between looks for a step that may pass quickly."""


def killed_when(what: str, seen: Callable[[], object], operator: Installation, run: Run) -> None:
    """SIGKILL as soon as it is seen; a container that is killed often is restarted ever later, so its pod is replaced too."""
    until(what, seen, deadline=run.sandbox.seconds(180), every=FAST, show=run.picture)
    operator.kill(run.sandbox, replace=True)
    operator.wait_ready()


BACKUP_STEPS: dict[str, Callable[[Backup], object]] = {
    "made": lambda backup: backup.find(),
    "the Job exists": lambda backup: backup.sandbox.kube.all(JOB, backup.sandbox.namespace),
    "running": lambda backup: backup.phase() == "Running",
    "verifying": lambda backup: backup.phase() == "Verifying",
    "the second Job exists": lambda backup: len(backup.sandbox.kube.all(JOB, backup.sandbox.namespace)) > 1,
}


@pytest.mark.parametrize("step", BACKUP_STEPS)
def test_killed_in_a_backup(step: str, cluster: EtcdCluster, objects: Store, restored_operator: Installation) -> None:
    """One backup in the store, one Job of each kind, one end."""
    cluster.create(1, objectStore=objects.spec())
    etcd.fill(cluster, 16, 1024 * 1024)
    signals.prepare_all(cluster.sandbox, restored_operator.pods())
    backup = Backup(cluster.sandbox, "one").create(cluster=cluster.name, verify="restore", deadline="4m")
    killed_when(step, lambda: BACKUP_STEPS[step](backup), restored_operator, backup)
    status = backup.succeeded(240)
    assert set(objects.markers()) == {status["id"]}
    assert len(objects.sizes(folder(status["location"]))) == 3
    assert status["verified"]["time"]
    assert not objects.unfinished()
    jobs = cluster.sandbox.kube.all(JOB, cluster.sandbox.namespace)
    assert len(jobs) <= 2, [job["metadata"]["name"] for job in jobs]


RESTORE_STEPS = ("Seeding", "SafetyBackup", "Stopping", "Starting", "Growing", "Cleaning")


@pytest.mark.parametrize("step", RESTORE_STEPS)
def test_killed_in_a_restore_in_place(step: str, cluster: EtcdCluster, objects: Store, restored_operator: Installation) -> None:
    """The restore goes on where it was: the backup's data, one history, one safety backup, no volume too many."""
    cluster.create(3, objectStore=objects.spec())
    etcd.put(cluster, planted="before")
    Backup(cluster.sandbox, "one").create(cluster=cluster.name, deadline="2m").succeeded()
    etcd.put(cluster, planted="after")
    signals.prepare_all(cluster.sandbox, restored_operator.pods())
    claims = cluster.claims()
    restore = Restore(cluster.sandbox, "back")
    with Trail(cluster, claims) as trail:
        restore.create(cluster=cluster.name, confirm=cluster.name, source={"backup": "one"}, deadline="10m")
        killed_when(step, lambda: (cluster.status().get("restore") or {}).get("phase") == step, restored_operator, restore)
        status = restore.succeeded(420)
        cluster.wait_ready(seconds=240)
    trail.assert_old_data_outlived_the_doubt()
    etcd.settled(cluster, 3)
    assert etcd.get(cluster, "planted") == "before"
    assert not set(claims.values()) & set(cluster.claims().values())
    assert len(cluster.claims()) == 3
    safety = [one["metadata"]["name"] for one in cluster.sandbox.kube.all(ETCD_BACKUP, cluster.sandbox.namespace)]
    assert sorted(safety) == sorted(["one", status["safetyBackup"]])


def test_killed_again_and_again_while_rolling_back(cluster: EtcdCluster, objects: Store, restored_operator: Installation) -> None:
    """A corrupt backup and an operator that dies at every step: the old cluster serves on with its data."""
    cluster.create(1, objectStore=objects.spec(), safetyBackup=False)
    etcd.put(cluster, planted="before")
    status = Backup(cluster.sandbox, "one").create(cluster=cluster.name, deadline="2m").succeeded()
    below = folder(status["location"])
    archive = below + objects.read_json(f"{below}backup.json")["archive"]["name"]
    objects.flip(archive, -1)
    etcd.put(cluster, planted="after")
    signals.prepare_all(cluster.sandbox, restored_operator.pods())
    claims = cluster.claims()
    restore = Restore(cluster.sandbox, "broken")
    restore.create(cluster=cluster.name, confirm=cluster.name, source={"backup": "one"}, deadline="5m")
    killed_when("begun", lambda: (cluster.status().get("restore") or {}).get("phase"), restored_operator, restore)
    killed_when("its Job exists", lambda: len(cluster.sandbox.kube.all(JOB, cluster.sandbox.namespace)) > 1 or restore.phase()
                == "Failed", restored_operator, restore)  # fmt: skip
    restore.failed(seconds=240)
    cluster.until("the seed's volume is gone", cluster.claims, lambda found: found == claims, 90)
    cluster.wait_ready(seconds=120)
    assert etcd.get(cluster, "planted") == "after"
