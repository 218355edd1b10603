"""Bring children to their manifests by server-side apply, writing only when something differs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from davit.drift import Operation, drift
from davit.errors import Blocked, Rejected, Transient
from davit.kube.client import Client
from davit.kube.kinds import kind_of
from davit.kube.labels import controlled_by
from davit.model import Key, Kind, Manifest

_PRECIOUS = ("PersistentVolumeClaim", "Secret")
"""Kinds that no message ever advises to delete."""


async def apply_all(client: Client, manager: str, owner: Manifest, live: Sequence[Manifest], desired: Sequence[Manifest]) -> None:
    """Apply the manifests in order; raises `Blocked("NameTaken")` where a stranger's object has the name."""
    index = {identity(manifest): manifest for manifest in live}
    for manifest in desired:
        await _apply_one(client, manager, owner, index.get(identity(manifest)), manifest)


async def prune(
    client: Client, owner: Manifest, live: Sequence[Manifest], desired: Sequence[Manifest], kinds: Iterable[Kind]
) -> None:
    """Delete live children of these kinds that the owner controls and no longer wants."""
    wanted = {identity(manifest) for manifest in desired}
    for kind in kinds:
        for manifest in live:
            if kind.matches(manifest) and identity(manifest) not in wanted and controlled_by(manifest, owner):
                await client.delete(kind, _key(manifest), uid=manifest["metadata"]["uid"])


def identity(manifest: Mapping[str, Any]) -> tuple[str, str, str]:
    """What tells an owner's children apart."""
    return manifest["apiVersion"], manifest["kind"], manifest["metadata"]["name"]


async def _apply_one(client: Client, manager: str, owner: Manifest, live: Manifest | None, desired: Manifest) -> None:
    kind = kind_of(desired)
    if live is None and (live := await client.get(kind, _key(desired))) is not None:
        _refuse_stranger(live, desired, owner)
    if live is None:
        live = await client.apply(kind, desired)
    # Additions go first: a stranger's list item may clash with the one of ours that it replaced.
    if found := drift(desired, live, manager).operations():
        live = await _patch(client, kind, desired, found, manager)
    if drift(desired, live, manager).apply:
        await client.apply(kind, desired)


async def _patch(client: Client, kind: Kind, desired: Manifest, operations: Sequence[Operation], manager: str) -> Manifest:
    try:
        return await client.patch(kind, _key(desired), operations)
    except Rejected as error:
        live = await client.get(kind, _key(desired))
        if live is None or drift(desired, live, manager).operations() != operations:
            # What the patch points at went away since it was read.
            raise Transient(str(error)) from error
        raise


def _refuse_stranger(live: Manifest, desired: Manifest, owner: Manifest) -> None:
    """An object outside our label-selected list is ours only if we control it."""
    if controlled_by(live, owner):
        return
    what = f"{desired['kind']} {desired['metadata']['name']}"
    remedy = "move it out of the way" if desired["kind"] in _PRECIOUS else "delete it"
    raise Blocked("NameTaken", f"{what} exists and is not this resource's: {remedy}, or give this {owner['kind']} another name")


def _key(manifest: Mapping[str, Any]) -> Key:
    return Key(manifest["metadata"].get("namespace", ""), manifest["metadata"]["name"])
