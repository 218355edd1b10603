"""What counts as verified, what is noted of a backup that is not, and when retention runs."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from davit.backup import catalog
from davit.backup.errors import Corrupt
from davit.backup.model import Blob, Marker, Rules, Store, Subject
from davit.backup.report import LIMIT, Report
from davit.testing.store import MemoryStore
from davit_etcd.agent import verify, wire
from davit_etcd.agent.backup import few
from davit_etcd.agent.config import Stored, Verify
from davit_etcd.agent.errors import MemberLost
from davit_etcd.agent.maintenance import COMPACTED

GROUP = "schedule:u"


def marker(hour: int, **more: Any) -> Marker:
    facts = {"hash": 1, "hashRevision": 5, "compactRevision": 0, "revision": 5}
    made = Marker(
        f"20261121T{hour:02}0000Z-0123456{hour}", "etcd", f"2026-11-21T{hour:02}:00:00Z", Subject("ns", "c", "u"), GROUP,
        "3.5.32", Blob("a.db.zst", 1, "0" * 64), Blob("snapshot.db", 1, "0" * 64), "zstd", (), facts,
    )  # fmt: skip
    return replace(made, **more)


NEW = marker(7)


class Restored:
    """The throw-away member. `hashed` is its answer to HashKV: a hash, or why there is none."""

    hashed: int | str = 1

    def __init__(self, *_: object) -> None: ...

    def __enter__(self) -> Restored:
        return self

    def __exit__(self, *_: object) -> None: ...

    def count(self) -> int:
        return 3

    def status(self) -> wire.Status:
        return wire.Status(wire.Header(1, 1, 5), "3.5.32", 1, 1, 1, 5, (), False)

    def hash_kv(self, revision: int) -> wire.HashKV:
        if isinstance(self.hashed, str):
            raise MemberLost("MemberUnreachable", f"the restored member: {self.hashed}")
        return wire.HashKV(wire.Header(1, 1, 5), self.hashed, 0)


@pytest.fixture
def store() -> MemoryStore:
    """Six older ones, and the one that is verified."""
    found = MemoryStore()
    for hour in range(1, 8):
        found.put(f"{marker(hour).folder}/a.db.zst", iter([b"x"]))
        catalog.commit(found, marker(hour))
    return found


def proved(monkeypatch: pytest.MonkeyPatch, folder: Path, store: MemoryStore, hashed: int | str, **more: Any) -> Report:
    monkeypatch.setattr(Restored, "hashed", hashed)
    monkeypatch.setattr(verify, "Member", Restored)
    (folder / "restore").mkdir()
    (folder / "restore" / "fetched.json").write_text(json.dumps({"facts": {"revision": 5}, "marker": NEW.to_json().decode()}))
    source = Stored(Store("b", "s"), None, "ns", "c", NEW.id)
    return verify.run(Verify(source, "http://127.0.0.1:1", str(folder), **more), store)


def names(store: MemoryStore) -> set[str]:
    return {key.rpartition("/")[2] for key in store.objects if key.startswith(NEW.folder)}


def test_a_hash_that_is_equal(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, store: MemoryStore) -> None:
    report = proved(monkeypatch, tmp_path, store, 1)
    assert (report.ok, report.facts["compared"]) == (True, True)
    assert "verified.json" in names(store)


def test_a_hash_that_was_compacted_away(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, store: MemoryStore) -> None:
    report = proved(monkeypatch, tmp_path, store, f"OUT_OF_RANGE: etcdserver: mvcc: {COMPACTED}")
    assert (report.ok, report.facts["compared"]) == (True, False)


def test_a_member_that_dies_of_the_data_is_no_verification(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, store: MemoryStore
) -> None:
    with pytest.raises(MemberLost, match="Socket closed"):
        proved(monkeypatch, tmp_path, store, "UNAVAILABLE: Socket closed", retention=Rules(keep_last=1))
    assert names(store) == {"a.db.zst", "backup.json"}
    assert len(catalog.listed(store, "ns/c").entries) == 7


def test_a_bad_one_is_noted_and_takes_no_others_place(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, store: MemoryStore
) -> None:
    with pytest.raises(Corrupt, match="has the hash 2"):
        proved(monkeypatch, tmp_path, store, 2, retention=Rules(keep_last=1))
    assert names(store) == {"a.db.zst", "backup.json", "refused.json"}
    found = catalog.listed(store, "ns/c")
    assert len(found.entries) == 7
    assert catalog.pick(found, "latest").id == marker(6).id


def test_that_it_is_bad_is_said_where_it_can_not_be_noted(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, store: MemoryStore
) -> None:
    def full(*_: object) -> None:
        raise Corrupt("the store is broken too")

    monkeypatch.setattr(catalog, "refuse", full)
    with pytest.raises(Corrupt, match="has the hash 2"):
        proved(monkeypatch, tmp_path, store, 2)


def test_a_network_that_garbled_it_is_no_refusal(store: MemoryStore) -> None:
    with pytest.raises(Corrupt), verify.refusing(store, NEW):
        raise Corrupt("cut off", permanent=False)
    assert "refused.json" not in names(store)


def test_retention_runs_once_it_is_proved(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, store: MemoryStore) -> None:
    report = proved(monkeypatch, tmp_path, store, 1, retention=Rules(keep_last=2), keep=(marker(3).id,))
    assert [entry.id for entry in catalog.listed(store, "ns/c").entries] == [marker(3).id, marker(6).id, NEW.id]
    assert (report.facts["stored"], len(report.facts["pruned"])) == (3, 4)


def test_the_largest_report_fits() -> None:
    """With as many ids and warnings as there can be, in characters that take the most room."""
    ids = few(tuple(marker(hour % 10).id for hour in range(500)))
    warnings = few(tuple("\N{GREEK SMALL LETTER ALPHA}" * 90 for _ in range(20)))
    facts = {
        "id": NEW.id, "time": NEW.time, "revision": 2**62, "revisionAfter": 2**62, "hash": 2**32, "hashRevision": 2**62,
        "compactRevision": 2**62, "clusterID": "f" * 16, "member": "c" * 40 + "-10000", "etcdVersion": "3.5.32-rc.0",
        "snapshotSize": 2**40, "snapshotSha256": "a" * 64, "archive": "snapshot-01234567.db.zst.age", "archiveSize": 2**40,
        "seconds": 86399.9, "stored": 10000, "pruned": ids, "warnings": warnings,
    }  # fmt: skip
    assert len(Report(True, "Succeeded", "x" * 300, facts).to_json()) <= LIMIT == 2048
