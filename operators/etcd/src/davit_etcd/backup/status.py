"""What the operator tells people and machines about an EtcdBackup. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from davit.errors import Blocked, Invalid
from davit.model import Manifest, Outcome
from davit.status import Condition, merge, timestamp

from davit_etcd.api.backups import BACKUP_CRD
from davit_etcd.backup.model import FAILED, FINAL, GRACE, PENDING, SUCCEEDED, Backup, Finding, View
from davit_etcd.model import Json


def status(resource: Manifest, outcome: Outcome[Backup, View], now: float) -> Json:
    """The whole status; that of a backup that ended stays as it is, to the letter."""
    old: Json = dict(resource.get("status") or {})
    generation = resource["metadata"].get("generation", 0)
    if old.get("phase") in FINAL:
        return {**old, "observedGeneration": generation}
    finding = _finding(outcome, old, now)
    known = {key: old[key] for key in BACKUP_CRD.status_fields if key in old}
    return {
        **{key: value for key, value in (known | finding.facts).items() if key != "message"},
        **({} if finding.plain else {"message": finding.message}),
        "phase": finding.phase,
        "observedGeneration": generation,
        "conditions": merge(old.get("conditions") or (), list(_conditions(finding, outcome.error)), generation, now),
    }


def _finding(outcome: Outcome[Backup, View], old: Json, now: float) -> Finding:
    """What the plan found, if it was carried out; an error is told instead, and the phase stays as it was."""
    error, phase = outcome.error, str(old.get("phase") or PENDING)
    if isinstance(error, Invalid):
        return Finding(FAILED, "Invalid", str(error), _ended(now))
    if isinstance(error, Blocked) and _hopeless(outcome, now):
        return Finding(FAILED, error.reason, f"it could not be looked after until its deadline: {error}", _ended(now))
    if error is not None:
        return Finding(phase, error.reason if isinstance(error, Blocked) else "Waiting", str(error))
    detail: Any = outcome.plan.detail if outcome.plan else None
    return detail if isinstance(detail, Finding) else Finding(phase, "Waiting", "")


def _hopeless(outcome: Outcome[Backup, View], now: float) -> bool:
    """Whether nothing could be seen, let alone planned, until after the deadlines."""
    backup = outcome.domain
    if outcome.plan is not None or backup is None:
        return False
    begun = backup.phase not in ("", PENDING)
    return now >= backup.limit + (backup.deadline + GRACE if begun else 0.0)


def _ended(now: float) -> Json:
    return {"finishedAt": timestamp(now)}


def _conditions(finding: Finding, error: Exception | None) -> Iterator[Condition]:
    done = finding.phase == SUCCEEDED
    yield Condition("Ready", "True" if done else "False", finding.reason, finding.message)
    if finding.phase == FAILED or (isinstance(error, Blocked) and not done):
        yield Condition("Stalled", "True", finding.reason, finding.message)
    elif not done:
        yield Condition("Reconciling", "True", finding.reason, finding.message)
