"""The rooms of the etcd operator, put together for the pipeline."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from davit.kube.client import Client
from davit.model import Action, Key, Kind, Manifest, Outcome, Plan

from davit_etcd import actions, observe, plan, status, validate
from davit_etcd.api.v1 import ETCD_CLUSTER
from davit_etcd.backup import metrics
from davit_etcd.client import EtcdClient
from davit_etcd.manifests import OPERATOR
from davit_etcd.manifests.jobs import Agent
from davit_etcd.model import Cluster, Snapshot
from davit_etcd.policies.view import NO_AGENT


@dataclass(frozen=True, slots=True)
class EtcdOperator:
    """`repository` is where etcd images come from, unless an EtcdCluster names its own; `fixed_user`: see `Inputs`."""

    kube: Client
    etcd: EtcdClient
    repository: str = validate.DEFAULT_REPOSITORY
    fixed_user: bool = True
    agent: Agent = NO_AGENT
    revisions: dict[Key, tuple[str, int]] = field(default_factory=dict)
    """Of each EtcdCluster its history, by uid and cluster ID, and the highest revision seen of that, to tell what was lost."""
    name: str = OPERATOR
    kind: Kind = ETCD_CLUSTER

    def validate(self, resource: Manifest) -> Cluster:
        """See `davit_etcd.validate`."""
        return validate.validate(resource, self.repository, fixed_user=self.fixed_user)

    async def observe(self, domain: Cluster, resource: Manifest) -> Snapshot:
        """See `davit_etcd.observe`."""
        seen = await observe.observe(domain, resource, self.kube, self.etcd)
        history = f"{domain.uid}/{seen.status.get('clusterID') or seen.adopted_id}"
        before, known = self.revisions.get(domain.key, (history, 0))
        told = [m.endpoint.revision for m in seen.members if m.endpoint is not None]
        highest = max((known if before == history else 0, *told))
        self.revisions[domain.key] = history, highest
        return replace(seen, known_revision=highest)

    def gone(self, cluster: Key) -> None:
        """Forget an EtcdCluster that is no more."""
        self.revisions.pop(cluster, None)

    def plan(self, domain: Cluster, snapshot: Snapshot, now: float) -> Plan:
        """See `davit_etcd.plan`."""
        return plan.plan(domain, snapshot, now, self.agent)

    async def execute(self, action: Action, domain: Cluster, snapshot: Snapshot) -> None:
        """See `davit_etcd.actions`."""
        await actions.execute(action, domain, snapshot, self.kube, self.etcd)

    def status(self, resource: Manifest, outcome: Outcome[Cluster, Snapshot], now: float) -> dict[str, Any]:
        """See `davit_etcd.status`; shows the age of the newest backups."""
        written = status.status(resource, outcome, now)
        metadata = resource["metadata"]
        metrics.published(Key(metadata["namespace"], metadata["name"]), written.get("backups") or {})
        return written
