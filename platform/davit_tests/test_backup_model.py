"""What is written down: stores, markers, ids, durations."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from davit.backup import api
from davit.backup.model import (
    Blob,
    Ca,
    Cipher,
    Marker,
    Rules,
    Store,
    Verified,
    backup_id,
    days,
    instant,
    is_backup_id,
    seconds,
)
from hypothesis import given
from hypothesis import strategies as st

from davit_tests.backup_world import NOW, marker_at

MARKER = replace(marker_at(NOW)[0], recipients=("age1x",), facts={"revision": 7, "é": ["ü", None, 1.5]})


def given_store(**more: object) -> api.ObjectStore:
    return api.ObjectStore.model_validate({"bucket": "backups", "credentialsSecret": {"name": "key"}, **more})


def test_a_store_with_nothing_but_a_bucket_is_amazons() -> None:
    store = Store.of(given_store())
    assert store == Store("backups", "key", "", "", "us-east-1", False, None)
    assert store.url == "https://s3.us-east-1.amazonaws.com"
    assert store.location("ns", "db") == "s3://backups/ns/db"


def test_a_store_with_an_endpoint_has_the_bucket_in_the_path_unless_told_otherwise() -> None:
    found = Store.of(given_store(endpoint="https://minio:9000", prefix="a/b", region="eu", ca={"name": "ca"}))
    assert found == Store("backups", "key", "a/b", "https://minio:9000", "eu", True, Ca("Secret", "ca", "ca.crt"))
    assert found.key("ns", "db") == "a/b/ns/db"
    assert not Store.of(given_store(endpoint="https://minio:9000", pathStyle=False)).path_style


@pytest.mark.parametrize(
    "store", [Store("b", "s"), Store("b", "s", "p", "https://m", "r", True, Ca("ConfigMap", "c", "k"))], ids=["least", "most"]
)
def test_a_store_is_read_as_it_was_written(store: Store) -> None:
    assert Store.from_json(json.loads(json.dumps(store.to_json()))) == store


def test_a_cipher_is_read_as_it_was_written() -> None:
    cipher = Cipher.of(api.Encryption.model_validate({"secretName": "age"}))
    assert cipher == Cipher("age", "age.key")
    assert Cipher.from_json(cipher.to_json()) == cipher


@pytest.mark.parametrize("rules", [Rules(), Rules(1, 2, 3, 4, 5, 6, 7.0), Rules(daily=3)])
def test_rules_are_read_as_they_were_written(rules: Rules) -> None:
    assert Rules.from_json(json.loads(json.dumps(rules.to_json()))) == rules


def test_rules_of_a_retention() -> None:
    found = Rules.of(api.Retention.model_validate({"keepLast": 3, "weekly": 4, "maxAge": "12m"}))
    assert found == Rules(keep_last=3, weekly=4, max_age=360 * 86400.0)
    assert Rules.of(None) == Rules()


def test_a_marker_is_read_as_it_was_written() -> None:
    assert Marker.parse(MARKER.to_json()) == MARKER
    assert MARKER.folder == f"ns/db/{MARKER.id}"
    assert MARKER.at == NOW


def test_a_verification_is_read_as_it_was_written() -> None:
    verified = Verified("2026-11-21T12:00:00Z", "0" * 64, {"hash": "1"})
    assert Verified.parse(verified.to_json()) == verified


@given(st.integers(0, len(MARKER.to_json()) - 1), st.integers(1, 255))
def test_a_marker_with_any_byte_flipped_is_refused_or_says_the_same(place: int, flip: int) -> None:
    data = bytearray(MARKER.to_json())
    data[place] ^= flip
    try:
        found = Marker.parse(bytes(data))
    except ValueError:
        return
    assert found == MARKER, "only space between the words may change"


@given(st.integers(0, len(MARKER.to_json()) - 3))
def test_a_marker_that_was_cut_off_is_refused(length: int) -> None:
    with pytest.raises(ValueError, match="no JSON, or cut off"):
        Marker.parse(MARKER.to_json()[:length])


@given(st.binary(max_size=200) | st.text(max_size=100).map(str.encode) | st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)
).map(lambda found: json.dumps(found).encode()))  # fmt: skip
def test_anything_else_is_no_marker(data: bytes) -> None:
    for parse in (Marker.parse, Verified.parse):
        with pytest.raises(ValueError, match=r"."):
            parse(data)


def resealed(**changes: object) -> bytes:
    """A marker whose checksum is right and whose content is not."""
    from davit.backup import model

    content = json.loads(MARKER.to_json())
    del content["checksum"]
    return model._sealed({**content, **changes})


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"format": "davit.dev/backup/v9"}, "v9"),
        ({"id": "../../x"}, "no id of a backup"),
        ({"archive": {"name": "../x", "size": 1, "sha256": "0" * 64}}, "no file name"),
        ({"archive": {"name": "x", "size": -1, "sha256": "0" * 64}}, "no size"),
        ({"archive": {"name": "x", "size": True, "sha256": "0" * 64}}, "no size"),
        ({"archive": {"name": "x", "size": 1, "sha256": "0"}}, "no SHA-256"),
        ({"compression": "brotli"}, "'brotli' is not known"),
        ({"time": "2026-11-21T12:00:00"}, "no time zone"),
        ({"time": "yesterday"}, "yesterday"),
        ({"subject": None}, "wrong type"),
        ({"facts": 7}, "wrong type"),
        ({"engine": 7}, "not a text"),
    ],
)
def test_a_marker_that_makes_no_sense_is_refused(changes: dict[str, object], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        Marker.parse(resealed(**changes))


def test_a_marker_that_is_far_too_long_is_refused() -> None:
    with pytest.raises(ValueError, match="more than 65536 bytes"):
        Marker.parse(replace(MARKER, facts={"x": "y" * 70000}).to_json())


def test_ids_are_the_same_at_every_try_and_sort_by_time() -> None:
    first = backup_id("2026-11-21T12:00:00Z", "uid")
    assert first == backup_id("2026-11-21T13:00:00+01:00", "uid") == "20261121T120000Z-" + first[-8:]
    assert is_backup_id(first)
    assert first != backup_id("2026-11-21T12:00:00Z", "other")
    assert first < backup_id("2026-11-21T12:00:01Z", "uid")
    assert not is_backup_id(first + "/..")
    assert not is_backup_id("latest")


@pytest.mark.parametrize(("text", "value"), [("90s", 90), ("1h30m", 5400), ("1.5h", 5400), ("250ms", 0.25)])
def test_durations(text: str, value: float) -> None:
    assert seconds(text) == value


@pytest.mark.parametrize("text", ["", "90", "1d", "h", "-1h", "1h 30m", "1h30"])
def test_durations_that_are_none(text: str) -> None:
    with pytest.raises(ValueError, match="write for example"):
        seconds(text)


@pytest.mark.parametrize(("text", "value"), [("72h", 3), ("30d", 30), ("8w", 56), ("12m", 360), ("2y", 730)])
def test_ages(text: str, value: float) -> None:
    assert days(text) == value * 86400


@pytest.mark.parametrize("text", ["", "30", "0d", "30s", "1.5d", "-1d", "٣d"])
def test_ages_that_are_none(text: str) -> None:
    with pytest.raises(ValueError, match="write for example"):
        days(text)


def test_instants_need_a_time_zone() -> None:
    assert instant("2026-11-21T12:00:00Z") == NOW
    with pytest.raises(ValueError, match="no time zone"):
        instant("2026-11-21T12:00:00")


def test_a_blob_is_read_as_it_was_written() -> None:
    blob = Blob("snapshot.db", 0, "0" * 64)
    assert Blob.from_json(blob.to_json()) == blob
