"""Resources that ask for one thing to be done once."""

from __future__ import annotations

from typing import Any

import pytest
from davit.errors import Blocked, Invalid, Problem, Transient
from davit.model import Outcome, Plan
from davit.once import FAILED, SUCCEEDED, Finding, status
from davit.testing.builders import condition

FIELDS = ("phase", "message", "finishedAt", "size", "conditions")


def told(outcome: Outcome[Any, Any], before: dict[str, Any] | None = None, hopeless: bool = False) -> dict[str, Any]:
    resource = {"metadata": {"name": "b", "namespace": "ns", "generation": 2}, "status": before or {}}
    return status(resource, outcome, 0.0, FIELDS, hopeless=hopeless)


def found(finding: Finding) -> Outcome[Any, Any]:
    return Outcome(plan=Plan(detail=finding))


@pytest.mark.parametrize("phase", [SUCCEEDED, FAILED])
def test_what_ended_stays_as_it_ended(phase: str) -> None:
    before = {"phase": phase, "message": "as it was", "stranger": 1, "observedGeneration": 1}
    for outcome in (found(Finding("Running", "Running", "again")), Outcome(error=Invalid(Problem("spec", "no")))):
        assert told(outcome, before, hopeless=True) == {**before, "observedGeneration": 2}


def test_facts_are_added_and_what_is_no_field_is_left_out() -> None:
    new = told(found(Finding("Running", "Running", "on", {"size": "2Mi"})), {"finishedAt": "x", "stranger": 1})
    assert (new["phase"], new["message"], new["size"], new["finishedAt"]) == ("Running", "on", "2Mi", "x")
    assert "stranger" not in new
    assert condition(new, "Reconciling")["status"] == "True"


def test_what_goes_as_it_should_needs_no_message() -> None:
    new = told(found(Finding(SUCCEEDED, "Succeeded", "all is there", plain=True)), {"message": "waits"})
    assert "message" not in new
    assert condition(new, "Ready")["status"] == "True"


def test_an_invalid_one_fails_at_once() -> None:
    new = told(Outcome(error=Invalid(Problem("spec.cluster", "say which"))))
    assert (new["phase"], new["message"]) == (FAILED, "spec.cluster: say which")
    assert new["finishedAt"]


def test_what_blocks_it_is_told_until_it_is_hopeless() -> None:
    outcome: Outcome[Any, Any] = Outcome(error=Blocked("Forbidden", "no right to"))
    new = told(outcome, {"phase": "Running"})
    assert (new["phase"], condition(new, "Stalled")["reason"]) == ("Running", "Forbidden")
    new = told(outcome, {"phase": "Running"}, hopeless=True)
    assert (new["phase"], condition(new, "Ready")["reason"]) == (FAILED, "Forbidden")
    assert "no right to" in new["message"]


def test_trouble_that_passes_changes_no_phase() -> None:
    new = told(Outcome(error=Transient("the API server is away")), {"phase": "Running"}, hopeless=True)
    assert (new["phase"], condition(new, "Reconciling")["reason"]) == ("Running", "Waiting")
