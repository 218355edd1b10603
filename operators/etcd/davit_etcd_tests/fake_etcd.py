"""A stand-in for etcd's gateway on a loopback port: canned answers by path, and a record of what was asked."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web
from aiohttp.test_utils import TestServer

Answer = tuple[int, Any]


class Gateway:
    """`answers` by path below /v3/, for example "maintenance/status"; a text instead of data is sent as it is."""

    def __init__(self) -> None:
        self.answers: dict[str, Answer] = {}
        self.asked: list[tuple[str, Any]] = []
        self.url = ""

    async def handle(self, request: web.Request) -> web.Response:
        path = request.path.removeprefix("/v3/").removeprefix("/")
        self.asked.append((path, json.loads(await request.read() or b"null")))
        code, data = self.answers.get(path, (404, "404 page not found"))
        text = data if isinstance(data, str) else json.dumps(data)
        return web.Response(status=code, text=text)

    def bodies(self, path: str) -> list[Any]:
        return [body for asked, body in self.asked if asked == path]


@asynccontextmanager
async def gateway(answers: Mapping[str, Any] | None = None) -> AsyncIterator[Gateway]:
    """Data means status 200; a pair is (status, data)."""
    found = Gateway()
    found.answers = {path: data if isinstance(data, tuple) else (200, data) for path, data in (answers or {}).items()}
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", found.handle)
    async with TestServer(app) as server:
        found.url = str(server.make_url("")).rstrip("/")
        yield found
