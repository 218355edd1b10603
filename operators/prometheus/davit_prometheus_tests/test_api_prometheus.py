"""The schemas of Prometheus and PrometheusAgent: complete, small, and never in the way of a later version."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from davit.crd import Crd, manifest
from davit.monitoring.unknown import unknown_fields
from davit_prometheus.api.prometheus import AGENT_CRD, CRD, PrometheusSpec
from davit_prometheus.model import Json
from davit_prometheus.validate import PLURALS

from davit_prometheus_tests.server_cases import CASES, EVERYTHING

COMMON = """
additionalArgs additionalScrapeConfigs affinity apiserverConfig arbitraryFSAccessThroughSMs automountServiceAccountToken
bodySizeLimit configMaps containers convertClassicHistogramsToNHCB dnsConfig dnsPolicy enableFeatures enableOTLPReceiver
enableRemoteWriteReceiver enableServiceLinks enforcedBodySizeLimit enforcedKeepDroppedTargets enforcedLabelLimit
enforcedLabelNameLengthLimit enforcedLabelValueLengthLimit enforcedNamespaceLabel enforcedSampleLimit enforcedTargetLimit
excludedFromEnforcement externalLabels externalUrl hostAliases hostNetwork hostUsers ignoreNamespaceSelectors image
imagePullPolicy imagePullSecrets initContainers keepDroppedTargets labelLimit labelNameLengthLimit labelValueLengthLimit
listenLocal logFormat logLevel maximumStartupDurationSeconds minReadySeconds nameEscapingScheme nameValidationScheme
nodeSelector otlp overrideHonorLabels overrideHonorTimestamps paused persistentVolumeClaimRetentionPolicy
podManagementPolicy podMetadata podMonitorNamespaceSelector podMonitorSelector podTargetLabels portName priorityClassName
probeNamespaceSelector probeSelector prometheusExternalLabelName reloadStrategy remoteWrite
remoteWriteReceiverMessageVersions replicaExternalLabelName replicas resources routePrefix runtime sampleLimit schedulerName
scrapeClasses scrapeClassicHistograms scrapeConfigNamespaceSelector scrapeConfigSelector scrapeFailureLogFile scrapeInterval
scrapeNativeHistograms scrapeProtocols scrapeTimeout secrets securityContext serviceAccountName serviceDiscoveryRole
serviceMonitorNamespaceSelector serviceMonitorSelector serviceName shardingStrategy shards storage targetLimit
terminationGracePeriodSeconds tolerations topologySpreadConstraints tracingConfig tsdb updateStrategy version volumeMounts
volumes walCompression web
"""
SERVER = """
additionalAlertManagerConfigs additionalAlertRelabelConfigs alerting allowOverlappingBlocks baseImage disableCompaction
enableAdminAPI evaluationInterval exemplars prometheusRulesExcludedFromEnforce query queryLogFile remoteRead retention
retentionSize ruleNamespaceSelector ruleQueryOffset ruleSelector rules sha shardRetentionPolicy tag thanos
"""
BOTH = pytest.mark.parametrize("crd", [CRD, AGENT_CRD], ids=["Prometheus", "PrometheusAgent"])


def schema(crd: Crd) -> Json:
    root: Json = manifest(crd)["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    return root


def parts(node: Mapping[str, Any], path: str = "") -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Every schema in a schema, by its path."""
    yield path, node
    for name, below in (node.get("properties") or {}).items():
        yield from parts(below, f"{path}.{name}")
    for name in ("items", "additionalProperties"):
        if isinstance(node.get(name), Mapping):
            yield from parts(node[name], path)


def test_all_fields_of_prometheus_operator_are_there() -> None:
    assert set(schema(CRD)["properties"]["spec"]["properties"]) == {*COMMON.split(), *SERVER.split()}
    assert set(schema(AGENT_CRD)["properties"]["spec"]["properties"]) == {*COMMON.split(), "mode"}


@BOTH
def test_the_definition_fits_into_an_annotation_of_kubectl_apply(crd: Crd) -> None:
    assert len(json.dumps(manifest(crd), separators=(",", ":"))) < 250_000


@BOTH
def test_a_field_of_a_later_version_is_kept_wherever_it_stands(crd: Crd) -> None:
    for path, part in parts(schema(crd)["properties"]["spec"]):
        if "properties" in part:
            assert part.get("x-kubernetes-preserve-unknown-fields"), path


@BOTH
def test_every_field_says_what_it_is(crd: Crd) -> None:
    for section in ("spec", "status"):
        for path, part in parts(schema(crd)["properties"][section]):
            for name, below in (part.get("properties") or {}).items():
                assert below.get("description"), f"{section}{path}.{name}"


