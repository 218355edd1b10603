"""Tells each AlertmanagerConfig in its own status what became of it."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from davit.errors import Fatal
from davit.kube.client import Client
from davit.model import Key, Manifest, Notice
from davit.reconcile import Fit, write_status

from davit_alertmanager.api.v1alpha1 import ALERTMANAGER_CONFIG
from davit_alertmanager.bindings import Use, binding_status, describe
from davit_alertmanager.inventory import Inventory


@dataclass(frozen=True, slots=True)
class ConfigPasses:
    """One pass for one AlertmanagerConfig: from what the Alertmanager passes left behind to its status."""

    client: Client
    inventory: Inventory
    holds_lease: Callable[[], bool]
    fit: Fit
    clock: Callable[[], float] = time.time

    async def __call__(self, key: Key) -> float | None:
        """Write the status if it changed; see `davit.reconcile.Reconciler`."""
        await self.inventory.cache.filled()
        cached = self.inventory.cache.get(ALERTMANAGER_CONFIG, key)
        if cached is None or "deletionTimestamp" in cached["metadata"]:
            return None
        uses, refusals = self._uses(key, cached)
        status = await self.fit(ALERTMANAGER_CONFIG, binding_status(cached, uses, refusals, now=self.clock()))
        if status is not None and status != cached.get("status"):
            resource = {**cached, "metadata": dict(cached["metadata"])}
            if not self.holds_lease():
                raise Fatal("another process may hold the lease by now")
            await write_status(self.client, ALERTMANAGER_CONFIG, resource, status)
            # The watch will say the same; until then nobody should write it again.
            self.inventory.cache.note(ALERTMANAGER_CONFIG, "MODIFIED", resource)
        await self._announce(cached, uses)
        return None

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
