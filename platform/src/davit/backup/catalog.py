"""Which backups a store holds, by what is in the store and nothing else.

<namespace>/<resource>/<id>/ holds the archive, then `backup.json`, which makes it a backup, then perhaps `verified.json`
or `refused.json`.
Removing goes the other way round: at no moment is there a marker without its archive.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol, TypeVar

from davit.backup.errors import Corrupt, Missing, StoreError
from davit.backup.model import (
    LIMIT,
    MARKER_FILE,
    REFUSED_FILE,
    VERIFIED_FILE,
    Entry,
    Marker,
    Refused,
    Rules,
    Subject,
    Verified,
    is_backup_id,
)
from davit.backup.retention import doomed
from davit.backup.store import ObjectStore

ABANDONED = 7 * 86400.0
"""Seconds after which an archive without a marker is nobody's any more: the longest deadline is 3 days."""


@dataclass(frozen=True, slots=True)
class Damaged:
    """A folder with a marker that can't be trusted; it is reported, never restored and never removed."""

    id: str
    message: str


@dataclass(frozen=True, slots=True)
class Catalog:
    """The backups of one resource: complete ones, the oldest first; damaged ones; and ids without a marker."""

    entries: tuple[Entry, ...] = ()
    damaged: tuple[Damaged, ...] = ()
    incomplete: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Pruned:
    """What a retention did: ids that are gone, how many of the group are left, and what could not be removed."""

    removed: tuple[str, ...] = ()
    kept: int = 0
    warnings: tuple[str, ...] = ()


def listed(store: ObjectStore, folder: str) -> Catalog:
    """All backups below `<namespace>/<resource>`; folders whose names are no ids are not looked at."""
    sizes = store.list(folder)
    ids = sorted({part for key in sizes if is_backup_id(part := key[len(folder) + 1 :].partition("/")[0])})
    entries, damaged, incomplete = [], [], []
    for found in ids:
        if f"{folder}/{found}/{MARKER_FILE}" not in sizes:
            incomplete.append(found)
            continue
        try:
            entries.append(_entry(store, folder, found, sizes))
        except Corrupt as error:
            damaged.append(Damaged(found, error.message))
        except Missing:
            # Removed since it was listed.
            continue
    entries.sort(key=lambda entry: (entry.marker.at, entry.id))
    return Catalog(tuple(entries), tuple(damaged), tuple(incomplete))


def pick(catalog: Catalog, wanted: str) -> Entry:
    """The backup with this id, or the newest for `latest`, or the newest verified one for `latestVerified`.

    One that a verification refused is had by its id alone. Raises Missing where there is none, and Corrupt where it is damaged.
    """
    if wanted == "latest":
        chosen = _good(catalog)[-1:]
    elif wanted == "latestVerified":
        chosen = tuple(entry for entry in _good(catalog) if entry.verified)[-1:]
    else:
        chosen = tuple(entry for entry in catalog.entries if entry.id == wanted)
    if chosen:
        return chosen[0]
    raise _absent(catalog, wanted)


def _good(catalog: Catalog) -> tuple[Entry, ...]:
    return tuple(entry for entry in catalog.entries if not entry.refused)


def commit(store: ObjectStore, marker: Marker) -> None:
    """Make what was uploaded a backup: the last write, after a look at what the store really holds.

    Raises Corrupt, which is worth another try, where the archive is not as long as it was when it was sent.
    """
    key = f"{marker.folder}/{marker.archive.name}"
    size = store.size(key)
    if size != marker.archive.size:
        held = "is not there" if size is None else f"has {size} bytes"
        raise Corrupt(f"After the upload {key} {held}, and {marker.archive.size} were sent.", permanent=False)
    store.write(f"{marker.folder}/{MARKER_FILE}", marker.to_json())


def record(store: ObjectStore, marker: Marker, verified: Verified) -> None:
    """Write beside a backup that it was restored and compared."""
    store.write(f"{marker.folder}/{VERIFIED_FILE}", verified.to_json())
    if f"{marker.folder}/{REFUSED_FILE}" in store.list(marker.folder):
        store.delete(f"{marker.folder}/{REFUSED_FILE}")


def refuse(store: ObjectStore, marker: Marker, refused: Refused) -> None:
    """Write beside a backup that it is bad, so that nobody restores it unasked."""
    store.write(f"{marker.folder}/{REFUSED_FILE}", refused.to_json())


