"""A member's Maintenance service over gRPC, without stubs.

gRPC and not the JSON gateway, because that one sends a snapshot as base64 in JSON (docs/design/20261121.backups.md).
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Any, TypeVar

import grpc

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
_WINDOW = 512 * 1024
_OPTIONS = (
    ("grpc.max_receive_message_length", -1),
    ("grpc.enable_http_proxy", 0),
    ("grpc.enable_retries", 0),
    # Members refuse pings more often than every 5 s (etcd's --grpc-keepalive-min-time).
    ("grpc.keepalive_time_ms", 15_000),
    ("grpc.keepalive_timeout_ms", 15_000),
    # Of a stream, which gRPC would else let grow with the line's speed and hold in memory.
    ("grpc.http2.bdp_probe", 0),
    ("grpc.http2.lookahead_bytes", _WINDOW),
)
_DENIED = (grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.PERMISSION_DENIED)


class Member:
    """One member at its client URL, for example `http://10.0.0.5:2379`. A context manager."""

    def __init__(self, url: str, name: str = "") -> None:
        self.url = url
        self.name = name or url
        self._channel = grpc.insecure_channel(url.removeprefix("http://"), options=_OPTIONS)

    def __enter__(self) -> Member:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._channel.close()

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
        read: Any = self._channel.unary_stream("/etcdserverpb.Maintenance/Snapshot")(b"")
        watchdog = _Watchdog(read.cancel)
        try:
            while True:
                with watchdog:
                    message = next(read, None)
                if message is None:
                    return
                yield wire.piece(message)
        except grpc.RpcError as error:
            raise self._failure(error, stalled=watchdog.bitten) from error
        except ValueError as error:
            raise MemberLost("SnapshotDamaged", f"{self.name} sent a damaged message: {error}") from error
        finally:
            watchdog.stop()
            read.cancel()

    def _call(self, method: str, request: bytes, parse: Callable[[bytes], T], timeout: float) -> T:
        call: Any = self._channel.unary_unary(f"/etcdserverpb.{method}")
        try:
            return parse(call(request, timeout=timeout))
        except grpc.RpcError as error:
            raise self._failure(error) from error
        except ValueError as error:
            raise MemberLost("ReplyDamaged", f"{self.name} sent a damaged message: {error}") from error

    def _failure(self, error: Any, *, stalled: bool = False) -> AgentError:
        details = str(error.details() or "")
        if error.code() in _DENIED or "user name is empty" in details:
            return AgentError(
                "EtcdAuthEnabled",
                f"{self.name} asks for a user ({details}): backups need etcd without authentication",
                permanent=True,
            )
        if stalled:
            return MemberLost("MemberStalled", f"{self.name} sent nothing for {STALL:.0f} s")
        return MemberLost("MemberUnreachable", f"{self.name} ({self.url}): {error.code().name}: {details[:300]}")


class _Watchdog:
    """Calls `bite` when one wait takes too long. Only waits count: whoever takes the pieces may take his time."""

    def __init__(self, bite: Callable[[], object]) -> None:
        self.bitten = False
        self._bite = bite
        self._since = 0.0
        self._stopped = threading.Event()
        threading.Thread(target=self._watch, name="watchdog", daemon=True).start()

    def __enter__(self) -> None:
        self._since = time.monotonic()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._since = 0.0

    def stop(self) -> None:
        self._stopped.set()

    def _watch(self) -> None:
        while not self._stopped.wait(STALL / 12):
            since = self._since
            if since and time.monotonic() - since > STALL:
                self.bitten = True
                self._bite()
                return
