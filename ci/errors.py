"""The failures that the tooling explains to a person instead of showing a traceback."""

from __future__ import annotations

import sys
from collections.abc import Callable


class Refused(Exception):
    """Something outside must change first; the remedy says what."""

    def __init__(self, why: str, remedy: str) -> None:
        super().__init__(f"{why}\n  remedy: {remedy}")


class CommandFailed(Exception):
    """A command ended badly; carries the tail of its output, because the log is elsewhere."""


class TimedOut(Exception):
    """Something did not become ready in time; says what was last seen."""


def main_guard(main: Callable[[], None]) -> int:
    """Turn the expected failures into one readable message and an exit code."""
    try:
        main()
    except Refused as refused:
        print(f"refused: {refused}", file=sys.stderr)
        return 2
    except (CommandFailed, TimedOut) as failed:
        print(f"failed: {failed}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interrupted; run the same command again to resume", file=sys.stderr)
        return 130
    return 0
