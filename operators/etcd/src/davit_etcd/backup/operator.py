"""The rooms of EtcdBackup, put together for the pipeline."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from davit.kube.client import Client
from davit.model import Action, Key, Kind, Manifest, Outcome, Plan
from davit.once import FAILED, FINAL

from davit_etcd.api.backups import ETCD_BACKUP
from davit_etcd.backup import actions, metrics, observe, plan, status, validate
from davit_etcd.backup.model import Backup, View
from davit_etcd.backup.pending import Pending
from davit_etcd.manifests import OPERATOR
from davit_etcd.manifests.jobs import Agent
from davit_etcd.validate import DEFAULT_REPOSITORY


@dataclass(frozen=True, slots=True)
class BackupOperator:
    """`agent` makes the backups; `repository` and `fixed_user` as in `davit_etcd.operator.EtcdOperator`."""

    kube: Client
    agent: Agent
    repository: str = DEFAULT_REPOSITORY
    fixed_user: bool = True
    pending: Pending = field(default_factory=Pending)
    name: str = OPERATOR
    kind: Kind = ETCD_BACKUP

    def validate(self, resource: Manifest) -> Backup:
        """See `davit_etcd.backup.validate`."""
        return validate.validate(resource)

    async def observe(self, domain: Backup, resource: Manifest) -> View:
        """See `davit_etcd.backup.observe`."""
        return await observe.observe(domain, resource, self.kube, self.repository, fixed_user=self.fixed_user)

    def plan(self, domain: Backup, snapshot: View, now: float) -> Plan:
        """See `davit_etcd.backup.plan`."""
        return plan.plan(domain, snapshot, now, self.agent)

    async def execute(self, action: Action, domain: Backup, snapshot: View) -> None:
        """See `davit_etcd.backup.actions`."""
        await actions.execute(action, self.kube)

    def status(self, resource: Manifest, outcome: Outcome[Backup, View], now: float) -> dict[str, Any]:
        """See `davit_etcd.backup.status`; notes which backups are open, and counts those that failed."""
        self._note(resource)
        return status.status(resource, outcome, now)

    def _note(self, resource: Manifest) -> None:
        """By what is written already: the status that is written now may be refused, and the next pass comes in any case."""
        metadata, phase = resource["metadata"], (resource.get("status") or {}).get("phase")
        key = Key(metadata["namespace"], metadata["name"])
        if phase not in FINAL:
            cluster = (resource.get("spec") or {}).get("cluster", "")
            self.pending.open(key, Key(key.namespace, str(cluster)))
        elif (ended := self.pending.ended(key)) and phase == FAILED:
            metrics.failed(ended)
