"""A process that can't be reached is told from one that is slow, and soon."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import AsyncIterator, Iterator

import pytest
from aiohttp import web
from davit.errors import Transient
from davit.monitoring import session
from davit.monitoring.session import Session


class Away(Transient):
    pass


@pytest.fixture
async def talk() -> AsyncIterator[Session]:
    made = Session(Away)
    yield made
    await made.close()


@pytest.fixture
def unreachable() -> Iterator[str]:
    """Connections to it are never made: its queue is full, and further ones are dropped."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as server:
        address = server.getsockname()
        waiting = []
        for _ in range(3):
            one = socket.socket()
            one.setblocking(False)
            one.connect_ex(address)
            waiting.append(one)
        yield f"http://127.0.0.1:{address[1]}"
        for one in waiting:
            one.close()


async def test_what_can_not_be_reached_is_given_up_long_before_a_slow_answer(
    talk: Session, unreachable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session, "CONNECT", 0.2)
    began = time.monotonic()
    with pytest.raises(Away, match="ConnectionTimeoutError"):
        await talk.request("POST", f"{unreachable}/-/reload", 60.0)
    assert time.monotonic() - began < 30.0
    assert not await talk.answers(unreachable)


async def test_what_is_busy_is_waited_for(talk: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "CONNECT", 0.2)
    monkeypatch.setattr(session, "UNHEARD", 200)

    async def handle(request: web.Request) -> web.Response:
        await asyncio.sleep(0.6)
        return web.Response(text=request.path)

    app = web.Application()
    app.router.add_route("*", "/{tail:.*}", handle)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    assert await talk.request("GET", f"{url}/a", 30.0) == (200, b"/a")
    with pytest.raises(Away, match="TimeoutError"):
        await talk.request("GET", url, 0.1)
    await runner.cleanup()


def test_a_kept_connection_that_carries_nothing_is_given_up() -> None:
    with session._socket((socket.AF_INET, socket.SOCK_STREAM, 0, "", ())) as made:
        assert made.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == session.UNHEARD
