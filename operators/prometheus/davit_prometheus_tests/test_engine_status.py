from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest
from davit.errors import Blocked, Invalid, Problem, Transient
from davit.kube.kinds import POD, SERVICE
from davit.model import Key, Manifest, Outcome
from davit.monitoring.bindings import LISTED, ObjectId, Report
from davit.monitoring.faults import Fault
from davit.monitoring.passes import PATIENCE, SOON, UNKNOWN
from davit.status import verdict
from davit.testing.fake_client import FakeClient
from davit.testing.monitoring import fit_all
from davit_prometheus.api.monitors import POD_MONITOR, SERVICE_MONITOR
from davit_prometheus.api.prometheus import PROMETHEUS, PROMETHEUS_AGENT
from davit_prometheus.assembly import Configuration
from davit_prometheus.bindings import Use, binding_status
from davit_prometheus.inventory import Inventory, Live
from davit_prometheus.model import Pool
from davit_prometheus.monitors import FRESH, MonitorPasses
from davit_prometheus.snapshot import Pod, Snapshot
from davit_prometheus.status import status
from davit_tests import faketime

from davit_prometheus_tests.engine_world import SHOP, condition, monitor, prometheus
from davit_prometheus_tests.manifests_made import instance

Json = dict[str, Any]
NOW = 1_000_000.0
MAIN = Key(SHOP, "main")
WRITTEN = Configuration("d1", "text", {})


def pod(name: str = "p0", *, running: bool = True, url: str = "http://p0", **state: Any) -> Pod:
    head = {"name": name, "namespace": SHOP, "uid": f"uid-{name}"}
    return Pod({"metadata": head, "status": state}, "c1" if running else "", url if running else "", 0)


def stateful_set(available: int = 1, updated: int = 1) -> Manifest:
    said = {"observedGeneration": 1, "replicas": 1, "updatedReplicas": updated, "readyReplicas": available}
    return {"kind": "StatefulSet", "metadata": {"name": "prometheus-k8s", "generation": 1}, "status": said}


def settled(**more: Any) -> Snapshot:
    found = {
        "children": [stateful_set()], "pods": (pod(),), "configurations": (WRITTEN,), "selected": {"Probe": 2},
        "live": {"uid-p0": Live("c1", "d1", ())},
    }  # fmt: skip
    return Snapshot(**{**found, **more})


def told(snapshot: Snapshot | None = None, error: Any = None, spec: Json | None = None, old: Json | None = None) -> Manifest:
    resource = prometheus("k8s", generation=3) | ({"status": old} if old else {})
    domain = instance(spec) if snapshot is not None else None
    outcome = Outcome(domain, snapshot, None, error)
    return {**resource, "status": status(resource, outcome, NOW)}


CASES: dict[str, tuple[Any, str, tuple[str, str], str]] = {
    "settled": (told(settled()), "Current", ("True", "AllLive"), "of 2 Probes"),
    "pods": (told(settled(children=[stateful_set(0)])), "InProgress", ("False", "PodsNotReady"), "0 of 1 pods serve"),
    "rolling": (told(settled(children=[stateful_set(1, 0)])), "InProgress", ("False", "PodsNotReady"), "0 are as the spec"),
    "loading": (told(settled(live={})), "InProgress", ("False", "ConfigNotLive"), "pod p0"),
    "held": (told(settled(held="not checked")), "InProgress", ("False", "ConfigHeld"), "not checked"),
    "refused": (told(settled(refused="no")), "InProgress", ("False", "ConfigHeld"), "the last good configuration is kept: no"),
    "invalid": (told(error=Invalid(Problem("spec.version", "is old"))), "Failed", ("False", "Invalid"), "spec.version"),
    "blocked": (told(settled(), Blocked("NameTaken", "taken")), "Failed", ("False", "NameTaken"), "taken"),
    "reload": (told(settled(live={}), Blocked("ReloadRefused", "no")), "InProgress", ("False", "ConfigNotLive"), "p0"),
    "transient": (told(settled(), Transient("away")), "InProgress", ("False", "Retrying"), "away"),
    "unread": (told(error=Transient("away")), "InProgress", ("Unknown", "NotObserved"), "away"),
    "paused": (told(settled(), spec={"paused": True}), "InProgress", ("Unknown", "Paused"), "spec.paused"),
    "local": (told(settled(pods=(pod(url=""),), live={}), spec={"listenLocal": True}), "Current", ("True", "AllLive"), ""),
    "foreign": (told(settled(foreign=True, live={})), "Current", ("True", "Unmanaged"), "its user's"),
}


