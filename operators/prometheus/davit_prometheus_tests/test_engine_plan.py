from __future__ import annotations

from typing import Any

import pytest
from davit.kube.kinds import CONFIG_MAP, PERSISTENT_VOLUME_CLAIM, POD, POD_DISRUPTION_BUDGET, STATEFUL_SET
from davit.model import Key, Manifest
from davit.monitoring.processes import address_of
from davit.status import verdict
from davit_prometheus import assembly
from davit_prometheus.manifests import selector
from davit_prometheus.model import Instance
from davit_prometheus.observe import _pod
from davit_prometheus.validate import validate

from davit_prometheus_tests.engine_world import SHOP, World, condition, monitor, prometheus, rule
from davit_prometheus_tests.manifests_made import instance
from davit_prometheus_tests.test_engine_passes import names, settled


def storage(size: str) -> dict[str, Any]:
    return {"storage": {"volumeClaimTemplate": {"spec": {"resources": {"requests": {"storage": size}}}}}}


def volume(name: str, size: str) -> Manifest:
    labels = selector(validate(prometheus()).scope)
    return {
        "metadata": {"name": name, "namespace": SHOP, "labels": labels}, "spec": {"resources": {"requests": {"storage": size}}}
    }  # fmt: skip


def size(world: World, name: str) -> str:
    found = world.client.objects[PERSISTENT_VOLUME_CLAIM, Key(SHOP, name)]
    return str(found["spec"]["resources"]["requests"]["storage"])


CLAIMS = tuple(f"prometheus-main-db-prometheus-main-{number}" for number in range(2))


def test_volumes_grow_and_no_pod_goes_for_it() -> None:
    async def scenario(world: World) -> None:
        for claim in CLAIMS:
            world.client.put(PERSISTENT_VOLUME_CLAIM, volume(claim, "1Gi"))
        pods = {key: one["metadata"]["uid"] for (kind, key), one in world.client.objects.items() if kind == POD}
        world.put(prometheus(replicas=2, generation=2, **storage("2Gi")))
        world.feed()
        world.kubelet = lambda: None  # type: ignore[method-assign]
        await world.settle()
        await world.later()
        assert [size(world, claim) for claim in CLAIMS] == ["2Gi", "2Gi"]
        assert "delete StatefulSet prometheus-main" in names(world)
        template = world.live(STATEFUL_SET, "prometheus-main")["spec"]["volumeClaimTemplates"][0]
        assert template["spec"]["resources"]["requests"]["storage"] == "2Gi"
        assert {key: one["metadata"]["uid"] for (kind, key), one in world.client.objects.items() if kind == POD} == pods

    settled(prometheus(replicas=2, **storage("1Gi")), monitor())(scenario)


def test_a_smaller_wish_shrinks_no_volume() -> None:
    async def scenario(world: World) -> None:
        world.client.put(PERSISTENT_VOLUME_CLAIM, volume(CLAIMS[0], "2Gi"))
        world.put(prometheus(generation=2, **storage("1Gi")))
        await world.settle()
        assert size(world, CLAIMS[0]) == "2Gi"

    settled(prometheus(**storage("2Gi")), monitor())(scenario)


def test_an_operator_that_dies_between_the_old_and_the_new_stateful_set_makes_it_anew() -> None:
    async def scenario(world: World) -> None:
        world.client.remove(STATEFUL_SET, Key(SHOP, "prometheus-main"))
        world.restart()
        world.kubelet = lambda: None  # type: ignore[method-assign]
        await world.settle()
        assert (STATEFUL_SET, Key(SHOP, "prometheus-main")) in world.client.objects
        assert not any(write.verb == "delete" for write in world.client.writes)

    settled(prometheus(), monitor())(scenario)


def test_a_shard_that_is_to_be_kept_stays_and_takes_its_share_of_rules_and_configuration() -> None:
    async def scenario(world: World) -> None:
        world.put(prometheus(shards=1, generation=2, shardRetentionPolicy={"whenScaled": "Retain"}))
        await world.settle()
        assert (STATEFUL_SET, Key(SHOP, "prometheus-main-shard-1")) in world.client.objects
        assert world.loaded("prometheus-main-shard-1-0") == world.loaded()
        assert verdict(world.main()) == "Current"

    settled(prometheus(shards=2, shardRetentionPolicy={"whenScaled": "Retain"}), monitor())(scenario)


