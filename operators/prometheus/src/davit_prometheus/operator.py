"""The rooms of the Prometheus operator, put together for the pipeline: one for Prometheus, one for PrometheusAgent."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from davit.errors import Blocked, DavitError, Transient
from davit.model import Action, Key, Kind, Manifest, Outcome, Plan
from davit.reconcile import Reconciler

from davit_prometheus import metrics, plan, status, validate
from davit_prometheus.actions import Actor
from davit_prometheus.inventory import MONITORS, Inventory, Memory, ObjectId, Report
from davit_prometheus.model import OPERATOR, Instance, Pool, Selection
from davit_prometheus.observe import Observer
from davit_prometheus.snapshot import Snapshot

log = logging.getLogger(__name__)


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


async def _keep(images: Collection[str]) -> None:
    """Keeps every prover."""


@dataclass(frozen=True, slots=True)
class Told:
    """Everything about a Prometheus that the status of others depends on."""

    selections: tuple[str, Mapping[str, Selection]] | None = None
    reports: Mapping[ObjectId, Report] = field(default_factory=dict)
    pools: Mapping[str, Pool] | None = None

    def targets(self, one: ObjectId) -> list[Pool | None] | None:
        """Those of an object's jobs; None where they are not known."""
        report = self.reports.get(one)
        return None if report is None or self.pools is None else [self.pools.get(job) for job in report.jobs]


@dataclass(frozen=True, slots=True)
class Passes:
    """One pass of a Prometheus, and word to whatever it selects when something became of it.

    retire: ends the provers of all images but these.
    """

    reconciler: Reconciler[Instance, Snapshot]
    kind: Kind
    inventory: Inventory
    wake: Callable[[Kind, Key], None]
    retire: Callable[[Collection[str]], Awaitable[None]] = _keep

    async def __call__(self, key: Key) -> float | None:
        """See `davit.reconcile.Reconciler`."""
        await self.inventory.cache.filled()
        resource = self.inventory.cache.get(self.kind, key)
        if resource is None or "deletionTimestamp" in resource["metadata"] or not self.inventory.ours(resource):
            self._gone(key)
            await self._retire()
            return None
        memory = self.inventory.memory(self.kind, key)
        if memory.instance is not None and memory.instance.uid != resource["metadata"]["uid"]:
            self._gone(key)
            memory = self.inventory.memory(self.kind, key)
        before = _told(memory)
        try:
            again = await self.reconciler(key)
            memory.failures = 0
            memory.looked = memory.looked or memory.unchecked_since is None
            await self._retire()
            return again
        except DavitError:
            memory.failures += 1
            raise
        finally:
            self._measure(key, memory)
            self._tell(before, _told(memory))

    def _tell(self, before: Told, after: Told) -> None:
        """New selectors concern everything, a new report or other targets the one object."""
        if before.selections != after.selections:
            for kind in MONITORS:
                for key in self.inventory.cache.objects(kind):
                    self.wake(kind, key)
            return
        moved = before.pools is not after.pools
        for one in before.reports.keys() | after.reports.keys():
            if before.reports.get(one) != after.reports.get(one) or (moved and before.targets(one) != after.targets(one)):
                self.wake(*one)

    def _gone(self, key: Key) -> None:
        memory = self.inventory.memories.get((self.kind, key))
        if memory is None:
            return
        self.inventory.forget(self.kind, key)
        self._tell(_told(memory), Told())
        if not any(one == key for _, one in self.inventory.memories):
            # A Prometheus and an agent may have one name.
            for gauge in (metrics.LIVE, metrics.REJECTED):
                gauge.remove(key.namespace, key.name)
            for kind in MONITORS:
                metrics.SELECTED.remove(key.namespace, key.name, kind.kind)
        # The governing Service is shared: it has to lose this owner.
        for main, other in self.inventory.memories:
            if main == self.kind and other.namespace == key.namespace:
                self.wake(main, other)

    async def _retire(self) -> None:
        """Provers of images that no Prometheus has any more go; only once all of them were looked at."""
        images = frozenset(memory.instance.image for memory in self.inventory.memories.values() if memory.instance)
        if images == self.inventory.images or not self.inventory.complete():
            return
        try:
            await self.retire(images)
            self.inventory.images = images
        except (Transient, Blocked) as error:
            log.info("provers that are not needed any more are still there: %s", error)

    def _measure(self, key: Key, memory: Memory) -> None:
        counted = Counter(kind.kind for kind, _ in memory.reports)
        for kind in MONITORS:
            metrics.SELECTED.labels(key.namespace, key.name, kind.kind).set(counted[kind.kind])
        metrics.REJECTED.labels(key.namespace, key.name).set(sum(1 for one in memory.reports.values() if one.faults))
        metrics.LIVE.labels(key.namespace, key.name).set(1 if memory.is_live else 0)


def _told(memory: Memory) -> Told:
    selections = None if memory.instance is None else (memory.instance.uid, memory.instance.selections)
    return Told(selections, memory.reports, memory.pools)
