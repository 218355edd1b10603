"""The rooms of EtcdBackupSchedule, put together for the pipeline."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from davit.kube.client import Client
from davit.model import Action, Key, Kind, Manifest, Outcome, Plan

from davit_etcd.api.backups import ETCD_BACKUP_SCHEDULE
from davit_etcd.backup import actions
from davit_etcd.backup.pending import Pending
from davit_etcd.manifests import OPERATOR
from davit_etcd.schedule import observe, plan, status, validate
from davit_etcd.schedule.model import Schedule, View


@dataclass(frozen=True, slots=True)
class ScheduleOperator:
    """`known` says which schedules there are of which cluster, for the watch table."""

    kube: Client
    known: Pending = field(default_factory=Pending)
    name: str = OPERATOR
    kind: Kind = ETCD_BACKUP_SCHEDULE

    def validate(self, resource: Manifest) -> Schedule:
        """See `davit_etcd.schedule.validate`."""
        return validate.validate(resource)

    async def observe(self, domain: Schedule, resource: Manifest) -> View:
        """See `davit_etcd.schedule.observe`."""
        self.known.open(domain.key, Key(domain.key.namespace, domain.cluster))
        return await observe.observe(domain, resource, self.kube)

    def plan(self, domain: Schedule, snapshot: View, now: float) -> Plan:
        """See `davit_etcd.schedule.plan`."""
        return plan.plan(domain, snapshot, now)

    async def execute(self, action: Action, domain: Schedule, snapshot: View) -> None:
        """See `davit_etcd.backup.actions`."""
        await actions.execute(action, self.kube)

    def status(self, resource: Manifest, outcome: Outcome[Schedule, View], now: float) -> dict[str, Any]:
        """See `davit_etcd.schedule.status`."""
        return status.status(resource, outcome, now)
