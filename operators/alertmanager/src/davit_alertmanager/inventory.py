"""What the operator knows between two passes: the cached objects, and of each Alertmanager what came of them.

Everything in here can be lost at any time and is found again from the API server and the processes; it only saves work.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from davit.cache import Cache
from davit.kube.kinds import CONFIG_MAP, NAMESPACE, SECRET
from davit.model import Key, Kind, Manifest
from davit.monitoring.assets import Ref
from davit.monitoring.choice import refusal
from davit.monitoring.refusals import Refusals
from davit.monitoring.salt import fresh
from davit.monitoring.sources import Source
from davit.routing import own_key

from davit_alertmanager.api.v1 import ALERTMANAGER
from davit_alertmanager.api.v1alpha1 import ALERTMANAGER_CONFIG
from davit_alertmanager.bindings import Report
from davit_alertmanager.edition import Edition
from davit_alertmanager.model import Base, Contribution, Facts, Instance
from davit_alertmanager.snapshot import Live

PERSEVERANCE = 3
"""Passes that must fail before an Alertmanager that can't be looked at holds up no word about others."""
_NOTHING: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Part:
    """One rendered AlertmanagerConfig; `stamp` changes when it must be rendered and judged again.

    without: what amtool does not load of it, by path, and why; proved: whether the rest was proved to load.
    """

    stamp: tuple[Any, ...]
    contribution: Contribution
    without: Mapping[str, str] = field(default_factory=lambda: _NOTHING)
    proved: bool = False


@dataclass(frozen=True, slots=True)
class Origin:
    """The base configuration and the files beside it: those of the Secret that it is in."""

    base: Base
    beside: Mapping[str, bytes] = field(default_factory=dict)


@dataclass(slots=True)
class Memory:
    """Of one Alertmanager."""

    instance: Instance | None = None
    failures: int = 0
    """Passes that failed, until one did not."""
    looked: bool = False
    """Whether a pass came so far that its reports are what amtool says, and not only what is remembered."""
    chosen: frozenset[Key] = frozenset()
    """The AlertmanagerConfigs that the pass that began last takes."""
    salt: str = field(default_factory=fresh)
    """Under the digests of its editions."""
    parts: dict[Key, Part] = field(default_factory=dict)
    facts: Facts | None = None
    """Of the base that `parts` were rendered for."""
    refs: dict[Key, tuple[tuple[Any, ...], frozenset[Ref]]] = field(default_factory=dict)
    """What each AlertmanagerConfig refers to, and by what its content is told."""
    secret: tuple[str, dict[str, bytes]] = ("", {})
    """The Secret with the base configuration, by its version."""
    judged: dict[str, str | None] = field(default_factory=dict)
    """What amtool said, by digest of image and document."""
    origin: Origin | None = None
    """The base configuration that was last proved good."""
    base_without: tuple[str, Mapping[str, str]] = ("", _NOTHING)
    """What does not load of an AlertmanagerConfig that is the base, by that base."""
    live: dict[str, Live] = field(default_factory=dict)
    """By the pod's uid."""
    refused: Refusals = field(default_factory=Refusals)
    good: Edition | None = None
    """What all processes were last proved to have loaded."""
    is_live: bool = False
    """Whether all running processes were proved to run what is written."""
    peers: int = 0
    """Members of the cluster that the worst informed process sees."""
    unchecked_since: float | None = None
    suspicious: bool = False
    """Whether the prover went away over what this one asked: then nothing is published until it has answered."""
    reports: Mapping[Key, Report] = field(default_factory=dict)
    sources: frozenset[Source] = frozenset()
    """The Secrets and ConfigMaps that it reads."""


