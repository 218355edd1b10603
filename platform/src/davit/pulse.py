"""Whether every watch still turns to the API server: what the health endpoints know about kopf's streams.

kopf shows neither bookmarks nor reconnects to handlers, and a watch task that ends is not missed by it
(nolar/kopf#1276). But a live one sends a new request whenever the server's or our time-out ends the last one,
however quiet the cluster is, and keeps trying while the API server is away. So requests are the pulse.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping


class Pulse:
    """When each watch last sent a request, and whether it was let in; written by kopf's thread, read by ours."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._names: Mapping[str, str] = {}
        self._last: dict[str, float] = {}
        self._established: set[str] = set()

    def expect(self, names: Mapping[str, str]) -> None:
        """These watches run from now on: URL path to a name for people; the count of each begins anew."""
        now = self._clock()
        for path in names:
            self._last[path] = now
        self._names = dict(names)

    def sent(self, path: str) -> None:
        """A list or watch request goes out."""
        self._last[path] = self._clock()

    def established(self, path: str) -> None:
        """A watch request was answered."""
        self._established.add(path)

    def dead(self, after: float) -> str | None:
        """The watches that have sent nothing for more than `after` seconds."""
        now = self._clock()
        silent = [
            f"the watch of {name} is dead: no request for {now - self._last[path]:.0f} s"
            for path, name in self._names.items()
            if now - self._last[path] > after
        ]
        return "\n".join(silent) or None

    def pending(self) -> str | None:
        """The watches that the API server has not let in yet."""
        closed = [
            f"the watch of {name} is not established" for path, name in self._names.items() if path not in self._established
        ]
        return "\n".join(closed) or None
