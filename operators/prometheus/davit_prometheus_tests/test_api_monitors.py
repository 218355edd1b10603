"""The schemas of monitors and rules: small, structural, and forgiving of what they do not know."""

from __future__ import annotations

import json
from typing import Any

import pytest
from davit.crd import Crd, manifest
from davit.monitoring.unknown import unknown_fields
from davit_prometheus.api.monitors import POD_MONITOR_CRD, PROBE_CRD, SERVICE_MONITOR_CRD, ServiceMonitorSpec
from davit_prometheus.api.rules import CRD as RULE_CRD
from davit_prometheus.api.rules import PrometheusRuleSpec

ALL = (SERVICE_MONITOR_CRD, POD_MONITOR_CRD, PROBE_CRD, RULE_CRD)


def schema(crd: Crd) -> dict[str, Any]:
    found: dict[str, Any] = manifest(crd)["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    return found


@pytest.mark.parametrize("crd", ALL, ids=lambda crd: crd.kind.kind)
def test_a_crd_can_be_applied_by_clients(crd: Crd) -> None:
    assert len(json.dumps(manifest(crd))) < 250_000


@pytest.mark.parametrize("crd", ALL, ids=lambda crd: crd.kind.kind)
def test_no_field_of_a_user_is_pruned(crd: Crd) -> None:
    def objects(part: dict[str, Any]) -> list[dict[str, Any]]:
        below = [*part.get("properties", {}).values(), *(part[key] for key in ("items", "additionalProperties") if key in part)]
        found = [part] if "properties" in part else []
        return [*found, *(one for child in below for one in objects(child))]

    inside = objects(schema(crd)["properties"]["spec"])
    assert inside
    assert all(part.get("x-kubernetes-preserve-unknown-fields") for part in inside)


@pytest.mark.parametrize("crd", ALL, ids=lambda crd: crd.kind.kind)
def test_every_field_is_explained(crd: Crd) -> None:
    def unexplained(part: dict[str, Any], path: str) -> list[str]:
        missing = [f"{path}.{name}" for name, one in part.get("properties", {}).items() if not one.get("description")]
        below = {**part.get("properties", {}), **{key: part[key] for key in ("items", "additionalProperties") if key in part}}
        return [*missing, *(one for name, child in below.items() for one in unexplained(child, f"{path}.{name}"))]

    assert not unexplained(schema(crd)["properties"]["spec"], "spec")


def test_bindings_are_told_apart_as_upstream_tells_them() -> None:
    bindings = schema(SERVICE_MONITOR_CRD)["properties"]["status"]["properties"]["bindings"]
    assert bindings["x-kubernetes-list-map-keys"] == ["group", "resource", "name", "namespace"]


def test_what_is_required_is_so_in_the_schema_only() -> None:
    assert schema(SERVICE_MONITOR_CRD)["properties"]["spec"]["required"] == ["endpoints", "selector"]
    assert ServiceMonitorSpec.model_validate({}).endpoints is None


def test_unknown_fields_are_found_wherever_they_stand() -> None:
    raw = {
        "selector": {"matchLabels": {"any": "label"}},
        "new": 1,
        "endpoints": [
            {"port": "a"},
            {"prot": "b", "tlsConfig": {"ca": {"secret": {"name": "n", "keys": []}}}, "params": {"x": ["y"]}},
        ],
    }
    assert unknown_fields(ServiceMonitorSpec, raw) == (
        "spec.new",
        "spec.endpoints[1].prot",
        "spec.endpoints[1].tlsConfig.ca.secret.keys",
    )


def test_fields_with_underscores_are_known() -> None:
    raw = {
        "groups": [
            {"name": "g", "query_offset": "1m", "rules": [{"alert": "a", "expr": 1, "for": "1m", "keep_firing_for": "1m"}]}
        ]
    }
    assert unknown_fields(PrometheusRuleSpec, raw) == ()
