"""What an Alertmanager's spec may say, and what stands in the place of what it doesn't."""

from __future__ import annotations

import json

import pytest
from davit.errors import Invalid
from davit_alertmanager.validate import validate

from davit_alertmanager_tests.specs import CASES, CONTEXT, SERVER_TLS
from davit_alertmanager_tests.world import HOME, Json, alertmanager


def test_everything_has_a_default() -> None:
    found = validate(alertmanager(alertmanagerConfigSelector=None, alertmanagerConfigNamespaceSelector=None))
    assert str(found.scope.version) == "0.33.1"
    assert found.image == "quay.io/prometheus/alertmanager:v0.33.1"
    assert (found.replicas, found.retention, found.port_name, found.route_prefix) == (1, "120h", "web", "/")
    assert found.config_secret == "alertmanager-main"
    assert (found.selector, found.namespaces, found.configuration, found.paused) == (None, None, "", False)
    assert (found.scope.strategy, found.scope.merging, found.scope.utf8) == ("OnNamespace", False, True)
    assert json.loads(found.owner)["uid"] == "uid-main"
    assert found.prefix == "alertmanager-main"


@pytest.mark.parametrize(
    ("base", "version", "image"),
    [
        ("mine/am", "0.33.1", "mine/am:0.33.1"),
        ("mine/am", "v0.33.1", "mine/am:v0.33.1"),
        ("mine/am", None, "mine/am:v0.33.1"),
        ("quay.io/prometheus/alertmanager", "0.33.1", "quay.io/prometheus/alertmanager:v0.33.1"),
        (None, "0.33.1", "quay.io/prometheus/alertmanager:v0.33.1"),
    ],
)
def test_a_repository_of_ones_own_has_its_tags_as_the_version_says(base: str | None, version: str | None, image: str) -> None:
    assert validate(alertmanager(baseImage=base, version=version)).image == image


def test_the_image_of_a_mirror_can_be_the_default() -> None:
    assert validate(alertmanager(), "mirror/am").image == "mirror/am:v0.33.1"


@pytest.mark.parametrize("case", CASES)
def test_every_spec_that_upstream_takes_is_taken(case: str) -> None:
    found = validate(alertmanager(**{**CONTEXT, **CASES[case]}))
    assert not found.unknown


