"""What is checked of a snapshot without a member: its trailer, its releases, its file."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from davit.backup.stream import Digest
from davit_etcd.agent import bolt, trailer
from davit_etcd.agent.compatibility import refuse_restore
from davit_etcd.versions import Version
from hypothesis import given
from hypothesis import strategies as st

SECTORS = st.integers(1, 5).flatmap(lambda count: st.binary(min_size=512 * count, max_size=512 * count))


def whole(data: bytes) -> bytes:
    return data + hashlib.sha256(data).digest()


def pieces(data: bytes, size: int) -> Iterator[bytes]:
    yield from (data[start : start + size] for start in range(0, len(data), size))


def read(data: bytes, size: int = 100) -> bytes:
    seen = trailer.Checked("the snapshot")
    found = b"".join(seen.over(pieces(data, size)))
    assert seen.digest == Digest(len(data), hashlib.sha256(data).hexdigest())
    seen.check()
    return found


@given(SECTORS, st.integers(1, 700))
def test_a_whole_snapshot_passes_in_pieces_of_any_size(data: bytes, size: int) -> None:
    assert read(whole(data), size) == whole(data)


@given(SECTORS, st.data())
def test_a_snapshot_that_is_cut_anywhere_is_refused(data: bytes, draw: st.DataObject) -> None:
    full = whole(data)
    with pytest.raises(ValueError, match="the checksum that etcd put"):
        read(full[: draw.draw(st.integers(0, len(full) - 1))])


@given(SECTORS, st.data())
def test_a_snapshot_with_a_flipped_bit_is_refused(data: bytes, draw: st.DataObject) -> None:
    full = bytearray(whole(data))
    full[draw.draw(st.integers(0, len(full) - 1))] ^= 1 << draw.draw(st.integers(0, 7))
    with pytest.raises(ValueError, match="the checksum that etcd put"):
        read(bytes(full))


def test_a_database_without_the_trailer_is_refused_though_it_looks_whole() -> None:
    """The trailer comes in a message of its own, after etcd has said that nothing remains (etcd-io/etcd#18340)."""
    with pytest.raises(ValueError, match="ends after 1024 bytes, without the checksum"):
        read(bytes(1024))


@pytest.mark.parametrize(
    ("made", "target", "refused"),
    [
        ("3.4.23", "3.4.23", False),
        ("3.4.23", "3.7.0", False),
        ("3.5.16", "3.5.33", False),
        ("3.5.33", "3.5.16", False),
        ("3.5.33", "3.6.14", False),
        ("3.7.0", "3.6.14", True),
        ("3.6.14", "3.5.33", True),
        ("3.5.16", "3.4.23", True),
    ],
)
def test_only_snapshots_of_a_later_line_are_refused(made: str, target: str, refused: bool) -> None:
    """`test_every_line_restores_what_older_ones_wrote` shows that the real programs agree."""
    said = refuse_restore(Version.parse(made), Version.parse(target))
    assert (said is not None) is refused
    if said:
        line = made.rsplit(".", 1)[0]
        assert said == f"the backup was made by etcd {made}, which {target} can't read: restore with {line} or later"


@given(st.binary(max_size=3000))
def test_any_other_file_is_no_database(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    path = tmp_path_factory.mktemp("any") / "db"
    path.write_bytes(data)
    with pytest.raises(ValueError, match=r"etcd|page|bucket|branch"):
        bolt.last_revision(str(path))


def test_a_file_that_is_no_more_than_its_head_is_refused(tmp_path: Path) -> None:
    head = bytearray(4096)
    head[8:10] = (4).to_bytes(2, "little")
    head[16:20] = 0xED0CDAED.to_bytes(4, "little")
    head[20:24] = (2).to_bytes(4, "little")
    head[24:28] = (4096).to_bytes(4, "little")
    head[32:40] = (7).to_bytes(8, "little")
    path = tmp_path / "db"
    path.write_bytes(head)
    with pytest.raises(ValueError, match="page 7 lies beyond the end"):
        bolt.last_revision(str(path))
