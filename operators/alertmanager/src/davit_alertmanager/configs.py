"""Tells each AlertmanagerConfig in its own status what became of it."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from davit.errors import Fatal
from davit.kube.client import Client
from davit.model import Key, Manifest, Notice
from davit.reconcile import Fit, write_status

from davit_alertmanager.api.v1alpha1 import ALERTMANAGER_CONFIG
from davit_alertmanager.bindings import Use, binding_status, describe
from davit_alertmanager.inventory import Inventory

UNKNOWN, SOON = 10.0, 2.0
"""Seconds until the next look while not every Alertmanager was looked at, and while one looks at an edit right now."""
PATIENCE = 5.0
"""Seconds until an edit that no Alertmanager looked at is said to be so."""


@dataclass(frozen=True, slots=True)
class ConfigPasses:
    """One pass for one AlertmanagerConfig: from what the Alertmanager passes left behind to its status."""

    client: Client
    inventory: Inventory
    holds_lease: Callable[[], bool]
    fit: Fit
    clock: Callable[[], float] = time.time
    _waiting: dict[Key, tuple[int | None, float]] = field(default_factory=dict)
    """Of which generation, and since when, nothing is known."""

    async def __call__(self, key: Key) -> float | None:
        """Write the status if it changed; see `davit.reconcile.Reconciler`."""
        await self.inventory.cache.filled()
        cached = self.inventory.cache.get(ALERTMANAGER_CONFIG, key)
        if cached is None or "deletionTimestamp" in cached["metadata"]:
            return None
        if not self.inventory.complete():
            return UNKNOWN
        uses, refusals = self._uses(key, cached)
        if self._too_early(key, cached, uses):
            return SOON
        status = await self.fit(ALERTMANAGER_CONFIG, binding_status(cached, uses, refusals, now=self.clock()))
        if status is not None and status != cached.get("status"):
            resource = {**cached, "metadata": dict(cached["metadata"])}
            if not self.holds_lease():
                raise Fatal("another process may hold the lease by now")
            await write_status(self.client, ALERTMANAGER_CONFIG, resource, status)
            if self.inventory.cache.get(ALERTMANAGER_CONFIG, key) is not None:
                # The watch will say the same; until then nobody should write it again. What it said is gone stays so.
                self.inventory.cache.note(ALERTMANAGER_CONFIG, "MODIFIED", resource)
        await self._announce(cached, uses)
        return None

    def _too_early(self, key: Key, manifest: Manifest, uses: list[Use]) -> bool:
        """Whether to wait for an Alertmanager that looks at an edit right now, and spare the status a word in between."""
        generation = manifest["metadata"].get("generation")
        if not manifest.get("status") or all(use.report for use in uses):
            self._waiting.pop(key, None)
            return False
        now = self.clock()
        since = self._waiting.get(key, (None, 0.0))
        if since[0] != generation:
            self._waiting[key] = since = (generation, now)
        return now - since[1] < PATIENCE

    async def _announce(self, resource: Manifest, uses: list[Use]) -> None:
        for use in uses:
            if use.report and use.report.faults:
                message = f"Alertmanager {use.key} leaves out: {describe(use.report.faults)}"
                await self.client.event(resource, Notice("InvalidConfiguration", message, warning=True))

    def _uses(self, key: Key, manifest: Manifest) -> tuple[list[Use], dict[Key, str]]:
        """Who takes it, and why the others don't."""
        generation = manifest["metadata"].get("generation") or 0
        uses, refusals = [], {}
        for at, memory in self.inventory.memories.items():
            if memory.instance is None:
                continue
            if self.inventory.takes(memory.instance, manifest):
                report = memory.reports.get(key)
                uses.append(Use(at, report if report and report.generation == generation else None))
            else:
                refusals[at] = self.inventory.refusal(memory.instance, manifest)
        return uses, refusals