WRONG: dict[str, tuple[Json, str]] = {
    "old": ({"version": "0.24.0"}, "spec.version: 0.24.0 is not supported: set 0.25.0 or a newer"),
    "before a release": ({"version": "0.25.0-rc.1"}, "spec.version: 0.25.0-rc.1 is not supported"),
    "too new": ({"version": "1.0.0"}, "spec.version: 1.0.0 is not supported"),
    "no version": ({"version": "main"}, "spec.version: 'main' is not a version"),
    "type": ({"replicas": "many"}, "spec.replicas: "),
    "deep type": ({"web": {"tlsConfig": {"cipherSuites": "x"}}}, "spec.web.tlsConfig.cipherSuites: "),
    "duration": ({"retention": "5d"}, "spec.retention: '5d' is not a duration"),
    "size": ({"limits": {"maxPerSilenceBytes": "big"}}, "spec.limits.maxPerSilenceBytes: 'big' is not a size"),
    "port": ({"portName": "Web Port"}, "spec.portName: 'Web Port' is not a port's name"),
    "numeric port": ({"portName": "9093"}, "spec.portName: '9093' is not a port's name"),
    "nameless flag": ({"additionalArgs": [{"name": ""}]}, r"spec.additionalArgs\[0\].name: is missing"),
    "environment": ({"containers": [{"name": "alertmanager", "env": "x"}]}, r"spec.containers\[0\].env: "),
    "claim": ({"storage": {"volumeClaimTemplate": {"spec": "1Gi"}}}, "spec.storage.volumeClaimTemplate.spec: "),
    "flag twice": (
        {"additionalArgs": [{"name": "x"}, {"name": "storage.path"}]},
        r"spec.additionalArgs\[1\].name: --storage.path",
    ),
    "base without a name": ({"alertmanagerConfiguration": {}}, "spec.alertmanagerConfiguration.name: is missing"),
    "alias": ({"hostAliases": [{"hostnames": ["a"]}]}, r"spec.hostAliases\[0\].ip: is missing"),
    "web key": ({"web": {"tlsConfig": {"certFile": "/c"}}}, "spec.web.tlsConfig.keySecret: is missing"),
    "cluster key": ({"clusterTLS": {"server": {}, "client": {}}}, "spec.clusterTLS.server.keySecret: is missing"),
    "cluster client": ({"clusterTLS": {"server": SERVER_TLS}}, "spec.clusterTLS.client.cert: is missing"),
    "image": ({"baseImage": "A B"}, "spec.baseImage: 'A B' is not an image repository"),
    "strategy": ({"alertmanagerConfigMatcherStrategy": {"type": "All"}}, "spec.alertmanagerConfigMatcherStrategy.type: "),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_is_wrong_is_named_with_its_field(case: str) -> None:
    spec, message = WRONG[case]
    with pytest.raises(Invalid, match=message):
        validate(alertmanager(**spec))


def test_everything_that_is_wrong_is_said_at_once() -> None:
    with pytest.raises(Invalid) as error:
        validate(alertmanager(version="0.1", portName="?", baseImage="A"))
    assert {one.field for one in error.value.problems} == {"spec.version", "spec.portName", "spec.baseImage"}


@pytest.mark.parametrize("name", ["a" * 40, "Upper", "a.b"])
def test_names_must_fit_those_of_pods(name: str) -> None:
    with pytest.raises(Invalid, match=r"metadata\.name"):
        validate(alertmanager(name))


def test_a_spec_that_is_none_is_told() -> None:
    with pytest.raises(Invalid, match="spec: must be an object"):
        validate({**alertmanager(), "spec": None})


def test_null_is_absent() -> None:
    resource = alertmanager()
    resource["spec"] |= {"retention": None, "storage": None, "version": None, "secrets": None}
    found = validate(resource)
    assert found.retention == "120h"
    assert "storage" not in found.spec


def test_fields_that_nobody_knows_are_said_and_kept() -> None:
    found = validate(alertmanager(new=1, web={"newer": {"a": 1}}))
    assert found.unknown == ("spec.new", "spec.web.newer")
    assert found.spec["new"] == 1


def test_what_an_old_version_ignores_is_said() -> None:
    spec: Json = {"enableFeatures": ["a"], "clusterLabel": "x", "limits": {"maxSilences": 0, "maxPerSilenceBytes": "1KB"}}
    said = validate(alertmanager(version="0.25.0", **spec)).ignored
    assert [one.split(" is ")[0] for one in said] == [
        "spec.enableFeatures",
        "spec.limits.maxSilences",
        "spec.limits.maxPerSilenceBytes",
        "spec.clusterLabel",
    ]
    assert not validate(alertmanager(version="0.28.0", **spec)).ignored


def test_what_has_no_effect_is_said() -> None:
    client: Json = {"cert": {"secret": {"name": "a", "key": "b"}}, "keySecret": {"name": "a", "key": "b"}, "minVersion": "TLS12"}
    said = validate(
        alertmanager(
            configSecret="mine",
            alertmanagerConfiguration={"name": "base"},
            clusterTLS={"server": SERVER_TLS, "client": client},
            containers=[{"name": "config-reloader"}],
        )
    ).ignored
    assert [one.split(" is ")[0] for one in said] == [
        "spec.clusterTLS.client.minVersion",
        "spec.configSecret",
        "spec.containers[0]",
    ]


@pytest.mark.parametrize(
    "spec", [{"enableFeatures": ["classic-mode"]}, {"additionalArgs": [{"name": "enable-feature", "value": "a,classic-mode"}]}]
)
def test_the_classic_mode_is_known_however_it_is_set(spec: Json) -> None:
    assert not validate(alertmanager(**spec)).scope.utf8


def test_before_0_27_label_names_are_classic() -> None:
    assert not validate(alertmanager(version="v0.26.0")).scope.utf8


@pytest.mark.parametrize(
    ("strategy", "elsewhere", "beside"),
    [("OnNamespace", True, True), ("OnNamespaceExceptForAlertmanagerNamespace", True, False), ("None", False, False)],
)
def test_strategies_decide_whose_alerts_are_matched(strategy: str, elsewhere: bool, beside: bool) -> None:
    scope = validate(alertmanager(alertmanagerConfigMatcherStrategy={"type": strategy})).scope
    assert (scope.enforces_namespace("shop"), scope.enforces_namespace(HOME)) == (elsewhere, beside)


def test_templates_are_found_where_upstream_mounts_them() -> None:
    templates = [{"configMap": {"name": "a", "key": "x.tmpl"}}, {"secret": {"name": "b", "key": "y.tmpl"}}]
    scope = validate(alertmanager(alertmanagerConfiguration={"name": "base", "templates": templates})).scope
    assert scope.templates == ("/etc/alertmanager/templates/x.tmpl", "/etc/alertmanager/templates/y.tmpl")
