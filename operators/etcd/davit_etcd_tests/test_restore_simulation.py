"""Restores in the modelled world, by crash points and at random; the invariants are checked in restore_world.py."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from davit_etcd.model import Cluster, Snapshot
from davit_etcd.progress import Progress

from davit_etcd_tests.restore_world import STORE, RestoreOperator, RestoreWorld
from davit_etcd_tests.test_simulation import arrived, settle, step
from davit_etcd_tests.world import Broken

Spec = dict[str, Any]
BOOTSTRAP: Spec = {"bootstrap": {"fromBackup": {"objectStore": STORE}}}


OTHER = {**STORE, "bucket": "other"}


def build(seed: int = 0, **spec: Any) -> RestoreOperator:
    return RestoreOperator(RestoreWorld(seed), {"size": 3, "version": "3.5.32", "objectStore": STORE, **spec})


def start(**spec: Any) -> RestoreOperator:
    operator = build(**spec)
    settle(operator)
    arrived(operator)
    return operator


def progress(operator: RestoreOperator) -> Progress:
    found = Progress.of(operator.resource["status"]["restore"])
    assert found is not None
    return found


def until(operator: RestoreOperator, condition: Callable[[], bool], steps: int = 200) -> None:
    for _ in range(steps):
        if condition():
            return
        step(operator)
    said = operator.last.detail.step if operator.last else None
    raise Broken(f"not there after {steps} steps: {said}")


def until_phase(operator: RestoreOperator, wanted: str) -> None:
    until(operator, lambda: phase(operator) == wanted)


def phase(operator: RestoreOperator) -> str:
    return str((operator.resource.get("status", {}).get("restore") or {}).get("phase", ""))


# --- a new cluster ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [1, 3, 5])
def test_a_new_cluster_begins_with_a_backup(size: int) -> None:
    operator = build(size=size, **BOOTSTRAP)
    operator.world.stored = 40
    settle(operator)
    arrived(operator)
    assert phase(operator) == "Succeeded"
    assert progress(operator).seed == "c-0"
    assert progress(operator).revision == 40
    found = operator.world.the_ring()
    assert found is not None
    assert found[1].committed > 40
    assert len(operator.world.rings) == 1
    assert operator.world.jobs == {}


@pytest.mark.parametrize("size", [1, 3])
def test_a_beginning_with_a_backup_survives_every_crash(size: int) -> None:
    whole = build(size=size, **BOOTSTRAP)
    settle(whole)
    for effect in range(whole.effects):
        operator = build(size=size, **BOOTSTRAP)
        settle(operator, die_at=effect)
        arrived(operator)
        assert len(operator.world.rings) == 1


def test_a_beginning_with_a_backup_survives_the_loss_of_status_at_any_moment() -> None:
    whole = build(**BOOTSTRAP)
    settle(whole)
    for moment in range(30):
        operator = build(**BOOTSTRAP)
        for _ in range(moment):
            step(operator)
        operator.resource.pop("status", None)
        settle(operator)
        arrived(operator)
        assert len(operator.world.rings) == 1


@pytest.mark.parametrize("edit", [{"bootstrap": None}, {"bootstrap": {"fromBackup": {"objectStore": OTHER}}}])
@pytest.mark.parametrize("wiped", [False, True])
def test_the_field_is_of_no_effect_ever_after(edit: Spec, wiped: bool) -> None:
    operator = start(**BOOTSTRAP)
    before = dict(operator.world.rings)
    operator.edit(**edit)
    if wiped:
        operator.resource.pop("status", None)
    settle(operator)
    arrived(operator)
    assert operator.world.rings == before
    operator.edit(**BOOTSTRAP)
    settle(operator)
    arrived(operator)
    assert operator.world.rings == before


def test_a_cluster_that_has_data_is_not_begun_anew() -> None:
    operator = start()
    operator.edit(**BOOTSTRAP)
    settle(operator)
    arrived(operator)
    assert operator.world.jobs == {}
    assert phase(operator) == ""


def test_volumes_of_an_earlier_cluster_win() -> None:
    operator = start()
    world = operator.world
    world.sets.clear()
    world.pods.clear()
    world.others.clear()
    again = RestoreOperator(world, {"size": 3, "version": "3.5.32", **BOOTSTRAP})
    settle(again)
    arrived(again)
    assert len(world.rings) == 1
    assert world.jobs == {}


def test_a_corrupt_backup_forms_nothing_and_a_corrected_one_is_tried() -> None:
    operator = build(**BOOTSTRAP)
    operator.world.fault = "permanent"
    for _ in range(20):
        step(operator)
    assert operator.last is not None
    said = operator.last.detail.step
    assert said.stalled
    assert said.reason == "RestoreFailed"
    assert "the archive is cut off" in said.message
    assert operator.world.rings == {}
    assert operator.world.sets == {}
    operator.world.fault = ""
    for _ in range(5):
        step(operator)
    assert operator.last.detail.step.stalled, "the same is not tried again by itself"
    operator.edit(bootstrap={"fromBackup": {"objectStore": {**STORE, "prefix": "right"}}})
    settle(operator)
    arrived(operator)
    assert progress(operator).source == "s3://backups/right/ns/c/latest"


def test_a_store_that_was_down_is_asked_again() -> None:
    operator = build(**BOOTSTRAP)
    operator.world.fault = "transient"
    for _ in range(20):
        step(operator)
        assert operator.last is not None
        assert not operator.last.detail.step.stalled
    assert operator.world.rings == {}
    operator.world.fault = ""
    settle(operator)
    arrived(operator)


def test_a_field_taken_away_before_anything_is_formed_means_an_empty_cluster() -> None:
    operator = build(**BOOTSTRAP)
    operator.world.fault = "permanent"
    for _ in range(10):
        step(operator)
    operator.world.fault = ""
    operator.edit(bootstrap=None)
    settle(operator)
    arrived(operator)
    assert phase(operator) == "Failed"
    assert operator.world.jobs == {}


# --- in place --------------------------------------------------------------------------------------------------------


def in_place(size: int = 3, **more: Any) -> RestoreOperator:
    operator = start(size=size)
    operator.world.back_up("good", index=3)
    operator.restore("r", "good", **more)
    return operator


@pytest.mark.parametrize("size", [1, 3, 5])
def test_a_cluster_takes_the_data_of_a_backup(size: int) -> None:
    operator = in_place(size)
    before = set(operator.world.sets)
    old = operator.resource["status"]["clusterID"]
    until_phase(operator, "Succeeded")
    settle(operator)
    arrived(operator)
    assert not before & set(operator.world.sets)
    assert not before & set(operator.world.claims)
    assert operator.resource["status"]["clusterID"] not in ("", old)
    assert progress(operator).revision == 3
    assert progress(operator).lost_revisions
    safety = progress(operator).safety_backup
    assert operator.world.backups[safety]["status"]["phase"] == "Succeeded"
    assert operator.world.jobs == {}


@pytest.mark.parametrize("size", [1, 3])
def test_a_restore_in_place_survives_every_crash(size: int) -> None:
    whole = in_place(size)
    before = whole.effects
    until_phase(whole, "Succeeded")
    settle(whole)
    for effect in range(whole.effects - before):
        operator = in_place(size)
        operator.die_at = operator.effects + effect
        until_phase(operator, "Succeeded")
        operator.die_at = -1
        settle(operator)
        arrived(operator)


def test_a_restore_in_place_survives_the_loss_of_status_at_any_moment() -> None:
    for moment in range(40):
        operator = in_place()
        for _ in range(moment):
            step(operator)
        done = phase(operator) in ("Succeeded", "Failed")
        operator.resource.pop("status", None)
        if not done:
            until_phase(operator, "Succeeded")
        settle(operator)
        arrived(operator)


@pytest.mark.parametrize("fault", ["permanent", "transient", "hang"])
def test_a_backup_that_can_not_be_read_changes_nothing(fault: str) -> None:
    operator = in_place(deadline="10m")
    pods = {name: pod.uid for name, pod in operator.world.pods.items()}
    operator.world.fault = fault
    until_phase(operator, "Failed")
    settle(operator)
    arrived(operator)
    assert {name: pod.uid for name, pod in operator.world.pods.items()} == pods
    assert operator.world.jobs == {}


def test_a_failed_safety_backup_stops_the_restore() -> None:
    operator = in_place()
    pods = {name: pod.uid for name, pod in operator.world.pods.items()}
    operator.world.store_works = False
    until_phase(operator, "Failed")
    settle(operator)
    arrived(operator)
    assert "SafetyBackupFailed" in progress(operator).message
    assert {name: pod.uid for name, pod in operator.world.pods.items()} == pods


def rolls_back(size: int = 3) -> RestoreOperator:
    operator = in_place(size, deadline="10m")
    operator.world.crippled = {f"c-{size}"}
    return operator


@pytest.mark.parametrize("size", [1, 3])
def test_a_seed_that_never_starts_brings_the_old_members_back(size: int) -> None:
    operator = rolls_back(size)
    old = operator.resource["status"]["clusterID"]
    until_phase(operator, "Failed")
    settle(operator)
    arrived(operator)
    assert operator.resource["status"]["clusterID"] == old
    assert set(operator.world.sets) == {f"c-{n}" for n in range(size)}


def test_a_roll_back_survives_every_crash() -> None:
    whole = rolls_back()
    before = whole.effects
    until_phase(whole, "Failed")
    settle(whole)
    for effect in range(whole.effects - before):
        operator = rolls_back()
        operator.die_at = operator.effects + effect
        until_phase(operator, "Failed")
        operator.die_at = -1
        settle(operator)
        arrived(operator)
        assert set(operator.world.sets) == {"c-0", "c-1", "c-2"}


@pytest.mark.parametrize("moment", range(30))
def test_a_restore_that_is_deleted_is_taken_back_or_finished(moment: int) -> None:
    operator = in_place()
    for _ in range(moment):
        step(operator)
    switched = phase(operator) in ("Starting", "Growing", "Cleaning", "Succeeded")
    began = bool(phase(operator))
    operator.world.restores.clear()
    if began:
        until(operator, lambda: phase(operator) in ("Succeeded", "Failed"))
        assert phase(operator) == ("Succeeded" if switched else "Failed")
    settle(operator)
    arrived(operator)


def test_the_old_volumes_stay_while_a_restored_member_is_down() -> None:
    operator = in_place()
    until_phase(operator, "Cleaning")
    operator.world.cordoned = True
    for pod in operator.world.pods.values():
        pod.going = 1
    operator.world.tick()
    for _ in range(10):
        step(operator)
    assert {"c-0", "c-1", "c-2"} <= set(operator.world.claims)
    operator.world.cordoned = False
    until_phase(operator, "Succeeded")
    settle(operator)
    arrived(operator)


def test_a_restored_cluster_that_loses_its_data_before_it_is_whole_goes_back() -> None:
    operator = in_place()
    until_phase(operator, "Growing")
    operator.world.claims["c-3"].going = True
    operator.world.pods["c-3"].going = 1
    until_phase(operator, "Failed")
    settle(operator)
    arrived(operator)
    assert set(operator.world.sets) == {"c-0", "c-1", "c-2"}


def test_a_member_that_is_lost_while_a_job_hangs_is_buried_and_the_restore_goes_on() -> None:
    operator = in_place()
    operator.world.fault = "hang"
    until(operator, lambda: bool(operator.world.jobs))
    operator.world.claims["c-1"].going = True
    operator.world.pods["c-1"].going = 1
    until(operator, lambda: "c-1" not in operator.world.sets)
    assert phase(operator) == "Seeding"
    operator.world.fault = ""
    until_phase(operator, "Succeeded")
    settle(operator)
    arrived(operator)


def half_lost() -> RestoreOperator:
    """A restored cluster of two, to which clients wrote, has lost the second for ever."""
    operator = in_place()
    until_phase(operator, "Growing")
    until(operator, lambda: len(operator.world.rings[operator.world.current].voters()) == 2)
    ring = operator.world.rings[operator.world.current]
    other = next(peer.name for peer in ring.peers.values() if peer.name != progress(operator).seed)
    operator.world.claims.pop(other)
    operator.world.pods.pop(other)
    for _ in range(40):
        step(operator)
    return operator


def test_a_restored_cluster_that_lost_its_quorum_keeps_what_was_written_since() -> None:
    operator = half_lost()
    assert phase(operator) == "Growing"
    assert operator.last is not None
    assert operator.last.detail.step.reason == "QuorumLost"
    assert {"c-0", "c-1", "c-2", "c-3"} <= set(operator.world.claims)


def test_the_old_data_comes_back_by_the_command_that_is_told() -> None:
    operator = half_lost()
    assert operator.last is not None
    said = operator.last.detail.step.message
    patch = json.loads(said.partition("-p '")[2].partition("'")[0])["status"]
    status = operator.resource["status"]
    operator.resource["status"] = {**status, **patch, "restore": {**status["restore"], **patch["restore"]}}
    operator.world.served.clear()
    until_phase(operator, "Failed")
    settle(operator)
    arrived(operator)
    assert set(operator.world.sets) == {"c-0", "c-1", "c-2"}


@pytest.mark.parametrize("moment", range(1, 6))
def test_one_failed_read_does_not_cost_the_safety_backup(moment: int) -> None:
    operator = in_place()
    until_phase(operator, "SafetyBackup")
    observe, seen = operator.observe, []

    def look(domain: Cluster) -> Snapshot:
        seen.append(observe(domain))
        return replace(seen[-1], quorum=False) if len(seen) == moment else seen[-1]

    operator.observe = look  # type: ignore[method-assign]
    until_phase(operator, "Succeeded")
    assert operator.world.backups[progress(operator).safety_backup]["status"]["phase"] == "Succeeded"


def test_an_operator_that_was_down_past_the_deadline_goes_on_with_a_seed_that_serves() -> None:
    operator = in_place(deadline="10m")
    until_phase(operator, "Starting")
    until(operator, lambda: "c-3" in operator.world.pods)
    for _ in range(60):
        operator.world.tick()
    until_phase(operator, "Succeeded")
    settle(operator)
    arrived(operator)
    assert "c-0" not in operator.world.sets


def test_a_restored_cluster_that_is_down_past_the_deadline_keeps_its_data() -> None:
    operator = in_place(deadline="10m")
    until_phase(operator, "Growing")
    operator.world.cordoned = True
    for pod in operator.world.pods.values():
        pod.going = 1
    for _ in range(60):
        step(operator)
    assert phase(operator) == "Growing"
    assert operator.world.restores["r"]["status"]["phase"] == "Failed"
    operator.world.cordoned = False
    until_phase(operator, "Succeeded")
    settle(operator)
    arrived(operator)


def test_a_restored_cluster_that_is_hibernated_before_it_is_whole_is_not_taken_back() -> None:
    operator = in_place(deadline="10m")
    until_phase(operator, "Growing")
    operator.edit(size=0)
    for _ in range(60):
        step(operator)
    assert phase(operator) == "Growing"
    operator.edit(size=3)
    until_phase(operator, "Succeeded")
    settle(operator)
    arrived(operator)


def test_a_restored_cluster_that_serves_is_not_taken_back_at_the_deadline() -> None:
    operator = in_place(deadline="10m")
    operator.world.crippled = {"c-4"}
    for _ in range(100):
        step(operator)
    assert phase(operator) == "Growing"
    assert operator.world.restores["r"]["status"]["phase"] == "Succeeded"
    assert {"c-0", "c-1", "c-2"} <= set(operator.world.claims)
    operator.world.crippled = set()
    until_phase(operator, "Succeeded")
    settle(operator)
    arrived(operator)


def test_two_restores_are_done_one_after_the_other() -> None:
    operator = in_place()
    operator.restore("second", "good")
    step(operator)
    assert operator.world.restores["second"]["status"]["phase"] == "Pending"
    until(operator, lambda: all(r["status"]["phase"] == "Succeeded" for r in operator.world.restores.values()))
    settle(operator)
    arrived(operator)
    assert progress(operator).name == "second"
    rings = [name for name in operator.world.rings if name.startswith("r")]
    assert len(rings) == 2


# --- the quorum is lost ----------------------------------------------------------------------------------------------


def bereaved(size: int, dead: int, **spec: Any) -> RestoreOperator:
    operator = start(size=size, **spec)
    operator.world.back_up("good", index=3)
    for n in range(dead):
        operator.world.claims[f"c-{n}"].going = True
        operator.world.pods[f"c-{n}"].going = 1
    operator.world.tick()
    return operator


@pytest.mark.parametrize(("size", "dead"), [(1, 1), (3, 2), (3, 3), (5, 3)])
def test_a_lost_quorum_waits_for_a_person(size: int, dead: int) -> None:
    operator = bereaved(size, dead)
    rings = set(operator.world.rings)
    for _ in range(20):
        step(operator)
    assert operator.last is not None
    said = operator.last.detail.step
    assert said.reason == "QuorumLost"
    assert "kubectl patch" in said.message
    assert set(operator.world.rings) == rings
    operator.edit(recovery="automatic")
    until_phase(operator, "Succeeded")
    settle(operator)
    arrived(operator)


@pytest.mark.parametrize(("size", "dead"), [(1, 1), (3, 2), (3, 3), (5, 3)])
def test_recovery_begins_anew_from_the_best_that_is_left(size: int, dead: int) -> None:
    operator = bereaved(size, dead, recovery="automatic")
    committed = operator.world.rings[operator.world.current].committed
    until_phase(operator, "Succeeded")
    settle(operator)
    arrived(operator)
    found = progress(operator)
    assert found.kind == "Recovery"
    if dead < size:
        assert found.revision is not None
        assert found.revision >= committed
        assert not found.lost_revisions
    else:
        assert found.revision == 3


@pytest.mark.parametrize(("size", "dead"), [(1, 1), (3, 2)])
def test_recovery_survives_every_crash(size: int, dead: int) -> None:
    whole = bereaved(size, dead, recovery="automatic")
    before = whole.effects
    until_phase(whole, "Succeeded")
    settle(whole)
    for effect in range(whole.effects - before):
        operator = bereaved(size, dead, recovery="automatic")
        operator.die_at = operator.effects + effect
        until_phase(operator, "Succeeded")
        operator.die_at = -1
        settle(operator)
        arrived(operator)


def test_a_recovery_that_loses_its_only_member_begins_again() -> None:
    operator = bereaved(3, 3, recovery="automatic")
    until_phase(operator, "Growing")
    operator.world.claims["c-3"].going = True
    operator.world.pods["c-3"].going = 1
    operator.world.tick()
    until(operator, lambda: progress(operator).seed != "c-3" and phase(operator) == "Succeeded", steps=500)
    settle(operator)
    arrived(operator)


def test_a_recovery_that_fails_is_tried_again() -> None:
    operator = bereaved(1, 1, recovery="automatic")
    operator.world.fault = "transient"
    until_phase(operator, "Failed")
    operator.world.fault = ""
    until_phase(operator, "Succeeded")
    settle(operator)
    arrived(operator)


# --- at random -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(40))
def test_restores_survive_anything_at_random(seed: int) -> None:
    operator = build(seed, **(BOOTSTRAP if seed % 3 == 0 else {}))
    world = operator.world
    rng = world.random
    operator.between = lambda: world.tick() if rng.random() < 0.3 else None
    settle(operator)
    world.back_up("good")
    for number in range(3):
        operator.restore(f"r{number}", "good", deadline=rng.choice(("5m", "10m", "3h")))
        for _ in range(rng.randint(5, 60)):
            match rng.randint(0, 19):
                case 0 | 1:
                    operator.die_at = operator.effects + rng.randint(0, 4)
                case 2:
                    world.fault = rng.choice(("permanent", "transient", "hang", "", ""))
                case 3:
                    world.crippled = set() if world.crippled else {f"c-{rng.randint(0, 12)}"}
                case 4 if rng.random() < 0.3:
                    world.restores.pop(f"r{number}", None)
                case 5:
                    operator.edit(size=rng.choice((1, 3, 3, 5)))
                case 6:
                    running = [pod for pod in world.pods.values() if pod.phase == "running"]
                    if running:
                        rng.choice(running).going = 1
            step(operator)
        operator.die_at, world.fault, world.crippled = -1, "", set()
        until(operator, lambda: phase(operator) in ("", "Succeeded", "Failed"))
        settle(operator)
        arrived(operator)
