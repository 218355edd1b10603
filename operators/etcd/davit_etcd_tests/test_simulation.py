"""The operator in a modelled world, by crash points and at random; the invariants are checked in world.py."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from davit_etcd.model import Inputs, Record, annotation
from davit_etcd.validate import validate

from davit_etcd_tests.world import BAD_PATCH, BROKEN_PATCH, Broken, Died, Operator, World

STEPS = 150
MEMORY = {"storage": {"type": "Memory"}}
STORE = {"objectStore": {"bucket": "backups", "credentialsSecret": {"name": "s3"}}}


def settle(operator: Operator, steps: int = STEPS, die_at: int = -1) -> None:
    """Pass after pass until nothing is left to do; dies once, before the effect with this number."""
    operator.die_at = operator.effects + die_at if die_at >= 0 else -1
    for _ in range(steps):
        if step(operator):
            return
    said = operator.last.detail.step if operator.last else None
    raise Broken(f"not settled after {steps} steps: {said}")


def step(operator: Operator) -> bool:
    """One pass and a moment; whether the pass found everything as it should be."""
    before = operator.effects
    try:
        operator.attempt()
    except Died:
        operator.world.tick()
        return False
    check(operator)
    decided = operator.last
    done = decided is not None and decided.detail.step.settled and not decided.actions and operator.effects == before
    operator.world.tick()
    return done


def check(operator: Operator) -> None:
    rings = [ring for ring in operator.world.rings.values() if ring.committed]
    if sum(not ring.seeded for ring in rings) > 1:
        raise Broken("two clusters formed")
    for ring in rings:
        if sum(peer.learner for peer in ring.peers.values()) > 1:
            raise Broken("more than one learner")


def arrived(operator: Operator) -> None:
    """The goal is reached, and looking again changes nothing."""
    domain = validate(operator.resource)
    world = operator.world
    decided = operator.last
    assert decided is not None
    assert decided.actions == ()
    assert operator.pending(decided.manifests) == []
    if not domain.size:
        assert world.pods == {}
        return
    found = world.the_ring()
    assert found is not None
    name, ring = found
    assert len(ring.voters()) == len(ring.peers) == domain.size
    up = world.running(name, ring)
    assert set(up) == set(ring.peers)
    assert {made(pod.template) for pod, _ in up.values()} == {domain.inputs.digest}
    assert set(world.sets) == {peer.name for peer in ring.peers.values()}
    assert set(world.claims) == (set() if domain.storage.memory else set(world.sets))
    records = [Record.from_json(annotation(owner.manifest, "etcd.davit.dev/member")) for owner in world.sets.values()]
    assert all(record is not None and record.start == "established" and record.voter for record in records)


def made(template: dict[str, Any]) -> str:
    return annotation(template, "etcd.davit.dev/inputs")


def start(**spec: Any) -> Operator:
    operator = Operator(World(), {"size": 3, "version": "3.5.32", **spec})
    settle(operator)
    arrived(operator)
    return operator


@pytest.mark.parametrize("memory", [{}, MEMORY], ids=["volumes", "memory"])
@pytest.mark.parametrize("size", [1, 2, 3, 5, 7])
def test_creates(size: int, memory: dict[str, Any]) -> None:
    start(size=size, **memory)


@pytest.mark.parametrize("memory", [{}, MEMORY], ids=["volumes", "memory"])
def test_walks_through_all_sizes(memory: dict[str, Any]) -> None:
    operator = start(size=1, **memory)
    for size in (3, 7, 4, 2, 5, 1):
        operator.edit(size=size)
        settle(operator)
        arrived(operator)


@pytest.mark.parametrize("memory", [{}, MEMORY], ids=["volumes", "memory"])
@pytest.mark.parametrize("size", [1, 2, 3])
def test_upgrades_through_releases(size: int, memory: dict[str, Any]) -> None:
    operator = start(size=size, **memory)
    for version in ("3.6.11", "3.7.0"):
        operator.edit(version=version)
        settle(operator)
        arrived(operator)
        ring = operator.world.the_ring()
        assert ring is not None


def test_hibernates_and_wakes() -> None:
    operator = start()
    operator.edit(size=0)
    settle(operator)
    arrived(operator)
    assert set(operator.world.claims) == {"c-0", "c-1", "c-2"}
    operator.edit(size=5)
    settle(operator)
    arrived(operator)


@pytest.mark.parametrize("memory", [{}, MEMORY], ids=["volumes", "memory"])
@pytest.mark.parametrize("size", [1, 3])
def test_several_releases_are_taken_one_after_the_other(size: int, memory: dict[str, Any]) -> None:
    operator = start(size=size, version="3.4.23", **memory)
    operator.edit(version="3.7.0")
    ran, lines, said = ["3.4.23"], [], set()
    for _ in range(STEPS):
        done = step(operator)
        found = operator.world.the_ring()
        assert found is not None
        ran.append(min((str(pod.version) for pod, _ in operator.world.running(*found).values()), default=""))
        lines.append(found[1].line)
        said.add(str(operator.resource["status"].get("targetVersion", "")))
        if done:
            break
    arrived(operator)
    assert list(dict.fromkeys(version for version in ran if version)) == ["3.4.23", "3.5.33", "3.6.14", "3.7.0"]
    assert lines == sorted(lines)
    assert said == {"3.7.0", ""}
    assert "upgrade" not in operator.resource["status"]


def test_the_way_is_told_from_where_it_began() -> None:
    operator = start(version="3.4.23")
    operator.edit(version="3.7.0")
    heard = set()
    while not step(operator):
        assert operator.last is not None
        heard.add(operator.last.detail.step.message.partition(";")[0])
    for told in ("step 1 of 3: 3.5.33", "step 2 of 3: 3.6.14", "step 3 of 3: 3.7.0"):
        assert told in heard


@pytest.mark.parametrize("size", [1, 2, 3])
@pytest.mark.parametrize(("higher", "lower"), [("3.6.14", "3.5.33"), ("3.7.0", "3.6.14")])
def test_goes_back_one_release_and_up_again(higher: str, lower: str, size: int) -> None:
    operator = start(size=size, version=higher)
    for version in (lower, higher):
        operator.edit(version=version)
        settle(operator)
        arrived(operator)
        ring = operator.world.the_ring()
        assert ring is not None
        assert ring[1].lower is None or version == lower


@pytest.mark.parametrize("passes", range(1, 25))
def test_going_back_can_be_taken_back_at_any_time(passes: int) -> None:
    operator = start(version="3.6.14")
    operator.edit(version="3.5.33")
    for _ in range(passes):
        step(operator)
    operator.edit(version="3.6.14")
    settle(operator)
    arrived(operator)
    ring = operator.world.the_ring()
    assert ring is not None
    assert ring[1].lower is None


# --- an upgrade that does not work out -------------------------------------------------------------------------------

BAD = [f"3.5.{BAD_PATCH}", f"3.6.{BAD_PATCH}", f"3.6.{BROKEN_PATCH}"]


def taken_back(operator: Operator, version: str) -> None:
    """All run as before, status says so, and nothing more is tried."""
    status = operator.resource["status"]
    assert status["upgrade"]["failedVersion"] == version
    assert status["currentVersion"] == "3.5.33"
    ready = next(item for item in status["conditions"] if item["type"] == "Ready")
    assert (ready["status"], ready["reason"]) == ("False", "UpgradeRolledBack")
    found = operator.world.the_ring()
    assert found is not None
    assert {str(pod.version) for pod, _ in operator.world.running(*found).values()} == {"3.5.33"}
    assert len(operator.world.running(*found)) == operator.resource["spec"]["size"]
    before = operator.effects
    for _ in range(10):
        step(operator)
    assert operator.effects == before


@pytest.mark.parametrize("memory", [{}, MEMORY], ids=["volumes", "memory"])
@pytest.mark.parametrize("version", BAD)
@pytest.mark.parametrize("size", [1, 2, 3])
def test_a_release_that_does_not_come_up_is_taken_back(size: int, version: str, memory: dict[str, Any]) -> None:
    operator = start(size=size, version="3.5.33", **memory)
    claims = {name: claim.uid for name, claim in operator.world.claims.items()}
    operator.edit(version=version)
    settle(operator)
    taken_back(operator, version)
    assert {name: claim.uid for name, claim in operator.world.claims.items()} == claims
    for good in ("3.6.14", "3.7.0"):
        operator.edit(version=good)
        settle(operator)
        arrived(operator)


@pytest.mark.parametrize("version", BAD)
def test_taking_back_survives_every_crash(version: str) -> None:
    operator = start(version="3.5.33")
    before = operator.effects
    operator.edit(version=version)
    settle(operator)
    for effect in range(operator.effects - before):
        operator = start(version="3.5.33")
        operator.edit(version=version)
        settle(operator, die_at=effect)
        taken_back(operator, version)


@pytest.mark.parametrize("member", [1, 2])
def test_only_the_member_that_does_not_come_up_goes_back(member: int) -> None:
    """The registry goes away between two members: those that have the new release keep it, and all serve."""
    operator = start(version="3.5.33")
    operator.edit(version="3.6.14")
    while sum(str(pod.version) == "3.6.14" and pod.phase == "running" for pod in operator.world.pods.values()) < member:
        step(operator)
    operator.world.gone = {"3.6.14"}
    settle(operator)
    found = operator.world.the_ring()
    assert found is not None
    ran = sorted(str(pod.version) for pod, _ in operator.world.running(*found).values())
    assert ran == ["3.5.33"] * (3 - member) + ["3.6.14"] * member
    assert operator.resource["status"]["upgrade"]["failedVersion"] == "3.6.14"
    operator.world.gone = set()
    operator.edit(size=3, etcdOptions={"heartbeat-interval": "200"})
    settle(operator)
    arrived(operator)


def test_a_settings_change_goes_back_with_its_upgrade() -> None:
    operator = start(version="3.5.33")
    operator.edit(version=f"3.6.{BAD_PATCH}", etcdOptions={"heartbeat-interval": "200"})
    settle(operator)
    taken_back(operator, f"3.6.{BAD_PATCH}")
    assert all(not pod.flag("heartbeat-interval") for pod in operator.world.pods.values())


# --- safety backups --------------------------------------------------------------------------------------------------


def test_every_step_has_its_backup_before_it() -> None:
    operator = start(version="3.4.23", **STORE)
    operator.edit(version="3.7.0")
    made: dict[str, set[str]] = {}
    while not step(operator):
        for name in operator.world.backups:
            made.setdefault(name, {str(pod.version) for pod in operator.world.pods.values()})
    arrived(operator)
    generation = operator.resource["metadata"]["generation"]
    assert made == {
        f"c-safety-{generation}-3-5-33": {"3.4.23"},
        f"c-safety-{generation}-3-6-14": {"3.5.33"},
        f"c-safety-{generation}-3-7-0": {"3.6.14"},
    }


@pytest.mark.parametrize("change", [{"version": "3.6.14"}, {"version": "3.5.16"}, {"size": 1}])
def test_without_a_backup_nothing_is_changed(change: dict[str, Any]) -> None:
    operator = start(version="3.5.33", **STORE)
    pods = {name: pod.uid for name, pod in operator.world.pods.items()}
    operator.world.store_works = False
    operator.edit(**change)
    for _ in range(20):
        step(operator)
    assert operator.last is not None
    assert operator.last.detail.step.reason == "SafetyBackupFailed"
    assert {name: pod.uid for name, pod in operator.world.pods.items()} == pods
    operator.world.store_works = True
    operator.world.backups.clear()
    settle(operator)
    arrived(operator)


def test_people_may_go_on_without_a_backup() -> None:
    operator = start(version="3.5.33", **STORE)
    operator.world.store_works = False
    operator.edit(version="3.6.14")
    for _ in range(20):
        step(operator)
    operator.edit(safetyBackup=False)
    settle(operator)
    arrived(operator)


# --- every crash point -----------------------------------------------------------------------------------------------


def lose_volume(operator: Operator) -> None:
    operator.world.claims["c-1"].going = True
    operator.world.pods["c-1"].going = 1


def lose_memory(operator: Operator) -> None:
    operator.world.pods["c-1"].going = 1


Change = tuple[dict[str, Any], Callable[[Operator], None]]
CHANGES: dict[str, Change] = {
    "grow": ({"size": 1}, lambda o: o.edit(size=3)),
    "shrink": ({}, lambda o: o.edit(size=1)),
    "heal": ({}, lose_volume),
    "upgrade": ({}, lambda o: o.edit(version="3.6.11")),
    "steps": ({"version": "3.4.23"}, lambda o: o.edit(version="3.7.0")),
    "steps-one": ({"version": "3.4.23", "size": 1}, lambda o: o.edit(version="3.7.0")),
    "downgrade": ({"version": "3.6.14"}, lambda o: o.edit(version="3.5.33")),
    "downgrade-one": ({"version": "3.7.0", "size": 1}, lambda o: o.edit(version="3.6.14")),
    "upgrade-secured": ({**STORE, "version": "3.5.16"}, lambda o: o.edit(version="3.6.14")),
    "shrink-secured": (STORE, lambda o: o.edit(size=1)),
    "settings": ({}, lambda o: o.edit(etcdOptions={"heartbeat-interval": "200"})),
    "hibernate": ({}, lambda o: o.edit(size=0)),
    "expand": ({}, lambda o: o.edit(storage={"size": "16Gi"})),
    "memory-heal": (MEMORY, lose_memory),
    "memory-settings": (MEMORY, lambda o: o.edit(etcdOptions={"heartbeat-interval": "200"})),
}


@pytest.mark.parametrize("size", [1, 3])
def test_creation_survives_every_crash(size: int) -> None:
    whole = start(size=size).effects
    assert whole > size
    for effect in range(whole):
        operator = Operator(World(), {"size": size, "version": "3.5.32"})
        settle(operator, die_at=effect)
        arrived(operator)


PARTS = 6
"""Into which the crash points of a change are dealt, so that each test is short."""


@pytest.mark.parametrize("part", range(PARTS))
@pytest.mark.parametrize("change", CHANGES)
def test_change_survives_every_crash(change: str, part: int) -> None:
    spec, make = CHANGES[change]
    operator = start(**spec)
    before = operator.effects
    make(operator)
    operator.world.tick()
    settle(operator)
    for effect in range(part, operator.effects - before, PARTS):
        operator = start(**spec)
        make(operator)
        operator.world.tick()
        settle(operator, die_at=effect)
        arrived(operator)


# --- faults ----------------------------------------------------------------------------------------------------------


def kill(operator: Operator, member: str) -> None:
    """The pod dies; with memory its data goes with it, so only where a majority keeps its own."""
    pod = operator.world.pods.get(member)
    if pod is not None and (not fleeting(operator, member) or spare(operator)):
        pod.going, pod.phase = 1, "crashed"


def spare(operator: Operator) -> bool:
    """Whether one more voter's data may be lost: everybody runs, and a majority is left."""
    world, found = operator.world, operator.world.the_ring()
    if found is None:
        return False
    name, ring = found
    up = world.running(name, ring)
    return len(ring.voters()) >= 3 and set(ring.peers) == set(up) and world.intact() == len(ring.voters())


