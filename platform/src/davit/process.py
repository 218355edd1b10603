"""An operator's process apart from its watches: leadership, workers, resync, health, shutdown."""

from __future__ import annotations

import asyncio
import logging
import random
import signal
import time
import uuid
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, suppress
from dataclasses import dataclass, field
from typing import Any, Protocol

from davit import metrics
from davit.cache import Cache
from davit.errors import Blocked, Fatal, Transient
from davit.kube import crds
from davit.kube.client import Client
from davit.kube.http import Connection, KubeClient, path
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


@dataclass(frozen=True, slots=True)
class Host:
    """What a process offers to its operator.

    holds_lease: asked before every write; home: the operator's own namespace; wake: have a resource of a main kind
    looked at, after what users wait for.
    """

    client: KubeClient
    holds_lease: Callable[[], bool]
    home: str
    settings: Settings
    wake: Callable[[Kind, Key], None] = lambda kind, key: None


Controllers = Callable[[Host], AbstractAsyncContextManager[Sequence[Controller]]]
"""What the controllers need is closed when the context ends."""


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

    def each(self, kind: Kind, namespace: str | None, *, names: bool = False) -> AsyncIterator[Manifest]:
        """All objects, with `names` without their content."""

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
        self._caches: tuple[Cache, ...] = tuple({id(c.cache): c.cache for c in controllers if c.cache is not None}.values())
        for cache in self._caches:
            cache.vanished = self._vanished
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
        with suppress(RuntimeError):  # our loop is closed: the process ends
            self._loop.call_soon_threadsafe(self._take_in, kind, change, manifest)

    def relisted(self, path: str) -> None:
        """The watch at this URL path has listed anew; called from any thread."""
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._relisted, path)

    def wake(self, kind: Kind, key: Key) -> None:
        """Have a resource looked at when no edit waits; called in our loop."""
        self.workers.add(Target(kind, key), Priority.LOW)

    def problems(self) -> str | None:
        """For the liveness probe: what only a new process can mend."""
        longest = self.workers.longest_pass()
        stuck = longest is not None and longest[1] > self.timings.stuck
        hanging = f"the pass for {longest[0]} has been under way for {longest[1]:.0f} s" if stuck and longest else None
        return "\n".join(filter(None, (self.pulse.dead(self.timings.dead), hanging))) or None

    def unready(self) -> str | None:
        """For the readiness probe: what is waited for. A standby is ready as soon as it sees everything."""
        waiting = (f"{kind.plural}.{kind.group} is not served: is its CRD there?" for kind in self._unserved)
        unlisted = (line for cache in self._caches for line in cache.missing)
        return "\n".join(filter(None, (*sorted(waiting), self.pulse.pending(), *unlisted))) or None

    def _take_in(self, kind: Kind, change: str | None, manifest: Manifest) -> None:
        """Caches first: the watch tables may ask them."""
        for cache in self._caches:
            if kind in cache.kinds:
                cache.note(kind, change, manifest)
        if change == "DELETED":
            self._vanished(kind, manifest)
        else:
            self._note(self.routes.targets(kind, manifest), Priority.LOW if change is None else Priority.HIGH)

    def _vanished(self, kind: Kind, manifest: Manifest) -> None:
        self._note(self.routes.targets(kind, manifest), Priority.HIGH)
        if kind in self._reconcilers:
            metrics.resource_gone(kind.kind, own_key(manifest))

    def _relisted(self, where: str) -> None:
        for cache in self._caches:
            for kind in cache.kinds:
                if where in self.paths(kind):
                    cache.relisted(kind)

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
        tried = asyncio.Event()
        caches = [cache.keep(self._cluster, self.settings.namespaces or (None,)) for cache in self._caches]
        await first(self._keep_crds(tried), self._keep_watching(source, tried), *caches)

    async def _keep_watching(self, source: Source, tried: asyncio.Event) -> None:
        """Keep all served kinds watched; a kind that comes or goes begins all watches anew."""
        await tried.wait()
        delay = 1.0
        while True:
            served = await self._served()
            self.pulse.expect(dict(self._streams(served)))
            for cache in self._caches:
                cache.expect(served)
            began = self._clock()
            try:
                await first(source.watch(served), self._changed(served))
                log.info("a kind came or went, the watches begin anew")
            except Exception as error:
                delay = min(delay * 2, 30.0) if self._clock() - began < 60.0 else 1.0
                log.warning("the watches ended and begin anew in %.0f s: %s", delay, error.__cause__ or error)
                await asyncio.sleep(delay)
            metrics.WATCH_RESTARTS.inc()

    async def _keep_crds(self, tried: asyncio.Event) -> None:
        """Bring the CRDs up to date, again and again until the API server takes them; never returns.

        `tried` is set after the first answer, whatever it was: where an older CRD is served, it will do.
        """
        left = tuple(self.runtime.crds()) if self.settings.maintain_crds else ()
        delay, said = self.timings.discovery, set[str]()
        while left:
            pause = self.timings.discovery
            try:
                refused = await crds.maintain(self._cluster, left, self.runtime.version)
            except Transient as error:
                log.warning("the CRDs are not checked yet: %s", error)
            else:
                for why in {refusal.why for refusal in refused} - said:
                    log.warning("%s", why)
                left, said = tuple(refusal.crd for refusal in refused), {refusal.why for refusal in refused}
                pause, delay = delay, min(delay * 2, self.timings.resync)
            tried.set()
            if left:
                await asyncio.sleep(pause)
        tried.set()
        await asyncio.Event().wait()

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

    def paths(self, kind: Kind) -> list[str]:
        """The URL paths under which a kind is watched."""
        return [path(kind, Key(place or "", "")) for place in self._places(kind)]

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


def identity(name: str, settings: Settings) -> tuple[str, str]:
    """The holder's name on the lease, never used twice, and how those of all processes of this very pod begin."""
    pod = settings.pod or name
    own = f"{pod}_{settings.pod_uid}_" if settings.pod_uid else ""
    return f"{own or f'{pod}_'}{uuid.uuid4()}", own


async def _assemble(
    stack: AsyncExitStack, runtime: Runtime, settings: Settings, timings: Timings, connection: Connection
) -> Process:
    client = connection.client(runtime.name, runtime.version, settings.pod)
    stack.push_async_callback(client.close)
    home = settings.namespace or connection.namespace
    name, own = identity(runtime.name, settings)
    lease = Lease(client, settings.lease or runtime.name, home, name, own=own)
    woken: list[Process] = []
    host = Host(client, lease.held, home, settings, lambda kind, key: woken[0].wake(kind, key))
    controllers = await stack.enter_async_context(runtime.controllers(host))
    process = Process(runtime, settings, timings, client=client, lease=lease, controllers=controllers)
    woken.append(process)
    metrics.BUILD_INFO.labels(runtime.version).set(1)
    metrics.QUEUE_DEPTH.set_function(process.workers.depth)
    metrics.QUEUE_OLDEST.set_function(process.workers.oldest)
    # Before the lease: the port keeps a second process of the same pod (`kubectl exec`) from taking it from the first.
    server = await metrics.serve(settings.port, [process.problems], [process.unready])
    stack.push_async_callback(server.cleanup)
    return process
