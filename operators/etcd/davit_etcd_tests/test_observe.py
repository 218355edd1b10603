from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from davit.errors import Transient
from davit.kube.kinds import EVENT, PERSISTENT_VOLUME_CLAIM, POD, STATEFUL_SET
from davit.model import Key, Kind, Manifest
from davit.testing.fake_client import FakeClient
from davit_etcd.client import client_address
from davit_etcd.manifests import OPERATOR
from davit_etcd.model import EtcdMember, Hash, Snapshot
from davit_etcd.observe import observe
from davit_etcd.validate import validate

from davit_etcd_tests import builders
from davit_etcd_tests.builders import Words, member_id
from davit_etcd_tests.fake_members import FakeEtcd

THREE: dict[str, Words] = {"c-0": {}, "c-1": {}, "c-2": {}}


class World:
    """The objects and processes of a snapshot, so that `observe` must find that snapshot again."""

    def __init__(self, members: Mapping[str, Words], status: dict[str, Any] | None = None, **spec: Any) -> None:
        self.resource = builders.resource(spec, status=status)
        self.domain = validate(self.resource)
        self.kube, self.etcd = FakeClient(OPERATOR), FakeEtcd()
        self.meant = builders.snapshot(self.domain, {"members": members})
        for member in self.meant.members:
            self._put(STATEFUL_SET, member.stateful_set)
            self._put(PERSISTENT_VOLUME_CLAIM, member.volume)
            self._put(POD, member.pod)
            if member.endpoint is not None:
                self.etcd.endpoints[client_address(member)] = member.endpoint
        self.etcd.listed = tuple(member.etcd for member in self.meant.members if member.etcd is not None)

    def _put(self, kind: Kind, manifest: Manifest | None) -> None:
        if manifest is not None:
            self.kube.put(kind, manifest)

    async def look(self) -> Snapshot:
        return await observe(self.domain, self.resource, self.kube, self.etcd)

    def asked(self, what: str) -> list[tuple[Any, ...]]:
        return [call for call in self.etcd.calls if call[0] == what]


def url(number: int) -> str:
    return f"http://10.0.0.{number}:2379"


async def test_nothing_is_nothing() -> None:
    world = World({})
    seen = await world.look()
    assert seen.members == ()
    assert not seen.quorum
    assert not seen.formed
    assert seen.next_ordinal == 0
    assert world.etcd.calls == []


async def test_puts_all_sides_of_a_member_together() -> None:
    seen = await World(THREE).look()
    assert seen.quorum
    assert seen.leader == "c-0"
    assert seen.cluster_id == "c1"
    assert seen.cluster_line == (3, 5)
    assert seen.next_ordinal == 3
    assert [member.name for member in seen.members] == ["c-0", "c-1", "c-2"]
    for member in seen.members:
        assert member.stateful_set
        assert member.pod
        assert member.volume
        assert member.record
        assert member.etcd
        assert member.etcd.id == member_id(member.name)
        assert member.healthy
        assert member.pod_ready
        assert str(member.known_version) == "3.5.32"
    assert {child["kind"] for child in seen.children} == {"StatefulSet", "PersistentVolumeClaim"}


async def test_settled_members_are_not_made_to_hash() -> None:
    world = World(THREE)
    assert [member.hash for member in (await world.look()).members] == [None, None, None]
    assert not world.asked("hash_kv")


async def test_before_a_restart_all_are_hashed_at_the_revision_that_all_have() -> None:
    world = World({"c-0": {"revision": 90}, "c-1": {}, "c-2": {"record": {"version": "3.5.30"}}})
    world.etcd.hashes[url(1)] = Hash(2, 1)
    seen = await world.look()
    assert {call[2] for call in world.asked("hash_kv")} == {90}
    assert [member.hash for member in seen.members] == [Hash(1, 1), Hash(2, 1), Hash(1, 1)]


async def test_a_refused_or_paused_change_costs_no_hashes() -> None:
    old = {name: {"record": {"version": "3.5.30"}} for name in THREE}
    for spec in ({"version": "3.7.0", "image": "mirror/etcd:x"}, {"paused": True}):
        world = World(old, **spec)
        await world.look()
        assert not world.asked("hash_kv")


async def test_an_upgrade_that_was_taken_back_costs_no_hashes() -> None:
    failed = {"upgrade": {"failedVersion": "3.6.14", "generation": 1, "member": "c-2", "message": "m"}}
    world = World({name: {"record": {"version": "3.5.33"}} for name in THREE}, status=failed, version="3.6.14")
    await world.look()
    assert not world.asked("hash_kv")


