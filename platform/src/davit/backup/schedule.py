"""When something is due: five cron fields in a time zone. Pure.

Where the clocks go forward, a fixed time that does not exist comes as soon as the clock goes on; where they go back, it
comes once, the first time. What comes several times an hour, or every hour, follows real time. Where day of month and day
of week are both given, either is enough, unless one begins with a star. Source: cron(8) and crontab(5) of Debian.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

_WORDS = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
}
_FIELDS = (
    ("minute", "0 to 59"),
    ("hour", "0 to 23"),
    ("day of month", "1 to 31, or L for the last"),
    ("month", "1 to 12, or JAN to DEC"),
    ("day of week", "0 to 7 (0 and 7 are Sunday), or SUN to SAT"),
)
_LONGEST = 128
_DAY = 86400.0
_WINDOWS = (7200.0, 2 * _DAY, 40 * _DAY, 400 * _DAY, 3200 * _DAY, 20000 * _DAY)
"""How far to look back, in seconds: the next only where the one before holds no due time, so that each holds few."""
_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)


class ScheduleError(ValueError):
    """A schedule that can't be obeyed; `field` is `schedule` or `timeZone`, the message holds the remedy."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


@dataclass(frozen=True, slots=True)
class Cron:
    """A schedule that comes again and again: five fields, and the time zone's name."""

    fields: str
    zone: str = ""

    @property
    def tz(self) -> tzinfo:
        """The time zone."""
        return ZoneInfo(self.zone) if self.zone and self.zone != "UTC" else UTC


def parse(expression: str, zone: str = "") -> Cron:
    """A schedule that fires; raises ScheduleError, a ValueError, for anything else. An empty zone is UTC."""
    cron = Cron(_fields(expression), _zone(zone))
    for place, (name, allowed) in enumerate(_FIELDS):
        value = cron.fields.split()[place]
        if not _readable(value, place):
            remedy = f"write {allowed}, * for every, or lists (1,3), ranges (1-5) and steps (*/2) of them"
            raise ScheduleError("schedule", f"the {name} {value!r} can't be read: {remedy}")
    if _first(cron, _EPOCH.timestamp()) is None:
        raise ScheduleError("schedule", f"{expression!r} never comes: no month that it names has such a day")
    return cron


def due(cron: Cron, after: float, now: float) -> float | None:
    """The latest due time that is later than `after` and not later than `now`, None where there is none."""
    for window in _WINDOWS:
        start = max(after, now - window)
        found = _last(cron, start, now)
        if found is not None or start == after:
            return found
    return None


def following(cron: Cron, now: float) -> float:
    """The first due time later than `now`."""
    found = _first(cron, now)
    if found is None:
        raise ScheduleError("schedule", f"{cron.fields!r} never comes")
    return found


def _fields(expression: str) -> str:
    text = expression.strip()
    if text.startswith("@"):
        if text.lower() not in _WORDS:
            raise ScheduleError("schedule", f"{text[:_LONGEST]!r} is not known: write {', '.join(_WORDS)}, or five fields")
        return _WORDS[text.lower()]
    fields = text.split()
    if len(text) > _LONGEST or len(fields) != len(_FIELDS):
        names = ", ".join(name for name, _ in _FIELDS)
        raise ScheduleError("schedule", f"{text[:_LONGEST]!r} has {len(fields)} fields: write five ({names}), such as 0 3 * * *")
    return " ".join(fields)


def _zone(name: str) -> str:
    try:
        Cron("", name).tz.utcoffset(_EPOCH.replace(tzinfo=None))
    except (KeyError, ValueError, OSError) as error:
        message = f"{name!r} is not a time zone: write a name such as Europe/Berlin, or leave it out for UTC"
        raise ScheduleError("timeZone", message) from error
    return name


def _readable(value: str, place: int) -> bool:
    fields = ["*"] * len(_FIELDS)
    fields[place] = value
    # The year has every day, so that this judges the field alone.
    try:
        CronSim(" ".join(fields), _EPOCH)
    except (CronSimError, ValueError, TypeError, AssertionError):
        return False
    return True


def _first(cron: Cron, now: float) -> float | None:
    found = _next(cron, now, now)
    if found is None or cron.tz is UTC:
        return found
    # Over a change of the clocks by half an hour (Lord Howe) the library steps from half hour to half hour.
    again = _next(cron, max(now, found - 3600.0), now)
    return found if again is None else min(found, again)


def _next(cron: Cron, start: float, now: float) -> float | None:
    """The first after `now` that the library finds from a start."""
    begin = datetime.fromtimestamp(start, cron.tz)
    try:
        # In an hour that comes twice the library looks from its first pass, and so may answer with the past.
        return next((found for found in (t.timestamp() for t in CronSim(cron.fields, begin)) if found > now), None)
    except CronSimError:
        return None


def _last(cron: Cron, start: float, now: float) -> float | None:
    last, found = None, _first(cron, start)
    while found is not None and found <= now:
        last, found = found, _first(cron, found)
    return last
