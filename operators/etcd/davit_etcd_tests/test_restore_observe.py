"""What `observe` sees of restores: who is held apart, what a lost status is found again from, what a source refers to."""

from __future__ import annotations

from typing import Any

import pytest
from davit.errors import Rejected
from davit.kube.kinds import JOB, PERSISTENT_VOLUME_CLAIM, POD
from davit.model import Key, Kind, Manifest
from davit_etcd.api.backups import ETCD_BACKUP
from davit_etcd.api.restores import ETCD_RESTORE
from davit_etcd.api.v1 import ETCD_CLUSTER, RestoreProgress
from davit_etcd.manifests.jobs import RESTORE, job_labels
from davit_etcd.model import RESTORE_ANNOTATION, RESTORED_BY_ANNOTATION, Snapshot
from davit_etcd.progress import Progress

from davit_etcd_tests.test_observe import World

OLD: dict[str, dict[str, Any]] = {"c-0": {}, "c-1": {}}
BOOTSTRAP = {"fromBackup": {"backup": "nightly"}}


def progress(phase: str, **more: Any) -> dict[str, Any]:
    return {"restore": {"kind": "Restore", "phase": phase, "seed": "c-2", "uid": "u", "oldMembers": ["c-0", "c-1"], **more}}


def names(seen: Snapshot) -> tuple[list[str], list[str]]:
    return [m.name for m in seen.members], [m.name for m in seen.retired]


async def test_before_the_switch_the_seed_is_held_apart() -> None:
    for phase in ("Seeding", "SafetyBackup", "Stopping", "RollingBack"):
        seen = await World({**OLD, "c-2": {"etcd": "none", "sts": "none", "pod": "none"}}, progress(phase)).look()
        assert names(seen) == (["c-0", "c-1"], ["c-2"])
        assert seen.retired[0].volume is not None
        assert seen.quorum


async def test_after_the_switch_the_old_members_are_held_apart_and_not_asked() -> None:
    for phase in ("Starting", "Growing", "Cleaning"):
        members = {name: {"etcd": "none", "pod": "none"} for name in OLD}
        status = progress(phase) | {"members": [{"name": "c-0", "id": "a0"}, {"name": "c-1", "id": "a1"}]}
        world = World({**members, "c-2": {}}, status)
        seen = await world.look()
        assert names(seen) == (["c-2"], ["c-0", "c-1"])
        assert seen.formed
        assert {call[1] for call in world.etcd.calls} == {"http://10.0.0.2:2379"}


async def test_old_members_that_status_remembers_are_no_voters_while_nobody_answers() -> None:
    status = progress("Starting") | {"members": [{"name": "c-0", "id": "a0"}, {"name": "c-1", "id": "a1"}]}
    members = {name: {"etcd": "none", "pod": "none"} for name in OLD}
    seen = await World({**members, "c-2": {"pod": "creating", "etcd": "none"}}, status).look()
    assert names(seen)[0] == ["c-2"]
    assert seen.voters == ()


async def test_a_restore_that_ended_holds_nobody_apart() -> None:
    for phase in ("Succeeded", "Failed"):
        seen = await World({**OLD, "c-2": {}}, progress(phase)).look()
        assert names(seen) == (["c-0", "c-1", "c-2"], [])


async def test_the_seeds_number_is_never_used_again() -> None:
    seen = await World(OLD, progress("Failed", seed="c-7")).look()
    assert seen.next_ordinal == 8


async def test_a_lost_status_is_found_again_on_the_seeds_volume() -> None:
    world = World({**OLD, "c-2": {"etcd": "none", "sts": "none", "pod": "none"}})
    claim = world.kube.objects[PERSISTENT_VOLUME_CLAIM, Key("ns", "data-c-2")]
    mark = Progress("Restore", "SafetyBackup", "c-2", uid="u", old_cluster_id="c1")
    claim["metadata"]["annotations"][RESTORE_ANNOTATION] = mark.marked()
    seen = await world.look()
    assert seen.progress == mark
    assert names(seen) == (["c-0", "c-1"], ["c-2"])


