from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection
from dataclasses import replace
from typing import Any

import pytest
from davit.errors import Transient
from davit.kube.kinds import CONFIG_MAP, POD, SECRET, SERVICE, STATEFUL_SET
from davit.model import Key, Manifest
from davit.routing import Target
from davit.status import verdict
from davit.testing.fake_client import Crash
from davit_prometheus import assembly
from davit_prometheus.api.monitors import SERVICE_MONITOR
from davit_prometheus.api.prometheus import PROMETHEUS, PROMETHEUS_AGENT
from davit_prometheus.api.rules import PROMETHEUS_RULE
from davit_tests import faketime

from davit_prometheus_tests.engine_world import AWAY, SHOP, World, condition, monitor, prometheus, rule, secret

MAIN = Target(PROMETHEUS, Key(SHOP, "main"))


def play(scenario: Callable[[World], Awaitable[None]]) -> None:
    async def run() -> None:
        await scenario(World())

    faketime.run(run())


def settled(*manifests: object) -> Callable[[Callable[[World], Awaitable[None]]], None]:
    """Play a scenario in a world where these objects were brought live."""

    def run(scenario: Callable[[World], Awaitable[None]]) -> None:
        async def whole(world: World) -> None:
            world.put(*manifests)  # type: ignore[arg-type]
            await world.settle()
            assert not world.errors
            world.client.writes.clear()
            await scenario(world)

        play(whole)

    return run


def names(world: World) -> list[str]:
    return [f"{write.verb} {write.kind} {write.name}" for write in world.client.writes]


def test_what_is_selected_comes_live_and_everybody_is_told() -> None:
    async def scenario(world: World) -> None:
        assert world.loaded() == ["serviceMonitor/shop/web/0"]
        assert len(world.process().rules) == 1
        assert condition(world.main(), "ConfigLive") == ("True", "Live")
        assert verdict(world.main()) == "Current"
        assert verdict(world.live(SERVICE_MONITOR, "web")) == "Current"
        assert world.live(PROMETHEUS_RULE, "slow")["status"]["bindings"][0]["jobs"] == ["one"]

    settled(prometheus(), monitor(), rule())(scenario)


def test_an_edit_writes_the_configuration_once_and_proves_it() -> None:
    async def scenario(world: World) -> None:
        world.put(monitor(generation=2, path="/other"))
        passes = await world.settle()
        assert "/other" in world.process().config
        assert names(world)[:2] == ["apply Secret prometheus-main", "patch Pod prometheus-main-0"]
        assert names(world).count("apply Secret prometheus-main") == 1
        assert passes.count(MAIN) <= 2

    settled(prometheus(), monitor())(scenario)


