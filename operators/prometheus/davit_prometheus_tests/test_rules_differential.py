"""PrometheusRules: our groups against prometheus-operator's own file, compared by meaning."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from davit.model import Manifest
from davit.monitoring.promql import confine
from davit_prometheus.config import rules
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from davit_prometheus_tests.monitors_strategies import VERSIONS
from davit_prometheus_tests.monitors_world import Upstream, document, prometheus, scope

pytestmark = pytest.mark.differential

Json = dict[str, Any]
MANY = settings(max_examples=300, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck), database=None)


@pytest.fixture(scope="module")
def upstream() -> Iterator[Upstream]:
    program = Upstream()
    yield program
    program.close()


def theirs(upstream: Upstream, where: Manifest, written: Manifest) -> list[Json] | None:
    """Upstream's groups, None when it refuses the object."""
    answer = upstream.ask([where, written])
    assert not answer.get("error"), answer
    if not answer.get("rules"):
        return None
    (name, text), *_ = answer["rules"].items()
    assert name == rules.file_name(written)
    groups: list[Json] = yaml.safe_load(text).get("groups") or []
    return groups


def ours(where: Manifest, written: Manifest) -> tuple[list[Json], tuple[str, ...]]:
    found = rules.render(scope(where), written)
    return [group for _, group in found.groups], tuple(str(fault) for fault in found.rendered.faults)


def parsed(upstream: Upstream, groups: list[Json]) -> list[Json]:
    """The groups with expressions as Prometheus prints them."""
    found = [rule for group in groups for rule in group.get("rules", ())]
    answer = upstream.ask([], expressions=[str(rule["expr"]) for rule in found])
    for rule, expression in zip(found, answer.get("expressions") or (), strict=True):
        rule["expr"] = expression
    return groups


def rule_strategy() -> st.SearchStrategy[Json]:
    expressions = st.sampled_from(["up", 'rate(x{a="b"}[5m]) > 1', 1, "vector(1)"])
    labels = st.dictionaries(st.sampled_from(["a", "severity"]), st.sampled_from(["x", "{{ $value }}"]), max_size=2)
    durations = st.sampled_from(["0s", "5m", "1h30m"])
    alert = st.fixed_dictionaries(
        {"alert": st.sampled_from(["Down", "Ünicode"]), "expr": expressions},
        optional={"for": durations, "keep_firing_for": durations, "labels": labels, "annotations": labels},
    )
    record = st.fixed_dictionaries(
        {"record": st.sampled_from(["a:b:sum", "up2"]), "expr": expressions}, optional={"labels": labels}
    )
    return st.one_of(alert, record)


def rule_objects() -> st.SearchStrategy[Manifest]:
    group = st.fixed_dictionaries(
        {"rules": st.lists(rule_strategy(), max_size=3)},
        optional={
            "interval": st.sampled_from(["30s", "1m"]),
            "query_offset": st.sampled_from(["0s", "1m"]),
            "limit": st.sampled_from([0, 5]),
            "labels": st.just({"team": "x"}),
            "partial_response_strategy": st.sampled_from(["", "warn"]),
        },
    )
    groups = st.lists(group, max_size=3).map(lambda found: [{"name": f"g{number}", **one} for number, one in enumerate(found)])
    return groups.map(lambda found: document("PrometheusRule", "made", {"groups": found}))


@MANY
@given(rule_objects(), st.sampled_from([*VERSIONS, "2.30.0", "2.41.0"]), st.booleans())
def test_made_up_rules_give_the_same_groups(upstream: Upstream, written: Manifest, version: str, enforced: bool) -> None:
    where = prometheus(version=version, **({"enforcedNamespaceLabel": "tenant"} if enforced else {}))
    groups, faults = ours(where, written)
    assert not faults
    expected = theirs(upstream, where, written)
    assert expected is not None
    assert parsed(upstream, groups) == parsed(upstream, [without_nothing(group) for group in expected])


def without_nothing(group: Json) -> Json:
    """Empty maps are the same as none."""
    kept = [{key: value for key, value in rule.items() if value != {}} for rule in group.get("rules", ())]
    found = {key: value for key, value in group.items() if value != {}}
    return {**found, "rules": kept} if kept else found


def group_of(*found: Json, **more: Any) -> Manifest:
    return document("PrometheusRule", "a", {"groups": [{"name": "g", **more, "rules": list(found)}]})


