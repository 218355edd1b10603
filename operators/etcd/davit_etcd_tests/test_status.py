from __future__ import annotations

from typing import Any

import pytest
from davit.errors import Blocked, DavitError, Invalid, Problem, Rejected, Transient
from davit.model import Manifest, Outcome
from davit.status import verdict
from davit.testing.builders import condition
from davit_etcd.api.v1 import CRD
from davit_etcd.plan import plan
from davit_etcd.status import rounded, status
from davit_etcd.validate import validate

from davit_etcd_tests import builders

THREE: dict[str, Any] = {"c-0": {}, "c-1": {}, "c-2": {}}
NONE = {"pod": "none"}
LOST = {"pod": "none", "volume": "none"}
OLD = {"record": {"version": "3.5.30"}}


def told(
    observed: dict[str, Any] | None, spec: dict[str, Any] | None = None, error: DavitError | None = None, **meta: Any
) -> Manifest:
    """The resource with the status that a pass over this world writes."""
    resource = builders.resource(spec, **meta)
    outcome: Outcome[Any, Any] = Outcome(error=error)
    if observed is not None:
        domain = validate(resource)
        seen = builders.snapshot(domain, observed)
        resource["status"] = dict(seen.status)
        outcome = Outcome(domain, seen, plan(domain, seen, 0.0), error)
    return {**resource, "status": status(resource, outcome, 0.0)}


