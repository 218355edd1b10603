"""Tells each AlertmanagerConfig in its own status what became of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from davit.model import Manifest
from davit.monitoring.bindings import ObjectId, Report, Use
from davit.monitoring.passes import SelectedPasses

from davit_alertmanager.bindings import binding_status
from davit_alertmanager.inventory import Inventory, Memory


@dataclass(frozen=True, slots=True)
class ConfigPasses(SelectedPasses[Memory, Use]):
    """See `davit.monitoring.passes.SelectedPasses`."""

    inventory: Inventory

    def refusal(self, memory: Memory, manifest: Manifest) -> str | None:
        """See `SelectedPasses`; the base configuration is taken, whatever its labels."""
        instance = memory.instance
        if instance is None:
            return None
        return "" if self.inventory.takes(instance, manifest) else self.inventory.refusal(instance, manifest)

    def use(self, main: ObjectId, memory: Memory, report: Report | None) -> Use:
        """See `SelectedPasses`."""
        return Use(*main, report)

    async def status(self, manifest: Manifest, uses: list[Use], refusals: dict[ObjectId, str]) -> dict[str, Any]:
        """See `davit_alertmanager.bindings`."""
        return binding_status(manifest, uses, refusals, now=self.clock())
