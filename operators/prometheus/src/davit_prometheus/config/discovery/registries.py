"""Discovery from registries of services and hosts: Consul, Eureka, Nomad, Kuma, PuppetDB. Pure."""

from __future__ import annotations

from typing import Any

from davit.monitoring.http import Context, Unusable

from davit_prometheus.api.discovery.registries import (
    ConsulSDConfig,
    EurekaSDConfig,
    KumaSDConfig,
    NomadSDConfig,
    PuppetDBSDConfig,
)
from davit_prometheus.config.discovery.table import (
    AUTH,
    REDIRECTS,
    Discovery,
    choice,
    every,
    filled,
    put,
    required,
    secret,
    since,
    tls,
    url,
)
from davit_prometheus.model import Json


def _one_token(_: Context, entry: Any, path: str) -> Json:
    if entry.token_ref is not None:
        for name, other in (("authorization", entry.authorization), ("oauth2", entry.oauth2)):
            if other is not None:
                raise Unusable(f"{path}.tokenRef", f"can't go with {name}: keep one of them")
    return {}


CONSUL = Discovery(
    "consulSDConfigs",
    "consul_sd_configs",
    ConsulSDConfig,
    (
        _one_token,
        *AUTH,
        tls,
        required("server"),
        since("2.45.0", put("path_prefix")),
        secret("token_ref", "token"),
        put("datacenter"),
        since("2.28.0", put("namespace")),
        put("partition"),
        choice("scheme", ("http", "https")),
        filled("services", "tags"),
        put("tag_separator"),
        filled("node_meta"),
        since("3.0.0-beta.0", put("filter")),
        since("3.11.2", put("health_filter")),
        put("allow_stale"),
        every(),
        REDIRECTS,
    ),
)
EUREKA = Discovery(
    "eurekaSDConfigs",
    "eureka_sd_configs",
    EurekaSDConfig,
    (*AUTH, REDIRECTS, tls, every(), url("server")),
    since="2.21.0",
)
NOMAD = Discovery(
    "nomadSDConfigs",
    "nomad_sd_configs",
    NomadSDConfig,
    (
        *AUTH,
        url("server"),
        put("allow_stale", "namespace"),
        every(),
        put("region", "tag_separator"),
        REDIRECTS,
        tls,
    ),
    since="2.37.0",
)
KUMA = Discovery(
    "kumaSDConfigs",
    "kuma_sd_configs",
    KumaSDConfig,
    (*AUTH, url("server"), REDIRECTS, tls, every(), filled("fetch_timeout"), since("2.50.0", put("client_id"))),
    since="2.30.0",
)
PUPPETDB = Discovery(
    "puppetDBSDConfigs",
    "puppetdb_sd_configs",
    PuppetDBSDConfig,
    (
        *AUTH,
        url("url", "http", "https"),
        required("query"),
        put("include_parameters", "port"),
        every(),
        put("follow_redirects"),
        tls,
        put("enable_http2"),
    ),
    since="2.31.0",
)
