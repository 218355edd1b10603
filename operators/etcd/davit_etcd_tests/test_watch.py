from __future__ import annotations

from typing import Any

import pytest
from davit.kube.kinds import JOB, PERSISTENT_VOLUME_CLAIM, POD, SERVICE, STATEFUL_SET
from davit.kube.labels import INSTANCE, MANAGED_BY
from davit.model import Key, Kind, Manifest
from davit.routing import Controller, Routes, Target
from davit_etcd import layout
from davit_etcd.api.backups import ETCD_BACKUP, ETCD_BACKUP_SCHEDULE
from davit_etcd.api.restores import ETCD_RESTORE
from davit_etcd.api.v1 import ETCD_CLUSTER
from davit_etcd.backup.pending import Pending
from davit_etcd.manifests import OPERATOR
from davit_etcd.manifests.jobs import job_labels
from davit_etcd.watch import CHILDREN, WATCHES, backup_watches, schedule_watches

from davit_etcd_tests import builders

C = Target(ETCD_CLUSTER, Key("ns", "c"))


async def nothing(_: Key) -> None:
    return None


PENDING, KNOWN = Pending(), Pending()
ROUTES = Routes(
    [
        Controller(ETCD_CLUSTER, nothing, WATCHES),
        Controller(ETCD_BACKUP, nothing, backup_watches(PENDING)),
        Controller(ETCD_BACKUP_SCHEDULE, nothing, schedule_watches(KNOWN)),
    ]
)


def woken(kind: Kind, manifest: Manifest) -> list[Target]:
    return list(ROUTES.targets(kind, manifest))


def child(owner: str = "", **labels: str) -> Manifest:
    metadata: dict[str, Any] = {"name": "x", "namespace": "ns", "labels": {MANAGED_BY: OPERATOR, **labels}}
    references = [{"kind": kind, "name": name} for kind, _, name in [owner.partition("/")] if owner]
    return {"metadata": metadata | ({"ownerReferences": references} if references else {})}


def test_everything_that_is_made_wakes_its_cluster() -> None:
    domain = builders.cluster()
    observed = builders.snapshot(domain, {"members": {"c-0": {}, "c-1": {}, "c-2": {}}})
    made = [*layout.manifests(domain, observed, initial=(), inputs=domain.inputs), *(m.pod for m in observed.members if m.pod)]
    assert {manifest["kind"] for manifest in made} == {kind.kind for kind in CHILDREN}
    for manifest in made:
        (kind,) = (kind for kind in CHILDREN if kind.kind == manifest["kind"])
        assert woken(kind, manifest) == [C]


def test_the_api_server_is_asked_for_our_objects_only() -> None:
    assert {ROUTES.selector(kind) for kind in (*CHILDREN, JOB)} == {f"{MANAGED_BY}={OPERATOR}"}
    assert ROUTES.kinds() == {ETCD_CLUSTER, ETCD_BACKUP, ETCD_BACKUP_SCHEDULE, ETCD_RESTORE, JOB, *CHILDREN}
    for kind in (ETCD_CLUSTER, ETCD_BACKUP, ETCD_BACKUP_SCHEDULE, ETCD_RESTORE):
        assert ROUTES.selector(kind) == "", "people's own resources bear no label of ours"


@pytest.mark.parametrize("labels", [{}, {INSTANCE: "other"}])
def test_no_edit_of_labels_hides_the_owner(labels: dict[str, str]) -> None:
    assert woken(STATEFUL_SET, child("EtcdCluster/c", **labels)) == [C]


@pytest.mark.parametrize(("kind", "owner"), [(PERSISTENT_VOLUME_CLAIM, ""), (POD, "StatefulSet/c-0")])
def test_what_the_cluster_does_not_own_is_known_by_its_label(kind: Kind, owner: str) -> None:
    assert woken(kind, child(owner, **{INSTANCE: "c"})) == [C]
    assert woken(kind, child(owner)) == []


def test_strangers_wake_nobody() -> None:
    stranger = child("EtcdCluster/c")
    stranger["metadata"]["labels"] = {}
    assert woken(SERVICE, stranger) == []


def job(owner: str, name: str, component: str) -> Manifest:
    kind, _, of = owner.partition("/")
    metadata = {"name": name, "namespace": "ns", "labels": job_labels("c", component)}
    return {"metadata": {**metadata, "ownerReferences": [{"kind": kind, "name": of, "uid": "u", "controller": True}]}}


def pod(name: str, component: str) -> Manifest:
    """A pod of a Job: owned by it, with its labels."""
    found = job(f"Job/{name}", f"{name}-x", component)
    found["metadata"]["labels"]["batch.kubernetes.io/job-name"] = name
    return found


@pytest.mark.parametrize("part", ["backup", "verify"])
def test_jobs_of_backups_wake_their_backup_and_nobody_else(part: str) -> None:
    wanted = [Target(ETCD_BACKUP, Key("ns", "b"))]
    assert woken(JOB, job("EtcdBackup/b", f"b-{part}", part)) == wanted
    assert woken(POD, pod(f"b-{part}", part)) == wanted


def test_jobs_that_restore_wake_their_cluster() -> None:
    assert woken(JOB, job("EtcdCluster/c", "c-3-restore", "restore")) == [C]
    assert woken(POD, pod("c-3-restore", "restore")) == [C]


def test_a_backup_wakes_its_cluster_and_its_schedule() -> None:
    run = job("EtcdBackupSchedule/s", "s-1", "backup") | {"spec": {"cluster": "c"}}
    assert set(woken(ETCD_BACKUP, run)) == {
        Target(ETCD_BACKUP, Key("ns", "s-1")), Target(ETCD_BACKUP_SCHEDULE, Key("ns", "s")), C
    }  # fmt: skip


def test_a_restore_wakes_its_cluster() -> None:
    restore = {"metadata": {"name": "r", "namespace": "ns"}, "spec": {"cluster": "c"}}
    assert C in woken(ETCD_RESTORE, restore)


def test_a_cluster_wakes_what_waits_for_it() -> None:
    PENDING.open(Key("ns", "b"), Key("ns", "c"))
    PENDING.open(Key("ns", "x"), Key("ns", "another"))
    KNOWN.open(Key("ns", "s"), Key("ns", "c"))
    cluster = {"metadata": {"name": "c", "namespace": "ns"}}
    assert set(woken(ETCD_CLUSTER, cluster)) == {
        C, Target(ETCD_BACKUP, Key("ns", "b")), Target(ETCD_BACKUP_SCHEDULE, Key("ns", "s"))
    }  # fmt: skip
    assert PENDING.ended(Key("ns", "b")) == Key("ns", "c")
    assert PENDING.ended(Key("ns", "b")) is None
    assert set(woken(ETCD_CLUSTER, cluster)) == {C, Target(ETCD_BACKUP_SCHEDULE, Key("ns", "s"))}


@pytest.mark.parametrize("name", ["../../victim/etcdclusters/c", "", None, 3, ["c"], "c/status", ".."])
def test_names_that_no_object_has_wake_nothing(name: object) -> None:
    found = {"metadata": {"namespace": "ns", "name": "b"}, "spec": {"cluster": name}}
    owned = {"metadata": {"namespace": "ns", "ownerReferences": [{"kind": "EtcdCluster", "name": name}]}}
    for watch in WATCHES:
        assert tuple(watch.to_keys(found if watch.kind.plural.startswith("etcd") else owned)) == ()