async def test_a_mark_that_is_not_understood_is_not_taken_for_none() -> None:
    later = Progress("Restore", "Seeding", "c-2").marked().replace("Seeding", "Proving")
    for text in ("{", '{"kind":"Restore"}', "[]", later):
        world = World({**OLD, "c-2": {}})
        claim = world.kube.objects[PERSISTENT_VOLUME_CLAIM, Key("ns", "data-c-2")]
        claim["metadata"]["annotations"][RESTORE_ANNOTATION] = text
        seen = await world.look()
        assert seen.progress is not None
        assert (seen.progress.seed, seen.formed) == ("", True)
        assert names(seen) == (["c-0", "c-1", "c-2"], [])
        RestoreProgress.model_validate(seen.status["restore"])


async def test_the_mark_of_another_volume_is_none() -> None:
    for text in (Progress("Restore", "Seeding", "c-9").marked(),):
        world = World({**OLD, "c-2": {}})
        claim = world.kube.objects[PERSISTENT_VOLUME_CLAIM, Key("ns", "data-c-2")]
        claim["metadata"]["annotations"][RESTORE_ANNOTATION] = text
        assert (await world.look()).progress is None


async def test_restore_jobs_are_looked_at_while_a_restore_runs() -> None:
    labels = job_labels("c", RESTORE)
    for phase, count in (("Seeding", 1), ("Failed", 0)):
        world = World(OLD, progress(phase))
        world.kube.put(JOB, {"metadata": {"name": "c-2-restore-1", "namespace": "ns", "labels": labels}})
        world.kube.put(POD, {"metadata": {"name": "c-2-restore-1-x", "namespace": "ns", "labels": labels}})
        seen = await world.look()
        assert (len(seen.jobs), len(seen.job_pods)) == (count, count)
        assert names(seen)[0] == ["c-0", "c-1"], "a Job's pod is no member"


async def test_restores_that_ended_or_that_made_the_cluster_are_none() -> None:
    world = World(OLD, progress("Growing", uid="u-now"))
    world.resource["metadata"]["annotations"] = {RESTORED_BY_ANNOTATION: "u-made"}
    for name, phase, cluster in (
        ("now", "Succeeded", "c"), ("open", "Restoring", "c"), ("new", None, "c"), ("done", "Failed", "c"), ("made", None, "c"),
        ("other", None, "d"),
    ):  # fmt: skip
        head = {"name": name, "namespace": "ns", "uid": f"u-{name}"}
        status = {"phase": phase} if phase else {}
        world.kube.put(ETCD_RESTORE, {"metadata": head, "spec": {"cluster": cluster}, "status": status})
    assert sorted(r["metadata"]["name"] for r in (await world.look()).restores) == ["new", "now", "open"]


async def test_where_nothing_can_be_selected_by_its_cluster_all_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """Kubernetes before 1.31."""
    world = World(OLD)
    for name, cluster in (("mine", "c"), ("other", "d")):
        world.kube.put(ETCD_BACKUP, {"metadata": {"name": name, "namespace": "ns"}, "spec": {"cluster": cluster}})
    asked: list[Any] = []
    able = world.kube.list

    async def unable(kind: Kind, namespace: str | None, **selectors: Any) -> list[Manifest]:
        asked.append(selectors.get("fields"))
        if "spec.cluster" in (selectors.get("fields") or {}):
            raise Rejected("field label not supported: spec.cluster")
        return await able(kind, namespace, **selectors)

    monkeypatch.setattr(world.kube, "list", unable)
    assert [b["metadata"]["name"] for b in (await world.look()).backups] == ["mine"]
    assert {"spec.cluster": "c"} in asked


async def test_what_a_source_names_is_looked_up_with_its_cluster() -> None:
    world = World({}, bootstrap=BOOTSTRAP)
    world.kube.put(ETCD_BACKUP, {"metadata": {"name": "nightly", "namespace": "ns"}, "spec": {"cluster": "other"}})
    world.kube.put(ETCD_CLUSTER, {"metadata": {"name": "other", "namespace": "ns"}, "spec": {}})
    found = [(item["kind"], item["metadata"]["name"]) for item in (await world.look()).referenced]
    assert found == [("EtcdBackup", "nightly"), ("EtcdCluster", "other")]


async def test_a_formed_cluster_looks_nothing_up() -> None:
    world = World(OLD, {"clusterID": "c1"}, bootstrap=BOOTSTRAP)
    world.kube.put(ETCD_BACKUP, {"metadata": {"name": "nightly", "namespace": "ns"}, "spec": {"cluster": "c"}})
    seen = await world.look()
    assert seen.referenced == ()
    assert [b["metadata"]["name"] for b in seen.backups] == ["nightly"]
