"""What is let in when it is applied: all that some Prometheus could use, and nothing that none could."""

from __future__ import annotations

from typing import Any

import pytest
from davit.errors import Invalid
from davit_prometheus.admission import check_monitor, check_prometheus
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from davit_prometheus_tests import monitors_strategies as made
from davit_prometheus_tests.engine_world import monitor, prometheus
from davit_prometheus_tests.monitors_world import ours, scope

PASSWORD = {"username": {"name": "later", "key": "user"}, "password": {"name": "later", "key": "word"}}
TOKEN = {"name": "later", "key": "token"}
CLIENT = {"cert": {"secret": {"name": "later", "key": "crt"}}, "keySecret": {"name": "later", "key": "key"}}
OAUTH2 = {"clientId": {"secret": TOKEN}, "clientSecret": TOKEN, "tokenUrl": "https://login.example"}
HALF_OPEN = [{"regex": "(", "targetLabel": "a"}]


def of_kind(kind: str, **spec: Any) -> dict[str, Any]:
    version = "v1alpha1" if kind == "ScrapeConfig" else "v1"
    metadata = {"name": "any", "namespace": "shop"}
    return {"apiVersion": f"monitoring.coreos.com/{version}", "kind": kind, "metadata": metadata, "spec": spec}


def monitors(job: dict[str, Any], **spec: Any) -> list[dict[str, Any]]:
    """The same settings in each kind that has jobs; `job` stands where an endpoint's do."""
    targets = {"prober": {"url": "prober:9115"}, "targets": {"staticConfig": {"static": ["shop.example"]}}}
    other = {"scrapeInterval": job["interval"]} if "interval" in job else {}
    settings = {key: value for key, value in job.items() if key != "interval"}
    return [
        monitor(endpoints=[{"port": "web", **job}], **spec),
        of_kind("PodMonitor", selector={}, podMetricsEndpoints=[{"port": "web", **job}], **spec),
        of_kind("Probe", **targets, **job, **spec),
        of_kind("ScrapeConfig", staticConfigs=[{"targets": ["shop:80"]}], **settings, **other, **spec),
    ]


async def refused(manifest: dict[str, Any]) -> str:
    check = check_prometheus if manifest["kind"].startswith("Prometheus") else check_monitor
    with pytest.raises(Invalid) as caught:
        await check(manifest)
    return str(caught.value)


@pytest.mark.parametrize("one", monitors({}, scrapeClass="mesh"), ids=lambda one: one["kind"])
async def test_a_scrape_class_may_be_named_since_some_prometheus_may_have_it(one: dict[str, Any]) -> None:
    assert list(await check_monitor(one)) == []


@pytest.mark.parametrize("one", monitors({"scrapeTimeout": "45s"}), ids=lambda one: one["kind"])
async def test_a_timeout_is_not_compared_with_an_interval_that_only_the_prometheus_knows(one: dict[str, Any]) -> None:
    assert list(await check_monitor(one)) == []


@pytest.mark.parametrize("one", monitors({"interval": "30s", "scrapeTimeout": "45s"}), ids=lambda one: one["kind"])
async def test_a_timeout_beyond_its_own_interval_is_refused(one: dict[str, Any]) -> None:
    assert "scrapeTimeout" in await refused(one)


@pytest.mark.parametrize("one", monitors({"authorization": {"type": "Bearer"}}), ids=lambda one: one["kind"])
async def test_credentials_may_be_those_of_a_scrape_class(one: dict[str, Any]) -> None:
    assert list(await check_monitor(one)) == []


@pytest.mark.parametrize("login", [{"basicAuth": PASSWORD}, {"authorization": {"credentials": TOKEN}}, {"oauth2": OAUTH2}])
@pytest.mark.parametrize("kind", range(4))
async def test_any_one_way_to_log_in_is_let_in(kind: int, login: dict[str, Any]) -> None:
    assert list(await check_monitor(monitors({**login, "tlsConfig": CLIENT})[kind])) == []


@pytest.mark.parametrize("one", monitors({"basicAuth": PASSWORD, "oauth2": OAUTH2}), ids=lambda one: one["kind"])
async def test_two_ways_to_log_in_are_refused_though_their_secrets_are_not_looked_at(one: dict[str, Any]) -> None:
    assert "keep one way to authenticate" in await refused(one)


@pytest.mark.parametrize("before", [{"basicAuth": PASSWORD}, {"tlsConfig": CLIENT}, {"bearerTokenSecret": TOKEN}])
async def test_what_follows_a_secret_is_judged_too(before: dict[str, Any]) -> None:
    assert "relabelings[0].regex" in await refused(monitor(endpoints=[{"port": "web", **before, "relabelings": HALF_OPEN}]))


async def test_a_secret_without_a_name_is_a_mistake_of_the_object() -> None:
    one = monitor(endpoints=[{"port": "web", "basicAuth": {**PASSWORD, "username": {"key": "user"}}}])
    assert "basicAuth.username: the name of the Secret is missing" in await refused(one)


async def test_a_prometheus_is_judged_without_looking_at_secrets() -> None:
    further = {"name": "later", "key": "list"}
    one = prometheus(
        remoteWrite=[{"url": "http://store/write", "basicAuth": PASSWORD, "tlsConfig": CLIENT}],
        alerting={"alertmanagers": [{"name": "alertmanager-operated", "port": "web", "authorization": {"credentials": TOKEN}}]},
        additionalScrapeConfigs=further,
        additionalAlertManagerConfigs=further,
        additionalAlertRelabelConfigs=further,
    )
    assert list(await check_prometheus(one)) == []


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ({"alerting": {"alertmanagers": [{"name": "", "port": "web"}]}}, "spec.alerting.alertmanagers[0].name"),
        ({"remoteWrite": [{"url": "http://store/write", "basicAuth": PASSWORD, "oauth2": OAUTH2}]}, "spec.remoteWrite[0]"),
        ({"remoteWrite": [{"url": "http://store/write", "writeRelabelConfigs": HALF_OPEN}]}, "writeRelabelConfigs[0].regex"),
        ({"tracingConfig": {"endpoint": ""}}, "spec.tracingConfig.endpoint"),
        ({"otlp": {"promoteResourceAttributes": [""]}}, "spec.otlp.promoteResourceAttributes[0]"),
    ],
)
async def test_an_entry_that_would_always_be_left_out_is_refused(spec: dict[str, Any], said: str) -> None:
    assert said in await refused(prometheus(**spec))


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(made.prometheuses(), st.one_of(made.monitors("ServiceMonitor"), made.monitors("PodMonitor"), made.probes()))
async def test_what_some_prometheus_takes_is_let_in(where: dict[str, Any], one: dict[str, Any]) -> None:
    if not ours(scope(where), one).faults:
        await check_monitor(one)
