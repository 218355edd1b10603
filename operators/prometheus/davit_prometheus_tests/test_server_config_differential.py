"""Our top level against that of prometheus-operator 0.93, by meaning; and what we write against Prometheus' own loader."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import yaml
from davit.model import Manifest
from davit.monitoring import emit
from davit_prometheus.config.server import render_server
from davit_prometheus.model import POD_NAME, Json, Top
from davit_prometheus.validate import validate
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ci.tools.build import path
from davit_prometheus_tests.promtools import every_release, promtool
from davit_prometheus_tests.server_cases import AGENTS, CASES
from davit_prometheus_tests.server_made import assets, prometheus, secrets
from davit_prometheus_tests.server_specs import AGENT, GENERATED, SERVER, VERSIONS

pytestmark = pytest.mark.differential
Ask = Callable[[list[Manifest]], Json]
Answer = tuple[Json, str]
LINES = ("2.45.0", "2.53.0", "3.0.0", "3.5.0", "3.13.2")
SLOW = settings(max_examples=200, derandomize=True, deadline=None, suppress_health_check=list(HealthCheck))


@pytest.fixture(scope="module")
def upstream() -> Iterator[Ask]:
    """What prometheus-operator answers to a Prometheus and its Secrets."""
    program = os.environ.get("DAVIT_PROMDIFF") or path("prometheus-operator", "promdiff")
    with subprocess.Popen([program, "-batch"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin
        assert process.stdout
        pipes = process.stdin, process.stdout

        def ask(documents: list[Manifest]) -> Json:
            pipes[0].write(json.dumps({"documents": documents, "options": {"topologySharding": True}}) + "\n")
            pipes[0].flush()
            answer: Json = json.loads(pipes[1].readline())
            return answer

        yield ask
        process.stdin.close()


class Loader(yaml.CSafeLoader):
    """YAML 1.1 in which = alone is text, as it is to Go."""


Loader.add_constructor("tag:yaml.org,2002:value", lambda _, node: node.value)


def rendered(resource: Manifest, objects: list[Manifest]) -> tuple[Top, Json]:
    """What we make of it, jobs in their place."""
    top = render_server(validate(resource).scope, assets(objects))
    return top, {**top.config, "scrape_configs": [job.config for job in top.jobs]}


def meaning(config: Json, expanded: bool = False) -> Json:
    """In one shape: the default action said, no rule files, the pod's name as prometheus-operator writes it."""
    labels = config["global"]["external_labels"]
    for name, value in labels.items():
        written = value.replace(POD_NAME, "$(POD_NAME)")
        labels[name] = written.replace("$$", "$") if expanded else written
    shaped: Json = _shaped({key: value for key, value in config.items() if key != "rule_files"}, "")
    return shaped


def _shaped(value: Any, key: str) -> Any:
    match value:
        case dict():
            return {name: _shaped(below, name) for name, below in value.items()}
        case list() if key.endswith("relabel_configs"):
            return [{"action": "replace", **step} for step in value]
        case list():
            return [_shaped(below, "") for below in value]
        case _:
            return value


def check(upstream: Ask, resource: Manifest, objects: list[Manifest]) -> None:
    """Equal; or both refuse something, they everything and we a part, which we say."""
    top, config = rendered(resource, objects)
    answer = upstream([resource, *objects])
    if answer.get("error"):
        assert top.faults or top.ignored, answer["error"]
        return
    assert not top.faults
    spec = resource["spec"]
    ours_doubled = spec["version"].lstrip("v").startswith("2.") and "expand-external-labels" not in (
        spec.get("enableFeatures") or ()
    )
    ours = meaning(yaml.load(emit.text(config), Loader), ours_doubled)
    assert ours == meaning(yaml.load(answer["config"], Loader))


@pytest.mark.parametrize("version", LINES)
@pytest.mark.parametrize("case", CASES)
def test_a_server_is_configured_as_by_prometheus_operator(upstream: Ask, case: str, version: str) -> None:
    check(upstream, prometheus({**CASES[case], "version": version}), secrets())


@pytest.mark.parametrize("version", LINES)
@pytest.mark.parametrize("case", AGENTS)
def test_an_agent_is_configured_as_by_prometheus_operator(upstream: Ask, case: str, version: str) -> None:
    spec = {**AGENTS[case], "version": version}
    if len(spec.get("tsdb") or ()) > 1:
        spec["tsdb"] = {"outOfOrderTimeWindow": "1h"}
    check(upstream, prometheus(spec, agent=True), secrets())


def test_protocols_of_which_a_version_speaks_none_are_left_out(upstream: Ask) -> None:
    """Deliberate: Prometheus refuses the empty list that upstream writes."""
    resource = prometheus({"version": "2.53.0", "scrapeProtocols": ["PrometheusText1.0.0"]})
    theirs = yaml.load(upstream([resource])["config"], Loader)
    assert theirs["global"].pop("scrape_protocols") == []
    assert meaning(rendered(resource, [])[1], expanded=True) == meaning(theirs)


@SLOW
@given(SERVER, GENERATED, st.sampled_from(VERSIONS))
def test_any_server_is_configured_as_by_prometheus_operator(
    upstream: Ask, spec: Json, held: dict[str, str], version: str
) -> None:
    check(upstream, prometheus({**spec, "version": version}), secrets(generated=held))


@SLOW
@given(AGENT, GENERATED, st.sampled_from(VERSIONS))
def test_any_agent_is_configured_as_by_prometheus_operator(upstream: Ask, spec: Json, held: dict[str, str], version: str) -> None:
    check(upstream, prometheus({**spec, "version": version}, agent=True), secrets(generated=held))


@every_release
@settings(SLOW, max_examples=60)
@given(case=st.one_of(SERVER.map(lambda spec: (spec, False)), AGENT.map(lambda spec: (spec, True))), held=GENERATED)
def test_whatever_we_write_is_loaded_by_prometheus(release: str, case: tuple[Json, bool], held: dict[str, str]) -> None:
    spec, agent = case
    _, config = rendered(prometheus({**spec, "version": release}, agent=agent), secrets(generated=held))
    assert promtool(release, emit.text(config), agent=agent) == ""
