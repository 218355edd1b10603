"""The rooms of the Alertmanager operator, put together for the pipeline."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from davit.model import Action, Key, Kind, Manifest, Outcome, Plan
from davit.monitoring.passes import MainPasses, Told

from davit_alertmanager import metrics, plan, status, validate
from davit_alertmanager.actions import Actor
from davit_alertmanager.api.v1 import ALERTMANAGER
from davit_alertmanager.inventory import Inventory, Memory
from davit_alertmanager.model import OPERATOR, Instance
from davit_alertmanager.observe import Observer
from davit_alertmanager.snapshot import Snapshot


@dataclass(frozen=True, slots=True)
class AlertmanagerOperator:
    """See `davit.reconcile.Operator`."""

    observer: Observer
    actor: Actor
    inventory: Inventory
    repository: str = validate.REPOSITORY
    name: str = OPERATOR
    kind: Kind = ALERTMANAGER

    def validate(self, resource: Manifest) -> Instance:
        """See `davit_alertmanager.validate`."""
        return validate.validate(resource, self.repository)

    async def observe(self, domain: Instance, resource: Manifest) -> Snapshot:
        """See `davit_alertmanager.observe`."""
        return await self.observer.observe(domain, resource)

    def plan(self, domain: Instance, snapshot: Snapshot, now: float) -> Plan:
        """See `davit_alertmanager.plan`."""
        return plan.plan(domain, snapshot, now)

    async def execute(self, action: Action, domain: Instance, snapshot: Snapshot) -> None:
        """See `davit_alertmanager.actions`."""
        await self.actor.execute(action, domain, self.inventory.memory(self.kind, domain.key))

    def status(self, resource: Manifest, outcome: Outcome[Instance, Snapshot], now: float) -> dict[str, Any]:
        """See `davit_alertmanager.status`."""
        return status.status(resource, outcome, now)


@dataclass(frozen=True, slots=True)
class Passes(MainPasses[Memory]):
    """See `davit.monitoring.passes.MainPasses`."""

    def told(self, memory: Memory) -> Told:
        """See `MainPasses`."""
        instance = memory.instance
        if instance is None:
            return Told(None, memory.reports)
        return Told((instance.uid, instance.selector, instance.namespaces, instance.configuration), memory.reports)

    def measure(self, key: Key, memory: Memory) -> None:
        """See `MainPasses`."""
        where = (key.namespace, key.name)
        metrics.SELECTED.labels(*where).set(len(memory.reports))
        metrics.REJECTED.labels(*where).set(sum(1 for one in memory.reports.values() if one.faults))
        metrics.LIVE.labels(*where).set(1 if memory.is_live else 0)
        metrics.PEERS.labels(*where).set(memory.peers)

    def unmeasure(self, key: Key) -> None:
        """See `MainPasses`."""
        for gauge in (metrics.LIVE, metrics.REJECTED, metrics.SELECTED, metrics.PEERS):
            gauge.remove(key.namespace, key.name)