class Inventory:
    """Everything of one process."""

    def __init__(self, *, namespaced: bool = False, ours: Callable[[Manifest], bool] = lambda resource: True) -> None:
        """`namespaced`: without the right to see Namespaces, of which then only the names are known.

        ours: whether an Alertmanager is this operator's and not another's beside it.
        """
        self.namespaced = namespaced
        self.ours = ours
        self.images: frozenset[str] = frozenset()
        """Those of which provers were kept last."""
        self._complete = False
        own = (ALERTMANAGER, ALERTMANAGER_CONFIG)
        self.cache = Cache((*own, *(() if namespaced else (NAMESPACE,))), names=(SECRET, CONFIG_MAP))
        self.memories: dict[Key, Memory] = {}
        self._signatures: dict[tuple[Kind, Key], tuple[Any, ...]] = {}

    def memory(self, key: Key) -> Memory:
        """What is known of one Alertmanager."""
        return self.memories.setdefault(key, Memory())

    def forget(self, key: Key) -> None:
        """An Alertmanager is gone."""
        self.memories.pop(key, None)

    def mains(self) -> Iterator[tuple[Key, Manifest]]:
        """The Alertmanagers that are ours and there to stay."""
        for key, resource in self.cache.objects(ALERTMANAGER).items():
            if "deletionTimestamp" not in resource["metadata"] and self.ours(resource):
                yield key, resource

    def complete(self) -> bool:
        """Whether every Alertmanager was looked at since this process began: before, nobody knows who takes what."""
        if not self._complete:
            known = [self.memories.get(key) for key, _ in self.mains()]
            self._complete = all(one is not None and (one.looked or one.failures > PERSEVERANCE) for one in known)
        return self._complete

    def namespace_labels(self, namespace: str) -> Mapping[str, str]:
        """The labels of a namespace; none are known where the operator may not read namespaces."""
        found = None if self.namespaced else self.cache.get(NAMESPACE, Key("", namespace))
        return (found or {"metadata": {}})["metadata"].get("labels") or {}

    def selected(self, instance: Instance) -> Iterator[tuple[Key, Manifest]]:
        """The AlertmanagerConfigs that an Alertmanager merges into its base, by namespace/name as text."""
        for key, manifest in sorted(self.cache.objects(ALERTMANAGER_CONFIG).items(), key=lambda one: str(one[0])):
            if not is_base(instance, key) and not self.refusal(instance, manifest):
                yield key, manifest

    def takes(self, instance: Instance, manifest: Manifest) -> bool:
        """Whether an Alertmanager uses the AlertmanagerConfig, as its base or merged into it."""
        if "deletionTimestamp" in manifest["metadata"]:
            return False
        return is_base(instance, own_key(manifest)) or not self.refusal(instance, manifest)

    def refusal(self, instance: Instance, manifest: Manifest) -> str:
        """Why an Alertmanager does not select an AlertmanagerConfig, empty when it does."""
        metadata = manifest["metadata"]
        if "deletionTimestamp" in metadata:
            return "it is being deleted"
        namespace = metadata["namespace"]
        return refusal(
            instance.selector,
            instance.namespaces,
            instance.key.namespace,
            namespace,
            self.namespace_labels(namespace),
            metadata.get("labels") or {},
            "spec.alertmanagerConfig",
        )

    def of_config(self, manifest: Manifest) -> Iterable[Key]:
        """Whom a change of an AlertmanagerConfig concerns: those that take it now, or did."""
        if not self._changed(ALERTMANAGER_CONFIG, manifest):
            return ()
        key = own_key(manifest)
        return [
            one
            for one, memory in self.memories.items()
            if memory.instance is None
            or key in memory.chosen
            or is_base(memory.instance, key)
            or self.takes(memory.instance, manifest)
        ]

    def of_namespace(self, manifest: Manifest) -> Iterable[Key]:
        """Whom a namespace's new labels concern: whoever selects namespaces by labels."""
        if not self._changed(NAMESPACE, manifest):
            return ()
        return [key for key, memory in self.memories.items() if memory.instance is None or memory.instance.namespaces is not None]

    def of_source(self, kind: Kind, manifest: Manifest) -> Iterable[Key]:
        """Whom a change of a Secret or ConfigMap concerns."""
        one = (kind, own_key(manifest))
        return [key for key, memory in self.memories.items() if one in memory.sources]

    def _changed(self, kind: Kind, manifest: Manifest) -> bool:
        """Whether more than the status changed since this was asked last."""
        key = own_key(manifest)
        metadata = manifest["metadata"]
        before = self._signatures.pop((kind, key), None)
        if self.cache.get(kind, key) is None:
            return True
        labels = tuple(sorted((metadata.get("labels") or {}).items()))
        now = (metadata["uid"], metadata.get("generation"), labels, "deletionTimestamp" in metadata)
        self._signatures[kind, key] = now
        return before != now


def is_base(instance: Instance, key: Key) -> bool:
    """Whether an AlertmanagerConfig is the base configuration itself."""
    return bool(instance.configuration) and key == Key(instance.key.namespace, instance.configuration)
