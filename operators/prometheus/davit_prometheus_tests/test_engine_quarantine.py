from __future__ import annotations

import re
from typing import Any

import pytest
from davit.errors import Blocked
from davit.kube.kinds import CONFIG_MAP, SECRET
from davit.model import Key
from davit.monitoring.prover import Unanswered
from davit.testing.builders import resource
from davit_prometheus.api.monitors import POD_MONITOR, SERVICE_MONITOR
from davit_prometheus.api.prometheus import PROMETHEUS_AGENT
from davit_prometheus.api.rules import PROMETHEUS_RULE
from davit_prometheus.observe import PATIENCE

from davit_prometheus_tests.engine_world import AWAY, SHOP, World, condition, monitor, prometheus, rule, secret
from davit_prometheus_tests.test_engine_passes import MAIN, names, play, settled


def test_only_the_endpoint_that_promtool_refuses_is_left_out() -> None:
    async def scenario(world: World) -> None:
        assert world.loaded() == ["serviceMonitor/shop/mixed/0", "serviceMonitor/shop/web/0"]
        found = world.live(SERVICE_MONITOR, "mixed")
        assert condition(found, "Accepted") == ("False", "Rejected")
        (binding,) = found["status"]["bindings"]
        assert binding["rejected"] == [{"path": "spec.endpoints[1]", "message": "it says BAD"}]
        assert binding["conditions"][0]["reason"] == "PartlyAccepted"
        assert condition(world.live(SERVICE_MONITOR, "web"), "Accepted")[0] == "True"
        assert condition(world.main(), "Ready") == ("True", "AllLive")
        assert [one["name"] for one in world.main()["status"]["quarantined"]] == ["mixed"]
        assert any(notice.warning and "spec.endpoints[1]" in notice.message for notice in world.client.events)

    endpoints = [{"port": "web"}, {"port": "web", "path": "/BAD"}]
    settled(prometheus(), monitor(), monitor("mixed", endpoints=endpoints))(scenario)


@pytest.mark.parametrize("bad", ["BAD", "NOYAML"])
def test_only_the_group_that_promtool_refuses_is_left_out(bad: str) -> None:
    async def scenario(world: World) -> None:
        files = world.live(CONFIG_MAP, "prometheus-main-rulefiles-0")["data"]
        assert "first" in str(files)
        assert "third" in str(files)
        assert "second" not in str(files)
        (binding,) = world.live(PROMETHEUS_RULE, "slow")["status"]["bindings"]
        assert binding["jobs"] == ["first", "third"]
        assert [one["path"] for one in binding["rejected"]] == ["spec.groups[1]"]

    settled(prometheus(), rule("slow", ("first", "up"), ("second", f"{bad} up"), ("third", "down")))(scenario)


def test_what_was_judged_is_not_judged_again() -> None:
    async def scenario(world: World) -> None:
        asked = len(world.promtool.asked)
        await world.later()
        assert len(world.promtool.asked) == asked
        world.put(monitor(generation=2, path="/other"))
        await world.settle()
        assert len(world.promtool.asked) == asked + 1

    settled(prometheus(), monitor(), monitor("bad", path="/BAD"), rule())(scenario)


def test_a_rule_that_names_another_group_in_its_text_spoils_only_itself() -> None:
    async def scenario(world: World) -> None:
        honest = world.promtool._rules

        def quoting(text: str) -> str | None:
            said = honest(text)
            return said and said + '\n/dev/stdin: 5:11: group "g0", rule 1, "x": so it says'

        world.promtool._rules = quoting  # type: ignore[method-assign]
        world.put(rule("good", ("one", "down"), generation=1), rule("evil", ("one", "BAD"), generation=1))
        await world.settle()
        assert condition(world.live(PROMETHEUS_RULE, "good"), "Accepted") == ("True", "InUse")
        assert condition(world.live(PROMETHEUS_RULE, "evil"), "Accepted") == ("False", "Rejected")
        names = re.findall(r"- name: (\S+?)\\n", str(world.promtool.asked))
        assert names
        assert all(re.fullmatch(r"g[0-9a-f]{16}-\d+", name) for name in names), names

    settled(prometheus())(scenario)


