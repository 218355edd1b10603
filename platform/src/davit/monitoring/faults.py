"""What is left out of what a user wrote. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from davit.errors import Invalid, Problem


@dataclass(frozen=True, slots=True)
class Fault:
    """What is left out and why: `path` is the field, such as spec.endpoints[1].tlsConfig.ca, `message` holds the remedy."""

    path: str
    message: str

    def __str__(self) -> str:
        return f"{self.path}: {self.message}"


def describe(faults: Sequence[Fault]) -> str:
    """Faults in one sentence, for conditions and events."""
    more = f" (and {len(faults) - 3} more)" if len(faults) > 3 else ""
    return "; ".join(str(fault) for fault in faults[:3]) + more


def refuse(faults: Iterable[Fault]) -> None:
    """Raise `Invalid` where there are any: at apply nothing is left out, the object is refused."""
    found = [Problem(fault.path, fault.message) for fault in faults]
    if found:
        raise Invalid(*found)
