from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Awaitable, Callable
from random import Random

import pytest
from davit import metrics
from davit.errors import Blocked, Fatal, Invalid, Problem, Transient
from davit.queue import BASE_DELAY, FAIR_SHARE, MAX_DELAY, Priority, Queue, Workers
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from davit_tests import faketime

HIGH, LOW = Priority.HIGH, Priority.LOW


def queue() -> Queue[str]:
    return Queue(Random(1))


def drain(q: Queue[str], now: float) -> list[str]:
    taken = []
    while (key := q.take(now)) is not None:
        taken.append(key)
        q.done(key)
    return taken


def test_a_key_waits_once_and_in_order() -> None:
    q = queue()
    for key in ("a", "b", "a", "c", "b"):
        q.add(key, HIGH, 0.0)
    assert q.depth() == 3
    assert drain(q, 1.0) == ["a", "b", "c"]


def test_high_goes_before_low_and_raises_a_low_key() -> None:
    q = queue()
    for key in ("x", "y", "z"):
        q.add(key, LOW, 0.0)
    q.add("edit", HIGH, 1.0)
    q.add("z", HIGH, 1.0)
    q.add("edit", LOW, 2.0)
    assert drain(q, 3.0) == ["edit", "z", "x", "y"]


def test_low_is_not_starved_by_a_storm_of_edits() -> None:
    q = queue()
    q.add("resync", LOW, 0.0)
    taken = []
    for number in range(FAIR_SHARE):
        q.add(f"edit {number}", HIGH, 0.0)
        taken += [q.take(0.0)]
    assert "resync" in taken


def test_a_key_in_flight_is_given_to_no_other_worker_and_runs_again_after_done() -> None:
    q = queue()
    q.add("a", HIGH, 0.0)
    assert q.take(0.0) == "a"
    q.add("a", HIGH, 1.0)
    assert q.take(1.0) is None
    q.done("a")
    assert q.take(2.0) == "a"
    q.done("a")
    assert q.take(3.0) is None


def test_added_in_flight_keeps_the_better_priority() -> None:
    q = queue()
    q.add("a", HIGH, 0.0)
    q.take(0.0)
    q.add("a", LOW, 1.0)
    q.add("a", HIGH, 2.0)
    q.add("b", HIGH, 3.0)
    q.add("c", LOW, 0.0)
    q.done("a")
    assert drain(q, 4.0) == ["b", "a", "c"]


def test_an_appointment_is_kept_to_the_moment() -> None:
    q = queue()
    q.add_after("a", 5.0, 10.0)
    assert q.next_due() == 15.0
    assert q.take(14.9) is None
    assert q.take(15.0) == "a"
    assert q.next_due() is None


def test_the_earlier_of_two_appointments_holds() -> None:
    q = queue()
    q.add_after("a", 5.0, 0.0)
    q.add_after("a", 9.0, 0.0)
    q.add_after("a", 2.0, 0.0)
    assert q.next_due() == 2.0
    assert drain(q, 2.0) == ["a"]
    assert drain(q, 100.0) == []


def test_no_delay_means_at_once() -> None:
    q = queue()
    q.add_after("a", 0.0, 0.0, HIGH)
    assert q.take(0.0) == "a"


def test_a_pass_that_starts_drops_the_appointment() -> None:
    q = queue()
    q.add_after("a", 5.0, 0.0)
    q.add("a", HIGH, 1.0)
    assert drain(q, 1.0) == ["a"]
    assert drain(q, 100.0) == []


def test_what_follows_a_pass_keeps_its_priority() -> None:
    q = queue()
    q.add("a", HIGH, 0.0)
    q.take(0.0)
    q.add_after("a", 1.0, 0.0)
    q.done("a")
    q.add("resync", LOW, 0.0)
    assert drain(q, 2.0) == ["a", "resync"]


