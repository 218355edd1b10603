"""The rooms of EtcdRestore, put together for the pipeline."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from davit.kube.client import Client
from davit.model import Action, Key, Kind, Manifest, Outcome, Plan
from davit.once import FINAL

from davit_etcd.api.restores import ETCD_RESTORE
from davit_etcd.api.v1 import ETCD_CLUSTER
from davit_etcd.backup.pending import Pending
from davit_etcd.manifests import OPERATOR
from davit_etcd.restore import observe, plan, status, validate
from davit_etcd.restore.model import MakeCluster, Restore, View


@dataclass(frozen=True, slots=True)
class RestoreOperator:
    """`pending` tells which EtcdCluster's changes wake which EtcdRestores."""

    kube: Client
    pending: Pending = field(default_factory=Pending)
    name: str = OPERATOR
    kind: Kind = ETCD_RESTORE

    def validate(self, resource: Manifest) -> Restore:
        """See `davit_etcd.restore.validate`."""
        return validate.validate(resource)

    async def observe(self, domain: Restore, resource: Manifest) -> View:
        """See `davit_etcd.restore.observe`."""
        return await observe.observe(domain, resource, self.kube)

    def plan(self, domain: Restore, snapshot: View, now: float) -> Plan:
        """See `davit_etcd.restore.plan`."""
        return plan.plan(domain, snapshot, now)

    async def execute(self, action: Action, domain: Restore, snapshot: View) -> None:
        """Make the EtcdCluster; raises `Transient` where there is one by now, which the next pass then sees."""
        if isinstance(action, MakeCluster):
            await self.kube.create(ETCD_CLUSTER, json.loads(action.manifest))

    def status(self, resource: Manifest, outcome: Outcome[Restore, View], now: float) -> dict[str, Any]:
        """See `davit_etcd.restore.status`; notes which restores are open."""
        written = status.status(resource, outcome, now)
        metadata = resource["metadata"]
        key = Key(metadata["namespace"], metadata["name"])
        if written.get("phase") in FINAL:
            self.pending.ended(key)
        else:
            self.pending.open(key, Key(key.namespace, str((resource.get("spec") or {}).get("cluster", ""))))
        return written
