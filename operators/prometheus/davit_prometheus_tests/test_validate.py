"""From a Prometheus as written to the domain object, or to every problem with its field and remedy."""

from __future__ import annotations

import json
from typing import Any

import pytest
from davit.errors import Invalid
from davit.model import Key
from davit.monitoring.versions import Version
from davit_prometheus.model import Excluded, Instance, Json
from davit_prometheus.validate import validate

from davit_prometheus_tests.server_made import prometheus


def made(spec: Json | None = None, **how: Any) -> Instance:
    return validate(prometheus(spec, **how))


def problems(spec: Json, **how: Any) -> dict[str, str]:
    with pytest.raises(Invalid) as caught:
        made(spec, **how)
    return {problem.field: problem.message for problem in caught.value.problems}


def test_the_least_gets_every_default() -> None:
    found = made()
    assert found.key == Key("ns", "k8s")
    assert found.scope.version == Version(3, 13, 2)
    assert found.image == "quay.io/prometheus/prometheus:v3.13.2"
    assert (found.scope.replicas, found.scope.shards) == (1, 1)
    assert (found.retention, found.retention_size) == ("24h", "")
    assert (found.scrape_interval, found.evaluation_interval, found.port_name) == ("30s", "30s", "web")
    assert found.scope.prefix == "prometheus-k8s"
    assert found.scope.endpoint_role == "endpoints"
    assert found.scope.retention_policy
    assert not found.paused
    assert not found.thanos_image
    assert not found.unknown
    assert not found.ignored
    assert json.loads(found.owner)["uid"] == "uid-cr"


def test_an_agent_is_its_own_kind() -> None:
    found = made(agent=True)
    assert found.scope.agent
    assert found.server is None
    assert found.scope.prefix == "prom-agent-k8s"
    assert not found.scope.retention_policy
    assert not found.retention
    assert "PrometheusRule" not in found.selections


def test_a_size_alone_leaves_no_time_limit() -> None:
    assert made({"retentionSize": "1GB"}).retention == ""
    assert made({"retentionSize": "1GB", "retention": "3d"}).retention == "3d"


def test_empty_and_null_are_as_if_absent() -> None:
    empty: Json = {"scrapeInterval": "", "retention": "", "version": "", "remoteWrite": None, "evaluationInterval": None}
    found, least = made(empty), made()
    for name in ("scrape_interval", "evaluation_interval", "retention", "image"):
        assert getattr(found, name) == getattr(least, name)


@pytest.mark.parametrize(
    ("spec", "image"),
    [
        ({"version": "v2.53.0"}, "quay.io/prometheus/prometheus:v2.53.0"),
        ({"version": "2.53.0"}, "quay.io/prometheus/prometheus:v2.53.0"),
        ({"image": "a/b@sha256:c", "version": "v2.53.0"}, "a/b@sha256:c"),
        ({"baseImage": "a/b", "sha": "c", "tag": "d"}, "a/b@sha256:c"),
        ({"baseImage": "quay.io/a/b", "tag": "d"}, "quay.io/a/b:d"),
        ({"baseImage": "quay.io/a/b:e", "tag": "d"}, "quay.io/a/b:e"),
    ],
)
def test_the_image_follows_the_rules_of_prometheus_operator(spec: Json, image: str) -> None:
    assert made(spec).image == image


def test_an_agent_knows_no_base_image() -> None:
    found = made({"baseImage": "a/b", "tag": "c"}, agent=True)
    assert found.image == "quay.io/prometheus/prometheus:v3.13.2"
    assert found.unknown == ("spec.baseImage", "spec.tag")


def test_repositories_of_a_mirror_reach_the_images() -> None:
    found = validate(prometheus({"thanos": {"version": "v0.40.0"}}), repository="m/p", thanos_repository="m/t")
    assert (found.image, found.thanos_image) == ("m/p:v3.13.2", "m/t:v0.40.0")


def test_a_sidecar_has_its_own_version() -> None:
    assert made({"thanos": {}}).thanos_image == "quay.io/thanos/thanos:v0.42.2"


@pytest.mark.parametrize(
    ("version", "remedy"),
    [
        ("2.44.9", "older than 2.45.0, the oldest that can be run: choose a later one"),
        ("1.8.2", "older than 2.45.0"),
        ("4.0.0", "newer than this operator knows (3.x): upgrade the operator first"),
        ("latest", "not a version: write for example"),
    ],
)
def test_versions_out_of_range_are_refused(version: str, remedy: str) -> None:
    assert remedy in problems({"version": version})["spec.version"]


@pytest.mark.parametrize("version", ["2.45.0", "v2.55.1", "3.0.0-rc.1", "3.99.0"])
def test_versions_in_range_are_taken(version: str) -> None:
    assert made({"version": version}).scope.version == Version.parse(version)