CASES: list[tuple[str, dict[str, Any], dict[str, Any], str, str, str | None]] = [
    ("creating", {"formed": False}, {}, "InProgress", "Creating", "False"),
    ("ready", {"members": THREE}, {}, "Current", "AllMembersReady", "True"),
    ("even", {"members": {"c-0": {}, "c-1": {}}}, {"size": 2}, "Current", "AllMembersReady", "True"),
    ("degraded", {"members": {**THREE, "c-2": NONE}}, {}, "InProgress", "MemberUnhealthy", "True"),
    ("scaling", {"members": THREE}, {"size": 5}, "InProgress", "ScalingUp", "True"),
    ("paused", {"members": THREE}, {"paused": True}, "Current", "Paused", "True"),
    ("paused on the way", {"members": THREE}, {"paused": True, "size": 5}, "Current", "Paused", "True"),
    ("hibernated", {"members": THREE}, {"size": 0}, "Current", "Hibernated", "False"),
    ("hibernating", {"members": {"c-0": {"pod": "running"}}}, {"size": 0}, "InProgress", "Hibernating", None),
    ("quorum gone", {"members": {"c-0": {"leader": False}, "c-1": NONE, "c-2": NONE}}, {}, "InProgress", "NoQuorum", "False"),
    ("quorum lost", {"members": {"c-0": NONE, "c-1": LOST, "c-2": LOST}}, {}, "Failed", "QuorumLost", "False"),
    ("refused", {"members": dict.fromkeys(THREE, OLD)}, {"version": "3.6.11", "image": "x"}, "Failed", "UpgradeRefused", "True"),
    ("stranger", {"members": THREE, "strangers": ["x"]}, {}, "Failed", "UnknownMember", "True"),
    ("no space", {"members": THREE, "no_space": True}, {}, "Failed", "NoSpace", "True"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("observed", "spec", "kstatus", "reason", "available"), [c[1:] for c in CASES], ids=[c[0] for c in CASES]
)
def test_kstatus_and_people_hear_the_same(
    observed: dict[str, Any], spec: dict[str, Any], kstatus: str, reason: str, available: str | None
) -> None:
    found = told(observed, spec)
    ready = condition(found, "Ready")
    assert verdict(found) == kstatus
    assert ready["reason"] == reason
    assert ready["message"]
    assert (ready["status"] == "True") == (kstatus == "Current")
    if available is not None:
        assert condition(found, "Available")["status"] == available
    kinds = {c["type"]: c["status"] for c in found["status"]["conditions"]}
    assert ("Stalled" in kinds) == (kstatus == "Failed")
    assert ("Reconciling" in kinds) == (kstatus == "InProgress")


def test_paused_without_a_quorum_is_not_ready() -> None:
    found = told({"members": {"c-0": {"leader": False}, "c-1": NONE, "c-2": NONE}}, {"paused": True})
    assert condition(found, "Available")["status"] == "False"
    assert condition(found, "Ready")["status"] == "False"


def test_before_the_operator_has_looked_the_default_says_in_progress() -> None:
    assert verdict(builders.resource(status={"observedGeneration": -1})) == "InProgress"


def test_going_away() -> None:
    assert verdict(told({"members": THREE}, deletionTimestamp="2026-01-01T00:00:00Z")) == "Terminating"


def test_an_edit_is_in_progress_until_it_was_seen() -> None:
    found = told({"members": THREE})
    found["metadata"]["generation"] = 2
    assert verdict(found) == "InProgress"


@pytest.mark.parametrize(
    ("error", "kstatus", "reason"),
    [
        (Invalid(Problem("spec.size", "too large")), "Failed", "Invalid"),
        (Blocked("NameTaken", "Service c-client exists"), "Failed", "NameTaken"),
        (Rejected("no such class"), "Failed", "Rejected"),
        (Transient("connection refused"), "InProgress", "Waiting"),
    ],
)
def test_an_error_is_told(error: DavitError, kstatus: str, reason: str) -> None:
    found = told(None, error=error)
    assert verdict(found) == kstatus
    assert condition(found, "Ready")["reason"] == reason
    assert str(error) in condition(found, "Ready")["message"]


def test_facts_outlive_a_pass_that_could_read_nothing() -> None:
    resource = builders.resource(status=told({"members": THREE})["status"])
    after = status(resource, Outcome(error=Blocked("Forbidden", "no")), 0.0)
    assert after["clusterID"] == "c1"
    assert len(after["members"]) == 3
    assert after["ready"] == "3/3"


def test_what_was_blocked_after_planning_keeps_its_facts_fresh() -> None:
    found = told({"members": {**THREE, "c-2": NONE}}, error=Blocked("NameTaken", "x"))
    assert found["status"]["readyMembers"] == 2
    assert condition(found, "Ready")["reason"] == "NameTaken"


def test_a_transient_error_in_an_action_does_not_hide_the_step() -> None:
    found = told({"members": {"c-0": {}}}, error=Transient("too many learners"))
    assert condition(found, "Ready")["reason"] == "ScalingUp"


def test_the_facts() -> None:
    members = {"c-0": {}, "c-1": {"pod": "crashed", "words": "last"}, "c-2": {}, "c-3": {"etcd": "learner"}}
    found = told({"members": members}, {"size": 4})["status"]
    assert found["clusterID"] == "c1"
    assert found["size"] == 4
    assert (found["ready"], found["readyMembers"]) == ("2/4", 2)
    assert found["leader"] == "c-0"
    assert found["currentVersion"] == "3.5.32"
    assert "targetVersion" not in found
    assert "initialMembers" not in found
    assert found["clientEndpoint"] == "http://c-client.ns.svc:2379"
    assert found["nextMember"] == 4
    assert [m["role"] for m in found["members"]] == ["Leader", "Unknown", "Follower", "Learner"]
    assert [m["healthy"] for m in found["members"]] == [True, False, True, True]
    assert "last" in found["members"][1]["reason"]
    assert "reason" not in found["members"][0]


def test_members_are_kept_by_id_so_that_they_are_remembered() -> None:
    found = told({"members": dict.fromkeys(THREE, NONE)})["status"]
    assert [(m["name"], m["id"]) for m in found["members"]] == [("c-0", "a0"), ("c-1", "a1"), ("c-2", "a2")]
    assert found["readyMembers"] == 0


def test_the_target_is_told_while_it_is_rolled_out() -> None:
    rolling = {"c-0": {"record": {"version": "3.5.32"}}, "c-1": {}, "c-2": {}}
    found = told({"members": rolling, "status": {"currentVersion": "3.5.32"}}, {"version": "3.6.11"})["status"]
    assert (found["currentVersion"], found["targetVersion"]) == ("3.5.32", "3.6.11")


def test_the_first_members_are_told_until_the_cluster_has_an_id() -> None:
    assert told({"formed": False})["status"]["initialMembers"] == ["c-0", "c-1", "c-2"]
    running = {"formed": False, "members": {n: {"etcd": "voter"} for n in THREE}}
    found = told(running)["status"]
    assert found["clusterID"] == "c1"
    assert "initialMembers" not in found


def test_without_quorum_no_cluster_id_is_believed() -> None:
    running = {"formed": False, "quorum": False, "members": {n: {"leader": False} for n in THREE}}
    assert "clusterID" not in told(running)["status"]


@pytest.mark.parametrize("case", CASES, ids=[c[0] for c in CASES])
def test_status_is_what_the_schema_knows(case: tuple[Any, ...]) -> None:
    found = told(case[1], case[2])["status"]
    assert set(found) <= {*CRD.status_fields}
    for member in found.get("members", ()):
        assert None not in member.values()


@pytest.mark.parametrize("case", CASES, ids=[c[0] for c in CASES])
def test_a_second_look_writes_nothing(case: tuple[Any, ...]) -> None:
    resource = told(case[1], case[2])
    domain = validate(resource)
    seen = builders.snapshot(domain, {**case[1], "status": resource["status"]})
    again = status(resource, Outcome(domain, seen, plan(domain, seen, 0.0)), 1000.0)
    assert again == resource["status"] or not case[1].get("formed", True)


@pytest.mark.parametrize(
    ("size", "shown"), [(0, "<=1Mi"), (1 << 20, "<=1Mi"), ((1 << 20) + 1, "<=2Mi"), (3 << 20, "<=4Mi"), (5 << 30, "<=8192Mi")]
)
def test_sizes_are_rounded_so_that_status_stays_still(size: int, shown: str) -> None:
    assert rounded(size) == shown


@pytest.mark.parametrize(("size", "remarked"), [(1, False), (2, True), (3, False), (4, True), (0, False)])
def test_even_sizes_are_remarked_upon(size: int, remarked: bool) -> None:
    found = told({"members": {f"c-{n}": {} for n in range(size)}}, {"size": size})
    assert bool(condition(found, "EvenSize")) is remarked
