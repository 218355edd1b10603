from __future__ import annotations

from typing import Any

import pytest
from davit_etcd import layout
from davit_etcd.model import RECORD_ANNOTATION, Record, Snapshot, annotation

from davit_etcd_tests.builders import cluster, snapshot

THREE: dict[str, Any] = {"c-0": {}, "c-1": {}, "c-2": {}}


def laid(seen: Snapshot, *, initial: tuple[str, ...] = (), rolling: str = "", leaving: str = "") -> dict[str, Record]:
    domain = cluster()
    found = layout.manifests(
        domain, seen, initial=initial, inputs=domain.inputs, rolling=rolling, target=domain.inputs, leaving=leaving
    )
    records = {}
    for manifest in found:
        if manifest["kind"] == "StatefulSet":
            record = Record.from_json(annotation(manifest, RECORD_ANNOTATION))
            assert record is not None
            records[manifest["metadata"]["name"]] = record
    return records


def one(words: dict[str, Any]) -> Record:
    return laid(snapshot(cluster(), {"members": {"c-0": {}, "c-1": {}, "c-2": words}}))["c-2"]


def test_claims_come_before_the_sets_that_mount_them() -> None:
    domain = cluster()
    found = layout.manifests(domain, snapshot(domain, {"members": THREE}), initial=(), inputs=domain.inputs)
    names = [(manifest["kind"], manifest["metadata"]["name"]) for manifest in found]
    assert names[:3] == [("Service", "c-peers"), ("Service", "c-client"), ("PodDisruptionBudget", "c")]
    for member in THREE:
        assert names.index(("PersistentVolumeClaim", f"data-{member}")) < names.index(("StatefulSet", member))
    assert len(set(names)) == len(names)


def test_first_members_are_those_that_were_fixed() -> None:
    found = laid(snapshot(cluster(), {"formed": False}), initial=("c-0", "c-1"))
    assert {name: (record.start, record.peers) for name, record in found.items()} == {
        "c-0": ("new", ("c-0", "c-1")),
        "c-1": ("new", ("c-0", "c-1")),
    }


@pytest.mark.parametrize(
    ("words", "start", "voter"),
    [
        ({}, "established", True),
        ({"pod": "none"}, "established", True),
        ({"sts": "none", "pod": "none"}, "established", True),
        ({"record": "damaged"}, "established", True),
        ({"record": {"start": "new"}}, "established", True),
        ({"record": {"start": "new"}, "pod": "creating", "etcd": "unstarted voter"}, "new", True),
        ({"etcd": "unstarted", "sts": "none", "pod": "none"}, "join", False),
        ({"etcd": "unstarted", "pod": "creating"}, "join", False),
        ({"etcd": "unstarted", "record": "damaged", "pod": "creating"}, "join", False),
        ({"etcd": "learner"}, "established", False),
        ({"etcd": "learner", "pod": "crashed"}, "established", False),
        ({"record": {"start": "join"}, "pod": "none"}, "established", True),
    ],
)
def test_how_a_member_of_a_formed_cluster_starts(words: dict[str, Any], start: str, voter: bool) -> None:
    found = one(words)
    assert (found.start, found.voter) == (start, voter)
    assert bool(found.peers) == (start != "established")


def test_no_member_of_a_formed_cluster_is_ever_told_to_begin_one() -> None:
    """Unless it has never started: then etcd itself refuses, if it has ("has already been bootstrapped")."""
    for words in ({}, {"pod": "none"}, {"sts": "none", "pod": "none"}, {"volume": "none"}, {"record": "damaged"}):
        assert one(words).start == "established"


def test_a_learner_is_told_exactly_the_members_that_etcd_lists() -> None:
    seen = snapshot(cluster(), {"members": {**THREE, "c-3": {"etcd": "none"}, "c-5": {"etcd": "unstarted", "sts": "none"}}})
    assert laid(seen)["c-5"].peers == ("c-0", "c-1", "c-2", "c-5")


