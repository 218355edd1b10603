"""What the controller of EtcdBackupSchedules thinks in. Frozen, no I/O."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from davit.backup.model import instant
from davit.backup.schedule import Cron
from davit.model import Key, Manifest
from davit.once import FAILED, FINAL, SUCCEEDED

from davit_etcd.api.backups import MAX_BACKUP_NAME
from davit_etcd.model import GROUP, annotation

SCHEDULE_LABEL = f"{GROUP}/schedule"
DUE_ANNOTATION = f"{GROUP}/scheduled-at"
PUNCTUAL = 120.0
"""Seconds after a due time that still count as in time, as an operator's restart takes."""
SKEW = 3600.0
"""Seconds by which the operator's clock may be ahead of the API server's for long; the order of runs would suffer from less."""
FAILURES_ANNOTATION = f"{GROUP}/failures-before"
"""How many backups of the schedule had failed in a row when this one was made: history may forget them."""


@dataclass(frozen=True, slots=True)
class Schedule:
    """A valid EtcdBackupSchedule with every default filled in.

    created: Unix time; cron: None where it can't be read, so that nothing is started; options: how its EtcdBackups are
    made, and reference their owner reference, both as canonical JSON.
    """

    key: Key
    uid: str
    created: float
    cluster: str
    cron: Cron | None
    options: str
    reference: str
    suspended: bool = False
    catch_up: bool = True
    good_kept: int = 3
    failed_kept: int = 3

    def run_name(self, due: float) -> str:
        """The name of the EtcdBackup for a due time: the same at every try, so that a crash never starts two."""
        stamp = f"{datetime.fromtimestamp(due, UTC):%Y%m%d%H%M}"
        name = self.key.name
        longest = MAX_BACKUP_NAME - len(stamp) - 1
        if len(name) > longest:
            name = f"{name[: longest - 9].rstrip('-.')}-{hashlib.sha256(name.encode()).hexdigest()[:8]}"
        return f"{name}-{stamp}"


@dataclass(frozen=True, slots=True)
class Run:
    """An EtcdBackup that the schedule made. Times are Unix times; `finished` is None while it runs."""

    name: str
    uid: str
    due: float
    phase: str
    finished: float | None
    failures_before: int
    message: str
    going: bool = False

    @property
    def ended(self) -> bool:
        """Whether it succeeded or failed."""
        return self.phase in FINAL

    @property
    def good(self) -> bool:
        """Whether it succeeded."""
        return self.phase == SUCCEEDED

    @property
    def failed(self) -> bool:
        """Whether it failed."""
        return self.phase == FAILED


@dataclass(frozen=True, slots=True)
class View:
    """The world as one pass sees it: the schedule's EtcdBackups, and the EtcdCluster."""

    backups: tuple[Manifest, ...] = ()
    cluster: Manifest | None = None
    status: Mapping[str, Any] = field(default_factory=dict)
    children: tuple[Manifest, ...] = ()
    """Always empty: EtcdBackups are made once and never applied again."""

    @property
    def runs(self) -> tuple[Run, ...]:
        """The backups in the order of their due times."""
        return tuple(sorted((_run(backup) for backup in self.backups), key=lambda run: (run.due, run.name)))


def _run(backup: Manifest) -> Run:
    metadata, status = backup["metadata"], backup.get("status") or {}
    failures = annotation(backup, FAILURES_ANNOTATION)
    return Run(
        name=metadata["name"],
        uid=metadata["uid"],
        due=_due(moment(annotation(backup, DUE_ANNOTATION)), moment(metadata.get("creationTimestamp"))),
        phase=str(status.get("phase") or ""),
        finished=moment(status.get("finishedAt")),
        failures_before=int(failures) if failures.isdigit() else 0,
        message=str(status.get("message") or ""),
        going="deletionTimestamp" in metadata,
    )


def _due(noted: float | None, created: float | None) -> float:
    """None is made before it is due: where the operator's clock was wrong then, the API server's tells."""
    if noted and created and noted > created + SKEW:
        return created
    return noted or created or 0.0


def moment(text: Any) -> float | None:
    """Unix time of an RFC 3339 time, None for anything else."""
    try:
        return instant(str(text or ""))
    except ValueError:
        return None
