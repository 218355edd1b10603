"""Discovery from registries of services and hosts: Consul, Eureka, Nomad, Kuma, PuppetDB."""

from __future__ import annotations

from typing import Annotated

from davit.monitoring.types import Duration, schema
from pydantic import Field

from davit_prometheus.api.discovery.base import SET, AuthClient, Ported, Refreshed, SecretKey, Text, Url

Scheme = Annotated[str, Field(json_schema_extra={"enum": ["http", "https", "HTTP", "HTTPS"]})]
StringSet = Annotated[list[str], Field(json_schema_extra=SET)]


class ConsulSDConfig(AuthClient, Refreshed):
    """Targets from Consul's catalog."""

    model_config = schema("server")
    server: Text = Field(default="", description="Address of the Consul server, as host or host:port.")
    path_prefix: Text | None = Field(default=None, description="Prefix of URIs behind an API gateway.")
    token_ref: SecretKey | None = Field(default=None, description="ACL token. Default: that of the local agent.")
    datacenter: Text | None = Field(default=None, description="Datacenter. Default: that of the local agent.")
    namespace: Text | None = Field(default=None, description="Namespace of Consul Enterprise.")
    partition: Text | None = Field(default=None, description="Admin partition of Consul Enterprise.")
    scheme: Scheme | None = Field(default=None, description="HTTP or HTTPS. Default HTTP.")
    services: StringSet | None = Field(default=None, description="Services to discover. Default: all.")
    tags: StringSet | None = Field(default=None, description="Tags that a service must have.")
    tag_separator: Text | None = Field(default=None, description="What joins tags in the tags label. Default a comma.")
    node_meta: Annotated[dict[str, str], Field(json_schema_extra={"x-kubernetes-map-type": "atomic"})] | None = Field(
        default=None, description="Metadata that a node must have."
    )
    filter: Text | None = Field(default=None, description="Filter expression of the catalog. Needs Prometheus 3.0.0.")
    health_filter: Text | None = Field(default=None, description="Filter expression of the health API. Needs Prometheus 3.11.2.")
    allow_stale: bool | None = Field(default=None, description="Whether stale answers will do. Default true.")


class EurekaSDConfig(AuthClient, Refreshed):
    """Targets from Eureka."""

    model_config = schema("server")
    server: Url = Field(default="", description="URL of the Eureka server.")


class NomadSDConfig(AuthClient, Refreshed):
    """Targets from Nomad's services."""

    model_config = schema("server")
    server: Url = Field(default="", description="URL of the Nomad server.")
    allow_stale: bool | None = Field(default=None, description="Whether stale answers will do. Default true.")
    namespace: Text | None = Field(default=None, description="Nomad namespace. Default: default.")
    region: Text | None = Field(default=None, description="Nomad region. Default: global.")
    tag_separator: Text | None = Field(default=None, description="What joins tags in the tags label. Default a comma.")


class KumaSDConfig(AuthClient, Refreshed):
    """Targets from Kuma's control plane."""

    model_config = schema("server")
    server: Url = Field(default="", description="URL of the control plane's MADS xDS server.")
    client_id: Text | None = Field(
        default=None,
        alias="clientID",
        description="Name that the control plane knows this Prometheus by. Needs Prometheus 2.50.0.",
    )
    fetch_timeout: Duration | None = Field(default=None, description="How long to wait for the control plane.")


class PuppetDBSDConfig(AuthClient, Refreshed, Ported):
    """Targets from PuppetDB resources."""

    model_config = schema("url", "query")
    url: Url = Field(default="", description="URL of PuppetDB's root query endpoint.")
    query: Text = Field(default="", description="Query in PQL; resources only.")
    include_parameters: bool | None = Field(
        default=None, description="Whether to make labels of parameters, which shows them in Prometheus' UI and API."
    )
