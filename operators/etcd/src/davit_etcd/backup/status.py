"""What the operator tells people and machines about an EtcdBackup. Pure."""

from __future__ import annotations

from davit import once
from davit.model import Manifest, Outcome
from davit.once import PENDING

from davit_etcd.api.backups import BACKUP_CRD
from davit_etcd.backup.model import GRACE, Backup, View
from davit_etcd.model import Json


def status(resource: Manifest, outcome: Outcome[Backup, View], now: float) -> Json:
    """The whole status: see `davit.once.status`."""
    return once.status(resource, outcome, now, BACKUP_CRD.status_fields, hopeless=_hopeless(outcome, now))


def _hopeless(outcome: Outcome[Backup, View], now: float) -> bool:
    """Whether nothing could be seen, let alone planned, until after the deadlines."""
    backup = outcome.domain
    if outcome.plan is not None or backup is None:
        return False
    begun = backup.phase not in ("", PENDING)
    return now >= backup.limit + (backup.deadline + GRACE if begun else 0.0)
