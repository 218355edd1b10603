"""From a model's validation errors to problems that name the field as users write it. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import ValidationError

from davit.errors import Problem

_UNION = ("int", "str", "float", "constrained-str", "constrained-int")
"""What pydantic adds to the path for the branches of a union."""


def problems(error: ValidationError, path: str = "spec") -> tuple[Problem, ...]:
    """One problem for each field, such as `spec.endpoints[0].interval`."""
    found: dict[str, str] = {}
    for item in error.errors(include_url=False):
        found.setdefault(_path(path, item["loc"]), _message(item["msg"]))
    return tuple(Problem(field, message) for field, message in found.items())


def _path(path: str, location: Sequence[int | str]) -> str:
    parts = list(location)
    while parts and (parts[-1] in _UNION or str(parts[-1]).startswith("function-")):
        parts.pop()
    return path + "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in parts)


def _message(text: str) -> str:
    return text.removeprefix("Value error, ").replace("Input should be", "must be", 1)
