"""The rooms of the Alertmanager operator, put together for the pipeline."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass
from typing import Any

from davit.errors import Blocked, DavitError, Transient
from davit.model import Action, Key, Kind, Manifest, Outcome, Plan
from davit.reconcile import Reconciler

from davit_alertmanager import metrics, plan, status, validate
from davit_alertmanager.actions import Actor
from davit_alertmanager.api.v1 import ALERTMANAGER
from davit_alertmanager.api.v1alpha1 import ALERTMANAGER_CONFIG
from davit_alertmanager.inventory import Inventory, Memory
from davit_alertmanager.model import OPERATOR, Instance
from davit_alertmanager.observe import Observer
from davit_alertmanager.snapshot import Snapshot

log = logging.getLogger(__name__)


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
        await self.actor.execute(action, domain, self.inventory.memory(domain.key))

    def status(self, resource: Manifest, outcome: Outcome[Instance, Snapshot], now: float) -> dict[str, Any]:
        """See `davit_alertmanager.status`."""
        return status.status(resource, outcome, now)


async def _keep(images: Collection[str]) -> None:
    """Keeps every prover."""


@dataclass(frozen=True, slots=True)
class Passes:
    """One pass of an Alertmanager, and word to whatever it selects when something became of it.

    retire: ends the provers of all images but these.
    """

    reconciler: Reconciler[Instance, Snapshot]
    inventory: Inventory
    wake: Callable[[Kind, Key], None]
    retire: Callable[[Collection[str]], Awaitable[None]] = _keep

    async def __call__(self, key: Key) -> float | None:
        """See `davit.reconcile.Reconciler`."""
        await self.inventory.cache.filled()
        resource = self.inventory.cache.get(ALERTMANAGER, key)
        if resource is None or "deletionTimestamp" in resource["metadata"] or not self.inventory.ours(resource):
            self._gone(key)
            await self._retire()
            return None
        memory = self.inventory.memory(key)
        if memory.instance is not None and memory.instance.uid != resource["metadata"]["uid"]:
            self._gone(key)
            memory = self.inventory.memory(key)
        before = _told(memory)
        try:
            again = await self.reconciler(key)
            memory.failures = 0
            # An invalid one has nothing to say about AlertmanagerConfigs.
            memory.looked = memory.looked or memory.unchecked_since is None
            await self._retire()
            return again
        except DavitError:
            memory.failures += 1
            raise
        finally:
            self._measure(key, memory)
            self._tell(before, _told(memory))

    def _tell(self, before: dict[Key | None, Any], after: dict[Key | None, Any]) -> None:
        """New selectors concern everything, a new report the one object."""
        if before.get(None) != after.get(None):
            for key in self.inventory.cache.objects(ALERTMANAGER_CONFIG):
                self.wake(ALERTMANAGER_CONFIG, key)
            return
        for one in before.keys() | after.keys():
            if one is not None and before.get(one) != after.get(one):
                self.wake(ALERTMANAGER_CONFIG, one)

    def _gone(self, key: Key) -> None:
        memory = self.inventory.memories.get(key)
        if memory is None:
            return
        self.inventory.forget(key)
        self._tell(_told(memory), {})
        for gauge in (metrics.LIVE, metrics.REJECTED, metrics.SELECTED, metrics.PEERS):
            gauge.remove(key.namespace, key.name)
        # The governing Service is shared: it has to lose this owner.
        for other in self.inventory.memories:
            if other.namespace == key.namespace:
                self.wake(ALERTMANAGER, other)

    async def _retire(self) -> None:
        """Provers of images that no Alertmanager has any more go; only once all of them were looked at."""
        images = frozenset(memory.instance.image for memory in self.inventory.memories.values() if memory.instance)
        if images == self.inventory.images or not self.inventory.complete():
            return
        try:
            await self.retire(images)
            self.inventory.images = images
        except (Transient, Blocked) as error:
            log.info("provers that are not needed any more are still there: %s", error)

    def _measure(self, key: Key, memory: Memory) -> None:
        where = (key.namespace, key.name)
        metrics.SELECTED.labels(*where).set(len(memory.reports))
        metrics.REJECTED.labels(*where).set(sum(1 for one in memory.reports.values() if one.faults))
        metrics.LIVE.labels(*where).set(1 if memory.is_live else 0)
        metrics.PEERS.labels(*where).set(memory.peers)


def _told(memory: Memory) -> dict[Key | None, Any]:
    """Everything about an Alertmanager that the status of others depends on."""
    found: dict[Key | None, Any] = {key: report for key, report in memory.reports.items()}  # noqa: C416 # another type of key
    if (instance := memory.instance) is not None:
        found[None] = (instance.uid, instance.selector, instance.namespaces, instance.configuration)
    return found
