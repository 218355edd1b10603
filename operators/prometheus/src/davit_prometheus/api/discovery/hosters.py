"""Discovery of machines at hosters: DigitalOcean, Hetzner, IONOS, Linode, OVHcloud, Scaleway."""

from __future__ import annotations

from typing import Annotated

from davit.monitoring.types import schema
from pydantic import Field

from davit_prometheus.api.discovery.base import (
    AuthClient,
    Client,
    Oauth,
    Ported,
    Refreshed,
    SecretKey,
    Text,
    TextSet,
    Token,
    TokenClient,
    Url,
)

HetznerRole = Annotated[str, Field(json_schema_extra={"enum": ["hcloud", "Hcloud", "robot", "Robot"]})]
OvhService = Annotated[str, Field(json_schema_extra={"enum": ["VPS", "DedicatedServer"]})]
ScalewayRole = Annotated[str, Field(json_schema_extra={"enum": ["Instance", "Baremetal"]})]


class DigitalOceanSDConfig(TokenClient, Refreshed, Ported):
    """Targets from DigitalOcean droplets."""


class HetznerSDConfig(AuthClient, Refreshed, Ported):
    """Targets from Hetzner Cloud or Robot."""

    model_config = schema("role")
    role: HetznerRole = Field(default="", description="Cloud (hcloud) or dedicated servers (robot).")
    label_selector: Text | None = Field(default=None, description="Selects servers of hcloud by label. Needs Prometheus 3.5.0.")


class IonosSDConfig(Client, Refreshed, Ported):
    """Targets from an IONOS data center."""

    model_config = schema("datacenterID", "authorization")
    datacenter_id: Text = Field(default="", alias="datacenterID", description="ID of the data center.")
    authorization: Token | None = Field(default=None, description="Authorization header; oauth2 takes its place when set.")
    oauth2: Oauth | None = Field(default=None, description="OAuth 2.0 client, in place of authorization.")


class LinodeSDConfig(TokenClient, Refreshed, Ported):
    """Targets from Linode instances."""

    region: Text | None = Field(default=None, description="Region to look in. Default: all. Needs Prometheus 2.52.0.")
    tag_separator: Text | None = Field(default=None, description="What joins tags in the tags label. Default a comma.")


class OVHCloudSDConfig(Refreshed):
    """Targets from OVHcloud."""

    model_config = schema("applicationKey", "applicationSecret", "consumerKey", "service")
    application_key: Text = Field(default="", description="Application key.")
    application_secret: SecretKey | None = Field(default=None, description="Application secret.")
    consumer_key: SecretKey | None = Field(default=None, description="Consumer key.")
    service: OvhService = Field(default="", description="Kind of machine to discover.")
    endpoint: Text | None = Field(default=None, description="API endpoint. Default ovh-eu.")


class ScalewaySDConfig(Client, Refreshed, Ported):
    """Targets from Scaleway."""

    model_config = schema("accessKey", "secretKey", "projectID", "role")
    access_key: Text = Field(default="", description="Access key.")
    secret_key: SecretKey | None = Field(default=None, description="Secret key.")
    project_id: Text = Field(default="", alias="projectID", description="Project ID.")
    role: ScalewayRole = Field(default="", description="Kind of machine to discover.")
    api_url: Url | None = Field(default=None, alias="apiURL", description="URL of the API. Default: Scaleway's own.")
    zone: Text | None = Field(default=None, description="Availability zone. Default fr-par-1.")
    name_filter: Text | None = Field(default=None, description="Part of the name that a server must have.")
    tags_filter: TextSet | None = Field(default=None, description="Tags that a server must have.")
