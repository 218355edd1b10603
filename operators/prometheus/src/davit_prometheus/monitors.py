"""Tells each monitor and rule in its own status what became of it."""

from __future__ import annotations

import asyncio
import difflib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any, Protocol

from davit.kube.client import Client
from davit.kube.kinds import POD, SERVICE
from davit.model import Kind, Manifest
from davit.monitoring.bindings import ObjectId, Report
from davit.monitoring.passes import SelectedPasses
from davit.monitoring.selection import matches, why_not
from davit.monitoring.types import LabelSelector
from davit.routing import own_key

from davit_prometheus.api.monitors import POD_MONITOR, SERVICE_MONITOR
from davit_prometheus.api.rules import PROMETHEUS_RULE
from davit_prometheus.bindings import Use, binding_status
from davit_prometheus.choice import refusal
from davit_prometheus.inventory import Memory

FIELDS = {
    "ServiceMonitor": "spec.serviceMonitor", "PodMonitor": "spec.podMonitor", "Probe": "spec.probe",
    "ScrapeConfig": "spec.scrapeConfig", "PrometheusRule": "spec.rule",
}  # fmt: skip
"""What the fields of a Prometheus that select a kind begin with."""
LOOKED_AT = 5
"""Services or pods of which the ports are read."""
FRESH = 1.0
"""Seconds for which a listing of Services or pods serves other monitors too: many without targets are often edited at once."""


class Reader(Client, Protocol):
    """A client that can list names."""

    def each(self, kind: Kind, namespace: str | None, *, names: bool = False) -> AsyncIterator[Manifest]:
        """As `list` one by one, with `names` without content."""


@dataclass(frozen=True, slots=True)
class MonitorPasses(SelectedPasses[Memory, Use]):
    """See `davit.monitoring.passes.SelectedPasses`; of every kind that a Prometheus selects."""

    client: Reader
    _listings: dict[tuple[Kind, str | None], list[Manifest]] = field(default_factory=dict)

    def refusal(self, memory: Memory, manifest: Manifest) -> str | None:
        """See `SelectedPasses`; agents take no rules."""
        instance, metadata = memory.instance, manifest["metadata"]
        if instance is None or self.kind.kind not in instance.selections:
            return None
        return refusal(
            instance.selections[self.kind.kind],
            instance.key.namespace,
            metadata["namespace"],
            namespace_labels=self.inventory.namespace_labels(metadata["namespace"]),
            labels=metadata.get("labels") or {},
            field=FIELDS[self.kind.kind],
        )

    def use(self, main: ObjectId, memory: Memory, report: Report | None) -> Use:
        """See `SelectedPasses`; with the targets as they are known."""
        return Use(*main, report, memory.pools)

    async def status(self, manifest: Manifest, uses: list[Use], refusals: dict[ObjectId, str]) -> dict[str, Any]:
        """See `davit_prometheus.bindings`."""
        hint = await self._hint(manifest, uses)
        return binding_status(manifest, uses, refusals, hint=hint, scraped=self.kind != PROMETHEUS_RULE, now=self.clock())

    async def _hint(self, manifest: Manifest, uses: list[Use]) -> str:
        """Why there is nothing to scrape, as far as Services and pods tell."""
        accepted = [use for use in uses if use.report and use.report.used and use.pools is not None]
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
        found = [one for namespace in namespaces for one in await self._listed(kind, namespace)]
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

    async def _listed(self, kind: Kind, namespace: str | None) -> list[Manifest]:
        one = (kind, namespace)
        if one not in self._listings:
            self._listings[one] = [_named(item) async for item in self.client.each(kind, namespace, names=True)]
            asyncio.get_running_loop().call_later(FRESH, self._listings.pop, one, None)
        return self._listings[one]


def _named(manifest: Manifest) -> Manifest:
    """What is asked of it here."""
    metadata = manifest["metadata"]
    return {"metadata": {name: metadata[name] for name in ("name", "namespace", "labels") if name in metadata}}


def _active(use: Use) -> int:
    jobs = use.report.used if use.report else ()
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
