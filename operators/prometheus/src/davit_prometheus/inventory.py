"""What the operator knows between two passes: the cached objects, and of each Prometheus what came of them.

Everything in here can be lost at any time and is found again from the API server and the processes; it only saves work.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from davit.cache import Cache
from davit.kube.kinds import CONFIG_MAP, NAMESPACE, SECRET
from davit.model import Key, Kind, Manifest
from davit.monitoring.assets import Ref
from davit.monitoring.faults import Fault
from davit.monitoring.refusals import Refusals
from davit.monitoring.salt import fresh
from davit.monitoring.sources import Source
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

PERSEVERANCE = 5
"""Failed passes of one Prometheus after which nothing waits for it any more."""

ObjectId = tuple[Kind, Key]


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
class Report:
    """What a Prometheus made of one object, for that object's status."""

    generation: int
    jobs: tuple[str, ...] = ()
    faults: tuple[Fault, ...] = ()
    ignored: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Live:
    """What a container was proved to have loaded."""

    container: str
    digest: str
    rules: tuple[int, ...]


@dataclass(slots=True)
class Memory:
    """Of one Prometheus."""

    instance: Instance | None = None
    failures: int = 0
    """Passes that failed, until one did not."""
    looked: bool = False
    """Whether a pass came so far that its reports are what promtool says, and not only what is remembered."""
    chosen: frozenset[ObjectId] = frozenset()
    """What the pass that began last takes."""
    parts: dict[ObjectId, Part] = field(default_factory=dict)
    top_refs: frozenset[Ref] = frozenset()
    salt: str = field(default_factory=fresh)
    judged: dict[str, str | None] = field(default_factory=dict)
    judged_by: str = ""
    top: tuple[str, Json, tuple[Fault, ...]] | None = None
    """The top level that was judged last, by digest: what of it loads, and what does not."""
    live: dict[str, Live] = field(default_factory=dict)
    """By the pod's uid."""
    refused: Refusals = field(default_factory=Refusals)
    good: tuple[tuple[Configuration, ...], tuple[RuleMap, ...]] | None = None
    """What all processes were last proved to have loaded."""
    reload_seconds: float = 0.0
    """How long a process took to reload last."""
    is_live: bool = False
    """Whether all running processes were proved to run what is written."""
    unchecked_since: float | None = None
    suspicious: bool = False
    """Whether the prover went away over what this one asked: then nothing is published until it has answered."""
    reports: Mapping[ObjectId, Report] = field(default_factory=dict)
    pools: Mapping[str, Pool] | None = None
    """The targets by scrape pool, None until they were looked at."""
    pools_at: float = float("-inf")
    sources: frozenset[Source] = frozenset()
    """The Secrets and ConfigMaps that it reads."""


class Inventory:
    """Everything of one process."""

    def __init__(self, *, namespaced: bool = False, ours: Callable[[Manifest], bool] = lambda resource: True) -> None:
        """`namespaced`: without the right to see Namespaces, of which then only the names are known.

        ours: whether a Prometheus is this operator's and not another's beside it.
        """
        self.namespaced = namespaced
        self.ours = ours
        self._complete = False
        self.images: frozenset[str] = frozenset()
        """Those of which provers were kept last."""
        self.cache = Cache((*MAINS, *MONITORS, *(() if namespaced else (NAMESPACE,))), names=(SECRET, CONFIG_MAP))
        self.memories: dict[ObjectId, Memory] = {}
        self._signatures: dict[tuple[Kind, Kind, Key], tuple[Any, ...]] = {}

    def memory(self, kind: Kind, key: Key) -> Memory:
        """What is known of one Prometheus."""
        return self.memories.setdefault((kind, key), Memory())

    def forget(self, kind: Kind, key: Key) -> None:
        """A Prometheus is gone."""
        self.memories.pop((kind, key), None)

    def mains(self, main: Kind) -> Iterator[tuple[Key, Manifest]]:
        """The Prometheus objects that are ours and there to stay."""
        for key, resource in self.cache.objects(main).items():
            if "deletionTimestamp" not in resource["metadata"] and self.ours(resource):
                yield key, resource

    def complete(self) -> bool:
        """Whether every Prometheus was looked at since this process began: before, nobody knows who takes what."""
        if not self._complete:
            known = (self.memories.get((main, key)) for main in MAINS for key, _ in self.mains(main))
            self._complete = all(memory is not None and (memory.looked or memory.failures > PERSEVERANCE) for memory in known)
        return self._complete

    def namespace_labels(self, namespace: str) -> Mapping[str, str]:
        """The labels of a namespace; none are known where the operator may not read namespaces."""
        found = None if self.namespaced else self.cache.get(NAMESPACE, Key("", namespace))
        return (found or {"metadata": {}})["metadata"].get("labels") or {}

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
        if not self._changed(main, kind, manifest):
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
        if not self._changed(main, NAMESPACE, manifest):
            return ()
        return [key for (of, key), memory in self.memories.items() if of == main and _by_namespace(memory.instance)]

    def of_source(self, main: Kind, kind: Kind, manifest: Manifest) -> Iterable[Key]:
        """Whom a change of a Secret or ConfigMap concerns."""
        one = (kind, own_key(manifest))
        return [key for (of, key), memory in self.memories.items() if of == main and one in memory.sources]

    def _changed(self, main: Kind, kind: Kind, manifest: Manifest) -> bool:
        """Whether more than the status changed since this was asked last."""
        key = own_key(manifest)
        metadata = manifest["metadata"]
        before = self._signatures.pop((main, kind, key), None)
        if self.cache.get(kind, key) is None:
            return True
        labels = tuple(sorted((metadata.get("labels") or {}).items()))
        now = (metadata["uid"], metadata.get("generation"), labels, "deletionTimestamp" in metadata)
        self._signatures[main, kind, key] = now
        return before != now


def _by_namespace(instance: Instance | None) -> bool:
    return instance is None or any(one.namespaces is not None for one in instance.selections.values())
