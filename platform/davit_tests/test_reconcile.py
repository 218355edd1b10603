from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from davit.errors import Blocked, DavitError, Fatal, Invalid, Problem, Rejected, Transient
from davit.kube.kinds import CONFIG_MAP
from davit.model import Action, Key, Kind, Manifest, Notice, Outcome, Plan
from davit.reconcile import Reconciler
from davit.testing.builders import resource
from davit.testing.fake_client import Crash, FakeClient

from davit_tests import faketime

KIND = Kind("example.org", "v1", "Example", "examples")
KEY = Key("ns", "c")


@dataclass(frozen=True)
class Do:
    destructive: bool = False
    reason: str = "Doing"
    message: str = "doing it"


@dataclass(frozen=True)
class Seen:
    number: int
    children: tuple[Manifest, ...] = ()


def config(name: str) -> Manifest:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": "ns"}, "data": {"a": "b"}}


@dataclass
class Example:
    """An operator whose rooms are what the test says; `log` is the order in which they were used."""

    client: FakeClient
    plans: list[Plan] = field(default_factory=list)
    errors: dict[str, Exception] = field(default_factory=dict)
    between: Callable[[], None] = lambda: None
    log: list[str] = field(default_factory=list)
    name: str = "davit-test"
    kind: Kind = KIND
    looks: int = 0

    def _room(self, name: str) -> None:
        self.log.append(name)
        if name in self.errors:
            raise self.errors[name]

    def validate(self, resource: Manifest) -> str:
        self._room("validate")
        return str(resource["spec"].get("text", "domain"))

    async def observe(self, domain: str, resource: Manifest) -> Seen:
        self._room("observe")
        self.looks += 1
        if self.looks == 2:
            self.between()
        return Seen(self.looks, tuple(await self.client.list(CONFIG_MAP, "ns")))

    def plan(self, domain: str, snapshot: Seen, now: float) -> Plan:
        self._room("plan")
        return self.plans.pop(0) if len(self.plans) > 1 else self.plans[0]

    async def execute(self, action: Action, domain: str, snapshot: Seen) -> None:
        self._room(f"execute {snapshot.number}")

    def status(self, resource: Manifest, outcome: Outcome[str, Seen], now: float) -> dict[str, Any]:
        said = type(outcome.error).__name__ if outcome.error else "fine"
        return {"said": said, "at": now, "domain": outcome.domain}


class Stage:
    def __init__(self, *plans: Plan, lease: Callable[[], bool] = lambda: True, **more: Any) -> None:
        self.client = FakeClient("davit-test")
        self.client.put(KIND, resource(KIND, **more))
        self.operator = Example(self.client, list(plans) or [Plan()])
        self.run = Reconciler(self.operator, self.client, lease, lambda: 1.0)

    @property
    def live(self) -> Manifest:
        return self.client.objects[KIND, KEY]

    @property
    def executed(self) -> bool:
        return any(entry.startswith("execute") for entry in self.operator.log)


async def test_the_order_of_the_rooms() -> None:
    plan = Plan(
        (config("a"), config("b")), (Do(),), intent={"said": "soon"}, notices=(Notice("N", "n", True),), requeue_after=7.0
    )
    stage = Stage(plan)
    assert await stage.run(KEY) == 7.0
    assert stage.operator.log == ["validate", "observe", "plan", "execute 1"]
    assert [(w.verb, w.name) for w in stage.client.writes] == [
        ("apply/status", "c"),
        ("apply", "a"),
        ("apply", "b"),
        ("apply/status", "c"),
    ]
    assert stage.client.events == [Notice("N", "n", True), Notice("Doing", "doing it")]
    assert stage.live["status"] == {"said": "fine", "at": 1.0, "domain": "domain"}


async def test_a_second_pass_writes_nothing() -> None:
    stage = Stage(Plan((config("a"),)))
    await stage.run(KEY)
    del stage.client.writes[:]
    await stage.run(KEY)
    assert stage.client.writes == []