def test_back_off_doubles_up_to_its_limit_and_half_of_it_is_chance() -> None:
    q = queue()
    ideal = BASE_DELAY
    delays = []
    for _ in range(20):
        delay = q.retry("a", 0.0)
        assert ideal / 2 <= delay <= ideal
        delays.append(delay / ideal)
        ideal = min(ideal * 2, MAX_DELAY)
    assert ideal == MAX_DELAY
    assert len(set(delays)) > 10
    assert q.failures("a") == 20


def test_back_off_is_per_key_and_forgotten_on_success() -> None:
    q = queue()
    for _ in range(8):
        q.retry("a", 0.0)
    assert q.retry("b", 0.0) <= BASE_DELAY
    q.forget("a")
    assert q.retry("a", 0.0) <= BASE_DELAY


def test_two_queues_do_not_retry_in_step() -> None:
    first, second = Queue[str](Random(1)), Queue[str](Random(2))
    assert first.retry("a", 0.0) != second.retry("a", 0.0)


def test_ages_for_metrics() -> None:
    q = queue()
    assert q.oldest(5.0) == 0.0
    assert q.longest_flight(5.0) is None
    q.add("old", LOW, 1.0)
    q.add("new", HIGH, 4.0)
    q.add("old", HIGH, 5.0)
    assert q.oldest(6.0) == 5.0
    assert q.take(6.0) == "new"
    assert q.take(7.0) == "old"
    assert q.longest_flight(10.0) == ("new", 4.0)


def test_dropped_appointments_do_not_pile_up() -> None:
    q = queue()
    q.add_after("first", 15_000.0, 0.0)
    for number in range(10_000):
        q.add_after("a", 20_000.0, float(number))
        q.add("a", HIGH, float(number))
        drain(q, float(number))
    assert len(q._heap) < 100
    assert drain(q, 15_000.0) == ["first"]


class Model(RuleBasedStateMachine):
    """Against a naive model: who waits, who flies, who has an appointment."""

    keys = st.sampled_from("abc")

    def __init__(self) -> None:
        super().__init__()
        self.q = queue()
        self.now = 0.0
        self.waiting: set[str] = set()
        self.flying: set[str] = set()
        self.again: set[str] = set()
        self.due: dict[str, float] = {}

    @rule(key=keys, priority=st.sampled_from(Priority))
    def add(self, key: str, priority: Priority) -> None:
        self.q.add(key, priority, self.now)
        (self.again if key in self.flying else self.waiting).add(key)

    @rule(key=keys, delay=st.integers(0, 5))
    def add_after(self, key: str, delay: int) -> None:
        self.q.add_after(key, float(delay), self.now)
        if delay == 0:
            (self.again if key in self.flying else self.waiting).add(key)
        else:
            self.due[key] = min(self.due.get(key, 1e9), self.now + delay)

    @rule()
    def take(self) -> None:
        for key in [key for key, at in self.due.items() if at <= self.now]:
            del self.due[key]
            (self.again if key in self.flying else self.waiting).add(key)
        taken = self.q.take(self.now)
        if taken is None:
            assert not self.waiting
            return
        assert taken in self.waiting
        assert taken not in self.flying
        self.waiting.remove(taken)
        self.due.pop(taken, None)
        self.flying.add(taken)

    @rule(key=keys)
    def done(self, key: str) -> None:
        if key in self.flying:
            self.q.done(key)
            self.flying.remove(key)
            if key in self.again:
                self.again.remove(key)
                self.waiting.add(key)

    @rule(seconds=st.integers(1, 4))
    def wait(self, seconds: int) -> None:
        self.now += seconds

    @invariant()
    def same_depth_and_due(self) -> None:
        assert self.q.depth() == len(self.waiting)
        assert self.q.next_due() == min(self.due.values(), default=None)


TestModel = Model.TestCase
TestModel.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)

Reconcile = Callable[[str], Awaitable[float | None]]


