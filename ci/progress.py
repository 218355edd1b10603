"""Say which step runs, for how long, and what it waits for: a live line or plain lines."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from ci.errors import TimedOut

HEARTBEAT = 15.0
"""Seconds between plain lines of a step that still runs, so that a CI log shows life."""


class Step:
    """One running step; call it with what it waits for."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.began = self.said = time.monotonic()
        self.live = sys.stdout.isatty()

    @property
    def elapsed(self) -> float:
        """Seconds since the step began."""
        return time.monotonic() - self.began

    def __call__(self, waiting_for: str) -> None:
        """Show progress: at once on a terminal, at each heartbeat elsewhere."""
        text = f"{self.name}  {self.elapsed:.0f} s  {waiting_for}".rstrip()
        if self.live:
            print(f"\r\033[K\033[33m…\033[0m {text}"[:110], end="", flush=True)
        elif time.monotonic() - self.said >= HEARTBEAT:
            self.said = time.monotonic()
            print(f"  … {text}", flush=True)

    def end(self, ok: bool) -> None:
        """The step's last line."""
        mark, colour = ("✓", "32") if ok else ("✗", "31")
        text = f"{self.name}  {self.elapsed:.1f} s"
        print(f"\r\033[K\033[{colour}m{mark}\033[0m {text}" if self.live else f"{mark} {text}")
        sys.stdout.flush()


@contextmanager
def step(name: str) -> Iterator[Step]:
    """Time a step and say how it ended."""
    running = Step(name)
    running("")
    try:
        yield running
    except BaseException:
        running.end(ok=False)
        raise
    running.end(ok=True)


def wait_for(
    ready: Callable[[], str | None],
    seconds: float,
    note: Callable[[str], None] = lambda _: None,
    every: float = 0.2,
) -> None:
    """Poll until `ready` returns None; otherwise it returns what is missing."""
    deadline = time.monotonic() + seconds
    while (missing := ready()) is not None:
        if time.monotonic() > deadline:
            raise TimedOut(f"after {seconds:.0f} s still waiting for {missing}")
        note(missing)
        time.sleep(every)
