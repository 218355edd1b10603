"""The last revision in etcd's database file, read from the file itself.

Source: bbolt's page format (go.etcd.io/bbolt, internal/common: page.go, bucket.go) and etcd's bucket `key`, whose keys are
revisions: eight bytes of the main revision, big-endian, then `_` and the sub revision.
"""

from __future__ import annotations

import os
import struct
from dataclasses import dataclass

_MAGIC = 0xED0CDAED
_BRANCH, _LEAF, _META = 0x01, 0x02, 0x04
_IN_BUCKET = 0x01
_PAGE = struct.Struct("<QHHI")
"""id, flags, count, overflow."""
_META_BODY = struct.Struct("<IIIIQQQQQ")
"""magic, version, page size, flags, root page, sequence, free list, pages, transaction."""
_BRANCH_ITEM = struct.Struct("<IIQ")
"""position of the key, its size, page."""
_LEAF_ITEM = struct.Struct("<IIII")
"""flags, position of the key, its size, size of the value."""
_BUCKET = struct.Struct("<QQ")
"""root page (0: the bucket's page is in the value, after this), sequence."""
_DEPTH = 64
_COMPACTED = b"finishedCompactRev", b"scheduledCompactRev"
"""In etcd's bucket `meta`."""


@dataclass(frozen=True, slots=True)
class _Page:
    flags: int
    count: int
    body: bytes
    """With the header, for positions in it count from each item's own place."""


def last_revision(path: str) -> int:
    """The highest revision in the file, 1 for an empty store; raises ValueError for what is no database of etcd's."""
    with open(path, "rb", buffering=0) as file:
        try:
            return _Database(file.fileno()).last_revision()
        except struct.error as error:
            raise ValueError("a page of the database is cut off") from error


class _Database:
    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._size = os.fstat(descriptor).st_size
        self._page_size, self._root = self._meta()

    def last_revision(self) -> int:
        root = self._bucket("key")
        if root is None:
            raise ValueError("there is no bucket of keys")
        # As etcd has it: an empty store is at revision 1, and what was last may have been compacted away.
        return max(1, _main(self._last(root)), *self._compacted())

    def _compacted(self) -> list[int]:
        meta = self._bucket("meta")
        found = [self._find(meta, key) if meta else None for key in _COMPACTED]
        return [_main(one[1]) for one in found if one]

    def _meta(self) -> tuple[int, int]:
        """Of the two, the one of the later transaction; pages are at most 64 KiB, and the first meta says how large."""
        metas = []
        for page_size in (1 << shift for shift in range(9, 17)):
            for position in (0, page_size):
                head = os.pread(self._descriptor, _PAGE.size + _META_BODY.size, position)
                if len(head) < _PAGE.size + _META_BODY.size or not _PAGE.unpack_from(head)[1] & _META:
                    continue
                magic, version, size, _, root, _, _, _, transaction = _META_BODY.unpack_from(head, _PAGE.size)
                if magic == _MAGIC and version == 2 and size == page_size:
                    metas.append((transaction, size, root))
        if not metas:
            raise ValueError("it does not begin like a database of etcd's")
        _, size, root = max(metas)
        return size, root

    def _page(self, number: int) -> _Page:
        position = number * self._page_size
        if position >= self._size:
            raise ValueError(f"page {number} lies beyond the end")
        head = os.pread(self._descriptor, _PAGE.size, position)
        _, flags, count, overflow = _PAGE.unpack(head)
        if overflow * self._page_size > self._size:
            raise ValueError(f"page {number} is longer than the file")
        return _Page(flags, count, os.pread(self._descriptor, (overflow + 1) * self._page_size, position))

    def _bucket(self, name: str) -> _Page | None:
        """The root page of a bucket at the top."""
        found = self._find(self._page(self._root), name.encode())
        return self._of_bucket(found[1]) if found and found[0] & _IN_BUCKET else None

    def _find(self, page: _Page, wanted: bytes) -> tuple[int, bytes] | None:
        """Flags and value of a key."""
        for _ in range(_DEPTH):
            if page.flags & _LEAF:
                return next(((flags, value) for flags, key, value in _leaves(page) if key == wanted), None)
            below = [child for key, child in _branches(page) if key <= wanted]
            if not below:
                return None
            page = self._page(below[-1])
        raise ValueError("its pages go round in circles")

    def _of_bucket(self, value: bytes) -> _Page:
        number, _ = _BUCKET.unpack_from(value)
        if number:
            return self._page(number)
        body = value[_BUCKET.size :]
        _, flags, count, _ = _PAGE.unpack_from(body)
        return _Page(flags, count, body)

    def _last(self, page: _Page) -> bytes:
        for _ in range(_DEPTH):
            if page.flags & _LEAF:
                return _leaves(page)[-1][1] if page.count else b""
            children = _branches(page)
            if not children:
                raise ValueError("a branch has no leaves")
            page = self._page(children[-1][1])
        raise ValueError("its pages go round in circles")


def _main(revision: bytes) -> int:
    return int.from_bytes(revision[:8], "big")


def _branches(page: _Page) -> list[tuple[bytes, int]]:
    if not page.flags & _BRANCH:
        raise ValueError("a page is neither branch nor leaf")
    found = []
    for index in range(page.count):
        at = _PAGE.size + index * _BRANCH_ITEM.size
        position, size, child = _BRANCH_ITEM.unpack_from(page.body, at)
        found.append((page.body[at + position : at + position + size], child))
    return found


def _leaves(page: _Page) -> list[tuple[int, bytes, bytes]]:
    found = []
    for index in range(page.count):
        at = _PAGE.size + index * _LEAF_ITEM.size
        flags, position, key, value = _LEAF_ITEM.unpack_from(page.body, at)
        start = at + position
        found.append((flags, page.body[start : start + key], page.body[start + key : start + key + value]))
    return found