def fleeting(operator: Operator, member: str) -> bool:
    """Whether the data goes with the pod: memory, or a claim that was deleted under it."""
    pod, claim = operator.world.pods.get(member), operator.world.claims.get(member)
    return (pod is not None and pod.memory is not None) or (claim is not None and claim.going)


def doom(operator: Operator, member: str) -> None:
    """The claim is deleted under a running pod, whatever the size: its data is safe as long as nobody stops the pod."""
    world, found = operator.world, operator.world.the_ring()
    if found is None or member not in world.claims or not operator.resource["spec"]["size"]:
        return
    if set(world.running(*found)) == set(found[1].peers) and world.intact() == len(found[1].voters()):
        world.claims[member].going = True


def cut_power(operator: Operator, member: str) -> None:
    """For two moments nothing can start."""
    kill(operator, member)
    operator.world.cordoned = True
    step(operator)
    step(operator)
    operator.world.cordoned = False


def lose(operator: Operator, member: str) -> None:
    if member in operator.world.claims and spare(operator):
        operator.world.claims[member].going = True
        if member in operator.world.pods:
            operator.world.pods[member].going = 1


def delete_set(operator: Operator, member: str) -> None:
    if not fleeting(operator, member):
        operator.world.sets.pop(member, None)


def wipe_status(operator: Operator, member: str) -> None:
    del member
    operator.resource.pop("status", None)


