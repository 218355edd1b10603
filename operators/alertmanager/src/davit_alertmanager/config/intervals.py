"""Time intervals, in the one spelling that every version of Alertmanager reads. Pure.

Source: Alertmanager timeinterval/timeinterval.go.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from davit.monitoring.http import Unusable

from davit_alertmanager.api.parts import DayOfMonthRange, TimeInterval, TimePeriod, TimeRange
from davit_alertmanager.model import Json

_DAYS = ("sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday")
_MONTHS = (
    "january", "february", "march", "april", "may", "june", "july", "august", "september", "october", "november", "december",
)  # fmt: skip
_CLOCK = re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9]|24:00", re.ASCII)
_NUMBER = re.compile(r"[+-]?[0-9]+", re.ASCII)


def interval(given: TimeInterval, name: str, path: str) -> Json:
    """An entry of mute_time_intervals under `name`; raises `Unusable`."""
    periods = [period(item, f"{path}.timeIntervals[{index}]") for index, item in enumerate(given.time_intervals or ())]
    return {"name": name, "time_intervals": periods}


def period(given: TimePeriod, path: str) -> Json:
    """One period; raises `Unusable`."""
    found: Json = {
        "times": [_times(item, f"{path}.times[{index}]") for index, item in enumerate(given.times or ())],
        "weekdays": _each(given.weekdays, weekdays, f"{path}.weekdays"),
        "days_of_month": [_days(item, f"{path}.daysOfMonth[{index}]") for index, item in enumerate(given.days_of_month or ())],
        "months": _each(given.months, months, f"{path}.months"),
        "years": _each(given.years, years, f"{path}.years"),
    }
    return {key: value for key, value in found.items() if value}


def _each(texts: Sequence[str] | None, normal: Callable[[str, str], str], path: str) -> list[str]:
    return [normal(text, f"{path}[{index}]") for index, text in enumerate(texts or ())]


def _times(given: TimeRange, path: str) -> Json:
    for field, text in (("startTime", given.start_time), ("endTime", given.end_time)):
        if not text:
            raise Unusable(f"{path}.{field}", "is missing: write a time such as 09:00")
        if not _CLOCK.fullmatch(text):
            raise Unusable(f"{path}.{field}", f"{text!r} is not a time: write one such as 09:00, 24:00 at most")
    start, end = given.start_time or "", given.end_time or ""
    if start >= end:
        raise Unusable(f"{path}.endTime", f"must be after startTime {start}: split a period that goes over midnight in two")
    return {"start_time": start, "end_time": end}


def _days(given: DayOfMonthRange, path: str) -> str:
    start, end = given.start, given.end
    for field, day in (("start", start), ("end", end)):
        if not 1 <= abs(day) <= 31:
            raise Unusable(f"{path}.{field}", f"{day} is not a day of the month: write 1 to 31, or -1 to -31 from its end")
    if start < 0 < end:
        raise Unusable(f"{path}.end", "must be negative too when start is")
    shortest = 28
    if (shortest + start if start < 0 else start) > (shortest + end if end < 0 else end):
        raise Unusable(f"{path}.end", f"{end} is always before {start}: swap the two")
    return _range(str(start), str(end))


def weekdays(text: str, path: str) -> str:
    """A weekday or a range of them, by name."""
    first, last = (_member(part, _DAYS, 0, path, "weekday such as monday") for part in _ends(text, path))
    _ordered(first, last, text, path)
    return _range(_DAYS[first], _DAYS[last])


def months(text: str, path: str) -> str:
    """A month or a range of them, by number."""
    first, last = (_member(part, _MONTHS, 1, path, "month such as january or 1") for part in _ends(text, path))
    _ordered(first, last, text, path)
    return _range(str(first), str(last))


def years(text: str, path: str) -> str:
    """A year or a range of them."""
    ends = _ends(text, path)
    if not all(_NUMBER.fullmatch(part) for part in ends):
        raise Unusable(path, f"{text!r} is not a year: write for example 2026 or 2026:2027")
    first, last = map(int, ends)
    _ordered(first, last, text, path)
    return _range(str(first), str(last))


def _ends(text: str, path: str) -> tuple[str, str]:
    parts = text.split(":")
    if len(parts) > 2:
        raise Unusable(path, f"{text!r} is not a range: write for example monday:friday")
    return parts[0], parts[-1]


def _member(text: str, names: Sequence[str], first: int, path: str, what: str) -> int:
    low = text.lower()
    number = names.index(low) + first if low in names else int(low) if _NUMBER.fullmatch(low) else -1
    if not first <= number < first + len(names):
        raise Unusable(path, f"{text!r} is not a {what}")
    return number


def _ordered(first: int, last: int, text: str, path: str) -> None:
    if first > last:
        raise Unusable(path, f"{text!r} ends before it begins: split it in two")


def _range(first: str, last: str) -> str:
    return first if first == last else f"{first}:{last}"
