"""`verify`: ask a throw-away member, which was restored from a backup, whether it has what the backup promises."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from typing import Any, TypeVar

from davit.backup import catalog
from davit.backup.errors import Corrupt, StoreError
from davit.backup.model import Marker, Refused, Verified
from davit.backup.report import Report
from davit.backup.store import ObjectStore

from davit_etcd.agent.backup import few
from davit_etcd.agent.config import Verify
from davit_etcd.agent.errors import AgentError, MemberLost
from davit_etcd.agent.maintenance import COMPACTED, Member
from davit_etcd.agent.place import Place
from davit_etcd.agent.progress import step
from davit_etcd.versions import Version

T = TypeVar("T")

PATIENCE = 900.0
"""Seconds in which the member must serve: it reads all its keys first."""
_POLL = 0.2


def run(config: Verify, store: ObjectStore, patience: float = PATIENCE) -> Report:
    """The report; raises StoreError and AgentError. What was found out is written beside the backup, good or bad.

    Facts: id, time, revision, keys, hash, compared (whether the hash could be), seconds, stored, pruned (ids), warnings.
    """
    fetched = Place(config.volume).remembered()
    marker = Marker.parse(fetched["marker"].encode())
    with refusing(store, marker):
        return _run(config, store, marker, fetched, patience)


@contextmanager
def refusing(store: ObjectStore, marker: Marker) -> Iterator[None]:
    """Note beside the backup that it is bad, if that is what is found; the error goes on to the report."""
    try:
        yield
    except Corrupt as error:
        if error.permanent:
            # That it is bad is worth more than that it could not be noted.
            with suppress(StoreError):
                catalog.refuse(store, marker, Refused(_now(), marker.archive.sha256, error.reason, error.message))
        raise


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _run(config: Verify, store: ObjectStore, marker: Marker, fetched: dict[str, Any], patience: float) -> Report:
    began = time.monotonic()
    with Member(config.etcd, "the restored member") as member:
        keys = _serving(member.count, patience)
        status = member.status()
        step("the restored member serves", revision=status.header.revision, keys=keys, etcdVersion=status.version)
        revision = fetched["facts"]["revision"]
        # More is right: leases that ended while nobody served take their keys with them.
        if status.header.revision < revision:
            raise Corrupt(f"The restored member is at revision {status.header.revision}, and the file ends at {revision}.")
        warning = _incomparable(marker, status.version) or _compare(member, marker)
    now = _now()
    facts = {
        "revision": revision,
        "keys": keys,
        "hash": marker.facts.get("hash"),
        "compared": not warning,
        "etcdVersion": status.version,
    }
    catalog.record(store, marker, Verified(now, marker.archive.sha256, facts))
    pruned = _prune(config, store, marker)
    rest = {
        "id": marker.id,
        "time": now,
        "seconds": round(time.monotonic() - began, 1),
        "stored": pruned.kept,
        "pruned": few(pruned.removed),
        "warnings": few((*([warning] if warning else ()), *pruned.warnings)),
    }
    said = f"Backup {marker.id} was restored: revision {revision}, {keys} keys"
    return Report(True, "Verified", f"{said}{', the same hash' if not warning else ''}.", {**facts, **rest})


def _prune(config: Verify, store: ObjectStore, marker: Marker) -> catalog.Pruned:
    """Only now: a backup that is not proved takes no other's place."""
    if config.retention is None or not marker.group:
        return catalog.Pruned()
    return catalog.prune(store, marker.subject, marker.group, config.retention, time.time(), keep=config.keep)


def _serving(ask: Callable[[], T], patience: float) -> T:
    """Its answer to a linearizable read, which it has only when it serves."""
    deadline = time.monotonic() + patience
    while True:
        try:
            return ask()
        except MemberLost as error:
            if time.monotonic() > deadline:
                raise AgentError(
                    "RestoredMemberFailed", f"etcd did not serve the restored data within {patience:.0f} s: {error.message}"
                ) from error
        time.sleep(_POLL)


def _incomparable(marker: Marker, version: str) -> str:
    """Why the hashes say nothing of one another, empty where they do."""
    if marker.facts.get("hash") is None:
        return "The hash was not compared: the member that was backed up gave none."
    if Version.parse(marker.engine_version).line != Version.parse(version).line:
        return f"The hash was not compared: {marker.engine_version} and {version} may reckon it in different ways."
    return ""


def _compare(member: Member, marker: Marker) -> str:
    """Empty where the hashes are equal, else why they can't be compared; raises Corrupt where they differ."""
    wanted, revision = marker.facts["hash"], marker.facts["hashRevision"]
    try:
        found = member.hash_kv(revision)
    except MemberLost as error:
        # Anything else may be etcd that fell over the data: that is no verification.
        if COMPACTED not in error.message:
            raise
        return f"The hash was not compared: {error.message}."
    compacted = marker.facts.get("compactRevision")
    if found.compact_revision != compacted:
        return f"The hash was not compared: etcd compacted from revision {compacted} to {found.compact_revision} meanwhile."
    if found.hash != wanted:
        raise Corrupt(f"The restored data has the hash {found.hash} at revision {revision}, and the member's was {wanted}.")
    return ""
