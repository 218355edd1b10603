"""The check that etcd puts behind a snapshot: the SHA-256 of all bytes before.

A stream that ends early looks like a database all the same (etcd-io/etcd#18340), so nothing else shows that it is whole.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

SIZE = 32
_SECTOR = 512
"""A database is a whole number of sectors, so a snapshot is that and the trailer."""


def checked(chunks: Iterator[bytes], what: str) -> Iterator[bytes]:
    """The same chunks; raises ValueError at their end where they are no whole snapshot."""
    digest, tail, size = hashlib.sha256(), b"", 0
    for chunk in chunks:
        size += len(chunk)
        if len(chunk) >= SIZE:
            digest.update(tail)
            digest.update(memoryview(chunk)[:-SIZE])
            tail = chunk[-SIZE:]
        else:
            joined = tail + chunk
            digest.update(joined[:-SIZE])
            tail = joined[-SIZE:]
        yield chunk
    if size % _SECTOR != SIZE:
        raise ValueError(f"{what} ends after {size} bytes, without the checksum that etcd puts behind a snapshot")
    if digest.digest() != tail:
        raise ValueError(f"{what} does not have the checksum that etcd put behind it")