@pytest.mark.parametrize("gone", [True, False])
async def test_what_is_gone_or_going_is_left_alone(gone: bool) -> None:
    stage = Stage(deletionTimestamp="2026-01-01T00:00:00Z")
    if gone:
        stage.client.remove(KIND, KEY)
    assert await stage.run(KEY) is None
    assert stage.operator.log == []


async def test_intent_is_kept_when_the_process_dies_before_the_first_manifest() -> None:
    stage = Stage(Plan((config("a"),), intent={"members": ["a"]}), status={"said": "old"})
    stage.client.fail_write(2, before=True)
    with pytest.raises(Crash):
        await stage.run(KEY)
    assert stage.live["status"] == {"said": "old", "members": ["a"]}
    assert (CONFIG_MAP, Key("ns", "a")) not in stage.client.objects


async def test_no_manifest_is_applied_where_the_intent_can_not_be_written() -> None:
    stage = Stage(Plan((config("a"),), intent={"members": ["a"]}))
    stage.client.fail_write(1, before=True, error=Transient("down"))
    with pytest.raises(Transient):
        await stage.run(KEY)
    assert (CONFIG_MAP, Key("ns", "a")) not in stage.client.objects


async def test_nothing_is_done_where_manifests_fail() -> None:
    stage = Stage(Plan((config("a"),), (Do(),)))
    stage.client.fail_write(1, before=True, error=Rejected("no"))
    assert await stage.run(KEY) == 60.0
    assert not stage.executed
    assert stage.live["status"]["said"] == "Rejected"


@pytest.mark.parametrize("refused", [2, 3])
async def test_files_are_loaded_whatever_else_is_refused(refused: int) -> None:
    """A manifest, or what is asked of the API server by an action."""
    stage = Stage(Plan((config("b"),), (Do(message="risky"),), files=(config("a"),), load=Do(message="load")))
    done: list[str] = []

    async def execute(action: Action, domain: str, snapshot: Seen) -> None:
        done.append(action.message)
        if action.message == "risky" and refused == 3:
            raise Rejected("no")

    stage.operator.execute = execute  # type: ignore[method-assign]
    if refused == 2:
        stage.client.fail_write(2, before=True, error=Rejected("no"))
    assert await stage.run(KEY) == 60.0
    assert done == (["load"] if refused == 2 else ["risky", "load"])
    assert stage.live["status"]["said"] == "Rejected"


@pytest.mark.parametrize("error", [Blocked("ReloadRefused", "the process says no"), Transient("the process is away")])
async def test_what_was_refused_is_said_where_loading_fails_too(error: Exception) -> None:
    stage = Stage(Plan((config("b"),), files=(config("a"),), load=Do()))
    stage.operator.errors["execute 1"] = error
    stage.client.fail_write(2, before=True, error=Rejected("no"))
    assert await stage.run(KEY) == 60.0
    assert stage.live["status"]["said"] == "Rejected"


@pytest.mark.parametrize("error", [None, Transient("conflict")])
def test_the_status_is_written_while_loading_takes_long(error: Exception | None) -> None:
    stage = Stage(Plan(files=(config("a"),), load=Do()))
    said: list[str] = []

    async def execute(action: Action, domain: str, snapshot: Seen) -> None:
        await asyncio.sleep(60)
        said.append(stage.live.get("status", {}).get("said", ""))

    stage.operator.execute = execute  # type: ignore[method-assign]
    if error is not None:
        stage.client.fail_write(2, before=True, error=error)
    faketime.run(stage.run(KEY))
    assert said == ["fine" if error is None else ""]
    assert stage.live["status"]["said"] == "fine"


async def test_loading_ends_with_the_pass() -> None:
    stage = Stage(Plan(files=(config("a"),), load=Do()))
    began, ended = asyncio.Event(), asyncio.Event()

    async def execute(action: Action, domain: str, snapshot: Seen) -> None:
        began.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    stage.operator.execute = execute  # type: ignore[method-assign]
    run = asyncio.ensure_future(stage.run(KEY))
    await began.wait()
    run.cancel()
    await asyncio.gather(run, return_exceptions=True)
    assert ended.is_set()


