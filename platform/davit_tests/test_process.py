from __future__ import annotations

import asyncio
import itertools
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest
from davit import metrics
from davit.cache import Cache
from davit.errors import Blocked, DavitError, Fatal, Rejected, Transient
from davit.kube.crds import CRD
from davit.kube.kinds import POD
from davit.lease import LEASE, Lease
from davit.model import Key, Kind, Manifest, Watch
from davit.process import Host, Process, Runtime, Timings, first, identity
from davit.routing import Controller
from davit.settings import Settings
from davit.testing.fake_client import FakeClient

from davit_tests import faketime

TOY = Kind("test.davit.dev", "v1", "Toy", "toys")
A = Key("shop", "a")


def toy(name: str = "a") -> Manifest:
    return {"apiVersion": TOY.api_version, "kind": "Toy", "metadata": {"name": name, "namespace": "shop"}}


PATHS = ("/apis/test.davit.dev/v1/toys", "/api/v1/pods")


def owner(manifest: Manifest) -> tuple[Key]:
    return (Key(manifest["metadata"]["namespace"], manifest["metadata"]["labels"]["toy"]),)


class FakeSource:
    """Watches until told to fail, a request each minute; remembers which kinds."""

    def __init__(self) -> None:
        self.process: Process
        self.watched: list[set[Kind]] = []
        self.alive = self.let_in = True
        self.broken = False
        self.fail = asyncio.Event()

    async def watch(self, kinds: Iterable[Kind]) -> None:
        self.watched.append(set(kinds))
        if self.broken:
            raise RuntimeError("404")
        while not self.fail.is_set():
            for url in PATHS if self.alive else ():
                self.process.pulse.sent(url)
                if self.let_in:
                    self.process.pulse.established(url)
            with suppress(TimeoutError):
                await asyncio.wait_for(self.fail.wait(), 60.0)
        self.fail.clear()
        raise RuntimeError("404")


class World:
    """One process with everything around it faked; time jumps."""

    def __init__(
        self,
        client: FakeClient | None = None,
        identity: str = "one",
        reconcile: Callable[[Key], Awaitable[float | None]] | None = None,
        namespaces: tuple[str, ...] | None = None,
        crds: Iterable[Manifest] = (),
        controllers: Callable[[Watch], list[Controller]] | None = None,
    ) -> None:
        self.client = client or FakeClient()
        self.source = FakeSource()
        self.stop = asyncio.Event()
        self.passes: list[Key] = []
        self.lease = Lease(self.client, "toy", "home", identity, clock=faketime.now, wall=faketime.now)
        row = Watch(POD, owner, {"app": "toy"})
        found = controllers(row) if controllers else [Controller(TOY, reconcile or self.reconcile, (row,))]
        settings = Settings(namespaces=namespaces, workers=2)
        runtime = Runtime("toy", "1.0", _unused, lambda: crds)
        self.process = self.source.process = Process(
            runtime, settings, Timings(),
            client=self.client, lease=self.lease, controllers=found, clock=faketime.now,
        )  # fmt: skip
        self.main = asyncio.create_task(self.process.main(self.source, self.stop))

    async def reconcile(self, key: Key) -> None:
        self.passes.append(key)

    async def end(self) -> float:
        """Stop it; how long that took."""
        began = faketime.now()
        self.stop.set()
        await self.main
        return faketime.now() - began

    def holder(self) -> str:
        return str(self.client.objects[LEASE, Key("home", "toy")]["spec"]["holderIdentity"])


@asynccontextmanager
async def _unused(host: Host) -> AsyncIterator[Sequence[Controller]]:
    yield ()


def test_events_wake_resources_and_deleted_or_unknown_ones_do_no_harm() -> None:
    async def scenario() -> None:
        world = World()
        await asyncio.sleep(0.1)
        world.process.seen(TOY, None, toy())
        pod = {"metadata": {"name": "p", "namespace": "shop", "labels": {"app": "toy", "toy": "nobody"}}}
        world.process.seen(POD, "DELETED", pod)
        world.process.seen(TOY, "DELETED", toy("gone"))
        stranger = {"metadata": {"name": "p", "namespace": "shop"}}
        world.process.seen(POD, "ADDED", stranger)
        await asyncio.sleep(1.0)
        assert set(world.passes) == {A, Key("shop", "nobody"), Key("shop", "gone")}
        assert len(world.passes) == 3
        await world.end()

    faketime.run(scenario())


