"""What the operator tells people and machines about an EtcdRestore. Pure."""

from __future__ import annotations

from davit import once
from davit.backup.model import instant
from davit.model import Manifest, Outcome
from davit.once import PENDING

from davit_etcd.api.restores import RESTORE_CRD
from davit_etcd.model import Json
from davit_etcd.restore.model import Restore, View


def status(resource: Manifest, outcome: Outcome[Restore, View], now: float) -> Json:
    """The whole status: see `davit.once.status`."""
    return once.status(resource, outcome, now, RESTORE_CRD.status_fields, hopeless=_hopeless(outcome, now))


def _hopeless(outcome: Outcome[Restore, View], now: float) -> bool:
    """Whether it was never accepted until its deadline; one that was is the EtcdCluster's to end, and only followed."""
    restore = outcome.domain
    if outcome.plan is not None or restore is None:
        return False
    return restore.phase in ("", PENDING) and now >= instant(restore.created) + restore.deadline
