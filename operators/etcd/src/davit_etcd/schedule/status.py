"""What the operator tells people and machines about an EtcdBackupSchedule. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from davit.errors import Blocked, Invalid
from davit.model import Manifest, Outcome
from davit.status import Condition, merge, timestamp

from davit_etcd.api.backups import SCHEDULE_CRD
from davit_etcd.backup.newest import newest
from davit_etcd.model import Json
from davit_etcd.schedule.model import Run, Schedule, View
from davit_etcd.schedule.plan import Decision, failures, last_used, running

_SETTLED = ("ClusterHibernated",)
"""Reasons to make no backups that are as they should be."""


def status(resource: Manifest, outcome: Outcome[Schedule, View], now: float) -> Json:
    """The whole status; facts that could not be read this time are kept from the last."""
    old: Json = dict(resource.get("status") or {})
    generation = resource["metadata"].get("generation", 0)
    facts = {key: old[key] for key in SCHEDULE_CRD.status_fields if key in old}
    if outcome.domain is not None and outcome.snapshot is not None:
        facts = _facts(outcome.domain, outcome.snapshot, outcome, now)
    conditions = list(_conditions(outcome))
    return {
        **facts,
        "observedGeneration": generation,
        "conditions": merge(old.get("conditions") or (), conditions, generation, now),
    }


def _facts(schedule: Schedule, view: View, outcome: Outcome[Schedule, View], now: float) -> Json:
    decision = _decision(outcome)
    # What the plan wanted to start counts only if nothing went wrong on the way.
    made = decision is not None and outcome.error is None
    last = decision.last if decision and made else last_used(view, now)
    current = running(view.runs)
    facts: Json = {
        "phase": "Invalid" if schedule.cron is None else "Suspended" if schedule.suspended else "Active",
        "nextTime": timestamp(decision.next) if decision and decision.next is not None else None,
        "lastScheduledTime": timestamp(last) if last is not None else None,
        "running": current.name if current else (decision.started or None) if decision and made else None,
        **newest(view.status, view.backups),
        "consecutiveFailures": failures(view),
        "stored": _stored(view),
    }
    return {key: value for key, value in facts.items() if value is not None}


def _stored(view: View) -> int | None:
    by_name = {backup["metadata"]["name"]: backup for backup in view.backups}
    counts = [by_name[run.name]["status"].get("stored") for run in view.runs if run.good]
    known = [count for count in counts if isinstance(count, int)]
    old = view.status.get("stored")
    return known[-1] if known else old


def _decision(outcome: Outcome[Schedule, View]) -> Decision | None:
    detail = outcome.plan.detail if outcome.plan is not None else None
    return detail if isinstance(detail, Decision) else None


def _conditions(outcome: Outcome[Schedule, View]) -> Iterator[Condition]:
    error, decision = outcome.error, _decision(outcome)
    if isinstance(error, Invalid | Blocked):
        reason = error.reason if isinstance(error, Blocked) else "Invalid"
        yield from _hurt("Stalled", reason, str(error))
    elif outcome.domain is None or outcome.snapshot is None or decision is None:
        yield from _hurt("Reconciling", "Waiting", str(error or ""))
    elif decision.held and decision.held[0] not in _SETTLED:
        yield from _hurt("Reconciling", *decision.held)
    elif (last := _last_ended(outcome.snapshot)) is not None and last.failed:
        yield from _hurt("Stalled", "LastBackupFailed", f"EtcdBackup {last.name} failed: {last.message}")
    elif decision.held:
        yield Condition("Ready", "True", *decision.held)
    elif outcome.domain.suspended:
        yield Condition("Ready", "True", "Suspended", "spec.suspend is true: no backups are started")
    elif last is None:
        yield Condition("Ready", "True", "Scheduled", "no backup has ended yet")
    else:
        yield Condition("Ready", "True", "LastBackupGood", f"EtcdBackup {last.name} succeeded")


def _hurt(kind: str, reason: str, message: str) -> Iterator[Condition]:
    yield Condition("Ready", "False", reason, message)
    yield Condition(kind, "True", reason, message)


def _last_ended(view: View) -> Run | None:
    return next((run for run in reversed(view.runs) if run.ended), None)
