"""Resources that ask for one thing to be done once, as a Job does: their phases, and the status that tells of them. Pure.

The same in every operator: the plan's `detail` is a `Finding`, and what ended stays as it ended.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from davit.errors import Blocked, Invalid
from davit.model import Manifest, Outcome
from davit.status import Condition, merge, timestamp

PENDING, SUCCEEDED, FAILED = "Pending", "Succeeded", "Failed"
FINAL = (SUCCEEDED, FAILED)


@dataclass(frozen=True, slots=True)
class Finding:
    """Where the work stands: its phase, why, what is newly known of it, and the seconds until the next look.

    plain: all goes as it should, and the message says no more than the phase.
    """

    phase: str
    reason: str
    message: str
    facts: Mapping[str, Any] = field(default_factory=dict)
    wait: float | None = None
    plain: bool = False


def status(
    resource: Manifest, outcome: Outcome[Any, Any], now: float, fields: Collection[str], *, hopeless: bool = False
) -> dict[str, Any]:
    """The whole status; that of what ended stays as it is, to the letter.

    now: Unix time; fields: those that a status may have; hopeless: nothing can be hoped for from what blocks it now.
    """
    old: dict[str, Any] = dict(resource.get("status") or {})
    generation = resource["metadata"].get("generation", 0)
    if old.get("phase") in FINAL:
        return {**old, "observedGeneration": generation}
    finding = _finding(outcome, old, now, hopeless)
    known = {key: old[key] for key in fields if key in old}
    return {
        **{key: value for key, value in (known | dict(finding.facts)).items() if key != "message"},
        **({} if finding.plain else {"message": finding.message}),
        "phase": finding.phase,
        "observedGeneration": generation,
        "conditions": merge(old.get("conditions") or (), list(_conditions(finding, outcome.error)), generation, now),
    }


def _finding(outcome: Outcome[Any, Any], old: Mapping[str, Any], now: float, hopeless: bool) -> Finding:
    """What the plan found, if it was carried out; an error is told instead, and the phase stays as it was."""
    error, phase, ended = outcome.error, str(old.get("phase") or PENDING), {"finishedAt": timestamp(now)}
    if isinstance(error, Invalid):
        return Finding(FAILED, "Invalid", str(error), ended)
    if isinstance(error, Blocked) and hopeless:
        return Finding(FAILED, error.reason, f"it could not be looked after until its deadline: {error}", ended)
    if error is not None:
        return Finding(phase, error.reason if isinstance(error, Blocked) else "Waiting", str(error))
    detail: Any = outcome.plan.detail if outcome.plan else None
    return detail if isinstance(detail, Finding) else Finding(phase, "Waiting", "")


def _conditions(finding: Finding, error: Exception | None) -> Iterator[Condition]:
    done = finding.phase == SUCCEEDED
    yield Condition("Ready", "True" if done else "False", finding.reason, finding.message)
    if finding.phase == FAILED or (isinstance(error, Blocked) and not done):
        yield Condition("Stalled", "True", finding.reason, finding.message)
    elif not done:
        yield Condition("Reconciling", "True", finding.reason, finding.message)