def test_a_change_waits_for_promtool_and_what_runs_stays() -> None:
    async def scenario(world: World) -> None:
        world.promtool.away = AWAY
        world.put(monitor(generation=2, path="/other"))
        await world.settle()
        assert "/other" not in world.file()
        assert condition(world.main(), "Ready") == ("False", "ConfigHeld")
        assert condition(world.main(), "ConfigLive") == ("False", "Held")
        world.promtool.away = None
        await world.later(1.0)
        assert "/other" in world.process().config
        assert condition(world.main(), "Ready") == ("True", "AllLive")

    settled(prometheus(), monitor())(scenario)


def test_what_takes_promtool_away_is_never_published_unproved() -> None:
    async def scenario(world: World) -> None:
        world.promtool.away = Unanswered("the prover broke off")
        world.put(monitor(generation=2, path="/other"))
        await world.settle()
        world.promtool.away = AWAY
        for _ in range(3):
            await world.later(PATIENCE)
        assert "/other" not in world.file()
        assert condition(world.main(), "ConfigLive") == ("False", "Held")
        world.promtool.away = None
        await world.later(1.0)
        assert "/other" in world.process().config
        # The next time that it is just away counts anew.
        world.promtool.away = AWAY
        world.put(monitor(generation=3, path="/third"))
        await world.settle()
        for _ in range(2):
            await world.later(PATIENCE)
        assert "/third" in world.file()

    settled(prometheus(), monitor())(scenario)


def test_what_promtool_refused_before_stays_out_when_it_is_away_for_long() -> None:
    async def scenario(world: World) -> None:
        world.promtool.away = Blocked("Forbidden", "pods/exec is needed")
        world.put(monitor(generation=2, path="/other"))
        await world.settle()
        assert "/other" in world.process().config
        assert "BAD" not in world.process().config
        assert "not checked" in str(world.main()["status"]["conditions"])

    bad = {"url": "http://BAD.example"}
    settled(prometheus(remoteWrite=[{"url": "http://good.example"}, bad]), monitor(), monitor("bad", path="/BAD"))(scenario)


def test_a_destination_that_promtool_refuses_is_left_out_and_named() -> None:
    async def scenario(world: World) -> None:
        assert [one["url"] for one in world.config()["remote_write"]] == ["http://good.example"]
        assert world.main()["status"]["quarantined"] == [{"path": "spec.remoteWrite[0]", "message": "it says BAD"}]

    settled(prometheus(remoteWrite=[{"url": "http://BAD.example"}, {"url": "http://good.example"}]), monitor())(scenario)


def test_the_last_good_configuration_is_put_back_when_the_process_refuses_the_new_one() -> None:
    async def scenario(world: World) -> None:
        world.servers.refused.add("/poison")
        world.put(monitor(generation=2, path="/poison"))
        await world.settle()
        assert condition(world.main(), "ConfigLive") == ("False", "ReloadRefused")
        await world.later(1.5)
        assert "/poison" not in world.file()
        assert "/metrics" in world.process().config
        assert condition(world.main(), "Ready") == ("False", "ConfigHeld")
        world.put(monitor(generation=3, path="/cure"))
        await world.settle()
        await world.later(1.5)
        assert "/cure" in world.process().config
        assert condition(world.main(), "Ready") == ("True", "AllLive")

    settled(prometheus(), monitor())(scenario)


def test_the_last_good_configuration_survives_a_restart_of_the_operator() -> None:
    async def scenario(world: World) -> None:
        world.servers.refused.add("/poison")
        world.put(monitor(generation=2, path="/poison"), rule("slow", ("one", "up"), ("two", "down"), generation=2))
        world.restart()
        await world.settle()
        await world.later(1.5)
        assert "/poison" not in world.file()
        assert "/metrics" in world.file()
        assert condition(world.main(), "Ready") == ("False", "ConfigHeld")

    settled(prometheus(), monitor(), rule())(scenario)


