"""Made-up backups for the tests of davit.backup."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pyrage
from davit.backup.model import Entry, Marker, Subject, Verified, backup_id
from davit.backup.stream import Packing
from davit.status import timestamp
from davit.testing.store import MemoryStore

SUBJECT = Subject("ns", "db", "uid-db")
GROUP = "schedule:uid-schedule"
NOW = 1_795_262_400.0
"""2026-11-21T12:00:00Z."""
_IDENTITY = pyrage.x25519.Identity.generate()
IDENTITY, RECIPIENT = str(_IDENTITY), str(_IDENTITY.to_public())


def marker_at(at: float, data: bytes = b"data", group: str = GROUP, recipients: Sequence[str] = ()) -> tuple[Marker, bytes]:
    """A marker and the archive that it speaks of."""
    packing = Packing(iter([data]), "zstd", recipients)
    archive = b"".join(packing)
    name = "snapshot.db.zst"
    when = timestamp(at)
    marker = Marker(
        backup_id(when, f"uid-{at}"), "etcd", when, SUBJECT, group, "3.6.0", packing.archive.blob(name),
        packing.content.blob("snapshot.db"), "zstd", tuple(recipients), {"revision": 7},
    )  # fmt: skip
    return marker, archive


def entry(at: float, verified: bool = False) -> Entry:
    """A backup of which only the time matters."""
    marker, _ = marker_at(at)
    marker = replace(marker, time=timestamp(at))
    return Entry(marker, Verified(timestamp(at + 60), marker.archive.sha256) if verified else None)


def stored(store: MemoryStore, marker: Marker, archive: bytes) -> None:
    """Put a whole backup into the store."""
    store.objects[f"{marker.folder}/{marker.archive.name}"] = archive
    store.objects[f"{marker.folder}/backup.json"] = marker.to_json()
