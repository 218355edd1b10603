"""`backup`: one snapshot from the best member into the store, committed last.

Done again under the same id it finds what it did before, or clears it away and starts anew.
"""

from __future__ import annotations

import json
import os
import time
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

from davit.backup import catalog, encryption
from davit.backup.errors import Corrupt, Missing, StoreError
from davit.backup.model import LIMIT, MARKER_FILE, Marker
from davit.backup.report import Report
from davit.backup.store import ObjectStore
from davit.backup.stream import Packing, archive_name

from davit_etcd.agent import snapshot
from davit_etcd.agent.choice import Candidate
from davit_etcd.agent.config import ENGINE, Backup
from davit_etcd.agent.errors import AgentError, MemberLost
from davit_etcd.agent.maintenance import Member
from davit_etcd.agent.progress import Progress, step
from davit_etcd.agent.trailer import Checked

PART = ".part"
"""Ends the name of an object that says which archive is being written: stores list unfinished uploads by whole keys only."""


def run(config: Backup, store: ObjectStore, key: str | None) -> Report:
    """The report; raises StoreError and AgentError. `key` is the text of the age key file, None for no encryption.

    Facts: id, time, revision (surely held), revisionAfter, hash, hashRevision, compactRevision, clusterID, member,
    etcdVersion, snapshotSize, snapshotSha256, archive, archiveSize (bytes), seconds, stored, pruned (ids), warnings.
    """
    began = time.monotonic()
    recipients = encryption.keys(key).recipients if key is not None else ()
    warnings: list[str] = []
    marker = committed(store, f"{config.subject.folder}/{config.id}")
    if marker is not None:
        step("the backup is there already", id=config.id)
    else:
        _tidy(store, config)
        marker, warnings = _make(config, store, recipients)
    pruned = _prune(config, store)
    facts = {
        **_facts(marker),
        "seconds": round(time.monotonic() - began, 1),
        "stored": pruned.kept,
        "pruned": few(pruned.removed),
        "warnings": few((*warnings, *pruned.warnings)),
    }
    step("backup is complete", **{name: facts[name] for name in ("id", "revision", "archiveSize", "seconds")})
    return Report(True, "Succeeded", f"Backup {marker.id} holds revision {facts['revision']}.", facts)


def committed(store: ObjectStore, base: str) -> Marker | None:
    """The marker of a backup that is whole, None for anything else.

    Looked for in a list: to those who may list a part of the bucket only, S3 says of what is missing that it is forbidden
    (Amazon S3 API reference, "GetObject").
    """
    sizes = store.list(base)
    if f"{base}/{MARKER_FILE}" not in sizes:
        return None
    try:
        marker = Marker.parse(store.read(f"{base}/{MARKER_FILE}", LIMIT))
    except (Missing, Corrupt, ValueError):
        return None
    whole = marker.folder == base and sizes.get(f"{base}/{marker.archive.name}") == marker.archive.size
    return marker if whole else None


def _tidy(store: ObjectStore, config: Backup) -> None:
    """Remove what earlier attempts have left behind.

    Every attempt has an archive of its own: one on a node that was thought lost must not write into another's.
    """
    base = f"{config.subject.folder}/{config.id}"
    for name in store.list(base):
        if name.endswith(PART):
            aborted = store.abort_uploads(name.removesuffix(PART))
            step("cleared away an earlier attempt", uploads=aborted)
        store.delete(name)
    store.abort_uploads(base)


def _make(config: Backup, store: ObjectStore, recipients: tuple[str, ...]) -> tuple[Marker, list[str]]:
    """From the first member that holds out to the end."""
    candidates = snapshot.candidates(config.members)
    least = max(one.status.header.revision for one in candidates)
    failures: list[AgentError] = []
    for candidate in candidates:
        try:
            return _from(candidate, least, config, store, recipients)
        except MemberLost as error:
            step("member is given up", member=candidate.name, error=error.message)
            failures.append(error)
    raise snapshot.failure(failures)


def _from(
    candidate: Candidate, least: int, config: Backup, store: ObjectStore, recipients: tuple[str, ...]
) -> tuple[Marker, list[str]]:
    with Member(candidate.url, candidate.name) as member:
        known = snapshot.known(member, least, hashed=config.hashed)
        step("reading", member=known.member, revision=known.revision, etcdVersion=known.version, databaseBytes=known.db_size)
        base = f"{config.subject.folder}/{config.id}"
        name = archive_name(f"snapshot-{os.urandom(4).hex()}.db", config.compression, bool(recipients))
        at = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        seen = Checked(f"the snapshot of {member.name}")
        read = Progress("reading", known.db_size).over(snapshot.chunks(member, seen))
        packing = Packing(read, config.compression, recipients, seen)
        store.write(f"{base}/{name}{PART}", b"An upload is under way, or was.\n")
        try:
            store.put(f"{base}/{name}", iter(packing))
        except BaseException:
            # Not while the store is away: the next attempt does it.
            with suppress(StoreError):
                store.delete(f"{base}/{name}{PART}")
            raise
        marker = Marker(
            id=config.id,
            engine=ENGINE,
            time=at,
            subject=config.subject,
            group=config.group,
            engine_version=known.version,
            archive=packing.archive.blob(name),
            content=packing.content.blob("snapshot.db"),
            compression=config.compression,
            recipients=recipients,
            facts=_of(known, _after(member, known)),
        )
    return _commit(store, base, marker), known.warnings


def _after(member: Member, known: snapshot.Known) -> int:
    """The revision behind the snapshot: it holds no more than this. The member may be gone by now."""
    with suppress(AgentError):
        return member.status().header.revision
    return known.revision


def _of(known: snapshot.Known, after: int) -> dict[str, Any]:
    hashed = (
        {"hash": known.hash.hash, "hashRevision": known.revision, "compactRevision": known.hash.compact_revision}
        if known.hash
        else {}
    )
    return {
        "revision": known.revision,
        "revisionAfter": after,
        **hashed,
        "clusterID": known.cluster_id,
        "member": known.member,
        "etcdVersion": known.version,
    }


def _commit(store: ObjectStore, base: str, marker: Marker) -> Marker:
    """The backup that counts: ours, or that of another attempt which came before."""
    other = committed(store, base)
    if other is None:
        catalog.commit(store, marker)
    with suppress(StoreError):
        if other is not None:
            store.delete(f"{base}/{marker.archive.name}")
        store.delete(f"{base}/{marker.archive.name}{PART}")
    return other or marker


def _prune(config: Backup, store: ObjectStore) -> catalog.Pruned:
    if config.retention is None or not config.group:
        return catalog.Pruned()
    return catalog.prune(store, config.subject, config.group, config.retention, time.time(), keep=config.keep)


def _facts(marker: Marker) -> dict[str, Any]:
    return {
        "id": marker.id,
        "time": marker.time,
        **marker.facts,
        "snapshotSize": marker.content.size,
        "snapshotSha256": marker.content.sha256,
        "archive": marker.archive.name,
        "archiveSize": marker.archive.size,
    }


def few(texts: tuple[str, ...], limit: int = 400) -> list[str]:
    """As many as a termination message has room for; the last says how many more there are."""
    found: list[str] = []
    for index, text in enumerate(texts):
        # As it is written: in JSON a character may take six.
        if sum(len(json.dumps(one)) for one in (*found, text)) > limit:
            return [*found, f"and {len(texts) - index} more"]
        found.append(text)
    return found
