"""From the engine's bytes to the archive's and back, with a SHA-256 at both ends; nothing is held but a few chunks."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import IO, cast

import zstandard

from davit.backup import encryption
from davit.backup.errors import Corrupt, StoreError, WrongKey
from davit.backup.model import Blob, Marker
from davit.backup.pipe import Channel, Source, Stopped, close, threaded

LEVEL = 1
"""More packs up to a fifth better and takes twice the CPU: a backup would be slower than the store."""
CHUNK = 256 * 1024
_AHEAD = 1024 * 1024
_WINDOW = 8 * 1024 * 1024
"""Bytes that a frame may ask for to be decompressed; ours ask for 2 MiB, and one that asks for more is not ours."""
_SUFFIX = {"zstd": ".zst", "none": ""}


@dataclass(frozen=True, slots=True)
class Digest:
    """How many bytes went by, and their SHA-256 in hexadecimal."""

    size: int
    sha256: str

    def blob(self, name: str) -> Blob:
        """The same with a file name."""
        return Blob(name, self.size, self.sha256)


class Tally:
    """Looks at chunks as they go by, once; an engine may look for more."""

    def __init__(self) -> None:
        self._hash, self._size = hashlib.sha256(), 0

    def over(self, chunks: Iterator[bytes]) -> Iterator[bytes]:
        """The same chunks."""
        for chunk in chunks:
            self.add(chunk)
            yield chunk

    def add(self, chunk: bytes) -> None:
        """One more."""
        self._hash.update(chunk)
        self._size += len(chunk)

    @property
    def digest(self) -> Digest:
        """Of all so far."""
        return Digest(self._size, self._hash.hexdigest())


def archive_name(content: str, compression: str, encrypted: bool) -> str:
    """The file name that says how to read it by hand: snapshot.db.zst.age is `age -d | zstd -d`."""
    return content + _SUFFIX[compression] + (".age" if encrypted else "")


class Packing:
    """The archive's bytes, to be iterated once; `content` and `archive` are final at its end.

    The chunks are read, compressed and encrypted in threads, so that the store is written meanwhile. What they raise comes
    through as it is. compression: zstd or none; recipients: age's, none for no encryption; content: what looks at the chunks.
    """

    def __init__(
        self, chunks: Iterator[bytes], compression: str, recipients: Sequence[str] = (), content: Tally | None = None
    ) -> None:
        self._content, self._archive = content or Tally(), Tally()
        self._left = False
        counted = self._content.over(self._while_read(chunks))
        packed = _compressed(counted) if compression == "zstd" else counted
        owned = _owning(packed, counted, chunks)
        ready = encryption.encrypt(owned, recipients) if recipients else threaded(_writing(owned), _AHEAD)
        self._chunks = self._handed_out(ready)

    def __iter__(self) -> Iterator[bytes]:
        return self._chunks

    def _handed_out(self, ready: Iterator[bytes]) -> Iterator[bytes]:
        try:
            yield from self._archive.over(ready)
        finally:
            self._left = True
            close(ready)

    def _while_read(self, chunks: Iterator[bytes]) -> Iterator[bytes]:
        """Ends the work at the source too: gigabytes of zeros go in before anything is written that nobody takes."""
        for chunk in chunks:
            if self._left:
                raise Stopped
            yield chunk

    @property
    def content(self) -> Digest:
        """What was read so far."""
        return self._content.digest

    @property
    def archive(self) -> Digest:
        """What came out so far."""
        return self._archive.digest


def unpack(chunks: Iterator[bytes], marker: Marker, key: str | None, content: Tally | None = None) -> Iterator[bytes]:
    """The content of an archive. key: the text of an age key file, None for none; content: what looks at the chunks.

    Raises KeyMissing and WrongKey before it reads anything; Corrupt at the latest at its end, so that nothing is to be
    trusted before that. What `chunks` raise comes through as it is.
    """
    encryption.check(marker.recipients, key)
    archive = Tally()
    counted = archive.over(_bounded(chunks, marker.archive.size))
    plain = encryption.decrypt(counted, key or "") if marker.recipients else counted
    return _owning(_unpacked(plain, counted, archive, marker, content or Tally()), plain, counted, chunks)


def _unpacked(
    plain: Iterator[bytes], counted: Iterator[bytes], archive: Tally, marker: Marker, content: Tally
) -> Iterator[bytes]:
    """`plain` is `counted` or a thread that reads it; what is left of `counted` is read for the sake of its checksum."""
    opened = _decompressed(plain) if marker.compression == "zstd" else plain
    failure: StoreError | None = None
    try:
        yield from content.over(_bounded(opened, marker.content.size))
    except (Corrupt, WrongKey) as error:
        failure = error
    if plain is not counted:
        close(plain)
    for _ in counted:
        pass
    # The archive's own checksum says first whether it was changed in the store, or was made so.
    _compare(archive.digest, marker.archive, "archive")
    if failure:
        raise failure
    _compare(content.digest, marker.content, "content of the archive")


def _compare(found: Digest, wanted: Blob, what: str) -> None:
    if found.size != wanted.size:
        raise Corrupt(f"The {what} {wanted.name} has {_size(found.size, wanted.size)}, and its marker says {wanted.size}.")
    if found.sha256 != wanted.sha256:
        raise Corrupt(f"The {what} {wanted.name} has the SHA-256 {found.sha256}, and its marker says {wanted.sha256}.")


def _size(found: int, wanted: int) -> str:
    return "more bytes" if found > wanted else f"{found} bytes"


def _bounded(chunks: Iterator[bytes], size: int) -> Iterator[bytes]:
    """No more than one chunk beyond the size: what is longer is wrong anyhow, and may never end."""
    seen = 0
    for chunk in chunks:
        yield chunk
        seen += len(chunk)
        if seen > size:
            return


def _owning(chunks: Iterator[bytes], *inner: Iterator[bytes]) -> Iterator[bytes]:
    """The chunks; and where the reader leaves, they and those that they are made of are closed, the outermost first."""
    try:
        yield from chunks
    finally:
        for source in (chunks, *inner):
            close(source)


def _writing(chunks: Iterator[bytes]) -> Callable[[Channel], None]:
    def work(channel: Channel) -> None:
        try:
            for chunk in chunks:
                channel.write(chunk)
        finally:
            close(chunks)

    return work


def _compressed(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """One frame, with zstd's own checksum in it."""
    compressor = zstandard.ZstdCompressor(level=LEVEL, write_checksum=True).compressobj()
    for chunk in chunks:
        if packed := compressor.compress(chunk):
            yield packed
    yield compressor.flush()


def _decompressed(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """Read in bounded pieces: a few bytes may stand for gigabytes."""
    source = Source(chunks)
    reader = zstandard.ZstdDecompressor(max_window_size=_WINDOW).stream_reader(cast(IO[bytes], source), read_size=CHUNK)
    while True:
        try:
            piece = reader.read(CHUNK)
        except zstandard.ZstdError as error:
            raise Corrupt("The archive can't be decompressed: zstd refuses it.") from error
        if not piece:
            return
        yield piece
