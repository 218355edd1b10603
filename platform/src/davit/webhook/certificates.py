"""The webhook's own authority and serving certificate: what they are, and when they are due. Pure.

A new authority never serves at once. It is put beside the old one, and the old one signs a serving certificate for
the last time, so that what the API server trusts already goes on to be served. When that is renewed after 60 days the
new authority signs, and has been in every caBundle for as long.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import Enum, auto

DAY = 86400.0
AUTHORITY_LIFE, AUTHORITY_MARGIN = 3650 * DAY, 365 * DAY
"""Seconds that an authority is valid, and before the end of which another takes its place."""
SERVING_LIFE, SERVING_MARGIN = 90 * DAY, 30 * DAY
"""The same of the serving certificate."""
SKEW = 3600.0
"""Seconds by which the API server's clock may be behind ours."""

_BLOCK = re.compile(rb"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----\n?", re.DOTALL)


class Unusable(Exception):
    """The material would not be trusted, or can't be read; the message holds none of it."""


@dataclass(frozen=True, slots=True)
class Material:
    """What the Secret holds, as PEM. `authorities` are all that may be trusted, the one of `authority_key` first."""

    authorities: bytes
    certificate: bytes
    authority_key: bytes = field(repr=False)
    key: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Facts:
    """Unix times at which the serving certificate and the newest authority end."""

    serving_until: float
    authority_until: float


class Due(Enum):
    """What must be made: the serving certificate, a new authority beside the old one, or everything."""

    SERVING = auto()
    AUTHORITY = auto()
    ALL = auto()


def due(facts: Facts, now: float) -> Due | None:
    """What must be made by now, None for nothing."""
    if facts.authority_until - now < SERVING_MARGIN:
        return Due.ALL
    if facts.authority_until - now < AUTHORITY_MARGIN:
        return Due.AUTHORITY
    return Due.SERVING if facts.serving_until - now < SERVING_MARGIN else None


def blocks(pem: bytes) -> list[bytes]:
    """The single certificates of a bundle."""
    return _BLOCK.findall(pem)
