"""The commands of restores against Kubernetes."""

from __future__ import annotations

import pytest
from davit.errors import Blocked
from davit.kube.kinds import JOB, PERSISTENT_VOLUME_CLAIM, STATEFUL_SET
from davit.model import Key, Kind, Manifest
from davit_etcd.commands import Create, DeleteJob, DiscardMember, ExpandVolume
from davit_etcd.model import RESTORE_ANNOTATION, annotation, canonical
from davit_etcd.progress import Progress

from davit_etcd_tests.test_actions import Stage

CLEANING = {"restore": {"kind": "Restore", "phase": "Cleaning", "seed": "c-1"}}


def manifest(owner: str = "uid-cr") -> Manifest:
    head = {"name": "j", "namespace": "ns", "ownerReferences": [{"uid": owner, "controller": True}]}
    return {"apiVersion": "batch/v1", "kind": "Job", "metadata": head, "spec": {}}


def create(kind: Kind = JOB) -> Create:
    return Create(kind, canonical(manifest()), "a Job", "Restoring")


async def test_a_job_is_made_once() -> None:
    stage = Stage()
    await stage.act(create())
    await stage.act(create())
    assert [write.verb for write in stage.kube.writes] == ["create"]


async def test_a_strangers_job_is_in_the_way() -> None:
    stage = Stage()
    stage.kube.put(JOB, manifest("somebody"))
    with pytest.raises(Blocked, match="move it out of the way"):
        await stage.act(create())


async def test_a_job_is_deleted_by_its_uid() -> None:
    stage = Stage()
    live = stage.kube.put(JOB, manifest())
    await stage.act(DeleteJob("j", "another", "done"))
    assert (JOB, Key("ns", "j")) in stage.kube.objects
    await stage.act(DeleteJob("j", live["metadata"]["uid"], "done"))
    assert (JOB, Key("ns", "j")) not in stage.kube.objects


async def test_an_old_members_objects_are_deleted() -> None:
    stage = Stage({"members": {"c-1": {}}, "retired": {"c-0": {"pod": "none"}}, "status": CLEANING})
    for member in stage.snapshot.retired:
        stage.kube.put(STATEFUL_SET, member.stateful_set or {})
        stage.kube.put(PERSISTENT_VOLUME_CLAIM, member.volume or {})
    await stage.act(DiscardMember("c-0", "old"))
    assert {(write.kind, write.name) for write in stage.deleted} == {
        ("StatefulSet", "c-0"),
        ("PersistentVolumeClaim", "data-c-0"),
    }


async def test_a_seeds_volume_that_grows_keeps_its_mark() -> None:
    stage = Stage({"members": {"c-0": {}}})
    mark = Progress("Restore", "Growing", "c-0").marked()
    live = stage.kube.objects[PERSISTENT_VOLUME_CLAIM, Key("ns", "data-c-0")]
    live["metadata"]["annotations"][RESTORE_ANNOTATION] = mark
    assert stage.snapshot.members[0].volume is not None
    stage.snapshot.members[0].volume["metadata"]["annotations"][RESTORE_ANNOTATION] = mark
    await stage.act(ExpandVolume("c-0", "16Gi", "larger"))
    assert annotation(stage.kube.objects[PERSISTENT_VOLUME_CLAIM, Key("ns", "data-c-0")], RESTORE_ANNOTATION) == mark
