"""An in-memory `Client` for unit tests: objects by kind and key, a record of writes, and crash points.

Emulated: uid, resourceVersion (changes only when content does), generation, optimistic locking, uid preconditions,
the status subresource, finalizers, label and field selectors, and server-side apply as a recursive merge with one
owner list per field, in the form of managedFields, so that a field that a manager stops sending goes away.

Not emulated: schemas, defaulting, validation, admission, RBAC, conflicts between managers (every apply is forced),
lists keyed by anything but `_KEYS` below (others are atomic), garbage collection, controllers, watches. What depends
on these belongs to the tests against a real API server.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

import jsonpatch

from davit.errors import Rejected, Transient
from davit.model import Key, Kind, Manifest, Notice

_KEYS = {
    "ownerReferences": ("uid",),
    "conditions": ("type",),
    "volumeMounts": ("mountPath",),
    "containers": ("name",),
    "initContainers": ("name",),
    "env": ("name",),
    "volumes": ("name",),
}
"""Lists whose items are told apart by these fields, by the list's own name."""
_IDENTITY = frozenset({"apiVersion", "kind"})
_SERVER_SIDE = frozenset({"name", "namespace", "uid", "resourceVersion", "generation", "managedFields"})


class Crash(Exception):
    """The process died at a write; no part of `DavitError`, so that nothing handles it."""


@dataclass(frozen=True, slots=True)
class Write:
    """One write that reached the server: `verb` is create, update, apply, apply/status, patch or delete."""

    verb: str
    kind: str
    name: str


