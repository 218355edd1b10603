from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from davit_etcd.model import Hash, Inputs, Record, canonical, quorum
from davit_etcd.versions import Version
from hypothesis import given, settings
from hypothesis import strategies as st

from davit_etcd_tests.builders import CLUSTER_ID, cluster, snapshot

TEXT = st.text(max_size=8)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | TEXT,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(TEXT, inner, max_size=2),
    max_leaves=4,
)
INPUTS = st.builds(
    Inputs,
    version=st.builds(Version, st.just(3), st.integers(4, 7), st.integers(0, 40), st.sampled_from(["", "-rc.1"])),
    image=TEXT,
    pod=st.dictionaries(TEXT, JSON, max_size=3).map(canonical),
    flags=st.dictionaries(TEXT, TEXT, max_size=3).map(lambda flags: tuple(sorted(flags.items()))),
    memory=st.none() | st.just("256Mi"),
    fixed_user=st.booleans(),
)
RECORDS = st.builds(
    Record, INPUTS, st.sampled_from(["new", "join", "established"]), st.lists(TEXT, max_size=3).map(tuple), st.booleans()
)


@given(RECORDS)
@settings(derandomize=True, max_examples=100, deadline=None)
def test_a_record_survives_its_annotation(record: Record) -> None:
    assert Record.from_json(record.to_json()) == record
    again = Record.from_json(record.to_json())
    assert again is not None
    assert again.inputs.digest == record.inputs.digest


@pytest.mark.parametrize(
    "text",
    ["", "x", "null", "[]", "{}", '"a"', "1", '{"inputs": {}, "start": "new", "peers": [], "voter": true}',
     '{"inputs": {"version": "latest", "image": "", "pod": {}, "flags": {}}, "start": "new", "peers": [], "voter": true}',
     '{"inputs": {"version": "3.5.1", "image": "", "pod": {}, "flags": []}, "start": "new", "peers": [], "voter": true}',
     '{"inputs": {"version": "3.5.1", "image": "", "pod": {}, "flags": {}}, "start": [], "peers": null, "voter": true}'],
)  # fmt: skip
def test_a_damaged_record_is_none(text: str) -> None:
    assert Record.from_json(text) is None


def test_an_unknown_start_never_bootstraps() -> None:
    text = Record(cluster().inputs, "new").to_json().replace('"new"', '"whatever"')
    found = Record.from_json(text)
    assert found is not None
    assert found.start == "established"


CHANGES: list[dict[str, Any]] = [
    {"version": "3.5.33"},
    {"image": "mirror/etcd"},
    {"resources": {"limits": {"memory": "1Gi"}}},
    {"etcdOptions": {"heartbeat-interval": "200"}},
    {"quota": "4Gi"},
    {"tolerations": [{"operator": "Exists"}]},
    {"storage": {"type": "Memory"}},
]


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: next(iter(change)))
def test_the_digest_changes_with_what_a_pod_is_made_from(change: dict[str, Any]) -> None:
    assert cluster(**change).inputs.digest != cluster().inputs.digest


@pytest.mark.parametrize(
    "change", [{"size": 5}, {"paused": True}, {"storage": {"size": "16Gi"}}, {"storage": {"retain": "Delete"}}]
)
def test_the_digest_does_not_change_with_anything_else(change: dict[str, Any]) -> None:
    assert cluster(**change).inputs.digest == cluster().inputs.digest


def test_the_digest_is_the_same_in_every_release_of_the_operator() -> None:
    """A changed digest restarts every member of every cluster at the operator's upgrade."""
    assert cluster().inputs.digest == "702f074f148c655b"
    assert cluster(resources={"limits": {"memory": "1Gi"}}, quota="4Gi").inputs.digest == "4ec132e0317ca0ac"


@pytest.mark.parametrize(("voters", "needed"), [(1, 1), (2, 2), (3, 2), (4, 3), (5, 3), (7, 4)])
def test_quorum(voters: int, needed: int) -> None:
    assert quorum(voters) == needed


def test_alarms_of_others_make_nobody_unhealthy() -> None:
    """etcd's status lists the alarms of all members in every member's errors; seen in 3.5.33 and 3.7.0."""
    words = {"errors": ["memberID:777 alarm:NOSPACE ", "memberID:777  alarm:CORRUPT"]}
    seen = snapshot(
        cluster(), {"members": {"c-0": words, "c-1": {**words, "corrupt": True}, "c-2": {"errors": ["etcdserver: x"]}}}
    )
    assert [member.healthy for member in seen.members] == [True, False, False]


def test_without_a_leader_nobody_is_healthy() -> None:
    seen = snapshot(cluster(), {"members": {"c-0": {}, "c-1": {"leader": False}, "c-2": {"answers": False}}})
    assert [member.healthy for member in seen.members] == [True, False, False]


@pytest.mark.parametrize(
    ("observed", "formed"),
    [
        ({"formed": False}, False),
        ({"formed": False, "members": {"c-0": {}}}, False),
        ({"formed": False, "status": {"clusterID": "x"}}, True),
        ({"formed": False, "members": {"c-0": {"record": {"start": "established"}}}}, True),
        ({"formed": False, "members": {"c-0": {"record": {"start": "join"}}}}, True),
        ({"formed": False, "members": {"c-0": {"cluster": "x", "sts": "none"}}}, True),
        ({"formed": False, "members": {"c-0": {"record": "damaged"}}}, False),
    ],
)
def test_any_trace_of_a_cluster_forbids_a_second(observed: dict[str, Any], formed: bool) -> None:
    assert snapshot(cluster(), observed).formed is formed


def test_versions_are_of_all_who_are_known_and_last_of_status() -> None:
    three = {"c-0": {"runs": "3.6.11"}, "c-1": {"pod": "none", "knew": "3.5.32"}, "c-2": {"pod": "none"}}
    assert [str(v) for v in snapshot(cluster(), {"members": three}).versions] == ["3.5.32", "3.6.11"]
    silent = snapshot(cluster(), {"members": {"c-0": {"pod": "none"}}, "status": {"currentVersion": "3.4.34"}})
    assert [str(v) for v in silent.versions] == ["3.4.34"]
    assert snapshot(cluster(), {"formed": False}).versions == ()


def test_members_know_their_parts() -> None:
    seen = snapshot(cluster(), {"members": {"c-0": {}, "c-10": {"etcd": "learner", "hash": 7}}})
    voter, learner = seen.members
    assert (voter.ordinal, learner.ordinal) == (0, 10)
    assert seen.voters == (voter,)
    assert seen.learners == (learner,)
    assert learner.hash == Hash(7, 1)
    assert seen.adopted_id == CLUSTER_ID
    assert voter.pod_ready
    assert not replace(voter, pod=None).pod_ready
