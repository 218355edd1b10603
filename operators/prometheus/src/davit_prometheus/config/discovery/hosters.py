"""Discovery of machines at hosters: DigitalOcean, Hetzner, IONOS, Linode, OVHcloud, Scaleway. Pure."""

from __future__ import annotations

from typing import Any

from davit.monitoring import http
from davit.monitoring.http import Context
from davit.monitoring.types import SafeAuthorization

from davit_prometheus.api.discovery.hosters import (
    DigitalOceanSDConfig,
    HetznerSDConfig,
    IonosSDConfig,
    LinodeSDConfig,
    OVHCloudSDConfig,
    ScalewaySDConfig,
)
from davit_prometheus.config.discovery.table import (
    AUTH,
    REDIRECTS,
    TOKEN,
    Discovery,
    choice,
    every,
    filled,
    oauth2,
    proxy,
    put,
    required,
    required_secret,
    since,
    tls,
)
from davit_prometheus.model import Json


def _ionos_authorization(context: Context, entry: Any, path: str) -> Json:
    """Required by the schema, and so displaced by oauth2."""
    if entry.oauth2 is not None:
        return {}
    return http.authorization(context, entry.authorization or SafeAuthorization(), f"{path}.authorization")


DIGITAL_OCEAN = Discovery(
    "digitalOceanSDConfigs",
    "digitalocean_sd_configs",
    DigitalOceanSDConfig,
    (*TOKEN, REDIRECTS, tls, put("port"), every()),
    since="2.20.0",
)
HETZNER = Discovery(
    "hetznerSDConfigs",
    "hetzner_sd_configs",
    HetznerSDConfig,
    (
        *AUTH,
        required("role"),
        choice("role", ("hcloud", "robot")),
        REDIRECTS,
        tls,
        put("port"),
        every(),
        since("3.5.0", filled("label_selector")),
    ),
    since="2.21.0",
)
IONOS = Discovery(
    "ionosSDConfigs",
    "ionos_sd_configs",
    IonosSDConfig,
    (_ionos_authorization, oauth2, proxy, tls, required("datacenter_id"), REDIRECTS, put("port"), every()),
    since="2.36.0",
)
LINODE = Discovery(
    "linodeSDConfigs",
    "linode_sd_configs",
    LinodeSDConfig,
    (
        *TOKEN,
        tls,
        put("port"),
        since("2.52.0", put("region")),
        put("enable_http2", "tag_separator"),
        every(),
        put("follow_redirects"),
    ),
    since="2.28.0",
)
OVHCLOUD = Discovery(
    "ovhcloudSDConfigs",
    "ovhcloud_sd_configs",
    OVHCloudSDConfig,
    (
        required("application_key"),
        required_secret("application_secret"),
        required_secret("consumer_key"),
        required("service"),
        choice("service", {"vps": "vps", "dedicatedserver": "dedicated_server"}),
        put("endpoint"),
        every(),
    ),
    since="2.40.0",
)
SCALEWAY = Discovery(
    "scalewaySDConfigs",
    "scaleway_sd_configs",
    ScalewaySDConfig,
    (
        required("access_key"),
        required_secret("secret_key"),
        required("project_id", "role"),
        choice("role", ("instance", "baremetal")),
        put("port", "api_url", "zone", "name_filter"),
        filled("tags_filter"),
        every(),
        proxy,
        tls,
        REDIRECTS,
    ),
    since="2.26.0",
)
