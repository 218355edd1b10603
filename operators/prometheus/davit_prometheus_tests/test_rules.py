"""PrometheusRules become groups, each judged for itself."""

from __future__ import annotations

from typing import Any

import pytest
from davit.model import Manifest
from davit_prometheus.config import rules

from davit_prometheus_tests.monitors_world import document, prometheus, scope

Json = dict[str, Any]
UP: Json = {"record": "a", "expr": "up"}


def rule_object(*groups: Any, namespace: str = "default") -> Manifest:
    return document("PrometheusRule", "r", {"groups": list(groups)}, namespace)


def rendered(*groups: Any, namespace: str = "default", **where: Any) -> rules.RenderedRules:
    return rules.render(scope(prometheus(**where)), rule_object(*groups, namespace=namespace))


def test_a_group_is_written_as_prometheus_reads_it() -> None:
    alert = {
        "alert": "Down",
        "expr": "up == 0",
        "for": "5m",
        "keep_firing_for": "1m",
        "labels": {"severity": "page"},
        "annotations": {"summary": "{{ $labels.job }} is down"},
    }
    group = {"name": "g", "interval": "1m", "limit": 10, "query_offset": "30s", "labels": {"team": "x"}, "rules": [alert, UP]}
    assert [one for _, one in rendered(group).groups] == [group]


def test_the_file_is_named_so_that_no_two_objects_meet() -> None:
    assert rendered().file == "default-r-uid-r.yaml"


def test_a_bad_group_leaves_the_others_alone() -> None:
    bad = {"name": "bad", "rules": [UP, {"expr": "up"}]}
    found = rendered({"name": "one", "rules": [UP]}, bad, {"name": "two", "rules": [UP]})
    assert [(path, group["name"]) for path, group in found.groups] == [("spec.groups[0]", "one"), ("spec.groups[2]", "two")]
    assert [str(fault) for fault in found.rendered.faults] == [
        "spec.groups[1].rules[1].record: and alert: set exactly one of them"
    ]


def test_the_second_of_two_groups_of_a_name_is_left_out() -> None:
    found = rendered({"name": "one", "rules": [UP]}, {"name": "one", "rules": [UP]})
    assert [path for path, _ in found.groups] == ["spec.groups[0]"]
    assert [fault.path for fault in found.rendered.faults] == ["spec.groups[1].name"]


@pytest.mark.parametrize(
    ("rule", "path"),
    [
        ({"record": "a"}, "expr"),
        ({"record": "a", "alert": "b", "expr": "up"}, "record"),
        ({"record": "a b", "expr": "up"}, "record"),
        ({**UP, "for": "1m"}, "for"),
        ({**UP, "for": "soon"}, "for"),
        ({**UP, "annotations": {"a": "b"}}, "annotations"),
        ({**UP, "labels": {"1": "b"}}, "labels.1"),
        ({"alert": "a", "expr": "up", "annotations": {"a-b": "c"}}, "annotations.a-b"),
        ({"alert": "a", "expr": "up", "keep_firing_for": "1 m"}, "keep_firing_for"),
    ],
)
def test_what_is_wrong_with_a_rule_is_named_with_its_place(rule: Json, path: str) -> None:
    found = rendered({"name": "g", "rules": [UP, rule]}, version="2.55.0")
    assert [fault.path for fault in found.rendered.faults] == [f"spec.groups[0].rules[1].{path}"]


@pytest.mark.parametrize(
    ("version", "dropped"),
    [
        ("2.30.0", ["labels", "query_offset", "rules[0].keep_firing_for", "limit"]),
        ("2.41.0", ["labels", "query_offset", "rules[0].keep_firing_for"]),
        ("2.45.0", ["labels", "query_offset"]),
        ("2.53.0", ["labels"]),
        ("3.0.0", []),
    ],
)
def test_what_the_version_does_not_know_is_left_out_and_said(version: str, dropped: list[str]) -> None:
    alert = {"alert": "a", "expr": "up", "keep_firing_for": "1m"}
    group = {"name": "g", "labels": {"a": "b"}, "query_offset": "1m", "limit": 1, "rules": [alert]}
    found = rendered(group, version=version)
    assert [sentence.split()[0].removeprefix("spec.groups[0].") for sentence in found.rendered.ignored] == dropped
    (_, one), *_ = found.groups
    assert {"labels", "query_offset", "limit"} - set(one) == {name for name in dropped if "." not in name}


def test_what_only_thanos_reads_is_said_to_have_no_effect() -> None:
    found = rendered({"name": "g", "partial_response_strategy": "warn", "rules": [UP]})
    assert found.rendered.ignored == (
        "spec.groups[0].partial_response_strategy is ignored by Prometheus 3.13.1: only ThanosRuler has it",
    )


def test_rules_of_a_tenant_see_and_make_series_of_its_namespace_only() -> None:
    rule = {**UP, "expr": 'sum(up{tenant="other"}) / count(up)', "labels": {"tenant": "other"}}
    ((_, group),) = rendered({"name": "g", "rules": [rule]}, namespace="mine", enforcedNamespaceLabel="tenant").groups
    assert group["rules"][0]["expr"] == 'sum(up{tenant="mine"}) / count(up{tenant="mine"})'
    assert group["rules"][0]["labels"] == {"tenant": "mine"}


def test_an_expression_that_can_not_be_confined_is_a_fault() -> None:
    found = rendered({"name": "g", "rules": [{**UP, "expr": "up } or down"}]}, enforcedNamespaceLabel="tenant")
    assert not found.groups
    assert "can't be confined" in found.rendered.faults[0].message


def test_an_object_that_is_excluded_sees_all_namespaces() -> None:
    excluded = [{"resource": "prometheusrules", "namespace": "default", "name": "r"}]
    found = rendered({"name": "g", "rules": [UP]}, enforcedNamespaceLabel="tenant", excludedFromEnforcement=excluded)
    assert found.groups[0][1]["rules"] == [UP]


def test_legacy_names_are_asked_for_where_the_prometheus_has_them() -> None:
    group = {"name": "g", "rules": [{"record": "a.b", "expr": "up"}]}
    assert rendered(group).groups
    assert rendered(group, nameValidationScheme="Legacy").rendered.faults


def test_an_object_without_groups_is_empty() -> None:
    assert rendered().groups == ()
    assert rules.render(scope(prometheus()), document("PrometheusRule", "r", {})).groups == ()
