"""The client against a made-up Alertmanager on loopback."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from davit.monitoring.live import Refused
from davit_alertmanager.client import AlertmanagerClient, AlertmanagerError
from davit_alertmanager.edition import mark
from davit_alertmanager.snapshot import Seen

Serve = Callable[[web.Response], Awaitable[str]]


@pytest.fixture
async def serve() -> AsyncIterator[Serve]:
    servers: list[TestServer] = []

    async def start(response: web.Response) -> str:
        async def answer(request: web.Request) -> web.Response:
            return response

        app = web.Application()
        app.router.add_route("*", "/prefix/{path:.*}", answer)
        server = TestServer(app)
        await server.start_server()
        servers.append(server)
        return str(server.make_url("/prefix")).rstrip("/")

    yield start
    for server in servers:
        await server.close()


@pytest.fixture
async def client() -> AsyncIterator[AlertmanagerClient]:
    found = AlertmanagerClient(timeout=2.0)
    yield found
    await found.close()


def told(**cluster: Any) -> web.Response:
    text = f"route:\n  receiver: a\ntemplates:\n- {mark('a' * 16)}\n"
    return web.json_response({"cluster": cluster, "config": {"original": text}, "uptime": "x"})


async def test_a_look_tells_edition_and_peers(client: AlertmanagerClient, serve: Serve) -> None:
    url = await serve(told(status="ready", peers=[{"name": "a"}, {"name": "b"}]))
    assert await client.look(url) == Seen("a" * 16, "ready", 2)
    assert await client.look(await serve(told(status="disabled"))) == Seen("a" * 16, "disabled", 0)


async def test_a_refusal_is_told_in_the_process_own_words(client: AlertmanagerClient, serve: Serve) -> None:
    url = await serve(web.Response(status=500, text='failed to reload config: undefined receiver "a"\n'))
    with pytest.raises(Refused, match=r'^undefined receiver "a"$'):
        await client.reload(url)


async def test_a_reload_that_was_taken_says_nothing(client: AlertmanagerClient, serve: Serve) -> None:
    await client.reload(await serve(web.Response()))


@pytest.mark.parametrize("response", [(404, ""), (200, "no JSON"), (200, "[]"), (200, '{"config": 5}')])
async def test_anything_else_is_an_error_that_may_pass(
    client: AlertmanagerClient, serve: Serve, response: tuple[int, str]
) -> None:
    url = await serve(web.Response(status=response[0], text=response[1]))
    with pytest.raises(AlertmanagerError):
        await client.look(url)


async def test_a_process_that_is_not_there_is_an_error_that_may_pass(client: AlertmanagerClient) -> None:
    with pytest.raises(AlertmanagerError):
        await client.reload("http://127.0.0.1:9")


async def test_a_reload_that_can_not_be_asked_for_is_no_refusal(client: AlertmanagerClient, serve: Serve) -> None:
    with pytest.raises(AlertmanagerError, match="HTTP 503"):
        await client.reload(await serve(web.Response(status=503)))