@pytest.mark.parametrize(
    ("version", "speaks", "words", "asked"),
    [
        ("3.5.33", "3.6.0", {}, True),
        ("3.5.33", "3.6.0", {"downgrade": "3.5.0"}, False),  # told already
        ("3.5.33", "3.5.0", {}, False),  # not raised yet, or half-way up
        ("3.6.14", "3.6.0", {}, False),
        ("3.4.39", "3.6.0", {}, False),  # etcd need not be asked
    ],
)
async def test_etcd_is_asked_whether_it_would_go_back(version: str, speaks: str, words: dict[str, Any], asked: bool) -> None:
    world = World({name: {"record": {"version": "3.6.14"}, **words} for name in THREE}, version=version)
    world.etcd.speaks, world.etcd.objection = speaks, "no"
    seen = await world.look()
    assert world.asked("validate_downgrade") == ([("validate_downgrade", url(0), "3.5")] if asked else [])
    assert seen.downgrade_refusal == ("no" if asked else "")


async def test_a_learner_without_objects_is_known_by_its_peer_url() -> None:
    world = World({**THREE, "c-3": {"etcd": "unstarted", "sts": "none", "pod": "none", "volume": "none"}})
    seen = await world.look()
    (orphan,) = seen.learners
    assert orphan.name == "c-3"
    assert orphan.etcd is not None
    assert orphan.etcd.name == ""
    assert orphan.stateful_set is None


@pytest.mark.parametrize(
    "peer", ["http://elsewhere:2380", "http://d-0-0.d-peers.ns.svc:2380", "https://c-3-0.c-peers.ns.svc:2380"]
)
async def test_a_member_with_another_peer_url_is_a_stranger(peer: str) -> None:
    world = World(THREE)
    stranger = EtcdMember("f0", "c-3", (peer,), False)
    world.etcd.listed += (stranger,)
    seen = await world.look()
    assert seen.strangers == (stranger,)
    assert len(seen.members) == 3


async def test_without_quorum_the_list_is_what_one_member_last_knew() -> None:
    world = World({"c-0": {}, "c-1": {"pod": "none"}, "c-2": {"pod": "none"}})
    world.etcd.leaderless()
    seen = await world.look()
    assert not seen.quorum
    assert seen.leader == ""
    assert seen.cluster_id == "c1"
    assert len(seen.voters) == 3
    assert ("members", url(0), False) in world.etcd.calls
    assert not world.asked("alarms")


async def test_a_learner_is_not_asked_for_what_it_knows_alone() -> None:
    world = World({"c-0": {"pod": "none"}, "c-1": {"etcd": "learner"}})
    world.etcd.leaderless()
    await world.look()
    assert ("members", url(1), False) not in world.etcd.calls


async def test_with_nobody_answering_members_are_as_status_remembers() -> None:
    remembered = [{"name": "c-0", "id": "a0", "role": "Leader", "version": "3.5.32"},
                  {"name": "c-1", "id": "a1", "role": "Learner"}, {"name": "c-2"}]  # fmt: skip
    world = World({name: {"pod": "none"} for name in THREE}, {"members": remembered, "clusterID": "c1"})
    seen = await world.look()
    found = [(m.name, m.etcd and m.etcd.id, m.voter) for m in seen.members]
    assert found == [("c-0", "a0", True), ("c-1", "a1", False), ("c-2", None, False)]
    assert seen.cluster_id == ""
    assert str(seen.members[0].known_version) == "3.5.32"


async def test_a_linearizable_list_without_a_read_is_no_quorum() -> None:
    world = World(THREE)
    world.etcd.refuse = {"read"}
    assert not (await world.look()).quorum


async def test_the_leader_is_asked_first() -> None:
    world = World(THREE)
    world.etcd.endpoints = {address: replace(said, leader="a2") for address, said in world.etcd.endpoints.items()}
    seen = await world.look()
    assert world.asked("read") == [("read", url(2))]
    assert seen.leader == "c-2"


async def test_another_is_asked_when_the_leader_fails() -> None:
    world = World({"c-0": {"answers": False}, "c-1": {}, "c-2": {}})
    seen = await world.look()
    assert seen.quorum
    assert seen.members[0].endpoint is None


async def test_alarms_are_given_to_their_owners() -> None:
    world = World(THREE)
    world.etcd.raised = (("a1", "CORRUPT"), ("dead", "CORRUPT"), ("", "CORRUPT"), ("a2", "NOSPACE"))
    seen = await world.look()
    assert [member.corrupt for member in seen.members] == [False, True, False]
    assert seen.orphaned_alarms == ("", "dead")
    assert seen.no_space


async def test_a_process_with_another_id_does_not_speak_for_the_member() -> None:
    world = World(THREE)
    world.etcd.listed = (*world.etcd.listed[:2], EtcdMember("new", "", world.etcd.listed[2].peer_urls, True))
    assert (await world.look()).members[2].endpoint is None


async def test_the_pod_of_an_earlier_set_of_this_name_is_not_the_members() -> None:
    world = World(THREE)
    pod = world.kube.objects[POD, Key("ns", "c-2-0")]
    pod["metadata"]["ownerReferences"] = [{"kind": "StatefulSet", "name": "c-2", "uid": "older", "controller": True}]
    assert (await world.look()).members[2].pod is None


