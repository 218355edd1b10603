from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable

import aiohttp
import pytest
from aiohttp import web
from davit.errors import Blocked, Transient
from davit.kube.exec import CHUNK, OUTPUT_LIMIT, PROTOCOL, Done, run

PATH = "/api/v1/namespaces/home/pods/prover/exec"
OUT, ERR, END = b"\x01", b"\x02", b"\x03"
GOOD = json.dumps({"status": "Success"}).encode()


class Kubelet:
    """Speaks the protocol with one command, which the test plays."""

    def __init__(self) -> None:
        self.command: Callable[[bytes], Awaitable[list[bytes]]]
        self.protocols = (PROTOCOL,)
        self.status = 101
        self.query: list[tuple[str, str]] = []
        self.chunks: list[int] = []

    async def handle(self, request: web.Request) -> web.StreamResponse:
        if self.status != 101:
            return web.Response(status=self.status)
        self.query = list(request.query.items())
        socket = web.WebSocketResponse(protocols=self.protocols)
        await socket.prepare(request)
        stdin = bytearray()
        async for message in socket:
            if message.data[:1] == b"\x00":
                stdin += message.data[1:]
                self.chunks.append(len(message.data) - 1)
            elif message.data == b"\xff\x00":
                break
        for answer in await self.command(bytes(stdin)):
            await socket.send_bytes(answer)
        await socket.close()
        return socket


@pytest.fixture
async def kubelet() -> Kubelet:
    return Kubelet()


@pytest.fixture
async def http(kubelet: Kubelet) -> AsyncIterator[aiohttp.ClientSession]:
    app = web.Application()
    app.router.add_route("GET", PATH, kubelet.handle)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    async with aiohttp.ClientSession(f"http://127.0.0.1:{runner.addresses[0][1]}/") as session:
        yield session
    await runner.cleanup()


def says(*answers: bytes) -> Callable[[bytes], Awaitable[list[bytes]]]:
    async def command(_: bytes) -> list[bytes]:
        return list(answers)

    return command


async def check(http: aiohttp.ClientSession, stdin: bytes = b"", patience: float = 3.0) -> Done:
    return await run(http, PATH, "prover", ("promtool", "check"), stdin=stdin, patience=patience)


async def test_the_command_reads_all_of_its_input_and_its_output_comes_back(
    kubelet: Kubelet, http: aiohttp.ClientSession
) -> None:
    document = bytes(range(256)) * 1000

    async def count(stdin: bytes) -> list[bytes]:
        return [OUT + b"first ", OUT + str(stdin == document).encode(), b"", ERR + b"\xff!", b"\x04\x00", END + GOOD]

    kubelet.command = count
    assert await check(http, document) == Done(0, "first True", "\ufffd!")
    assert max(kubelet.chunks) == CHUNK
    streams = [(name, "true") for name in ("stdin", "stdout", "stderr")]
    assert kubelet.query == [("container", "prover"), ("command", "promtool"), ("command", "check"), *streams]


async def test_the_exit_code_is_told(kubelet: Kubelet, http: aiohttp.ClientSession) -> None:
    status = {"status": "Failure", "reason": "NonZeroExitCode", "details": {"causes": [{"reason": "ExitCode", "message": "3"}]}}
    kubelet.command = says(ERR + b"FAILED", END + json.dumps(status).encode())
    assert await check(http) == Done(3, "", "FAILED")


@pytest.mark.parametrize(
    ("last", "said"),
    [
        ((), "broken off"),
        ((END + b'{"status": "Failure", "message": "container not found"}',), "container not found"),
        ((END + b"<html>",), "unknown way"),
        ((END + b'{"reason": "NonZeroExitCode"}',), "unknown way"),
        ((END + b"[]",), "unknown way"),
    ],
)
async def test_an_end_without_an_exit_code_is_transient(
    kubelet: Kubelet, http: aiohttp.ClientSession, last: tuple[bytes, ...], said: str
) -> None:
    kubelet.command = says(OUT + b"half", *last)
    with pytest.raises(Transient, match=said):
        await check(http)


@pytest.mark.parametrize("status", [401, 403])
async def test_the_right_that_is_missing_is_named(kubelet: Kubelet, http: aiohttp.ClientSession, status: int) -> None:
    kubelet.status = status
    with pytest.raises(Blocked, match="run promtool in home/pods/prover: not allowed, pods/exec is needed") as caught:
        await check(http)
    assert caught.value.reason == "Forbidden"


@pytest.mark.parametrize("status", [404, 500])
async def test_a_pod_that_is_gone_is_transient(kubelet: Kubelet, http: aiohttp.ClientSession, status: int) -> None:
    kubelet.status = status
    with pytest.raises(Transient, match=f"HTTP {status}"):
        await check(http)


async def test_an_api_server_that_cannot_close_the_input_is_told_apart(kubelet: Kubelet, http: aiohttp.ClientSession) -> None:
    kubelet.protocols = ("v4.channel.k8s.io",)
    kubelet.command = says()
    with pytest.raises(Blocked, match=r"Kubernetes 1\.30"):
        await check(http)


async def test_a_command_that_does_not_end_is_given_up(kubelet: Kubelet, http: aiohttp.ClientSession) -> None:
    ended = asyncio.Event()

    async def hang(_: bytes) -> list[bytes]:
        await ended.wait()
        return []

    kubelet.command = hang
    with pytest.raises(Transient, match="TimeoutError"):
        await check(http, patience=0.05)
    ended.set()


async def test_output_without_end_is_not_kept(kubelet: Kubelet, http: aiohttp.ClientSession) -> None:
    kubelet.command = says(*[OUT + b"x" * 500_000] * 8, END + GOOD)
    found = await check(http)
    assert OUTPUT_LIMIT <= len(found.out) <= OUTPUT_LIMIT + 500_000


async def test_what_is_sent_is_in_no_error(kubelet: Kubelet, http: aiohttp.ClientSession) -> None:
    kubelet.command = says()
    with pytest.raises(Transient) as caught:
        await check(http, b"password: hunter2")
    assert "hunter2" not in str(caught.value)