def test_only_the_rolling_member_moves_on() -> None:
    old = {name: {"record": {"version": "3.5.30"}} for name in THREE}
    found = laid(snapshot(cluster(), {"members": old}), rolling="c-1")
    assert [str(found[name].inputs.version) for name in sorted(found)] == ["3.5.30", "3.5.32", "3.5.30"]


def test_what_leaves_is_left_alone() -> None:
    assert set(laid(snapshot(cluster(), {"members": THREE}), leaving="c-1")) == {"c-0", "c-2"}


def test_members_that_etcd_does_not_list_get_nothing() -> None:
    seen = snapshot(cluster(), {"members": {**THREE, "c-3": {"etcd": "none"}}})
    assert set(laid(seen)) == set(THREE)


def test_without_a_quorum_every_volume_gets_its_member() -> None:
    words = {"etcd": "none", "sts": "none", "pod": "none"}
    seen = snapshot(cluster(), {"members": dict.fromkeys(THREE, words), "quorum": False})
    assert {record.start for record in laid(seen).values()} == {"established"}
    assert set(laid(seen)) == set(THREE)


@pytest.mark.parametrize(
    ("words", "made"),
    [
        ({}, True),
        ({"volume": "none", "pod": "pending"}, False),  # an established member never gets an empty disk
        ({"volume": "going"}, False),
        ({"volume": "none", "sts": "none", "pod": "none"}, False),
        ({"volume": "none", "etcd": "unstarted", "pod": "none"}, True),
    ],
)
def test_who_gets_a_claim(words: dict[str, Any], made: bool) -> None:
    domain = cluster()
    seen = snapshot(domain, {"members": {"c-0": {}, "c-1": {}, "c-2": words}})
    found = layout.manifests(domain, seen, initial=(), inputs=domain.inputs)
    names = {m["metadata"]["name"] for m in found if m["kind"] == "PersistentVolumeClaim"}
    assert ("data-c-2" in names) is made


def test_a_claim_keeps_its_size_and_a_new_one_gets_the_wanted() -> None:
    domain = cluster(storage={"size": "16Gi"})
    seen = snapshot(domain, {"members": {"c-0": {"size": "8Gi"}, "c-1": {"etcd": "unstarted", "sts": "none", "volume": "none"}}})
    sizes = {
        m["metadata"]["name"]: m["spec"]["resources"]["requests"]["storage"]
        for m in layout.manifests(domain, seen, initial=(), inputs=domain.inputs)
        if m["kind"] == "PersistentVolumeClaim"
    }
    assert sizes == {"data-c-0": "8Gi", "data-c-1": "16Gi"}


def test_size_zero_stops_everything_and_keeps_every_claim() -> None:
    domain = cluster(size=0)
    found = layout.manifests(domain, snapshot(domain, {"members": THREE}), initial=(), inputs=domain.inputs)
    assert [m["spec"]["replicas"] for m in found if m["kind"] == "StatefulSet"] == [0, 0, 0]
    assert len([m for m in found if m["kind"] == "PersistentVolumeClaim"]) == 3


def test_a_member_that_nobody_lists_is_stopped_with_the_others() -> None:
    """Seen on a cluster: c-0 lost its volume with the quorum, and its pod was waited for, which its StatefulSet still wanted."""
    domain = cluster()
    seen = snapshot(domain, {"quorum": False, "members": {"c-0": {"etcd": "none", "volume": "none"}, "c-1": {}, "c-2": {}}})
    found = layout.manifests(domain, seen, initial=(), inputs=domain.inputs, stopped=True)
    replicas = {m["metadata"]["name"]: m["spec"]["replicas"] for m in found if m["kind"] == "StatefulSet"}
    assert replicas == {"c-0": 0, "c-1": 0, "c-2": 0}
    assert "data-c-0" not in {m["metadata"]["name"] for m in found}