def test_files_that_the_last_good_configuration_reads_are_put_back_with_it() -> None:
    async def scenario(world: World) -> None:
        world.servers.refused.add("/poison")
        world.put(monitor(generation=2, path="/poison", endpoints=[_endpoint("second", "/poison")]))
        await world.settle()
        for _ in range(3):
            await world.later(1.5)
        assert "0_shop_first_ca" in world.file()
        assert "0_shop_first_ca" in world.live(SECRET, "prometheus-main-tls-assets-0")["data"]
        world._give(Key(SHOP, "prometheus-main-0"), world.process())
        world.servers.load(world.process())

    settled(prometheus(), *_authorities(), monitor(endpoints=[_endpoint("first", "/metrics")]))(scenario)


def test_files_that_nothing_reads_any_more_go() -> None:
    async def scenario(world: World) -> None:
        world.put(monitor(generation=2, endpoints=[_endpoint("second", "/metrics")]))
        await world.settle()
        await world.later(1.5)
        assert set(world.live(SECRET, "prometheus-main-tls-assets-0")["data"]) == {"0_shop_second_ca"}

    settled(prometheus(), *_authorities(), monitor(endpoints=[_endpoint("first", "/metrics")]))(scenario)


def _authorities() -> tuple[object, ...]:
    from davit_prometheus_tests.scrape_config_certificates import CERTIFICATE

    return secret("first", ca=CERTIFICATE), secret("second", ca=CERTIFICATE)


def _endpoint(name: str, path: str) -> dict[str, object]:
    return {"port": "web", "path": path, "scheme": "https", "tlsConfig": {"ca": {"secret": {"name": name, "key": "ca"}}}}


def test_a_process_that_refuses_the_configuration_is_asked_what_it_runs() -> None:
    async def scenario(world: World) -> None:
        process = world.process()
        load = world.servers.load

        def half(process: object) -> None:
            load(process)  # type: ignore[arg-type]
            if "/poison" in world.process().config:
                from davit.monitoring.live import Refused

                raise Refused("failed to reload config: one part of it")

        world.servers.load = half  # type: ignore[method-assign]
        world.put(monitor(generation=2, path="/poison"))
        await world.settle()
        await world.later(1.5)
        assert "/poison" not in process.config

    settled(prometheus(), monitor())(scenario)


def test_a_rule_too_large_for_any_object_spoils_only_itself() -> None:
    async def scenario(world: World) -> None:
        assert not world.errors
        (binding,) = world.live(PROMETHEUS_RULE, "huge")["status"]["bindings"]
        assert [one["path"] for one in binding["rejected"]] == ["spec.groups[1]"]
        assert "small" in str(world.live(CONFIG_MAP, "prometheus-main-rulefiles-0")["data"])
        for (kind, _), one in world.client.objects.items():
            if kind == CONFIG_MAP:
                assert sum(len(text) for text in one["data"].values()) < 1_048_576

    huge = rule("huge", ("small", "up"), ("large", " + ".join(["up"] * 200_000)))
    settled(prometheus(), huge, rule())(scenario)


def test_a_job_too_large_for_any_object_spoils_only_itself() -> None:
    async def scenario(world: World) -> None:
        assert not world.errors
        assert world.jobs() == ["serviceMonitor/shop/web/0"]
        assert condition(world.live(SERVICE_MONITOR, "huge"), "Accepted") == ("False", "Rejected")

    settled(prometheus(), monitor("huge", path="/" + "x" * 1_000_000), monitor())(scenario)


def test_an_additional_job_with_the_name_of_a_monitors_job_is_left_out() -> None:
    async def scenario(world: World) -> None:
        assert world.jobs() == ["serviceMonitor/shop/web/0", "mine"]
        (one,) = world.main()["status"]["quarantined"]
        assert one["path"].startswith("spec.additionalScrapeConfigs")
        assert "serviceMonitor/shop/web/0" in one["message"]

    text = "- job_name: serviceMonitor/shop/web/0\n- job_name: mine\n"
    settled(prometheus(additionalScrapeConfigs={"name": "more", "key": "jobs"}), secret("more", jobs=text), monitor())(scenario)