def test_a_listing_is_low_and_anything_else_high_priority() -> None:
    async def scenario() -> None:
        world = World()
        for name in "abc":
            world.process.seen(TOY, None, toy(name))
        world.process.seen(TOY, "MODIFIED", toy("edited"))
        world.process.seen(TOY, "MODIFIED", toy("c"))
        await asyncio.sleep(1.0)
        assert [key.name for key in world.passes] == ["edited", "c", "a", "b"]
        await world.end()

    faketime.run(scenario())


def test_a_standby_watches_and_works_only_once_it_leads() -> None:
    async def scenario() -> None:
        one = World()
        await asyncio.sleep(0.1)
        two = World(one.client, "two")
        await asyncio.sleep(60.0)
        two.process.seen(TOY, None, toy())
        await asyncio.sleep(60.0)
        assert two.source.watched == [{TOY, POD}]
        assert two.process.unready() is None
        assert two.passes == []
        assert metrics.REGISTRY.get_sample_value("davit_leader") == 1.0
        await one.end()
        await asyncio.sleep(2.5)
        assert two.passes == [A]
        assert two.holder() == "two"
        await two.end()
        assert two.holder() == ""

    faketime.run(scenario())


@pytest.mark.parametrize(("takes", "end"), [(2.0, "done"), (60.0, "cancelled")])
def test_shutdown_waits_a_little_for_passes_and_gives_the_lease_back(takes: float, end: str) -> None:
    ends: list[str] = []

    async def scenario() -> None:
        async def reconcile(_: Key) -> None:
            try:
                await asyncio.sleep(takes)
                ends.append("done")
            except asyncio.CancelledError:
                ends.append("cancelled")
                raise

        world = World(reconcile=reconcile)
        await asyncio.sleep(0.1)
        world.process.seen(TOY, "ADDED", toy())
        await asyncio.sleep(0.1)
        assert await world.end() < 5.0
        assert world.holder() == ""

    faketime.run(scenario())
    assert ends == [end]


def test_an_idle_leader_stops_at_once() -> None:
    async def scenario() -> None:
        world = World()
        await asyncio.sleep(10.0)
        assert await world.end() == 0.0
        assert world.holder() == ""

    faketime.run(scenario())


def test_a_standby_stops_at_once() -> None:
    async def scenario() -> None:
        one = World()
        await asyncio.sleep(0.1)
        two = World(one.client, "two")
        await asyncio.sleep(10.0)
        assert await two.end() == 0.0
        assert one.holder() == "one"
        await one.end()

    faketime.run(scenario())


def test_a_lost_lease_ends_everything_without_grace() -> None:
    ends: list[float] = []

    async def scenario() -> float:
        async def reconcile(_: Key) -> None:
            try:
                await asyncio.sleep(3600.0)
            finally:
                ends.append(faketime.now())

        world = World(reconcile=reconcile)
        await asyncio.sleep(0.1)
        world.process.seen(TOY, "ADDED", toy())
        stolen = world.client.objects[LEASE, Key("home", "toy")]
        stolen["spec"]["holderIdentity"] = "thief"
        stolen["metadata"]["resourceVersion"] = "changed"
        with pytest.raises(Fatal, match="thief holds it"):
            await world.main
        assert world.holder() == "thief"
        return faketime.now()

    over = faketime.run(scenario())
    assert ends == [over]


def test_watches_that_end_begin_anew() -> None:
    async def scenario() -> None:
        world = World()
        await asyncio.sleep(1.0)
        before = metrics.WATCH_RESTARTS._value.get()
        world.source.fail.set()
        await asyncio.sleep(10.0)
        assert world.source.watched == [{TOY, POD}] * 2
        assert metrics.WATCH_RESTARTS._value.get() == before + 1
        await world.end()

    faketime.run(scenario())


def test_watches_that_end_again_and_again_begin_ever_more_slowly_and_later_fast_again() -> None:
    async def scenario() -> None:
        world = World()
        await asyncio.sleep(1.0)
        world.source.broken = True
        world.source.fail.set()
        await asyncio.sleep(300.0)
        assert 10 <= len(world.source.watched) <= 16
        world.source.broken = False
        await asyncio.sleep(300.0)
        before = len(world.source.watched)
        world.source.fail.set()
        await asyncio.sleep(2.0)
        assert len(world.source.watched) == before + 1
        await world.end()

    faketime.run(scenario())


