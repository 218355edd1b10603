"""What the operator knows between two passes beside what `davit.monitoring.inventory` does."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from davit.kube.kinds import NAMESPACE
from davit.model import Key, Manifest
from davit.monitoring import inventory
from davit.monitoring.assets import Ref
from davit.monitoring.choice import refusal
from davit.routing import own_key

from davit_alertmanager.api.v1 import ALERTMANAGER
from davit_alertmanager.api.v1alpha1 import ALERTMANAGER_CONFIG
from davit_alertmanager.edition import Edition
from davit_alertmanager.model import Base, Contribution, Facts, Instance
from davit_alertmanager.snapshot import Live

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
class Memory(inventory.Memory[Instance]):
    """Of one Alertmanager."""

    parts: dict[Key, Part] = field(default_factory=dict)
    facts: Facts | None = None
    """Of the base that `parts` were rendered for."""
    refs: dict[Key, tuple[tuple[Any, ...], frozenset[Ref]]] = field(default_factory=dict)
    """What each AlertmanagerConfig refers to, and by what its content is told."""
    secret: tuple[str, dict[str, bytes]] = ("", {})
    """The Secret with the base configuration, by its version."""
    origin: Origin | None = None
    """The base configuration that was last proved good."""
    base_without: tuple[str, Mapping[str, str]] = ("", _NOTHING)
    """What does not load of an AlertmanagerConfig that is the base, by that base."""
    live: dict[str, Live] = field(default_factory=dict)
    """By the pod's uid."""
    good: Edition | None = None
    """What all processes were last proved to have loaded."""
    peers: int = 0
    """Members of the cluster that the worst informed process sees."""


class Inventory(inventory.Inventory[Memory]):
    """Everything of one process."""

    def __init__(self, *, namespaced: bool = False, ours: Callable[[Manifest], bool] = lambda resource: True) -> None:
        """See `davit.monitoring.inventory`."""
        kinds = ((ALERTMANAGER,), (ALERTMANAGER_CONFIG,))
        super().__init__(Memory, *kinds, perseverance=3, namespaced=namespaced, ours=ours)

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
        if not self.changed(ALERTMANAGER, ALERTMANAGER_CONFIG, manifest):
            return ()
        key = own_key(manifest)
        return [
            one
            for (_, one), memory in self.memories.items()
            if memory.instance is None
            or (ALERTMANAGER_CONFIG, key) in memory.chosen
            or is_base(memory.instance, key)
            or self.takes(memory.instance, manifest)
        ]

    def of_namespace(self, manifest: Manifest) -> Iterable[Key]:
        """Whom a namespace's new labels concern: whoever selects namespaces by labels."""
        if not self.changed(ALERTMANAGER, NAMESPACE, manifest):
            return ()
        return [
            key for (_, key), memory in self.memories.items() if not memory.instance or memory.instance.namespaces is not None
        ]


def is_base(instance: Instance, key: Key) -> bool:
    """Whether an AlertmanagerConfig is the base configuration itself."""
    return bool(instance.configuration) and key == Key(instance.key.namespace, instance.configuration)