FAULTS = (kill, kill, cut_power, lose, doom, delete_set, wipe_status)


def everywhere(operator: Operator, version: str) -> bool:
    """Whether all members run this version and the ring speaks its line; the next minor is refused before."""
    found = operator.world.the_ring()
    if found is None or not found[1].peers:
        return False
    up = operator.world.running(*found)
    return set(up) == set(found[1].peers) and {str(pod.version) for pod, _ in up.values()} == {version}


BACK = {"3.7.0": "3.6.14", "3.6.11": "3.5.33"}


def goal(operator: Operator, version: list[str]) -> None:
    rng = operator.world.random
    memory = "storage" in operator.resource["spec"]
    kind = rng.choice(("size", "size", "settings", "version", "far", "back", "hibernate", "stuck"))
    match kind:
        case "far":
            version[:] = version[-1:]
            operator.edit(version=version[0])
        case "back" if not memory and version[0] in BACK and everywhere(operator, version[0]):
            version.insert(0, BACK[version[0]])
            operator.edit(version=version[0])
        case "version" if len(version) > 1 and everywhere(operator, version[0]):
            version.pop(0)
            operator.edit(version=version[0])
        case "settings":
            operator.edit(etcdOptions={"heartbeat-interval": str(rng.choice((100, 200, 300)))})
        case "hibernate" if not memory and not any(claim.going for claim in operator.world.claims.values()):
            operator.edit(size=0)
        case "stuck" if not memory:
            line = version[0].rpartition(".")[0]
            operator.edit(version=f"{line}.{BAD_PATCH}")
            for _ in range(rng.randint(1, 12)):
                step(operator)
            operator.edit(version=version[0])
        case _:
            operator.edit(size=rng.choice((1, 2, 3, 3, 4, 5)))


