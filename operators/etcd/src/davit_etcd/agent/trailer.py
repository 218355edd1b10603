"""The check that etcd puts behind a snapshot: the SHA-256 of all bytes before.

A stream that ends early looks like a database all the same (etcd-io/etcd#18340), so nothing else shows that it is whole.
"""

from __future__ import annotations

from davit.backup.stream import Digest, Tally

SIZE = 32
_SECTOR = 512
"""A database is a whole number of sectors, so a snapshot is that and the trailer."""


class Checked(Tally):
    """Reckons the checksum of a whole snapshot and the one behind it at once: they differ by the trailer only."""

    def __init__(self, what: str) -> None:
        super().__init__()
        self._what = what
        self._tail = b""

    def add(self, chunk: bytes) -> None:
        """One more; its last bytes may be the trailer."""
        self._size += len(chunk)
        if len(chunk) >= SIZE:
            self._hash.update(self._tail)
            self._hash.update(memoryview(chunk)[:-SIZE])
            self._tail = chunk[-SIZE:]
        else:
            joined = self._tail + chunk
            self._hash.update(joined[:-SIZE])
            self._tail = joined[-SIZE:]

    def check(self) -> None:
        """Raise ValueError where what went by is no whole snapshot."""
        if self._size % _SECTOR != SIZE:
            behind = "without the checksum that etcd puts behind a snapshot"
            raise ValueError(f"{self._what} ends after {self._size} bytes, {behind}")
        if self._hash.digest() != self._tail:
            raise ValueError(f"{self._what} does not have the checksum that etcd put behind it")

    @property
    def digest(self) -> Digest:
        """Of all so far, the trailer too."""
        full = self._hash.copy()
        full.update(self._tail)
        return Digest(self._size, full.hexdigest())
