"""Discovery of machines in the large clouds: AWS, Azure, Google, OpenStack. Pure."""

from __future__ import annotations

from typing import Any

from davit.monitoring.http import Context, Unusable
from davit.monitoring.types import ProxyConfig

from davit_prometheus.api.discovery.clouds import AzureSDConfig, EC2SDConfig, GCESDConfig, LightSailSDConfig, OpenStackSDConfig
from davit_prometheus.config.discovery.table import (
    AUTH,
    REDIRECTS,
    Discovery,
    authorization,
    basic_auth,
    choice,
    every,
    filters,
    gated,
    oauth2,
    proxy,
    put,
    required,
    required_secret,
    secret,
    tls,
    where,
)
from davit_prometheus.model import Json

_METHODS = ("basic_auth", "authorization", "oauth2")
_AZURE = {"oauth": "OAuth", "managedidentity": "ManagedIdentity", "sdk": "SDK", "workloadidentity": "WorkloadIdentity"}


def _aws_keys(context: Context, entry: Any, path: str) -> Json:
    """Both keys or none."""
    if entry.access_key is None and entry.secret_key is None:
        return {}
    keys = {**secret("access_key")(context, entry, path), **secret("secret_key")(context, entry, path)}
    if len(keys) == 2:
        return keys
    given, other = ("accessKey", "secretKey") if entry.secret_key is None else ("secretKey", "accessKey")
    context.gate.ignore(f"{path}.{given}", f"{other} is missing")
    return {}


def _azure_client(context: Context, entry: Any, path: str) -> Json:
    """Authentication and proxy, which an environment displaces as in prometheus-operator."""
    for name, value in (
        ("followRedirects", entry.follow_redirects),
        ("enableHTTP2", entry.enable_http2),
        ("tlsConfig", entry.tls_config),
    ):
        if value is not None:
            context.gate.ignore(f"{path}.{name}", "Azure discovery is configured without it, as by prometheus-operator")
    if entry.environment is not None and not _is_oauth(entry):
        return _displaced(context, entry, path)
    rendered: Json = {}
    for step in AUTH:
        rendered |= step(context, entry, path)
    return rendered if entry.environment is None else _displaced(context, entry, path)


def _displaced(context: Context, entry: Any, path: str) -> Json:
    for attribute in (*_METHODS, *ProxyConfig.model_fields):
        if getattr(entry, attribute) is not None:
            context.gate.ignore(where(entry, attribute, path), "environment is set")
    return {"environment": entry.environment}


def _is_oauth(entry: Any) -> bool:
    return (entry.authentication_method or "OAuth").lower() == "oauth"


def _azure_oauth(context: Context, entry: Any, path: str) -> Json:
    """What the default method, OAuth, can't do without."""
    if _is_oauth(entry):
        for name, value in (("tenantID", entry.tenant_id), ("clientID", entry.client_id), ("clientSecret", entry.client_secret)):
            if not value:
                raise Unusable(f"{path}.{name}", "is missing: the method OAuth needs it")
        required_secret("client_secret")(context, entry, path)
    return {}


EC2 = Discovery(
    "ec2SDConfigs",
    "ec2_sd_configs",
    EC2SDConfig,
    (
        proxy,
        put("region"),
        _aws_keys,
        put("role_arn"),
        every(),
        put("port"),
        filters,
        gated("2.41.0", REDIRECTS),
        gated("2.41.0", tls),
    ),
)
LIGHTSAIL = Discovery(
    "lightSailSDConfigs",
    "lightsail_sd_configs",
    LightSailSDConfig,
    (
        basic_auth,
        authorization,
        proxy,
        oauth2,
        put("region", "endpoint", "port"),
        every(),
        _aws_keys,
        put("role_arn"),
        tls,
        REDIRECTS,
    ),
    since="2.27.0",
)
AZURE = Discovery(
    "azureSDConfigs",
    "azure_sd_configs",
    AzureSDConfig,
    (
        _azure_oauth,
        _azure_client,
        choice("authentication_method", _AZURE, {"sdk": "2.52.0", "workloadidentity": "3.11.0"}),
        required("subscription_id"),
        put("tenant_id", "client_id"),
        secret("client_secret"),
        put("resource_group"),
        # Azure discovery draws a random number of whole seconds from three intervals, and panics when there are none.
        every(shortest=334),
        put("port"),
    ),
)
GCE = Discovery(
    "gceSDConfigs",
    "gce_sd_configs",
    GCESDConfig,
    (required("project", "zone"), put("filter"), every(), put("port", "tag_separator")),
)
OPENSTACK = Discovery(
    "openstackSDConfigs",
    "openstack_sd_configs",
    OpenStackSDConfig,
    (
        required("role"),
        choice("role", ("instance", "hypervisor", "loadbalancer"), {"loadbalancer": "3.2.0"}),
        required("region"),
        put("identity_endpoint", "username", "userid"),
        secret("password"),
        put("domain_name", "domain_id", "project_name", "project_id", "application_credential_name", "application_credential_id"),
        secret("application_credential_secret"),
        put("all_tenants"),
        every(),
        put("port"),
        choice("availability", ("public", "admin", "internal")),
        tls,
    ),
)
