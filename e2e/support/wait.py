"""Waiting on conditions: every wait has a deadline, and its error says what was awaited and what was seen last."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from e2e.support.errors import ApiError, Unreachable

T = TypeVar("T")

EVERY = 0.25
"""Seconds between two looks; short beside everything that is waited for, long beside one request."""


class Late(AssertionError):
    """What was awaited did not come; an assertion, because that is what the test claimed."""


class Happened(AssertionError):
    """What must never be, was."""


@dataclass(frozen=True)
class Deadline:
    """A point in time from which several waits can draw together."""

    seconds: float
    start: float

    @classmethod
    def after(cls, seconds: float) -> Deadline:
        """A deadline that many seconds from now."""
        return cls(seconds, time.monotonic())

    @property
    def left(self) -> float:
        """Seconds that remain, not below zero."""
        return max(0.0, self.start + self.seconds - time.monotonic())


def until(
    what: str,
    look: Callable[[], T],
    ready: Callable[[T], Any] = bool,
    *,
    deadline: float,
    every: float = EVERY,
    show: Callable[[], object] | None = None,
) -> T:
    """Look until `ready` holds of what is seen, and return that.

    `show` is asked once, for the error, when what `look` returns says too little. A look that the API server
    could not answer counts as not ready, because in chaos tests that is ordinary.
    """
    limit = Deadline.after(deadline)
    while True:
        seen, trouble = _look(look)
        if trouble is None and ready(seen):  # type: ignore[arg-type]
            return seen  # type: ignore[return-value]
        if not limit.left:
            raise Late(f"{what}: not within {deadline:.0f} s; last seen: {_last(seen, trouble, show)}")
        time.sleep(min(every, limit.left))


def never(what: str, look: Callable[[], T], bad: Callable[[T], Any], *, during: float, every: float = EVERY) -> None:
    """Look for `during` seconds, and fail at once if `bad` ever holds."""
    limit = Deadline.after(during)
    while limit.left:
        seen, trouble = _look(look)
        if trouble is None and bad(seen):  # type: ignore[arg-type]
            raise Happened(f"{what}: seen {during - limit.left:.1f} s into {during:.0f} s: {render(seen)}")
        time.sleep(min(every, limit.left))


def steady(what: str, look: Callable[[], T], *, seconds: float, deadline: float, every: float = 1.0) -> T:
    """Look until what is seen has not changed for so many seconds, and return it."""
    limit, since = Deadline.after(deadline), Deadline.after(seconds)
    last, _ = _look(look)
    while since.left:
        time.sleep(every)
        seen, trouble = _look(look)
        if trouble is not None or seen != last:
            last, since = seen, Deadline.after(seconds)
        if not limit.left:
            raise Late(f"{what}: not steady for {seconds:.0f} s within {deadline:.0f} s; last seen: {render(seen)}")
    return last  # type: ignore[return-value]


def _look(look: Callable[[], T]) -> tuple[T | None, Exception | None]:
    try:
        return look(), None
    except ApiError as error:
        if error.status < 429:
            raise
        return None, error
    except Unreachable as error:
        return None, error


def _last(seen: object, trouble: Exception | None, show: Callable[[], object] | None) -> str:
    if trouble is not None:
        return f"{type(trouble).__name__}: {trouble}"
    return render(show() if show else seen)


def render(seen: object, limit: int = 4000) -> str:
    """What was seen, for people: text as it is, data as JSON."""
    text = seen if isinstance(seen, str) else json.dumps(seen, indent=1, default=str)
    return text if len(text) <= limit else f"{text[:limit]} ... ({len(text)} characters)"
