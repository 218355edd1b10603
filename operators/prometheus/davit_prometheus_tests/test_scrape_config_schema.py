"""What the API server takes for a ScrapeConfig, going by our schema."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from davit.crd import manifest
from davit_prometheus.api.scrapeconfig import SCRAPE_CONFIG_CRD
from jsonschema import Draft4Validator

from davit_prometheus_tests.scrape_config_samples import AUTHENTICATIONS, SECRET, full, kinds, least

Json = dict[str, Any]
DEFINITION = manifest(SCRAPE_CONFIG_CRD)
(VERSION,) = DEFINITION["spec"]["versions"]
SCHEMA = VERSION["schema"]["openAPIV3Schema"]
SPEC = SCHEMA["properties"]["spec"]
KINDS = {discovery.field: discovery for discovery in kinds()}
CLIENT_SIDE_APPLY = 262_144
"""Bytes that an annotation may have, and so a definition that is applied from the client's side."""


def problems(spec: Json) -> list[str]:
    """Why the schema refuses a spec, empty when it takes it; unknown fields are kept by the API server, not refused."""
    return [error.message for error in Draft4Validator(SPEC).iter_errors(spec)] + list(_twice(SPEC, spec))


def _twice(schema: Json, value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for name, below in value.items():
            yield from _twice(schema.get("properties", {}).get(name) or schema.get("additionalProperties") or {}, below)
    elif isinstance(value, list):
        keys = schema.get("x-kubernetes-list-map-keys", ())
        names = [json.dumps([item.get(key) for key in keys] if keys else item) for item in value]
        if schema.get("x-kubernetes-list-type") in ("set", "map") and len(set(names)) < len(names):
            yield "an item is there twice"
        for item in value:
            yield from _twice(schema.get("items", {}), item)


def nodes(schema: Json, path: str = "") -> Iterator[tuple[str, Json]]:
    yield path, schema
    for name, below in schema.get("properties", {}).items():
        yield from nodes(below, f"{path}.{name}")
    for part in ("items", "additionalProperties"):
        if isinstance(schema.get(part), dict):
            yield from nodes(schema[part], f"{path}[]")


NODES = dict(nodes(SCHEMA))


def test_the_definition_can_be_applied_from_the_client_side() -> None:
    assert len(json.dumps(DEFINITION, separators=(",", ":"))) < min(CLIENT_SIDE_APPLY, 250_000)


def test_it_is_known_by_upstreams_names() -> None:
    assert DEFINITION["metadata"]["name"] == "scrapeconfigs.monitoring.coreos.com"
    assert DEFINITION["spec"]["names"]["shortNames"] == ["scfg"]
    assert (VERSION["name"], VERSION["served"], VERSION["storage"]) == ("v1alpha1", True, True)
    assert VERSION["subresources"] == {"status": {}}


def test_every_list_says_how_it_merges_and_every_object_keeps_what_we_do_not_know() -> None:
    for path, node in NODES.items():
        if node.get("type") == "array":
            assert node["x-kubernetes-list-type"] in ("atomic", "map", "set"), path
            for key in node.get("x-kubernetes-list-map-keys", ()):
                assert key in node["items"]["required"], path
        if node.get("properties") and path not in ("", ".metadata"):
            assert node.get("x-kubernetes-preserve-unknown-fields") is True, path


def test_every_field_of_a_discovery_is_explained() -> None:
    for name, below in SPEC["properties"].items():
        assert below["description"], name
        for field, inner in below.get("items", {}).get("properties", {}).items():
            assert inner.get("description"), f"{name}.{field}"


@pytest.mark.parametrize("field", KINDS)
def test_every_discovery_with_every_field_or_with_the_least_is_accepted(field: str) -> None:
    for method in AUTHENTICATIONS:
        assert problems({field: [full(KINDS[field], method), least(KINDS[field])]}) == []
    assert problems({field: []}) == []


@pytest.mark.parametrize("field", [field for field, each in KINDS.items() if least(each)])
def test_what_a_discovery_needs_is_required(field: str) -> None:
    entry = least(KINDS[field])
    entry.pop("authenticationMethod", None)
    for name in entry:
        without = {other: value for other, value in entry.items() if other != name}
        assert problems({field: [without]}) == [f"{name!r} is a required property"]


PORTS = [field for field, each in KINDS.items() if "port" in each.model.model_fields]
REFRESHED = [field for field, each in KINDS.items() if "refresh_interval" in each.model.model_fields]
PROXIED = [field for field, each in KINDS.items() if "proxy_url" in each.model.model_fields]


@pytest.mark.parametrize("field", PORTS)
@pytest.mark.parametrize(("port", "good"), [(0, True), (65535, True), (-1, False), (65536, False), ("http", False)])
def test_ports_are_ports(field: str, port: Any, good: bool) -> None:
    assert (problems({field: [least(KINDS[field]) | {"port": port}]}) == []) is good


@pytest.mark.parametrize("field", REFRESHED)
@pytest.mark.parametrize(("interval", "good"), [("1h30m", True), ("0", True), ("30g", False), ("1m1h", False), (30, False)])
def test_intervals_are_durations(field: str, interval: Any, good: bool) -> None:
    assert (problems({field: [least(KINDS[field]) | {"refreshInterval": interval}]}) == []) is good


@pytest.mark.parametrize("field", PROXIED)
@pytest.mark.parametrize(("url", "good"), [("http://a", True), ("socks5://a", True), ("a:3128", False), ("ftp://a", False)])
def test_proxies_are_urls(field: str, url: str, good: bool) -> None:
    assert (problems({field: [least(KINDS[field]) | {"proxyUrl": url}]}) == []) is good


CASES: list[tuple[str, Json, bool]] = [
    ("staticConfigs", {"targets": ["a:1", "b:1"], "labels": {"a": "b"}}, True),
    ("staticConfigs", {"targets": []}, False),
    ("staticConfigs", {"targets": [""]}, False),
    ("staticConfigs", {"targets": ["a:1", "a:1"]}, False),
    ("fileSDConfigs", {"files": ["/a/*.json", "b.yml", "c.YAML"]}, True),
    ("fileSDConfigs", {"files": ["/a.txt"]}, False),
    ("fileSDConfigs", {"files": ["/*/a.json"]}, False),
    ("fileSDConfigs", {"files": []}, False),
    ("httpSDConfigs", {"url": "http://a"}, True),
    ("httpSDConfigs", {"url": "a"}, False),
    ("httpSDConfigs", {"url": "http://"}, False),
    ("dnsSDConfigs", {"names": ["a"], "type": "NS"}, True),
    ("dnsSDConfigs", {"names": ["a"], "type": "PTR"}, False),
    ("dnsSDConfigs", {"names": [""]}, False),
    ("dnsSDConfigs", {"names": []}, False),
    ("kubernetesSDConfigs", {"role": "EndpointSlice"}, True),
    ("kubernetesSDConfigs", {"role": "endpointslice"}, False),
    ("kubernetesSDConfigs", {"apiServer": ""}, False),
    ("kubernetesSDConfigs", {"namespaces": {"names": ["a", "a"]}}, False),
    ("kubernetesSDConfigs", {"selectors": [{"role": "Pod", "label": "a"}, {"role": "Node", "field": "b"}]}, True),
    ("kubernetesSDConfigs", {"selectors": [{"role": "Pod"}, {"role": "Pod"}]}, False),
    ("kubernetesSDConfigs", {"selectors": [{"label": "a"}]}, False),
    ("kubernetesSDConfigs", {"selectors": [{"role": "Pod", "label": ""}]}, False),
    ("consulSDConfigs", {"scheme": "HTTP"}, True),
    ("consulSDConfigs", {"scheme": "Http"}, False),
    ("consulSDConfigs", {"services": ["a", "b"], "tags": []}, True),
    ("consulSDConfigs", {"services": ["a", "a"]}, False),
    ("consulSDConfigs", {"server": ""}, False),
    ("consulSDConfigs", {"tokenRef": {"name": "a"}}, False),
    *(("consulSDConfigs", {name: ""}, False) for name in ("pathPrefix", "datacenter", "namespace", "partition", "tagSeparator",
                                                         "filter", "healthFilter")),
    ("eurekaSDConfigs", {"server": "https://a"}, True),
    ("eurekaSDConfigs", {"server": "eureka:8761"}, False),
    ("nomadSDConfigs", {"server": "nomad:4646"}, False),
    *(("nomadSDConfigs", {name: ""}, False) for name in ("namespace", "region", "tagSeparator")),
    ("kumaSDConfigs", {"server": "grpc://a"}, False),
    ("kumaSDConfigs", {"clientID": ""}, False),
    ("kumaSDConfigs", {"fetchTimeout": "soon"}, False),
    ("puppetDBSDConfigs", {"url": "puppet"}, False),
    ("puppetDBSDConfigs", {"query": ""}, False),
    ("dockerSDConfigs", {"host": "unix:///var/run/docker.sock"}, True),
    ("dockerSDConfigs", {"host": "docker"}, False),
    ("dockerSDConfigs", {"hostNetworkingHost": ""}, False),
    ("dockerSDConfigs", {"filters": [{"name": "a", "values": ["b"]}, {"name": "a", "values": ["c"]}]}, False),
    ("dockerSDConfigs", {"filters": [{"name": "a", "values": []}]}, False),
    ("dockerSDConfigs", {"filters": [{"name": "a", "values": ["b", "b"]}]}, False),
    ("dockerSwarmSDConfigs", {"role": "Nodes"}, True),
    ("dockerSwarmSDConfigs", {"role": "nodes"}, False),
    ("dockerSwarmSDConfigs", {"host": "1http://a"}, False),
    ("ec2SDConfigs", {"filters": [{"values": ["b"]}]}, False),
    *(("ec2SDConfigs", {name: ""}, False) for name in ("region", "roleARN")),
    *(("lightSailSDConfigs", {name: ""}, False) for name in ("region", "roleARN", "endpoint")),
    ("azureSDConfigs", {"authenticationMethod": "SDK"}, True),
    ("azureSDConfigs", {"authenticationMethod": "sdk"}, False),
    *(("azureSDConfigs", {name: ""}, False) for name in ("environment", "subscriptionID", "tenantID", "clientID",
                                                        "resourceGroup")),
    *(("gceSDConfigs", {name: ""}, False) for name in ("project", "zone", "filter", "tagSeparator")),
    ("openstackSDConfigs", {"role": "LoadBalancer", "availability": "Public"}, True),
    ("openstackSDConfigs", {"role": "loadbalancer"}, False),
    ("openstackSDConfigs", {"availability": "PUBLIC"}, False),
    ("openstackSDConfigs", {"identityEndpoint": "identity"}, False),
    *(("openstackSDConfigs", {name: ""}, False) for name in ("region", "username", "userid", "domainName", "domainID",
                                                            "projectName", "projectID", "applicationCredentialName",
                                                            "applicationCredentialId")),
    ("hetznerSDConfigs", {"role": "hcloud"}, True),
    ("hetznerSDConfigs", {"role": "HCloud"}, False),
    ("hetznerSDConfigs", {"labelSelector": ""}, False),
    ("ionosSDConfigs", {"datacenterID": ""}, False),
    *(("linodeSDConfigs", {name: ""}, False) for name in ("region", "tagSeparator")),
    ("ovhcloudSDConfigs", {"service": "VPS"}, True),
    ("ovhcloudSDConfigs", {"service": "vps"}, False),
    *(("ovhcloudSDConfigs", {name: ""}, False) for name in ("applicationKey", "endpoint")),
    ("scalewaySDConfigs", {"role": "Instance", "tagsFilter": ["a", "b"]}, True),
    ("scalewaySDConfigs", {"role": "instance"}, False),
    ("scalewaySDConfigs", {"apiURL": "api"}, False),
    ("scalewaySDConfigs", {"tagsFilter": []}, False),
    ("scalewaySDConfigs", {"tagsFilter": ["a", "a"]}, False),
    ("scalewaySDConfigs", {"tagsFilter": [""]}, False),
    *(("scalewaySDConfigs", {name: ""}, False) for name in ("accessKey", "projectID", "zone", "nameFilter")),
]  # fmt: skip


@pytest.mark.parametrize(("field", "values", "good"), CASES, ids=lambda value: str(value)[:60])
def test_values_of_discoveries(field: str, values: Json, good: bool) -> None:
    assert (problems({field: [least(KINDS[field]) | values]}) == []) is good


JOBS: list[tuple[Json, bool]] = [
    ({}, True),
    ({"unknown": 1}, True),
    ({"jobName": ""}, False),
    ({"metricsPath": ""}, False),
    ({"scrapeClass": ""}, False),
    ({"scheme": "HTTPS"}, True),
    ({"scheme": "ftp"}, False),
    ({"scrapeInterval": "30s", "scrapeTimeout": "10s"}, True),
    ({"scrapeInterval": "30 s"}, False),
    ({"scrapeProtocols": ["PrometheusProto"]}, True),
    ({"scrapeProtocols": []}, False),
    ({"scrapeProtocols": ["PrometheusProto", "PrometheusProto"]}, False),
    ({"scrapeProtocols": ["Text"]}, False),
    ({"fallbackScrapeProtocol": "OpenMetricsText1.0.0"}, True),
    ({"fallbackScrapeProtocol": "Text"}, False),
    ({"relabelings": [{"action": "HashMod", "modulus": 2, "targetLabel": "a"}]}, True),
    ({"relabelings": [{"action": "Hash"}]}, False),
    ({"relabelings": [{"modulus": -1}]}, False),
    ({"relabelings": []}, False),
    ({"metricRelabelings": []}, False),
    ({"params": {"a": ["b"]}}, True),
    ({"params": {"a": "b"}}, False),
    ({"bodySizeLimit": "10MB"}, True),
    ({"bodySizeLimit": "10M"}, False),
    *(({name: -1}, False) for name in ("sampleLimit", "targetLimit", "labelLimit", "labelNameLengthLimit",
                                       "labelValueLengthLimit", "keepDroppedTargets", "nativeHistogramBucketLimit")),
    ({"nativeHistogramMinBucketFactor": "1.1"}, True),
    ({"nameValidationScheme": "UTF8", "nameEscapingScheme": "Dots"}, True),
    ({"nameValidationScheme": "utf8"}, False),
    ({"nameEscapingScheme": "dots"}, False),
    ({"tlsConfig": {"minVersion": "TLS12"}}, True),
    ({"tlsConfig": {"minVersion": "1.2"}}, False),
    ({"oauth2": {"clientId": {"secret": SECRET}, "clientSecret": SECRET, "tokenUrl": "https://a"}}, True),
    ({"oauth2": {"clientId": {"secret": SECRET}, "clientSecret": SECRET, "tokenUrl": "a"}}, False),
    ({"oauth2": {"clientId": {"secret": SECRET}, "tokenUrl": "https://a"}}, False),
    ({"basicAuth": {"username": {"name": "a"}}}, False),
]  # fmt: skip


@pytest.mark.parametrize(("spec", "good"), JOBS, ids=lambda value: str(value)[:60])
def test_values_of_jobs(spec: Json, good: bool) -> None:
    assert (problems(spec) == []) is good


def test_two_ways_to_authenticate_are_for_cel_to_refuse() -> None:
    ((rule, message),) = [(each["rule"], each["message"]) for each in SCHEMA["x-kubernetes-validations"]]
    assert all(f"has(self.spec.{method})" in rule for method in AUTHENTICATIONS)
    assert all(method in message for method in AUTHENTICATIONS)
