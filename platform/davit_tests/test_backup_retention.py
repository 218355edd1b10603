"""Which backups a retention lets go."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from davit.backup.model import Entry, Refused, Rules
from davit.backup.retention import doomed
from hypothesis import given
from hypothesis import strategies as st

from davit_tests.backup_world import NOW, entry

HOUR, DAY = 3600.0, 86400.0
_TEMPLATE = entry(NOW)


def made(at: float, verified: bool) -> Entry:
    """Like `entry`, without packing anything."""
    moment = datetime.fromtimestamp(at, UTC)
    marker = replace(_TEMPLATE.marker, id=f"{moment:%Y%m%dT%H%M%SZ}-00000000", time=f"{moment:%Y-%m-%dT%H:%M:%SZ}")
    return Entry(marker, entry(NOW, True).verified if verified else None)


ENTRIES = st.lists(
    st.tuples(st.integers(0, 5000).map(lambda hours: NOW - hours * HOUR), st.booleans()), max_size=40, unique_by=lambda e: e[0]
).map(lambda found: [made(at, verified) for at, verified in found])
COUNT = st.none() | st.integers(1, 12)
AGE = st.none() | st.integers(1, 4000).map(lambda hours: hours * HOUR)
RULES = st.builds(Rules, COUNT, COUNT, COUNT, COUNT, COUNT, COUNT, AGE)


def bad(found: Entry) -> Entry:
    return replace(found, refused=Refused("2026-11-21T12:00:00Z", found.marker.archive.sha256, "Corrupt", "it is"))


def test_refused_ones_push_no_good_one_out_and_go_once_a_good_one_is_newer() -> None:
    good = [made(NOW - hours * HOUR, hours == 9) for hours in (7, 8, 9)]
    poor = [bad(made(NOW - hours * HOUR, hours == 1)) for hours in (1, 2, 3)]
    old = bad(made(NOW - 8.5 * HOUR, False))
    assert gone([*good, *poor, old], Rules(keep_last=3)) == {old.id}
    assert gone([*good, *poor, old, made(NOW, True)], Rules(keep_last=3)) == {old.id, good[2].id, *(one.id for one in poor)}
    assert gone([*poor, old], Rules(keep_last=1)) == set()


def kept(entries: list[Entry], rules: Rules, now: float = NOW) -> list[Entry]:
    lost = gone(entries, rules, now)
    return [found for found in entries if found.id not in lost]


def gone(entries: list[Entry], rules: Rules, now: float = NOW) -> set[str]:
    return {found.id for found in doomed(entries, rules, now)}


def ages(entries: list[Entry]) -> list[float]:
    return sorted((NOW - found.marker.at) / HOUR for found in entries)


@given(ENTRIES, RULES)
def test_the_last_good_and_the_last_verified_always_stay(entries: list[Entry], rules: Rules) -> None:
    left = kept(entries, rules)
    if entries:
        assert max(entries, key=lambda e: e.marker.at) in left
    if verified := [found for found in entries if found.verified]:
        assert max(verified, key=lambda e: e.marker.at) in left


@given(ENTRIES, RULES)
def test_never_more_than_the_limits_allow(entries: list[Entry], rules: Rules) -> None:
    left = kept(entries, rules)
    if any(rules.counts):
        assert len(left) <= sum(count or 0 for count in rules.counts) + 2
    if rules.max_age is not None:
        assert sum(NOW - found.marker.at > rules.max_age for found in left) <= 2


@given(ENTRIES, RULES)
def test_a_second_look_removes_nothing_more(entries: list[Entry], rules: Rules) -> None:
    assert doomed(kept(entries, rules), rules, NOW) == ()


@given(ENTRIES, RULES, st.sampled_from(["keep_last", "hourly", "daily", "weekly", "monthly", "yearly"]), st.integers(1, 5))
def test_a_larger_count_keeps_no_less(entries: list[Entry], rules: Rules, name: str, more: int) -> None:
    larger = replace(rules, **{name: (getattr(rules, name) or 0) + more})
    if any(rules.counts):
        assert gone(entries, larger) <= gone(entries, rules)


@given(ENTRIES, RULES, st.integers(1, 1000))
def test_what_is_let_go_now_is_let_go_later(entries: list[Entry], rules: Rules, hours: int) -> None:
    assert gone(entries, rules) <= gone(entries, rules, NOW + hours * HOUR)


@given(ENTRIES, RULES, st.randoms())
def test_the_order_of_entries_does_not_matter(entries: list[Entry], rules: Rules, chance: object) -> None:
    shuffled = list(entries)
    chance.shuffle(shuffled)  # type: ignore[attr-defined]
    assert doomed(shuffled, rules, NOW) == doomed(entries, rules, NOW)


@given(ENTRIES)
def test_without_rules_everything_stays(entries: list[Entry]) -> None:
    assert doomed(entries, Rules(), NOW) == ()


def test_the_newest_so_many_stay_and_the_oldest_go_first() -> None:
    entries = [made(NOW - hours * HOUR, False) for hours in (1, 2, 3, 4, 5)]
    assert [(NOW - found.marker.at) / HOUR for found in doomed(entries, Rules(keep_last=2), NOW)] == [5, 4, 3]


@pytest.mark.parametrize(
    ("rules", "expected"),
    [
        # NOW is 2026-11-21T12:00:00Z, a Saturday; one backup every six hours for 60 days.
        (Rules(hourly=3), [0, 6, 12]),
        (Rules(daily=3), [0, 18, 42]),
        (Rules(weekly=3), [0, 6 * 24 - 6, 13 * 24 - 6]),
        (Rules(monthly=2), [0, 20 * 24 + 18]),
        (Rules(yearly=5), [0]),
        (Rules(keep_last=2, daily=2), [0, 6, 18]),
        (Rules(daily=30, max_age=2 * DAY), [0, 18, 42]),
        (Rules(max_age=12 * HOUR), [0, 6, 12]),
        (Rules(keep_last=1, max_age=HOUR), [0]),
    ],
)
def test_examples(rules: Rules, expected: list[float]) -> None:
    entries = [made(NOW - number * 6 * HOUR, False) for number in range(240)]
    assert ages(kept(entries, rules)) == expected


def test_what_is_too_old_goes_but_for_the_last_good_and_the_last_verified() -> None:
    entries = [made(NOW - 40 * DAY, True), made(NOW - 39 * DAY, True), made(NOW - 35 * DAY, False), made(NOW - 31 * DAY, False)]
    assert ages(kept(entries, Rules(keep_last=10, max_age=30 * DAY))) == [31 * 24, 39 * 24]
