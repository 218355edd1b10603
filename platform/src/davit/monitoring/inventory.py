"""What an operator knows between two passes: the cached objects, and of each main resource what came of them.

Everything in here can be lost at any time and is found again from the API server and the processes; it only saves work.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, Protocol, TypeVar

from davit.cache import Cache
from davit.errors import Fatal, Invalid
from davit.kube.kinds import CONFIG_MAP, NAMESPACE, SECRET
from davit.model import Key, Kind, Manifest
from davit.monitoring.bindings import ObjectId, Report
from davit.monitoring.refusals import Refusals
from davit.monitoring.salt import fresh
from davit.monitoring.selection import matches, parse_selector
from davit.monitoring.sources import Source
from davit.routing import own_key


class Instance(Protocol):
    """The domain object of a main resource; `image` is the one whose checker judges for it."""

    @property
    def uid(self) -> str:
        """Of the resource."""

    @property
    def image(self) -> str:
        """Of its processes."""


D = TypeVar("D", bound=Instance)


@dataclass(slots=True)
class Memory(Generic[D]):
    """Of one main resource."""

    instance: D | None = None
    failures: int = 0
    """Passes that failed, until one did not."""
    looked: bool = False
    """Whether a pass came so far that its reports are what the checker says, and not only what is remembered."""
    chosen: frozenset[ObjectId] = frozenset()
    """What the pass that began last takes."""
    salt: str = field(default_factory=fresh)
    """Under the digests of its editions."""
    judged: dict[str, str | None] = field(default_factory=dict)
    """What the checker said, by the digest of what it was asked."""
    refused: Refusals = field(default_factory=Refusals)
    is_live: bool = False
    """Whether all running processes were proved to run what is written."""
    silent: set[str] = field(default_factory=set)
    """The uids of the pods whose process did not answer when it was to load something."""
    unchecked_since: float | None = None
    suspicious: bool = False
    """Whether the prover went away over what this one asked: then nothing is published until it has answered."""
    reports: Mapping[ObjectId, Report] = field(default_factory=dict)
    sources: frozenset[Source] = frozenset()
    """The Secrets and ConfigMaps that it reads."""


M = TypeVar("M", bound=Memory[Any])


class Inventory(Generic[M]):
    """Everything of one process."""

    def __init__(
        self,
        make: Callable[[], M],
        mains: tuple[Kind, ...],
        selected: tuple[Kind, ...],
        *,
        perseverance: int,
        namespaced: bool,
        ours: Callable[[Manifest], bool],
    ) -> None:
        """`mains` are the kinds that select, `selected` those that they select.

        perseverance: failed passes of one main resource after which nothing waits for it any more; namespaced: without the
        right to see Namespaces, of which then only the names are known; ours: whether a main resource is this operator's and
        not another's beside it.
        """
        self.main_kinds, self.selected_kinds = mains, selected
        self.namespaced = namespaced
        self.ours = ours
        self.images: frozenset[str] = frozenset()
        """Those of which provers were kept last."""
        self.cache = Cache((*mains, *selected, *(() if namespaced else (NAMESPACE,))), names=(SECRET, CONFIG_MAP))
        self.memories: dict[ObjectId, M] = {}
        self._make = make
        self._perseverance = perseverance
        self._complete = False
        self._signatures: dict[tuple[Kind, Kind, Key], tuple[Any, ...]] = {}

    def memory(self, main: Kind, key: Key) -> M:
        """What is known of one main resource."""
        if (main, key) not in self.memories:
            self.memories[main, key] = self._make()
        return self.memories[main, key]

    def forget(self, main: Kind, key: Key) -> None:
        """A main resource is gone."""
        self.memories.pop((main, key), None)

    def mains(self, main: Kind) -> Iterator[tuple[Key, Manifest]]:
        """The resources of a main kind that are ours and there to stay."""
        for key, resource in self.cache.objects(main).items():
            if "deletionTimestamp" not in resource["metadata"] and self.ours(resource):
                yield key, resource

    def complete(self) -> bool:
        """Whether every main resource was looked at since this process began: before, nobody knows who takes what."""
        if not self._complete:
            known = [self.memories.get((main, key)) for main in self.main_kinds for key, _ in self.mains(main)]
            self._complete = all(one is not None and (one.looked or one.failures > self._perseverance) for one in known)
        return self._complete

    def namespace_labels(self, namespace: str) -> Mapping[str, str]:
        """The labels of a namespace; none are known where the operator may not read namespaces."""
        found = None if self.namespaced else self.cache.get(NAMESPACE, Key("", namespace))
        return (found or {"metadata": {}})["metadata"].get("labels") or {}

    def of_source(self, main: Kind, kind: Kind, manifest: Manifest) -> Iterable[Key]:
        """Whom a change of a Secret or ConfigMap concerns."""
        one = (kind, own_key(manifest))
        return [key for (of, key), memory in self.memories.items() if of == main and one in memory.sources]

    def changed(self, main: Kind, kind: Kind, manifest: Manifest) -> bool:
        """Whether more than the status of an object changed since this was asked last for `main`."""
        key = own_key(manifest)
        metadata = manifest["metadata"]
        before = self._signatures.pop((main, kind, key), None)
        if self.cache.get(kind, key) is None:
            return True
        labels = tuple(sorted((metadata.get("labels") or {}).items()))
        now = (metadata["uid"], metadata.get("generation"), labels, "deletionTimestamp" in metadata)
        self._signatures[main, kind, key] = now
        return before != now


def ours(environment: Mapping[str, str]) -> Callable[[Manifest], bool]:
    """Whether a main resource is ours by the labels of DAVIT_INSTANCE_SELECTOR, all when empty; `Fatal` when it is none."""
    try:
        selector = parse_selector(environment.get("DAVIT_INSTANCE_SELECTOR", ""))
    except Invalid as error:
        raise Fatal(f"DAVIT_INSTANCE_SELECTOR: {error}") from error
    return lambda resource: matches(selector, resource["metadata"].get("labels") or {})
