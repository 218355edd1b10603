"""amtool itself loads what we write, whatever the objects, and routes alerts as our interpreter of routes does."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from davit.model import Manifest
from davit.monitoring import emit
from davit_alertmanager.edition import LIMIT
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from davit_alertmanager_tests import strategies, test_differential, test_routing
from davit_alertmanager_tests.routing import receivers
from davit_alertmanager_tests.test_differential import BAD, BASE, ROUTES, common
from davit_alertmanager_tests.upstream import AMTOOLS, NEWEST, amtool
from davit_alertmanager_tests.world import HOME, Json, alertmanager, base_secret, config, secret, world

pytestmark = pytest.mark.differential
every_release = pytest.mark.parametrize("release", AMTOOLS)
many = settings(
    deadline=None,
    max_examples=60,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.function_scoped_fixture],
)
ODD: list[Any] = [None, "", 0, [], {}, "x", {"name": "nowhere", "key": "k"}, [{}], "http://", True]


def loads(release: str, *documents: Manifest, **spec: Any) -> None:
    found = world(alertmanager(version=release, **spec), *documents).rendered()
    assert amtool(found.text, release) == ""


@every_release
@many
@given(one=strategies.specs(), other=strategies.specs())
def test_every_object_loads(release: str, one: Json, other: Json) -> None:
    loads(release, base_secret(BASE), config("a", "shop", **one), config("b", HOME, **other), *common("shop"), *common(HOME))


@every_release
@many
@given(spec=strategies.specs(), section=strategies.global_configs)
def test_every_object_loads_as_the_base(release: str, spec: Json, section: Json) -> None:
    loads(release, config("base", HOME, **spec), *common(HOME), alertmanagerConfiguration={"name": "base", "global": section})


@every_release
def test_a_configuration_of_more_than_a_secret_loads_and_is_the_same(release: str) -> None:
    """Two thousand tenants with the same message; amtool fails on what go-yaml takes for too many aliases."""
    text = "{{ range .Alerts }}*{{ .Labels.alertname }}*: {{ .Annotations.description }}\n{{ end }}" * 10
    slack = [
        {"apiURL": {"name": "keys", "key": "url"}, "channel": "#alerts", "title": "{{ .GroupLabels.alertname }}", "text": text}
    ]
    spec: dict[str, Any] = {
        "route": {"receiver": "chat", "groupBy": ["alertname"]},
        "receivers": [{"name": "chat", "slackConfigs": slack}],
    }
    tenants = [config("alerts", f"team-{number:04d}", **spec) for number in range(2_000)]
    keys = [secret("keys", f"team-{number:04d}", url=f"https://hooks.example.com/{number}") for number in range(2_000)]
    found = world(alertmanager(version=release), base_secret(BASE), *tenants, *keys).rendered()
    assert found.text.count("range .Alerts") == 10
    assert len(found.text.encode()) < LIMIT
    assert amtool(found.text, release) == ""
    assert yaml.load(found.text, yaml.CSafeLoader) == found.config
    assert len(emit.text(found.config).encode()) > 2 * LIMIT


def _mangle(draw: strategies.Draw, value: Any) -> Any:
    """The same with something wrong in it, somewhere."""
    if isinstance(value, dict) and value and draw(st.integers(0, 3)):
        name = draw(st.sampled_from(sorted(value)))
        return {**value, name: _mangle(draw, value[name])}
    if isinstance(value, list) and value and draw(st.integers(0, 3)):
        index = draw(st.integers(0, len(value) - 1))
        return [*value[:index], _mangle(draw, value[index]), *value[index + 1 :]]
    return draw(st.sampled_from(ODD))


@every_release
@settings(many, max_examples=150)
@given(data=st.data(), spec=strategies.specs(), other=strategies.specs())
def test_whatever_is_wrong_with_an_object_the_rest_loads(release: str, data: st.DataObject, spec: Json, other: Json) -> None:
    broken = spec
    for _ in range(data.draw(st.integers(1, 3))):
        broken = _mangle(data.draw, broken)
    bad: Json = {**config("a", "shop"), "spec": broken}
    found = world(alertmanager(version=release), bad, config("b", "shop", **other), *common("shop")).rendered()
    assert amtool(found.text, release) == ""
    alone = world(alertmanager(version=release), config("b", "shop", **other), *common("shop")).rendered()
    whole = next(one for one in found.configs.values() if one.key.name == "b")
    assert [whole.faults] == [one.faults for one in alone.configs.values()]


@every_release
@pytest.mark.parametrize("case", BAD)
def test_a_bad_integration_never_spoils_the_whole(release: str, case: str) -> None:
    declared = [{"name": "bad", **BAD[case]}, {"name": "good", "webhookConfigs": [{"url": "http://good"}]}]
    loads(release, config(route={"receiver": "bad", "routes": [{"receiver": "good"}]}, receivers=declared), *common("shop"))


@every_release
@pytest.mark.parametrize("case", ROUTES)
def test_a_bad_route_never_spoils_the_whole(release: str, case: str) -> None:
    loads(release, config(route={"receiver": "good", **ROUTES[case]}, receivers=[{"name": "good"}]))


@pytest.mark.parametrize("case", test_differential.CASES)
def test_every_case_loads(case: str) -> None:
    documents = test_differential.CASES[case]
    assert amtool(world(*documents).rendered().text) == ""


LABELS = ["foo", "foo bar", "größe", 'quo"te', '"given"', "a.b", "{x}", "a,b", "a=b", "new\nline", "back\\slash", " spaced "]


@pytest.mark.parametrize("name", LABELS)
def test_any_label_name_can_be_matched(name: str) -> None:
    matchers = [{"name": name, "value": "x", "matchType": kind} for kind in ("=", "!=", "=~", "!~")]
    spec: Json = {"route": {"receiver": "x", "matchers": matchers, "groupBy": ["a.b"]}, "receivers": [{"name": "x"}]}
    found = world(alertmanager(version=NEWEST), config("team", "shop", **spec)).rendered()
    assert amtool(found.text) == ""
    (one,) = found.configs.values()
    assert not one.faults


@settings(many, max_examples=40)
@given(test_routing.teams(), test_routing.alerts)
def test_routes_are_read_as_amtool_reads_them(
    tmp_path_factory: pytest.TempPathFactory, configs: list[Manifest], alert: Mapping[str, str]
) -> None:
    found = world(base_secret(test_routing.BASE), *configs).rendered()
    assert found.config is not None
    file = tmp_path_factory.mktemp("routes") / "alertmanager.yaml"
    assert _asked(file, found.text, alert) == receivers(found.config, alert)


def _asked(file: Path, text: str, alert: Mapping[str, str]) -> list[str]:
    file.write_text(text)
    labels = [f"{name}={value}" for name, value in alert.items()]
    command = [AMTOOLS[NEWEST], "config", "routes", "test", f"--config.file={file}", *labels]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip().split(",")
