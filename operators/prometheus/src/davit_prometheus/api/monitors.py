"""`monitoring.coreos.com/v1` ServiceMonitor, PodMonitor and Probe. The descriptions are what `kubectl explain` shows."""

from __future__ import annotations

from typing import Annotated, Literal

from davit.crd import Crd
from davit.model import Kind
from davit.monitoring.types import (
    AttachMetadata,
    ByteSize,
    Duration,
    HTTPAuth,
    HTTPLogin,
    IntOrString,
    Items,
    LabelSelector,
    Limit,
    NamespaceSelector,
    NativeHistogramConfig,
    ProxyConfig,
    RelabelConfig,
    SafeTLSConfig,
    Scheme,
    ScrapeProtocol,
    ServiceDiscoveryRole,
    Spec,
    Strings,
    TLSConfig,
    by,
    schema,
)
from pydantic import Field

from davit_prometheus.api.bindings import COLUMNS, ConfigResourceStatus

GROUP = "monitoring.coreos.com"
SERVICE_MONITOR = Kind(GROUP, "v1", "ServiceMonitor", "servicemonitors")
POD_MONITOR = Kind(GROUP, "v1", "PodMonitor", "podmonitors")
PROBE = Kind(GROUP, "v1", "Probe", "probes")

SelectorMechanism = Literal["RelabelConfig", "RoleSelector"]


class Scraped(NativeHistogramConfig):
    """How much a job may bring in, and in which formats."""

    sample_limit: Limit | None = Field(default=None, description="Most samples of a scrape.")
    target_limit: Limit | None = Field(default=None, description="Most targets of a job.")
    label_limit: Limit | None = Field(default=None, description="Most labels of a sample.")
    label_name_length_limit: Limit | None = Field(default=None, description="Longest label name.")
    label_value_length_limit: Limit | None = Field(default=None, description="Longest label value.")
    keep_dropped_targets: Limit | None = Field(default=None, description="Most dropped targets to remember (2.47).")
    scrape_protocols: Annotated[list[ScrapeProtocol], Field(json_schema_extra={"x-kubernetes-list-type": "set"})] | None = Field(
        default=None, description="Formats to ask for, the best first (2.49)."
    )
    fallback_scrape_protocol: ScrapeProtocol | None = Field(
        default=None, description="Format of answers without a usable content type (3.0)."
    )
    scrape_class: Annotated[str, Field(json_schema_extra={"minLength": 1})] | None = Field(
        default=None, description="Scrape class of the Prometheus to take settings from."
    )


class Monitored(Scraped):
    """What a ServiceMonitor and a PodMonitor have in common."""

    selector: LabelSelector | None = Field(default=None, description="Labels of what to scrape; everything when empty.")
    selector_mechanism: SelectorMechanism | None = Field(
        default=None,
        description="RelabelConfig (the default) filters discovered targets; RoleSelector asks the API server for matching ones only.",
    )
    namespace_selector: NamespaceSelector | None = Field(default=None, description="Namespaces to look in; its own when absent.")
    job_label: str | None = Field(default=None, description="Label whose value becomes the job label.")
    pod_target_labels: Items[str] | None = Field(default=None, description="Pod labels to add to the targets.")
    attach_metadata: AttachMetadata | None = Field(default=None, description="Metadata to add to discovered targets.")
    body_size_limit: ByteSize | None = Field(default=None, description="Largest answer of a target.")


class Scrape(HTTPAuth):
    """One way to scrape what a monitor selects: the common part of both kinds of endpoint."""

    path: str | None = Field(default=None, description="HTTP path; /metrics when absent.")
    scheme: Scheme | None = Field(default=None, description="http or https; http when absent.")
    params: dict[str, Items[str]] | None = Field(default=None, description="Query parameters.")
    interval: Duration | None = Field(default=None, description="How often to scrape; as the Prometheus says when absent.")
    scrape_timeout: Duration | None = Field(default=None, description="How long a scrape may take, at most the interval.")
    honor_labels: bool | None = Field(default=None, description="True lets labels of the samples win over the target's.")
    honor_timestamps: bool | None = Field(default=None, description="False replaces timestamps of the samples.")
    track_timestamps_staleness: bool | None = Field(default=None, description="Whether samples with timestamps go stale (2.48).")
    relabelings: Items[RelabelConfig] | None = Field(
        default=None, description="Relabeling of targets; __tmp_prometheus_job_name holds the name of the job."
    )
    metric_relabelings: Items[RelabelConfig] | None = Field(default=None, description="Relabeling of samples.")
    filter_running: bool | None = Field(default=None, description="False also scrapes pods that failed or succeeded.")


class Endpoint(Scrape):
    """One way to scrape the targets of the selected Services."""

    port: str | None = Field(default=None, description="Name of the Service's port.")
    target_port: IntOrString | None = Field(default=None, description="Name or number of the container's port; port wins.")
    bearer_token_file: str | None = Field(
        default=None, description="File in the container with a bearer token. Deprecated: use authorization."
    )
    tls_config: TLSConfig | None = Field(default=None, description="TLS towards the targets.")


