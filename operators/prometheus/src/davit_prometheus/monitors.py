"""Tells each monitor and rule in its own status what became of it."""

from __future__ import annotations

import difflib
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from davit.errors import Fatal
from davit.kube.client import Client
from davit.kube.kinds import POD, SERVICE
from davit.model import Key, Kind, Manifest, Notice
from davit.monitoring.selection import matches, why_not
from davit.monitoring.types import LabelSelector
from davit.reconcile import Fit, write_status
from davit.routing import own_key

from davit_prometheus.api.monitors import POD_MONITOR, SERVICE_MONITOR
from davit_prometheus.api.rules import PROMETHEUS_RULE
from davit_prometheus.bindings import Use, binding_status
from davit_prometheus.choice import refusal
from davit_prometheus.inventory import Inventory
from davit_prometheus.model import Instance, Selection
from davit_prometheus.status import describe

FIELDS = {
    "ServiceMonitor": "spec.serviceMonitor", "PodMonitor": "spec.podMonitor", "Probe": "spec.probe",
    "ScrapeConfig": "spec.scrapeConfig", "PrometheusRule": "spec.rule",
}  # fmt: skip
"""What the fields of a Prometheus that select a kind begin with."""
LOOKED_AT = 5
"""Services or pods of which the ports are read."""
UNKNOWN, SOON = 10.0, 2.0
"""Seconds until the next look, unless woken: while it is not known yet who takes what, and while an edit is looked at."""
PATIENCE = 5.0
"""Seconds that a status waits for a Prometheus to look at an edit."""


class Reader(Client, Protocol):
    """A client that can list names."""

    async def metadata(self, kind: Kind, namespace: str | None) -> list[Manifest]:
        """As `list`, without content."""


