"""The top level of prometheus.yaml: what is there, what is left out alone, and what a version ignores."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from davit.monitoring import emit
from davit.testing import golden
from davit_prometheus.config.globals import log_file
from davit_prometheus.config.section import fraction
from davit_prometheus.config.server import references, render_server
from davit_prometheus.model import Json
from davit_prometheus.validate import validate

from davit_prometheus_tests.server_cases import (
    AGENTS,
    ALERTMANAGER,
    BASIC,
    CASES,
    EVERYTHING,
    MORE,
    REMOTE_READ,
    REMOTE_WRITE,
    TLS,
    WRITE_METHODS,
)
from davit_prometheus_tests.server_made import UUID, assets, faults, key, prometheus, secrets, top

FOLDER = Path(__file__).parent / "server_golden"


@pytest.mark.parametrize("version", ["2.45.0", "2.53.0", "3.5.0", "3.13.2"])
@pytest.mark.parametrize("agent", [False, True], ids=["server", "agent"])
def test_golden_top_level(version: str, agent: bool) -> None:
    spec = {**(AGENTS if agent else CASES)["everything"], "version": version}
    found = top(spec, agent=agent)
    shown = {
        "config": yaml.safe_load(emit.text(found.config)),
        "jobs": [job.name for job in found.jobs],
        "faults": [str(fault) for fault in found.faults],
        "ignored": list(found.ignored),
        "files": sorted(found.files),
    }
    golden.check(FOLDER / f"{'agent' if agent else 'server'}-{version}.yaml", shown)


@pytest.mark.parametrize("case", CASES)
def test_a_sound_spec_has_no_faults(case: str) -> None:
    assert not top({**CASES[case], "version": "3.13.2"}).faults


def test_the_keys_are_in_the_order_of_prometheus_operator() -> None:
    order = [
        "global", "runtime", "rule_files", "scrape_configs", "storage", "alerting", "remote_write", "remote_read", "otlp",
        "tracing",
    ]  # fmt: skip
    assert list(top(EVERYTHING).config) == order


def test_rule_files_are_there_only_with_a_selector() -> None:
    scope = validate(prometheus({"ruleSelector": {}})).scope
    found = render_server(scope, assets(secrets()), rule_files=["prometheus-k8s-rulefiles-0"])
    assert found.config["rule_files"] == ["/etc/prometheus/rules/prometheus-k8s-rulefiles-0/*.yaml"]
    assert "rule_files" not in top().config


# External labels


@pytest.mark.parametrize(
    ("version", "features", "given", "wanted"),
    [
        ("2.53.0", [], "a$b$$c", "a$$b$$$$c"),
        ("2.53.0", ["expand-external-labels"], "${HOME}", "${HOME}"),
        ("3.0.0", [], "${HOME}", "${HOME}"),
        ("2.53.0", [], "$(POD_NAME)-$(SHARD)-$(OTHER)", "${POD_NAME}-$(SHARD)-$$(OTHER)"),
        ("3.5.0", [], "$(POD_NAME)-$(TOPOLOGY_ZONE)-$(OTHER)", "${POD_NAME}-$(TOPOLOGY_ZONE)-$(OTHER)"),
    ],
)
def test_external_labels_mean_what_they_did(version: str, features: list[str], given: str, wanted: str) -> None:
    spec = {"version": version, "enableFeatures": features, "externalLabels": {"l": given}}
    assert top(spec).config["global"]["external_labels"]["l"] == wanted


def test_the_replica_label_is_expanded_by_prometheus_itself() -> None:
    labels = top({"externalLabels": {"z": "1", "a": "2"}}).config["global"]["external_labels"]
    assert labels == {"a": "2", "prometheus": "ns/k8s", "prometheus_replica": "${POD_NAME}", "z": "1"}
    assert list(labels) == sorted(labels)


def test_external_labels_of_the_operator_win_and_it_is_said() -> None:
    found = top({"externalLabels": {"prometheus_replica": "mine"}})
    assert found.config["global"]["external_labels"]["prometheus_replica"] == "${POD_NAME}"
    assert any("spec.externalLabels.prometheus_replica" in sentence for sentence in found.ignored)


def test_a_pod_name_elsewhere_is_said_to_have_no_effect() -> None:
    found = top({"remoteWrite": [{"url": "http://x", "headers": {"X-Pod": "$(POD_NAME)"}}]})
    assert any("remote_write" in sentence and "$(POD_NAME)" in sentence for sentence in found.ignored)


# Quarantine


def test_a_missing_secret_takes_only_its_remote_write() -> None:
    bad = {"url": "http://bad", "basicAuth": {"username": key("user", "gone"), "password": key("password")}}
    found = top({"remoteWrite": [{"url": "http://a"}, bad, {"url": "http://b"}]})
    assert [one["url"] for one in found.config["remote_write"]] == ["http://a", "http://b"]
    (path, message), *more = faults(found).items()
    assert not more
    assert path == "spec.remoteWrite[1].basicAuth.username"
    assert re.search(r"ns/gone.*'user'.*create it", message)


def test_what_is_left_out_mounts_no_files() -> None:
    bad = {"url": "http://bad", "tlsConfig": TLS, "authorization": {"credentials": key("gone")}}
    found = top({"remoteWrite": [bad]})
    assert len(found.faults) == 1
    assert not found.files
    assert len(top({"remoteWrite": [{"url": "http://good", "tlsConfig": TLS}]}).files) == 3


WRITES: dict[str, tuple[Json, str]] = {
    "no URL": ({"url": ""}, "url"),
    "two ways to authenticate": ({"basicAuth": BASIC, "bearerToken": "x"}, "bearerToken"),
    "basic as authorization": ({"authorization": {"type": "basic", "credentials": key("token")}}, "authorization.type"),
    "a reserved header": ({"headers": {"Content-Type": "x"}}, "headers.Content-Type"),
    "credentials in a header": ({"headers": {"Authorization": "x"}}, "headers.Authorization"),
    "half a key": ({"sigv4": {"accessKey": key("access")}}, "sigv4.secretKey"),
    "an external ID without a role": ({"sigv4": {"externalId": "x"}}, "sigv4.externalId"),
    "no way to Azure": ({"azureAd": {}}, "azureAd"),
    "two ways to Azure": ({"azureAd": {"sdk": {}, "managedIdentity": {"clientId": UUID}}}, "azureAd"),
    "an Azure ID that is none": ({"azureAd": {"managedIdentity": {"clientId": "x"}}}, "azureAd.managedIdentity.clientId"),
    "a bad relabeling": ({"writeRelabelConfigs": [{"action": "keep", "regex": "("}]}, "writeRelabelConfigs[0].regex"),
    "a bad proxy": ({"noProxy": "x"}, "noProxy"),
    "a certificate without key": ({"tlsConfig": {"cert": {"secret": key("cert")}}}, "tlsConfig.keySecret"),
}


@pytest.mark.parametrize("case", WRITES)
def test_a_remote_write_that_no_version_loads_is_left_out_alone(case: str) -> None:
    part, path = WRITES[case]
    found = top({"remoteWrite": [{"url": "http://x", **part}, {"url": "http://good"}]})
    assert [one["url"] for one in found.config["remote_write"]] == ["http://good"]
    assert list(faults(found)) == [f"spec.remoteWrite[0].{path}"]


@pytest.mark.parametrize(
    ("version", "method"),
    [("2.45.0", "azure-oauth"), ("2.51.0", "azure-sdk"), ("3.6.0", "azure-workload"), ("3.4.0", "azure-system")],
)
def test_a_way_to_azure_that_the_version_lacks_is_a_fault(version: str, method: str) -> None:
    found = top({"version": version, "remoteWrite": [{"url": "http://x", **WRITE_METHODS[method]}]})
    assert found.config["remote_write"] == []
    assert version in next(iter(faults(found).values()))


def test_the_second_of_one_name_is_left_out() -> None:
    for field, key_ in (("remoteWrite", "remote_write"), ("remoteRead", "remote_read")):
        found = top({field: [{"url": f"http://{n}", "name": "a"} for n in range(2)] + [{"url": "http://2"}, {"url": "http://3"}]})
        assert [one["url"] for one in found.config[key_]] == ["http://0", "http://2", "http://3"]
        assert list(faults(found)) == [f"spec.{field}[1].name"]


def test_a_name_whose_first_bearer_is_left_out_is_free() -> None:
    found = top({"remoteWrite": [{"url": "", "name": "a"}, {"url": "http://b", "name": "a"}]})
    assert [one["url"] for one in found.config["remote_write"]] == ["http://b"]


def test_a_bad_alertmanager_takes_only_itself() -> None:
    given = [{**ALERTMANAGER, "basicAuth": BASIC, "sigv4": {}}, {"name": "b", "port": "web"}, {"name": "", "port": "web"}]
    found = top({"alerting": {"alertmanagers": given}})
    assert len(found.config["alerting"]["alertmanagers"]) == 1
    assert list(faults(found)) == ["spec.alerting.alertmanagers[0]", "spec.alerting.alertmanagers[2].name"]


def test_bad_tracing_and_otlp_leave_everything_else() -> None:
    spec = {
        "tracingConfig": {"endpoint": "t:1", "samplingFraction": "2"},
        "otlp": {"ignoreResourceAttributes": ["a"]},
        "tsdb": {"staleSeriesCompactionThreshold": "1.5", "outOfOrderTimeWindow": "1h"},
    }
    found = top(spec)
    assert not {"tracing", "otlp"} & set(found.config)
    assert found.config["storage"]["tsdb"] == {"out_of_order_time_window": "1h", "retention": {"time": "24h"}}
    assert set(faults(found)) == {
        "spec.tracingConfig.samplingFraction",
        "spec.otlp.ignoreResourceAttributes",
        "spec.tsdb.staleSeriesCompactionThreshold",
    }


@pytest.mark.parametrize("bad", ["", " ", " a"])
@pytest.mark.parametrize("field", ["promoteResourceAttributes", "ignoreResourceAttributes"])
def test_an_attribute_that_prometheus_would_not_load_costs_otlp_alone(field: str, bad: str) -> None:
    found = top({"otlp": {field: ["a", bad], "promoteAllResourceAttributes": field.startswith("ignore")}})
    assert list(faults(found)) == [f"spec.otlp.{field}[1]"]
    assert "otlp" not in found.config


def test_xor_and_start_timestamps_exclude_each_other() -> None:
    found = top({"tsdb": {"chunkEncoding": {"floats": "Xor"}}, "enableFeatures": ["st-storage"]})
    assert list(faults(found)) == ["spec.tsdb.chunkEncoding.floats"]
    assert "chunk_encoding" not in found.config["storage"]["tsdb"]


@pytest.mark.parametrize("strategy", ["NoUTF8EscapingWithSuffixes", "NoTranslation"])
def test_utf8_names_from_otlp_need_utf8_names(strategy: str) -> None:
    spec: dict[str, Any] = {"nameValidationScheme": "Legacy", "otlp": {"translationStrategy": strategy}}
    assert list(faults(top(spec))) == ["spec.otlp.translationStrategy"]
    assert not top({**spec, "nameValidationScheme": "UTF8"}).faults


# Versions


@pytest.mark.parametrize(
    ("field", "path", "minimum", "before"),
    [
        ("remoteWrite", "messageVersion", "2.54.0", "2.53.5"),
        ("remoteWrite", "roundRobinDNS", "3.1.0", "3.0.1"),
        ("remoteWrite", "queueConfig.sampleAgeLimit", "2.50.0", "2.49.1"),
    ],
)
def test_what_a_version_does_not_know_is_left_out_and_said(field: str, path: str, minimum: str, before: str) -> None:
    old, new = (top({"version": version, field: [REMOTE_WRITE]}) for version in (before, minimum))
    sentence = f"spec.{field}[0].{path} is ignored by Prometheus {before}: needs {minimum}"
    assert sentence in old.ignored
    assert not any(f".{path} " in one for one in new.ignored)
    assert old.config["remote_write"] != new.config["remote_write"]


def test_alert_relabelings_of_one_alertmanager_need_2_51() -> None:
    for version, there in (("2.50.1", False), ("2.51.0", True)):
        found = top({"version": version, "alerting": {"alertmanagers": [ALERTMANAGER]}})
        assert ("alert_relabel_configs" in found.config["alerting"]["alertmanagers"][0]) is there


def test_version_1_of_the_alertmanager_api_is_gone_since_3() -> None:
    for version, there in (("2.55.0", True), ("3.0.0-rc.0", False), ("3.0.0", False)):
        given = [{"name": "a", "port": "web", "apiVersion": "V1"}]
        found = top({"version": version, "alerting": {"alertmanagers": given}})
        assert ("api_version" in found.config["alerting"]["alertmanagers"][0]) is there
        assert any("apiVersion" in one for one in found.ignored) is not there


def test_protocols_that_a_version_does_not_speak_leave_no_empty_list() -> None:
    assert "scrape_protocols" not in top({"version": "2.55.0", "scrapeProtocols": ["PrometheusText1.0.0"]}).config["global"]


@pytest.mark.parametrize(
    ("spec", "wanted"),
    [
        ({}, {"time": "24h"}),
        ({"retention": "3d"}, {"time": "3d"}),
        ({"retentionSize": "1GB"}, {"size": "1GB"}),
        ({"retention": "3d", "retentionSize": "1GB"}, {"time": "3d", "size": "1GB"}),
    ],
)
def test_retention_is_in_the_configuration_since_3_11(spec: Json, wanted: Json) -> None:
    assert top({**spec, "version": "3.11.0"}).config["storage"] == {"tsdb": {"retention": wanted}}
    assert "storage" not in top({**spec, "version": "3.10.0"}).config


def test_an_agent_has_nothing_of_rules_alerts_and_queries() -> None:
    found = top(EVERYTHING, agent=True)
    assert set(found.config) == {"global", "runtime", "scrape_configs", "storage", "remote_write", "otlp", "tracing"}
    assert "evaluation_interval" not in found.config["global"]
    assert "retention" not in found.config["storage"]["tsdb"]


def test_all_tsdb_settings_of_an_agent_are_in_one_section() -> None:
    tsdb = {"outOfOrderTimeWindow": "1h", "staleSeriesCompactionThreshold": "0.5"}
    wanted = {"tsdb": {"out_of_order_time_window": "1h", "stale_series_compaction_threshold": 0.5}}
    assert top({"tsdb": tsdb}, agent=True).config["storage"] == wanted


# Details


def test_references_are_those_of_the_configuration_alone() -> None:
    spec = {**EVERYTHING, "thanos": {"objectStorageConfig": key("bucket")}, "web": {"tlsConfig": {"keySecret": key("web")}}}
    found = {ref.key for ref in references(validate(prometheus(spec | {"web": None})).scope.spec, "ns")}
    assert {"jobs", "steps", "managers", "ca", "token", "password", "access"} <= found
    assert not {"bucket", "web"} & found


def test_metadata_is_not_sent_apart_with_the_second_protocol() -> None:
    sent = {"url": "http://x", "metadataConfig": {"send": True}}
    found = top({"remoteWrite": [sent, {**sent, "messageVersion": "V2.0"}]})
    assert [one["metadata_config"]["send"] for one in found.config["remote_write"]] == [True, False]


def test_the_alertmanagers_namespace_is_its_own_or_that_of_the_prometheus() -> None:
    found = top({"alerting": {"alertmanagers": [{"name": "a", "port": 1}, {"name": "a", "port": 1, "namespace": "mon"}]}})
    discovered = [one["kubernetes_sd_configs"][0]["namespaces"]["names"] for one in found.config["alerting"]["alertmanagers"]]
    assert discovered == [["ns"], ["mon"]]


def test_the_replica_label_is_dropped_from_alerts_whatever_its_name() -> None:
    found = top({"version": "3.0.0", "replicaExternalLabelName": "a.b", "alerting": {"alertmanagers": []}})
    assert found.config["alerting"]["alert_relabel_configs"] == [{"action": "labeldrop", "regex": r"a\.b"}]
    none = top({"replicaExternalLabelName": "", "alerting": {"alertmanagers": []}})
    assert none.config["alerting"]["alert_relabel_configs"] == []


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ("a.log", "/var/log/prometheus/a.log"),
        ("./a.log", "/var/log/prometheus/a.log"),
        ("/x/a.log", "/x/a.log"),
        ("x/a.log", "x/a.log"),
    ],
)
def test_a_log_file_without_directory_goes_to_the_logs(given: str, wanted: str) -> None:
    assert log_file(given) == wanted


@pytest.mark.parametrize(
    ("given", "wanted"), [("500m", 0.5), ("0.3", 3 * 0.1), (1, 1.0), ("0.1234567891", 123456790 * 1e-9), ("1e-1", 0.1)]
)
def test_a_fraction_is_what_a_go_client_makes_of_it(given: str | int, wanted: float) -> None:
    assert fraction(given) == wanted


def test_read_recent_is_written_only_when_it_is_on() -> None:
    found = top({"remoteRead": [REMOTE_READ, {"url": "http://x", "readRecent": False}]})
    assert ["read_recent" in one for one in found.config["remote_read"]] == [True, False]


def test_jobs_of_users_are_apart_from_the_top_level() -> None:
    found = top(MORE)
    assert found.config["scrape_configs"] == []
    assert [job.name for job in found.jobs] == ["one", "two"]
