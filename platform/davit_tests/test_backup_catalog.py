"""Which backups a store holds, by what is in the store."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from davit.backup.catalog import Catalog, commit, listed, pick, prune, record, refuse, remove
from davit.backup.errors import AccessDenied, Corrupt, Missing, TooSlow
from davit.backup.model import Marker, Refused, Rules, Verified
from davit.testing.store import MemoryStore

from davit_tests.backup_world import GROUP, NOW, SUBJECT, marker_at, stored

HOUR, DAY = 3600.0, 86400.0
FOLDER = SUBJECT.folder


def filled(*hours: float, group: str = GROUP) -> tuple[MemoryStore, list[Marker]]:
    """A store with a backup of so many hours ago each."""
    store, markers = MemoryStore(), []
    for ago in hours:
        marker, archive = marker_at(NOW - ago * HOUR, group=group)
        stored(store, marker, archive)
        markers.append(marker)
    return store, markers


def verified(marker: Marker) -> Verified:
    return Verified("2026-11-21T12:00:00Z", marker.archive.sha256, {"hash": "7"})


def refused(marker: Marker) -> Refused:
    return Refused("2026-11-21T12:00:00Z", marker.archive.sha256, "Corrupt", "the hash differs")


def test_what_a_verification_refused_is_had_by_its_id_alone() -> None:
    store, (bad, good) = filled(1, 5)
    record(store, bad, verified(bad))
    record(store, good, verified(good))
    refuse(store, bad, refused(bad))
    found = listed(store, FOLDER)
    assert [entry.refused for entry in found.entries] == [None, refused(bad)]
    assert pick(found, "latest").id == pick(found, "latestVerified").id == good.id
    assert pick(found, bad.id).id == bad.id
    record(store, bad, verified(bad))
    assert pick(listed(store, FOLDER), "latest").id == bad.id


def test_where_all_were_refused_latest_says_so() -> None:
    store, (bad,) = filled(1)
    refuse(store, bad, refused(bad))
    with pytest.raises(Missing, match=f"Refused by their verification, to be had by their id alone: {bad.id}"):
        pick(listed(store, FOLDER), "latest")


@pytest.mark.parametrize("how", ["another archive", "changed", "no JSON"])
def test_a_refusal_that_can_not_be_trusted_is_none(how: str) -> None:
    store, (new,) = filled(1)
    found = replace(refused(new), sha256="0" * 64) if how == "another archive" else refused(new)
    text = {"changed": found.to_json().replace(b"hash", b"date"), "no JSON": b"{"}.get(how, found.to_json())
    store.objects[f"{new.folder}/refused.json"] = text
    assert pick(listed(store, FOLDER), "latest").refused is None


def test_a_prune_keeps_what_it_is_told_to_keep() -> None:
    """A restore's own safety backup must not remove the one that is being restored."""
    store, markers = filled(1, 2, 3, 4, 5, 6)
    pruned = prune(store, SUBJECT, GROUP, Rules(keep_last=5), NOW, keep=(markers[-1].id,))
    assert (pruned.removed, pruned.kept) == ((), 6)
    assert prune(store, SUBJECT, GROUP, Rules(keep_last=5), NOW).removed == (markers[-1].id,)


@pytest.mark.parametrize("time", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "1999-12-31T23:59:59Z"])
def test_a_marker_from_the_ends_of_the_calendar_is_damaged_and_a_prune_never_raises(time: str) -> None:
    store, (odd, *_) = filled(1, 2, 3)
    store.objects[f"{odd.folder}/backup.json"] = replace(odd, time=time).to_json()
    assert [found.id for found in listed(store, FOLDER).damaged] == [odd.id]
    pruned = prune(store, SUBJECT, GROUP, Rules(daily=1, weekly=1), NOW)
    assert any("is no time at which a backup was made" in warning for warning in pruned.warnings)


def test_an_empty_store_has_no_backups() -> None:
    assert listed(MemoryStore(), FOLDER) == Catalog()


def test_backups_are_listed_the_oldest_first_and_nobody_elses() -> None:
    store, (new, old) = filled(1, 5)
    store.objects["ns/db2/20261121T000000Z-00000000/backup.json"] = b"other"
    store.objects[f"{FOLDER}/notes.txt"] = b"mine"
    store.objects[f"{FOLDER}/keep/backup.json"] = b"mine"
    found = listed(store, FOLDER)
    assert [entry.marker for entry in found.entries] == [old, new]
    assert (found.damaged, found.incomplete) == ((), ())