def test_every_problem_is_told_at_once() -> None:
    found = problems(
        {
            "version": "2.1.0",
            "scrapeTimeout": "1m",
            "shards": 1,
            "shardingStrategy": {"mode": "Topology", "topology": {"values": ["a", "b"]}},
            "ruleSelector": {"matchExpressions": [{"key": "a", "operator": "Is"}]},
        }
    )
    assert set(found) == {
        "spec.version",
        "spec.scrapeTimeout",
        "spec.shards",
        "spec.ruleSelector.matchExpressions[0].operator",
    }


def test_what_has_the_wrong_type_is_named_by_its_path() -> None:
    found = problems({"remoteWrite": [{"url": "http://a"}, {"url": 1}], "replicas": "x", "retention": "1 day"})
    assert set(found) == {"spec.remoteWrite[1].url", "spec.replicas", "spec.retention"}
    assert found["spec.retention"].startswith("'1 day' is not a duration: write for example")


@pytest.mark.parametrize(
    ("interval", "timeout", "fine"),
    [("30s", "30s", True), ("30s", "31s", False), (None, "1m", False), ("0", "1m", True), ("0", "2m", False), ("1h", "5m", True)],
)
def test_the_timeout_may_not_outlast_the_interval(interval: str | None, timeout: str, fine: bool) -> None:
    spec = {"scrapeInterval": interval, "scrapeTimeout": timeout}
    if fine:
        made(spec)
    else:
        assert "shorten it" in problems(spec)["spec.scrapeTimeout"]


@pytest.mark.parametrize(
    ("version", "scheme", "name", "fine"),
    [
        ("2.53.0", None, "a_b", True),
        ("2.53.0", None, "a.b", False),
        ("3.0.0", None, "a.b", True),
        ("3.0.0", "Legacy", "a.b", False),
        ("2.53.0", "UTF8", "a.b", False),
        ("3.0.0", None, "1ü", True),
    ],
)
@pytest.mark.parametrize("field", ["replicaExternalLabelName", "prometheusExternalLabelName", "enforcedNamespaceLabel"])
def test_label_names_are_those_of_the_version(version: str, scheme: str | None, name: str, fine: bool, field: str) -> None:
    spec = {"version": version, "nameValidationScheme": scheme, field: name, "externalLabels": {name: "x"}}
    if fine:
        made(spec)
    else:
        assert set(problems(spec)) == {f"spec.{field}", f"spec.externalLabels.{name}"}


def test_an_empty_label_name_turns_the_label_off() -> None:
    made({"replicaExternalLabelName": "", "prometheusExternalLabelName": ""})


def test_scrape_classes_are_found_by_name_or_default() -> None:
    scope = made({"scrapeClasses": [{"name": "a"}, {"name": "b", "default": True}]}).scope
    assert [(scope.scrape_class(name) or scope.scrape_classes["a"]).name for name in ("a", "b", "gone", None)] == [
        "a",
        "b",
        "b",
        "b",
    ]
    assert made().scope.scrape_class(None) is None


def test_scrape_classes_must_be_sound_and_one_of_them_default() -> None:
    classes = [
        {"name": "a", "default": True},
        {"name": "a", "default": True},
        {"relabelings": [{"action": "keep", "regex": "("}], "metricRelabelings": [{"action": "hashmod", "targetLabel": "x"}]},
    ]
    assert set(problems({"scrapeClasses": classes})) == {
        "spec.scrapeClasses[1].name",
        "spec.scrapeClasses[1].default",
        "spec.scrapeClasses[2].name",
        "spec.scrapeClasses[2].relabelings[0].regex",
        "spec.scrapeClasses[2].metricRelabelings[0].modulus",
    }


def test_shards_and_replicas_are_normal_numbers() -> None:
    assert made({"shards": 0, "replicas": -1}).scope.shards == 1
    assert made({"shards": 0, "replicas": -1}).scope.replicas == 1
    assert made({"replicas": 0}).scope.replicas == 0


def test_shards_by_zone_share_their_zone() -> None:
    scope = made({"shards": 5, "shardingStrategy": {"mode": "Topology", "topology": {"values": ["a", "b"]}}}).scope
    assert scope.shards_per_zone == 2
    assert [(scope.zone(n), scope.inzone_shard(n)) for n in range(5)] == [("a", 0), ("b", 0), ("a", 1), ("b", 1), ("a", 2)]
    assert made({"shards": 5}).scope.shards_per_zone == 5


@pytest.mark.parametrize("strategy", [{}, {"mode": "Address"}, {"mode": "Topology"}, {"mode": "Topology", "topology": {}}])
def test_without_zones_shards_are_by_address(strategy: Json) -> None:
    assert not made({"shards": 2, "shardingStrategy": strategy}).scope.sharded_by_zone


