"""What backups need of a store; everything else is built on these few verbs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol


class ObjectStore(Protocol):
    """Objects by key; keys are relative to the store's prefix. Every method raises `davit.backup.errors.StoreError`."""

    def put(self, key: str, chunks: Iterator[bytes]) -> int:
        """Write an object of any size from a stream, and return its size; nothing is seen under the key before the end.

        What the stream raises comes through as it is, and nothing is left behind.
        """

    def get(self, key: str) -> Iterator[bytes]:
        """Read an object as a stream; raises Missing, at the latest with the first chunk."""

    def read(self, key: str, limit: int) -> bytes:
        """Read a small object; raises Missing, and Corrupt where it has more than `limit` bytes."""

    def write(self, key: str, data: bytes) -> None:
        """Write a small object in one piece."""

    def size(self, key: str) -> int | None:
        """Bytes of an object, None where there is none."""

    def folders(self, prefix: str) -> list[str]:
        """Names of the folders directly below a folder, sorted, without slashes."""

    def list(self, prefix: str) -> dict[str, int]:
        """Keys below a folder, at any depth and sorted, with their sizes."""

    def delete(self, key: str) -> None:
        """Remove an object; one that is gone is fine."""

    def abort_uploads(self, prefix: str) -> int:
        """Give up the unfinished uploads below a folder, whose parts take room unseen; returns their number."""
