"""Which resource is looked at next: a de-duplicating keyed queue, pure, and the workers that empty it.

Semantics of client-go's workqueue: a key waits at most once, a key that is added while it is being worked on runs
again afterwards, and no two workers ever have the same key.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
import logging
import time
from collections.abc import Awaitable, Callable, Hashable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from enum import IntEnum
from random import Random
from typing import Generic, TypeVar

from davit import logs, metrics
from davit.errors import Blocked, Fatal, Invalid, Transient

log = logging.getLogger(__name__)

K = TypeVar("K", bound=Hashable)

BASE_DELAY = 0.25
"""Seconds before the first retry; each further failure doubles it."""
MAX_DELAY = 300.0
"""Seconds at which the back-off stops growing."""
FAIR_SHARE = 8
"""One take in so many looks at LOW first: a storm of edits must not starve the resync."""


class Priority(IntEnum):
    """HIGH: a user's edit or a child's event. LOW: the listing at start and the resync."""

    HIGH = 0
    LOW = 1


@dataclass(slots=True)
class _Flight:
    since: float
    priority: Priority
    again: tuple[Priority, float] | None = None
    """Added meanwhile: with which priority, and when."""


@dataclass(frozen=True, slots=True)
class _Due:
    at: float
    priority: Priority


class Queue(Generic[K]):
    """The pure core: time is an argument (seconds of any monotonic clock), chance is injected."""

    def __init__(self, chance: Random) -> None:
        self._chance = chance
        self._ready: dict[Priority, dict[K, float]] = {priority: {} for priority in Priority}
        self._flying: dict[K, _Flight] = {}
        self._due: dict[K, _Due] = {}
        self._heap: list[tuple[float, int, K]] = []
        self._serial = itertools.count()
        self._failures: dict[K, int] = {}
        self._takes = 0

    def add(self, key: K, priority: Priority, now: float) -> None:
        """Want the key looked at as soon as a worker is free; a waiting LOW key is raised by a HIGH add."""
        high, low = self._ready[Priority.HIGH], self._ready[Priority.LOW]
        if flight := self._flying.get(key):
            flight.again = min(flight.again or (priority, now), (priority, now))
        elif priority is Priority.HIGH:
            high.setdefault(key, low.pop(key, now))
        elif key not in high:
            low.setdefault(key, now)

    def add_after(self, key: K, delay: float, now: float, priority: Priority | None = None) -> None:
        """Want the key looked at in `delay` seconds; of two appointments the earlier one holds.

        Without a priority the key keeps the one that it is being worked on with.
        """
        if priority is None:
            priority = self._flying[key].priority if key in self._flying else Priority.LOW
        if delay <= 0:
            return self.add(key, priority, now)
        if key not in self._due or now + delay < self._due[key].at:
            self._due[key] = _Due(now + delay, priority)
            self._compact()
            heapq.heappush(self._heap, (now + delay, next(self._serial), key))
        return None

    def take(self, now: float) -> K | None:
        """The next key, now in flight until `done`; None when nothing is ready.

        A pending appointment of the key is dropped: the pass that starts decides anew when to look again.
        """
        self._ripen(now)
        self._takes += 1
        lanes = sorted(self._ready, reverse=self._takes % FAIR_SHARE == 0)
        priority = next((priority for priority in lanes if self._ready[priority]), None)
        if priority is None:
            return None
        key = next(iter(self._ready[priority]))
        del self._ready[priority][key]
        self._due.pop(key, None)
        self._flying[key] = _Flight(now, priority)
        return key

    def done(self, key: K) -> None:
        """The worker let go of the key; if it was added meanwhile, it waits again."""
        flight = self._flying.pop(key)
        if flight.again:
            self.add(key, *flight.again)

    def retry(self, key: K, now: float) -> float:
        """Count a failure and schedule the next try; returns its delay in seconds, half of it chance."""
        count = self._failures[key] = self._failures.get(key, 0) + 1
        delay = min(MAX_DELAY, BASE_DELAY * 2.0 ** min(count - 1, 32)) * self._chance.uniform(0.5, 1.0)
        self.add_after(key, delay, now)
        return delay

    def forget(self, key: K) -> None:
        """The key succeeded: its back-off starts from the beginning again."""
        self._failures.pop(key, None)

    def failures(self, key: K) -> int:
        """How often in a row the key failed."""
        return self._failures.get(key, 0)

    def next_due(self) -> float | None:
        """When the earliest appointment falls due; None without one."""
        while self._heap and not self._valid(self._heap[0]):
            heapq.heappop(self._heap)
        return self._heap[0][0] if self._heap else None

    def depth(self) -> int:
        """How many keys wait for a worker."""
        return sum(len(lane) for lane in self._ready.values())

    def oldest(self, now: float) -> float:
        """For how many seconds the longest waiting key has waited."""
        return max((now - since for lane in self._ready.values() for since in lane.values()), default=0.0)

    def longest_flight(self, now: float) -> tuple[K, float] | None:
        """The key that a worker has had the longest, and for how many seconds."""
        flights = ((key, now - flight.since) for key, flight in self._flying.items())
        return max(flights, key=lambda pair: pair[1], default=None)

    def _ripen(self, now: float) -> None:
        while (at := self.next_due()) is not None and at <= now:
            key = heapq.heappop(self._heap)[2]
            self.add(key, self._due.pop(key).priority, at)

    def _valid(self, entry: tuple[float, int, K]) -> bool:
        due = self._due.get(entry[2])
        return due is not None and due.at == entry[0]

    def _compact(self) -> None:
        """Dropped appointments stay in the heap until they would fall due: rebuild when they are the most."""
        if len(self._heap) > 2 * len(self._due) + 64:
            self._heap = [entry for entry in self._heap if self._valid(entry)]
            heapq.heapify(self._heap)


class Workers(Generic[K]):
    """The asyncio shell: `count` workers that take keys, reconcile them, and note what is to follow."""

    def __init__(
        self,
        queue: Queue[K],
        reconcile: Callable[[K], Awaitable[float | None]],
        count: int,
        *,
        operator: str,
        describe: Callable[[K], Mapping[str, str]] = lambda key: {"key": str(key)},
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._queue = queue
        self._reconcile = reconcile
        self._count = count
        self._operator = operator
        self._describe = describe
        self._clock = clock
        self._changed = asyncio.Event()
        self._stopping = asyncio.Event()
        self._running_since: float | None = None
        self._last_error: dict[K, str] = {}

    def add(self, key: K, priority: Priority) -> None:
        """Want the key reconciled; may be called before `run`, from the event loop only."""
        self._queue.add(key, priority, self._clock())
        self._changed.set()

    async def run(self, grace: float = 3.0) -> None:
        """Work until `stop`; raises `Fatal` if a reconcile did.

        Passes under way at the end get `grace` seconds, and none when this coroutine is cancelled.
        """
        self._running_since = self._clock()
        tasks = {asyncio.create_task(self._work(), name=f"worker {number}") for number in range(self._count)}
        stop = asyncio.ensure_future(self._stopping.wait())
        try:
            await asyncio.wait((*tasks, stop), return_when=asyncio.FIRST_COMPLETED)
            self.stop()
            finished, _ = await asyncio.wait(tasks, timeout=grace)
            for task in finished:
                task.result()
        finally:
            self._running_since = None
            self.stop()
            stop.cancel()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, stop, return_exceptions=True)

    def stop(self) -> None:
        """Take no more keys; `run` returns when the passes under way end or run out of grace."""
        self._stopping.set()
        self._changed.set()

    def depth(self) -> int:
        """How many keys wait for a worker."""
        return self._queue.depth()

    def oldest(self) -> float:
        """For how many seconds a key has waited for these workers; 0 while they do not run (standby)."""
        if self._running_since is None:
            return 0.0
        now = self._clock()
        return min(self._queue.oldest(now), now - self._running_since)

    def longest_pass(self) -> tuple[K, float] | None:
        """The reconcile that has been under way the longest, and for how many seconds."""
        return self._queue.longest_flight(self._clock())

    async def _work(self) -> None:
        while (key := await self._next()) is not None:
            with logs.working_on(self._describe(key)):
                await self._attempt(key)

    async def _next(self) -> K | None:
        while not self._stopping.is_set():
            if (key := self._queue.take(self._clock())) is not None:
                return key
            self._changed.clear()
            due = self._queue.next_due()
            # Not wait_for: before Python 3.12 it swallows a cancellation that meets the event (bpo-37658), and a
            # worker that outlives its lease would act beside the new leader.
            with suppress(TimeoutError):
                async with asyncio.timeout(None if due is None else due - self._clock()):
                    await self._changed.wait()
        return None

    async def _attempt(self, key: K) -> None:
        started = self._clock()
        try:
            result = self._succeeded(key, await self._reconcile(key))
        except Fatal:
            raise
        except Exception as error:
            result = self._failed(key, error)
        finally:
            self._queue.done(key)
        metrics.RECONCILES.labels(self._operator, result).inc()
        metrics.RECONCILE_SECONDS.labels(self._operator).observe(self._clock() - started)

    def _succeeded(self, key: K, again: float | None) -> str:
        self._queue.forget(key)
        self._last_error.pop(key, None)
        if again is not None:
            self._queue.add_after(key, again, self._clock())
        return "success"

    def _failed(self, key: K, error: Exception) -> str:
        metrics.ERRORS.labels(type(error).__name__).inc()
        now = self._clock()
        match error:
            case Transient():
                log.info("again in %.1f s: %s", self._again(key, error.retry_after, now), error)
                return "transient"
            case Blocked():
                self._queue.add_after(key, error.retry_after, now)
                log.warning("blocked, again in %.0f s: %s", error.retry_after, error)
                return "blocked"
            case Invalid():
                log.warning("invalid, waiting for an edit: %s", error)
                return "invalid"
            case _:
                self._log_unexpected(key, error, self._queue.retry(key, now))
                return "error"

    def _again(self, key: K, delay: float | None, now: float) -> float:
        if delay is None:
            return self._queue.retry(key, now)
        self._queue.add_after(key, delay, now)
        return delay

    def _log_unexpected(self, key: K, error: Exception, delay: float) -> None:
        """The traceback once; a repeat of the same error is one line."""
        what = f"{type(error).__name__}: {error}"
        known = self._last_error.get(key) == what
        self._last_error[key] = what
        log.error("failed, again in %.1f s: %s", delay, what, exc_info=None if known else error)
