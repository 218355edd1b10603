"""Durations and sizes as Prometheus writes them. Pure.

Sources: prometheus/common model/time.go `ParseDuration`; alecthomas/units `ParseBase2Bytes`.
"""

from __future__ import annotations

import re
from decimal import Decimal

DURATION = "^(0|(([0-9]+)y)?(([0-9]+)w)?(([0-9]+)d)?(([0-9]+)h)?(([0-9]+)m)?(([0-9]+)s)?(([0-9]+)ms)?)$"
GO_DURATION = "^(0|(([0-9]+)h)?(([0-9]+)m)?(([0-9]+)s)?(([0-9]+)ms)?)$"
BYTE_SIZE = "(^0|([0-9]*[.])?[0-9]+((K|M|G|T|E|P)i?)?B)$"

_HOUR = 3_600_000
_MILLISECONDS = {"y": 365 * 24 * _HOUR, "w": 7 * 24 * _HOUR, "d": 24 * _HOUR, "h": _HOUR, "m": 60_000, "s": 1_000, "ms": 1}
_DURATION = re.compile(r"(?a:(?:(\d+)(y))?(?:(\d+)(w))?(?:(\d+)(d))?(?:(\d+)(h))?(?:(\d+)(m))?(?:(\d+)(s))?(?:(\d+)(ms))?)")
_LONGEST = (2**63 - 1) // 1_000_000
_LONGEST_TEXT = 100
_POWER = {"": 0, "K": 1, "M": 2, "G": 3, "T": 4, "P": 5, "E": 6}
_BYTES = re.compile(r"(?a:((?:\d*\.)?\d+)(?:([KMGTPE])i?)?B)")


def parse_duration(text: str) -> int:
    """Milliseconds of a duration such as 1h30m; raises ValueError for what Prometheus refuses."""
    found = _DURATION.fullmatch(text) if len(text) <= _LONGEST_TEXT else None
    if text != "0" and (not text or not found):
        raise ValueError(f"{text!r} is not a duration: write for example 30s, 5m or 1h30m")
    parts = found.groups() if found else ()
    total = sum(int(number) * _MILLISECONDS[unit] for number, unit in zip(parts[::2], parts[1::2], strict=True) if number)
    if total > _LONGEST:
        raise ValueError(f"{text!r} is longer than a duration can be: write at most 292y")
    return total


def parse_go_duration(text: str) -> int:
    """Milliseconds of a duration of hours, minutes, seconds and milliseconds; raises ValueError otherwise."""
    if not re.fullmatch(GO_DURATION, text, re.ASCII) or not text:
        raise ValueError(f"{text!r} is not a duration of h, m, s and ms: write for example 30s or 1h30m")
    return parse_duration(text)


def parse_byte_size(text: str) -> int:
    """Bytes of a size such as 512MB, which is in powers of two; raises ValueError for what Prometheus refuses."""
    if text == "0":
        return 0
    found = _BYTES.fullmatch(text) if len(text) <= _LONGEST_TEXT else None
    if not found:
        raise ValueError(f"{text!r} is not a size: write for example 512MB or 1GiB")
    size = int(Decimal(found[1]) * 1024 ** _POWER[found[2] or ""])
    if size >= 2**63:
        raise ValueError(f"{text!r} is larger than a size can be: write at most 7EB")
    return size
