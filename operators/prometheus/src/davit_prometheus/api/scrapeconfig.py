"""`monitoring.coreos.com/v1alpha1` ScrapeConfig: a scrape job with any service discovery that Prometheus knows."""

from __future__ import annotations

from typing import Annotated, Literal

from davit.crd import Crd
from davit.model import Kind
from davit.monitoring.types import (
    ByteSize,
    Duration,
    Items,
    RelabelConfig,
    Scheme,
    ScrapeProtocol,
    Spec,
)
from pydantic import Field

from davit_prometheus.api.bindings import COLUMNS, ConfigResourceStatus
from davit_prometheus.api.discovery.base import SET, AuthConnection, Text
from davit_prometheus.api.discovery.basic import DNSSDConfig, FileSDConfig, HTTPSDConfig, StaticConfig
from davit_prometheus.api.discovery.clouds import AzureSDConfig, EC2SDConfig, GCESDConfig, LightSailSDConfig, OpenStackSDConfig
from davit_prometheus.api.discovery.containers import DockerSDConfig, DockerSwarmSDConfig
from davit_prometheus.api.discovery.hosters import (
    DigitalOceanSDConfig,
    HetznerSDConfig,
    IonosSDConfig,
    LinodeSDConfig,
    OVHCloudSDConfig,
    ScalewaySDConfig,
)
from davit_prometheus.api.discovery.kubernetes import KubernetesSDConfig
from davit_prometheus.api.discovery.registries import (
    ConsulSDConfig,
    EurekaSDConfig,
    KumaSDConfig,
    NomadSDConfig,
    PuppetDBSDConfig,
)
from davit_prometheus.api.monitors import GROUP, Scraped

SCRAPE_CONFIG = Kind(GROUP, "v1alpha1", "ScrapeConfig", "scrapeconfigs")

Relabelings = Annotated[list[RelabelConfig], Field(json_schema_extra={"x-kubernetes-list-type": "atomic", "minItems": 1})]


class Discoveries(Spec):
    """Where targets come from: any number of any kind."""

    static_configs: Items[StaticConfig] | None = Field(default=None, description="Targets that are written down.")
    file_sd_configs: Items[FileSDConfig] | None = Field(default=None, alias="fileSDConfigs", description="Targets from files.")
    http_sd_configs: Items[HTTPSDConfig] | None = Field(
        default=None, alias="httpSDConfigs", description="Targets from HTTP endpoints."
    )
    kubernetes_sd_configs: Items[KubernetesSDConfig] | None = Field(
        default=None, alias="kubernetesSDConfigs", description="Targets from Kubernetes."
    )
    consul_sd_configs: Items[ConsulSDConfig] | None = Field(
        default=None, alias="consulSDConfigs", description="Targets from Consul."
    )
    dns_sd_configs: Items[DNSSDConfig] | None = Field(default=None, alias="dnsSDConfigs", description="Targets from DNS.")
    ec2_sd_configs: Items[EC2SDConfig] | None = Field(default=None, alias="ec2SDConfigs", description="Targets from AWS EC2.")
    azure_sd_configs: Items[AzureSDConfig] | None = Field(default=None, alias="azureSDConfigs", description="Targets from Azure.")
    gce_sd_configs: Items[GCESDConfig] | None = Field(
        default=None, alias="gceSDConfigs", description="Targets from Google Compute Engine."
    )
    openstack_sd_configs: Items[OpenStackSDConfig] | None = Field(
        default=None, alias="openstackSDConfigs", description="Targets from OpenStack."
    )
    digital_ocean_sd_configs: Items[DigitalOceanSDConfig] | None = Field(
        default=None, alias="digitalOceanSDConfigs", description="Targets from DigitalOcean."
    )
    kuma_sd_configs: Items[KumaSDConfig] | None = Field(default=None, alias="kumaSDConfigs", description="Targets from Kuma.")
    eureka_sd_configs: Items[EurekaSDConfig] | None = Field(
        default=None, alias="eurekaSDConfigs", description="Targets from Eureka."
    )
    docker_sd_configs: Items[DockerSDConfig] | None = Field(
        default=None, alias="dockerSDConfigs", description="Targets from Docker."
    )
    linode_sd_configs: Items[LinodeSDConfig] | None = Field(
        default=None, alias="linodeSDConfigs", description="Targets from Linode."
    )
    hetzner_sd_configs: Items[HetznerSDConfig] | None = Field(
        default=None, alias="hetznerSDConfigs", description="Targets from Hetzner."
    )
    nomad_sd_configs: Items[NomadSDConfig] | None = Field(default=None, alias="nomadSDConfigs", description="Targets from Nomad.")
    docker_swarm_sd_configs: Items[DockerSwarmSDConfig] | None = Field(
        default=None, alias="dockerSwarmSDConfigs", description="Targets from Docker Swarm."
    )
    puppet_db_sd_configs: Items[PuppetDBSDConfig] | None = Field(
        default=None, alias="puppetDBSDConfigs", description="Targets from PuppetDB."
    )
    light_sail_sd_configs: Items[LightSailSDConfig] | None = Field(
        default=None, alias="lightSailSDConfigs", description="Targets from AWS Lightsail."
    )
    ovhcloud_sd_configs: Items[OVHCloudSDConfig] | None = Field(
        default=None, alias="ovhcloudSDConfigs", description="Targets from OVHcloud."
    )
    scaleway_sd_configs: Items[ScalewaySDConfig] | None = Field(
        default=None, alias="scalewaySDConfigs", description="Targets from Scaleway."
    )
    ionos_sd_configs: Items[IonosSDConfig] | None = Field(default=None, alias="ionosSDConfigs", description="Targets from IONOS.")


