"""Lines that say how far it is, for whoever reads a Job's log."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator

log = logging.getLogger("davit_etcd.agent")

EVERY = 5.0
"""Seconds between lines."""
_MIB = 1024 * 1024


class Progress:
    """Counts bytes that go by; `total` of them are expected, 0 if nobody knows."""

    def __init__(self, what: str, total: int = 0) -> None:
        self._what = what
        self._total = total
        self._began = self._said = time.monotonic()
        self._bytes = 0

    def over(self, chunks: Iterator[bytes]) -> Iterator[bytes]:
        """The same chunks, a line every few seconds, and one at the end."""
        for chunk in chunks:
            self._bytes += len(chunk)
            if time.monotonic() - self._said >= EVERY:
                self._say(self._what)
            yield chunk
        self._say(f"{self._what}: done")

    @property
    def seconds(self) -> float:
        """Since it began."""
        return time.monotonic() - self._began

    def _say(self, what: str) -> None:
        self._said = time.monotonic()
        seconds = max(self.seconds, 0.001)
        share = {"percent": min(100, round(100 * self._bytes / self._total))} if self._total else {}
        speed = {"mib": round(self._bytes / _MIB, 1), "mibPerSecond": round(self._bytes / _MIB / seconds, 1)}
        log.info(what, extra={**share, **speed, "seconds": round(seconds, 1)})


def step(what: str, **facts: object) -> None:
    """One line for a step."""
    log.info(what, extra=facts)
