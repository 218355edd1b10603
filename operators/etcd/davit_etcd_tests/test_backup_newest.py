from __future__ import annotations

from typing import Any

from davit.kube.quantity import parse_quantity
from davit.model import Manifest
from davit_etcd.backup.model import duration, quantity
from davit_etcd.backup.newest import newest
from hypothesis import given
from hypothesis import strategies as st


def backup(name: str, time: str | None, phase: str = "Succeeded", **status: Any) -> Manifest:
    return {"metadata": {"name": name}, "status": {"phase": phase, **({"time": time} if time else {}), **status}}


OLD = {"name": "old", "time": "2026-01-02T00:00:00Z", "location": "s3://b/old"}


def test_the_newest_good_and_the_newest_verified() -> None:
    backups = [
        backup("b", "2026-01-02T00:00:00Z", verified={"time": "2026-01-02T01:00:00Z"}, revision=5, member="c-0"),
        backup("c", "2026-01-03T00:00:00Z", size="1Mi"),
        backup("d", "2026-01-04T00:00:00Z", "Failed", verified={"time": "2026-01-04T01:00:00Z"}),
        backup("e", "2026-01-05T00:00:00Z", "Verifying"),
    ]
    assert newest({}, backups) == {
        "lastGood": {"name": "c", "time": "2026-01-03T00:00:00Z", "size": "1Mi"},
        "lastVerified": {"name": "b", "time": "2026-01-02T00:00:00Z", "revision": 5},
    }


def test_what_is_known_outlives_the_resources() -> None:
    assert newest({"lastGood": OLD}, []) == {"lastGood": OLD}
    assert newest({"lastGood": OLD}, [backup("older", "2026-01-01T00:00:00Z")]) == {"lastGood": OLD}
    assert newest({"lastGood": OLD}, [backup("b", "2026-01-03T00:00:00Z")])["lastGood"]["name"] == "b"


def test_nothing_is_known_of_what_has_no_time() -> None:
    assert newest({"lastGood": {"name": "x"}}, [backup("b", None), backup("c", "yesterday")]) == {}


def test_looking_again_changes_nothing() -> None:
    backups = [backup("b", "2026-01-02T00:00:00Z"), backup("c", "2026-01-02T00:00:00Z")]
    once = newest({}, backups)
    assert newest(once, backups) == once


@given(st.integers(0, 1 << 60))
def test_sizes_are_quantities_of_about_their_size(size: int) -> None:
    text = quantity(size)
    assert text is not None
    assert abs(float(parse_quantity(text)) - size) <= 0.05 * size + 1


def test_sizes_and_durations() -> None:
    assert [quantity(n) for n in (0, 1023, 1024, 12_900_000, 1 << 30, -1, None, True)] == [
        "0", "1023", "1.0Ki", "12.3Mi", "1.0Gi", None, None, None,
    ]  # fmt: skip
    assert [duration(n) for n in (0, 1.25, 59.6, 3600, 3725, -1, "1", True)] == [
        "0.0s", "1.2s", "1m", "1h", "1h2m5s", None, None, None,
    ]  # fmt: skip
