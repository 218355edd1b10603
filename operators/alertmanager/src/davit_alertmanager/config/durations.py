"""Durations as they are written into the configuration. Pure.

Source: prometheus/common model/time.go `Duration.String`.
"""

from __future__ import annotations

from davit.monitoring.units import parse_duration

_HOUR = 3_600_000
_UNITS = (("y", 365 * 24 * _HOUR), ("w", 7 * 24 * _HOUR), ("d", 24 * _HOUR), ("h", _HOUR), ("m", 60_000), ("s", 1_000), ("ms", 1))
_WHOLE_ONLY = ("y", "w")


def canonical(text: str) -> str:
    """The shortest way to write a duration, as upstream does: 90s becomes 1m30s; raises ValueError for no duration."""
    return _written(parse_duration(text), _UNITS)


def for_go(text: str) -> str:
    """The same without days and longer units, for fields that Alertmanager itself reads as Go durations.

    Upstream writes 24h as 1d there too, and Alertmanager refuses the whole configuration for it.
    """
    return _written(parse_duration(text), _UNITS[3:])


def readable_by_go(text: str) -> str:
    """A duration as it was written, unless Go could not read its units."""
    return for_go(text) if set("ywd") & set(text) else text


def _written(milliseconds: int, units: tuple[tuple[str, int], ...]) -> str:
    if not milliseconds:
        return "0s"
    text, left = "", milliseconds
    for unit, size in units:
        if unit in _WHOLE_ONLY and left % size:
            continue
        count, left = divmod(left, size)
        text += f"{count}{unit}" if count else ""
    return text
