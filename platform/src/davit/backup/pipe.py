"""A stream worked on in a thread of its own: bounded, and ended from either side."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Generator, Iterator

PATIENCE = 5.0
"""Seconds to wait for the thread when the reader leaves early; it may be waiting for the network."""


class Stopped(Exception):
    """The reader has left; the writer has nothing more to do."""


class Channel:
    """Chunks from one thread to another, at most `limit` bytes and one chunk under way."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._chunks: deque[bytes] = deque()
        self._held = 0
        self._changed = threading.Condition()
        self._ended = False
        self._stopped = False
        self._error: BaseException | None = None

    def write(self, chunk: bytes) -> int:
        """Hand over a chunk, waiting for room; raises Stopped when nobody reads any more."""
        with self._changed:
            self._changed.wait_for(lambda: self._stopped or self._held < self._limit)
            if self._stopped:
                raise Stopped
            self._chunks.append(chunk)
            self._held += len(chunk)
            self._changed.notify_all()
        return len(chunk)

    def flush(self) -> None:
        """Nothing is held back; here because a file has it."""

    def end(self, error: BaseException | None = None) -> None:
        """No more chunks come; the reader gets the error after the last of them."""
        with self._changed:
            self._ended, self._error = True, error
            self._changed.notify_all()

    def stop(self) -> None:
        """Nobody reads any more."""
        with self._changed:
            self._stopped = True
            self._changed.notify_all()

    def __iter__(self) -> Iterator[bytes]:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._chunks or self._ended)
                if not self._chunks:
                    break
                chunk = self._chunks.popleft()
                self._held -= len(chunk)
                self._changed.notify_all()
            yield chunk
        if self._error is not None:
            raise self._error


def threaded(work: Callable[[Channel], None], limit: int) -> Iterator[bytes]:
    """What `work` writes, while it works in a thread; what it raises is raised here after the last chunk.

    Where the reader stops early (`close` of this generator, or an error of its own) `work` gets `Stopped` at its next write.
    """
    channel = Channel(limit)

    def run() -> None:
        try:
            work(channel)
        except BaseException as error:
            channel.end(error)
        else:
            channel.end()

    thread = threading.Thread(target=run, name="pipe", daemon=True)
    thread.start()
    try:
        yield from channel
    finally:
        channel.stop()
        thread.join(PATIENCE)


def close(chunks: Iterator[bytes]) -> None:
    """Tell a generator that nobody reads on, so that it lets go what it holds; any other iterator holds nothing."""
    if isinstance(chunks, Generator):
        chunks.close()


class Source:
    """An iterator of chunks as a file that is read; what the iterator raises is kept in `error`."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks = chunks
        self._rest = memoryview(b"")
        self.error: BaseException | None = None

    def read(self, size: int = -1) -> bytes:
        """At most `size` bytes, empty at the end; a negative size reads one chunk."""
        while not self._rest:
            try:
                chunk = next(self._chunks, None)
            except BaseException as error:
                self.error = error
                raise
            if chunk is None:
                return b""
            self._rest = memoryview(chunk)
        taken = self._rest if size < 0 else self._rest[:size]
        self._rest = self._rest[len(taken) :]
        return bytes(taken)
