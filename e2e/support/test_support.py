"""The parts of the harness that decide without a cluster: log verdicts, settings, waits, kstatus, audit entries."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from e2e.support import kstatus
from e2e.support.etcd import MemberView, View
from e2e.support.logs import Line, unexpected
from e2e.support.quiet import AuditLog, changes
from e2e.support.settings import NotConfigured, load
from e2e.support.wait import Happened, Late, never, until


def line(**fields: object) -> Line:
    """One JSON log line."""
    return Line("pod", "t", json.dumps(fields))


def test_errors_of_the_own_namespace_and_of_none_count() -> None:
    lines = [
        line(level="info", msg="fine", key="mine/db"),
        line(level="error", msg="mine", key="mine/db"),
        line(level="ERROR", msg="nobody's"),
        line(level="error", msg="other", key="theirs/db"),
        Line("pod", "t", "Traceback (most recent call last):"),
        line(level="info", msg="x", error="Traceback (most recent call last): ..."),
    ]
    assert len(unexpected(lines, "mine")) == 4


def test_declared_errors_are_expected() -> None:
    assert not unexpected([line(level="error", msg="quorum lost", key="mine/db")], "mine", ["quorum l..t"])


def test_no_cluster_is_an_error_with_a_remedy(tmp_path: Path) -> None:
    with pytest.raises(NotConfigured, match="DAVIT_KUBECONFIG"):
        load({"DAVIT_KUBECONFIG": str(tmp_path / "none")})


@pytest.mark.parametrize("wrong", [{"DAVIT_E2E_OPERATOR": "maybe"}, {"DAVIT_E2E_VERSIONS": "3.5.1,3.6.1"}])
def test_wrong_settings_are_refused(wrong: dict[str, str], tmp_path: Path) -> None:
    config = tmp_path / "kubeconfig"
    config.touch()
    with pytest.raises(NotConfigured):
        load({"DAVIT_KUBECONFIG": str(config), **wrong})


def test_a_wait_that_fails_says_what_was_seen_last() -> None:
    with pytest.raises(Late, match=r"the moon: not within 0 s; last seen: cheese"):
        until("the moon", lambda: "cheese", lambda seen: seen == "rock", deadline=0)


def test_never_fails_at_once() -> None:
    with pytest.raises(Happened, match="a ghost"):
        never("a ghost", lambda: True, bool, during=5)


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ({}, kstatus.CURRENT),
        ({"observedGeneration": -1}, kstatus.IN_PROGRESS),
        ({"observedGeneration": 1}, kstatus.IN_PROGRESS),
        ({"observedGeneration": 2, "conditions": [{"type": "Ready", "status": "True"}]}, kstatus.CURRENT),
        (
            {"observedGeneration": 2, "conditions": [{"type": "Ready", "status": "False"}]},
            kstatus.IN_PROGRESS,
        ),
        ({"observedGeneration": 2, "conditions": [{"type": "Stalled", "status": "True"}]}, kstatus.FAILED),
        (
            {"observedGeneration": 2, "conditions": [{"type": "Reconciling", "status": "True"}]},
            kstatus.IN_PROGRESS,
        ),
    ],
)
def test_kstatus(status: dict[str, object], expected: str) -> None:
    assert kstatus.verdict({"metadata": {"generation": 2}, "status": status}) == expected


def member(name: str, leader: str = "1", kv_hash: str = "h", cluster: str = "c") -> MemberView:
    """A member whose ID is the last letter of its name."""
    return MemberView(name, name[-1], "3.6.14", leader, False, cluster, 5, kv_hash)


THREE = (member("db-1"), member("db-2"), member("db-3"))
LISTED = {"db-1": False, "db-2": False, "db-3": False}


def test_a_settled_cluster_has_no_faults() -> None:
    view = View(THREE, LISTED)
    assert view.faults(3) == []
    assert view.leader == "db-1"


@pytest.mark.parametrize(
    "view",
    [
        View(THREE, {**LISTED, "db-3": True}),
        View(THREE[:2], LISTED, silent=("db-3",)),
        View(THREE, {**LISTED, "db-4": False}),
        View((*THREE[:2], member("db-3", leader="3")), LISTED),
        View((*THREE[:2], member("db-3", kv_hash="other")), LISTED),
        View((*THREE[:2], member("db-3", kv_hash="")), LISTED),
        View((*THREE[:2], member("db-3", cluster="second")), LISTED),
        View(THREE, LISTED, alarms=("NOSPACE",)),
        View((), {}),
    ],
)
def test_faults_of_the_end_state_are_seen(view: View) -> None:
    assert view.faults(3)


def test_changed_made_and_removed_objects_are_changes() -> None:
    assert changes({"a": "1", "b": "1", "c": "1"}, {"a": "1", "b": "2", "d": "1"}) == ["b", "c", "d"]


def test_audit_log_counts_writes_of_one_user_but_leases(tmp_path: Path) -> None:
    def entry(user: str, verb: str, resource: str) -> str:
        found = {
            "verb": verb,
            "user": {"username": user},
            "requestReceivedTimestamp": "2026-11-21T05:00:00.000000Z",
            "objectRef": {"resource": resource, "name": "x", "namespace": "n"},
            "responseStatus": {"code": 200},
        }
        return json.dumps(found) + "\n"

    log = AuditLog(tmp_path / "audit.log")
    log.path.write_text(entry("op", "patch", "services"))
    mark = log.mark()
    with log.path.open("a") as out:
        out.write(entry("op", "patch", "services") + entry("op", "update", "leases") + entry("op", "get", "pods"))
        out.write(entry("me", "delete", "pods") + '{"torn')
    assert [write.what for write in log.writes(mark, "op")] == ["services/x"]
    assert len(log.writes(mark)) == 2
