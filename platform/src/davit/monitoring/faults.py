"""What is left out of what a user wrote. Pure."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Fault:
    """What is left out and why: `path` is the field, such as spec.endpoints[1].tlsConfig.ca, `message` holds the remedy."""

    path: str
    message: str

    def __str__(self) -> str:
        return f"{self.path}: {self.message}"