@pytest.mark.parametrize("case", CASES)
def test_a_prometheus_says_how_it_is_and_machines_judge_it_rightly(case: str) -> None:
    found, judged, ready, message = CASES[case]
    assert verdict(found) == judged
    assert condition(found, "Ready") == ready
    assert message in next(one["message"] for one in found["status"]["conditions"] if one["type"] == "Ready")


@pytest.mark.parametrize("case", CASES)
def test_the_same_outcome_gives_the_same_status_whenever_it_is_told(case: str) -> None:
    first = CASES[case][0]["status"]
    if case == "settled":
        resource = prometheus("k8s", generation=3) | {"status": first}
        again = status(resource, Outcome(instance(), settled(), None, None), NOW + 5000)
        assert again == first
    assert first["observedGeneration"] == 3


def test_when_a_configuration_came_live_is_kept_until_another_does() -> None:
    old = told(settled())["status"]
    behind = told(settled(live={}), old=old)["status"]["config"]
    assert behind["loadedAt"] == old["config"]["loadedAt"]
    assert behind["message"] == "not loaded yet by pod p0"
    held = told(settled(held="wait"), old=old)["status"]["config"]
    assert (held["live"], held["message"]) == ("d1", "wait")


def test_facts_that_could_not_be_read_are_kept() -> None:
    old = told(settled())["status"]
    found = told(error=Transient("away"), old=old)["status"]
    assert found["config"] == old["config"]
    assert found["shardStatuses"] == old["shardStatuses"]


def test_long_lists_are_cut_and_counted() -> None:
    faults = tuple(Fault(f"spec.endpoints[{number}]", "bad") for number in range(LISTED + 10))
    found = told(settled(quarantined={"ServiceMonitor shop/web": faults}))["status"]
    assert len(found["quarantined"]) == LISTED
    assert found["quarantined"][0] == {
        "kind": "ServiceMonitor", "namespace": "shop", "name": "web", "path": "spec.endpoints[0]", "message": "bad",
    }  # fmt: skip
    assert f"{LISTED + 10} parts left out" in found["conditions"][0]["message"]


def test_why_a_pod_does_not_run_is_told() -> None:
    waiting = {"name": "prometheus", "state": {"waiting": {"reason": "ErrImagePull", "message": "no such image"}}}
    found = told(settled(children=[stateful_set(0)], pods=(pod(running=False, containerStatuses=[waiting]),), live={}))
    assert "pod p0: container prometheus: ErrImagePull: no such image" in str(found["status"]["conditions"])
    unscheduled = {"type": "PodScheduled", "status": "False", "message": "0/3 nodes"}
    found = told(settled(children=[stateful_set(0)], pods=(pod(running=False, conditions=[unscheduled]),), live={}))
    assert "not scheduled: 0/3 nodes" in str(found["status"]["conditions"])


# Monitors


def bound(uses: Sequence[Use], refusals: dict[ObjectId, str] | None = None, hint: str = "", old: Json | None = None) -> Manifest:
    resource = monitor(generation=4) | ({"status": old} if old else {})
    return {**resource, "status": binding_status(resource, uses, refusals or {}, hint=hint, scraped=True, now=NOW)}


def use(report: Report | None, pools: dict[str, Pool] | None = None) -> Use:
    return Use(PROMETHEUS, MAIN, report, pools)


GOOD = Report(4, ("job",))
BAD = Report(4, (), (Fault("spec.endpoints[0]", "bad"),))
PARTLY = Report(4, ("job",), (Fault("spec.endpoints[1]", "bad"),), ("ignored", "unknown"))


@pytest.mark.parametrize(
    ("found", "accepted"),
    [
        (bound([use(GOOD)]), ("True", "InUse")),
        (bound([use(GOOD, {})], hint="no Service"), ("True", "NoTargets")),
        (bound([use(BAD)]), ("False", "Rejected")),
        (bound([use(GOOD), use(None)]), ("Unknown", "NotObserved")),
        (bound([]), ("False", "NotSelected")),
    ],
)
def test_a_monitor_says_how_it_is_and_never_holds_up_a_release(found: Manifest, accepted: tuple[str, str]) -> None:
    assert condition(found, "Accepted") == accepted
    assert verdict(found) == "Current"


def test_a_binding_holds_what_became_of_the_object() -> None:
    (binding,) = bound([use(PARTLY, {"job": Pool(3, 2), "other": Pool(9, 9)})])["status"]["bindings"]
    assert binding["targets"] == {"active": 3, "up": 2}
    assert binding["rejected"] == [{"path": "spec.endpoints[1]", "message": "bad"}]
    assert binding["ignored"] == ["ignored", "unknown"]
    assert binding["conditions"][0]["reason"] == "PartlyAccepted"
    assert (binding["group"], binding["resource"]) == ("monitoring.coreos.com", "prometheuses")