def test_a_missing_crd_is_waited_for_and_noticed(caplog: pytest.LogCaptureFixture) -> None:
    async def scenario() -> None:
        client = FakeClient()
        client.unserved = {TOY}
        world = World(client)
        world.source.let_in = False
        await asyncio.sleep(100.0)
        assert world.source.watched == [{POD}]
        assert world.process.unready() == (
            "toys.test.davit.dev is not served: is its CRD there?\nthe watch of pods in all namespaces is not established"
        )
        client.unserved = set()
        await asyncio.sleep(10.0)
        assert world.source.watched == [{POD}, {TOY, POD}]
        world.process.pulse.established("/api/v1/pods")
        assert world.process.unready() == "the watch of toys in all namespaces is not established"
        world.source.let_in = True
        await asyncio.sleep(60.0)
        assert world.process.unready() is None
        await world.end()

    with caplog.at_level(logging.INFO):
        faketime.run(scenario())
    assert "waiting for CRDs: toys" in caplog.text


def test_a_crd_that_goes_is_noticed() -> None:
    async def scenario() -> None:
        world = World()
        await asyncio.sleep(100.0)
        world.client.unserved = {TOY}
        await asyncio.sleep(60.0)
        assert world.source.watched == [{TOY, POD}, {POD}]
        assert str(world.process.unready()).startswith("toys.test.davit.dev is not served")
        await world.end()

    faketime.run(scenario())


CRD_OF_TOYS: Manifest = {"apiVersion": CRD.api_version, "kind": CRD.kind, "metadata": {"name": "toys.test.davit.dev"}}


class Picky(FakeClient):
    """Refuses to write CRDs until told otherwise; notes when it was asked."""

    def __init__(self, error: DavitError) -> None:
        super().__init__()
        self.refusal: DavitError | None = error
        self.asked: list[float] = []

    async def apply(self, kind: Kind, manifest: Manifest, *, subresource: str = "", manager: str = "") -> Manifest:
        if kind == CRD:
            self.asked.append(faketime.now())
            if self.refusal:
                raise self.refusal
            manifest = {**manifest, "status": {"conditions": [{"type": "Established", "status": "True"}]}}
        return await super().apply(kind, manifest, subresource=subresource, manager=manager)


@pytest.mark.parametrize(
    "error", [Rejected("status.storedVersions: Invalid value"), Blocked("Forbidden", "no rights"), Transient("a webhook is away")]
)
def test_a_refused_crd_is_tried_again_while_the_one_that_is_served_does(
    error: DavitError, caplog: pytest.LogCaptureFixture
) -> None:
    async def scenario() -> None:
        client = Picky(error)
        world = World(client, crds=[CRD_OF_TOYS])
        await asyncio.sleep(1.0)
        assert world.source.watched == [{TOY, POD}]
        world.process.seen(TOY, "ADDED", toy())
        await asyncio.sleep(3600.0)
        assert world.passes[:1] == [A]
        client.refusal = None
        await asyncio.sleep(700.0)
        assert client.objects[CRD, Key("", "toys.test.davit.dev")]
        tries = len(client.asked)
        await asyncio.sleep(3600.0)
        assert len(client.asked) == tries
        assert world.source.watched == [{TOY, POD}]
        await world.end()

    faketime.run(scenario())
    assert str(error) in caplog.text


def test_a_refused_crd_is_tried_ever_more_slowly_and_its_remedy_told_once(caplog: pytest.LogCaptureFixture) -> None:
    async def scenario() -> None:
        client = Picky(Rejected("status.storedVersions: Invalid value"))
        world = World(client, crds=[CRD_OF_TOYS])
        await asyncio.sleep(7200.0)
        pauses = [later - earlier for earlier, later in itertools.pairwise(client.asked)]
        assert pauses[:3] == [5.0, 10.0, 20.0]
        assert max(pauses) == 600.0
        await world.end()

    faketime.run(scenario())
    (said,) = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    assert said.startswith("the CRD toys.test.davit.dev stays as it is: status.storedVersions: Invalid value; ")
    assert "change what it objects to" in said


