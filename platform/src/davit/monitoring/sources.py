"""Fetch what resources refer to, and keep it for as long as it does not change.

The watches bring the metadata of every Secret and ConfigMap, never their content; the content is read one by one, only
of those that something refers to, and again only when its resourceVersion has changed.
"""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field

from davit.cache import Cache
from davit.kube.client import Client
from davit.kube.kinds import CONFIG_MAP, SECRET
from davit.model import Key, Kind, Manifest
from davit.monitoring.assets import Ref

KINDS: dict[str, Kind] = {"Secret": SECRET, "ConfigMap": CONFIG_MAP}
PARALLEL = 16
"""Objects read at a time."""

Source = tuple[Kind, Key]


def source(ref: Ref) -> Source:
    """The object that a reference points into."""
    return KINDS[ref.kind], Key(ref.namespace, ref.name)


@dataclass(slots=True)
class Sources:
    """`index` holds the metadata of all Secrets and ConfigMaps."""

    client: Client
    index: Cache
    _content: dict[Source, tuple[str, dict[str, bytes]]] = field(default_factory=dict)

    def stamp(self, refs: Iterable[Ref]) -> tuple[str, ...]:
        """Changes whenever what is referred to may have changed."""
        return tuple(self._version(source(ref)) for ref in sorted(refs))

    async def fetch(self, refs: Collection[Ref]) -> dict[Ref, bytes]:
        """The content of every key that exists."""
        wanted = {source(ref) for ref in refs}
        stale = [one for one in wanted if (version := self._version(one)) and self._content.get(one, ("",))[0] != version]
        limit = asyncio.Semaphore(PARALLEL)
        await asyncio.gather(*(self._read(one, limit) for one in stale))
        found = {}
        for ref in refs:
            one = source(ref)
            if self._version(one) and ref.key in (content := self._content.get(one, ("", {}))[1]):
                found[ref] = content[ref.key]
        return found

    def keep(self, used: Collection[Source]) -> None:
        """Forget the content of everything else."""
        self._content = {one: content for one, content in self._content.items() if one in used}

    def _version(self, one: Source) -> str:
        manifest = self.index.get(*one)
        return manifest["metadata"]["resourceVersion"] if manifest else ""

    async def _read(self, one: Source, limit: asyncio.Semaphore) -> None:
        async with limit:
            manifest = await self.client.get(*one)
        if manifest is None:
            self._content.pop(one, None)
        else:
            self._content[one] = (manifest["metadata"]["resourceVersion"], content(manifest))


def content(manifest: Manifest) -> dict[str, bytes]:
    """What a Secret or ConfigMap holds."""
    binary = manifest.get("data" if manifest["kind"] == "Secret" else "binaryData") or {}
    found = {key: base64.b64decode(value) for key, value in binary.items()}
    if manifest["kind"] == "ConfigMap":
        found |= {key: value.encode() for key, value in (manifest.get("data") or {}).items()}
    return found
