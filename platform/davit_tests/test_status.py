from __future__ import annotations

from typing import Any

import pytest
from davit.model import Kind
from davit.status import Condition, merge, timestamp, verdict
from davit.testing.builders import resource

KIND = Kind("example.org", "v1", "Example", "examples")


def of(*conditions: tuple[str, str], generation: int = 1, seen: int | None = 1, **metadata: Any) -> str:
    status: dict[str, Any] = {"conditions": [{"type": kind, "status": value} for kind, value in conditions]}
    if seen is not None:
        status["observedGeneration"] = seen
    return verdict(resource(KIND, generation=generation, status=status, **metadata))


@pytest.mark.parametrize(
    ("conditions", "expected"),
    [
        ((), "Current"),
        ((("Ready", "True"),), "Current"),
        ((("Ready", "False"),), "InProgress"),
        ((("Ready", "Unknown"),), "InProgress"),
        ((("Ready", "True"), ("Reconciling", "True")), "InProgress"),
        ((("Ready", "True"), ("Reconciling", "False")), "Current"),
        ((("Ready", "False"), ("Stalled", "True")), "Failed"),
        ((("Ready", "True"), ("Stalled", "False")), "Current"),
        ((("Reconciling", "True"), ("Stalled", "True")), "InProgress"),
        ((("Stalled", "True"), ("Reconciling", "True")), "Failed"),
        ((("Available", "False"),), "Current"),
    ],
)
def test_judges_as_kstatus(conditions: tuple[tuple[str, str], ...], expected: str) -> None:
    assert of(*conditions) == expected


def test_an_older_generation_is_in_progress_whatever_it_says() -> None:
    assert of(("Ready", "True"), generation=2) == "InProgress"
    assert of(("Stalled", "True"), generation=2) == "InProgress"
    assert of(("Ready", "True"), generation=2, seen=None) == "Current"


def test_deleting_comes_first() -> None:
    assert of(("Stalled", "True"), generation=2, deletionTimestamp="2026-01-01T00:00:00Z") == "Terminating"


def test_without_a_status_kstatus_says_current_so_the_crd_has_a_default() -> None:
    assert verdict(resource(KIND)) == "Current"
    assert verdict(resource(KIND, status={"observedGeneration": -1})) == "InProgress"


def test_only_a_changed_value_moves_the_transition() -> None:
    first = merge([], [Condition("Ready", "False", "A", "a")], 1, 0.0)
    same = merge(first, [Condition("Ready", "False", "B", "b")], 2, 60.0)
    changed = merge(same, [Condition("Ready", "True", "C")], 2, 120.0)
    assert [found[0]["lastTransitionTime"] for found in (first, same, changed)] == [timestamp(0), timestamp(0), timestamp(120)]
    assert same[0] == {
        "type": "Ready",
        "status": "False",
        "reason": "B",
        "message": "b",
        "observedGeneration": 2,
        "lastTransitionTime": timestamp(0),
    }


def test_conditions_that_no_longer_apply_go() -> None:
    old = merge([], [Condition("Ready", "True", "A"), Condition("Stalled", "True", "A")], 1, 0.0)
    assert [c["type"] for c in merge(old, [Condition("Ready", "True", "A")], 1, 1.0)] == ["Ready"]


def test_times_are_utc_with_whole_seconds() -> None:
    assert timestamp(1767225600.9) == "2026-01-01T00:00:00Z"