async def test_numbers_are_not_used_again_while_anything_bears_them() -> None:
    world = World({"c-0": {}, "c-4": {"etcd": "none", "sts": "none", "pod": "none"}})
    assert (await world.look()).next_ordinal == 5
    world = World({"c-0": {}}, {"nextMember": 7})
    assert (await world.look()).next_ordinal == 7
    world = World(THREE)
    world.kube.remove(STATEFUL_SET, Key("ns", "c-2"))
    world.kube.remove(PERSISTENT_VOLUME_CLAIM, Key("ns", "data-c-2"))
    world.etcd.listed = world.etcd.listed[:2]
    assert (await world.look()).next_ordinal == 3


@pytest.mark.parametrize("kind", [STATEFUL_SET, PERSISTENT_VOLUME_CLAIM])
async def test_a_predecessors_object_is_waited_for(kind: Kind) -> None:
    world = World(THREE)
    name = "c-0" if kind == STATEFUL_SET else "data-c-0"
    owned = world.kube.objects[kind, Key("ns", name)]
    owned["metadata"]["ownerReferences"] = [{"uid": "uid-before", "controller": True}]
    with pytest.raises(Transient, match=f"garbage collector to remove {kind.kind} {name}"):
        await world.look()


async def test_a_kept_claim_of_a_predecessor_is_seen() -> None:
    world = World({"c-0": {"sts": "none", "pod": "none", "etcd": "none", "cluster": "c9", "owner": "uid-before"}})
    seen = await world.look()
    assert seen.adopted_id == "c9"
    assert seen.formed


async def test_objects_of_other_clusters_are_not_ours() -> None:
    world = World(THREE)
    other = builders.snapshot(validate(builders.resource(name="c-1")), {"members": {"c-1-0": {}}})
    for member in other.members:
        world._put(STATEFUL_SET, member.stateful_set)
        world._put(PERSISTENT_VOLUME_CLAIM, member.volume)
        world._put(POD, member.pod)
    assert [member.name for member in (await world.look()).members] == list(THREE)


async def test_objects_that_lost_their_labels_are_still_ours() -> None:
    status = {"members": [{"name": name, "id": member_id(name), "role": "Follower"} for name in THREE]}
    world = World(THREE, status)
    for kind, name in ((PERSISTENT_VOLUME_CLAIM, "data-c-1"), (STATEFUL_SET, "c-2")):
        world.kube.objects[kind, Key("ns", name)]["metadata"]["labels"] = {}
    seen = await world.look()
    assert all(member.volume and member.stateful_set for member in seen.members)
    assert len(seen.children) == 6


async def test_a_strangers_object_without_labels_is_not() -> None:
    world = World({"c-0": {}}, {"members": [{"name": "c-0", "id": "a0"}, {"name": "c-1", "id": "a1"}]})
    world.kube.put(PERSISTENT_VOLUME_CLAIM, {"metadata": {"name": "data-c-1", "namespace": "ns"}, "spec": {}})
    assert len((await world.look()).children) == 2


async def test_a_damaged_record_is_none() -> None:
    seen = await World({"c-0": {"record": "damaged"}}).look()
    assert seen.members[0].record is not None
    world = World({"c-0": {}})
    world.kube.objects[STATEFUL_SET, Key("ns", "c-0")]["metadata"]["annotations"]["etcd.davit.dev/member"] = "{"
    assert (await world.look()).members[0].record is None


async def test_an_odd_version_is_unknown() -> None:
    seen = await World({"c-0": {"runs": "3.5.32"}}).look()
    assert seen.members[0].known_version is not None
    world = World({"c-0": {}})
    (address,) = world.etcd.endpoints
    world.etcd.endpoints[address] = replace(world.etcd.endpoints[address], version="custom+1")
    assert (await world.look()).versions == ()


def event(name: str, reason: str, when: str, kind: str = "Warning") -> Manifest:
    meta = {"name": f"{name}.{reason}.{when}", "namespace": "ns"}
    return {
        "metadata": meta,
        "involvedObject": {"name": name},
        "type": kind,
        "reason": reason,
        "message": "m",
        "lastTimestamp": when,
    }


@pytest.fixture
def fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("davit_etcd.observe.time.time", lambda: 1767225600.0)  # 2026-01-01T00:00:00Z


@pytest.mark.usefixtures("fresh")
async def test_the_newest_telling_event_explains_what_does_not_come_up() -> None:
    words: dict[str, Words] = {
        "c-0": {"pod": "none"},
        "c-1": {"pod": "creating", "volume": "pending"},
        "c-2": {"pod": "creating"},
        "c-3": {},
    }
    world = World(words)
    for found in (
        event("c-0", "FailedCreate", "2025-12-31T23:59:30Z"),
        event("c-0", "Unhealthy", "2025-12-31T23:59:50Z"),
        event("data-c-1", "ProvisioningFailed", "2025-12-31T23:59:30Z"),
        event("c-2-0", "Old", "2025-12-31T23:00:00Z"),
        event("c-3-0", "Unasked", "2025-12-31T23:59:30Z"),
    ):
        world.kube.put(EVENT, found)
    seen = await world.look()
    assert [member.trouble for member in seen.members] == ["FailedCreate: m", "ProvisioningFailed: m", "", ""]