async def work(reconcile: Reconcile, *keys: str, seconds: float, count: int = 1) -> Workers[str]:
    """Run workers on these keys for some (fake) seconds."""
    workers = Workers(queue(), reconcile, count, operator="test", clock=faketime.now)
    for key in keys:
        workers.add(key, HIGH)
    running = asyncio.create_task(workers.run())
    await asyncio.sleep(seconds)
    workers.stop()
    await running
    return workers


def passes(results: list[float | Exception | None], seconds: float) -> list[float]:
    """When the passes of one key began, given what they return or raise; the last result repeats."""
    begun: list[float] = []

    async def reconcile(_: str) -> float | None:
        result = results[min(len(begun), len(results) - 1)]
        begun.append(faketime.now() - 1000.0)
        if isinstance(result, Exception):
            raise result
        return result

    faketime.run(work(reconcile, "a", seconds=seconds))
    return begun


def test_nothing_returned_means_wait_for_an_event() -> None:
    assert passes([None], 10_000.0) == [0.0]


def test_seconds_returned_are_the_time_to_the_next_pass() -> None:
    assert passes([30.0, 0.0, 5.0, None], 100.0) == pytest.approx([0.0, 30.0, 30.0, 35.0])


def test_transient_backs_off_or_obeys_retry_after() -> None:
    first, second, *rest = passes([Transient("x"), Transient("x", retry_after=7), None], 100.0)
    assert first == 0.0
    assert BASE_DELAY / 2 <= second <= BASE_DELAY
    assert rest == pytest.approx([second + 7.0])


def test_success_ends_the_back_off() -> None:
    failures: list[float | Exception | None] = [Transient("x")] * 8
    begun = passes([*failures, 1.0, Transient("x"), None], 200.0)
    assert begun[8] - begun[7] > 10.0
    assert begun[10] - begun[9] <= BASE_DELAY


def test_blocked_comes_back_slowly_and_invalid_waits_for_an_edit() -> None:
    assert passes([Blocked("Forbidden", "no"), None], 100.0) == pytest.approx([0.0, 30.0])
    assert passes([Invalid(Problem("spec", "no"))], 10_000.0) == [0.0]


def test_an_unexpected_error_is_logged_once_with_its_traceback(caplog: pytest.LogCaptureFixture) -> None:
    counter = metrics.ERRORS.labels("ZeroDivisionError")
    before = counter._value.get()
    with caplog.at_level(logging.INFO):
        begun = passes([ZeroDivisionError("oops")] * 3 + [KeyError("other"), None], 100.0)
    assert len(begun) == 5
    assert counter._value.get() == before + 3
    shown = [(record.getMessage().split(": ", 1)[1], record.exc_info is not None) for record in caplog.records]
    oops = "ZeroDivisionError: oops"
    assert shown == [(oops, True), (oops, False), (oops, False), ("KeyError: 'other'", True)]


def test_a_key_added_during_its_pass_runs_again() -> None:
    seen: list[str] = []

    async def scenario() -> None:
        async def reconcile(key: str) -> None:
            seen.append(key)
            if len(seen) == 1:
                workers.add(key, LOW)

        workers = Workers(queue(), reconcile, 2, operator="test", clock=faketime.now)
        workers.add("a", HIGH)
        running = asyncio.create_task(workers.run())
        await asyncio.sleep(1)
        workers.stop()
        await running

    faketime.run(scenario())
    assert seen == ["a", "a"]


def test_never_two_workers_on_one_key_and_never_more_than_allowed() -> None:
    at_work: Counter[str] = Counter()
    most = 0

    async def reconcile(key: str) -> float:
        nonlocal most
        at_work[key] += 1
        most = max(most, at_work.total())
        assert at_work[key] == 1
        await asyncio.sleep(1.0)
        at_work[key] -= 1
        return 0.5

    faketime.run(work(reconcile, *"abcdef", seconds=50.0, count=3))
    assert most == 3


