"""What a reviewer is asked and what it answers. Pure.

An edit of an object that is wrong already is judged as Kubernetes judges its own schemas (ratcheting, KEP-4008): it is
denied for the problems that it brings, not for those that were there before. Those become warnings. So a person may
mend one of two faults at a time, a GitOps tool may change a label or an interval of an object that an older release let
in, and nobody can add a fault. A problem counts as the same when field and message are the same; the numbers of list
items don't count, for they move when an item above is removed.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass

from davit.errors import Invalid, Problem
from davit.model import Key, Kind, Manifest

LENGTH = 256
"""Characters of a warning beyond which API servers may cut it (apiserver, filters/warning.go)."""
COUNT = 12
"""Warnings, and problems of a denial, that a person reads; the last one counts the rest."""

_INDEX = re.compile(r"\[\d+\]")


@dataclass(frozen=True, slots=True)
class Review:
    """One request: `object` is as it will be stored, `old` as it is (None at creation).

    Not authenticated: any pod may send one, about any object. So decide by the objects alone, and tell nothing that
    their author can't see. Change nothing, whether `dry_run` or not.
    """

    kind: Kind
    operation: str
    key: Key
    object: Manifest
    old: Manifest | None = None
    subresource: str = ""
    user: str = ""
    dry_run: bool = False


@dataclass(frozen=True, slots=True)
class Verdict:
    """`message` explains a denial; `problems` are its parts, which kubectl shows one to a line; `warnings` in any case."""

    allowed: bool
    message: str = ""
    warnings: tuple[str, ...] = ()
    problems: tuple[Problem, ...] = ()


Reviewer = Callable[[Review], Awaitable[Verdict]]
"""Must not block the event loop, and has `davit.webhook.server.DEADLINE` seconds; what it raises allows the request."""

Check = Callable[[Manifest], Awaitable[Iterable[str]]]
"""Returns warnings about an object, or raises `Invalid`."""


def allow(warnings: Iterable[str] = ()) -> Verdict:
    """Let it in, and say these things."""
    return Verdict(True, warnings=tuple(warnings))


def deny(error: Invalid, warnings: Iterable[str] = ()) -> Verdict:
    """Refuse it for these problems."""
    problems = _few(error.problems)
    return Verdict(False, "; ".join(str(problem) for problem in problems), tuple(warnings), problems)


def unknown(fields: Iterable[str]) -> tuple[str, ...]:
    """Warnings for the paths of fields that nothing reads."""
    return tuple(f"{field}: unknown field, it is kept but has no effect: check its name and place" for field in fields)


def reviewer(check: Check) -> Reviewer:
    """Judge by a check of one object; see the module's docstring for objects that were wrong before."""

    async def review(asked: Review) -> Verdict:
        try:
            return allow(await check(asked.object))
        except Invalid as error:
            before = await _problems(check, asked.old) if asked.old is not None else ()
            brought, kept = _compare(before, error.problems)
        warnings = [f"{problem} (as before this edit)" for problem in kept]
        return deny(Invalid(*brought), warnings) if brought or not kept else allow(warnings)

    return review


def exempt(review: Review) -> bool:
    """Whether there is nothing to judge, so that no fault in a spec ever holds up its deletion or an edit elsewhere."""
    if review.operation not in ("CREATE", "UPDATE") or review.subresource:
        return True
    if "deletionTimestamp" in review.object["metadata"]:
        return True
    return review.old is not None and review.object.get("spec") == review.old.get("spec")


def readable(warnings: Iterable[str]) -> tuple[str, ...]:
    """As an HTTP header and a terminal can show them: each once, on one line, short, and not too many."""
    lines = list(dict.fromkeys(_line(warning) for warning in warnings if warning.strip()))
    if len(lines) <= COUNT:
        return tuple(lines)
    return (*lines[: COUNT - 1], f"and {len(lines) - COUNT + 1} more: the resource's status has them all")


def _line(text: str) -> str:
    line = " ".join("".join(char if char.isprintable() else " " for char in text).split())
    return line if len(line) <= LENGTH else line[: LENGTH - 1] + "…"


def _few(problems: Sequence[Problem]) -> tuple[Problem, ...]:
    if len(problems) <= COUNT:
        return tuple(problems)
    left = len(problems) - COUNT + 1
    return (*problems[: COUNT - 1], Problem(problems[COUNT - 1].field, f"this and {left - 1} more: correct the ones above first"))


async def _problems(check: Check, manifest: Manifest) -> Sequence[Problem]:
    try:
        await check(manifest)
    except Invalid as error:
        return error.problems
    return ()


def _compare(before: Iterable[Problem], after: Iterable[Problem]) -> tuple[list[Problem], list[Problem]]:
    """Those that an edit brings, and those that were there."""
    known = Counter(map(_essence, before))
    brought: list[Problem] = []
    kept: list[Problem] = []
    for problem in after:
        known[_essence(problem)] -= 1
        (kept if known[_essence(problem)] >= 0 else brought).append(problem)
    return brought, kept


def _essence(problem: Problem) -> str:
    return _INDEX.sub("[]", str(problem))