@pytest.mark.parametrize("error", [Rejected("no"), Transient("down")])
async def test_files_that_are_not_written_are_not_loaded(error: Exception) -> None:
    stage = Stage(Plan((config("b"),), files=(config("a"),), load=Do()))
    stage.client.fail_write(1, before=True, error=error)
    with contextlib.suppress(Transient):
        await stage.run(KEY)
    assert not stage.executed
    assert (CONFIG_MAP, Key("ns", "b")) not in stage.client.objects


async def test_files_are_wanted_and_not_pruned() -> None:
    stage = Stage(Plan((config("b"),), files=(config("a"),), prune=(CONFIG_MAP,)))
    await stage.run(KEY)
    await stage.run(KEY)
    assert {key.name for kind, key in stage.client.objects if kind == CONFIG_MAP} == {"a", "b"}


# --- the gate --------------------------------------------------------------------------------------------------------

HARSH = Plan(actions=(Do(destructive=True),))


async def test_a_destructive_action_is_done_by_the_second_look() -> None:
    stage = Stage(HARSH)
    await stage.run(KEY)
    assert stage.operator.log == ["validate", "observe", "plan", "validate", "observe", "plan", "execute 2"]


async def test_others_need_no_second_look() -> None:
    stage = Stage(Plan(actions=(Do(),)))
    await stage.run(KEY)
    assert stage.operator.log[-1] == "execute 1"


@pytest.mark.parametrize("second", [Plan(), Plan(actions=(Do(destructive=True, message="other"),)), Plan(actions=(Do(),))])
async def test_a_second_look_that_says_otherwise_stops_it(second: Plan) -> None:
    stage = Stage(HARSH, second)
    with pytest.raises(Transient, match="no longer called for") as caught:
        await stage.run(KEY)
    assert caught.value.retry_after == 1.0
    assert not stage.executed
    assert stage.client.events == []
    assert stage.live["status"]["said"] == "Transient"


async def test_a_second_look_that_fails_stops_it() -> None:
    stage = Stage(HARSH)

    def fail() -> None:
        raise Transient("unreachable")

    stage.operator.between = fail
    with pytest.raises(Transient, match="unreachable"):
        await stage.run(KEY)
    assert not stage.executed


@pytest.mark.parametrize(
    ("name", "value"), [("uid", "successor"), ("generation", 2), ("deletionTimestamp", "2026-01-01T00:00:00Z")]
)
async def test_a_resource_that_changed_stops_it(name: str, value: Any) -> None:
    stage = Stage(Plan((config("a"),), HARSH.actions))
    apply = stage.client.apply

    async def meddle(kind: Kind, manifest: Manifest, *, subresource: str = "", manager: str = "") -> Manifest:
        stage.live["metadata"][name] = value
        stage.client.apply = apply  # type: ignore[method-assign]
        return await apply(kind, manifest, subresource=subresource, manager=manager)

    stage.client.apply = meddle  # type: ignore[method-assign]
    with pytest.raises(Transient) as caught:
        await stage.run(KEY)
    assert "changed meanwhile" in str(caught.value) or name == "uid"
    assert not stage.executed


async def test_a_deleted_resource_stops_it() -> None:
    stage = Stage(HARSH)
    get, gets = stage.client.get, []

    async def vanish(kind: Kind, key: Key) -> Manifest | None:
        gets.append(key)
        return await get(kind, key) if len(gets) == 1 else None

    stage.client.get = vanish  # type: ignore[method-assign]
    with pytest.raises(Transient, match="changed meanwhile"):
        await stage.run(KEY)
    assert not stage.executed


