"""An operator's process apart from its watches: leadership, workers, resync, health, shutdown."""

from __future__ import annotations

import asyncio
import logging
import random
import signal
import time
import uuid
from collections.abc import Callable, Coroutine, Iterable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, suppress
from dataclasses import dataclass, field
from typing import Any, Protocol

from davit import metrics
from davit.errors import Blocked, Fatal, Transient
from davit.kube import crds
from davit.kube.client import Client
from davit.kube.http import Connection, path
from davit.lease import Lease
from davit.model import Key, Kind, Manifest
from davit.pulse import Pulse
from davit.queue import Priority, Queue, Workers
from davit.routing import Controller, Routes, Target, own_key
from davit.settings import Settings

log = logging.getLogger(__name__)

GRACE = 2.5
"""Seconds that passes under way get at shutdown."""
RELEASE_TIMEOUT = 1.0
"""Seconds that giving the lease back may take: the whole shutdown has five."""


@dataclass(frozen=True, slots=True)
class Timings:
    """Seconds; changed by tests only.

    server, client: when the API server and when we end a watch request; dead: a watch without any request for this
    long is dead, more than `client` and the time to connect; stuck: a pass that takes this long hangs.
    """

    server: int = 240
    client: float = 300.0
    dead: float = 360.0
    stuck: float = 600.0
    resync: float = 600.0
    discovery: float = 5.0


Controllers = Callable[[Client, Callable[[], bool]], AbstractAsyncContextManager[Sequence[Controller]]]
"""From the client and `holds_lease` to the controllers; what they need is closed when the context ends."""


@dataclass(frozen=True, slots=True)
class Runtime:
    """One operator: `name` is its field manager and its lease; `crds` makes the CRDs that it keeps current."""

    name: str
    version: str
    controllers: Controllers
    crds: Callable[[], Iterable[Manifest]] = field(default=tuple)


class Cluster(Client, Protocol):
    """What the process asks of the API server beside the Client: the adapter has it."""

    async def keys(self, kind: Kind, namespace: str | None) -> set[Key]:
        """The keys of all objects; None means all namespaces."""

    async def serves(self, kind: Kind) -> bool:
        """Whether the API server knows the kind."""


class Source(Protocol):
    """Where events come from: `davit.runtime` does it with kopf."""

    async def watch(self, kinds: Iterable[Kind]) -> None:
        """Tell `Process.seen` of events until cancelled; raises when that is no longer possible."""


