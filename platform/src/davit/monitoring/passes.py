"""The passes of the operators of monitoring: of a main resource, which selects others, and of one that is selected.

The first goes by `davit.reconcile` and leaves behind in the inventory what it made of the others; the second tells of it.
"""

from __future__ import annotations

import logging
import time
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from davit.errors import Blocked, DavitError, Fatal, Transient
from davit.kube.client import Client
from davit.model import Key, Kind, Manifest, Notice
from davit.monitoring.bindings import ObjectId, Report, Use
from davit.monitoring.faults import describe
from davit.monitoring.inventory import Inventory, Memory
from davit.reconcile import Fit, write_status

log = logging.getLogger(__name__)

UNKNOWN, SOON = 10.0, 2.0
"""Seconds until the next look, unless woken: while it is not known yet who takes what, and while an edit is looked at."""
PATIENCE = 5.0
"""Seconds that a status waits for somebody to look at an edit."""

M = TypeVar("M", bound=Memory[Any])
U = TypeVar("U", bound=Use)


@dataclass(frozen=True, slots=True)
class Told:
    """Everything about a main resource that the status of others depends on.

    selections: what it selects by, None while that is not known; targets: what is known of them beside reports, if anything.
    """

    selections: Any = None
    reports: Mapping[ObjectId, Report] = field(default_factory=dict)
    targets: Any = None


async def _keep(images: Collection[str]) -> None:
    """Keeps every prover."""


@dataclass(frozen=True, slots=True)
class MainPasses(ABC, Generic[M]):
    """One pass of a main resource, and word to whatever it selects when something became of it.

    reconcile: see `davit.reconcile.Reconciler`; wake: has a resource looked at; retire: ends the provers of all images but
    these.
    """

    reconcile: Callable[[Key], Awaitable[float | None]]
    kind: Kind
    inventory: Inventory[M]
    wake: Callable[[Kind, Key], None]
    retire: Callable[[Collection[str]], Awaitable[None]] = _keep

    @abstractmethod
    def told(self, memory: M) -> Told:
        """What others are told of it."""

    def moved(self, one: ObjectId, before: Told, after: Told) -> bool:
        """Whether more than its report changed of an object."""
        return False

    @abstractmethod
    def measure(self, key: Key, memory: M) -> None:
        """Show in metrics what became of it."""

    @abstractmethod
    def unmeasure(self, key: Key) -> None:
        """Show it no more."""

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
        before = self.told(memory)
        try:
            again = await self.reconcile(key)
            memory.failures = 0
            # An invalid one has nothing to say about others.
            memory.looked = memory.looked or memory.unchecked_since is None
            await self._retire()
            return again
        except DavitError:
            memory.failures += 1
            raise
        finally:
            self.measure(key, memory)
            self._tell(before, self.told(memory))

    def _tell(self, before: Told, after: Told) -> None:
        """New selections concern everything, a new report or other targets the one object."""
        if before.selections != after.selections:
            for kind in self.inventory.selected_kinds:
                for key in self.inventory.cache.objects(kind):
                    self.wake(kind, key)
            return
        for one in before.reports.keys() | after.reports.keys():
            if before.reports.get(one) != after.reports.get(one) or self.moved(one, before, after):
                self.wake(*one)

    def _gone(self, key: Key) -> None:
        memory = self.inventory.memories.get((self.kind, key))
        if memory is None:
            return
        self.inventory.forget(self.kind, key)
        self._tell(self.told(memory), Told())
        if not any(one == key for _, one in self.inventory.memories):
            # Two of different kinds may have one name.
            self.unmeasure(key)
        # The governing Service is shared: it has to lose this owner.
        for main, other in self.inventory.memories:
            if main == self.kind and other.namespace == key.namespace:
                self.wake(main, other)

    async def _retire(self) -> None:
        """Provers of images that nobody has any more go; only once all main resources were looked at."""
        images = frozenset(memory.instance.image for memory in self.inventory.memories.values() if memory.instance)
        if images == self.inventory.images or not self.inventory.complete():
            return
        try:
            await self.retire(images)
            self.inventory.images = images
        except (Transient, Blocked) as error:
            log.info("provers that are not needed any more are still there: %s", error)