def test_fatal_ends_the_workers() -> None:
    async def reconcile(key: str) -> None:
        if key == "bad":
            raise Fatal("cannot go on")

    with pytest.raises(Fatal, match="cannot go on"):
        faketime.run(work(reconcile, "good", "bad", seconds=10.0))


@pytest.mark.parametrize(("takes", "finished"), [(2.0, True), (4.0, False)])
def test_a_pass_under_way_gets_some_seconds_at_the_end(takes: float, finished: bool) -> None:
    ends: list[str] = []

    async def reconcile(_: str) -> None:
        try:
            await asyncio.sleep(takes)
            ends.append("finished")
        except asyncio.CancelledError:
            ends.append("cancelled")
            raise

    async def scenario() -> float:
        workers = Workers(queue(), reconcile, 1, operator="test", clock=faketime.now)
        workers.add("a", HIGH)
        workers.add("not begun", HIGH)
        running = asyncio.create_task(workers.run(grace=3.0))
        await asyncio.sleep(0.1)
        workers.stop()
        began = faketime.now()
        await running
        return faketime.now() - began

    assert faketime.run(scenario()) <= 3.0
    assert ends == ["finished" if finished else "cancelled"]


def test_a_standby_collects_keys_and_reports_no_age() -> None:
    seen: list[str] = []

    async def scenario() -> tuple[float, int, float]:
        async def reconcile(key: str) -> None:
            seen.append(key)
            await asyncio.sleep(60.0)

        workers = Workers(queue(), reconcile, 1, operator="test", clock=faketime.now)
        workers.add("a", LOW)
        workers.add("b", LOW)
        await asyncio.sleep(3600.0)
        standby, waiting = workers.oldest(), workers.depth()
        running = asyncio.create_task(workers.run(grace=0.0))
        await asyncio.sleep(10.0)
        leading = workers.oldest()
        key, seconds = workers.longest_pass() or ("", 0.0)
        assert (key, round(seconds)) == ("a", 10)
        workers.stop()
        await running
        return standby, waiting, leading

    standby, waiting, leading = faketime.run(scenario())
    assert (standby, waiting) == (0.0, 2)
    assert leading == pytest.approx(10.0)
    assert seen == ["a"]


def test_results_and_durations_are_counted() -> None:
    def value(name: str, **labels: str) -> float:
        return metrics.REGISTRY.get_sample_value(name, {"operator": "counting", **labels}) or 0.0

    async def reconcile(key: str) -> None:
        await asyncio.sleep(2.0)
        if key == "bad":
            raise Transient("no")

    async def scenario() -> None:
        workers = Workers(queue(), reconcile, 2, operator="counting", clock=faketime.now)
        workers.add("good", HIGH)
        workers.add("bad", HIGH)
        running = asyncio.create_task(workers.run())
        await asyncio.sleep(2.05)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)

    faketime.run(scenario())
    assert value("davit_reconcile_total", result="success") == 1.0
    assert value("davit_reconcile_total", result="transient") == 1.0
    assert value("davit_reconcile_duration_seconds_sum") == pytest.approx(4.0)


@pytest.mark.parametrize("turns", range(6))
async def test_a_cancellation_that_meets_an_event_ends_the_workers(turns: int) -> None:
    """asyncio.wait_for swallowed it (bpo-37658): a leader that had lost its lease in a freeze went on working."""

    async def reconcile(key: str) -> None:
        del key

    waiting = queue()
    waiting.add_after("later", 1000.0, 0.0)
    workers = Workers(waiting, reconcile, 1, operator="test", describe=lambda key: {"key": key}, clock=lambda: 0.0)
    task = asyncio.create_task(workers.run())
    await turn(5)
    workers.add("event", HIGH)
    await turn(turns)
    task.cancel()
    ended, _ = await asyncio.wait({task}, timeout=1.0)
    assert ended


async def turn(times: int) -> None:
    """Let the event loop run what is ready, so many times."""
    for _ in range(times):
        await asyncio.sleep(0)