def test_additional_jobs_of_an_agent_follow_those_of_pod_monitors() -> None:
    async def scenario(world: World) -> None:
        assert world.jobs("prom-agent-main") == ["podMonitor/shop/pods/0", "mine", "serviceMonitor/shop/web/0"]

    pods = resource(POD_MONITOR, "pods", {"selector": {}, "podMetricsEndpoints": [{"port": "web"}]}, namespace=SHOP, uid="u")
    agent = prometheus(kind=PROMETHEUS_AGENT, additionalScrapeConfigs={"name": "more", "key": "jobs"})
    settled(agent, secret("more", jobs="- job_name: mine\n"), monitor(), pods)(scenario)


def test_nothing_of_a_secret_is_told_to_those_who_may_not_read_it() -> None:
    async def scenario(world: World) -> None:
        def config(text: str) -> str | None:
            if "hunter2" not in text:
                return None
            return (
                "FAILED: parsing YAML file /dev/stdin: yaml: unmarshal errors:\n  line 5: cannot unmarshal !!str `hunter2...`"
                ' into config.plain; parse "http://me:hunter2@there:x": invalid port'
            )

        world.promtool.config = config  # type: ignore[method-assign]
        world.put(secret("more", jobs="- job_name: mine\n  basic_auth: hunter2\n- job_name: other\n"))
        await world.settle()
        assert world.jobs() == ["other"]
        assert "mine" in world.texts()
        assert "hunter2" not in world.texts()

    settled(prometheus(additionalScrapeConfigs={"name": "more", "key": "jobs"}))(scenario)


def test_a_refusal_of_the_process_tells_nothing_of_a_secret() -> None:
    async def scenario(world: World) -> None:
        world.servers.refused.add("`hunter2`")
        world.put(monitor(generation=2, path="/`hunter2`"))
        await world.settle()
        await world.later(1.5)
        assert condition(world.main(), "ConfigLive") == ("False", "ReloadRefused")
        assert "hunter2" not in "".join(
            str(one) for one in (world.main()["status"], *(n for n in world.client.events if n.reason == "ReloadRefused"))
        )

    settled(prometheus(), monitor())(scenario)


def test_the_first_configuration_waits_for_nobody_and_holds_only_what_cannot_be_wrong() -> None:
    async def scenario(world: World) -> None:
        world.promtool.away = AWAY
        world.put(prometheus(), monitor(path="/BAD"), monitor("good"))
        await world.settle()
        assert world.jobs() == []
        world.promtool.away = None
        await world.later(1.5)
        assert world.loaded() == ["serviceMonitor/shop/good/0"]

    play(scenario)


def test_a_configuration_that_its_user_writes_is_left_as_it_is() -> None:
    async def scenario(world: World) -> None:
        found = world.live(SECRET, "prometheus-main")
        found["data"] = secret("x", prometheus_yaml="global: {}\n")["data"]
        unmanaged: dict[str, Any] = {
            f"{kind}Selector": None for kind in ("serviceMonitor", "podMonitor", "probe", "scrapeConfig")
        }
        world.put(prometheus(generation=2, **unmanaged))
        await world.settle()
        await world.later(3.0)
        assert world.file() == "global: {}\n"
        assert not world.errors
        assert MAIN not in [target for target, at in world.due.items() if at < 5.0]
        assert "apply Secret prometheus-main" not in names(world)
        assert (SECRET, Key(SHOP, "prometheus-main")) in world.client.objects
        assert condition(world.main(), "Ready") == ("True", "Unmanaged")
        assert condition(world.main(), "ConfigLive") == ("Unknown", "Unmanaged")

    settled(prometheus(), monitor())(scenario)
