"""Find which parts of a configuration the product refuses, by asking it as seldom as possible."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

T = TypeVar("T")
Ask = Callable[[Sequence[T]], Awaitable[str | None]]
"""Whether a configuration of these parts loads: None, or what the product says against it."""


async def culprits(parts: Sequence[T], ask: Ask[T]) -> dict[int, str]:
    """The parts that don't load, by index, each with what was said of it; one question when all is well.

    Parts that each load alone and not together are told apart too: the later one of such a pair is the culprit. For k
    culprits among n parts about 2 k log2(n) questions are asked.
    """
    found: dict[int, str] = {}
    good: list[int] = []
    await _search(parts, list(range(len(parts))), ask, good, found)
    return found


async def _search(parts: Sequence[T], suspects: list[int], ask: Ask[T], good: list[int], found: dict[int, str]) -> None:
    """Add `suspects` to `good` or to `found`; what is in `good` loads together."""
    if not suspects:
        return
    complaint = await ask([parts[index] for index in sorted((*good, *suspects))])
    if complaint is None:
        good.extend(suspects)
    elif len(suspects) == 1:
        found[suspects[0]] = complaint
    else:
        middle = len(suspects) // 2
        await _search(parts, suspects[:middle], ask, good, found)
        await _search(parts, suspects[middle:], ask, good, found)


_QUOTED = re.compile(r"`[^`]*`")
_LOGIN = re.compile(r"://[^/@\s\"]*@")


def discreet(said: str) -> str:
    """What a product says of a configuration, without the values that it quotes: they may come out of Secrets."""
    return _LOGIN.sub("://…@", _QUOTED.sub("`…`", said))
