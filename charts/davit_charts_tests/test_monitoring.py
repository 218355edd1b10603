"""The instance chart of Prometheus and Alertmanager: what it fills in, and what it leaves alone."""

from __future__ import annotations

from typing import Any

import pytest

from davit_charts_tests import helm
from davit_charts_tests.cases import CASES


def spec(values: dict[str, Any] | None = None, kind: str = "Prometheus") -> dict[str, Any]:
    found: dict[str, Any] = helm.pick(helm.template("helm4", "monitoring", values), kind)["spec"]
    return found


def test_a_spec_is_passed_through(version: str) -> None:
    """What is given is kept as it is, fields that are newer than the chart included."""
    given = CASES["monitoring"]["full"]["prometheus"]["spec"]
    made = helm.pick(helm.template(version, "monitoring", CASES["monitoring"]["full"]), "Prometheus")["spec"]
    assert {name: made[name] for name in given} == given


def test_the_prometheus_finds_the_alertmanager() -> None:
    """By the Service that the operator makes for it, unless the spec says otherwise or there is none."""
    alertmanager = helm.pick(helm.template("helm4", "monitoring"), "Alertmanager")["metadata"]
    wanted = {"name": f"alertmanager-{alertmanager['name']}", "namespace": alertmanager["namespace"], "port": "web"}
    assert spec()["alerting"] == {"alertmanagers": [wanted]}
    assert "alerting" not in spec({"alertmanager": {"enabled": False}})
    own = {"alertmanagers": [{"name": "mine", "port": "web"}]}
    assert spec({"prometheus": {"spec": {"alerting": own}}})["alerting"] == own


def test_the_prometheus_has_the_account_that_is_made_for_it() -> None:
    """With its token, which the account gives to nobody by itself."""
    made = helm.template("helm4", "monitoring")
    account = helm.pick(made, "ServiceAccount")
    assert spec()["serviceAccountName"] == account["metadata"]["name"]
    assert spec()["automountServiceAccountToken"] is True
    assert account["automountServiceAccountToken"] is False
    theirs = {"prometheus": {"serviceAccount": {"create": False, "name": "theirs"}}}
    assert spec(theirs)["serviceAccountName"] == "theirs"
    assert "serviceAccountName" not in spec({"prometheus": {"serviceAccount": {"create": False}}})
    assert not [o for o in helm.template("helm4", "monitoring", theirs) if "Role" in o["kind"] or o["kind"] == "ServiceAccount"]


@pytest.mark.parametrize(("discovery", "kind"), [("cluster", "ClusterRole"), ("namespace", "Role"), ("none", None)])
def test_rights_are_as_wide_as_the_discovery(version: str, discovery: str, kind: str | None) -> None:
    """Bound to its account; with `namespace` and `none` nothing has cluster scope, and selectors keep to the namespace."""
    values = {"prometheus": {"discovery": discovery}}
    made = helm.template(version, "monitoring", values)
    assert {o["kind"] for o in made if o["kind"].endswith("Role")} == ({kind} if kind else set())
    if kind:
        binding = helm.pick(made, f"{kind}Binding")
        assert binding["roleRef"]["name"] == helm.pick(made, kind)["metadata"]["name"]
        assert binding["subjects"][0]["name"] == helm.pick(made, "ServiceAccount")["metadata"]["name"]
    selectors = {name for name in spec(values) if name.endswith("NamespaceSelector")}
    assert len(selectors) == (5 if discovery == "cluster" else 0)
    narrow = {"prometheus": {"spec": {"ruleNamespaceSelector": {"matchLabels": {"a": "b"}}}}}
    assert spec(narrow)["ruleNamespaceSelector"] == {"matchLabels": {"a": "b"}}


def test_the_crd_judges_the_specs(version: str) -> None:
    """A wrong type is refused before anything is sent."""
    for values in ({"prometheus": {"spec": {"replicas": "many"}}}, {"alertmanager": {"spec": {"replicas": "many"}}}):
        said = helm.attempt(version, "monitoring", values)
        assert said.code != 0
        assert "replicas" in said.error
