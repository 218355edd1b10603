"""What processes said of editions that they did not load: each is tried again, after twice as long each time."""

from __future__ import annotations

from dataclasses import dataclass, field

SULK, LONGEST_SULK = 60.0, 3600.0
"""Seconds until an edition that was refused is tried again, at first and at most."""
REMEMBERED = 20
"""Editions that are kept."""


@dataclass(frozen=True, slots=True)
class _Refusal:
    """count: how often in a row; until: when it is tried again (monotonic seconds)."""

    said: str
    count: int
    until: float


@dataclass(slots=True)
class Refusals:
    """By the digest of an edition; times in monotonic seconds."""

    _known: dict[str, _Refusal] = field(default_factory=dict)

    def add(self, digest: str, said: str, now: float) -> None:
        """It was refused, perhaps again."""
        before = self._known.pop(digest, None)
        count = before.count + 1 if before else 1
        self._known[digest] = _Refusal(said, count, now + min(SULK * 2.0 ** (count - 1), LONGEST_SULK))
        while len(self._known) > REMEMBERED:
            del self._known[next(iter(self._known))]

    def of(self, digest: str, now: float) -> str:
        """What was said of it, empty when it may be tried."""
        known = self._known.get(digest)
        return known.said if known is not None and now < known.until else ""

    def forget(self, digest: str) -> None:
        """It was loaded."""
        self._known.pop(digest, None)
