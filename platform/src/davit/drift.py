"""How a live object differs from its manifest, by meaning. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from davit.kube.quantity import same_quantity
from davit.model import Manifest

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