@BOTH
def test_nothing_is_defaulted_by_the_api_server_but_the_status(crd: Crd) -> None:
    assert not [path for path, part in parts(schema(crd)["properties"]["spec"]) if "default" in part]
    assert schema(crd)["properties"]["status"]["default"] == {"observedGeneration": -1}


@BOTH
def test_rules_speak_of_fields_that_exist(crd: Crd) -> None:
    root = schema(crd)
    rules = [(path, rule) for path, part in parts(root) for rule in part.get("x-kubernetes-validations", ())]
    assert rules
    known = {path for path, _ in parts(root)}
    for path, rule in rules:
        for found in re.findall(r"self((?:\.[a-zA-Z]+)+)", rule["rule"]):
            assert path + found.removesuffix(".size") in known, rule["rule"]
        assert ":" in rule["message"], "says what to do"


@BOTH
def test_shards_are_scaled_by_the_scale_subresource(crd: Crd) -> None:
    version = manifest(crd)["spec"]["versions"][0]
    assert version["subresources"]["scale"] == {
        "specReplicasPath": ".spec.shards",
        "statusReplicasPath": ".status.shards",
        "labelSelectorPath": ".status.selector",
    }
    known = {path for path, _ in parts(schema(crd))}
    assert set(version["subresources"]["scale"].values()) <= known


@BOTH
def test_columns_show_what_prometheus_operators_do_and_whether_it_is_live(crd: Crd) -> None:
    names = [column.name for column in crd.columns]
    assert set(names) >= {"Version", "Desired", "Ready", "Reconciled", "Available", "Age", "Paused", "Live"}


@BOTH
def test_lists_of_named_things_are_merged_by_name(crd: Crd) -> None:
    found = {path: part.get("x-kubernetes-list-map-keys") for path, part in parts(schema(crd)) if part.get("type") == "array"}
    assert found[".spec.scrapeClasses"] == ["name"]
    assert found[".spec.hostAliases"] == ["ip"]
    assert found[".status.conditions"] == ["type"]
    assert found[".status.shardStatuses"] == ["shardID"]
    assert found[".spec.remoteWrite"] is None


@BOTH
def test_only_what_has_a_namespace_can_be_excluded_from_enforcement(crd: Crd) -> None:
    known = {path: part for path, part in parts(schema(crd)) if path.startswith(".spec.excludedFromEnforcement.")}
    assert set(known[".spec.excludedFromEnforcement.resource"]["enum"]) == set(PLURALS)
    assert known[".spec.excludedFromEnforcement.namespace"]["minLength"] == 1


@BOTH
def test_a_flag_has_a_name(crd: Crd) -> None:
    found = [part for path, part in parts(schema(crd)) if path.endswith("additionalArgs.name")]
    assert found
    assert all(part["minLength"] == 1 for part in found)


@pytest.mark.parametrize("case", CASES)
def test_the_model_knows_every_field_by_its_own_spelling(case: str) -> None:
    assert unknown_fields(PrometheusSpec, CASES[case]) == ()


def test_a_misspelt_field_is_unknown() -> None:
    assert unknown_fields(PrometheusSpec, {**EVERYTHING, "enableOtlpReceiver": True}) == ("spec.enableOtlpReceiver",)


@pytest.mark.parametrize(
    "spec",
    [
        {"enableOTLPReceiver": True, "enableAdminAPI": True, "arbitraryFSAccessThroughSMs": {"deny": True}},
        {"web": {"tlsConfig": {"client_ca": {"secret": {"name": "a", "key": "b"}}, "clientCAFile": "x"}}},
        {"web": {"httpConfig": {"headers": {"xXSSProtection": "1", "xFrameOptions": "Deny"}}}},
        {"thanos": {"grpcServerTlsConfig": {"minVersion": "TLS12", "curves": ["X25519"]}, "blockSize": "2h"}},
        {"otlp": {"convertHistogramsToNHCB": True}, "convertClassicHistogramsToNHCB": True, "runtime": {"goGC": 1}},
        {"shardRetentionPolicy": {"whenScaled": "Retain", "retain": {"retentionPeriod": "1d"}}},
        {"persistentVolumeClaimRetentionPolicy": {"whenDeleted": "Retain"}, "updateStrategy": {"type": "OnDelete"}},
    ],
)
def test_names_with_capitals_are_read(spec: Json) -> None:
    assert unknown_fields(PrometheusSpec, spec) == ()
    assert PrometheusSpec.model_validate(spec).model_dump(by_alias=True, exclude_unset=True) == spec
