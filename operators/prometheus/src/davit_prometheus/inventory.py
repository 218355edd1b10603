"""What the operator knows between two passes beside what `davit.monitoring.inventory` does."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from davit.kube.kinds import NAMESPACE
from davit.model import Key, Kind, Manifest
from davit.monitoring import inventory
from davit.monitoring.assets import Ref
from davit.monitoring.bindings import ObjectId
from davit.monitoring.faults import Fault
from davit.routing import own_key

from davit_prometheus.api.monitors import POD_MONITOR, PROBE, SERVICE_MONITOR
from davit_prometheus.api.prometheus import PROMETHEUS, PROMETHEUS_AGENT
from davit_prometheus.api.rules import PROMETHEUS_RULE
from davit_prometheus.api.scrapeconfig import SCRAPE_CONFIG
from davit_prometheus.assembly import Block, Configuration, RuleMap
from davit_prometheus.choice import chosen
from davit_prometheus.model import Instance, Json, Pool, Rendered

SCRAPED = (SERVICE_MONITOR, POD_MONITOR, PROBE, SCRAPE_CONFIG)
"""The kinds whose objects become jobs, in the order of their jobs."""
MONITORS = (*SCRAPED, PROMETHEUS_RULE)
MAINS = (PROMETHEUS, PROMETHEUS_AGENT)


@dataclass(frozen=True, slots=True)
class Part:
    """One rendered object; `stamp` changes when it must be rendered again."""

    stamp: tuple[Any, ...]
    refs: frozenset[Ref] = frozenset()
    rendered: Rendered = field(default_factory=Rendered)
    blocks: tuple[Block, ...] = ()
    groups: tuple[tuple[str, Json, str], ...] = ()
    """Of a PrometheusRule: where each group stands, the group, and its digest."""
    file: str = ""
    lines: str = ""
    """Of a PrometheusRule: the name of its file, and its text with all groups."""
    unknown: tuple[str, ...] = ()
    """Paths of fields that nothing reads."""


@dataclass(frozen=True, slots=True)
class Live:
    """What a container was proved to have loaded."""

    container: str
    digest: str
    rules: tuple[int, ...]


@dataclass(slots=True)
class Memory(inventory.Memory[Instance]):
    """Of one Prometheus."""

    parts: dict[ObjectId, Part] = field(default_factory=dict)
    top_refs: frozenset[Ref] = frozenset()
    judged_by: str = ""
    top: tuple[str, Json, tuple[Fault, ...]] | None = None
    """The top level that was judged last, by digest: what of it loads, and what does not."""
    live: dict[str, Live] = field(default_factory=dict)
    """By the pod's uid."""
    good: tuple[tuple[Configuration, ...], tuple[RuleMap, ...]] | None = None
    """What all processes were last proved to have loaded."""
    reload_seconds: float = 0.0
    """How long a process took to reload last."""
    pools: Mapping[str, Pool] | None = None
    """The targets by scrape pool, None until they were looked at."""
    pools_at: float = float("-inf")


class Inventory(inventory.Inventory[Memory]):
    """Everything of one process."""

    def __init__(self, *, namespaced: bool = False, ours: Callable[[Manifest], bool] = lambda resource: True) -> None:
        """See `davit.monitoring.inventory`."""
        super().__init__(Memory, MAINS, MONITORS, perseverance=5, namespaced=namespaced, ours=ours)

    def selected(self, instance: Instance, kind: Kind) -> Iterator[tuple[Key, Manifest]]:
        """The objects of a kind that a Prometheus takes, in the order of upstream: by namespace/name as text."""
        for key, manifest in sorted(self.cache.objects(kind).items(), key=lambda one: str(one[0])):
            if self.takes(instance, kind, manifest):
                yield key, manifest

    def takes(self, instance: Instance, kind: Kind, manifest: Manifest) -> bool:
        """Whether a Prometheus selects an object that is not about to go."""
        selection = instance.selections.get(kind.kind)
        metadata = manifest["metadata"]
        if selection is None or "deletionTimestamp" in metadata:
            return False
        namespace = metadata.get("namespace", "")
        labels = metadata.get("labels") or {}
        return chosen(selection, instance.key.namespace, namespace, self.namespace_labels(namespace), labels)

    def of_monitor(self, main: Kind, kind: Kind, manifest: Manifest) -> Iterable[Key]:
        """Whom a change of a monitor or rule concerns: those that take it now, or did."""
        if not self.changed(main, kind, manifest):
            return ()
        key = own_key(manifest)
        return [
            one
            for (of, one), memory in self.memories.items()
            if of == main
            and (memory.instance is None or (kind, key) in memory.chosen or self.takes(memory.instance, kind, manifest))
        ]

    def of_namespace(self, main: Kind, manifest: Manifest) -> Iterable[Key]:
        """Whom a namespace's new labels concern: whoever selects namespaces by labels."""
        if not self.changed(main, NAMESPACE, manifest):
            return ()
        return [key for (of, key), memory in self.memories.items() if of == main and _by_namespace(memory.instance)]


def _by_namespace(instance: Instance | None) -> bool:
    return instance is None or any(one.namespaces is not None for one in instance.selections.values())