def test_targets_are_kept_until_a_process_tells_again() -> None:
    old = bound([use(GOOD, {"job": Pool(3, 2)})])["status"]
    (binding,) = bound([use(GOOD)], old=old)["status"]["bindings"]
    assert binding["targets"] == {"active": 3, "up": 2}
    (binding,) = bound([use(GOOD, {})], old=old)["status"]["bindings"]
    assert binding["targets"] == {"active": 0, "up": 0}


def test_who_does_not_take_it_is_told_only_while_nobody_does() -> None:
    refusals: dict[ObjectId, str] = {(PROMETHEUS, MAIN): "spec.serviceMonitorSelector does not match"}
    assert bound([], refusals)["status"]["selection"] == ["Prometheus shop/main: spec.serviceMonitorSelector does not match"]
    assert "selection" not in bound([use(GOOD)], refusals)["status"]


def test_who_is_nearest_of_those_that_do_not_take_it_is_told_first() -> None:
    others = {(PROMETHEUS, Key(namespace, "main")): "no" for namespace in ("a", "b", "c", "shop-2", "z")}
    found = bound([], {**others, (PROMETHEUS, MAIN): "why", (PROMETHEUS_AGENT, Key(SHOP, "edge")): "so"})["status"]
    assert found["selection"][:3] == ["Prometheus shop/main: why", "PrometheusAgent shop/edge: so", "Prometheus a/main: no"]
    assert found["conditions"][0]["message"].startswith("Prometheus shop/main: why; PrometheusAgent shop/edge: so;")


class Told:
    """One monitor and its passes, with a clock."""

    def __init__(self, found: Manifest | None = None, *objects: tuple[Any, Manifest]) -> None:
        self.client, self.inventory, self.now = FakeClient(), Inventory(), NOW
        self.kind = POD_MONITOR if (found or monitor())["kind"] == "PodMonitor" else SERVICE_MONITOR
        self.inventory.cache.expect(())
        for kind, one in objects:
            self.client.put(kind, one)
        self.stored = self.client.put(self.kind, found or monitor())
        self.inventory.cache.note(self.kind, "ADDED", self.stored)
        self.passes = MonitorPasses(self.kind, self.client, self.inventory, lambda: True, fit_all, lambda: self.now)

    def prometheus(self, report: Report | None, pools: dict[str, Pool] | None = None) -> None:
        from davit_prometheus.validate import validate

        self.inventory.cache.note(
            PROMETHEUS, "ADDED", {**prometheus(), "metadata": {**prometheus()["metadata"], "resourceVersion": "1"}}
        )
        memory = self.inventory.memory(PROMETHEUS, MAIN)
        memory.instance, memory.looked, memory.pools = validate(prometheus()), True, pools
        memory.reports = {} if report is None else {(self.kind, Key(SHOP, "web")): report}

    async def go(self) -> float | None:
        return await self.passes(Key(SHOP, "web"))

    @property
    def status(self) -> Json:
        found: Json = self.client.objects[self.kind, Key(SHOP, "web")].get("status", {})
        return found


async def test_nothing_is_said_of_a_monitor_before_every_prometheus_was_looked_at() -> None:
    world = Told()
    world.prometheus(None)
    world.inventory.memory(PROMETHEUS, MAIN).looked = False
    assert await world.go() == UNKNOWN
    assert world.client.writes == []
    world.inventory.memory(PROMETHEUS, MAIN).failures = 6
    assert await world.go() is None
    assert world.status["bindings"]


async def test_an_edit_is_told_once_it_was_looked_at_or_nobody_does_for_long() -> None:
    world = Told(monitor(generation=1))
    world.prometheus(Report(1, ("job",)))
    await world.go()
    edited = world.client.put(SERVICE_MONITOR, monitor(generation=2) | {"status": world.status})
    world.inventory.cache.note(SERVICE_MONITOR, "MODIFIED", edited)
    world.client.writes.clear()
    assert await world.go() == SOON
    assert world.client.writes == []
    world.now += PATIENCE
    assert await world.go() is None
    assert condition(world.client.objects[SERVICE_MONITOR, Key(SHOP, "web")], "Accepted") == ("Unknown", "NotObserved")


async def test_a_new_monitor_does_not_inherit_the_patience_of_one_that_is_gone() -> None:
    world = Told(monitor(generation=1))
    world.prometheus(Report(1, ("job",)))
    await world.go()
    edited = world.client.put(SERVICE_MONITOR, monitor(generation=2) | {"status": world.status})
    world.inventory.cache.note(SERVICE_MONITOR, "MODIFIED", edited)
    assert await world.go() == SOON
    world.inventory.cache.note(SERVICE_MONITOR, "DELETED", edited)
    await world.go()
    world.now += PATIENCE
    world.inventory.cache.note(SERVICE_MONITOR, "ADDED", {**edited, "metadata": {**edited["metadata"], "resourceVersion": "77"}})
    assert await world.go() == SOON