@dataclass(frozen=True, slots=True)
class MonitorPasses:
    """One pass for one object of `kind`: from what the Prometheus passes left behind to its status."""

    kind: Kind
    client: Reader
    inventory: Inventory
    holds_lease: Callable[[], bool]
    fit: Fit
    clock: Callable[[], float] = time.time
    _waiting: dict[Key, tuple[int | None, float]] = field(default_factory=dict)
    """Of which generation, and since when, nothing is known."""

    async def __call__(self, key: Key) -> float | None:
        """Write the status if it changed; see `davit.reconcile.Reconciler`."""
        await self.inventory.cache.filled()
        cached = self.inventory.cache.get(self.kind, key)
        if cached is None or "deletionTimestamp" in cached["metadata"]:
            return None
        if not self.inventory.complete():
            return UNKNOWN
        uses, refusals = self._uses(key, cached)
        if self._too_early(key, cached, uses):
            return SOON
        hint = await self._hint(cached, uses)
        scraped = self.kind != PROMETHEUS_RULE
        status = await self.fit(self.kind, binding_status(cached, uses, refusals, hint=hint, scraped=scraped, now=self.clock()))
        if status is None or status == cached.get("status"):
            return None
        resource = {**cached, "metadata": dict(cached["metadata"])}
        if not self.holds_lease():
            raise Fatal("another process may hold the lease by now")
        await write_status(self.client, self.kind, resource, status)
        if self.inventory.cache.get(self.kind, key) is not None:
            # The watch will say the same; until then nobody should write it again. What it said is gone stays so.
            self.inventory.cache.note(self.kind, "MODIFIED", resource)
        await self._announce(resource, uses)
        return None

    def _too_early(self, key: Key, manifest: Manifest, uses: list[Use]) -> bool:
        """Whether to wait for a Prometheus that looks at an edit right now, and spare the status a word in between."""
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
                message = f"{use.kind.kind} {use.key} leaves out: {describe(use.report.faults)}"
                await self.client.event(resource, Notice("InvalidConfiguration", message, warning=True))

    def _uses(self, key: Key, manifest: Manifest) -> tuple[list[Use], dict[str, str]]:
        """Who takes it, and why the others don't."""
        metadata = manifest["metadata"]
        uses, refusals = [], {}
        for (main, at), memory in self.inventory.memories.items():
            if (instance := memory.instance) is None:
                continue
            if self.inventory.takes(instance, self.kind, manifest):
                report = memory.reports.get((self.kind, key))
                current = report if report and report.generation == (metadata.get("generation") or 0) else None
                uses.append(Use(main, at, current, memory.pools))
            elif self.kind.kind in instance.selections:
                refusals[f"{main.kind} {at}"] = self._refusal(instance, manifest)
        return uses, refusals

    def _refusal(self, instance: Instance, manifest: Manifest) -> str:
        metadata = manifest["metadata"]
        selection: Selection = instance.selections[self.kind.kind]
        namespace = metadata["namespace"]
        return refusal(
            selection,
            instance.key.namespace,
            namespace,
            namespace_labels=self.inventory.namespace_labels(namespace),
            labels=metadata.get("labels") or {},
            field=FIELDS[self.kind.kind],
        )

    async def _hint(self, manifest: Manifest, uses: list[Use]) -> str:
        """Why there is nothing to scrape, as far as Services and pods tell."""
        accepted = [use for use in uses if use.report and use.report.jobs and use.pools is not None]
        if not accepted or any(_active(use) for use in accepted):
            return ""
        if self.kind == SERVICE_MONITOR:
            return await self._nothing(manifest, SERVICE, "endpoints")
        if self.kind == POD_MONITOR:
            return await self._nothing(manifest, POD, "podMetricsEndpoints")
        return ""

    async def _nothing(self, manifest: Manifest, kind: Kind, endpoints: str) -> str:
        spec = manifest["spec"]
        selector = LabelSelector.model_validate(spec.get("selector") or {})
        wanted = spec.get("namespaceSelector") or {}
        namespaces: list[str | None] = wanted.get("matchNames") or [manifest["metadata"]["namespace"]]
        if wanted.get("any"):
            namespaces = [None]
        # Names and labels only: all pods of a large cluster would be more than this process may hold.
        found = [one for namespace in namespaces for one in await self.client.metadata(kind, namespace)]
        where = "any namespace" if wanted.get("any") else f"namespace {', '.join(map(str, namespaces))}"
        matched = [one for one in found if matches(selector, one["metadata"].get("labels") or {})]
        if not matched:
            near = _nearest(selector, found)
            return f"no {kind.kind} in {where} matches spec.selector{near}"
        some = [await self.client.get(kind, own_key(one)) for one in matched[:LOOKED_AT]]
        ports = _ports(kind, [one for one in some if one is not None])
        names = [one["port"] for one in spec.get(endpoints) or () if one.get("port")]
        if missing := [name for name in names if name not in ports]:
            has = ", ".join(sorted(ports)) or "no named port"
            return f"{len(matched)} {kind.kind}(s) match, but none has a port named {', '.join(missing)}; there is {has}"
        may = "and that the ServiceAccount of the Prometheus may list services, endpoints and pods there"
        return f"{len(matched)} {kind.kind}(s) match and no target was found: check that pods stand behind them, {may}"


def _active(use: Use) -> int:
    jobs = use.report.jobs if use.report else ()
    return sum(use.pools[job].active for job in jobs if use.pools and job in use.pools)


def _ports(kind: Kind, found: list[Manifest]) -> set[str]:
    if kind == SERVICE:
        return {port["name"] for one in found for port in one["spec"].get("ports") or () if port.get("name")}
    containers = [container for one in found for container in one["spec"].get("containers") or ()]
    return {port["name"] for container in containers for port in container.get("ports") or () if port.get("name")}


def _nearest(selector: LabelSelector, found: list[Manifest]) -> str:
    """The candidate that misses least, in words."""
    if not found:
        return ": there is none at all"
    return "; the nearest is {1}: {0}".format(*min(_distance(selector, one) for one in found)[-2:])


def _distance(selector: LabelSelector, manifest: Manifest) -> tuple[int, float, str, str]:
    """How much a candidate misses: conditions, then how unlike its values are; and the words for it, and its name."""
    labels = manifest["metadata"].get("labels") or {}
    why = why_not(selector, labels)
    wanted = selector.match_labels or {}
    likeness = sum(difflib.SequenceMatcher(None, value, labels.get(key, "")).ratio() for key, value in wanted.items())
    return why.count(";"), -likeness, why, manifest["metadata"]["name"]
