"""A member's Maintenance service over gRPC, without stubs: libcurl speaks HTTP/2, the messages are in `davit_etcd.agent.wire`.

gRPC and not the JSON gateway, because that one sends a snapshot as base64 in JSON, and libcurl and not grpcio, which takes
four times the CPU and twice the memory for a gigabyte (docs/design/20261121.backups.md). Source of the protocol: "gRPC over
HTTP2" in grpc/grpc's doc/PROTOCOL-HTTP2.md.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import TracebackType
from typing import Any, TypeVar
from urllib.parse import unquote

import pycurl

from davit_etcd.agent import wire
from davit_etcd.agent.errors import AgentError, MemberLost

T = TypeVar("T")

SHORT = 10.0
"""Seconds for an answer that needs no work."""
LONG = 600.0
"""Seconds for a hash, for which etcd reads its whole database."""
STALL = 60.0
"""Seconds without any byte of a snapshot after which the member is given up."""
COMPACTED = "required revision has been compacted"
_BUFFER = 256 * 1024
_PERMISSION_DENIED, _UNAUTHENTICATED = "7", "16"
_STATUS = {"4": "DEADLINE_EXCEEDED", "11": "OUT_OF_RANGE", "12": "UNIMPLEMENTED", "13": "INTERNAL", "14": "UNAVAILABLE"}


class Member:
    """One member at its client URL, for example `http://10.0.0.5:2379`. A context manager."""

    def __init__(self, url: str, name: str = "") -> None:
        self.url = url
        self.name = name or url
        # Keeps its connection between calls.
        self._multi = pycurl.CurlMulti()

    def __enter__(self) -> Member:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        # A reader in another thread that was given up may still be at it: its connection ends with the process.
        with suppress(pycurl.error):
            self._multi.close()

    def status(self, timeout: float = SHORT) -> wire.Status:
        """What the member says of itself; answered without a quorum."""
        return self._call("Maintenance/Status", b"", wire.status, timeout)

    def hash_kv(self, revision: int) -> wire.HashKV:
        """Its HashKV at a revision that it has and that is not compacted."""
        return self._call("Maintenance/HashKV", wire.hash_request(revision), wire.hash_kv, LONG)

    def count(self, timeout: float = SHORT) -> int:
        """The number of its keys, by a linearizable read: it serves."""
        return self._call("KV/Range", wire.count_request(), wire.count, timeout)

    def snapshot(self) -> Iterator[wire.Piece]:
        """The pieces of a snapshot, to its end; what it holds is for the reader to check.

        Raises `MemberLost` where it breaks off, or nothing comes for a minute.
        """
        return self._stream("Maintenance/Snapshot", b"", wire.piece, STALL)

    def _call(self, method: str, request: bytes, parse: Callable[[bytes], T], timeout: float) -> T:
        replies = list(self._stream(method, request, parse, timeout))
        if len(replies) != 1:
            raise MemberLost("ReplyDamaged", f"{self.name} sent {len(replies)} messages where one is due")
        return replies[0]

    def _stream(self, method: str, request: bytes, parse: Callable[[bytes], T], patience: float) -> Iterator[T]:
        """The messages of the answer. patience: seconds that may pass without a byte; the reader's own time does not count."""
        frames = wire.Frames()
        try:
            with self._transfer(method, request) as transfer:
                for chunk in transfer.chunks(patience):
                    for message in frames.of(chunk):
                        yield parse(message)
                self._check(transfer)
                frames.end()
        except pycurl.error as error:
            raise self._unreachable(str(error.args[-1])) from error
        except _Stalled as error:
            raise MemberLost("MemberStalled", f"{self.name} sent nothing for {patience:.0f} s") from error
        except ValueError as error:
            raise MemberLost("ReplyDamaged", f"{self.name} sent a damaged message: {error}") from error

    def _check(self, transfer: _Transfer) -> None:
        """Raise what the status at the end says; without one the answer was cut off (grpc/grpc PROTOCOL-HTTP2)."""
        code, details = transfer.said.get("grpc-status", ""), unquote(transfer.said.get("grpc-message", ""))
        if code == "0":
            return
        if code in (_PERMISSION_DENIED, _UNAUTHENTICATED) or "user name is empty" in details:
            raise AgentError(
                "EtcdAuthEnabled",
                f"{self.name} asks for a user ({details}): backups need etcd without authentication",
                permanent=True,
            )
        raise self._unreachable(f"{_STATUS.get(code, f'status {code}')}: {details}" if code else transfer.first)

    def _unreachable(self, why: str) -> MemberLost:
        return MemberLost("MemberUnreachable", f"{self.name} ({self.url}): {why[:300]}")

    @contextmanager
    def _transfer(self, method: str, request: bytes) -> Iterator[_Transfer]:
        curl = pycurl.Curl()
        transfer = _Transfer(self._multi, curl)
        curl.setopt(pycurl.URL, f"{self.url}/etcdserverpb.{method}")
        curl.setopt(pycurl.HTTP_VERSION, pycurl.CURL_HTTP_VERSION_2_PRIOR_KNOWLEDGE)
        curl.setopt(pycurl.HTTPHEADER, ["content-type: application/grpc", "te: trailers", "user-agent: davit-agent"])
        curl.setopt(pycurl.POSTFIELDS, wire.frame(request))
        curl.setopt(pycurl.PROXY, "")
        curl.setopt(pycurl.NOSIGNAL, 1)
        curl.setopt(pycurl.CONNECTTIMEOUT_MS, int(SHORT * 1000))
        # A member whose machine is gone says nothing, also not that it is gone.
        curl.setopt(pycurl.TCP_KEEPALIVE, 1)
        curl.setopt(pycurl.TCP_KEEPIDLE, 15)
        curl.setopt(pycurl.TCP_KEEPINTVL, 5)
        curl.setopt(pycurl.BUFFERSIZE, _BUFFER)
        curl.setopt(pycurl.WRITEFUNCTION, transfer.got.append)
        curl.setopt(pycurl.HEADERFUNCTION, transfer.header)
        self._multi.add_handle(curl)
        try:
            yield transfer
        finally:
            self._multi.remove_handle(curl)
            curl.close()


class _Stalled(Exception):
    """Nothing came for too long."""


class _Transfer:
    """One request under way: nothing is read while nobody asks for more, so that little is held."""

    def __init__(self, multi: Any, curl: Any) -> None:
        self._multi, self._curl = multi, curl
        self.got: list[bytes] = []
        self.first = "no answer"
        """The first line of the answer, for where there is no better one."""
        self.said: dict[str, str] = {}
        """Headers and trailers."""

    def header(self, line: bytes) -> None:
        name, colon, value = line.decode("latin-1").strip().partition(":")
        if colon:
            self.said[name.lower()] = value.strip()
        elif name:
            self.first = name

    def chunks(self, patience: float) -> Iterator[bytes]:
        """What comes; raises pycurl.error, and _Stalled after so many seconds of nothing."""
        running = 1
        while running:
            since = time.monotonic()
            while not self.got and running:
                result, running = self._multi.perform()
                while result == pycurl.E_CALL_MULTI_PERFORM:
                    result, running = self._multi.perform()
                if not self.got and running:
                    if time.monotonic() - since > patience:
                        raise _Stalled
                    # No descriptor to wait for, while a name is looked up for example.
                    if self._multi.select(min(1.0, patience)) < 0:
                        time.sleep(0.01)
            got, self.got[:] = list(self.got), []
            yield from got
        _, _, failed = self._multi.info_read()
        if failed:
            raise pycurl.error(*failed[0][1:])