class Process:
    """The parts, and how they live together."""

    def __init__(
        self,
        runtime: Runtime,
        settings: Settings,
        timings: Timings,
        *,
        client: Cluster,
        lease: Lease,
        controllers: Sequence[Controller],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.runtime = runtime
        self.settings = settings
        self.timings = timings
        self.routes = Routes(controllers)
        self.pulse = Pulse(clock)
        self._cluster = client
        self._lease = lease
        self._unserved: set[Kind] = self.routes.required
        self._reconcilers = {controller.kind: controller.reconcile for controller in controllers}
        self._loop = asyncio.get_running_loop()
        self._clock = clock
        self.workers: Workers[Target] = Workers(
            Queue(random.Random()),  # noqa: S311 # jitter
            lambda target: self._reconcilers[target.kind](target.key),
            settings.workers,
            operator=runtime.name,
            describe=lambda target: {"key": str(target.key), "kind": target.kind.kind},
            clock=clock,
        )

    async def main(self, source: Source, stop: asyncio.Event) -> None:
        """Live until `stop` is set; raises `Fatal` when the lease is lost."""
        lead, watch = asyncio.create_task(self._lead()), asyncio.create_task(self._watch(source))
        try:
            await first(stop.wait(), asyncio.shield(lead), asyncio.shield(watch))
            log.info("stopping")
        finally:
            watch.cancel()
            self.workers.stop()
            if self._lease.held():
                await asyncio.wait({lead}, timeout=GRACE + 0.5)
            lead.cancel()
            await asyncio.gather(lead, watch, return_exceptions=True)
            with suppress(TimeoutError):
                async with asyncio.timeout(RELEASE_TIMEOUT):
                    await self._lease.release()

    def seen(self, kind: Kind, change: str | None, manifest: Manifest) -> None:
        """Note an event, `change` None in a listing; called from any thread, for the source has its own."""
        priority = Priority.LOW if change is None else Priority.HIGH
        found = list(self.routes.targets(kind, manifest))
        gone = change == "DELETED" and kind in self._reconcilers
        with suppress(RuntimeError):  # our loop is closed: the process ends
            self._loop.call_soon_threadsafe(self._note, found, priority)
            if gone:
                self._loop.call_soon_threadsafe(metrics.resource_gone, kind.kind, own_key(manifest))

    def problems(self) -> str | None:
        """For the liveness probe: what only a new process can mend."""
        longest = self.workers.longest_pass()
        stuck = longest is not None and longest[1] > self.timings.stuck
        hanging = f"the pass for {longest[0]} has been under way for {longest[1]:.0f} s" if stuck and longest else None
        return "\n".join(filter(None, (self.pulse.dead(self.timings.dead), hanging))) or None

    def unready(self) -> str | None:
        """For the readiness probe: what is waited for. A standby is ready as soon as it sees everything."""
        waiting = (f"{kind.plural}.{kind.group} is not served: is its CRD there?" for kind in self._unserved)
        return "\n".join(filter(None, (*sorted(waiting), self.pulse.pending()))) or None

    def _note(self, found: Iterable[Target], priority: Priority) -> None:
        for target in found:
            self.workers.add(target, priority)

    async def _lead(self) -> None:
        await self._lease.acquire()
        metrics.LEADER.set(1)
        try:
            await first(self._lease.hold(), self.workers.run(GRACE), self._resync())
        finally:
            metrics.LEADER.set(0)

    async def _resync(self) -> None:
        """Look at everything now and then, whatever the watches said."""
        while True:
            await asyncio.sleep(self.timings.resync * random.uniform(0.9, 1.1))  # noqa: S311 # jitter
            for kind in self._reconcilers:
                try:
                    await self._resync_kind(kind)
                except (Transient, Blocked) as error:
                    log.warning("no resync of %s: %s", kind.plural, error)

    async def _resync_kind(self, kind: Kind) -> None:
        keys = {key for place in self._places(kind) for key in await self._cluster.keys(kind, place)}
        metrics.resources_left(kind.kind, keys)
        self._note((Target(kind, key) for key in keys), Priority.LOW)

    async def _watch(self, source: Source) -> None:
        """Keep all served kinds watched; a kind that comes or goes begins all watches anew."""
        await self._maintain_crds()
        delay = 1.0
        while True:
            served = await self._served()
            self.pulse.expect(dict(self._streams(served)))
            began = self._clock()
            try:
                await first(source.watch(served), self._changed(served))
                log.info("a kind came or went, the watches begin anew")
            except Exception as error:
                delay = min(delay * 2, 30.0) if self._clock() - began < 60.0 else 1.0
                log.warning("the watches ended and begin anew in %.0f s: %s", delay, error.__cause__ or error)
                await asyncio.sleep(delay)
            metrics.WATCH_RESTARTS.inc()

    async def _maintain_crds(self) -> None:
        while self.settings.maintain_crds:
            try:
                return await crds.maintain(self._cluster, self.runtime.crds(), self.runtime.version)
            except Transient as error:
                log.warning("the CRDs are not checked yet: %s", error)
                await asyncio.sleep(self.timings.discovery)

    async def _served(self) -> set[Kind]:
        """The kinds of the watch table that the API server knows; waits for the first of them."""
        while True:
            try:
                served = {kind for kind in self.routes.kinds() if await self._cluster.serves(kind)}
                self._unserved = self.routes.required - served
                if served:
                    return served
            except (Transient, Blocked) as error:
                log.warning("the kinds to watch are not known yet: %s", error)
            await asyncio.sleep(self.timings.discovery)

    async def _changed(self, served: set[Kind]) -> None:
        """Return when a kind came or went: CRDs may be installed, and removed, at any time.

        A watch of a kind that is gone ends only after minutes of silence, so it is looked for too, less often.
        """
        missing = self.routes.kinds() - served
        if missing:
            log.info("waiting for CRDs: %s", ", ".join(sorted(kind.plural for kind in missing)))
        custom = {kind for kind in served if "." in kind.group and not kind.group.endswith(".k8s.io")}
        while True:
            await asyncio.sleep(self.timings.discovery * (1 if missing else 6))
            with suppress(Transient, Blocked):
                if any([await self._cluster.serves(kind) != (kind in served) for kind in missing | custom]):
                    return

    def _places(self, kind: Kind) -> Sequence[str | None]:
        return self.settings.namespaces or (None,) if kind.namespaced else (None,)

    def _streams(self, kinds: Iterable[Kind]) -> Iterator[tuple[str, str]]:
        for kind in kinds:
            for place in self._places(kind):
                where = f"namespace {place}" if place else "all namespaces"
                yield path(kind, Key(place or "", "")), f"{kind.plural} in {where}"


async def first(*work: Coroutine[Any, Any, Any] | asyncio.Future[Any]) -> None:
    """Wait until one of them ends, cancel the others, and raise what the ended one raised."""
    tasks = [asyncio.ensure_future(one) for one in work]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    for task in done:
        task.result()


Sources = Callable[[Process, Connection], Source]


async def serve(runtime: Runtime, settings: Settings, timings: Timings, sources: Sources) -> int:
    """Run an operator until SIGTERM or SIGINT; returns the exit code, 1 when it cannot go on."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    try:
        async with AsyncExitStack() as stack:
            connection = Connection.load(settings.kubeconfig)
            process = await _assemble(stack, runtime, settings, timings, connection)
            await process.main(sources(process, connection), stop)
    except Fatal as error:
        log.error("ending: %s", error)
        return 1
    except Exception:
        log.exception("ending on an unexpected error")
        return 1
    log.info("stopped")
    return 0


async def _assemble(
    stack: AsyncExitStack, runtime: Runtime, settings: Settings, timings: Timings, connection: Connection
) -> Process:
    client = connection.client(runtime.name, runtime.version, settings.pod)
    stack.push_async_callback(client.close)
    # A restarted container has its pod's name, but is another process: it must not take the lease for its own.
    identity = f"{settings.pod or runtime.name}_{uuid.uuid4()}"
    home = settings.namespace or connection.namespace
    lease = Lease(client, settings.lease or runtime.name, home, identity)
    controllers = await stack.enter_async_context(runtime.controllers(client, lease.held))
    process = Process(runtime, settings, timings, client=client, lease=lease, controllers=controllers)
    metrics.BUILD_INFO.labels(runtime.version).set(1)
    metrics.QUEUE_DEPTH.set_function(process.workers.depth)
    metrics.QUEUE_OLDEST.set_function(process.workers.oldest)
    server = await metrics.serve(settings.port, [process.problems], [process.unready])
    stack.push_async_callback(server.cleanup)
    return process