class ServiceMonitorSpec(Monitored):
    """Which Services to scrape and how."""

    model_config = schema("endpoints", "selector")
    endpoints: Items[Endpoint] | None = Field(default=None, description="Ways to scrape, each a job of its own.")
    target_labels: Items[str] | None = Field(default=None, description="Service labels to add to the targets.")
    service_discovery_role: ServiceDiscoveryRole | None = Field(
        default=None, description="How targets are found; as the Prometheus says when absent."
    )


class PodMetricsEndpoint(Scrape):
    """One way to scrape the selected pods."""

    port: str | None = Field(default=None, description="Name of the container's port.")
    port_number: Annotated[int, Field(json_schema_extra={"minimum": 1, "maximum": 65535})] | None = Field(
        default=None, description="Number of the container's port, which the pod must declare; port wins."
    )
    target_port: IntOrString | None = Field(
        default=None, description="Name or number of the container's port. Deprecated: use port or portNumber."
    )
    tls_config: SafeTLSConfig | None = Field(default=None, description="TLS towards the targets.")


class PodMonitorSpec(Monitored):
    """Which pods to scrape and how."""

    model_config = schema("selector")
    pod_metrics_endpoints: Items[PodMetricsEndpoint] | None = Field(
        default=None, description="Ways to scrape, each a job of its own."
    )


class ProbeParam(Spec):
    """A query parameter for the prober."""

    model_config = schema("name")
    name: str = Field(default="", description="Name of the parameter.")
    values: Items[str] | None = Field(default=None, description="Values of the parameter.")


class Prober(ProxyConfig):
    """The exporter that probes, such as the blackbox exporter."""

    model_config = schema("url")
    url: str = Field(
        default="", description="Host or host:port of the prober, without a scheme.", json_schema_extra={"minLength": 1}
    )
    scheme: Scheme | None = Field(default=None, description="http or https; http when absent.")
    path: str | None = Field(default=None, description="HTTP path; /probe when absent.")


class StaticTargets(Spec):
    """Targets that are written down."""

    static: Items[str] | None = Field(default=None, description="What to probe.")
    labels: Strings | None = Field(default=None, description="Labels of all targets.")
    relabeling_configs: Items[RelabelConfig] | None = Field(default=None, description="Relabeling of targets.")


class IngressTargets(Spec):
    """Every host and path of the selected Ingresses."""

    selector: LabelSelector | None = Field(default=None, description="Labels of the Ingresses; all when empty.")
    namespace_selector: NamespaceSelector | None = Field(default=None, description="Namespaces to look in; its own when absent.")
    relabeling_configs: Items[RelabelConfig] | None = Field(
        default=None, description="Relabeling of targets; __tmp_ingress_address holds the address of the Ingress."
    )


class ProbeTargets(Spec):
    """What to probe: static targets or Ingresses; static targets win."""

    static_config: StaticTargets | None = Field(default=None, description="Targets that are written down.")
    ingress: IngressTargets | None = Field(default=None, description="Targets from Ingresses.")


class ProbeSpec(Scraped, HTTPLogin):
    """What to probe, by which prober and how."""

    job_name: str | None = Field(default=None, description="The job label of the targets.")
    prober: Prober | None = Field(default=None, description="The exporter that probes.")
    module: str | None = Field(default=None, description="Module of the prober; wins over a parameter of that name.")
    params: Annotated[list[ProbeParam], Field(json_schema_extra=by("name"))] | None = Field(
        default=None, description="Further query parameters for the prober."
    )
    targets: ProbeTargets | None = Field(default=None, description="What to probe.")
    interval: Duration | None = Field(default=None, description="How often to probe; as the Prometheus says when absent.")
    scrape_timeout: Duration | None = Field(default=None, description="How long a probe may take, at most the interval.")
    metric_relabelings: Items[RelabelConfig] | None = Field(default=None, description="Relabeling of samples.")
    tls_config: SafeTLSConfig | None = Field(default=None, description="TLS towards the prober.")


SERVICE_MONITOR_CRD = Crd(
    kind=SERVICE_MONITOR,
    spec=ServiceMonitorSpec,
    status=ConfigResourceStatus,
    description="How to scrape the pods behind Services.",
    short_names=("smon",),
    columns=COLUMNS,
)
POD_MONITOR_CRD = Crd(
    kind=POD_MONITOR,
    spec=PodMonitorSpec,
    status=ConfigResourceStatus,
    description="How to scrape pods.",
    short_names=("pmon",),
    columns=COLUMNS,
)
PROBE_CRD = Crd(
    kind=PROBE,
    spec=ProbeSpec,
    status=ConfigResourceStatus,
    description="How to probe static targets or Ingresses through a prober.",
    short_names=("prb",),
    columns=COLUMNS,
)