def remove(store: ObjectStore, folder: str, wanted: str) -> None:
    """Remove a backup, or what is left of one: the marker first, so that half of it is never taken for a backup."""
    base = f"{folder}/{wanted}"
    store.delete(f"{base}/{MARKER_FILE}")
    for key in store.list(base):
        if key != f"{base}/{MARKER_FILE}":
            store.delete(key)


def prune(store: ObjectStore, subject: Subject, group: str, rules: Rules, now: float, *, keep: Collection[str] = ()) -> Pruned:
    """Remove what the rules of a group don't keep, and archives that were abandoned.

    Only backups of the resource with the subject's uid and in this group are looked at; an empty group has no retention;
    `keep` are ids that stay whatever the rules say. Never raises a StoreError: what can't be removed is a warning.
    """
    try:
        catalog = listed(store, subject.folder)
    except StoreError as error:
        return Pruned(warnings=(f"Retention was not applied: {error.message}",))
    own = [entry for entry in catalog.entries if group and entry.marker.group == group and entry.marker.subject == subject]
    condemned = [entry.id for entry in doomed(own, rules, now) if entry.id not in keep]
    removed, warnings = [], [f"Backup {found.id} is damaged: {found.message}" for found in catalog.damaged]
    for wanted in (*condemned, *_abandoned(catalog, now)):
        try:
            remove(store, subject.folder, wanted)
            removed.append(wanted)
        except StoreError as error:
            warnings.append(f"Backup {wanted} could not be removed: {error.message}")
    return Pruned(tuple(removed), sum(entry.id not in removed for entry in own), tuple(warnings))


def _abandoned(catalog: Catalog, now: float) -> list[str]:
    return [found for found in catalog.incomplete if now - _begun(found) > ABANDONED]


def _begun(wanted: str) -> float:
    try:
        return datetime.strptime(wanted.partition("-")[0], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC).timestamp()
    except ValueError:
        # 99999999T999999Z has the form of an id, and is none of ours.
        return float("inf")


def _entry(store: ObjectStore, folder: str, wanted: str, sizes: Mapping[str, int]) -> Entry:
    base = f"{folder}/{wanted}"
    try:
        marker = Marker.parse(store.read(f"{base}/{MARKER_FILE}", LIMIT))
    except ValueError as error:
        raise Corrupt(f"{base}/{MARKER_FILE} can't be trusted: {error}") from error
    if marker.folder != base:
        raise Corrupt(f"{base}/{MARKER_FILE} is the marker of {marker.folder}")
    size = sizes.get(f"{base}/{marker.archive.name}")
    if size != marker.archive.size:
        held = "is missing" if size is None else f"has {size} bytes"
        raise Corrupt(f"{base}/{marker.archive.name} {held}, and its marker says {marker.archive.size}")
    verified = _record(store, f"{base}/{VERIFIED_FILE}", Verified.parse, marker, sizes)
    return Entry(marker, verified, _record(store, f"{base}/{REFUSED_FILE}", Refused.parse, marker, sizes))


class _Bound(Protocol):
    @property
    def sha256(self) -> str: ...


R = TypeVar("R", bound=_Bound)


def _record(store: ObjectStore, key: str, parse: Callable[[bytes], R], marker: Marker, sizes: Mapping[str, int]) -> R | None:
    """One that can't be trusted, or speaks of another archive, is none."""
    if key not in sizes:
        return None
    try:
        found = parse(store.read(key, LIMIT))
    except (ValueError, Missing, Corrupt):
        return None
    return found if found.sha256 == marker.archive.sha256 else None


def _absent(catalog: Catalog, wanted: str) -> StoreError:
    for found in catalog.damaged:
        if found.id == wanted:
            return Corrupt(f"Backup {wanted} is damaged: {found.message}")
    if wanted in catalog.incomplete:
        return Missing(f"Backup {wanted} was never completed: it has no {MARKER_FILE}. Choose another id, or latest.")
    good = ", ".join(entry.id for entry in _good(catalog)[-3:]) or "none"
    what = {"latest": "backup", "latestVerified": "verified backup"}.get(wanted, f"backup {wanted}")
    damaged = f" {len(catalog.damaged)} more are damaged." if catalog.damaged else ""
    refused = [entry.id for entry in catalog.entries if entry.refused]
    bad = f" Refused by their verification, to be had by their id alone: {', '.join(refused[-3:])}." if refused else ""
    return Missing(f"The store holds no {what} of this resource. The newest good ones: {good}.{damaged}{bad}")
