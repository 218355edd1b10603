"""Decides what one EtcdBackupSchedule does next. Pure.

At most one backup runs at a time. What was due is read off the EtcdBackups themselves as well as off status, so that a
crash between making one and noting it starts no second.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass

from davit.backup.schedule import Cron, due, following
from davit.kube import labels
from davit.model import Action, Key, Manifest, Notice, Plan
from davit.status import timestamp

from davit_etcd.api.backups import ETCD_BACKUP
from davit_etcd.backup.commands import Remove
from davit_etcd.commands import Create
from davit_etcd.manifests import OPERATOR, PRODUCT
from davit_etcd.model import canonical
from davit_etcd.schedule.model import DUE_ANNOTATION, FAILURES_ANNOTATION, PUNCTUAL, SCHEDULE_LABEL, Run, Schedule, View, moment

RESYNC = 600.0
"""Seconds after which a schedule is looked at in any case: nobody's clock or watch is trusted for longer."""


@dataclass(frozen=True, slots=True)
class Decision:
    """The plan's findings for the status room.

    last: the due time that was used last, None before the first; next: the due time to come; started: the EtcdBackup that
    this pass makes; held: why none is made although it is time, as reason and message.
    """

    last: float | None
    next: float | None
    started: str = ""
    held: tuple[str, str] | None = None


def plan(schedule: Schedule, view: View, now: float) -> Plan:
    """Start what is due, else forget one old EtcdBackup; nothing while the schedule can't be read."""
    runs, last = view.runs, last_used(view, now)
    if schedule.cron is None:
        return Plan(detail=Decision(last, None))
    held = _held(schedule, view)
    wanted = None if held or schedule.suspended else _due(schedule, schedule.cron, runs, last, now)
    coming = None if schedule.suspended else following(schedule.cron, now)
    wait = RESYNC if coming is None else min(RESYNC, max(0.0, coming - now))
    if wanted is not None:
        name = schedule.run_name(wanted)
        action, found = _start(schedule, view, wanted), Decision(wanted, coming, name, held)
        return Plan(actions=(action,), notices=tuple(_ahead(view, now)), requeue_after=wait, detail=found)
    excess = next(_excess(schedule, runs), None)
    return Plan(
        actions=(excess,) if excess else (),
        notices=tuple(_ahead(view, now)),
        requeue_after=0.0 if excess else wait,
        detail=Decision(last, coming, "", held),
    )


def last_used(view: View, now: float) -> float | None:
    """The due time that was used last, by what status remembers and what there is.

    None that is still to come counts: a clock was wrong when it was noted, and nothing would start until then.
    """
    known = [run.due for run in view.runs]
    noted = moment(view.status.get("lastScheduledTime"))
    found = [*known, *([noted] if noted is not None else [])]
    return max((due_time for due_time in found if due_time <= now + PUNCTUAL), default=None)


def _ahead(view: View, now: float) -> Iterator[Notice]:
    """Said once, for the status is corrected in the same pass."""
    noted = moment(view.status.get("lastScheduledTime"))
    if noted is not None and noted > now + PUNCTUAL:
        text = f"status.lastScheduledTime was {timestamp(noted)}, which is still to come: a clock was wrong, it is not counted"
        yield Notice("ClockWasWrong", text, warning=True)


def failures(view: View) -> int:
    """How many failed since the last good one."""
    ended = [run for run in view.runs if run.ended]
    if not ended:
        return int(view.status.get("consecutiveFailures") or 0)
    return 0 if ended[-1].good else ended[-1].failures_before + 1


def running(runs: tuple[Run, ...]) -> Run | None:
    """The one that runs."""
    return next((run for run in runs if not run.ended and not run.going), None)


def _held(schedule: Schedule, view: View) -> tuple[str, str] | None:
    """A cluster without members has nothing to read, and its data does not change."""
    cluster = view.cluster
    if cluster is None:
        return (
            "ClusterMissing",
            f"EtcdCluster {schedule.cluster} does not exist in this namespace: make it, or correct spec.cluster",
        )
    if (cluster.get("spec") or {}).get("size") == 0:
        return (
            "ClusterHibernated",
            f"EtcdCluster {schedule.cluster} is hibernated: backups begin again when its spec.size is 1 or more",
        )
    return None


def _due(schedule: Schedule, cron: Cron, runs: tuple[Run, ...], last: float | None, now: float) -> float | None:
    if any(not run.ended for run in runs):
        return None
    # A schedule that seems to be made in the future was made by a wrong clock too.
    begun = schedule.created if schedule.created <= now + PUNCTUAL else now - PUNCTUAL
    found = due(cron, begun if last is None else max(last, begun), now)
    if found is None or schedule.catch_up:
        return found
    busy = any(run.due < found and (run.finished is None or run.finished > found) for run in runs)
    return None if busy or now - found > PUNCTUAL else found


def _start(schedule: Schedule, view: View, wanted: float) -> Action:
    name = schedule.run_name(wanted)
    manifest: Manifest = {
        "apiVersion": ETCD_BACKUP.api_version,
        "kind": ETCD_BACKUP.kind,
        "metadata": {
            "name": name,
            "namespace": schedule.key.namespace,
            "labels": {
                **labels.standard(PRODUCT, schedule.cluster, OPERATOR),
                labels.COMPONENT: "backup",
                SCHEDULE_LABEL: schedule.key.name,
            },
            "annotations": {DUE_ANNOTATION: timestamp(wanted), FAILURES_ANNOTATION: str(failures(view))},
            "ownerReferences": [json.loads(schedule.reference)],
        },
        "spec": json.loads(schedule.options),
    }
    return Create(ETCD_BACKUP, canonical(manifest), f"EtcdBackup {name} is due", "BackupDue")


def _excess(schedule: Schedule, runs: tuple[Run, ...]) -> Iterator[Action]:
    """EtcdBackups beyond the history, the oldest first; never the newest good one, nor the last, which says how it stands."""
    newest_first = [run for run in reversed(runs) if run.ended and not run.going]
    good, failed = [run for run in newest_first if run.good], [run for run in newest_first if run.failed]
    last = newest_first[:1]
    for run in sorted([*good[max(1, schedule.good_kept) :], *failed[schedule.failed_kept :]], key=lambda run: run.due):
        if run in last:
            continue
        key = Key(schedule.key.namespace, run.name)
        yield Remove(ETCD_BACKUP, key, run.uid, f"EtcdBackup {run.name} is beyond the history; the store keeps its data", "")
