"""The HTTPS listener that answers admission reviews; every replica has one, leading or not."""

from __future__ import annotations

import asyncio
import errno
import logging
import re
import ssl
import traceback
from collections.abc import Iterable
from http import HTTPStatus

from aiohttp import web
from prometheus_client import Counter, Histogram

from davit.errors import Fatal
from davit.metrics import REGISTRY
from davit.webhook import wire
from davit.webhook.registration import TIMEOUT, Endpoint
from davit.webhook.review import Review, Reviewer, Verdict, allow, exempt

log = logging.getLogger(__name__)

DEADLINE = TIMEOUT - 1.0
"""Seconds after which a request is let in unreviewed, while the API server still waits for the answer."""
LIMIT = 8 * 1024 * 1024
"""Bytes of a request: an object before and after, of at most 3 MiB each (apiserver, MaxRequestBodyBytes)."""
SLOTS = 8
"""Requests in memory at a time; the others wait, within the same deadline."""
KEEPALIVE = 300.0
"""Seconds that an idle connection stays open: more than the API server's 90, or it may send into a closed one."""

REVIEWS = Counter(
    "davit_admission_reviews",
    "Requests by kind and verdict: allowed, denied, failed (let in, the reviewer broke), late (let in), refused (no review).",
    ["kind", "verdict"],
    registry=REGISTRY,
)
SECONDS = Histogram(
    "davit_admission_review_duration_seconds",
    "How long an answer took.",
    ["kind"],
    buckets=(0.005, 0.02, 0.1, 0.5, 2.0, DEADLINE),
    registry=REGISTRY,
)


class Server:
    """The table of reviewers as a web application."""

    def __init__(self, endpoints: Iterable[Endpoint], deadline: float = DEADLINE) -> None:
        self._deadline = deadline
        self._slots = asyncio.Semaphore(SLOTS)
        self._left: set[asyncio.Task[Verdict]] = set()
        self.app = web.Application(client_max_size=LIMIT)
        for endpoint in endpoints:
            self.app.router.add_post(endpoint.path, _Handler(self, endpoint).handle)

    async def start(self, port: int, identity: ssl.SSLContext, host: str | None = None) -> web.AppRunner:
        """Listen, on all interfaces by default, until the runner's `cleanup()`; raises `Fatal` if the port is taken."""
        runner = web.AppRunner(self.app, access_log=None, handle_signals=False, shutdown_timeout=1.0, keepalive_timeout=KEEPALIVE)
        await runner.setup()
        try:
            await web.TCPSite(runner, host, port, ssl_context=identity).start()
        except OSError as error:
            # Where IPv6 is switched off, binding "all interfaces" fails as a whole.
            if host is not None or error.errno != errno.EADDRNOTAVAIL:
                await runner.cleanup()
                raise Fatal(f"cannot serve admission reviews: {error}") from error
            await web.TCPSite(runner, "0.0.0.0", port, ssl_context=identity).start()  # noqa: S104 # as the pod's port is meant
        return runner

    async def judge(self, reviewer: Reviewer, review: Review) -> tuple[str, Verdict]:
        """The verdict, and its name for the metrics; never waits for a reviewer that won't be cancelled."""
        if exempt(review):
            return "allowed", allow()
        task = asyncio.create_task(_call(reviewer, review))
        try:
            await asyncio.wait({task})
        finally:
            if not task.done():
                self._left.add(task)
                task.add_done_callback(self._forget)
                task.cancel()
        if task.cancelled() or (error := task.exception()) is not None:
            return "failed", _failed(review, asyncio.CancelledError() if task.cancelled() else error)
        verdict = task.result()
        return "allowed" if verdict.allowed else "denied", verdict

    def _forget(self, task: asyncio.Task[Verdict]) -> None:
        self._left.discard(task)
        if not task.cancelled():
            task.exception()


async def _call(reviewer: Reviewer, review: Review) -> Verdict:
    """So that a reviewer may raise before it is awaited."""
    return await reviewer(review)


class _Handler:
    """One path."""

    def __init__(self, server: Server, endpoint: Endpoint) -> None:
        self._server = server
        self._endpoint = endpoint
        self._kind = endpoint.kinds[0].kind

    async def handle(self, request: web.Request) -> web.Response:
        """Answer, and count it."""
        with SECONDS.labels(self._kind).time():
            verdict, response = await self._answer(request)
        REVIEWS.labels(self._kind, verdict).inc()
        return response

    async def _answer(self, request: web.Request) -> tuple[str, web.Response]:
        asked: wire.Request | None = None
        try:
            async with asyncio.timeout(patience(request, self._server._deadline)), self._server._slots:
                asked = wire.decode(await _body(request), self._endpoint.kinds)
                name, verdict = await self._server.judge(self._endpoint.reviewer, asked.review)
        except wire.Refused as refused:
            log.info("not reviewed: %s", refused, extra={"path": self._endpoint.path})
            return "refused", _refusal(refused)
        except web.HTTPRequestEntityTooLarge:
            log.info("not reviewed: more than %d bytes", LIMIT, extra={"path": self._endpoint.path})
            return "refused", web.Response(status=413, text=f"more than {LIMIT} bytes\n")
        except TimeoutError:
            log.warning("let in unreviewed: no verdict in time", extra=_about(asked))
            if asked is None:
                return "late", web.Response(status=503, text="too many reviews at a time\n")
            name, verdict = "late", allow(["not reviewed: the operator is too busy; see the resource's status instead"])
        return name, web.json_response(wire.encode(asked.uid, verdict, asked.review))


async def _body(request: web.Request) -> bytes:
    if request.content_type != "application/json":
        raise wire.Refused(f"the body is {request.content_type}, not application/json")
    return await request.read()


def _refusal(refused: wire.Refused) -> web.Response:
    if refused.uid:
        return web.json_response(wire.refusal(refused))
    return web.Response(status=HTTPStatus.BAD_REQUEST, text=f"{refused}\n")


def patience(request: web.Request, deadline: float) -> float:
    """Less than the API server says that it waits, in case somebody shortened that."""
    said = re.fullmatch(r"(\d+)s", request.query.get("timeout", ""))
    return min(deadline, 0.8 * int(said[1])) if said else deadline


def _failed(review: Review, error: BaseException | None) -> Verdict:
    name = type(error).__name__
    log.error("let in unreviewed: the reviewer failed with %s\n%s", name, frames(error), extra=_about(review))
    return allow([f"not reviewed: the operator failed ({name}), see its log; this resource's status says what is wrong with it"])


def frames(error: BaseException | None) -> str:
    """Where it was raised, without its message: that may quote what people wrote, passwords too."""
    return "".join(traceback.format_tb(error.__traceback__)).rstrip() if error else ""


def _about(asked: wire.Request | Review | None) -> dict[str, str]:
    review = asked.review if isinstance(asked, wire.Request) else asked
    return {"key": str(review.key), "kind": review.kind.kind} if review else {}
