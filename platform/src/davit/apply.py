"""Bring children to their manifests by server-side apply, writing only when something differs."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from davit.errors import Blocked, Rejected, Transient
from davit.kube.client import Client
from davit.kube.kinds import kind_of
from davit.kube.quantity import same_quantity
from davit.model import Key, Kind, Manifest

Path = tuple[str | int, ...]
Operation = dict[str, Any]

_EXACT = {
    ("data",),
    ("spec", "selector"),
    ("spec", "selector", "matchLabels"),
    ("spec", "template", "metadata", "labels"),
    ("spec", "template", "spec", "nodeSelector"),
}
"""Maps in which a key that is not ours breaks the object: strangers' keys are removed, not tolerated."""
_OPEN = {("metadata", "ownerReferences"), ("metadata", "finalizers")}
"""Lists that others extend rightly."""


_QUANTITIES = frozenset(("resources", "requests", "limits", "sizeLimit"))
"""Fields below which values are quantities, which the API server rewrites (`0.5` to `500m`)."""
_PRECIOUS = ("PersistentVolumeClaim", "Secret")
"""Kinds that no message ever advises to delete."""
_MERGE_KEYS = ("name", "port", "containerPort", "mountPath", "uid")
"""What the API server tells the items of a list by."""


@dataclass(frozen=True, slots=True)
class Drift:
    """How a live object differs from its manifest: apply what is missing, and patch away what was added."""

    apply: bool = False
    removals: tuple[tuple[str, str], ...] = ()

    def __bool__(self) -> bool:
        return self.apply or bool(self.removals)

    def operations(self) -> list[Operation]:
        """The removals as JSON patch operations (RFC 6902)."""
        return [{"op": "replace", "path": path, "value": json.loads(value)} for path, value in self.removals]


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


def controlled_by(manifest: Mapping[str, Any], owner: Mapping[str, Any]) -> bool:
    """Whether the owner is the controller of the object, by uid: names are re-used, uids never."""
    references = manifest["metadata"].get("ownerReferences", [])
    return any(ref.get("controller") and ref["uid"] == owner["metadata"]["uid"] for ref in references)


async def _apply_one(client: Client, manager: str, owner: Manifest, live: Manifest | None, desired: Manifest) -> None:
    kind = kind_of(desired)
    if live is None and (live := await client.get(kind, _key(desired))) is not None:
        _refuse_stranger(live, desired, owner)
    if live is None:
        live = await client.apply(kind, desired)
    # Additions go first: a stranger's list item may clash with the one of ours that it replaced.
    if found := drift(desired, live, manager).operations():
        live = await _patch(client, kind, desired, found)
    if drift(desired, live, manager).apply:
        await client.apply(kind, desired)


async def _patch(client: Client, kind: Kind, desired: Manifest, operations: Sequence[Operation]) -> Manifest:
    try:
        return await client.patch(kind, _key(desired), operations)
    except Rejected as error:
        # What the patch points at went away since it was read.
        raise Transient(str(error)) from error


def _refuse_stranger(live: Manifest, desired: Manifest, owner: Manifest) -> None:
    """An object outside our label-selected list is ours only if we control it."""
    if controlled_by(live, owner):
        return
    what = f"{desired['kind']} {desired['metadata']['name']}"
    remedy = "move it out of the way" if desired["kind"] in _PRECIOUS else "delete it"
    raise Blocked("NameTaken", f"{what} exists and is not this resource's: {remedy}, or give this {owner['kind']} another name")


def drift(desired: Manifest, live: Manifest, manager: str) -> Drift:
    """Compare by meaning: server defaults and others' additions are no drift, lost or changed fields are."""
    removals = tuple((pointer(path), json.dumps(value)) for path, value in _extras(desired, live, ()))
    lost = not _covers(desired, live, ())
    return Drift(apply=lost or _leftovers(desired, live, manager), removals=removals)


def _covers(desired: Any, live: Any, path: Path) -> bool:
    match desired, live:
        case dict(), dict():
            return all(_covers(value, live.get(key), (*path, key)) for key, value in desired.items())
        case list(), list() if path in _OPEN:
            return all(any(_covers(item, other, (*path, 0)) for other in live) for item in desired)
        case list(), list():
            # A longer live list is an addition (see _extras), not a loss.
            paired = zip(desired, live, strict=False)
            return len(desired) <= len(live) and all(_covers(a, b, (*path, 0)) for a, b in paired)
        case _, None:
            return desired in ({}, [])
        case _:
            return desired == live or (not _QUANTITIES.isdisjoint(path) and same_quantity(desired, live))


def _extras(desired: Any, live: Any, path: Path) -> Iterator[tuple[Path, Any]]:
    """Where the live object holds list items, or keys of an exact map, that the manifest does not."""
    match desired, live:
        case dict(), dict():
            if path in _EXACT and set(live) - set(desired):
                yield path, desired
                return
            for key, value in desired.items():
                yield from _extras(value, live.get(key), (*path, key))
        case list(), list():
            if path not in _OPEN and (len(live) > len(desired) or any(map(_swapped, desired, live))):
                yield path, desired
                return
            for index, (ours, theirs) in enumerate(zip(desired, live, strict=False)):
                yield from _extras(ours, theirs, (*path, index))
        case _:
            return


def _swapped(ours: Any, theirs: Any) -> bool:
    """Whether an item took the place of ours under another merge key: apply would only put ours beside it."""
    if not isinstance(ours, dict) or not isinstance(theirs, dict):
        return False
    return any(key in ours and ours[key] != theirs.get(key) for key in _MERGE_KEYS)


def _leftovers(desired: Manifest, live: Manifest, manager: str) -> bool:
    """Whether we still own a field that the manifest no longer has, or own nothing at all."""
    for entry in live["metadata"].get("managedFields", []):
        if entry.get("manager") == manager and entry.get("operation") == "Apply" and not entry.get("subresource"):
            return _owns_more(entry.get("fieldsV1", {}), desired)
    return True


def _owns_more(fields: Mapping[str, Any], desired: Any) -> bool:
    for name, below in fields.items():
        if name == "." or name.startswith("v:"):
            continue
        child = _child(name, desired)
        if child is None or _owns_more(below, child):
            return True
    return False


def _child(name: str, desired: Any) -> Any:
    """The part of the manifest that a fieldsV1 key (`f:name` or `k:{...}`) points at, None when it is gone."""
    match name.split(":", 1), desired:
        case ["f", field], dict():
            return desired.get(field)
        case ["k", text], list():
            keys = json.loads(text)
            matching = (item for item in desired if all(item.get(k, v) == v for k, v in keys.items()))
            return next(matching, None)
        case _:
            return desired


def pointer(path: Path) -> str:
    """A JSON pointer (RFC 6901)."""
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in path)


def _key(manifest: Mapping[str, Any]) -> Key:
    return Key(manifest["metadata"].get("namespace", ""), manifest["metadata"]["name"])
