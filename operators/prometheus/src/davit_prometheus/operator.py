"""The rooms of the Prometheus operator, put together for the pipeline: one for Prometheus, one for PrometheusAgent."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from davit.errors import Invalid
from davit.model import Action, Key, Kind, Manifest, Outcome, Plan
from davit.reconcile import Reconciler

from davit_prometheus import metrics, plan, status, validate
from davit_prometheus.actions import Actor
from davit_prometheus.inventory import MONITORS, Inventory, Memory, ObjectId
from davit_prometheus.manifests.stateful_set import problems
from davit_prometheus.model import Instance
from davit_prometheus.observe import Observer
from davit_prometheus.snapshot import Snapshot

OPERATOR = "davit-prometheus-operator"


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
        instance = validate.validate(resource, repository=self.repository, thanos_repository=self.thanos_repository)
        if found := problems(instance):
            raise Invalid(*found)
        return instance

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
class Passes:
    """One pass of a Prometheus, and word to whatever it selects when something became of it."""

    reconciler: Reconciler[Instance, Snapshot]
    kind: Kind
    inventory: Inventory
    wake: Callable[[Kind, Key], None]
    ours: Callable[[Manifest], bool]

    async def __call__(self, key: Key) -> float | None:
        """See `davit.reconcile.Reconciler`."""
        await self.inventory.cache.filled()
        resource = self.inventory.cache.get(self.kind, key)
        if resource is None or "deletionTimestamp" in resource["metadata"] or not self.ours(resource):
            self._gone(key)
            return None
        memory = self.inventory.memory(self.kind, key)
        if memory.instance is not None and memory.instance.uid != resource["metadata"]["uid"]:
            self._gone(key)
            memory = self.inventory.memory(self.kind, key)
        before = _told(memory)
        try:
            return await self.reconciler(key)
        finally:
            self._measure(key, memory)
            self._tell(before, _told(memory))

    def _tell(self, before: dict[ObjectId, Any], after: dict[ObjectId, Any]) -> None:
        """New selectors concern everything, a new report the one object."""
        if before.get(_SELECTIONS) != after.get(_SELECTIONS):
            for kind in MONITORS:
                for key in self.inventory.cache.objects(kind):
                    self.wake(kind, key)
            return
        for one in before.keys() | after.keys():
            if one != _SELECTIONS and before.get(one) != after.get(one):
                self.wake(*one)

    def _gone(self, key: Key) -> None:
        memory = self.inventory.memories.get((self.kind, key))
        if memory is None:
            return
        self.inventory.forget(self.kind, key)
        self._tell(_told(memory), {})
        for gauge in (metrics.LIVE, metrics.REJECTED):
            gauge.remove(key.namespace, key.name)
        for kind in MONITORS:
            metrics.SELECTED.remove(key.namespace, key.name, kind.kind)

    def _measure(self, key: Key, memory: Memory) -> None:
        for kind in MONITORS:
            count = sum(1 for one in memory.reports if one[0] == kind)
            metrics.SELECTED.labels(key.namespace, key.name, kind.kind).set(count)
        metrics.REJECTED.labels(key.namespace, key.name).set(sum(1 for one in memory.reports.values() if one.faults))
        metrics.LIVE.labels(key.namespace, key.name).set(1 if memory.is_live else 0)


_SELECTIONS: ObjectId = (Kind("", "", "", ""), Key("", ""))


def _told(memory: Memory) -> dict[ObjectId, Any]:
    """Everything about a Prometheus that the status of others depends on."""
    found: dict[ObjectId, Any] = {
        one: (report, memory.pools is not None and tuple(memory.pools.get(job) for job in report.jobs))
        for one, report in memory.reports.items()
    }
    if memory.instance is not None:
        found[_SELECTIONS] = (memory.instance.uid, memory.instance.selections)
    return found
