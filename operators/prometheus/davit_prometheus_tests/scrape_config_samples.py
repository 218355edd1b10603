"""Entries of every service discovery with every field set, made from the models so that none is forgotten."""

from __future__ import annotations

import functools
import types
from collections.abc import Iterator
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from davit.monitoring.types import ConfigMapKeySelector, OAuth2, SafeTLSConfig, SecretKeySelector, SecretOrConfigMap
from davit_prometheus.config.discovery.registry import DISCOVERIES
from davit_prometheus.config.discovery.table import Discovery
from pydantic import BaseModel

from davit_prometheus_tests.scrape_config_certificates import CERTIFICATE, KEY

Json = dict[str, Any]
NAMESPACE = "default"
SECRET = {"name": "assets", "key": "user"}
AUTHENTICATIONS = ("basicAuth", "authorization", "oauth2")

OVERRIDES: dict[str, Any] = {
    "StaticConfig.targets": ["one:9090", "two:9090"],
    "FileSDConfig.files": ["/etc/prometheus/secrets/t/*.json", "/a/b.yml"],
    "HTTPSDConfig.url": "https://example.org/targets?a=b",
    "DNSSDConfig.type": "A",
    "DNSSDConfig.names": ["a.example.org", "b.example.org"],
    "KubernetesSDConfig.apiServer": "https://kubernetes.example:6443",
    "KubernetesSDConfig.role": "EndpointSlice",
    "KubernetesSDConfig.selectors": [
        {"role": "Pod", "label": "a=b,c in (d, e)", "field": "status.phase=Running"},
        {"role": "EndpointSlice", "label": "x"},
    ],
    "NamespaceDiscovery.ownNamespace": False,
    "ConsulSDConfig.scheme": "HTTPS",
    "EurekaSDConfig.server": "http://eureka.example:8761/eureka",
    "NomadSDConfig.server": "https://nomad.example:4646",
    "KumaSDConfig.server": "http://kuma.example:5676",
    "PuppetDBSDConfig.url": "https://puppet.example",
    "DockerSDConfig.host": "unix:///var/run/docker.sock",
    "DockerSwarmSDConfig.host": "tcp://swarm.example:2376",
    "DockerSwarmSDConfig.role": "Tasks",
    "AzureSDConfig.authenticationMethod": "OAuth",
    "OpenStackSDConfig.role": "Instance",
    "OpenStackSDConfig.availability": "public",
    "HetznerSDConfig.role": "Hcloud",
    "OVHCloudSDConfig.service": "DedicatedServer",
    "ScalewaySDConfig.role": "Baremetal",
    "filters": [{"name": "z", "values": ["1", "2"]}, {"name": "a", "values": ["b"]}],
    "proxyUrl": "http://proxy.example:3128",
    "proxyFromEnvironment": False,
    "proxyConnectHeader": {"X-B": [SECRET], "A": [SECRET, {"name": "assets", "key": "password"}]},
    "refreshInterval": "1m30s",
    "fetchTimeout": "20s",
    "tokenUrl": "https://token.example/t",
    "identityEndpoint": "https://identity.example/v3",
    "apiURL": "https://api.example",
    "minVersion": "TLS12",
    "maxVersion": "TLS13",
}
"""Values that have a form of their own, by model and field or by field."""


def kinds() -> Iterator[Discovery]:
    """Every service discovery."""
    yield from DISCOVERIES


def full(discovery: Discovery, authentication: str = "basicAuth") -> Json:
    """An entry with every field that goes with one way to authenticate."""
    entry: Json = example(discovery.model)
    for name in AUTHENTICATIONS:
        if name != authentication and not (name == "authorization" and discovery.field == "ionosSDConfigs"):
            entry.pop(name, None)
    if discovery.field == "consulSDConfigs" and authentication != "basicAuth":
        del entry["tokenRef"]
    return entry


def least(discovery: Discovery) -> Json:
    """An entry with what its schema requires and nothing else."""
    extra = discovery.model.model_config.get("json_schema_extra")
    required = extra.get("required", []) if isinstance(extra, dict) else []
    assert isinstance(required, list)
    everything = example(discovery.model)
    entry = {name: everything[name] for name in map(str, required)}
    if discovery.field == "azureSDConfigs":
        entry["authenticationMethod"] = "ManagedIdentity"
    return entry


@functools.cache
def _fields(model: type[BaseModel]) -> dict[str, Any]:
    return {info.alias or name: info.annotation for name, info in model.model_fields.items()}


def example(model: type[BaseModel]) -> Json:
    """An object with every field of the model."""
    if issubclass(model, SecretKeySelector):
        return dict(SECRET)
    if issubclass(model, ConfigMapKeySelector):
        return {"name": "assets", "key": "ca"}
    if issubclass(model, SecretOrConfigMap):
        return {"secret": dict(SECRET)}
    if issubclass(model, SafeTLSConfig):
        return tls()
    entry = {name: _value(model.__name__, name, annotation) for name, annotation in _fields(model).items()}
    if issubclass(model, OAuth2):
        entry["clientId"] = {"configMap": {"name": "assets", "key": "id"}}
    return entry


def tls() -> Json:
    """Every field of a TLS configuration."""
    return {
        "ca": {"configMap": {"name": "assets", "key": "ca"}},
        "cert": {"secret": {"name": "assets", "key": "cert"}},
        "keySecret": {"name": "assets", "key": "key"},
        "serverName": "server.example",
        "insecureSkipVerify": True,
        "minVersion": "TLS12",
        "maxVersion": "TLS13",
    }


def _value(model: str, name: str, annotation: Any) -> Any:
    for key in (f"{model}.{name}", name):
        if key in OVERRIDES:
            return OVERRIDES[key]
    return _plain(name, annotation)


def _plain(name: str, annotation: Any) -> Any:
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _plain(name, arguments[0])
    if origin in (Union, types.UnionType):
        return _plain(name, next(argument for argument in arguments if argument is not type(None)))
    if origin is Literal:
        return arguments[0]
    if origin is list:
        return [_plain(name, arguments[0])]
    if origin is dict:
        return {"b": _plain(name, arguments[1]), "a": _plain(name, arguments[1])}
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return example(annotation)
    return {bool: True, int: 9100, str: f"{name}-value"}[annotation]


def secrets(namespace: str = NAMESPACE) -> list[Json]:
    """The Secret and ConfigMap that all examples refer to."""
    data = {"user": "u", "password": "pa$$: word", "id": "client", "ca": CERTIFICATE, "cert": CERTIFICATE, "key": KEY}
    return [
        {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "assets", "namespace": namespace}, "stringData": data},
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "assets", "namespace": namespace}, "data": data},
    ]


def scrape_config(spec: Json, name: str = "one", namespace: str = NAMESPACE) -> Json:
    """A ScrapeConfig."""
    return {
        "apiVersion": "monitoring.coreos.com/v1alpha1",
        "kind": "ScrapeConfig",
        "metadata": {"name": name, "namespace": namespace},
        "spec": spec,
    }
