from __future__ import annotations

from typing import Any

import pytest
from davit.kube.kinds import CONFIG_MAP, NAMESPACE, SECRET, STATEFUL_SET
from davit.model import Key, Kind, Manifest
from davit.routing import Controller, Routes, Target
from davit_prometheus.api.monitors import SERVICE_MONITOR
from davit_prometheus.api.prometheus import PROMETHEUS, PROMETHEUS_AGENT
from davit_prometheus.inventory import MAINS, Inventory
from davit_prometheus.manifests.stateful_set import stateful_set
from davit_prometheus.validate import validate
from davit_prometheus.watch import watches

from davit_prometheus_tests.engine_world import SHOP, monitor, prometheus

MAIN = Target(PROMETHEUS, Key(SHOP, "main"))


async def nothing(_: Key) -> None:
    return None


class World:
    def __init__(self, *resources: Manifest, namespaced: bool = False) -> None:
        self.inventory = Inventory(namespaced=namespaced)
        self.version = 0
        self.routes = Routes(
            [Controller(kind, nothing, watches(kind, self.inventory), cache=self.inventory.cache) for kind in MAINS]
        )
        for resource in resources:
            instance = validate(resource)
            kind = PROMETHEUS if resource["kind"] == "Prometheus" else PROMETHEUS_AGENT
            self.inventory.memory(kind, instance.key).instance = instance

    def woken(self, kind: Kind, manifest: Manifest, change: str = "MODIFIED") -> set[Target]:
        self.version += 1
        seen = {**manifest, "metadata": {**manifest["metadata"], "resourceVersion": str(self.version)}}
        if kind in self.inventory.cache.kinds:
            self.inventory.cache.note(kind, change, seen)
        return set(self.routes.targets(kind, seen))


def test_a_monitor_wakes_whoever_takes_it_once_for_each_change() -> None:
    other = prometheus("other", serviceMonitorSelector={"matchLabels": {"team": "b"}})
    world = World(prometheus(), other)
    assert world.woken(SERVICE_MONITOR, monitor()) == {MAIN}
    assert world.woken(SERVICE_MONITOR, monitor() | {"status": {"a": 1}}) == set()
    assert world.woken(SERVICE_MONITOR, monitor(generation=2)) == {MAIN}
    going = monitor(generation=2)
    going["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    world.inventory.memory(PROMETHEUS, MAIN.key).chosen = frozenset({(SERVICE_MONITOR, Key(SHOP, "web"))})
    assert world.woken(SERVICE_MONITOR, going) == {MAIN}
    assert world.woken(SERVICE_MONITOR, going, "DELETED") == {MAIN}


def test_a_monitor_that_is_relabelled_away_wakes_who_took_it_also_in_the_middle_of_a_pass() -> None:
    world = World(prometheus(serviceMonitorSelector={"matchLabels": {"team": "a"}}))
    labelled = monitor()
    labelled["metadata"]["labels"] = {"team": "a"}
    assert world.woken(SERVICE_MONITOR, labelled) == {MAIN}
    world.inventory.memory(PROMETHEUS, MAIN.key).chosen = frozenset({(SERVICE_MONITOR, Key(SHOP, "web"))})
    assert world.woken(SERVICE_MONITOR, monitor()) == {MAIN}


def test_one_that_was_not_looked_at_yet_is_woken_by_everything() -> None:
    world = World()
    world.inventory.memory(PROMETHEUS, MAIN.key)
    assert world.woken(SERVICE_MONITOR, monitor()) == {MAIN}


@pytest.mark.parametrize(("selector", "woken"), [({}, {MAIN}), (None, set())])
def test_new_labels_of_a_namespace_wake_who_selects_by_them(selector: Any, woken: set[Target]) -> None:
    spec = {f"{kind}NamespaceSelector": selector for kind in ("serviceMonitor", "podMonitor", "probe", "scrapeConfig", "rule")}
    world = World(prometheus(**spec))
    namespace = {"metadata": {"name": SHOP, "labels": {"a": "b"}, "uid": "n"}}
    assert world.woken(NAMESPACE, namespace) == woken
    assert world.woken(NAMESPACE, namespace | {"status": {"phase": "Active"}}) == set()


def test_a_secret_wakes_who_reads_it_and_whose_child_it_is() -> None:
    world = World(prometheus(), prometheus("other"))
    world.inventory.memory(PROMETHEUS, MAIN.key).sources = frozenset({(SECRET, Key(SHOP, "login"))})
    assert world.woken(SECRET, {"metadata": {"name": "login", "namespace": SHOP}}) == {MAIN}
    assert world.woken(CONFIG_MAP, {"metadata": {"name": "login", "namespace": SHOP}}) == set()
    owner = {"kind": "Prometheus", "name": "other", "uid": "u"}
    child = {"metadata": {"name": "prometheus-other", "namespace": SHOP, "ownerReferences": [owner]}}
    assert world.woken(SECRET, child) == {Target(PROMETHEUS, Key(SHOP, "other"))}


@pytest.mark.parametrize("kind", MAINS)
def test_a_pod_or_a_child_wakes_its_own_kind_only(kind: Kind) -> None:
    made = stateful_set(validate(prometheus(kind=kind)), 0)
    world = World()
    expected = {Target(kind, Key(SHOP, "main"))}
    assert set(world.routes.targets(STATEFUL_SET, made)) == expected
    template = made["spec"]["template"]["metadata"]
    found = {
        "metadata": {
            **template,
            "name": "p",
            "namespace": SHOP,
            "ownerReferences": [{"kind": "StatefulSet", "name": "x", "uid": "y"}],
        }
    }
    from davit.kube.kinds import POD

    assert set(world.routes.targets(POD, found)) == expected


def test_secrets_are_watched_without_their_content_and_namespaces_only_where_they_may_be() -> None:
    assert World().routes.metadata_only(SECRET)
    assert World().routes.metadata_only(CONFIG_MAP)
    assert NAMESPACE in World().routes.kinds()
    assert NAMESPACE not in World(namespaced=True).routes.kinds()


def test_those_that_are_not_ours_are_not_counted() -> None:
    inventory = Inventory(ours=lambda resource: resource["metadata"]["name"] == "main")
    for name in ("main", "theirs"):
        found = prometheus(name)
        inventory.cache.note(PROMETHEUS, "ADDED", {**found, "metadata": {**found["metadata"], "resourceVersion": "1"}})
    assert [key.name for key, _ in inventory.mains(PROMETHEUS)] == ["main"]
    assert not inventory.complete()
    inventory.memory(PROMETHEUS, MAIN.key).looked = True
    assert inventory.complete()