def test_an_archive_without_a_marker_is_no_backup() -> None:
    store, (new, old) = filled(1, 5)
    del store.objects[f"{new.folder}/backup.json"]
    found = listed(store, FOLDER)
    assert [entry.id for entry in found.entries] == [old.id]
    assert found.incomplete == (new.id,)
    assert pick(found, "latest").id == old.id
    with pytest.raises(Missing, match="was never completed"):
        pick(found, new.id)


def damage(store: MemoryStore, marker: Marker, how: str) -> None:
    """Do something to a backup that makes it unfit to be restored."""
    path = f"{marker.folder}/backup.json"
    data = store.objects[path]
    changed = json.loads(data)
    changed["facts"]["revision"] = 8
    other = marker_at(NOW - 100 * HOUR)[0]
    archive = f"{marker.folder}/{marker.archive.name}"
    if how == "archive gone":
        del store.objects[archive]
    elif how == "archive cut":
        store.objects[archive] = store.objects[archive][:-1]
    else:
        store.objects[path] = {
            "cut": data[:-20],
            "empty": b"",
            "edited": json.dumps(changed).encode(),
            "of another backup": other.to_json(),
            "of another resource": replace(marker, subject=replace(SUBJECT, name="other")).to_json(),
            "huge": bytes(70000),
        }[how]


@pytest.mark.parametrize(
    ("how", "words"),
    [
        ("cut", "cut off"),
        ("empty", "no JSON"),
        ("edited", "checksum does not match"),
        ("of another backup", "is the marker of ns/db/20261117T"),
        ("of another resource", "is the marker of ns/other/"),
        ("huge", "65536 bytes"),
        ("archive gone", "is missing, and its marker says"),
        ("archive cut", "bytes, and its marker says"),
    ],
)
def test_a_damaged_backup_is_told_and_never_picked_or_pruned(how: str, words: str) -> None:
    store, (new, old) = filled(1, 5)
    damage(store, new, how)
    found = listed(store, FOLDER)
    assert [entry.id for entry in found.entries] == [old.id]
    assert found.incomplete == ()
    assert [bad.id for bad in found.damaged] == [new.id]
    assert words in found.damaged[0].message
    assert pick(found, "latest").id == old.id
    with pytest.raises(Corrupt, match=f"Backup {new.id} is damaged"):
        pick(found, new.id)
    before = dict(store.objects)
    pruned = prune(store, SUBJECT, GROUP, Rules(keep_last=1), NOW + 100 * DAY)
    assert pruned.removed == ()
    assert words in pruned.warnings[0]
    assert store.objects == before


def test_trouble_with_the_store_is_not_damage() -> None:
    store, _ = filled(1)
    store.fail("read", AccessDenied("no"))
    with pytest.raises(AccessDenied):
        listed(store, FOLDER)


def test_a_backup_that_goes_while_it_is_listed_is_left_out() -> None:
    store, (_, old) = filled(1, 5)
    store.fail("read", Missing("gone"))
    assert len(listed(store, FOLDER).entries) == 1
    assert old


def test_the_newest_verified_backup() -> None:
    store, (new, middle, old) = filled(1, 5, 9)
    with pytest.raises(Missing, match="no verified backup"):
        pick(listed(store, FOLDER), "latestVerified")
    record(store, old, verified(old))
    record(store, middle, verified(middle))
    found = listed(store, FOLDER)
    assert pick(found, "latestVerified").id == middle.id
    assert pick(found, "latestVerified").verified == verified(middle)
    assert pick(found, "latest").id == new.id
    assert pick(found, old.id).verified == verified(old)


@pytest.mark.parametrize("how", ["garbage", "of another archive"])
def test_a_verification_that_does_not_fit_is_none(how: str) -> None:
    store, (new,) = filled(1)
    text = b"{" if how == "garbage" else replace(verified(new), sha256="0" * 64).to_json()
    store.objects[f"{new.folder}/verified.json"] = text
    (entry,) = listed(store, FOLDER).entries
    assert entry.verified is None


def test_a_backup_that_is_not_there() -> None:
    store, (new,) = filled(1)
    with pytest.raises(Missing, match=f"no backup 20250101T000000Z-00000000 of this resource. The newest good ones: {new.id}"):
        pick(listed(store, FOLDER), "20250101T000000Z-00000000")
    with pytest.raises(Missing, match="The newest good ones: none"):
        pick(Catalog(), "latest")