def test_nothing_is_pruned_while_a_configuration_is_held() -> None:
    async def scenario(world: World) -> None:
        from davit_prometheus_tests.engine_world import AWAY

        world.promtool.away = AWAY
        world.put(prometheus(shards=1, generation=2, scrapeInterval="1m"))
        await world.settle()
        assert (STATEFUL_SET, Key(SHOP, "prometheus-main-shard-1")) in world.client.objects
        assert not any(write.verb == "delete" for write in world.client.writes)

    settled(prometheus(shards=2), monitor())(scenario)


def test_no_pod_is_restarted_for_rules_that_a_held_configuration_would_bring(monkeypatch: pytest.MonkeyPatch) -> None:
    """A fourth ConfigMap of rules is another template, and it is not written."""

    async def scenario(world: World) -> None:
        before = world.live(STATEFUL_SET, "prometheus-main")["spec"]["template"]
        rules = world.live(CONFIG_MAP, "prometheus-main-rulefiles-0")["data"]
        (one,) = (len(name) + len(lines) for name, lines in rules.items() if name != "davit-live.yaml")
        monkeypatch.setattr(assembly, "SECRET_LIMIT", 100)
        monkeypatch.setattr(assembly, "RULES_LIMIT", one * 2)
        world.put(*(rule(f"r{number}") for number in range(8)))
        await world.settle()
        assert condition(world.main(), "ConfigLive") == ("False", "Held")
        assert world.live(STATEFUL_SET, "prometheus-main")["spec"]["template"] == before

    settled(prometheus(), monitor(), rule("r0"))(scenario)


@pytest.mark.parametrize("whose", ["a user's", "another Prometheus'"])
def test_guards_of_the_users_own_are_respected_and_those_of_another_prometheus_are_none(whose: str) -> None:
    async def scenario(world: World) -> None:
        pods = {"app.kubernetes.io/instance": "main"}
        more = {} if whose == "a user's" else {"labels": {"operator.prometheus.io/mode": "server"}}
        head = {"name": "own", "namespace": SHOP, **more}
        world.client.put(
            POD_DISRUPTION_BUDGET, {"metadata": head, "spec": {"selector": {"matchLabels": pods}, "maxUnavailable": 1}}
        )
        await world.later()
        ours = (POD_DISRUPTION_BUDGET, Key(SHOP, "prometheus-main")) in world.client.objects
        assert ours is (whose != "a user's")

    settled(prometheus(replicas=2), monitor())(scenario)


def container(name: str = "prometheus", *, ready: bool = True) -> dict[str, Any]:
    return {"name": name, "ready": ready, "containerID": name, "state": {"running": {}}}


@pytest.mark.parametrize(
    ("containers", "condition", "spoken_to"),
    [
        ([container()], "True", True),
        ([container(ready=False)], "False", False),
        ([container()], "False", False),
        ([container(), container("sidecar", ready=False)], "False", True),
        ([container(ready=False), container("sidecar")], "False", False),
    ],
)
def test_only_processes_that_answer_are_spoken_to(containers: list[dict[str, Any]], condition: str, spoken_to: bool) -> None:
    status = {"podIP": "10.0.0.1", "containerStatuses": containers, "conditions": [{"type": "Ready", "status": condition}]}
    manifest = {"metadata": {"name": "p", "namespace": SHOP, "uid": "u"}, "status": status}
    assert address_of(manifest, containers[0]) == ("10.0.0.1" if spoken_to else "")
    found = _pod(instance(), manifest)
    assert found.container == "prometheus"
    assert found.url == ("http://10.0.0.1:9090" if spoken_to else "")


@pytest.mark.parametrize(
    ("spec", "address", "url"),
    [
        ({}, "fd00::1", "http://[fd00::1]:9090"),
        ({"routePrefix": "/prometheus/"}, "10.0.0.1", "http://10.0.0.1:9090/prometheus"),
        ({"routePrefix": "prometheus"}, "10.0.0.1", "http://10.0.0.1:9090/prometheus"),
        ({"listenLocal": True}, "10.0.0.1", ""),
        ({}, "", ""),
    ],
)
def test_a_process_is_found_by_its_pods_address(spec: dict[str, Any], address: str, url: str) -> None:
    made: Instance = instance(spec)
    status = {"podIP": address, "containerStatuses": [container()]}
    assert _pod(made, {"metadata": {"name": "p", "namespace": SHOP, "uid": "u"}, "status": status}).url == url
