"""`run` an operator, with kopf as its eyes. The only module that imports kopf.

kopf watches, and nothing else: its handlers tell `Process.seen`. No timers, daemons, change handlers or patches: they
would add finalizers and annotations to users' objects (field-notes/style.md 2.2 has the threads).
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import gc
import logging
import os
import sys
import threading
from asyncio.sslproto import SSLProtocol
from collections.abc import Iterable, Iterator, Mapping
from contextlib import AsyncExitStack, suppress
from typing import Any, NoReturn
from urllib.parse import urlsplit

import aiohttp
import kopf
from kopf._core.engines.peering import Identity

from davit import logs, metrics
from davit.kube.http import Connection
from davit.model import Kind
from davit.process import Host, Process, Runtime, Timings, serve
from davit.routing import Controller
from davit.settings import Settings

__all__ = ["Controller", "Host", "Runtime", "Settings", "Timings", "run"]

log = logging.getLogger(__name__)

PAGE = 100
"""Objects per listing request: at 500 a start with 2000 config maps takes 4 MB more."""
_METADATA = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1"
_METADATA_LIST = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
TLS_BUFFER = 1 << 15
"""Bytes that each TLS connection may read at once, two records. asyncio takes 256 KiB, which an operator would hold for each kind
that it watches and each connection to the API server beside: 7 MB."""
STOP_TIMEOUT = 2.0
"""Seconds that kopf gets to end; after that its thread is left to die with the process."""


def run(runtime: Runtime, settings: Settings | None = None, timings: Timings | None = None) -> NoReturn:
    """The console script of an operator: flags and environment in, exit code out (0 after SIGTERM).

    Reads `sys.argv` and the environment unless settings are given; logs JSON lines to standard error.
    """
    settings = settings or Settings.parse(sys.argv[1:], os.environ, runtime.name)
    logs.setup(settings.log_level)
    SSLProtocol.max_size = TLS_BUFFER
    # What was imported stays: it need not be looked through in each collection.
    gc.freeze()
    log.info("starting", extra={"operator": runtime.name, "version": runtime.version})
    sys.exit(asyncio.run(serve(runtime, settings, timings or Timings(), KopfSource)))


class KopfSource:
    """Watches with `kopf.operator`, in a thread and event loop of its own.

    Its own, because kopf, when it ends, cancels every task that is younger than it, ours too (running.py,
    run_tasks), and because in the main thread it takes over the signals.
    """

    def __init__(self, process: Process, connection: Connection) -> None:
        self._process = process
        self._connection = connection
        self._names_only: set[str] = set()
        self._listed: set[str] = set()

    async def watch(self, kinds: Iterable[Kind]) -> None:
        """See `Source`."""
        loop = asyncio.new_event_loop()
        work = loop.create_task(self._operate(list(kinds)))
        ended: concurrent.futures.Future[None] = concurrent.futures.Future()
        # A daemon: a kopf that hangs must not keep the process from ending.
        threading.Thread(target=_run, args=(loop, work, ended), name="kopf", daemon=True).start()
        outcome = asyncio.wrap_future(ended)
        try:
            await asyncio.wait({outcome})
        finally:
            with suppress(RuntimeError):  # its loop is closed: it ended a moment ago
                loop.call_soon_threadsafe(work.cancel)
            await asyncio.wait({outcome}, timeout=STOP_TIMEOUT)
            error = outcome.exception() if outcome.done() else None
        raise RuntimeError("kopf ended") from error

    async def _operate(self, kinds: list[Kind]) -> None:
        """Run kopf until cancelled: with a stop flag it would take 5 s to end on an error (running.py, run_tasks)."""
        registry = kopf.OperatorRegistry()
        self._names_only = {
            path for kind in kinds if self._process.routes.metadata_only(kind) for path in self._process.paths(kind)
        }
        for kind in kinds:
            kopf.on.event(
                group=kind.group,
                version=kind.version,
                plural=kind.plural,
                id=f"{kind.plural}.{kind.api_version}",
                registry=registry,
            )(self._handler(kind))
        namespaces = self._process.settings.namespaces
        async with AsyncExitStack() as sessions:
            # The last to happen: TLS connections take some turns of the loop to close (aiohttp, "Graceful Shutdown").
            sessions.push_async_callback(asyncio.sleep, 0.1)
            kopf.on.login(registry=registry, id="davit")(self._login(sessions))
            await kopf.operator(
                registry=registry,
                settings=self._settings(kinds),
                standalone=True,
                # Peering is off; without an identity kopf asks for the user's name, which a numeric user has not.
                identity=Identity("davit"),
                clusterwide=not namespaces,
                namespaces=namespaces or (),
            )

    def _settings(self, kinds: Iterable[Kind]) -> kopf.OperatorSettings:
        settings = kopf.OperatorSettings()
        settings.watching.server_timeout = self._process.timings.server
        settings.watching.client_timeout = self._process.timings.client
        settings.watching.connect_timeout = 10.0
        settings.watching.chunk_size = PAGE
        settings.networking.request_timeout = 30.0
        settings.networking.connect_timeout = 10.0
        settings.networking.error_backoffs = _Forever()
        # `Process` looks for CRDs itself, which needs no rights on CRDs and namespaces.
        settings.scanning.disabled = True
        settings.posting.enabled = False
        # kopf keeps a task and the last event per object for this long; ours only hand on, and at start all come.
        settings.queueing.idle_timeout = 0.01
        settings.process.ultimate_exiting_timeout = None
        # kopf takes its finalizer off objects that it has no use for, even if another kopf operator set it.
        settings.persistence.finalizer = "davit.dev/never-set"
        settings.persistence.diffbase_storage = _NoDiffBase()
        for kind in kinds:
            if selector := self._process.routes.selector(kind):
                settings.watching.label_selectors[kind.group, kind.version, kind.plural] = selector
        return settings

    def _handler(self, kind: Kind) -> Any:
        async def handle(event: Mapping[str, Any], **_: object) -> None:
            self._process.seen(kind, event["type"], event["object"])

        return handle

    def _login(self, sessions: AsyncExitStack) -> Any:
        async def log_in(**_: object) -> kopf.AiohttpSession:
            user_agent = f"{self._process.runtime.name}/{self._process.runtime.version}"
            session = self._connection.session(user_agent, self._request)
            # kopf closes it too, but not when it is cancelled.
            await sessions.enter_async_context(session)
            return kopf.AiohttpSession(server=self._connection.server, aiohttp_session=session)

        return log_in

    async def _request(self, request: aiohttp.ClientRequest, send: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
        """Count each request, and feel the pulse."""
        path = request.url.path.removeprefix(urlsplit(self._connection.server).path.rstrip("/"))
        watching = request.url.query.get("watch") == "true"
        self._process.pulse.sent(path)
        if path in self._names_only:
            request.headers["Accept"] = _METADATA if watching else _METADATA_LIST
        response = await send(request)
        metrics.KUBE_REQUESTS.labels("watch" if watching else "list", str(response.status)).inc()
        if not watching:
            self._listed.add(path)
        if watching and response.ok:
            self._process.pulse.established(path)
            if path in self._listed:
                self._listed.discard(path)
                self._process.relisted(path)
        return response


def _run(loop: asyncio.AbstractEventLoop, work: asyncio.Task[None], ended: concurrent.futures.Future[None]) -> None:
    loop.set_exception_handler(_complain)
    try:
        with asyncio.Runner(loop_factory=lambda: loop) as runner:
            runner.run(_join(work))
    except BaseException as error:
        ended.set_exception(error)
    else:
        ended.set_result(None)


def _complain(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """kopf's endless watch may still be running when the loop of a cancelled kopf closes its generators."""
    if "asyncgen" in context:
        log.info("a watch was cut off at the end: %s", context.get("exception"))
    else:
        loop.default_exception_handler(context)


async def _join(work: asyncio.Task[None]) -> None:
    await work


class _Forever:
    """Retry delays without an end: an operator that gives up watching is of no use, and crash loops are slower."""

    def __iter__(self) -> Iterator[float]:
        yield from (0.5, 1.0, 2.0)
        while True:
            yield 5.0


class _NoDiffBase(kopf.DiffBaseStorage):
    """kopf copies each object to compare it with what its annotation says; we need neither."""

    def build(self, **_: object) -> kopf.BodyEssence:
        return kopf.BodyEssence({})

    def fetch(self, **_: object) -> None:
        return None

    def store(self, **_: object) -> None:
        return None
