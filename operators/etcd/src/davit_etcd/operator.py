"""The rooms of the etcd operator, put together for the pipeline."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from davit.kube.client import Client
from davit.model import Action, Kind, Manifest, Outcome, Plan

from davit_etcd import actions, observe, plan, status, validate
from davit_etcd.api.v1 import ETCD_CLUSTER
from davit_etcd.client import EtcdClient
from davit_etcd.manifests import OPERATOR
from davit_etcd.model import Cluster, Snapshot


@dataclass(frozen=True, slots=True)
class EtcdOperator:
    """`repository` is where etcd images come from, unless an EtcdCluster names its own; `fixed_user`: see `Inputs`."""

    kube: Client
    etcd: EtcdClient
    repository: str = validate.DEFAULT_REPOSITORY
    fixed_user: bool = True
    name: str = OPERATOR
    kind: Kind = ETCD_CLUSTER

    def validate(self, resource: Manifest) -> Cluster:
        """See `davit_etcd.validate`."""
        return validate.validate(resource, self.repository, fixed_user=self.fixed_user)

    async def observe(self, domain: Cluster, resource: Manifest) -> Snapshot:
        """See `davit_etcd.observe`."""
        return await observe.observe(domain, resource, self.kube, self.etcd)

    def plan(self, domain: Cluster, snapshot: Snapshot, now: float) -> Plan:
        """See `davit_etcd.plan`."""
        return plan.plan(domain, snapshot, now)

    async def execute(self, action: Action, domain: Cluster, snapshot: Snapshot) -> None:
        """See `davit_etcd.actions`."""
        await actions.execute(action, domain, snapshot, self.kube, self.etcd)

    def status(self, resource: Manifest, outcome: Outcome[Cluster, Snapshot], now: float) -> dict[str, Any]:
        """See `davit_etcd.status`."""
        return status.status(resource, outcome, now)
