"""What can go wrong between the tests and the API server."""

from __future__ import annotations

import json


class ApiError(Exception):
    """The API server refused: `status` is HTTP's, `reason` and `message` are of its Status object."""

    def __init__(self, request: str, status: int, body: bytes) -> None:
        try:
            said = json.loads(body)
        except ValueError:
            said = None
        said = said if isinstance(said, dict) else {}
        self.status = status
        self.reason = str(said.get("reason", ""))
        self.message = str(said.get("message") or body[:500].decode(errors="replace"))
        super().__init__(f"{request}: {status} {self.reason}: {self.message}")


class Unreachable(Exception):
    """No answer from the API server, or nobody there to be asked."""
