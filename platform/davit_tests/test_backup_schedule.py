"""When backups are due: five fields, time zones, and the two nights on which clocks are changed."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from davit.backup.schedule import Cron, ScheduleError, due, following, parse
from hypothesis import given
from hypothesis import strategies as st

BERLIN, NEW_YORK = "Europe/Berlin", "America/New_York"


def at(text: str, zone: str = "") -> float:
    """Seconds of a local time such as 2026-03-29T02:30; `*` behind it is the second pass of an hour that comes twice."""
    moment = datetime.fromisoformat(text.rstrip("*")).replace(fold=int(text.endswith("*")))
    return moment.replace(tzinfo=ZoneInfo(zone) if zone else UTC).timestamp()


def times(expression: str, zone: str, start: str, count: int) -> list[str]:
    """The next due times in local time, with the offset from UTC."""
    cron, now, found = parse(expression, zone), at(start, zone), []
    for _ in range(count):
        now = following(cron, now)
        found.append(datetime.fromtimestamp(now, cron.tz).strftime("%d %H:%M%z"))
    return found


@pytest.mark.parametrize(
    ("expression", "zone", "start", "expected"),
    [
        ("30 2 * * *", BERLIN, "2026-03-27T12:00", ["28 02:30+0100", "29 03:00+0200", "30 02:30+0200"]),
        ("30 2 * * *", BERLIN, "2026-10-24T12:00", ["25 02:30+0200", "26 02:30+0100"]),
        ("0 2,3 * * *", BERLIN, "2026-03-28T12:00", ["29 03:00+0200", "30 02:00+0200"]),
        ("0 * * * *", BERLIN, "2026-03-29T00:30", ["29 01:00+0100", "29 03:00+0200", "29 04:00+0200"]),
        ("0 * * * *", BERLIN, "2026-10-25T01:30", ["25 02:00+0200", "25 02:00+0100", "25 03:00+0100"]),
        ("*/30 * * * *", BERLIN, "2026-10-25T02:10", ["25 02:30+0200", "25 02:00+0100", "25 02:30+0100", "25 03:00+0100"]),
        ("30 2 * * *", NEW_YORK, "2026-03-07T12:00", ["08 03:00-0400", "09 02:30-0400"]),
        ("30 1 * * *", NEW_YORK, "2026-10-31T12:00", ["01 01:30-0400", "02 01:30-0500"]),
        ("30 1 * * *", NEW_YORK, "2026-11-01T01:10*", ["02 01:30-0500", "03 01:30-0500"]),
        ("0 0 29 2 *", "", "2026-01-01T00:00", ["29 00:00+0000", "29 00:00+0000"]),
        ("@daily", BERLIN, "2026-03-28T12:00", ["29 00:00+0100", "30 00:00+0200"]),
        ("@hourly", "", "2026-01-01T00:00", ["01 01:00+0000", "01 02:00+0000"]),
        ("@weekly", "", "2026-11-21T00:00", ["22 00:00+0000", "29 00:00+0000"]),
        ("@monthly", "", "2026-11-21T00:00", ["01 00:00+0000", "01 00:00+0000"]),
        ("@Yearly", "", "2026-11-21T00:00", ["01 00:00+0000"]),
        ("0 3 * * mon-fri", "", "2026-11-20T12:00", ["23 03:00+0000", "24 03:00+0000"]),
        ("15 */8 1,15 jan,JUL *", "UTC", "2026-07-14T00:00", ["15 00:15+0000", "15 08:15+0000", "15 16:15+0000"]),
        ("0 0 13 * 5", "", "2026-11-01T00:00", ["06 00:00+0000", "13 00:00+0000", "20 00:00+0000"]),
        ("0 0 L * *", "", "2026-02-01T00:00", ["28 00:00+0000", "31 00:00+0000"]),
    ],
)
def test_following(expression: str, zone: str, start: str, expected: list[str]) -> None:
    assert times(expression, zone, start, len(expected)) == expected


def test_the_leap_day_comes_every_fourth_year() -> None:
    cron = parse("0 0 29 2 *")
    first = following(cron, at("2026-01-01T00:00"))
    assert first == at("2028-02-29T00:00")
    assert following(cron, first) == at("2032-02-29T00:00")
    assert due(cron, at("2026-01-01T00:00"), at("2035-01-01T00:00")) == at("2032-02-29T00:00")


@pytest.mark.parametrize(
    ("expression", "words"),
    [
        ("60 * * * *", "minute '60' can't be read: write 0 to 59"),
        ("* 24 * * *", "hour '24' can't be read: write 0 to 23"),
        ("* * 0 * *", "day of month '0' can't be read: write 1 to 31"),
        ("* * * 13 *", "month '13' can't be read: write 1 to 12"),
        ("* * * * 8", "day of week '8' can't be read: write 0 to 7"),
        ("* * * * FUNDAY", "day of week 'FUNDAY'"),
        ("*/0 * * * *", "minute '\\*/0'"),
        ("5-1 * * * *", "minute '5-1'"),
        ("1, * * * *", "minute '1,'"),
        ("* * * *", "has 4 fields: write five"),
        ("* * * * * *", "has 6 fields: write five"),
        ("", "has 0 fields"),
        ("@reboot", "'@reboot' is not known: write @hourly"),
        ("0 0 30 2 *", "never comes"),
        ("0 0 31 4,6,9,11 *", "never comes"),
        ("\u0661 * * * *", "minute"),
        ("1" * 5000 + " * * * *", "fields"),
    ],
)
def test_what_is_refused_is_named_with_the_remedy(expression: str, words: str) -> None:
    with pytest.raises(ScheduleError, match=words) as caught:
        parse(expression)
    assert caught.value.field == "schedule"


@pytest.mark.parametrize(
    "zone", ["Europe/Nowhere", "../etc/passwd", "/etc/localtime", "Europe", "Europe/Berlin\0", "europe berlin"]
)
def test_time_zones_that_are_none(zone: str) -> None:
    with pytest.raises(ScheduleError, match="Europe/Berlin, or leave it out") as caught:
        parse("@daily", zone)
    assert caught.value.field == "timeZone"


@given(st.text("0123456789*,-/LW#@ADEFMONSTU ", max_size=40))
def test_any_text_is_either_a_schedule_that_comes_or_refused(text: str) -> None:
    try:
        cron = parse(text)
    except ScheduleError:
        return
    assert following(cron, 0.0) > 0


FIELD = st.sampled_from(["*", "*/7", "0", "5,50", "1-5", "2", "*/2"])
DAY = st.sampled_from(["*", "1", "29", "31", "*/10", "L"])
CRON = st.builds(
    lambda minute, hour, day, weekday, zone: Cron(f"{minute} {hour} {day} * {weekday}", zone),
    FIELD, st.sampled_from(["*", "*/3", "2", "1-3", "0,23"]), DAY, st.sampled_from(["*", "0", "1-5"]),
    st.sampled_from(["", BERLIN, NEW_YORK, "Australia/Lord_Howe", "Asia/Kathmandu"]),
)  # fmt: skip
MOMENT = st.integers(int(at("2026-01-01T00:00")), int(at("2028-01-01T00:00"))) | st.integers(
    int(at("2026-10-24T22:00")), int(at("2026-10-25T03:00"))
)


def test_clocks_that_change_by_half_an_hour_hide_no_time() -> None:
    """Lord Howe, 4 April 2027: from 2:00 back to 1:30."""
    cron, before = Cron("* 0,23 * * *", "Australia/Lord_Howe"), 1806760740.0
    assert following(cron, before) == datetime(2027, 4, 4, 23, 0, tzinfo=cron.tz).timestamp()


@given(CRON, MOMENT)
def test_the_following_time_is_due_exactly_then(cron: Cron, now: int) -> None:
    found = following(cron, now)
    assert found > now
    assert due(cron, now, found - 1) is None
    assert due(cron, now, found) == found
    assert due(cron, found, found) is None


@given(CRON, MOMENT, st.integers(1, 40 * 86400))
def test_the_latest_due_time_is_the_last_of_all(cron: Cron, after: int, span: int) -> None:
    now, found = after + span, due(cron, after, after + span)
    if found is None:
        assert following(cron, after) > now
        return
    assert after < found <= now
    assert following(cron, found) > now


def test_a_schedule_of_every_minute_that_slept_for_years_is_quick() -> None:
    cron = parse("* * * * *", BERLIN)
    assert due(cron, 0.0, at("2026-11-21T12:00:30")) == at("2026-11-21T12:00")
