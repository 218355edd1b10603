"""Archives: packed and read again, and refused when anything about them is not as it was."""

from __future__ import annotations

import hashlib
import random
import threading
import time
import tracemalloc
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pyrage
import pytest
import zstandard
from davit.backup import encryption
from davit.backup.errors import Corrupt, KeyMissing, Unreachable, WrongKey
from davit.backup.model import Blob, Cipher, Marker
from davit.backup.pipe import Source, Stopped, threaded
from davit.backup.stream import Packing, archive_name, unpack
from hypothesis import given
from hypothesis import strategies as st

from davit_tests.backup_world import IDENTITY, NOW, RECIPIENT, marker_at

OTHER = str(pyrage.x25519.Identity.generate())
KINDS = [("none", ()), ("zstd", ()), ("none", (RECIPIENT,)), ("zstd", (RECIPIENT,))]
CONTENT = b"".join(hashlib.sha256(str(number).encode()).digest() + bytes(40) for number in range(300))


def packed(
    data: bytes, compression: str = "zstd", recipients: tuple[str, ...] = (RECIPIENT,), piece: int = 1000
) -> tuple[bytes, Marker]:
    packing = Packing(pieces(data, piece), compression, recipients)
    archive = b"".join(packing)
    marker = replace(
        marker_at(NOW)[0], archive=packing.archive.blob("a"), content=packing.content.blob("c"),
        compression=compression, recipients=recipients,
    )  # fmt: skip
    return archive, marker


def pieces(data: bytes, size: int = 1000) -> Iterator[bytes]:
    return (data[start : start + size] for start in range(0, len(data), size))


def unpacked(archive: bytes, marker: Marker, key: str | None = IDENTITY, piece: int = 1000) -> bytes:
    return b"".join(unpack(pieces(archive, piece), marker, key))


ARCHIVES = {kind: packed(CONTENT, *kind) for kind in KINDS}
KIND = st.sampled_from(KINDS)


