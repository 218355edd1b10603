"""What an unsuccessful answer of the API server means for a reconcile. Pure."""

from __future__ import annotations

import json

from davit.errors import Blocked, Rejected, Transient

CONFLICT_RETRY = 0.5
"""Seconds until the next pass after a 409: it read an old object, a newer one is there already."""


_WRONG_SHAPE = ("failed to create typed patch object", "failed to convert new object")
"""How a server-side apply begins to say that the object is none of its kind, with a 500."""
_LATE = ("not declared in schema", "no corresponding type", "conversion webhook")
"""What it says there too of a schema that it has not taken in yet, and of a webhook that is away: both pass."""


class Missing(Transient):
    """A 404: the object, its namespace or its kind does not exist."""


class Conflict(Transient):
    """A 409: the name is taken, or the object is not the one that was read."""


def failure(what: str, code: int, retry_after: str, content: bytes) -> Transient | Blocked:
    """The error for an answer with this status code; `what` is the verb, resource and namespace.

    `retry_after` is the header's value: seconds; Kubernetes does not use the form with a date.
    """
    said = _message(code, content)
    message = f"{what}: {said}"
    delay = float(retry_after) if retry_after.isdigit() else None
    match code:
        case 401 | 403:
            return Blocked("Forbidden", message)
        case 404:
            return Missing(message)
        case 409:
            return Conflict(message, retry_after=CONFLICT_RETRY)
        case 408 | 410 | 425 | 429:
            return Transient(message, retry_after=delay)
        case _ if code // 100 == 4 or (said.startswith(_WRONG_SHAPE) and not any(word in said for word in _LATE)):
            return Rejected(message)
        case _:
            return Transient(message, retry_after=delay)


def _message(code: int, content: bytes) -> str:
    """The server's own words; a proxy in between may answer anything."""
    try:
        return str(json.loads(content)["message"])
    except (ValueError, KeyError, TypeError):
        return f"status {code}"