@pytest.mark.parametrize("memory", [{}, MEMORY], ids=["volumes", "memory"])
@pytest.mark.parametrize("seed", range(25))
def test_survives_anything_at_random(seed: int, memory: dict[str, Any]) -> None:
    operator = Operator(World(seed), {"size": 3, "version": "3.5.32", **memory})
    rng = operator.world.random
    operator.between = lambda: operator.world.tick() if rng.random() < 0.3 else None
    if seed % 2:
        settle(operator)
    version = ["3.5.32", "3.6.11", "3.7.0"]
    for _ in range(4):
        goal(operator, version)
        for _ in range(rng.randint(3, 25)):
            if rng.random() < 0.15:
                operator.die_at = operator.effects + rng.randint(0, 4)
            if rng.random() < 0.25:
                member = f"c-{rng.randint(0, 6)}"
                rng.choice(FAULTS)(operator, member)
            step(operator)
        operator.die_at = -1
        if rng.random() < 0.7:
            settle(operator)
            arrived(operator)
    settle(operator)
    arrived(operator)


# --- what once went wrong --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("change", [{}, {"etcdOptions": {"heartbeat-interval": "200"}}, {"version": "3.6.11"}])
@pytest.mark.parametrize("size", [1, 2, 3])
def test_a_claim_deleted_under_a_running_pod_is_evacuated(size: int, change: dict[str, Any]) -> None:
    operator = start(size=size)
    operator.world.claims["c-0"].going = True
    operator.edit(**change)
    settle(operator)
    arrived(operator)
    assert "c-0" not in operator.world.sets