def test_nothing_served_at_all_is_waited_for_too() -> None:
    async def scenario() -> None:
        client = FakeClient()
        client.unserved = {TOY, POD}
        world = World(client)
        await asyncio.sleep(100.0)
        assert world.source.watched == []
        assert world.process.problems() is None
        client.unserved = set()
        await asyncio.sleep(10.0)
        assert world.source.watched == [{TOY, POD}]
        await world.end()

    faketime.run(scenario())


def test_an_unreachable_api_server_at_start_is_waited_for() -> None:
    class Away(FakeClient):
        away = True

        async def serves(self, kind: Kind) -> bool:
            if self.away:
                raise Transient("connection refused")
            return True

    async def scenario() -> None:
        client = Away()
        world = World(client)
        await asyncio.sleep(100.0)
        assert world.source.watched == []
        client.away = False
        await asyncio.sleep(10.0)
        assert world.source.watched == [{TOY, POD}]
        await world.end()

    faketime.run(scenario())


def test_the_resync_reads_the_live_list_and_forgets_who_is_gone() -> None:
    async def scenario() -> None:
        world = World()
        world.client.put(TOY, toy("missed"))
        metrics.resource_ready("Toy", Key("shop", "ghost"), True)
        await asyncio.sleep(500.0)
        assert world.passes == []
        await asyncio.sleep(200.0)
        assert world.passes == [Key("shop", "missed")]
        assert metrics.REGISTRY.get_sample_value("davit_resource_ready", ghost()) is None
        await asyncio.sleep(700.0)
        assert len(world.passes) == 2
        await world.end()

    faketime.run(scenario())


def ghost() -> dict[str, str]:
    return {"namespace": "shop", "name": "ghost", "kind": "Toy"}


def test_a_deletion_takes_the_readiness_series_away() -> None:
    async def scenario() -> None:
        world = World()
        metrics.resource_ready("Toy", Key("shop", "ghost"), True)
        world.process.seen(TOY, "DELETED", toy("ghost"))
        await asyncio.sleep(1.0)
        assert metrics.REGISTRY.get_sample_value("davit_resource_ready", ghost()) is None
        await world.end()

    faketime.run(scenario())


def test_a_namespaced_process_watches_and_lists_its_namespaces_only() -> None:
    async def scenario() -> None:
        world = World(namespaces=("shop", "bank"))
        world.client.put(TOY, toy("ours"))
        world.client.put(TOY, {"metadata": {"name": "foreign", "namespace": "elsewhere"}})
        await asyncio.sleep(700.0)
        assert world.passes == [Key("shop", "ours")]
        assert str(world.process.unready()).splitlines() == [
            f"the watch of {kind} in namespace {place} is not established" for kind, place in sorted_streams(world)
        ]
        await world.end()

    faketime.run(scenario())


def sorted_streams(world: World) -> Iterator[tuple[str, str]]:
    """The watches in the order in which the source was told of the kinds."""
    for kind in world.source.watched[0]:
        for place in ("shop", "bank"):
            yield kind.plural, place


def test_a_pass_that_hangs_is_a_problem() -> None:
    async def scenario() -> None:
        async def reconcile(_: Key) -> None:
            await asyncio.Event().wait()

        world = World(reconcile=reconcile)
        await asyncio.sleep(0.1)
        world.process.seen(TOY, "ADDED", toy())
        await asyncio.sleep(600.0)
        assert world.process.problems() is None
        await asyncio.sleep(1.0)
        assert world.process.problems() == "the pass for Toy shop/a has been under way for 601 s"
        await world.end()

    faketime.run(scenario())


def test_a_watch_that_died_is_a_problem_and_a_quiet_cluster_is_none() -> None:
    async def scenario() -> None:
        world = World()
        await asyncio.sleep(7200.0)
        assert world.process.problems() is None
        world.source.alive = False
        await asyncio.sleep(420.0)
        assert str(world.process.problems()).startswith("the watch of ")
        await world.end()

    faketime.run(scenario())


def test_first_ends_the_others_and_raises() -> None:
    ended: list[str] = []

    async def forever() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append("cancelled")

    async def failing() -> None:
        await asyncio.sleep(1.0)
        raise Fatal("no")

    async def fine() -> Any:
        await asyncio.sleep(1.0)

    with pytest.raises(Fatal):
        faketime.run(first(forever(), failing()))
    faketime.run(first(forever(), fine()))
    assert ended == ["cancelled", "cancelled"]


