from __future__ import annotations

import pytest
from davit_etcd.agent import wire
from hypothesis import given
from hypothesis import strategies as st

UINT64 = st.integers(0, 2**64 - 1)
INT64 = st.integers(-(2**63), 2**63 - 1)


def varint(number: int) -> bytes:
    number %= 1 << 64
    out = []
    while number > 127:
        out.append(number % 128 + 128)
        number //= 128
    return bytes([*out, number])


def number(field: int, value: int) -> bytes:
    return varint(field * 8) + varint(value)


def blob(field: int, value: bytes) -> bytes:
    return varint(field * 8 + 2) + varint(len(value)) + value


@given(UINT64, UINT64, INT64, UINT64, INT64, UINT64, st.booleans(), st.lists(st.text(), max_size=3))
def test_a_status_is_read(
    cluster: int, member: int, revision: int, term: int, size: int, leader: int, learner: bool, errors: list[str]
) -> None:
    header = number(1, cluster) + number(2, member) + number(3, revision) + number(4, term)
    message = blob(1, header) + blob(2, b"3.6.14") + number(3, size) + number(4, leader) + number(7, 9) + number(9, 5)
    message += b"".join(blob(8, error.encode()) for error in errors) + number(10, learner) + blob(11, b"3.6.0") + number(12, 1)
    found = wire.status(message)
    assert found == wire.Status(
        wire.Header(cluster, member, revision, term), "3.6.14", size, 5, leader, 9, tuple(errors), learner
    )


def test_what_is_absent_is_zero() -> None:
    assert wire.status(b"") == wire.Status(wire.Header(), "", 0, 0, 0, 0, (), False)
    assert wire.hash_kv(b"") == wire.HashKV(wire.Header(), 0, 0)
    assert wire.piece(b"").remaining == 0
    assert bytes(wire.piece(b"").blob) == b""
    assert wire.count(b"") == 0


@given(st.integers(0, 2**32 - 1), INT64)
def test_a_hash_is_read(value: int, compacted: int) -> None:
    """-1 stands for a store that was never compacted."""
    found = wire.hash_kv(blob(1, number(3, 8)) + number(2, value) + number(3, compacted) + number(4, 8))
    assert (found.hash, found.compact_revision, found.header.revision) == (value, compacted, 8)


@given(st.binary(max_size=200), UINT64, st.booleans())
def test_a_piece_is_read_with_or_without_a_header(data: bytes, remaining: int, newer: bool) -> None:
    """Releases after 3.5 send a header and a version, too."""
    head = blob(1, number(3, 7)) if newer else b""
    tail = blob(4, b"3.6.0") if newer else b""
    found = wire.piece(head + number(2, remaining) + blob(3, data) + tail)
    assert (bytes(found.blob), found.remaining) == (data, remaining)


@given(st.integers(1, 400))
def test_a_message_that_is_cut_off_is_never_read_as_a_shorter_piece(cut: int) -> None:
    whole = number(2, 5) + blob(3, bytes(range(256)) + bytes(150))
    with pytest.raises(ValueError, match="cut off"):
        wire.piece(whole[: len(whole) - cut])


def test_fixed_fields_are_passed_over() -> None:
    assert wire.count(varint(9 * 8 + 1) + bytes(8) + varint(8 * 8 + 5) + bytes(4) + number(4, 3)) == 3


@pytest.mark.parametrize(
    ("message", "read"),
    [
        (blob(2, b"x"), wire.hash_kv),
        (number(1, 5), wire.hash_kv),
        (number(2, 5), wire.status),
        (number(3, 5), wire.piece),
        (varint(3 * 8 + 3), wire.piece),
        (b"\xff" * 11, wire.piece),
    ],
)
def test_a_field_of_another_type_is_refused(message: bytes, read: object) -> None:
    with pytest.raises(ValueError, match=r"expected|number|known|cut off"):
        read(message)  # type: ignore[operator]


@given(st.integers(0, 2**63 - 1))
def test_requests_are_what_etcd_reads(revision: int) -> None:
    assert wire.hash_request(revision) == number(1, revision)
    assert wire.count_request() == blob(1, b"\0") + blob(2, b"\0") + number(9, 1)


@given(st.lists(st.binary(max_size=300), max_size=8), st.integers(1, 64))
def test_messages_are_cut_out_of_pieces_of_any_size(messages: list[bytes], size: int) -> None:
    stream, frames = b"".join(wire.frame(message) for message in messages), wire.Frames()
    found = [message for at in range(0, len(stream), size) for message in frames.of(stream[at : at + size])]
    frames.end()
    assert found == messages


@given(st.binary(min_size=1, max_size=50), st.data())
def test_a_message_that_is_cut_off_is_found_out(message: bytes, draw: st.DataObject) -> None:
    frames, stream = wire.Frames(), wire.frame(message)
    assert frames.of(stream[: draw.draw(st.integers(1, len(stream) - 1))]) == []
    with pytest.raises(ValueError, match="cut off"):
        frames.end()


@pytest.mark.parametrize(("head", "said"), [(b"\1\0\0\0\1x", "compressed"), (b"\0\xff\xff\xff\xff", "4294967295 bytes")])
def test_what_no_member_sends_is_damage(head: bytes, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        wire.Frames().of(head)