def test_a_claim_deleted_under_a_running_pod_holds_hibernation_up() -> None:
    operator = start()
    operator.world.claims["c-0"].going = True
    operator.edit(size=0)
    for _ in range(10):
        step(operator)
    assert set(operator.world.pods) == {"c-0", "c-1", "c-2"}
    assert all(not pod.going for pod in operator.world.pods.values())
    for size in (3, 0):
        operator.edit(size=size)
        settle(operator)
        arrived(operator)
    assert "c-0" not in operator.world.sets


def test_all_claims_deleted_under_running_pods() -> None:
    operator = start()
    for claim in operator.world.claims.values():
        claim.going = True
    settle(operator)
    arrived(operator)
    assert set(operator.world.sets) == {"c-3", "c-4", "c-5"}


@pytest.mark.parametrize("memory", [{}, MEMORY], ids=["volumes", "memory"])
def test_a_learner_that_finds_no_node_goes_when_the_size_is_put_back(memory: dict[str, Any]) -> None:
    operator = start(**memory)
    operator.world.cordoned = True
    operator.edit(size=5)
    for _ in range(10):
        step(operator)
    operator.edit(size=3, etcdOptions={"heartbeat-interval": "200"})
    for _ in range(5):
        step(operator)
    operator.world.cordoned = False
    settle(operator)
    arrived(operator)