def test_the_holders_name_tells_the_pod_and_nobody_has_it_twice() -> None:
    settings = Settings(pod="davit-1", pod_uid="f7e6")
    (one, own), (two, same) = identity("toy", settings), identity("toy", settings)
    assert own == same == "davit-1_f7e6_"
    assert one != two
    assert one.startswith(own)
    assert two.startswith(own)


@pytest.mark.parametrize("settings", [Settings(), Settings(pod="davit-1")])
def test_without_the_pods_uid_no_holder_counts_as_ended(settings: Settings) -> None:
    """The pod's name alone may be the machine's, on which another process may well run."""
    name, own = identity("toy", settings)
    assert own == ""
    assert name.startswith(f"{settings.pod or 'toy'}_")


class Cached(World):
    """A world whose controller has a cache of toys and of the names of pods."""

    def __init__(self, client: FakeClient | None = None) -> None:
        self.cache = Cache((TOY,), names=(POD,))
        self.held: list[set[str]] = []
        super().__init__(client, controllers=lambda row: [Controller(TOY, self.look, (row,), cache=self.cache)])

    async def look(self, key: Key) -> None:
        await self.cache.filled()
        self.passes.append(key)
        self.held.append({one.name for one in self.cache.objects(TOY)})


def versioned(manifest: Manifest, version: int) -> Manifest:
    return {**manifest, "metadata": {**manifest["metadata"], "resourceVersion": str(version), "uid": "u"}}


def test_a_process_is_ready_and_passes_go_on_when_its_caches_are_filled() -> None:
    async def scenario() -> None:
        world = Cached()
        world.client.put(TOY, toy())
        await asyncio.sleep(0.1)
        world.process.seen(TOY, None, versioned(toy(), 1))
        await asyncio.sleep(1.0)
        assert world.process.unready() == "pods are not listed yet\ntoys are not listed yet"
        assert world.passes == []
        world.process.relisted(PATHS[0])
        await asyncio.sleep(1.0)
        assert world.process.unready() == "pods are not listed yet"
        world.process.relisted("/apis/test.davit.dev/v1/others")
        world.process.relisted(PATHS[1])
        await asyncio.sleep(1.0)
        assert world.process.unready() is None
        assert world.passes == [A]
        await world.end()

    faketime.run(scenario())


def test_an_event_is_in_the_cache_before_its_pass() -> None:
    async def scenario() -> None:
        world = Cached()
        world.client.put(TOY, versioned(toy("b"), 1))
        await asyncio.sleep(0.1)
        for url in PATHS:
            world.process.relisted(url)
        await asyncio.sleep(1.0)
        world.process.seen(TOY, "ADDED", versioned(toy("a"), 50))
        await asyncio.sleep(1.0)
        world.process.seen(TOY, "DELETED", versioned(toy("b"), 51))
        await asyncio.sleep(1.0)
        assert world.held == [{"a", "b"}, {"a"}]
        await world.end()

    faketime.run(scenario())


def test_what_a_new_listing_shows_to_be_gone_is_looked_at() -> None:
    async def scenario() -> None:
        world = Cached()
        world.client.put(TOY, toy())
        await asyncio.sleep(0.1)
        for url in PATHS:
            world.process.relisted(url)
        await asyncio.sleep(1.0)
        assert set(world.cache.objects(TOY)) == {A}
        metrics.resource_ready("Toy", A, True)
        world.client.remove(TOY, A)
        world.process.relisted(PATHS[0])
        await asyncio.sleep(1.0)
        assert world.passes == [A]
        assert world.held == [set()]
        assert (
            metrics.REGISTRY.get_sample_value("davit_resource_ready", {"namespace": "shop", "name": "a", "kind": "Toy"}) is None
        )
        await world.end()

    faketime.run(scenario())


def test_what_a_controller_wakes_waits_for_what_users_wait_for() -> None:
    async def scenario() -> None:
        world = World()
        world.process.wake(TOY, Key("shop", "told"))
        world.process.seen(TOY, "MODIFIED", toy("edited"))
        await asyncio.sleep(1.0)
        assert [key.name for key in world.passes] == ["edited", "told"]
        await world.end()

    faketime.run(scenario())