UP: Json = {"record": "a", "expr": "up"}
REFUSED = {
    "record and alert": group_of({"record": "a", "alert": "b", "expr": "up"}),
    "neither record nor alert": group_of({"expr": "up"}),
    "no expression": group_of({"record": "a", "expr": ""}),
    "an alert's duration for a record": group_of({**UP, "for": "5m"}),
    "keep firing for a record": group_of({**UP, "keep_firing_for": "5m"}),
    "annotations for a record": group_of({**UP, "annotations": {"a": "b"}}),
    "an expression for a record's name": group_of({"record": 'a{b="c"}', "expr": "up"}),
    "a reserved label": group_of({**UP, "labels": {"__name__": "b"}}),
    "a nameless group": group_of(UP, name=""),
    "two groups of a name": document("PrometheusRule", "a", {"groups": [{"name": "g", "rules": [UP]}] * 2}),
    "an interval that is none": group_of(UP, interval="5 minutes"),
    "a reserved group label": group_of(UP, labels={"__name__": "b"}),
}
OLD_REFUSED = {
    "an utf-8 record": group_of({"record": "a.b", "expr": "up"}),
    "an utf-8 label": group_of({**UP, "labels": {"a.b": "c"}}),
    "an utf-8 annotation": group_of({"alert": "a", "expr": "up", "annotations": {"a.b": "c"}}),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_upstream_refuses_is_a_fault(upstream: Upstream, case: str) -> None:
    assert theirs(upstream, prometheus(), REFUSED[case]) is None
    assert ours(prometheus(), REFUSED[case])[1]


@pytest.mark.parametrize("case", OLD_REFUSED)
def test_what_upstream_refuses_of_2_x_is_a_fault(upstream: Upstream, case: str) -> None:
    assert theirs(upstream, prometheus(version="2.55.0"), OLD_REFUSED[case]) is None
    assert ours(prometheus(version="2.55.0"), OLD_REFUSED[case])[1]
    assert (
        theirs(upstream, prometheus(version="3.5.0"), OLD_REFUSED[case])
        == ours(prometheus(version="3.5.0"), OLD_REFUSED[case])[0]
    )


def test_empty_durations_are_left_out(upstream: Upstream) -> None:
    """Deliberate: upstream writes them, and Prometheus refuses the file."""
    written = group_of({"alert": "a", "expr": "up", "for": ""}, interval="")
    expected = theirs(upstream, prometheus(), written)
    assert expected is not None
    assert expected[0]["rules"][0]["for"] == ""
    assert ours(prometheus(), written) == ([{"name": "g", "rules": [{"alert": "a", "expr": "up"}]}], ())


EXPRESSIONS = (
    *("up", "sum", "by", "offset offset 5m", "start + end", "1 + 2 * 3", "x == -Inf", "NaN", "5m", "1e3 * 0x1F", "a:b:c{d=`e`}"),
    *("sum by (a) (rate(x{b='c'}[5m])) > bool 3", "sum(x) by (a)", "sum(rate(foo[5m])) BY (job)", "COUNT(x)", "group by () (x)"),
    *("a and on (x) b", "a * on(x) group_left(b,c) d", "a / ignoring(x) group_right d", "a or (b and c) or d", "x > Bool y"),
    *("time() - foo{tenant='o', a=~'b'} offset -5m", "x{tenant!='a',}", "x{\"tenant\"='a'}", 'x\t{ a = "b" }', "{'quoted'}"),
    *('{"my.m", x="y"} @ start()', "x[5m] @ end()", "x @ 1609746000 offset 1h", "rate(x[1m] offset 5m)", "`raw`"),
    *(
        "max_over_time(x[5m:1m])",
        "predict_linear(x[1h], 4 * 3600) < 0",
        '{__name__=~"a.*"}',
        "-up ^ 2 # hi\n",
        "x{a='#'} # c{}\n+ y",
    ),
    *('label_replace(up, "a", "$1", "b", "(.*)")', 'absent(up{job="x"} == 1)', 'count_values("tenant", x)'),
    *("topk(3, x) unless y", "histogram_quantile(0.9, sum by (le) (x))", "vector(scalar(y)) atan2 z"),
    *("sum without (a, b) (x{c!~'d'})", "quantile by (x) (0.5, sum by (y) (z))", 'ALERTS{alertstate="firing"}'),
)


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_expressions_are_confined_as_upstream_confines_them(upstream: Upstream, expression: str) -> None:
    where = prometheus(enforcedNamespaceLabel="tenant")
    written = group_of({"record": "a", "expr": expression})
    (group,) = theirs(upstream, where, written) or [{"rules": [{"expr": "refused"}]}]
    (mine,) = upstream.ask([], expressions=[confine(expression, "tenant", "default")])["expressions"]
    assert mine == group["rules"][0]["expr"]


def test_the_parameter_of_an_aggregation_is_confined_too(upstream: Upstream) -> None:
    """Deliberate: upstream forgets it, and so lets a tenant read a series of another one."""
    written = group_of({"record": "a", "expr": "topk(scalar(x), y)"})
    (group,) = theirs(upstream, prometheus(enforcedNamespaceLabel="tenant"), written) or []
    assert group["rules"][0]["expr"] == 'topk(scalar(x), y{tenant="default"})'
    assert confine("topk(scalar(x), y)", "tenant", "t") == 'topk(scalar(x{tenant="t"}), y{tenant="t"})'


@pytest.mark.parametrize("selector", ["{}", '{x!="a"}'])
def test_a_selector_that_lacks_a_matcher_gets_one(upstream: Upstream, selector: str) -> None:
    """Deliberate: upstream asks Prometheus' parser first, which refuses it."""
    assert theirs(upstream, prometheus(enforcedNamespaceLabel="tenant"), group_of({"record": "a", "expr": selector})) is None
    (mine,) = upstream.ask([], expressions=[confine(selector, "tenant", "t")])["expressions"]
    assert 'tenant="t"' in mine
    assert not mine.startswith("error")