async def test_where_no_status_can_be_kept_what_is_left_out_is_an_event() -> None:
    """On a cluster with upstream's CRDs, which have no status."""

    async def without(kind: Any, status: Any) -> None:
        return None

    world = Told()
    world.passes = MonitorPasses(world.kind, world.client, world.inventory, lambda: True, without, lambda: world.now)
    world.prometheus(Report(1, (), (Fault("spec.endpoints[0]", "names no port"),)))
    await world.go()
    assert ["names no port" in notice.message for notice in world.client.events] == [True]


async def test_a_status_written_as_the_monitor_goes_brings_no_ghost() -> None:
    world = Told()
    world.prometheus(Report(1, ("job",)))
    whole = world.client.apply

    async def apply(*given: Any, **more: Any) -> Manifest:
        written = await whole(*given, **more)
        gone = {**world.stored, "metadata": {**world.stored["metadata"], "resourceVersion": "999"}}
        world.inventory.cache.note(SERVICE_MONITOR, "DELETED", gone)
        return written

    world.client.apply = apply  # type: ignore[method-assign]
    await world.go()
    assert world.inventory.cache.objects(SERVICE_MONITOR) == {}


def service(name: str, labels: dict[str, str], *ports: str) -> tuple[Any, Manifest]:
    return SERVICE, {
        "metadata": {"name": name, "namespace": SHOP, "labels": labels}, "spec": {"ports": [{"name": port} for port in ports]}
    }  # fmt: skip


@pytest.mark.parametrize(
    ("objects", "said"),
    [
        ([], "no Service in namespace shop matches spec.selector: there is none at all"),
        ([service("near", {"app": "wep"}, "web")], "the nearest is near: label app must be 'web', it is 'wep'"),
        ([service("web", {"app": "web"}, "http")], "none has a port named web; there is http"),
        ([service("web", {"app": "web"})], "there is no named port"),
        ([service("web", {"app": "web"}, "web")], "match and no target was found: check that pods stand behind them"),
    ],
)
async def test_why_there_are_no_targets_is_told(objects: list[tuple[Any, Manifest]], said: str) -> None:
    world = Told(None, *objects)
    world.prometheus(Report(1, ("job",)), {})
    await world.go()
    assert said in str(world.status["conditions"])


async def test_of_many_pods_only_a_few_are_read() -> None:
    def made(number: int) -> tuple[Any, Manifest]:
        containers = [{"ports": [{"name": "web"}]}]
        return POD, {
            "metadata": {"name": f"p{number}", "namespace": SHOP, "labels": {"app": "web"}},
            "spec": {"containers": containers},
        }

    found = monitor()
    found["kind"], found["spec"] = (
        "PodMonitor",
        {"selector": {"matchLabels": {"app": "web"}}, "podMetricsEndpoints": [{"port": "other"}]},
    )
    world = Told(found, *map(made, range(50)))
    world.prometheus(Report(1, ("job",)), {})
    reads: list[Key] = []
    whole = world.client.get

    async def get(kind: Any, key: Key) -> Manifest | None:
        reads.append(key)
        return await whole(kind, key)

    world.client.get = get  # type: ignore[method-assign]
    await world.go()
    assert len(reads) <= 5
    assert "50 Pod(s) match, but none has a port named other; there is web" in str(world.status["conditions"])


def test_many_monitors_without_targets_look_at_the_services_once() -> None:
    async def scenario() -> None:
        world = Told()
        world.prometheus(Report(1, ("job",)), {})
        listings: list[Any] = []
        whole = world.client.each

        def each(kind: Any, namespace: str | None, *, names: bool = False) -> AsyncIterator[Manifest]:
            listings.append(kind)
            return whole(kind, namespace, names=names)

        world.client.each = each  # type: ignore[method-assign]
        for _ in range(3):
            await world.go()
        assert listings == [SERVICE]
        world.client.put(*service("web", {"app": "web"}, "http"))
        await asyncio.sleep(FRESH)
        await world.go()
        assert listings == [SERVICE, SERVICE]
        assert "none has a port named web; there is http" in str(world.status["conditions"])

    faketime.run(scenario())


def test_of_a_configuration_that_its_user_writes_nothing_is_said_not_even_an_empty_map() -> None:
    found = told(settled(children=[stateful_set(1)], foreign=True))
    assert "config" not in found["status"]
