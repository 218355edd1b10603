"""ScrapeConfigs as prometheus-operator 0.93 configures them, by meaning, on many versions."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from davit.crd import structural
from davit.monitoring.emit import text
from davit_prometheus.api.scrapeconfig import ScrapeConfigSpec
from davit_prometheus.config.discovery.table import Discovery
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ci.tools.table import TOOLS
from davit_prometheus_tests.monitors_world import Upstream, scope
from davit_prometheus_tests.monitors_world import jobs as written_jobs
from davit_prometheus_tests.promtools import every_release, promtool
from davit_prometheus_tests.scrape_config_samples import AUTHENTICATIONS, full, kinds, least, scrape_config, secrets
from davit_prometheus_tests.scrape_config_strategies import VERSIONS, entries, jobs, prometheuses
from davit_prometheus_tests.scrape_config_world import differences, meaning, prometheus, rendered, rendered_by, unlike

pytestmark = pytest.mark.differential
Json = dict[str, Any]
KINDS = {discovery.field: discovery for discovery in kinds()}
SLOW = settings(max_examples=250, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)

EXPLAINED = (
    # Prometheus refuses these, and so its whole configuration; prometheus-operator writes them all the same.
    r"we refuse spec\.kubernetesSDConfigs\[0\]\.apiServer: is missing: \w+ is for a server that is named",
    r"we refuse spec\.linodeSDConfigs\[0\]\.region: needs Prometheus 2\.52\.0",
    # prometheus-operator looks at neither with the other methods than OAuth.
    r"we refuse spec\.azureSDConfigs\[0\]\.(oauth2\.)?(noProxy|proxy\w+|basicAuth\.password|authorization\.type)",
    # Beside oauth2 nobody reads what is wrong here.
    r"upstream refuses it: IonosSDConfigs: \[0\]: 'authorization' type",
)
"""Differences that are meant."""


@pytest.fixture(scope="module")
def upstream() -> Iterator[Upstream]:
    running = Upstream()
    yield running
    running.close()


def unexplained(upstream: Upstream, spec: Json, of_prometheus: Json) -> list[str]:
    found = differences(upstream, spec, of_prometheus)
    return [each for each in found if not any(re.match(pattern, each) for pattern in EXPLAINED)]


@pytest.mark.parametrize("discovery", KINDS.values(), ids=KINDS)
def test_every_version_gets_what_upstream_gives_it(upstream: Upstream, discovery: Discovery) -> None:
    for version in VERSIONS:
        for entry in [*(full(discovery, method) for method in AUTHENTICATIONS), least(discovery)]:
            assert unexplained(upstream, {discovery.field: [entry]}, {"version": version}) == []


@pytest.mark.parametrize("version", ["2.45.0", "2.55.1", "3.13.2"])
@pytest.mark.parametrize("discovery", KINDS.values(), ids=KINDS)
def test_every_field_can_be_left_out(upstream: Upstream, discovery: Discovery, version: str) -> None:
    needed = least(discovery)
    for entry in (full(discovery, method) for method in AUTHENTICATIONS):
        for name in entry.keys() - needed.keys():
            without = {other: value for other, value in entry.items() if other != name}
            assert unexplained(upstream, {discovery.field: [without]}, {"version": version}) == []


@pytest.mark.parametrize("discovery", KINDS.values(), ids=KINDS)
def test_any_entry_is_as_upstream_writes_it(upstream: Upstream, discovery: Discovery) -> None:
    @SLOW
    @given(entry=entries(discovery), version=st.sampled_from(VERSIONS))
    def same(entry: Json, version: str) -> None:
        assert unexplained(upstream, {discovery.field: [entry]}, {"version": version}) == []

    same()


def test_any_job_is_as_upstream_writes_it(upstream: Upstream) -> None:
    @settings(SLOW, max_examples=3000)
    @given(spec=jobs(), of_prometheus=prometheuses())
    def same(spec: Json, of_prometheus: Json) -> None:
        targets = {"staticConfigs": [{"targets": ["a:1"]}]}
        assert unexplained(upstream, {**spec, **targets}, of_prometheus) == []

    same()


def test_an_object_without_targets_is_a_job_as_upstream_writes_it(upstream: Upstream) -> None:
    assert unexplained(upstream, {}, {"shards": 2}) == []
    assert unexplained(upstream, {discovery: [] for discovery in KINDS}, {}) == []


def test_all_discoveries_together_keep_upstreams_order(upstream: Upstream) -> None:
    spec = {field: [least(discovery), full(discovery)] for field, discovery in KINDS.items()}
    assert unexplained(upstream, spec, {}) == []
    answer = upstream.ask([prometheus(), scrape_config(spec), *secrets()])
    (theirs,) = [job for job in yaml.safe_load(answer["config"])["scrape_configs"] if job["job_name"].startswith("scrapeConfig/")]
    (ours,) = rendered(scrape_config(spec)).jobs
    assert list(ours.config) == list(theirs)


ZONES = {"mode": "Topology", "topology": {"values": ["a", "b"]}}


@pytest.mark.parametrize(
    ("of_prometheus", "agent", "topology"),
    [
        ({"shards": 3}, True, False),
        ({"shards": 4, "shardingStrategy": ZONES}, False, True),
        ({"shards": 4, "shardingStrategy": ZONES}, False, False),
        ({"shards": 2, "enforcedNamespaceLabel": "ns"}, True, False),
    ],
)
def test_targets_are_shared_as_upstream_shares_them(upstream: Upstream, of_prometheus: Json, agent: bool, topology: bool) -> None:
    resource = scrape_config({"jobName": "x", "staticConfigs": [{"targets": ["a:1"]}]})
    written = prometheus(of_prometheus, agent=agent)
    answer = upstream.ask([written, resource], topologySharding=topology)
    (theirs,) = [job for name, job in written_jobs(answer).items() if name.startswith("scrapeConfig/")]
    (ours,) = rendered_by(scope(written, topology=topology), resource).jobs
    assert list(unlike(meaning(theirs), meaning(ours.config), "")) == []


@pytest.mark.parametrize(
    "discovery", [each for each in KINDS.values() if each.field != "scalewaySDConfigs"], ids=lambda each: each.key
)
@every_release
def test_what_we_render_loads(release: str, discovery: Discovery) -> None:
    """Scaleway's SDK wants real keys; AWS' asks the instance that it runs on for a region."""
    found: list[Json] = []

    @SLOW
    @given(entry=entries(discovery), spec=jobs(), of_prometheus=prometheuses())
    def collect(entry: Json, spec: Json, of_prometheus: Json) -> None:
        region = {"region": "eu-1"} if discovery.field in ("ec2SDConfigs", "lightSailSDConfigs") else {}
        resource = scrape_config({**spec, discovery.field: [{**entry, **region}]})
        made = rendered(resource, {**of_prometheus, "version": release})
        found.extend({**job.config, "job_name": f"job-{len(found)}"} for job in made.jobs)

    collect()
    assert found or _number(discovery.since) > _number(release)
    assert promtool(release, text({"scrape_configs": found})) == ""


def _number(release: str) -> tuple[int, ...]:
    return tuple(map(int, release.split(".")))


def _upstream_schema() -> Json:
    found = subprocess.run(
        ["go", "list", "-m", "-f", "{{.Dir}}", "github.com/prometheus-operator/prometheus-operator"],
        cwd=TOOLS["prometheus-operator"].source, capture_output=True, text=True, check=True,
    )  # fmt: skip
    folder = Path(found.stdout.strip()) / "example" / "prometheus-operator-crd"
    definition = yaml.safe_load((folder / "monitoring.coreos.com_scrapeconfigs.yaml").read_text())
    spec: Json = definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]
    return spec


JUDGED = (
    "type", "enum", "pattern", "minLength", "maxLength", "minItems", "maxItems", "minimum", "maximum", "format", "required",
    "x-kubernetes-int-or-string", "x-kubernetes-list-map-keys",
)  # fmt: skip
OWN = {
    # We take an empty action for none, as the operator itself does.
    (".relabelings[].action", "enum"),
    (".metricRelabelings[].action", "enum"),
    # Quantities are bounded in length; what is none is told in status.
    (".nativeHistogramMinBucketFactor", "pattern"),
    (".nativeHistogramMinBucketFactor", "maxLength"),
    # The pattern asks for as much.
    (".dockerSwarmSDConfigs[].host", "minLength"),
}
"""Where our schema is meant to differ."""


def _schema_differences(theirs: Json, ours: Json, path: str) -> Iterator[str]:
    for word in JUDGED:
        one, other = theirs.get(word), ours.get(word)
        if word in ("enum", "required"):
            one, other = set(one or ()), set(other or ())
        if one != other and (path, word) not in OWN:
            yield f"{path} {word}: theirs is {one}, ours {other}"
    if (
        theirs.get("x-kubernetes-list-type") in ("set", "map")
        and theirs["x-kubernetes-list-type"] != ours["x-kubernetes-list-type"]
    ):
        yield f"{path}: theirs is a {theirs['x-kubernetes-list-type']}"
    below, own = theirs.get("properties", {}), ours.get("properties", {})
    yield from (f"{path}.{name}: {'ours' if name in own else 'theirs'} alone" for name in below.keys() ^ own.keys())
    for name in below.keys() & own.keys():
        yield from _schema_differences(below[name], own[name], f"{path}.{name}")
    for part in ("items", "additionalProperties"):
        if part in theirs:
            yield from _schema_differences(theirs[part], ours[part], f"{path}[]")


def test_our_schema_takes_what_upstreams_takes_and_nothing_else() -> None:
    assert list(_schema_differences(_upstream_schema(), structural(ScrapeConfigSpec), "")) == []
