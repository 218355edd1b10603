"""What the operators say alike in the conditions of a main resource. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from davit.errors import Blocked, Invalid
from davit.model import Manifest, Outcome
from davit.monitoring.rollout import why_not_running
from davit.status import Condition

REFUSED = "ReloadRefused"
"""The reason when a process does not take what is written."""


def standstill(outcome: Outcome[Any, Any]) -> tuple[Condition, ...]:
    """Why the pass says nothing of progress; empty when it does."""
    match outcome.error:
        case Invalid() as error:
            return stalled("Invalid", str(error))
        case Blocked() as error if error.reason != REFUSED:
            return stalled(error.reason, str(error))
    if outcome.domain is None or outcome.snapshot is None:
        said = str(outcome.error or "it was not looked at yet")
        return Condition("Ready", "Unknown", "NotObserved", said), Condition("Reconciling", "True", "NotObserved", said)
    if outcome.domain.paused:
        return (Condition("Ready", "Unknown", "Paused", "spec.paused is true: nothing is changed"),)
    return ()


def stalled(reason: str, message: str) -> tuple[Condition, Condition]:
    """Nothing goes on before somebody does something."""
    return Condition("Ready", "False", reason, message), Condition("Stalled", "True", reason, message)


def progress(waits: tuple[str, str] | None, error: Exception | None, reason: str, message: str) -> Iterator[Condition]:
    """`waits` is what is still to happen, as reason and message; the other two are for when nothing is."""
    if waits is not None:
        reason, message = waits
    elif error is not None:
        reason, message = "Retrying", str(error)
    yield Condition("Ready", "False" if waits or error else "True", reason, message)
    if waits or error:
        yield Condition("Reconciling", "True", reason, message)


def available(ready: int, wanted: int, pods: Iterable[Manifest]) -> Condition:
    """As prometheus-operator has it: Degraded when some pods serve and others don't."""
    if ready >= wanted:
        return Condition("Available", "True", "", "")
    message = f"{ready} of {wanted} pods serve{why_not_running(pods)}"
    if ready == 0:
        return Condition("Available", "False", "NoPodReady", message)
    return Condition("Available", "Degraded", "SomePodsNotReady", message)


def reconciled(outcome: Outcome[Any, Any]) -> Condition:
    """As prometheus-operator has it: whether the last pass did what it was to do."""
    if outcome.error is not None and (outcome.plan is None or isinstance(outcome.error, Blocked | Invalid)):
        return Condition("Reconciled", "False", "ReconciliationFailed", str(outcome.error))
    return Condition("Reconciled", "True", "", "")
