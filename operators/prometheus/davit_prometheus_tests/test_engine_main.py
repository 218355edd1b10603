from __future__ import annotations

from typing import Any

import pytest
from davit.errors import Fatal, Invalid
from davit.model import Key, Kind
from davit.process import Host
from davit.routing import Routes
from davit.settings import Settings
from davit.testing.fake_client import FakeClient
from davit_prometheus.admission import DEFAULT_IMAGE, Admission
from davit_prometheus.api.monitors import SERVICE_MONITOR
from davit_prometheus.api.prometheus import PROMETHEUS
from davit_prometheus.inventory import MAINS, MONITORS
from davit_prometheus.judge import Judge
from davit_prometheus.main import controllers

from davit_prometheus_tests.engine_world import AWAY, Promtool, monitor, prometheus, rule


def host(client: FakeClient | None = None, **settings: Any) -> Host:
    return Host(client or FakeClient(), lambda: True, "home", Settings(**settings))  # type: ignore[arg-type]


async def test_each_kind_has_a_controller_and_all_share_one_cache() -> None:
    async with controllers(host()) as found:
        assert [one.kind for one in found] == [*MAINS, *MONITORS]
        assert len({id(one.cache) for one in found}) == 1
        assert Routes(found).required == set()


async def test_a_prometheus_that_the_selector_does_not_mean_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DAVIT_INSTANCE_SELECTOR", "operator=davit")
    client = FakeClient()
    stored = client.put(PROMETHEUS, prometheus())
    async with controllers(host(client)) as found:
        assert found[0].cache is not None
        found[0].cache.expect(())
        found[0].cache.note(PROMETHEUS, "ADDED", stored)
        assert await found[0].reconcile(Key("shop", "main")) is None
    assert client.writes == []


async def test_a_selector_that_is_none_ends_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DAVIT_INSTANCE_SELECTOR", "a in b")
    with pytest.raises(Fatal, match="DAVIT_INSTANCE_SELECTOR"):
        async with controllers(host()):
            pass


async def test_a_rule_is_judged_when_it_is_applied_with_all_that_promql_can_be() -> None:
    promtool = Promtool()
    admission = Admission(Judge(promtool))
    assert list(await admission.check_rule(rule())) == []
    assert any("promql-experimental-functions" in str(argv) for argv, _ in promtool.asked)
    with pytest.raises(Invalid, match=r"spec.groups\[1\]"):
        await admission.check_rule(rule("slow", ("good", "up"), ("bad", "BAD")))


async def test_a_rule_is_let_in_with_a_warning_while_it_cannot_be_judged() -> None:
    promtool = Promtool(away=AWAY)
    (warning,) = await Admission(Judge(promtool)).check_rule(rule())
    assert "could not be checked now" in warning


async def test_a_monitor_is_judged_without_looking_at_secrets() -> None:
    from davit_prometheus.admission import check_monitor

    auth = {"username": {"name": "login", "key": "user"}, "password": {"name": "login", "key": "password"}}
    assert list(await check_monitor(monitor(endpoints=[{"port": "web", "basicAuth": auth}]))) == []
    with pytest.raises(Invalid):
        await check_monitor(monitor(endpoints=[{"port": "web", "interval": "10s", "scrapeTimeout": "20s"}]))
    assert "spec.typo" in str(await check_monitor(monitor(typo=1)))


def test_the_image_that_judges_is_the_one_a_prometheus_has_by_default() -> None:
    assert DEFAULT_IMAGE.startswith("quay.io/prometheus/prometheus:v")


@pytest.mark.parametrize("kind", [PROMETHEUS, SERVICE_MONITOR])
def test_every_kind_is_reviewed(kind: Kind) -> None:
    assert any(kind in endpoint.kinds for endpoint in Admission(Judge(Promtool())).endpoints())