@dataclass(frozen=True, slots=True)
class SelectedPasses(ABC, Generic[M, U]):
    """One pass for one object of `kind`: from what the passes of main resources left behind to its status."""

    kind: Kind
    client: Client
    inventory: Inventory[M]
    holds_lease: Callable[[], bool]
    fit: Fit
    clock: Callable[[], float] = time.time
    _waiting: dict[Key, tuple[int | None, float]] = field(default_factory=dict)
    """Of which generation, and since when, nothing is known."""

    @abstractmethod
    def refusal(self, memory: M, manifest: Manifest) -> str | None:
        """Why a main resource does not take an object, empty when it does; None for one that never takes any of the kind."""

    @abstractmethod
    def use(self, main: ObjectId, memory: M, report: Report | None) -> U:
        """What a main resource that takes the object makes of it."""

    @abstractmethod
    async def status(self, manifest: Manifest, uses: list[U], refusals: dict[ObjectId, str]) -> dict[str, Any]:
        """The whole status; see `davit.monitoring.bindings`."""

    async def __call__(self, key: Key) -> float | None:
        """Write the status if it changed; see `davit.reconcile.Reconciler`."""
        await self.inventory.cache.filled()
        cached = self.inventory.cache.get(self.kind, key)
        if cached is None or "deletionTimestamp" in cached["metadata"]:
            self._waiting.pop(key, None)
            return None
        if not self.inventory.complete():
            return UNKNOWN
        uses, refusals = self._uses(key, cached)
        if self._too_early(key, cached, uses):
            return SOON
        status = await self.fit(self.kind, await self.status(cached, uses, refusals))
        changed = status is not None and status != cached.get("status")
        resource = {**cached, "metadata": dict(cached["metadata"])}
        if status is not None and changed:
            if not self.holds_lease():
                raise Fatal("another process may hold the lease by now")
            await write_status(self.client, self.kind, resource, status)
            if self.inventory.cache.get(self.kind, key) is not None:
                # The watch will say the same; until then nobody should write it again. What it said is gone stays so.
                self.inventory.cache.note(self.kind, "MODIFIED", resource)
        if changed or status is None:
            # Where no status can be kept, Events are all there is; the same one is not posted twice.
            await self._announce(resource, uses)
        return None

    def _uses(self, key: Key, manifest: Manifest) -> tuple[list[U], dict[ObjectId, str]]:
        """Who takes it, and why the others don't."""
        generation = manifest["metadata"].get("generation") or 0
        uses, refusals = [], {}
        for main, memory in self.inventory.memories.items():
            if memory.instance is None:
                continue
            why = self.refusal(memory, manifest)
            if why == "":
                report = memory.reports.get((self.kind, key))
                uses.append(self.use(main, memory, report if report and report.generation == generation else None))
            elif why is not None:
                refusals[main] = why
        return uses, refusals

    def _too_early(self, key: Key, manifest: Manifest, uses: list[U]) -> bool:
        """Whether to wait for somebody who looks at an edit right now, and spare the status a word in between."""
        generation = manifest["metadata"].get("generation")
        if not manifest.get("status") or all(use.report for use in uses):
            self._waiting.pop(key, None)
            return False
        now = self.clock()
        since = self._waiting.get(key, (None, 0.0))
        if since[0] != generation:
            self._waiting[key] = since = (generation, now)
        return now - since[1] < PATIENCE

    async def _announce(self, resource: Manifest, uses: list[U]) -> None:
        for use in uses:
            if use.report and use.report.faults:
                message = f"{use.kind.kind} {use.key} leaves out: {describe(use.report.faults)}"
                await self.client.event(resource, Notice("InvalidConfiguration", message, warning=True))
