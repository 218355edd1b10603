"""An ObjectStore in memory, with failures on demand."""

from __future__ import annotations

from collections.abc import Iterator

from davit.backup.errors import Corrupt, Missing, StoreError


class MemoryStore:
    """`objects` are all objects by key; `calls` what was asked for, in order; `chunk` how many bytes `get` hands out at once."""

    def __init__(self, objects: dict[str, bytes] | None = None, chunk: int = 1000) -> None:
        self.objects = dict(objects or {})
        self.calls: list[tuple[str, str]] = []
        self.chunk = chunk
        self._failures: dict[str, list[StoreError]] = {}

    def fail(self, operation: str, *errors: StoreError) -> None:
        """Let the next calls of an operation (`put`, `get`, ...) fail, each with one of the errors."""
        self._failures.setdefault(operation, []).extend(errors)

    def put(self, key: str, chunks: Iterator[bytes]) -> int:
        """See ObjectStore; the stream is read before it fails."""
        data = b"".join(chunks)
        self._called("put", key)
        self.objects[key] = data
        return len(data)

    def get(self, key: str) -> Iterator[bytes]:
        """See ObjectStore."""
        self._called("get", key)
        data = self._found(key)
        yield from (data[start : start + self.chunk] for start in range(0, len(data), self.chunk))

    def read(self, key: str, limit: int) -> bytes:
        """See ObjectStore."""
        self._called("read", key)
        data = self._found(key)
        if len(data) > limit:
            raise Corrupt(f"{key} has more than {limit} bytes.")
        return data

    def write(self, key: str, data: bytes) -> None:
        """See ObjectStore."""
        self._called("write", key)
        self.objects[key] = data

    def size(self, key: str) -> int | None:
        """See ObjectStore."""
        self._called("size", key)
        return len(self.objects[key]) if key in self.objects else None

    def folders(self, prefix: str) -> list[str]:
        """See ObjectStore."""
        self._called("folders", prefix)
        below = f"{prefix}/" if prefix else ""
        rest = [key[len(below) :] for key in self.objects if key.startswith(below)]
        return sorted({part.partition("/")[0] for part in rest if "/" in part})

    def list(self, prefix: str) -> dict[str, int]:
        """See ObjectStore."""
        self._called("list", prefix)
        below = f"{prefix}/" if prefix else ""
        return {key: len(data) for key, data in sorted(self.objects.items()) if key.startswith(below)}

    def delete(self, key: str) -> None:
        """See ObjectStore."""
        self._called("delete", key)
        self.objects.pop(key, None)

    def abort_uploads(self, prefix: str) -> int:
        """See ObjectStore; here no upload is ever half done."""
        self._called("abort_uploads", prefix)
        return 0

    def _found(self, key: str) -> bytes:
        if key not in self.objects:
            raise Missing(f"{key} is not there.")
        return self.objects[key]

    def _called(self, operation: str, key: str) -> None:
        self.calls.append((operation, key))
        if self._failures.get(operation):
            raise self._failures[operation].pop(0)