def test_a_process_that_read_prometheus_yaml_before_its_other_files_is_not_taken_for_live(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The kubelet watches each Secret by itself: what was written first need not reach it first."""
    monkeypatch.setattr(assembly, "INLINE_LIMIT", 0)

    async def scenario(world: World) -> None:
        (late,) = {key.name for kind, key in world.client.objects if kind == SECRET and "-scrape-" in key.name}
        world.late = {late}
        world.put(monitor(generation=2, path="/other"))
        world.feed()
        await world.one(MAIN)
        assert "not refreshed" in str(world.errors[MAIN])
        assert world.process().jobs == set()
        world.late = set()
        await world.settle()
        assert world.process().jobs == {"serviceMonitor/shop/web/0"}
        assert condition(world.main(), "ConfigLive") == ("True", "Live")

    settled(prometheus(), monitor())(scenario)


def test_a_new_job_is_live_before_its_targets_are_discovered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(assembly, "INLINE_LIMIT", 0)

    async def scenario(world: World) -> None:
        assert "metrics" not in world.servers.calls
        # In another file, so that of this one nothing was ever scraped.
        world.servers.scraped = set(world.process().jobs)
        reloads, began = world.process().reloads, faketime.now()
        world.put(monitor("api"))
        await world.settle()
        assert condition(world.main(), "ConfigLive") == ("True", "Live")
        assert world.process().reloads == reloads + 1
        assert faketime.now() - began < 1
        assert len([key for kind, key in world.client.objects if kind == SECRET and "-scrape-" in key.name]) == 2

    settled(prometheus(), monitor())(scenario)


def test_a_job_that_is_known_but_not_scraped_is_waited_for_without_reloading_all_the_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A process that just started, or a job of which no target was ever discovered."""
    monkeypatch.setattr(assembly, "INLINE_LIMIT", 0)

    async def scenario(world: World) -> None:
        world.servers.scraped = set()
        before = world.process().reloads
        world.put(monitor(generation=2, path="/other"))
        await world.settle()
        assert condition(world.main(), "ConfigLive") == ("True", "Live")
        assert world.process().reloads == before + 2

    settled(prometheus(), monitor())(scenario)


def test_what_no_object_has_room_for_is_held_and_said_and_what_runs_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario(world: World) -> None:
        before = world.process().config
        monkeypatch.setattr(assembly, "SECRET_LIMIT", 100)
        world.put(monitor(generation=2, path="/other"))
        await world.settle()
        assert world.process().config == before
        assert [name for name in names(world) if "Secret" in name] == []
        (live,) = (one for one in world.main()["status"]["conditions"] if one["type"] == "ConfigLive")
        assert (live["status"], live["reason"]) == ("False", "Held")
        assert "prometheus.yaml would have" in live["message"]
        monkeypatch.undo()
        assert world.due[MAIN] > 10
        await world.later()
        assert "/other" in world.process().config
        assert condition(world.main(), "ConfigLive") == ("True", "Live")

    settled(prometheus(), monitor())(scenario)


def test_nothing_is_written_for_what_is_settled_by_time_alone() -> None:
    async def scenario(world: World) -> None:
        for _ in range(3):
            await world.later()
        assert names(world) == []

    settled(prometheus(), monitor(), rule())(scenario)


def test_a_restart_of_the_operator_writes_nothing_whatever_comes_first() -> None:
    async def scenario(world: World) -> None:
        world.restart()
        world.feed()
        for target in sorted(world.queue, key=lambda target: target.kind in (PROMETHEUS, PROMETHEUS_AGENT)):
            del world.queue[target]
            await world.one(target)
        await world.settle()
        await world.later(3.0)
        assert names(world) == []
        assert not world.errors

    settled(prometheus(), prometheus("second"), prometheus("third", kind=PROMETHEUS_AGENT), monitor(), rule(), monitor("other"))(
        scenario
    )


def test_a_restart_while_promtool_is_away_writes_nothing_for_what_is_left_out() -> None:
    async def scenario(world: World) -> None:
        world.restart()
        world.promtool.away = AWAY
        await world.settle()
        for _ in range(3):
            await world.later(1.5)
        monitors = [name for name in names(world) if "Prometheus main" not in name]
        assert monitors == []
        assert world.jobs() == ["serviceMonitor/shop/good/0"]

    settled(prometheus(), monitor("good"), monitor("bad", path="/BAD"))(scenario)


def test_what_the_api_server_drops_is_not_applied_for_ever() -> None:
    async def scenario(world: World) -> None:
        assert "rollingUpdate" not in world.live(STATEFUL_SET, "prometheus-main")["spec"]["updateStrategy"]
        await world.later()
        assert [name for name in names(world) if "StatefulSet" in name] == []

    settled(prometheus(updateStrategy={"rollingUpdate": {"maxUnavailable": 2}}), monitor())(scenario)


def test_a_status_alone_wakes_no_prometheus() -> None:
    async def scenario(world: World) -> None:
        found = world.live(SERVICE_MONITOR, "web")
        world.client.put(SERVICE_MONITOR, {**found, "status": {**found["status"], "note": "by somebody else"}})
        assert MAIN not in await world.settle()

    settled(prometheus(), monitor())(scenario)


@pytest.mark.parametrize("change", ["deleted", "relabelled", "namespace"])
def test_a_monitor_that_is_no_longer_selected_leaves_the_configuration(change: str) -> None:
    async def scenario(world: World) -> None:
        if change == "deleted":
            world.remove(SERVICE_MONITOR, "web")
        elif change == "relabelled":
            world.put(monitor() | {"metadata": {**monitor()["metadata"], "labels": {"team": "b"}}})
        else:
            world.put({"kind": "Namespace", "metadata": {"name": SHOP, "labels": {"scrape": "no"}}})
        await world.settle()
        assert world.loaded() == []

    labelled = monitor() | {"metadata": {**monitor()["metadata"], "labels": {"team": "a"}}}
    settled(
        {"kind": "Namespace", "metadata": {"name": SHOP, "labels": {"scrape": "yes"}}},
        prometheus(
            serviceMonitorSelector={"matchLabels": {"team": "a"}},
            serviceMonitorNamespaceSelector={"matchLabels": {"scrape": "yes"}},
        ),
        labelled,
    )(scenario)


def test_a_monitor_that_nobody_takes_says_why() -> None:
    async def scenario(world: World) -> None:
        found = world.live(SERVICE_MONITOR, "web")
        assert condition(found, "Accepted") == ("False", "NotSelected")
        assert "label team must be 'a'" in found["status"]["selection"][0]

    settled(prometheus(serviceMonitorSelector={"matchLabels": {"team": "a"}}), monitor())(scenario)


def test_fields_that_nothing_reads_are_told_in_the_status_of_a_monitor() -> None:
    async def scenario(world: World) -> None:
        (binding,) = world.live(SERVICE_MONITOR, "web")["status"]["bindings"]
        assert any("spec.typo" in text for text in binding["ignored"])

    settled(prometheus(), monitor(typo=1))(scenario)


def test_a_secret_that_appears_rotates_and_vanishes_is_followed() -> None:
    async def scenario(world: World) -> None:
        assert world.loaded() == ["serviceMonitor/shop/open/0"]
        assert condition(world.live(SERVICE_MONITOR, "locked"), "Accepted") == ("False", "Rejected")
        world.put(secret("login", user="me", password="first"))
        await world.settle()
        assert "first" in world.process().config
        assert condition(world.live(SERVICE_MONITOR, "locked"), "Accepted")[0] == "True"
        world.put(secret("login", user="me", password="second"))
        await world.settle()
        assert "second" in world.process().config
        world.remove(SECRET, "login")
        await world.settle()
        assert world.loaded() == ["serviceMonitor/shop/open/0"]
        assert "second" not in world.texts()
        assert "first" not in world.texts()

    auth = {"username": {"name": "login", "key": "user"}, "password": {"name": "login", "key": "password"}}
    locked = monitor("locked", endpoints=[{"port": "web", "basicAuth": auth}])
    settled(prometheus(), monitor("open"), locked)(scenario)


def test_a_prometheus_that_goes_is_forgotten_and_its_monitors_are_told() -> None:
    async def scenario(world: World) -> None:
        world.remove(PROMETHEUS, "main")
        await world.settle()
        assert world.inventory.memories == {}
        assert condition(world.live(SERVICE_MONITOR, "web"), "Accepted") == ("False", "NotSelected")

    settled(prometheus(), monitor())(scenario)


def test_a_prometheus_that_vanished_unseen_is_forgotten_when_the_listing_shows_it() -> None:
    async def scenario(world: World) -> None:
        world.remove(PROMETHEUS, "main")
        del world._seen[PROMETHEUS, Key(SHOP, "main")]
        await world.inventory.cache._fill(PROMETHEUS, world.client, (None,))
        await world.settle()
        assert world.inventory.memories == {}
        assert condition(world.live(SERVICE_MONITOR, "web"), "Accepted") == ("False", "NotSelected")

    settled(prometheus(), monitor())(scenario)


def test_a_prometheus_made_anew_under_its_name_inherits_nothing() -> None:
    async def scenario(world: World) -> None:
        before = world.inventory.memory(PROMETHEUS, MAIN.key)
        anew = prometheus(generation=1)
        anew["metadata"]["uid"] = "another"
        world.put(anew)
        await world.settle()
        assert world.inventory.memory(PROMETHEUS, MAIN.key) is not before

    settled(prometheus(), monitor())(scenario)


def test_prometheus_objects_of_a_namespace_share_the_governing_service() -> None:
    async def scenario(world: World) -> None:
        owners = [ref["name"] for ref in world.live(SERVICE, "prometheus-operated")["metadata"]["ownerReferences"]]
        assert owners == ["main", "second"]
        world.remove(PROMETHEUS, "second")
        await world.settle()
        owners = [ref["name"] for ref in world.live(SERVICE, "prometheus-operated")["metadata"]["ownerReferences"]]
        assert owners == ["main"]

    settled(prometheus(), prometheus("second"))(scenario)


def test_a_shard_that_is_scaled_away_is_no_trouble_while_its_pod_still_runs() -> None:
    async def scenario(world: World) -> None:
        world.put(prometheus(shards=1, generation=2))
        world.feed()
        await world.one(MAIN)
        assert not world.errors
        assert (STATEFUL_SET, Key(SHOP, "prometheus-main-shard-1")) not in world.client.objects
        await world.settle()
        assert not world.errors
        assert verdict(world.main()) == "Current"

    settled(prometheus(shards=2), monitor())(scenario)


def test_each_shard_gets_its_own_number() -> None:
    async def scenario(world: World) -> None:
        regexes = {
            shard: world.config(name)["scrape_configs"][0]["relabel_configs"][-1]["regex"]
            for shard, name in enumerate(("prometheus-main", "prometheus-main-shard-1"))
        }
        assert "$(SHARD)" not in str(regexes)
        assert regexes[0] != regexes[1]
        assert world.loaded("prometheus-main-shard-1-0") == world.loaded()

    settled(prometheus(shards=2), monitor())(scenario)


def test_a_failing_listing_empties_no_configuration() -> None:
    async def scenario(world: World) -> None:
        async def broken(*_: object, **__: object) -> None:
            raise Transient("the API server is away")

        whole, world.client.list = world.client.list, broken  # type: ignore[method-assign, assignment]
        with pytest.raises(Transient):
            await world.inventory.cache._fill(SERVICE_MONITOR, world.client, (None,))
        world.wake(MAIN.kind, MAIN.key)
        await world.settle()
        assert isinstance(world.errors[MAIN], Transient)
        world.client.list = whole  # type: ignore[method-assign]
        await world.later(1.0)
        assert world.jobs() == ["serviceMonitor/shop/web/0"]
        assert names(world) == []

    settled(prometheus(), monitor())(scenario)


@pytest.mark.parametrize("before", [True, False])
@pytest.mark.parametrize("number", range(1, 5))
def test_a_crash_at_any_write_of_an_edit_is_made_good_by_the_next_process(number: int, before: bool) -> None:
    async def scenario(world: World) -> None:
        world.put(monitor(generation=2, path="/other"), rule("slow", ("one", "down"), generation=2))
        world.client.fail_write(number, before=before)
        with pytest.raises(Crash):
            await world.settle()
        world.restart()
        await world.settle()
        await world.later(3.0)
        assert "/other" in world.process().config
        assert "down" in str(world.process().files)
        assert verdict(world.main()) == "Current"
        assert world.live(CONFIG_MAP, "prometheus-main-rulefiles-0")

    settled(prometheus(), monitor(), rule())(scenario)


def test_a_process_that_is_away_holds_nobody_up_and_is_not_asked_all_the_time() -> None:
    async def scenario(world: World) -> None:
        world.process("prometheus-main-1").away = True
        pod = world.pod("prometheus-main-1")
        status = {**pod["status"], "conditions": [{"type": "Ready", "status": "False"}]}
        status["containerStatuses"] = [{**status["containerStatuses"][0], "ready": False}]
        world.client.put(POD, {**pod, "status": status})
        await world.settle()
        began = world.clock()
        world.servers.calls.clear()
        world.put(monitor(generation=2, path="/other"))
        await world.settle()
        assert "/other" in world.process().config
        assert world.clock() - began < 1.0
        assert world.due[MAIN] > 5.0

    settled(prometheus(replicas=2), monitor())(scenario)


def test_a_process_that_is_cut_off_is_told_and_holds_nobody_up() -> None:
    """Its kubelet says that it is well, only we don't reach it."""

    async def scenario(world: World) -> None:
        away, well = world.process("prometheus-main-1"), world.process()
        away.away = True
        world.put(monitor(generation=2, path="/other"))
        await world.settle()
        assert "/other" in well.config
        assert condition(world.main(), "ConfigLive") == ("False", "Loading")
        assert "not loaded yet by pod prometheus-main-1: " in str(world.main()["status"]["conditions"])
        began = world.clock()
        world.servers.calls.clear()
        world.put(monitor(generation=3, path="/third"))
        await world.settle()
        assert "/third" in well.config
        assert world.clock() - began < 1.0
        assert "answers" in world.servers.calls
        assert "does not answer the operator" in str(world.main()["status"]["conditions"])
        world.servers.refused.add("/fourth")
        world.put(monitor(generation=4, path="/fourth"))
        await world.settle()
        await world.later(5.0)
        assert "/third" in well.config
        assert "/third" in world.file()
        world.put(monitor(generation=5, path="/third"))
        await world.settle()
        away.away = False
        await world.later(3.0)
        assert "/third" in away.config
        assert condition(world.main(), "ConfigLive") == ("True", "Live")

    settled(prometheus(replicas=2), monitor())(scenario)


def test_pods_that_do_not_run_are_waited_for_without_haste() -> None:
    async def scenario(world: World) -> None:
        world.pending.add("prometheus-main-0")
        world.put(prometheus())
        await world.settle()
        assert condition(world.main(), "Ready") == ("False", "PodsNotReady")
        assert "ImagePullBackOff" in str(world.main()["status"]["conditions"])
        assert verdict(world.main()) == "InProgress"
        assert world.due[MAIN] > 5.0

    play(scenario)


def test_a_process_that_listens_on_localhost_only_is_left_alone() -> None:
    async def scenario(world: World) -> None:
        world.put(monitor(generation=2, path="/other"))
        await world.settle()
        assert world.servers.calls == []
        assert condition(world.main(), "ConfigLive") == ("Unknown", "NotReachable")
        assert world.due[MAIN] > 5.0
        world.client.writes.clear()
        await world.later()
        assert names(world) == []

    settled(prometheus(listenLocal=True), monitor())(scenario)


def test_what_is_there_is_read_while_promtool_is_asked() -> None:
    async def scenario(world: World) -> None:
        asked = asyncio.Event()
        judge, listed = world.promtool.judge, world.client.list

        async def judging(*question: Any) -> str | None:
            asked.set()
            return await judge(*question)

        async def reading(*args: Any, **more: Any) -> list[Manifest]:
            async with asyncio.timeout(5):
                await asked.wait()
            return await listed(*args, **more)

        world.promtool.judge, world.client.list = judging, reading  # type: ignore[method-assign, assignment]
        world.put(monitor(generation=2, path="/other"))
        await world.settle()
        assert "/other" in world.process().config

    settled(prometheus(), monitor())(scenario)


def test_a_pass_that_can_not_read_what_is_there_writes_nothing() -> None:
    async def scenario(world: World) -> None:
        async def reading(*args: Any, **more: Any) -> list[Manifest]:
            raise Transient("no answer")

        listed, world.client.list = world.client.list, reading  # type: ignore[method-assign]
        world.client.writes.clear()
        world.put(monitor(generation=2, path="/other"))
        await world.settle()
        assert names(world) == []
        assert isinstance(world.errors[MAIN], Transient)
        world.client.list = listed  # type: ignore[method-assign]
        await world.later(1.0)
        assert "/other" in world.process().config

    settled(prometheus(), monitor())(scenario)


def test_a_digest_tells_nobody_what_it_is_of() -> None:
    async def scenario(world: World) -> None:
        digests = {world.main(name)["status"]["config"]["digest"] for name in ("main", "twin")}
        assert len(digests) == 2
        world.client.writes.clear()
        world.restart()
        await world.settle()
        assert names(world) == []
        assert {world.main(name)["status"]["config"]["digest"] for name in ("main", "twin")} == digests

    same: dict[str, Any] = {"prometheusExternalLabelName": "", "replicaExternalLabelName": ""}
    settled(prometheus(**same), prometheus("twin", **same), monitor())(scenario)


def test_a_paused_prometheus_is_not_touched() -> None:
    async def scenario(world: World) -> None:
        world.put(monitor(generation=2, path="/other"))
        await world.settle()
        assert "/other" not in world.file()

    settled(prometheus(paused=False), monitor())(lambda world: _pause(world, scenario))


async def _pause(world: World, scenario: Callable[[World], Awaitable[None]]) -> None:
    world.put(prometheus(paused=True, generation=2))
    await world.settle()
    await scenario(world)


def test_a_stateful_set_on_its_way_out_is_waited_for_and_made_anew() -> None:
    async def scenario(world: World) -> None:
        found = world.live(STATEFUL_SET, "prometheus-main")
        found["metadata"]["finalizers"] = ["orphan"]
        world.put(prometheus(podManagementPolicy="OrderedReady", generation=2))
        await world.settle()
        assert "deletionTimestamp" in world.live(STATEFUL_SET, "prometheus-main")["metadata"]
        assert 0 < world.due[MAIN] <= 5.0
        assert names(world).count("delete StatefulSet prometheus-main") == 1
        del world.client.objects[STATEFUL_SET, Key(SHOP, "prometheus-main")]
        await world.later(5.0)
        assert world.live(STATEFUL_SET, "prometheus-main")["spec"]["podManagementPolicy"] == "OrderedReady"

    settled(prometheus(), monitor())(scenario)


def test_a_stateful_set_stays_when_the_api_server_would_not_take_its_successor() -> None:
    async def scenario(world: World) -> None:
        uid = world.live(STATEFUL_SET, "prometheus-main")["metadata"]["uid"]
        world.client.refused = "OrderedReady"
        world.put(prometheus(podManagementPolicy="OrderedReady", generation=2))
        await world.settle()
        assert world.live(STATEFUL_SET, "prometheus-main")["metadata"]["uid"] == uid
        assert condition(world.main(), "Ready") == ("False", "Rejected")
        assert condition(world.main(), "Available") == ("True", "")
        # Monitors go live meanwhile.
        world.put(monitor(generation=2, path="/other"))
        await world.settle()
        assert "/other" in world.process().config
        assert condition(world.main(), "ConfigLive") == ("True", "Live")
        assert condition(world.main(), "Ready") == ("False", "Rejected")
        world.put(prometheus(generation=3))
        await world.settle()
        assert condition(world.main(), "Ready") == ("True", "AllLive")

    settled(prometheus(), monitor())(scenario)


def test_an_invalid_spec_is_told_and_what_runs_is_kept() -> None:
    async def scenario(world: World) -> None:
        world.put(prometheus(version="1.0.0", generation=2))
        await world.settle()
        assert verdict(world.main()) == "Failed"
        assert world.jobs() == ["serviceMonitor/shop/web/0"]

    settled(prometheus(), monitor())(scenario)


def test_a_secret_of_somebody_else_with_the_name_is_never_overwritten() -> None:
    async def scenario(world: World) -> None:
        world.put(prometheus())
        world.client.put(SECRET, secret("prometheus-main", prometheus_yaml="global: {}\n"))
        own = world.live(SECRET, "prometheus-main")
        await world.settle()
        assert world.live(SECRET, "prometheus-main")["data"] == own["data"]
        assert condition(world.main(), "Ready") == ("False", "NameTaken")

    play(scenario)


def test_provers_of_images_that_no_prometheus_has_any_more_go() -> None:
    async def scenario(world: World) -> None:
        kept: list[set[str]] = []

        async def retire(images: Collection[str]) -> None:
            kept.append(set(images))
            if len(kept) == 1:
                raise Transient("away")

        world.mains[PROMETHEUS] = replace(world.mains[PROMETHEUS], retire=retire)
        world.remove(PROMETHEUS, "second")
        await world.settle()
        assert kept == [{"quay.io/prometheus/prometheus:v3.5.0"}] * 2

    settled(prometheus(), prometheus("second", version="3.6.0"))(scenario)