class FakeClient:
    """See the module's docstring; `objects` may be read and, with `put`, seeded by the test."""

    def __init__(self, manager: str = "davit-test") -> None:
        self.manager = manager
        self.objects: dict[tuple[Kind, Key], Manifest] = {}
        self.writes: list[Write] = []
        self.events: list[Notice] = []
        self.unserved: set[Kind] = set()
        """Kinds whose CRD is missing, for `serves`."""
        self._serial = itertools.count(1)
        self._fail_at: int | None = None
        self._fail_before = True
        self._error: Exception = Crash()

    def fail_write(self, number: int, *, before: bool, error: Exception | None = None) -> None:
        """Raise at the `number`-th write from now (1 is the next), before or after it took effect."""
        self._fail_at = len(self.writes) + number
        self._fail_before = before
        self._error = error or Crash()

    def put(self, kind: Kind, manifest: Mapping[str, Any]) -> Manifest:
        """Seed an object as someone else made it; not recorded, keeps whatever status and metadata it has."""
        seeded = {"apiVersion": kind.api_version, "kind": kind.kind, **deepcopy(dict(manifest))}
        number = next(self._serial)
        seeded["metadata"] = {
            "uid": f"uid-{number}", "generation": 1, **seeded["metadata"], "resourceVersion": str(number)
        }  # fmt: skip
        self.objects[kind, _key(seeded)] = seeded
        return deepcopy(seeded)

    def remove(self, kind: Kind, key: Key) -> None:
        """Take an object away as someone else would; not recorded."""
        del self.objects[kind, key]

    async def get(self, kind: Kind, key: Key) -> Manifest | None:
        """See Client."""
        return deepcopy(self.objects.get((kind, key)))

    async def each(self, kind: Kind, namespace: str | None, *, names: bool = False) -> AsyncIterator[Manifest]:
        """See `davit.kube.http.KubeClient`."""
        for item in await self.list(kind, namespace):
            yield {"apiVersion": kind.api_version, "kind": kind.kind, "metadata": item["metadata"]} if names else item

    async def list(
        self,
        kind: Kind,
        namespace: str | None,
        *,
        labels: Mapping[str, str] | None = None,
        unlike: Mapping[str, str] | None = None,
        fields: Mapping[str, str] | None = None,
    ) -> list[Manifest]:
        """See Client."""
        return [
            deepcopy(found)
            for (of, key), found in sorted(self.objects.items(), key=lambda entry: entry[0][1])
            if of == kind
            and namespace in (None, key.namespace)
            and (labels or {}).items() <= found["metadata"].get("labels", {}).items()
            and not (unlike or {}).items() & found["metadata"].get("labels", {}).items()
            and all(_field(found, name) == value for name, value in (fields or {}).items())
        ]

    async def keys(self, kind: Kind, namespace: str | None) -> set[Key]:
        """See `davit.process.Cluster`."""
        return {_key(found) for found in await self.list(kind, namespace)}

    async def serves(self, kind: Kind) -> bool:
        """See `davit.process.Cluster`."""
        return kind not in self.unserved

    async def create(self, kind: Kind, manifest: Manifest) -> Manifest:
        """See Client."""
        key = _key(manifest)
        with _Recorded(self, "create", kind, key):
            if (kind, key) in self.objects:
                raise Transient(f"{kind.plural} {key} already exists")
            return self._store(kind, key, None, _with_status_of({}, deepcopy(manifest)))

    async def replace(self, kind: Kind, manifest: Manifest) -> Manifest:
        """See Client."""
        key = _key(manifest)
        with _Recorded(self, "update", kind, key):
            live = self._live(kind, key, manifest["metadata"].get("uid"))
            if manifest["metadata"].get("resourceVersion") not in (None, live["metadata"]["resourceVersion"]):
                raise Transient(f"{kind.plural} {key}: the object has been modified")
            return self._store(kind, key, live, _with_status_of(live, deepcopy(manifest)))

    async def apply(self, kind: Kind, manifest: Manifest, *, subresource: str = "", manager: str = "") -> Manifest:
        """See Client."""
        key = _key(manifest)
        with _Recorded(self, f"apply/{subresource}".rstrip("/"), kind, key):
            live = self.objects.get((kind, key))
            _refuse(f"{kind.plural} {key}", live, manifest["metadata"], subresource)
            manager = manager or (f"{self.manager}-status" if subresource == "status" else self.manager)
            merged = _apply(live or {}, manifest, manager, subresource)
            return self._store(kind, key, live, merged)

    async def patch(self, kind: Kind, key: Key, operations: Sequence[Mapping[str, Any]]) -> Manifest:
        """See Client."""
        with _Recorded(self, "patch", kind, key):
            live = self._live(kind, key, None)
            try:
                patched = jsonpatch.apply_patch(deepcopy(live), [dict(operation) for operation in operations])
            except (jsonpatch.JsonPatchException, jsonpatch.JsonPointerException) as error:
                raise Rejected(f"{kind.plural} {key}: {error}") from error
            return self._store(kind, key, live, _with_status_of(live, patched))

    async def delete(self, kind: Kind, key: Key, *, uid: str, grace_seconds: int | None = None, orphan: bool = False) -> bool:
        """See Client; with finalizers the object stays, marked."""
        live = self.objects.get((kind, key))
        if live is None or live["metadata"]["uid"] != uid:
            return False
        with _Recorded(self, "delete", kind, key):
            if live["metadata"].get("finalizers"):
                live["metadata"].setdefault("deletionTimestamp", "2026-01-01T00:00:00Z")
            else:
                del self.objects[kind, key]
        return True

    async def event(self, regarding: Manifest, notice: Notice) -> None:
        """Kept in `events`; a repeat is dropped, whenever it comes."""
        if notice not in self.events:
            self.events.append(notice)

    def _live(self, kind: Kind, key: Key, uid: str | None) -> Manifest:
        live = self.objects.get((kind, key))
        if live is None or uid not in (None, live["metadata"]["uid"]):
            raise Transient(f"{kind.plural} {key} not found")
        return live

    def _store(self, kind: Kind, key: Key, live: Manifest | None, wanted: Manifest) -> Manifest:
        """Keep it under server-side metadata; a write that changes nothing changes no version."""
        before = live["metadata"] if live else {"uid": f"uid-{next(self._serial)}", "generation": 0}
        kept = {name: before[name] for name in ("uid", "generation", "resourceVersion") if name in before}
        stored = {**wanted, "apiVersion": kind.api_version, "kind": kind.kind}
        stored["metadata"] = {**wanted["metadata"], **kept}
        if live is None or _content(stored) != _content(live):
            stored["metadata"]["generation"] += 1
        if live is None or stored != live:
            stored["metadata"]["resourceVersion"] = str(next(self._serial))
            self.objects[kind, key] = stored
        return deepcopy(stored)


class _Recorded:
    """Counts a write and fails it where the test wants it."""

    def __init__(self, client: FakeClient, verb: str, kind: Kind, key: Key) -> None:
        self._client = client
        self._write = Write(verb, kind.kind, key.name)

    def __enter__(self) -> None:
        client = self._client
        client.writes.append(self._write)
        if client._fail_at == len(client.writes) and client._fail_before:
            client.writes.pop()
            self._raise()

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        client = self._client
        if kind is None and client._fail_at == len(client.writes):
            self._raise()

    def _raise(self) -> None:
        self._client._fail_at = None
        raise self._client._error


def _refuse(what: str, live: Manifest | None, sent: Mapping[str, Any], subresource: str) -> None:
    """As the real server: an apply to the status ignores a wrong uid, and only resourceVersion guards it."""
    if live is None and (subresource or "uid" in sent):
        raise Transient(f"{what} not found" if subresource else f"{what}: uid mismatch")
    before = live["metadata"] if live else sent
    if sent.get("resourceVersion") not in (None, before.get("resourceVersion")):
        raise Transient(f"{what}: the object has been modified")
    if not subresource and sent.get("uid") not in (None, before.get("uid")):
        raise Rejected(f"{what}: metadata.uid: field is immutable")