@given(st.binary(max_size=5000) | st.just(bytes(600_000)) | st.just(CONTENT * 10), KIND, st.integers(1, 70000))
def test_what_was_packed_comes_out_again(data: bytes, kind: tuple[str, tuple[str, ...]], piece: int) -> None:
    piece = max(piece, len(data) // 200)
    archive, marker = packed(data, *kind, piece)
    assert marker.content == Blob("c", len(data), hashlib.sha256(data).hexdigest())
    assert marker.archive == Blob("a", len(archive), hashlib.sha256(archive).hexdigest())
    assert unpacked(archive, marker, piece=piece) == data
    assert not marker.recipients or CONTENT[:32] not in archive


@given(KIND, st.integers(0, 2**30), st.integers(1, 255))
def test_any_flipped_byte_is_refused(kind: tuple[str, tuple[str, ...]], place: int, flip: int) -> None:
    archive, marker = ARCHIVES[kind]
    changed = bytearray(archive)
    changed[place % len(changed)] ^= flip
    with pytest.raises(Corrupt, match="The archive a has the SHA-256"):
        unpacked(bytes(changed), marker)


@given(KIND, st.integers(0, 2**30))
def test_any_cut_is_refused(kind: tuple[str, tuple[str, ...]], length: int) -> None:
    archive, marker = ARCHIVES[kind]
    length %= len(archive)
    with pytest.raises(Corrupt, match=f"The archive a has {length} bytes, and its marker says {len(archive)}"):
        unpacked(archive[:length], marker)


@given(KIND, st.binary(min_size=1, max_size=5000))
def test_anything_behind_the_end_is_refused(kind: tuple[str, tuple[str, ...]], more: bytes) -> None:
    archive, marker = ARCHIVES[kind]
    with pytest.raises(Corrupt, match="The archive a has more bytes"):
        unpacked(archive + more, marker)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("garbage", [b"", bytes(20000), b"age-encryption.org/v1\n", b"x" * 20000])
def test_garbage_is_refused(kind: tuple[str, tuple[str, ...]], garbage: bytes) -> None:
    with pytest.raises(Corrupt, match="The archive a has"):
        unpacked(garbage, ARCHIVES[kind][1])


@pytest.mark.parametrize("kind", KINDS)
def test_the_archive_of_another_backup_is_refused(kind: tuple[str, tuple[str, ...]]) -> None:
    other, _ = packed(CONTENT[::-1], *kind)
    with pytest.raises(Corrupt, match="The archive a has"):
        unpacked(other, ARCHIVES[kind][1])


@pytest.mark.parametrize("kind", KINDS)
def test_a_good_archive_with_another_content_than_the_marker_says_is_refused(kind: tuple[str, tuple[str, ...]]) -> None:
    archive, marker = ARCHIVES[kind]
    with pytest.raises(Corrupt, match="The content of the archive c has the SHA-256"):
        unpacked(archive, replace(marker, content=replace(marker.content, sha256="0" * 64)))
    with pytest.raises(Corrupt, match="The content of the archive c has"):
        unpacked(archive, replace(marker, content=replace(marker.content, size=5)))


@pytest.mark.parametrize("made", [b"not zstd", zstandard.compress(CONTENT)[:-4]])
def test_an_archive_that_never_was_one_is_refused(made: bytes) -> None:
    """Its checksum is that of the marker: it was written so."""
    marker = replace(ARCHIVES["zstd", ()][1], archive=Blob("a", len(made), hashlib.sha256(made).hexdigest()))
    with pytest.raises(Corrupt, match=r"can't be decompressed|The content of the archive"):
        unpacked(made, marker, None)
    encrypted = replace(marker, recipients=(RECIPIENT,))
    with pytest.raises(Corrupt, match="age refuses it"):
        unpacked(made, encrypted)


def test_a_frame_that_wants_much_memory_is_refused() -> None:
    parameters = zstandard.ZstdCompressionParameters(window_log=27, compression_level=1)
    made = zstandard.ZstdCompressor(compression_params=parameters).compressobj()
    archive = made.compress(bytes(1000)) + made.flush()
    marker = replace(ARCHIVES["zstd", ()][1], archive=Blob("a", len(archive), hashlib.sha256(archive).hexdigest()))
    with pytest.raises(Corrupt, match="can't be decompressed"):
        unpacked(archive, marker, None)


def test_a_few_bytes_that_stand_for_gigabytes_are_read_in_pieces_and_no_further_than_the_marker_says() -> None:
    compressor = zstandard.ZstdCompressor(level=3).compressobj()
    bomb = b"".join(compressor.compress(bytes(2**24)) for _ in range(32)) + compressor.flush()
    marker = replace(ARCHIVES["zstd", ()][1], archive=Blob("a", len(bomb), hashlib.sha256(bomb).hexdigest()))
    tracemalloc.start()
    try:
        with pytest.raises(Corrupt, match="The content of the archive c has more bytes"):
            unpacked(bomb, marker, None, len(bomb))
        assert tracemalloc.get_traced_memory()[1] < 2_000_000
    finally:
        tracemalloc.stop()


def never() -> Iterator[bytes]:
    raise AssertionError("nothing was to be read")
    yield b""


@pytest.mark.parametrize(
    ("key", "error", "words"),
    [
        (None, KeyMissing, f"encrypted for {RECIPIENT}: name the Secret"),
        (RECIPIENT, KeyMissing, "recipients only"),
        (OTHER, WrongKey, f"encrypted for {RECIPIENT}, and the given identity is that of age1"),
        ("", KeyMissing, "holds no key"),
        ("# nothing\n\n", KeyMissing, "holds no key"),
        (f"{IDENTITY}\nno key\n", KeyMissing, "Line 2 of the key file is no age key"),
        (IDENTITY[:-1] + ("Q" if IDENTITY[-1] != "Q" else "P"), KeyMissing, "Line 1 of the key file is no age key"),
    ],
    # Keys differ from process to process, and names of tests may not.
    ids=["none", "recipient", "other", "empty", "comment", "second line", "changed"],
)
def test_a_key_that_does_not_fit_is_told_before_anything_is_read(key: str | None, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words) as caught:
        unpack(never(), ARCHIVES["zstd", (RECIPIENT,)][1], key)
    assert IDENTITY not in str(caught.value)
    assert OTHER not in str(caught.value)
    assert "no key\n" not in str(caught.value)


def test_a_marker_that_names_the_wrong_recipient() -> None:
    archive, marker = ARCHIVES["zstd", (RECIPIENT,)]
    public = encryption.keys(OTHER).recipients
    with pytest.raises(WrongKey, match="None of the given age identities"):
        unpacked(archive, replace(marker, recipients=public), OTHER)


def test_a_backup_for_several_recipients_is_read_by_each() -> None:
    public = encryption.keys(f"{RECIPIENT}\n{OTHER}\n").recipients
    archive, marker = packed(CONTENT, "zstd", public)
    for key in (IDENTITY, OTHER, f"# mine\n{OTHER}\n{IDENTITY}\n"):
        assert unpacked(archive, marker, key) == CONTENT


def test_the_keys_in_a_file() -> None:
    found = encryption.keys(f"# created: today\n{IDENTITY}\r\n\n{RECIPIENT}\n")
    assert (found.recipients, found.readers, found.can_read) == ((RECIPIENT,), (RECIPIENT,), True)
    assert not encryption.keys(RECIPIENT).can_read


def test_the_mounted_key_file(tmp_path: Path) -> None:
    (tmp_path / "my.key").write_text(IDENTITY)
    assert encryption.load(Cipher("age", "my.key"), str(tmp_path)) == IDENTITY
    with pytest.raises(KeyMissing, match=r"Secret age is missing, or has no readable key other") as caught:
        encryption.load(Cipher("age", "other"), str(tmp_path))
    assert not caught.value.permanent


@pytest.mark.parametrize("kind", KINDS)
def test_what_the_source_raises_comes_through_as_it_is(kind: tuple[str, tuple[str, ...]]) -> None:
    def breaking(data: bytes) -> Iterator[bytes]:
        yield data[: len(data) // 2]
        raise Unreachable("cut")

    with pytest.raises(Unreachable, match="cut"):
        list(Packing(breaking(CONTENT), *kind))
    archive, marker = ARCHIVES[kind]
    with pytest.raises(Unreachable, match="cut"):
        list(unpack(breaking(archive), marker, IDENTITY))


@pytest.mark.parametrize("kind", KINDS)
def test_a_reader_that_stops_early_ends_the_threads_and_the_source(kind: tuple[str, tuple[str, ...]]) -> None:
    closed = threading.Event()

    def endless() -> Iterator[bytes]:
        try:
            yield random.Random(1).randbytes(1_000_000)
            while True:
                yield bytes(100_000)
        finally:
            closed.set()

    stream = iter(Packing(endless(), *kind))
    next(stream)
    began = time.monotonic()
    stream.close()  # type: ignore[attr-defined]
    assert closed.wait(3)
    assert time.monotonic() - began < 3
    archive, marker = packed(CONTENT * 100, *kind)
    reading = unpack(pieces(archive), marker, IDENTITY)
    next(reading)
    reading.close()  # type: ignore[attr-defined]
    assert not [thread for thread in threading.enumerate() if thread.name == "pipe"]


def test_a_thread_is_never_far_ahead() -> None:
    made: list[int] = []

    def work(channel: object) -> None:
        for number in range(100):
            made.append(number)
            channel.write(bytes(10))  # type: ignore[attr-defined]

    for number, _ in enumerate(threaded(work, 30)):
        assert len(made) <= number + 5
    assert len(made) == 100


def test_a_writer_is_told_that_nobody_reads() -> None:
    told: list[type[BaseException]] = []

    def work(channel: object) -> None:
        try:
            while True:
                channel.write(b"x")  # type: ignore[attr-defined]
        except Stopped as error:
            told.append(type(error))
            raise

    stream = threaded(work, 1)
    next(stream)
    stream.close()  # type: ignore[attr-defined]
    assert told == [Stopped]


def test_a_source_is_read_like_a_file() -> None:
    source = Source(iter([b"abc", b"", b"defg"]))
    assert [source.read(2), source.read(5), source.read(-1), source.read(1), source.read(1)] == [b"ab", b"c", b"defg", b"", b""]


def test_names_say_how_to_read_them() -> None:
    assert archive_name("snapshot.db", "zstd", True) == "snapshot.db.zst.age"
    assert archive_name("snapshot.db", "none", False) == "snapshot.db"


def test_zstd_of_other_makers_reads_it() -> None:
    """What a person would do: decompress the whole file."""
    archive, _ = ARCHIVES["zstd", ()]
    assert zstandard.ZstdDecompressor().decompressobj().decompress(archive) == CONTENT
    assert b"".join(encryption.decrypt(iter([ARCHIVES["none", (RECIPIENT,)][0]]), IDENTITY)) == CONTENT
