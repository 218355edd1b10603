"""Objects of some kinds held in memory, for operators that decide by many of them at once.

Fed by the watches, and replaced as a whole by a LIST whenever a watch had to list anew: after a 410 nobody is told of
what was deleted meanwhile (kopf synthesises no DELETED), so a cache of events alone keeps ghosts.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Collection, Iterable, Mapping, Sequence
from typing import Protocol

from davit.errors import Blocked, Transient
from davit.model import Key, Kind, Manifest

log = logging.getLogger(__name__)

_IDENTITY = ("name", "namespace", "uid", "resourceVersion")
RETRY = 1.0
"""Seconds until a listing that failed is tried again."""


class Lister(Protocol):
    """What fills the cache: `davit.kube.http.KubeClient` does."""

    def each(self, kind: Kind, namespace: str | None, *, names: bool = False) -> AsyncIterator[Manifest]:
        """Live objects one by one, with `names` without content; None means all namespaces."""


class Cache:
    """The objects of `kinds` without their managedFields; to be used in one event loop.

    Of the kinds in `names` only metadata is held: their watches should be `metadata_only` too.
    """

    def __init__(self, kinds: Iterable[Kind], names: Iterable[Kind] = ()) -> None:
        self.vanished: Callable[[Kind, Manifest], None] = lambda kind, manifest: None
        """Called for each object that a listing shows to be gone, of which no watch has told."""
        self._names = frozenset(names)
        self.kinds = frozenset(kinds) | self._names
        self._objects: dict[Kind, dict[Key, Manifest]] = {kind: {} for kind in self.kinds}
        self._during: dict[Kind, dict[Key, tuple[str, Manifest | None]]] = {}
        """What the watch said while a listing is under way: it may be newer than the listing."""
        self._stale: set[Kind] = set()
        self._unfilled: set[Kind] = set(self.kinds)
        self._changed = asyncio.Event()
        self._filled = asyncio.Event()

    def objects(self, kind: Kind) -> Mapping[Key, Manifest]:
        """All objects of a kind; not to be changed, and not to be kept over an await."""
        return self._objects[kind]

    def get(self, kind: Kind, key: Key) -> Manifest | None:
        """One object."""
        return self._objects[kind].get(key)

    def note(self, kind: Kind, change: str | None, manifest: Manifest) -> None:
        """Take in an event of the watch, unless something newer is known; `change` is None in a listing."""
        metadata = manifest["metadata"]
        key = Key(metadata.get("namespace", ""), metadata["name"])
        gone = change == "DELETED"
        if kind in self._during:
            self._during[kind][key] = (metadata["resourceVersion"], None if gone else self._trimmed(kind, manifest))
        known = self._objects[kind].get(key)
        if known is not None and _age(known["metadata"]["resourceVersion"]) > _age(metadata["resourceVersion"]):
            return
        if gone:
            self._objects[kind].pop(key, None)
        else:
            self._objects[kind][key] = self._trimmed(kind, manifest)

    def expect(self, served: Collection[Kind]) -> None:
        """These kinds exist from now on; of the others there are no objects, and nothing is waited for."""
        for kind in self.kinds - set(served):
            self._objects[kind].clear()
            self._stale.discard(kind)
            self._unfilled.discard(kind)
        self._settle()

    def relisted(self, kind: Kind) -> None:
        """The watch of a kind has listed anew: what was deleted meanwhile is found by a listing of our own."""
        self._stale.add(kind)
        self._changed.set()

    async def filled(self) -> None:
        """Return when every kind that is served has been listed once since its watch began."""
        await self._filled.wait()

    @property
    def missing(self) -> tuple[str, ...]:
        """The kinds that are not listed yet, for the readiness probe."""
        return tuple(sorted(f"{kind.plural} are not listed yet" for kind in self._unfilled))

    async def keep(self, lister: Lister, places: Sequence[str | None]) -> None:
        """List what is stale, for ever; `places` are namespaces, or None for all of them."""
        while True:
            self._changed.clear()
            for kind in sorted(self._stale, key=lambda kind: kind.plural):
                try:
                    await self._fill(kind, lister, places if kind.namespaced else (None,))
                except (Transient, Blocked) as error:
                    log.warning("%s could not be listed and will be again: %s", kind.plural, error)
                    asyncio.get_running_loop().call_later(RETRY, self._changed.set)
            await self._changed.wait()

    async def _fill(self, kind: Kind, lister: Lister, places: Sequence[str | None]) -> None:
        self._stale.discard(kind)
        self._during[kind] = {}
        listed: dict[Key, Manifest] = {}
        try:
            for place in places:
                # Trimmed as they come: whole, 5,000 Secrets without their content take 8 MB more.
                async for item in lister.each(kind, place, names=kind in self._names):
                    listed[_key(item)] = self._trimmed(kind, item)
        except BaseException:
            self._stale.add(kind)
            raise
        finally:
            during = self._during.pop(kind)
        for key, (version, newer) in during.items():
            if key in listed and _age(listed[key]["metadata"]["resourceVersion"]) >= _age(version):
                continue
            if newer is None:
                listed.pop(key, None)
            else:
                listed[key] = newer
        ghosts = [manifest for key, manifest in self._objects[kind].items() if key not in listed]
        self._objects[kind] = listed
        self._unfilled.discard(kind)
        self._settle()
        for ghost in ghosts:
            self.vanished(kind, ghost)

    def _trimmed(self, kind: Kind, manifest: Manifest) -> Manifest:
        """Without managedFields, which are often larger than the rest; of metadata only what tells objects apart."""
        metadata = manifest["metadata"]
        if kind in self._names:
            return {"metadata": {name: metadata[name] for name in _IDENTITY if name in metadata}}
        return {**manifest, "metadata": {name: value for name, value in metadata.items() if name != "managedFields"}}

    def _settle(self) -> None:
        if not self._unfilled:
            self._filled.set()


def _key(manifest: Manifest) -> Key:
    return Key(manifest["metadata"].get("namespace", ""), manifest["metadata"]["name"])


def _age(version: str) -> int:
    """resourceVersions of one resource type compare as numbers (KEP-5504, true of every API server on etcd)."""
    return int(version) if version.isdigit() else 0