def test_a_commit_looks_at_what_the_store_holds_and_writes_the_marker_last() -> None:
    store = MemoryStore()
    marker, archive = marker_at(NOW)
    for held, words in ((None, "is not there"), (archive[:-1], "has")):
        if held is not None:
            store.objects[f"{marker.folder}/{marker.archive.name}"] = held
        with pytest.raises(Corrupt, match=words) as caught:
            commit(store, marker)
        assert not caught.value.permanent
        assert f"{marker.folder}/backup.json" not in store.objects
    store.objects[f"{marker.folder}/{marker.archive.name}"] = archive
    commit(store, marker)
    assert [entry.marker for entry in listed(store, FOLDER).entries] == [marker]


def test_removing_begins_with_the_marker() -> None:
    store, (new,) = filled(1)
    record(store, new, verified(new))
    store.fail("delete", *[])
    remove(store, FOLDER, new.id)
    deleted = [key.rpartition("/")[2] for operation, key in store.calls if operation == "delete"]
    assert deleted[0] == "backup.json"
    assert sorted(deleted) == ["backup.json", "snapshot.db.zst", "verified.json"]
    assert store.objects == {}


def test_a_prune_keeps_to_its_group_and_its_resource() -> None:
    store, markers = filled(1, 2, 3, 4)
    for number, change in enumerate(({"group": "safety:u"}, {"group": ""}, {"subject": replace(SUBJECT, uid="earlier")})):
        marker, archive = marker_at(NOW - (10 + number) * HOUR)
        stored(store, replace(marker, **change), archive)  # type: ignore[arg-type]
    pruned = prune(store, SUBJECT, GROUP, Rules(keep_last=2), NOW)
    assert pruned.removed == (markers[3].id, markers[2].id)
    assert (pruned.kept, pruned.warnings) == (2, ())
    assert len(listed(store, FOLDER).entries) == 5
    assert prune(store, SUBJECT, GROUP, Rules(keep_last=2), NOW).removed == ()


def test_backups_of_no_group_are_never_pruned() -> None:
    store, _ = filled(1, 2, 3, group="")
    assert prune(store, SUBJECT, "", Rules(keep_last=1), NOW).removed == ()
    assert len(listed(store, FOLDER).entries) == 3


@pytest.mark.parametrize("failing", [1, 2])
def test_a_prune_that_fails_half_way_is_a_warning_and_goes_on_the_next_time(failing: int) -> None:
    store, (_, middle, old) = filled(1, 2, 30 * 24)
    if failing == 1:
        store.fail("delete", TooSlow("slow"))
    else:
        store.fail("list", *[])
        original, calls = store.delete, []

        def second_fails(key: str) -> None:
            calls.append(key)
            if len(calls) == 2:
                raise TooSlow("slow")
            original(key)

        store.delete = second_fails  # type: ignore[method-assign]
    pruned = prune(store, SUBJECT, GROUP, Rules(keep_last=1), NOW)
    assert pruned.removed == (middle.id,)
    assert pruned.warnings == (f"Backup {old.id} could not be removed: slow",)
    found = listed(store, FOLDER)
    assert found.damaged == ()
    assert old.id not in [entry.id for entry in found.entries] or failing == 1
    prune(store, SUBJECT, GROUP, Rules(keep_last=1), NOW)
    assert not [key for key in store.objects if old.id in key]


def test_a_prune_of_a_store_that_fails_is_a_warning() -> None:
    store, _ = filled(1, 2)
    store.fail("list", AccessDenied("no"))
    pruned = prune(store, SUBJECT, GROUP, Rules(keep_last=1), NOW)
    assert pruned.warnings == ("Retention was not applied: no",)


def test_abandoned_archives_go_after_a_week() -> None:
    store, (young, old, _) = filled(6 * 24, 8 * 24, 9 * 24)
    for marker in (young, old):
        del store.objects[f"{marker.folder}/backup.json"]
    store.objects[f"{FOLDER}/99999999T999999Z-00000000/archive"] = b"not ours"
    pruned = prune(store, SUBJECT, GROUP, Rules(), NOW)
    assert pruned.removed == (old.id,)
    assert listed(store, FOLDER).incomplete == (young.id, "99999999T999999Z-00000000")
