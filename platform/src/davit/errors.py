"""Every way a reconcile can fail, and what the queue does about each.

DavitError
├── Invalid      the user's object is wrong: say so in status, keep what runs, wait for an edit
├── Blocked      something outside must change first: condition, slow requeue
│   └── Rejected the API server refuses what was asked (400, 422): condition, slow requeue
├── Transient    try again soon, with back-off
└── Fatal        this process cannot go on: exit, let Kubernetes restart it
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


class DavitError(Exception):
    """Root of the tree; never raised itself."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong with a resource: `field` is a path such as `spec.version`, `message` holds the remedy."""

    field: str
    message: str

    def __str__(self) -> str:
        return f"{self.field}: {self.message}"


class Invalid(DavitError):
    """The resource cannot be obeyed as written; retrying without an edit is useless.

    `fallback` is the domain object by which to keep what runs alive meanwhile, None when nothing runs yet.
    """

    def __init__(self, *problems: Problem, fallback: Any = None) -> None:
        super().__init__("; ".join(str(problem) for problem in problems))
        self.problems = problems
        self.fallback = fallback


class Blocked(DavitError):
    """Waiting for something outside the operator; `reason` is a CamelCase condition reason."""

    def __init__(self, reason: str, message: str, *, retry_after: float = 30.0) -> None:
        super().__init__(message)
        self.reason = reason
        self.retry_after = retry_after


class Rejected(Blocked):
    """The API server refused the content of a request; the message is the server's."""

    def __init__(self, message: str, *, retry_after: float = 60.0) -> None:
        super().__init__("Rejected", message, retry_after=retry_after)


class Transient(DavitError):
    """A failure that is expected to pass; `retry_after` in seconds overrides the back-off."""

    def __init__(self, message: str, *, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class Fatal(DavitError):
    """The process must end (lost lease, broken configuration)."""
