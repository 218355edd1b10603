"""Run a command in a container, by the exec subresource over a WebSocket.

Source: k8s.io/apimachinery/pkg/util/remotecommand: subprotocol v5.channel.k8s.io, the first byte of each message is the
channel; v5 (Kubernetes 1.30) is the first that can close standard input, which a command that reads to the end needs.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass

import aiohttp

from davit.errors import Blocked, Transient

PROTOCOL = "v5.channel.k8s.io"
CHUNK = 64 * 1024
OUTPUT_LIMIT = 1 << 20
"""Bytes of each output stream that are kept."""

_STDIN, _STDOUT, _STDERR, _ERROR = range(4)
_CLOSE_BYTE = 255


@dataclass(frozen=True, slots=True)
class Done:
    """How the command ended."""

    code: int
    out: str
    err: str


async def run(
    http: aiohttp.ClientSession, path: str, container: str, argv: Sequence[str], *, stdin: bytes, patience: float
) -> Done:
    """Feed `stdin`, return the output; `path` is the pod's exec subresource, `patience` in seconds for all of it.

    Raises `Transient` when the pod can't be reached or the time is over, `Blocked("Forbidden")` without the right.
    """
    query = [("container", container), *(("command", part) for part in argv)]
    query += [(stream, "true") for stream in ("stdin", "stdout", "stderr")]
    what = f"run {argv[0]} in {path.removeprefix('/api/v1/namespaces/').removesuffix('/exec')}"
    try:
        async with (
            asyncio.timeout(patience),
            http.ws_connect(path.lstrip("/"), params=query, protocols=(PROTOCOL,), max_msg_size=0) as socket,
        ):
            if socket.protocol != PROTOCOL:
                raise Blocked("ExecUnsupported", f"{what}: the API server does not speak {PROTOCOL} (Kubernetes 1.30)")
            return await _converse(socket, stdin, what)
    except aiohttp.WSServerHandshakeError as error:
        if error.status in (401, 403):
            raise Blocked("Forbidden", f"{what}: not allowed, pods/exec is needed") from error
        raise Transient(f"{what}: HTTP {error.status}") from error
    except (aiohttp.ClientError, OSError, TimeoutError) as error:
        raise Transient(f"{what}: {type(error).__name__} {error}".rstrip()) from error


async def _converse(socket: aiohttp.ClientWebSocketResponse, stdin: bytes, what: str) -> Done:
    feeding = asyncio.create_task(_feed(socket, stdin))
    output = {_STDOUT: bytearray(), _STDERR: bytearray(), _ERROR: bytearray()}
    try:
        async for message in socket:
            if message.type is not aiohttp.WSMsgType.BINARY or not message.data:
                continue
            channel, data = message.data[0], message.data[1:]
            if channel in output and len(output[channel]) < OUTPUT_LIMIT:
                output[channel] += data
    finally:
        feeding.cancel()
        await asyncio.gather(feeding, return_exceptions=True)
    code = _code(bytes(output[_ERROR]), what)
    return Done(code, output[_STDOUT].decode(errors="replace"), output[_STDERR].decode(errors="replace"))


async def _feed(socket: aiohttp.ClientWebSocketResponse, stdin: bytes) -> None:
    for start in range(0, len(stdin), CHUNK):
        await socket.send_bytes(bytes([_STDIN]) + stdin[start : start + CHUNK])
    await socket.send_bytes(bytes([_CLOSE_BYTE, _STDIN]))


def _code(status: bytes, what: str) -> int:
    """The exit code from the Status object that ends the conversation."""
    try:
        said = json.loads(status or b"{}")
        if said.get("status") == "Success":
            return 0
        if said.get("reason") == "NonZeroExitCode":
            return int(said["details"]["causes"][0]["message"])
    except (ValueError, LookupError, AttributeError, TypeError) as error:
        raise Transient(f"{what}: it ended in an unknown way: {status[:200].decode(errors='replace')}") from error
    raise Transient(f"{what}: {said.get('message', 'broken off')}")
