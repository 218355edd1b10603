"""`fetch`: a snapshot onto a volume, proved before anybody restores it.

Whatever is wrong with it is said before anything that was on the volume is touched.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from davit.backup import catalog
from davit.backup.errors import AccessDenied, Corrupt, Foreign, Missing
from davit.backup.model import LIMIT, MARKER_FILE, Marker, is_backup_id
from davit.backup.report import Report
from davit.backup.store import ObjectStore
from davit.backup.stream import unpack

from davit_etcd.agent import snapshot, trailer
from davit_etcd.agent.backup import committed
from davit_etcd.agent.bolt import last_revision
from davit_etcd.agent.compatibility import refuse_restore
from davit_etcd.agent.config import ENGINE, Fetch, Stored, Surviving
from davit_etcd.agent.errors import AgentError
from davit_etcd.agent.maintenance import Member
from davit_etcd.agent.place import Place
from davit_etcd.agent.progress import Progress, step
from davit_etcd.agent.verify import refusing
from davit_etcd.versions import Version

LOG_SPACE = 160 * 1024 * 1024
"""Bytes that a new member's log takes at once: two segments of 64 MiB, and some room."""
Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class _Snapshot:
    """Where the bytes come from, seen and checked on their way, how many there will be at most, and what is said of them."""

    chunks: Callable[[trailer.Checked], Iterator[bytes]]
    size: int
    least: int
    facts: Json
    marker: Marker | None = None


def run(config: Fetch, open_store: Callable[[], ObjectStore], key: str | None) -> Report:
    """The report; raises StoreError and AgentError. `key` is the text of the age key file, None for none.

    Facts: location or url, time, revision (read from the file itself), markerRevision, etcdVersion, clusterID, member,
    size (bytes), and of a stored one its id.
    """
    place = Place(config.volume, config.scratch)
    place.claim()
    if isinstance(config.source, Surviving):
        with Member(config.source.url, config.source.member) as member:
            return _bring(config, place, _surviving(member, config))
    store = open_store()
    found = _stored(config.source, store, config.target, key)
    with refusing(store, found.marker) if config.proving and found.marker else nullcontext():
        return _bring(config, place, found)


def chosen(source: Stored, store: ObjectStore) -> Marker:
    """The backup that is meant, of the one that was asked for; raises Missing, Corrupt or Foreign."""
    marker = committed(store, f"{source.folder}/{source.id}") if is_backup_id(source.id) else None
    if marker is None:
        _refuse_foreign(source, store)
        marker = catalog.pick(catalog.listed(store, source.folder), source.id).marker
    if marker.engine != ENGINE:
        raise Foreign(f"Backup {marker.id} is one of {marker.engine}, not of {ENGINE}.")
    return marker


def _refuse_foreign(source: Stored, store: ObjectStore) -> None:
    """A good marker in the wrong folder was copied there."""
    # AccessDenied: see `committed`.
    with suppress(Missing, Corrupt, AccessDenied, ValueError):
        found = Marker.parse(store.read(f"{source.folder}/{source.id}/{MARKER_FILE}", LIMIT))
        if found.subject.folder != source.folder:
            raise Foreign(f"Backup {found.id} is that of {found.subject.folder}, not of {source.folder}.")


def _stored(source: Stored, store: ObjectStore, target: Version, key: str | None) -> _Snapshot:
    marker = chosen(source, store)
    _require_readable(marker.engine_version, target)
    step("found", id=marker.id, time=marker.time, archiveBytes=marker.archive.size, etcdVersion=marker.engine_version)

    def chunks(seen: trailer.Checked) -> Iterator[bytes]:
        archive = store.get(f"{marker.folder}/{marker.archive.name}")
        yield from unpack(archive, marker, key if marker.recipients else None, seen)
        seen.check()

    facts = {
        "id": marker.id,
        "location": source.store.location(marker.folder),
        "time": marker.time,
        "markerRevision": _revision(marker),
        "clusterID": marker.facts.get("clusterID", ""),
        "member": marker.facts.get("member", ""),
        "etcdVersion": marker.engine_version,
    }
    return _Snapshot(chunks, marker.content.size, _revision(marker), facts, marker)


def _surviving(member: Member, config: Fetch) -> _Snapshot:
    status = member.status()
    _require_readable(status.version, config.target)
    revision = status.header.revision
    if revision < config.revision:
        raise AgentError(
            "MemberBehind",
            f"{member.name} is at revision {revision}, and had {config.revision} when it was chosen",
            permanent=True,
        )
    facts = {
        "url": member.url,
        "markerRevision": revision,
        "clusterID": f"{status.header.cluster_id:x}",
        "member": member.name,
        "etcdVersion": status.version,
    }
    return _Snapshot(lambda seen: seen.over(snapshot.chunks(member, seen)), status.db_size + trailer.SIZE, revision, facts)


def _bring(config: Fetch, place: Place, found: _Snapshot) -> Report:
    path = place.prepare(found.size, LOG_SPACE, shared=config.proving)
    try:
        _write(path, Progress("fetching", found.size).over(found.chunks(trailer.Checked("the snapshot"))))
    except ValueError as error:
        raise Corrupt(f"{_capital(error)}.") from error
    revision = _proved(path, found)
    facts = {**found.facts, "revision": revision, "size": path.stat().st_size}
    place.remember({"facts": facts, "marker": found.marker.to_json().decode() if found.marker else None})
    step("fetched and proved", revision=revision, bytes=facts["size"])
    return Report(True, "Fetched", f"The snapshot with revision {revision} is whole.", facts)


def _proved(path: Path, found: _Snapshot) -> int:
    """The revision in the file; it must hold at least what was promised."""
    try:
        revision = last_revision(str(path))
    except ValueError as error:
        raise Corrupt(f"The snapshot is no database of etcd's: {error}.") from error
    if revision < found.least:
        raise Corrupt(f"The snapshot ends at revision {revision}, and should hold {found.least}.")
    return revision


def _write(path: Path, chunks: Iterator[bytes]) -> None:
    try:
        with path.open("wb", buffering=0) as file:
            for chunk in chunks:
                file.write(chunk)
            os.fsync(file.fileno())
    except OSError as error:
        raise AgentError("VolumeFailed", f"{path} can't be written: {error.strerror}") from error
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _require_readable(made: str, target: Version) -> None:
    try:
        refusal = refuse_restore(Version.parse(made), target)
    except ValueError as error:
        raise Corrupt(f"The version of what made the snapshot is not known: {error}.") from error
    if refusal:
        raise AgentError("VersionTooNew", f"{_capital(refusal)}.", permanent=True)


def _revision(marker: Marker) -> int:
    found = marker.facts.get("revision")
    if not isinstance(found, int) or isinstance(found, bool):
        raise Corrupt(f"The marker of {marker.id} names no revision.")
    return found


def _capital(text: object) -> str:
    said = str(text)
    return said[:1].upper() + said[1:]