def test_what_is_excluded_from_the_namespace_label() -> None:
    scope = made(
        {
            "enforcedNamespaceLabel": "tenant",
            "excludedFromEnforcement": [
                {"resource": "servicemonitors", "namespace": "a"},
                {"resource": "probes", "namespace": "a", "name": "p", "group": "monitoring.coreos.com"},
            ],
            "prometheusRulesExcludedFromEnforce": [{"ruleNamespace": "a", "ruleName": "r"}],
        }
    ).scope
    assert scope.excluded == (Excluded("ServiceMonitor", "a"), Excluded("Probe", "a", "p"), Excluded("PrometheusRule", "a", "r"))
    assert not scope.enforces_namespace("ServiceMonitor", "a", "any")
    assert not scope.enforces_namespace("Probe", "a", "p")
    assert scope.enforces_namespace("Probe", "a", "q")
    assert scope.enforces_namespace("ServiceMonitor", "b", "any")
    assert not made().scope.enforces_namespace("ServiceMonitor", "b", "any")


def test_an_exclusion_that_excludes_nothing_is_said() -> None:
    given = [{"resource": "servicemonitor", "namespace": "a"}, {"resource": "probes", "namespace": ""}]
    found = made({"excludedFromEnforcement": given})
    assert not found.scope.excluded
    assert [said.split(" excludes nothing")[0] for said in found.ignored] == [
        "spec.excludedFromEnforcement[0].resource 'servicemonitor'",
        "spec.excludedFromEnforcement[1].namespace ''",
    ]


@pytest.mark.parametrize(
    ("spec", "field"),
    [
        ({"additionalArgs": [{"name": ""}]}, "spec.additionalArgs[0].name"),
        ({"thanos": {"additionalArgs": [{"name": ""}]}}, "spec.thanos.additionalArgs[0].name"),
        ({"containers": [{"name": "prometheus", "env": "x"}]}, "spec.containers[0].env"),
        ({"storage": {"volumeClaimTemplate": {"spec": "10Gi"}}}, "spec.storage.volumeClaimTemplate.spec"),
    ],
)
def test_parts_of_pods_that_can_not_be_used_are_named(spec: Json, field: str) -> None:
    assert list(problems(spec)) == [field]


def test_selections_tell_none_from_all() -> None:
    found = made({"podMonitorSelector": {"matchLabels": {"a": "b"}}, "probeSelector": None}).selections
    assert found["ServiceMonitor"].labels is not None
    assert found["PodMonitor"].labels is not None
    assert found["PodMonitor"].labels.match_labels == {"a": "b"}
    assert found["Probe"].labels is None
    assert found["Probe"].namespaces is None


def test_nothing_to_scrape_by_is_unmanaged_whatever_the_rules() -> None:
    assert made({"serviceMonitorSelector": None, "ruleSelector": {}}).unmanaged
    assert not made({"serviceMonitorSelector": None, "scrapeConfigSelector": {}}).unmanaged


def test_selectors_that_kubernetes_would_refuse_are_problems() -> None:
    spec = {
        "serviceMonitorSelector": {"matchExpressions": [{"key": "a", "operator": "In"}]},
        "podMonitorNamespaceSelector": {"matchExpressions": [{"key": "a", "operator": "Exists", "values": ["x"]}]},
    }
    assert set(problems(spec)) == {
        "spec.serviceMonitorSelector.matchExpressions[0].values",
        "spec.podMonitorNamespaceSelector.matchExpressions[0].values",
    }


def test_unknown_fields_are_told() -> None:
    found = made({"futureField": 1, "remoteWrite": [{"url": "http://x", "later": True}], "containers": [{"name": "x", "y": 1}]})
    assert found.unknown == ("spec.futureField", "spec.remoteWrite[0].later")


def test_a_daemon_set_of_agents_is_refused() -> None:
    assert "set StatefulSet" in problems({"mode": "DaemonSet"}, agent=True)["spec.mode"]
    assert made({"mode": "StatefulSet"}, agent=True).scope.agent


@pytest.mark.parametrize(("shards", "room"), [(1, 41), (2, 33), (11, 32)])
def test_a_name_leaves_room_for_those_that_are_made_of_it(shards: int, room: int) -> None:
    made({"shards": shards}, name="n" * room)
    assert f"at most {room} characters" in problems({"shards": shards}, name="n" * (room + 1))["metadata.name"]


def test_what_no_stateful_set_can_be_made_of_is_a_problem_of_the_spec() -> None:
    found = problems({"additionalArgs": [{"name": "config.file", "value": "x"}]})
    assert "set by the operator" in found["spec.additionalArgs[0].name"]


def test_labels_and_annotations_of_the_resource_are_kept() -> None:
    resource = prometheus()
    resource["metadata"] |= {"labels": {"a": "b"}, "annotations": {"c": "d"}}
    found = validate(resource)
    assert (dict(found.labels), dict(found.annotations)) == ({"a": "b"}, {"c": "d"})


def test_the_same_resource_is_the_same_instance() -> None:
    spec = {"remoteWrite": [{"url": "http://x"}], "scrapeClasses": [{"name": "a"}]}
    assert made(spec).scope.spec == made(spec).scope.spec
    assert made(spec).image == made(spec).image
