"""What the operator tells people and machines about an EtcdRestore. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from davit.errors import Blocked, Invalid
from davit.model import Manifest, Outcome
from davit.status import Condition, merge, timestamp

from davit_etcd.api.restores import RESTORE_CRD
from davit_etcd.model import Json
from davit_etcd.restore.model import FAILED, FINAL, PENDING, SUCCEEDED, Finding, Restore, View


def status(resource: Manifest, outcome: Outcome[Restore, View], now: float) -> Json:
    """The whole status; that of a restore that ended stays as it is, to the letter."""
    old: Json = dict(resource.get("status") or {})
    generation = resource["metadata"].get("generation", 0)
    if old.get("phase") in FINAL:
        return {**old, "observedGeneration": generation}
    finding = _finding(outcome, old, now)
    known = {key: old[key] for key in RESTORE_CRD.status_fields if key in old}
    return {
        **(known | finding.facts),
        "phase": finding.phase,
        "message": finding.message,
        "observedGeneration": generation,
        "conditions": merge(old.get("conditions") or (), list(_conditions(finding, outcome.error)), generation, now),
    }


def _finding(outcome: Outcome[Restore, View], old: Json, now: float) -> Finding:
    """What the plan found, if it was carried out; an error is told instead, and the phase stays as it was."""
    error, phase = outcome.error, str(old.get("phase") or PENDING)
    if isinstance(error, Invalid):
        return Finding(FAILED, "Invalid", str(error), {"finishedAt": timestamp(now)})
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
