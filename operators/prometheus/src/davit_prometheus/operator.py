"""The rooms of the Prometheus operator, put together for the pipeline: one for Prometheus, one for PrometheusAgent."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

from davit.model import Action, Key, Kind, Manifest, Outcome, Plan
from davit.monitoring.bindings import ObjectId
from davit.monitoring.passes import MainPasses, Told

from davit_prometheus import metrics, plan, status, validate
from davit_prometheus.actions import Actor
from davit_prometheus.inventory import MONITORS, Inventory, Memory
from davit_prometheus.model import OPERATOR, Instance, Pool
from davit_prometheus.observe import Observer
from davit_prometheus.snapshot import Snapshot


@dataclass(frozen=True, slots=True)
class PrometheusOperator:
    """See `davit.reconcile.Operator`."""

    kind: Kind
    observer: Observer
    actor: Actor
    inventory: Inventory
    repository: str = validate.REPOSITORY
    thanos_repository: str = validate.THANOS_REPOSITORY
    name: str = OPERATOR

    def validate(self, resource: Manifest) -> Instance:
        """See `davit_prometheus.validate`."""
        return validate.validate(resource, repository=self.repository, thanos_repository=self.thanos_repository)

    async def observe(self, domain: Instance, resource: Manifest) -> Snapshot:
        """See `davit_prometheus.observe`."""
        return await self.observer.observe(self.kind, domain, resource)

    def plan(self, domain: Instance, snapshot: Snapshot, now: float) -> Plan:
        """See `davit_prometheus.plan`."""
        return plan.plan(domain, snapshot, now)

    async def execute(self, action: Action, domain: Instance, snapshot: Snapshot) -> None:
        """See `davit_prometheus.actions`."""
        await self.actor.execute(action, domain, self.inventory.memory(self.kind, domain.key))

    def status(self, resource: Manifest, outcome: Outcome[Instance, Snapshot], now: float) -> dict[str, Any]:
        """See `davit_prometheus.status`."""
        return status.status(resource, outcome, now)


@dataclass(frozen=True, slots=True)
class Passes(MainPasses[Memory]):
    """See `davit.monitoring.passes.MainPasses`."""

    def told(self, memory: Memory) -> Told:
        """See `MainPasses`; targets are by scrape pool."""
        selections = None if memory.instance is None else (memory.instance.uid, memory.instance.selections)
        return Told(selections, memory.reports, memory.pools)

    def moved(self, one: ObjectId, before: Told, after: Told) -> bool:
        """Whether the targets of an object's jobs are others."""
        return before.targets is not after.targets and _targets(one, before) != _targets(one, after)

    def measure(self, key: Key, memory: Memory) -> None:
        """See `MainPasses`."""
        counted = Counter(kind.kind for kind, _ in memory.reports)
        for kind in MONITORS:
            metrics.SELECTED.labels(key.namespace, key.name, kind.kind).set(counted[kind.kind])
        metrics.REJECTED.labels(key.namespace, key.name).set(sum(1 for one in memory.reports.values() if one.faults))
        metrics.LIVE.labels(key.namespace, key.name).set(1 if memory.is_live else 0)

    def unmeasure(self, key: Key) -> None:
        """See `MainPasses`."""
        for gauge in (metrics.LIVE, metrics.REJECTED):
            gauge.remove(key.namespace, key.name)
        for kind in MONITORS:
            metrics.SELECTED.remove(key.namespace, key.name, kind.kind)


def _targets(one: ObjectId, told: Told) -> list[Pool | None] | None:
    """Those of an object's jobs; None where they are not known."""
    report = told.reports.get(one)
    return None if report is None or told.targets is None else [told.targets.get(job) for job in report.used]