@pytest.mark.parametrize("memory", [{}, MEMORY], ids=["volumes", "memory"])
@pytest.mark.parametrize("fix", ["3.5.32", "3.5.33", "3.6.11"])
@pytest.mark.parametrize("size", [1, 2, 3])
def test_a_bad_image_is_put_right_backwards_and_forwards(size: int, fix: str, memory: dict[str, Any]) -> None:
    operator = start(size=size, **memory)
    operator.edit(version=f"3.5.{BAD_PATCH}")
    for _ in range(8):
        step(operator)
    operator.edit(version=fix)
    settle(operator)
    arrived(operator)


def test_a_learner_survives_the_loss_of_a_voter_while_it_starts() -> None:
    operator = start()
    operator.edit(size=4, etcdOptions={"heartbeat-interval": "200"})
    while not any(peer.learner for ring in operator.world.rings.values() for peer in ring.peers.values()):
        step(operator)
    operator.attempt()
    operator.world.cordoned = True
    operator.world.tick()
    lose_volume(operator)
    for _ in range(3):
        step(operator)
    operator.world.cordoned = False
    settle(operator)
    arrived(operator)


def test_a_voter_that_lost_its_memory_never_votes_again() -> None:
    """Nor if the operator died right after promoting it."""
    whole = start(**MEMORY)
    before = whole.effects
    whole.edit(size=4)
    settle(whole)
    for effect in range(whole.effects - before):
        operator = start(**MEMORY)
        operator.edit(size=4)
        operator.die_at = operator.effects + effect
        while operator.die_at >= 0:
            step(operator)
        if "c-3" in operator.world.pods:
            operator.world.pods["c-3"].going = 1
            operator.world.tick()
            operator.world.tick()
            operator.world.tick()
        settle(operator)
        arrived(operator)


def test_a_doomed_member_stays_while_its_vote_is_needed() -> None:
    operator = start()
    operator.world.claims["c-0"].going = True
    operator.world.pods["c-1"].going, operator.world.cordoned = 1, True
    operator.world.tick()
    for _ in range(10):
        step(operator)
    found = operator.world.the_ring()
    assert found is not None
    assert operator.world.alive(*found)
    operator.world.cordoned = False
    settle(operator)
    arrived(operator)


def test_all_that_etcd_speaks_is_waited_for_between_two_minor_releases() -> None:
    operator = start()
    for version in ("3.6.11", "3.7.0"):
        operator.edit(version=version)
        while not everywhere(operator, version):
            step(operator)
    settle(operator)
    arrived(operator)


def test_a_refused_upgrade_changes_nothing_and_is_forgotten() -> None:
    operator = start()
    pods = {name: pod.uid for name, pod in operator.world.pods.items()}
    operator.edit(version="3.7.0", image="mirror/etcd:v3.7.0")
    settle(operator)
    assert {name: pod.uid for name, pod in operator.world.pods.items()} == pods
    operator.edit(version="3.5.32", image=None)
    settle(operator)
    assert {name: pod.uid for name, pod in operator.world.pods.items()} == pods


def test_a_volume_lost_for_good_is_not_replaced_by_an_empty_one() -> None:
    operator = start(size=1)
    lose = operator.world.claims["c-0"]
    lose.going, operator.world.pods["c-0"].going = True, 1
    for _ in range(20):
        step(operator)
    assert operator.last is not None
    assert operator.last.detail.step.reason == "QuorumLost"
    assert operator.last.detail.step.stalled
    assert operator.world.claims == {}
    assert len(operator.world.rings) == 1


def test_settled_means_no_write_for_ever() -> None:
    operator = start()
    before = operator.effects
    for _ in range(10):
        step(operator)
    assert operator.effects == before


def test_inputs_are_what_pods_are_made_from() -> None:
    operator = start(size=1)
    domain = validate(operator.resource)
    record = Record.from_json(annotation(operator.world.sets["c-0"].manifest, "etcd.davit.dev/member"))
    assert record is not None
    assert isinstance(record.inputs, Inputs)
    assert record.inputs == domain.inputs