def _apply(live: Manifest, manifest: Manifest, manager: str, subresource: str) -> Manifest:
    """Server-side apply: take away what this manager owned alone and sends no more, merge the rest in."""
    content = _sent(manifest, subresource)
    fields = _fields(content)
    entries = live.get("metadata", {}).get("managedFields", [])
    mine = [entry for entry in entries if entry["manager"] == manager]
    others = [entry for entry in entries if entry["manager"] != manager]
    merged = deepcopy(live)
    for entry in mine:
        _drop(merged, entry["fieldsV1"], [fields, *(other["fieldsV1"] for other in others)])
    _merge(merged, content)
    entry = {"manager": manager, "operation": "Apply", "fieldsV1": fields}
    entry |= {"subresource": subresource} if subresource else {}
    for name in ("name", "namespace"):
        if name in manifest["metadata"]:
            merged.setdefault("metadata", {})[name] = manifest["metadata"][name]
    merged["metadata"]["managedFields"] = [*others, entry]
    return merged


def _sent(manifest: Manifest, subresource: str) -> Manifest:
    """What of the manifest counts: only the status for the status subresource, all but it otherwise."""
    if subresource:
        return {subresource: deepcopy(manifest[subresource])}
    metadata = {name: value for name, value in manifest["metadata"].items() if name not in _SERVER_SIDE}
    rest = {name: value for name, value in manifest.items() if name not in _IDENTITY | {"metadata", "status"}}
    return deepcopy({**({"metadata": metadata} if metadata else {}), **rest})


def _fields(value: Any, name: str = "") -> dict[str, Any]:
    """The fieldsV1 set of a manifest: `f:` for fields, `k:` for items of keyed lists, `{}` for leaves."""
    if isinstance(value, dict):
        return {f"f:{field}": _fields(below, field) for field, below in value.items()}
    if isinstance(value, list) and name in _KEYS:
        return {f"k:{_item_key(item, name)}": {".": {}, **_fields(item)} for item in value}
    return {}


def _item_key(item: Mapping[str, Any], name: str) -> str:
    return json.dumps({key: item.get(key) for key in _KEYS[name]}, separators=(",", ":"))


def _drop(live: Any, owned: Mapping[str, Any], still: Sequence[Mapping[str, Any]], name: str = "") -> None:
    """Remove from `live` the fields in `owned` that none of the sets in `still` has."""
    for field, below in owned.items():
        if field == ".":
            continue
        deeper = [fields[field] for fields in still if field in fields]
        holder, place = _find(live, field, name)
        if holder is None:
            continue
        if not deeper:
            del holder[place]
        else:
            _drop(holder[place], below, deeper, field.removeprefix("f:"))


def _find(live: Any, field: str, name: str) -> tuple[Any, Any]:
    """Where a fieldsV1 name points in the live value: the container and the place in it, (None, None) if gone."""
    if field.startswith("f:"):
        place = field.removeprefix("f:")
        return (live, place) if isinstance(live, dict) and place in live else (None, None)
    wanted = field.removeprefix("k:")
    matches = [index for index, item in enumerate(live) if _item_key(item, name) == wanted]
    return (live, matches[0]) if matches else (None, None)


def _merge(live: Any, sent: Mapping[str, Any]) -> None:
    for field, value in sent.items():
        if isinstance(value, dict) and isinstance(live.get(field), dict):
            _merge(live[field], value)
        elif isinstance(value, list) and field in _KEYS and isinstance(live.get(field), list):
            _merge_items(live[field], value, field)
        else:
            live[field] = deepcopy(value)


def _merge_items(live: list[Any], sent: list[Any], name: str) -> None:
    for item in sent:
        same = next((one for one in live if _item_key(one, name) == _item_key(item, name)), None)
        if same is None:
            live.append(deepcopy(item))
        else:
            _merge(same, item)


def _with_status_of(live: Manifest, wanted: Manifest) -> Manifest:
    """Writes to the main resource leave the status alone."""
    kept = {"status": deepcopy(live["status"])} if "status" in live else {}
    return {**{name: value for name, value in wanted.items() if name != "status"}, **kept}


def _content(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """What generation counts."""
    return {name: value for name, value in manifest.items() if name not in ("metadata", "status")}


def _field(manifest: Any, dotted: str) -> str | None:
    value = manifest
    for part in dotted.split("."):
        value = value.get(part) if isinstance(value, dict) else None
    return None if value is None else str(value)


def _key(manifest: Mapping[str, Any]) -> Key:
    return Key(manifest["metadata"].get("namespace", ""), manifest["metadata"]["name"])
