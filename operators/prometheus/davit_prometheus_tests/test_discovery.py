"""Each service discovery alone: all of its fields, what is refused, what versions lack."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from davit.monitoring.assets import Assets
from davit.monitoring.http import Context, Unusable
from davit.monitoring.versions import Gate, Version
from davit.testing import golden
from davit_prometheus.config.discovery.table import Discovery

from davit_prometheus_tests.scrape_config_samples import AUTHENTICATIONS, NAMESPACE, SECRET, full, kinds, least
from davit_prometheus_tests.scrape_config_world import assets

Json = dict[str, Any]
GOLDEN = Path(__file__).parent / "golden_discovery"
KINDS = {discovery.field: discovery for discovery in kinds()}
NEWEST = "3.13.2"
MISSING = {"name": "assets", "key": "nothing"}
WITH_TLS = sorted(field for field, each in KINDS.items() if "tls_config" in each.model.model_fields and field != "azureSDConfigs")
REFRESHED = sorted(field for field, each in KINDS.items() if "refresh_interval" in each.model.model_fields)
WITH_PASSWORD = sorted(field for field, each in KINDS.items() if "basic_auth" in each.model.model_fields)
ASSETS = assets()


def context(version: str = NEWEST, found: Assets = ASSETS) -> Context:
    return Context(Gate(Version.parse(version)), found, NAMESPACE)


def render(field: str, entry: Json, version: str = NEWEST) -> Json:
    discovery = KINDS[field]
    return discovery.render(context(version), discovery.model.model_validate(entry), f"spec.{field}[0]")


def refusal(field: str, entry: Json, version: str = NEWEST) -> str:
    with pytest.raises(Unusable) as caught:
        render(field, entry, version)
    assert caught.value.path.startswith(f"spec.{field}[0]")
    return str(caught.value).removeprefix(f"spec.{field}[0]")


def changed(field: str, **values: Any) -> Json:
    """The least entry with these values; None removes one."""
    entry = {**least(KINDS[field]), **values}
    return {name: value for name, value in entry.items() if value is not None}


@pytest.mark.parametrize("discovery", KINDS.values(), ids=KINDS)
def test_every_field_finds_its_place(discovery: Discovery) -> None:
    entries = [full(discovery, method) for method in AUTHENTICATIONS] + [least(discovery)]
    if discovery.field == "azureSDConfigs":
        entries.append({name: value for name, value in full(discovery).items() if name != "environment"})
    rendered = [render(discovery.field, entry) for entry in entries]
    golden.check(GOLDEN / f"{discovery.key}.yaml", {discovery.key: rendered})


@pytest.mark.parametrize("discovery", KINDS.values(), ids=KINDS)
def test_what_is_not_written_is_said_to_be_ignored(discovery: Discovery) -> None:
    """The names in the configuration and in the sentences together are those that users wrote."""
    for method in AUTHENTICATIONS:
        seen = context()
        entry = discovery.model.model_validate(full(discovery, method))
        rendered = discovery.render(seen, entry, "entry")
        sentences = " ".join(seen.gate.ignored)
        for name in entry.model_fields_set:
            alias = discovery.model.model_fields[name].alias or name
            key = {"token_ref": "token"}.get(name, name)
            assert key in rendered or f"entry.{alias} is ignored" in sentences or alias == "authorization", alias


EMPTY = {"staticConfigs", "ec2SDConfigs", "digitalOceanSDConfigs", "linodeSDConfigs", "lightSailSDConfigs"}
"""Discoveries of which Prometheus loads an entry without anything."""


@pytest.mark.parametrize("field", sorted(KINDS.keys() - EMPTY))
def test_an_entry_without_what_it_needs_is_refused(field: str) -> None:
    assert "is missing: " in refusal(field, {})


@pytest.mark.parametrize("field", sorted(EMPTY))
def test_an_entry_that_needs_nothing_is_rendered(field: str) -> None:
    assert render(field, {}) in ({}, {"targets": [], "labels": {}})


@pytest.mark.parametrize("field", WITH_TLS)
def test_a_missing_secret_names_its_field_and_the_remedy(field: str) -> None:
    said = refusal(field, changed(field, tlsConfig={"ca": {"secret": MISSING}}))
    assert said == ".tlsConfig.ca: Secret default/assets has no key 'nothing': create it, or correct the name or the key"


@pytest.mark.parametrize("field", REFRESHED)
def test_an_interval_that_would_crash_prometheus_is_refused(field: str) -> None:
    """Its loader and promtool take it, and then it panics: non-positive interval for NewTicker."""
    for interval in ("0", "0s", "0h0ms"):
        said = refusal(field, changed(field, refreshInterval=interval))
        assert said == f".refreshInterval: {interval} would crash Prometheus: write for example 30s"
    assert render(field, changed(field, refreshInterval="1s"))["refresh_interval"] == "1s"
    assert "refresh_interval" not in render(field, changed(field, refreshInterval=""))


@pytest.mark.parametrize("field", WITH_PASSWORD)
def test_two_ways_to_authenticate_are_refused(field: str) -> None:
    both: Json = {"basicAuth": {"username": SECRET, "password": SECRET}, "authorization": {"credentials": SECRET}}
    if field == "kubernetesSDConfigs":
        both["apiServer"] = "https://a"
    assert refusal(field, changed(field, **both)) == ".authorization: can't go with basicAuth: keep one way to authenticate"


REFUSED: list[tuple[str, Json, str, str]] = [
    ("staticConfigs", {"labels": {"": "x"}}, NEWEST, ".labels: '' is not a label name"),
    ("staticConfigs", {"labels": {"a-b": "x"}}, "2.55.1", ".labels: 'a-b' is not a label name"),
    ("fileSDConfigs", {"files": []}, NEWEST, ".files: is missing"),
    ("fileSDConfigs", {"files": ["/a.json", "/a/*/b.json"]}, NEWEST, ".files[1]: '/a/*/b.json' is no path of targets"),
    ("fileSDConfigs", {"files": ["/a.txt"]}, NEWEST, ".files[0]: '/a.txt' is no path of targets"),
    ("httpSDConfigs", {"url": "ftp://a"}, NEWEST, ".url: 'ftp://a' is not of http or https"),
    ("httpSDConfigs", {"url": "http:///a"}, NEWEST, ".url: 'http:///a' lacks its scheme or host"),
    ("httpSDConfigs", {"url": "http://a/%zz"}, NEWEST, ".url: 'http://a/%zz' is not a URL"),
    ("httpSDConfigs", {"url": ""}, NEWEST, ".url: is missing"),
    ("httpSDConfigs", {"noProxy": "a"}, NEWEST, ".noProxy: needs a proxy"),
    ("dnsSDConfigs", {"names": []}, NEWEST, ".names: is missing"),
    ("dnsSDConfigs", {"type": "A"}, NEWEST, ".port: is missing: A records have none"),
    ("dnsSDConfigs", {"type": "AAAA", "port": 0}, NEWEST, ".port: is missing: AAAA records have none"),
    ("dnsSDConfigs", {"type": "PTR", "port": 1}, NEWEST, ".type: 'PTR' is unknown: write one of A, AAAA, MX, NS, SRV"),
    ("kubernetesSDConfigs", {"role": "Pods"}, NEWEST, ".role: 'Pods' is unknown"),
    ("kubernetesSDConfigs", {"apiServer": "http://a b"}, NEWEST, ".apiServer: 'http://a b' is not a URL"),
    ("kubernetesSDConfigs", {"basicAuth": {"username": SECRET, "password": SECRET}}, NEWEST, ".apiServer: is missing"),
    ("kubernetesSDConfigs", {"followRedirects": False}, NEWEST, ".apiServer: is missing: follow_redirects"),
    ("kubernetesSDConfigs", {"tlsConfig": {"serverName": "a"}}, NEWEST, ".apiServer: is missing: tls_config"),
    ("kubernetesSDConfigs", {"apiServer": "https://a", "namespaces": {"ownNamespace": True}}, NEWEST, ".namespaces"),
    ("kubernetesSDConfigs", {"role": "Pod", "selectors": [{"role": "Service"}]}, NEWEST, ".selectors[0].role: 'Service' can"),
    ("kubernetesSDConfigs", {"role": "Pod", "selectors": [{"role": "Node"}]}, "3.10.0", ".selectors[0].role: 'Node' can't limit"),
    ("kubernetesSDConfigs", {"selectors": [{"role": "Pod"}, {"role": "pod"}]}, NEWEST, ".selectors[1].role: 'pod' has a"),
    ("kubernetesSDConfigs", {"selectors": [{"role": "Pod", "label": "a in"}]}, NEWEST, ".selectors[0].label: 'a in' is no label"),
    ("kubernetesSDConfigs", {"selectors": [{"role": "Pod", "field": "a"}]}, NEWEST, ".selectors[0].field: 'a' is no field"),
    ("consulSDConfigs", {"server": " "}, NEWEST, ".server: is missing"),
    ("consulSDConfigs", {"scheme": "ftp"}, NEWEST, ".scheme: 'ftp' is unknown: write one of http, https"),
    ("consulSDConfigs", {"tokenRef": MISSING}, NEWEST, ".tokenRef: Secret default/assets has no key 'nothing'"),
    ("consulSDConfigs", {"tokenRef": SECRET, "authorization": {}}, NEWEST, ".tokenRef: can't go with authorization"),
    ("consulSDConfigs", {"filter": "a"}, "2.55.1", ".filter: needs Prometheus 3.0.0-beta.0, this is 2.55.1"),
    ("consulSDConfigs", {"healthFilter": "a"}, "3.11.1", ".healthFilter: needs Prometheus 3.11.2"),
    ("eurekaSDConfigs", {"server": "eureka"}, NEWEST, ".server: 'eureka' lacks its scheme or host"),
    ("nomadSDConfigs", {"server": "/v1"}, NEWEST, ".server: '/v1' lacks its scheme or host"),
    ("kumaSDConfigs", {"server": "http://"}, NEWEST, ".server: 'http://' lacks its scheme or host"),
    ("kumaSDConfigs", {"clientID": "a"}, "2.49.1", ".clientID: needs Prometheus 2.50.0"),
    ("puppetDBSDConfigs", {"url": "unix:///a"}, NEWEST, ".url: 'unix:///a' lacks its scheme or host"),
    ("puppetDBSDConfigs", {"query": ""}, NEWEST, ".query: is missing"),
    ("dockerSDConfigs", {"host": ""}, NEWEST, ".host: is missing"),
    ("dockerSDConfigs", {"host": "tcp://a:b"}, NEWEST, ".host: 'tcp://a:b' is not a URL: 'b' is no port"),
    ("dockerSDConfigs", {"filters": [{"name": "a", "values": []}]}, NEWEST, ".filters: 'a' has no values"),
    ("dockerSDConfigs", {"matchFirstNetwork": False}, "2.54.0", ".matchFirstNetwork: needs Prometheus 2.54.1"),
    ("dockerSwarmSDConfigs", {"role": "Task"}, NEWEST, ".role: 'Task' is unknown: write one of services, tasks, nodes"),
    ("ec2SDConfigs", {"secretKey": MISSING}, NEWEST, ".secretKey: Secret default/assets has no key"),
    ("ec2SDConfigs", {"filters": [{"name": "a", "values": []}]}, NEWEST, ".filters: 'a' has no values"),
    ("lightSailSDConfigs", {"accessKey": MISSING}, NEWEST, ".accessKey: Secret default/assets has no key"),
    ("azureSDConfigs", {"authenticationMethod": None}, NEWEST, ".tenantID: is missing: the method OAuth needs it"),
    ("azureSDConfigs", {"authenticationMethod": "OAuth", "tenantID": "a"}, NEWEST, ".clientID: is missing"),
    ("azureSDConfigs", {"authenticationMethod": "OAuth", "tenantID": "a", "clientID": "b"}, NEWEST, ".clientSecret: is missing"),
    ("azureSDConfigs", {"authenticationMethod": "Magic"}, NEWEST, ".authenticationMethod: 'Magic' is unknown"),
    ("azureSDConfigs", {"authenticationMethod": "SDK"}, "2.51.2", ".authenticationMethod: 'SDK' needs Prometheus 2.52.0"),
    ("azureSDConfigs", {"authenticationMethod": "WorkloadIdentity"}, "3.10.0", ".authenticationMethod: 'WorkloadIdentity' needs"),
    ("azureSDConfigs", {"subscriptionID": ""}, NEWEST, ".subscriptionID: is missing"),
    ("azureSDConfigs", {"refreshInterval": "300ms"}, NEWEST, ".refreshInterval: 300ms would crash Prometheus"),
    ("gceSDConfigs", {"zone": None}, NEWEST, ".zone: is missing"),
    ("openstackSDConfigs", {"role": "LoadBalancer"}, "3.1.0", ".role: 'LoadBalancer' needs Prometheus 3.2.0"),
    ("openstackSDConfigs", {"availability": "secret"}, NEWEST, ".availability: 'secret' is unknown"),
    ("hetznerSDConfigs", {"role": "cloud"}, NEWEST, ".role: 'cloud' is unknown: write one of hcloud, robot"),
    ("hetznerSDConfigs", {"labelSelector": "a=b"}, "3.4.2", ".labelSelector: needs Prometheus 3.5.0"),
    ("ionosSDConfigs", {"datacenterID": ""}, NEWEST, ".datacenterID: is missing"),
    ("ionosSDConfigs", {"authorization": {"type": "Basic", "credentials": SECRET}}, NEWEST, ".authorization.type: Basic"),
    ("linodeSDConfigs", {"region": "eu"}, "2.51.2", ".region: needs Prometheus 2.52.0"),
    ("ovhcloudSDConfigs", {"service": "Cloud"}, NEWEST, ".service: 'Cloud' is unknown: write one of vps, dedicatedserver"),
    ("ovhcloudSDConfigs", {"consumerKey": MISSING}, NEWEST, ".consumerKey: Secret default/assets has no key"),
    ("scalewaySDConfigs", {"secretKey": MISSING}, NEWEST, ".secretKey: Secret default/assets has no key"),
    ("scalewaySDConfigs", {"role": "Server"}, NEWEST, ".role: 'Server' is unknown: write one of instance, baremetal"),
    ("scalewaySDConfigs", {"proxyConnectHeader": {"a": [SECRET]}}, NEWEST, ".proxyConnectHeader: needs a proxy"),
]  # fmt: skip


@pytest.mark.parametrize(("field", "values", "version", "said"), REFUSED, ids=lambda value: str(value)[:50])
def test_what_prometheus_would_refuse_is_refused_with_its_field(field: str, values: Json, version: str, said: str) -> None:
    assert refusal(field, changed(field, **values), version).startswith(said)


ACCEPTED: list[tuple[str, Json, str, Json]] = [
    ("staticConfigs", {"labels": {"a-b": "x"}}, "3.0.0", {"labels": {"a-b": "x"}}),
    ("httpSDConfigs", {"url": "HTTP://a:80/?b"}, "2.45.0", {"url": "HTTP://a:80/?b"}),
    ("dnsSDConfigs", {"type": "SRV"}, "2.45.0", {"type": "SRV"}),
    ("kubernetesSDConfigs", {"role": "Node", "attachMetadata": {}}, NEWEST, {"role": "node"}),
    ("kubernetesSDConfigs", {"followRedirects": True, "enableHTTP2": True, "tlsConfig": {}}, NEWEST, {"tls_config": {}}),
    ("kubernetesSDConfigs", {"role": "Pod", "selectors": [{"role": "Node", "label": "a"}]}, "3.11.0",
     {"selectors": [{"role": "node", "label": "a"}]}),
    ("kubernetesSDConfigs", {"namespaces": {"ownNamespace": True}}, NEWEST, {"namespaces": {"names": [], "own_namespace": True}}),
    ("kubernetesSDConfigs", {"attachMetadata": {"node": False}}, NEWEST, {"attach_metadata": {"node": False}}),
    ("consulSDConfigs", {"scheme": "HTTPS", "tags": [], "nodeMeta": {}}, NEWEST, {"scheme": "https"}),
    ("consulSDConfigs", {"filter": "a"}, "3.0.0-rc.0", {"filter": "a"}),
    ("consulSDConfigs", {"healthFilter": "a"}, "3.11.2", {"health_filter": "a"}),
    ("openstackSDConfigs", {"availability": "Admin"}, NEWEST, {"availability": "admin"}),
    ("openstackSDConfigs", {"role": "LoadBalancer"}, "3.2.0", {"role": "loadbalancer"}),
    ("hetznerSDConfigs", {"role": "Robot"}, NEWEST, {"role": "robot"}),
    ("dockerSDConfigs", {"host": "npipe:////./pipe/docker_engine"}, NEWEST, {"host": "npipe:////./pipe/docker_engine"}),
    ("dockerSDConfigs", {"filters": [{"name": "b", "values": ["2", "1"]}, {"name": "a", "values": ["x"]}]}, NEWEST,
     {"filters": [{"name": "a", "values": ["x"]}, {"name": "b", "values": ["2", "1"]}]}),
    ("linodeSDConfigs", {"region": "eu"}, "2.52.0", {"region": "eu"}),
    ("ovhcloudSDConfigs", {"service": "VPS"}, NEWEST, {"service": "vps"}),
]  # fmt: skip


@pytest.mark.parametrize(("field", "values", "version", "wanted"), ACCEPTED, ids=lambda value: str(value)[:50])
def test_what_a_version_takes_is_rendered(field: str, values: Json, version: str, wanted: Json) -> None:
    rendered = render(field, changed(field, **values), version)
    assert {key: rendered[key] for key in wanted} == wanted


def test_oauth2_displaces_the_authorization_that_ionos_requires() -> None:
    rendered = render("ionosSDConfigs", full(KINDS["ionosSDConfigs"], "oauth2") | {"authorization": {"credentials": SECRET}})
    assert "oauth2" in rendered
    assert "authorization" not in rendered


@pytest.mark.parametrize(
    ("field", "values", "version", "sentence"),
    [
        ("dnsSDConfigs", {"type": "NS", "port": 53}, "2.48.1", "e.type is ignored by Prometheus 2.48.1: needs 2.49.0"),
        ("kubernetesSDConfigs", {"role": "Service", "attachMetadata": {"node": True}}, NEWEST,
         "e.attachMetadata is ignored by Prometheus 3.13.2: the role Service has none"),
        ("ec2SDConfigs", {"accessKey": SECRET}, NEWEST, "e.accessKey is ignored by Prometheus 3.13.2: secretKey is missing"),
        ("azureSDConfigs", {"environment": "E", "proxyUrl": "http://a"}, NEWEST,
         "e.proxyUrl is ignored by Prometheus 3.13.2: environment is set"),
    ],
    ids=lambda value: str(value)[:50],
)  # fmt: skip
def test_what_has_no_effect_is_said(field: str, values: Json, version: str, sentence: str) -> None:
    seen, discovery = context(version), KINDS[field]
    discovery.render(seen, discovery.model.model_validate(changed(field, **values)), "e")
    assert seen.gate.ignored == (sentence,)


def test_a_discovery_that_came_later_is_refused() -> None:
    assert refusal("nomadSDConfigs", least(KINDS["nomadSDConfigs"]), "2.36.2") == (
        ": is unknown to Prometheus 2.36.2: run 2.37.0 or newer"
    )


def test_tls_assets_are_collected_under_the_names_that_the_configuration_reads() -> None:
    seen, discovery = context(), KINDS["eurekaSDConfigs"]
    rendered = discovery.render(seen, discovery.model.model_validate(full(discovery)), "e")
    named = {rendered["tls_config"][key] for key in ("ca_file", "cert_file", "key_file")}
    assert named == {f"/etc/prometheus/certs/{name}" for name in seen.files}
