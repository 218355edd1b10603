"""Which backups of a group may go. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime

from davit.backup.model import Entry, Rules

_PERIODS: tuple[Callable[[datetime], tuple[int, ...]], ...] = (
    lambda t: (t.year, t.month, t.day, t.hour),
    lambda t: (t.year, t.month, t.day),
    lambda t: tuple(t.isocalendar())[:2],
    lambda t: (t.year, t.month),
    lambda t: (t.year,),
)
"""Hour, day, ISO week, month and year of a time in UTC: two times with the same value are in the same period."""


def doomed(entries: Iterable[Entry], rules: Rules, now: float) -> tuple[Entry, ...]:
    """What no rule keeps, the oldest first; `entries` are one group's, all of them complete.

    What any count keeps stays, but nothing older than `max_age`. The newest backup and the newest verified one stay
    whatever the rules say. One that was refused keeps nothing and is kept by nothing, but while none better is newer it stays.
    """
    everything = sorted(entries, key=lambda entry: (entry.marker.at, entry.id), reverse=True)
    newest_first = [entry for entry in everything if not entry.refused]
    young = {entry.id for entry in newest_first if rules.max_age is None or now - entry.marker.at <= rules.max_age}
    kept = (_counted(newest_first, rules) & young) | _untouchable(newest_first)
    if newest_first:
        best = newest_first[0].marker.at
        kept |= {entry.id for entry in everything if entry.refused and entry.marker.at >= best}
    else:
        kept = {entry.id for entry in everything}
    return tuple(entry for entry in reversed(everything) if entry.id not in kept)


def _untouchable(newest_first: Sequence[Entry]) -> set[str]:
    verified = [entry for entry in newest_first if entry.verified]
    return {entry.id for entry in (*newest_first[:1], *verified[:1])}


def _counted(newest_first: Sequence[Entry], rules: Rules) -> set[str]:
    last, *periods = rules.counts
    if not any(rules.counts):
        return {entry.id for entry in newest_first}
    kept = {entry.id for entry in newest_first[: last or 0]}
    for count, period in zip(periods, _PERIODS, strict=True):
        kept |= _newest_of_each(newest_first, period, count or 0)
    return kept


def _newest_of_each(newest_first: Sequence[Entry], period: Callable[[datetime], tuple[int, ...]], count: int) -> set[str]:
    newest: dict[tuple[int, ...], str] = {}
    for entry in newest_first:
        newest.setdefault(period(datetime.fromtimestamp(entry.marker.at, UTC)), entry.id)
    return set(list(newest.values())[:count])