class ScrapeConfigSpec(Scraped, Discoveries, AuthConnection):
    """What to scrape and how."""

    job_name: Text | None = Field(
        default=None, description="The job label of the targets. Default: the name of the job, scrapeConfig/NAMESPACE/NAME."
    )
    relabelings: Relabelings | None = Field(
        default=None, description="Relabeling of targets; __tmp_prometheus_job_name holds the name of the job."
    )
    metric_relabelings: Relabelings | None = Field(default=None, description="Relabeling of samples.")
    metrics_path: Text | None = Field(default=None, description="HTTP path of the metrics. Default /metrics.")
    scrape_interval: Duration | None = Field(default=None, description="How often to scrape. Default: the Prometheus' own.")
    scrape_timeout: Duration | None = Field(
        default=None, description="How long a scrape may take; at most the interval. Default: the Prometheus' own."
    )
    scrape_protocols: Annotated[list[ScrapeProtocol], Field(json_schema_extra={**SET, "minItems": 1})] | None = Field(
        default=None, description="Formats to ask for, the best first. Needs Prometheus 2.49.0."
    )
    honor_timestamps: bool | None = Field(default=None, description="Whether the timestamps of targets are kept. Default true.")
    track_timestamps_staleness: bool | None = Field(
        default=None, description="Whether series with timestamps of targets become stale. Needs Prometheus 2.48.0."
    )
    honor_labels: bool | None = Field(
        default=None, description="Whether labels of samples win over those of the target. Default false."
    )
    params: Annotated[dict[str, Items[str]], Field(json_schema_extra={"x-kubernetes-map-type": "atomic"})] | None = Field(
        default=None, description="Parameters of the URL."
    )
    scheme: Scheme | None = Field(default=None, description="HTTP or HTTPS. Default HTTP.")
    enable_compression: bool | None = Field(
        default=None, description="Whether to ask for compressed answers. Default true. Needs Prometheus 2.49.0."
    )
    body_size_limit: ByteSize | None = Field(default=None, description="Largest answer, uncompressed.")
    name_validation_scheme: Literal["UTF8", "Legacy"] | None = Field(
        default=None, description="Which names of metrics and labels are valid. Needs Prometheus 3.0.0."
    )
    name_escaping_scheme: Literal["AllowUTF8", "Underscores", "Dots", "Values"] | None = Field(
        default=None, description="How targets are asked to escape names. Needs Prometheus 3.4.0."
    )


SCRAPE_CONFIG_CRD = Crd(
    kind=SCRAPE_CONFIG,
    spec=ScrapeConfigSpec,
    status=ConfigResourceStatus,
    description="How to scrape targets of any service discovery that Prometheus knows.",
    short_names=("scfg",),
    columns=COLUMNS,
    rules=(
        (
            "[has(self.spec.basicAuth), has(self.spec.authorization), has(self.spec.oauth2)].filter(x, x).size() <= 1",
            "spec.basicAuth, spec.authorization and spec.oauth2 exclude each other: keep one of them",
        ),
    ),
)
