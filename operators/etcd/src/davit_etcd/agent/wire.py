"""The few messages of etcd's gRPC API that the agent needs, by hand: generated stubs would take more memory than they save.

Source of the field numbers: etcd's api/etcdserverpb/rpc.proto; of the encoding: "Protocol Buffers: Encoding". Fields that
a release does not know are absent, and read as zero. Pure.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

Value = int | memoryview

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_MASK = (1 << 64) - 1


@dataclass(frozen=True, slots=True)
class Header:
    """ResponseHeader: who answers, and its revision."""

    cluster_id: int = 0
    member_id: int = 0
    revision: int = 0
    raft_term: int = 0


@dataclass(frozen=True, slots=True)
class Status:
    """StatusResponse, sizes in bytes; `leader` is 0 without one."""

    header: Header
    version: str
    db_size: int
    db_size_in_use: int
    leader: int
    raft_applied_index: int
    errors: tuple[str, ...]
    learner: bool


@dataclass(frozen=True, slots=True)
class HashKV:
    """HashKVResponse: comparable between members that compacted at the same revision."""

    header: Header
    hash: int
    compact_revision: int


@dataclass(frozen=True, slots=True)
class Piece:
    """SnapshotResponse: bytes of the file, and how many are to follow (the trailer comes after a 0)."""

    remaining: int
    blob: memoryview


_HEAD = 5
"""Bytes before each message: whether it is compressed, and its length."""
_MOST = 64 * 1024 * 1024
"""Bytes of a message; etcd's are far smaller."""


class Frames:
    """Cuts a stream into gRPC's messages (Length-Prefixed-Message of PROTOCOL-HTTP2); raises ValueError for damage."""

    def __init__(self) -> None:
        self._rest = bytearray()

    def of(self, chunk: bytes) -> list[bytes]:
        """The messages that are whole now."""
        self._rest += chunk
        found: list[bytes] = []
        at = 0
        with memoryview(self._rest) as held:
            while len(held) - at >= _HEAD:
                if held[at]:
                    raise ValueError("a message is compressed, which nobody asked for")
                size = int.from_bytes(held[at + 1 : at + _HEAD], "big")
                if size > _MOST:
                    raise ValueError(f"a message of {size} bytes")
                if len(held) - at < _HEAD + size:
                    break
                found.append(bytes(held[at + _HEAD : at + _HEAD + size]))
                at += _HEAD + size
        del self._rest[:at]
        return found

    def end(self) -> None:
        """No more comes."""
        if self._rest:
            raise ValueError("the last message is cut off")


def frame(message: bytes) -> bytes:
    """A message as it is sent."""
    return b"\0" + len(message).to_bytes(4, "big") + message


def fields(data: memoryview) -> Iterator[tuple[int, Value]]:
    """Number and value of each field; numbers are unsigned. Raises ValueError where the message is damaged."""
    at, end = 0, len(data)
    while at < end:
        tag, at = _varint(data, at)
        number, kind = tag >> 3, tag & 7
        if kind == _VARINT:
            value, at = _varint(data, at)
            yield number, value
            continue
        if kind == _BYTES:
            size, at = _varint(data, at)
        elif kind in (_FIXED64, _FIXED32):
            size = 8 if kind == _FIXED64 else 4
        else:
            raise ValueError(f"wire type {kind} of field {number} is not known")
        if at + size > end:
            raise ValueError(f"field {number} is cut off")
        yield number, data[at : at + size]
        at += size


def _varint(data: memoryview, at: int) -> tuple[int, int]:
    result = shift = 0
    while at < len(data) and shift < 70:
        byte = data[at]
        at += 1
        result |= (byte & 127) << shift
        if byte < 128:
            return result & _MASK, at
        shift += 7
    raise ValueError("a number is cut off")


def header(data: memoryview) -> Header:
    """ResponseHeader."""
    found = dict(fields(data))
    return Header(_number(found.get(1)), _number(found.get(2)), signed(found.get(3)), _number(found.get(4)))


def status(data: bytes) -> Status:
    """StatusResponse."""
    found: dict[int, Value] = {}
    errors: list[str] = []
    for number, value in fields(memoryview(data)):
        if number == 8:
            errors.append(_text(value))
        else:
            found[number] = value
    return Status(
        header=_header(found.get(1)),
        version=_text(found.get(2)),
        db_size=signed(found.get(3)),
        db_size_in_use=signed(found.get(9)),
        leader=_number(found.get(4)),
        raft_applied_index=_number(found.get(7)),
        errors=tuple(errors),
        learner=bool(_number(found.get(10))),
    )


def hash_kv(data: bytes) -> HashKV:
    """HashKVResponse."""
    found = dict(fields(memoryview(data)))
    return HashKV(_header(found.get(1)), _number(found.get(2)), signed(found.get(3)))


def piece(data: bytes) -> Piece:
    """SnapshotResponse; the blob is a view of `data`, no copy."""
    found = dict(fields(memoryview(data)))
    blob = found.get(3, memoryview(b""))
    if isinstance(blob, int):
        raise ValueError("blob is a number")
    return Piece(_number(found.get(2)), blob)


def count(data: bytes) -> int:
    """RangeResponse.count."""
    return signed(dict(fields(memoryview(data))).get(4))


def hash_request(revision: int) -> bytes:
    """HashKVRequest at a revision."""
    return _field(1, revision)


def count_request() -> bytes:
    """RangeRequest for the number of all keys, linearizable: only a member that serves answers it."""
    every = b"\0"
    return b"".join((_bytes(1, every), _bytes(2, every), _field(9, 1)))


def _field(number: int, value: int) -> bytes:
    return _encoded(number << 3 | _VARINT) + _encoded(value)


def _bytes(number: int, value: bytes) -> bytes:
    return _encoded(number << 3 | _BYTES) + _encoded(len(value)) + value


def _encoded(value: int) -> bytes:
    value &= _MASK
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    out.append(value)
    return bytes(out)


def signed(value: Value | None) -> int:
    """An int64, which is negative from 2^63 on; raises ValueError for bytes."""
    number = _number(value)
    return number - (1 << 64) if number >> 63 else number


def _number(value: Value | None) -> int:
    if isinstance(value, memoryview):
        raise ValueError("a number was expected")
    return value or 0


def _text(value: Value | None) -> str:
    if isinstance(value, int):
        raise ValueError("a text was expected")
    return str(value or b"", "utf-8", "replace")


def _header(value: Value | None) -> Header:
    if isinstance(value, int):
        raise ValueError("a header was expected")
    return header(value) if value is not None else Header()