@pytest.mark.parametrize(("asked", "written"), [(1, 0), (2, 0), (3, 1), (4, 1)])
async def test_a_lost_lease_stops_a_pass_before_its_next_write(asked: int, written: int) -> None:
    """Asked at the beginning, before the manifests, before the action and before the status."""
    answers = iter([True] * (asked - 1))
    stage = Stage(Plan((config("a"),), (Do(reason=""),)), lease=lambda: next(answers, False))
    with pytest.raises(Fatal, match="lease"):
        await stage.run(KEY)
    assert len(stage.client.writes) == written
    assert stage.executed is (asked == 4)


async def test_a_quiet_action_posts_no_event() -> None:
    stage = Stage(Plan(actions=(Do(reason=""),)))
    await stage.run(KEY)
    assert stage.executed
    assert stage.client.events == []


# --- errors ----------------------------------------------------------------------------------------------------------


async def test_an_invalid_resource_waits_for_an_edit() -> None:
    stage = Stage()
    stage.operator.errors["validate"] = Invalid(Problem("spec.size", "too large"))
    assert await stage.run(KEY) is None
    assert stage.live["status"]["said"] == "Invalid"
    assert stage.client.events == [Notice("Invalid", "spec.size: too large", warning=True)]
    assert stage.operator.log == ["validate"]


async def test_what_runs_is_kept_by_the_fallback_meanwhile() -> None:
    stage = Stage(Plan((config("a"),), HARSH.actions, requeue_after=5.0))
    stage.operator.errors["validate"] = Invalid(Problem("spec.size", "too large"), fallback="as it is")
    assert await stage.run(KEY) == 5.0
    assert stage.executed
    assert stage.live["status"] == {"said": "Invalid", "at": 1.0, "domain": "as it is"}
    assert (CONFIG_MAP, Key("ns", "a")) in stage.client.objects


@pytest.mark.parametrize("room", ["observe", "plan", "execute 1"])
async def test_what_is_blocked_is_told_and_looked_at_later(room: str) -> None:
    stage = Stage(Plan(actions=(Do(),)))
    stage.operator.errors[room] = Blocked("Forbidden", "may not", retry_after=12.0)
    assert await stage.run(KEY) == 12.0
    assert stage.live["status"]["said"] == "Blocked"
    assert Notice("Forbidden", "may not", warning=True) in stage.client.events


async def test_a_transient_error_after_planning_is_told_and_tried_again() -> None:
    stage = Stage(Plan(actions=(Do(),)))
    stage.operator.errors["execute 1"] = Transient("later", retry_after=0.3)
    with pytest.raises(Transient, match="later") as caught:
        await stage.run(KEY)
    assert caught.value.retry_after == 0.3
    assert stage.live["status"]["said"] == "Transient"


async def test_a_transient_error_before_it_leaves_a_known_status_alone() -> None:
    stage = Stage(status={"conditions": [{"type": "Ready"}]})
    stage.operator.errors["observe"] = Transient("down")
    with pytest.raises(Transient):
        await stage.run(KEY)
    assert stage.client.writes == []


async def test_but_a_new_resource_hears_why_it_waits() -> None:
    stage = Stage(status={"observedGeneration": -1})
    stage.operator.errors["observe"] = Transient("waiting for the garbage collector")
    with pytest.raises(Transient):
        await stage.run(KEY)
    assert stage.live["status"]["said"] == "Transient"


@pytest.mark.parametrize("error", [Fatal("the lease is lost"), KeyError("bug")])
async def test_the_rest_is_for_the_queue_and_the_process(error: Exception) -> None:
    stage = Stage()
    stage.operator.errors["plan"] = error
    with pytest.raises(type(error)):
        await stage.run(KEY)


def test_the_tree_of_errors() -> None:
    assert issubclass(Rejected, Blocked)
    for kind in (Invalid, Blocked, Transient, Fatal):
        assert issubclass(kind, DavitError)
    assert Rejected("x").reason == "Rejected"
    assert str(Invalid(Problem("a", "b"), Problem("c", "d"))) == "a: b; c: d"
