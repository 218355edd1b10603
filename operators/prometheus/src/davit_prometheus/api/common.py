"""What a Prometheus and a PrometheusAgent have in common."""

from __future__ import annotations

from typing import Annotated, Literal

from davit.monitoring.types import (
    ByteSize,
    Duration,
    EmbeddedObjectMetadata,
    Items,
    LabelSelector,
    Limit,
    Object,
    ObjectReference,
    Objects,
    ScrapeProtocol,
    SecretKeySelector,
    ServiceDiscoveryRole,
    Spec,
    Strings,
    by,
)
from pydantic import Field

from davit_prometheus.api.parts import (
    SET,
    TSDB,
    Argument,
    ClaimRetention,
    FileSystemAccess,
    HostAlias,
    LogFormat,
    LogLevel,
    OTLPConfig,
    Runtime,
    ScrapeClass,
    ShardingStrategy,
    Storage,
    UpdateStrategy,
    Web,
)
from davit_prometheus.api.remote import APIServerConfig, MessageVersion, RemoteWriteSpec, TracingConfig

Set = Annotated[list[str], Field(json_schema_extra=SET)]
_NAMESPACES = "Labels of the namespaces to look in; all when empty, the own namespace when absent."


class Selectors(Spec):
    """Which monitors are taken."""

    service_monitor_selector: LabelSelector | None = Field(
        default=None, description="ServiceMonitors to take; all when empty, none when absent."
    )
    service_monitor_namespace_selector: LabelSelector | None = Field(default=None, description=_NAMESPACES)
    pod_monitor_selector: LabelSelector | None = Field(
        default=None, description="PodMonitors to take; all when empty, none when absent."
    )
    pod_monitor_namespace_selector: LabelSelector | None = Field(default=None, description=_NAMESPACES)
    probe_selector: LabelSelector | None = Field(default=None, description="Probes to take; all when empty, none when absent.")
    probe_namespace_selector: LabelSelector | None = Field(default=None, description=_NAMESPACES)
    scrape_config_selector: LabelSelector | None = Field(
        default=None, description="ScrapeConfigs to take; all when empty, none when absent."
    )
    scrape_config_namespace_selector: LabelSelector | None = Field(default=None, description=_NAMESPACES)


class Pods(Spec):
    """The pods that Prometheus runs in."""

    pod_metadata: EmbeddedObjectMetadata | None = Field(default=None, description="Labels and annotations for the pods.")
    image: str | None = Field(default=None, description="Image of Prometheus; from version when absent.")
    image_pull_policy: Literal["", "Always", "Never", "IfNotPresent"] | None = Field(
        default=None, description="When to pull the image."
    )
    image_pull_secrets: Objects | None = Field(default=None, description="References to Secrets for pulling the image.")
    replicas: int | None = Field(default=None, description="Pods of each shard, which all scrape the same; 1 when absent.")
    storage: Storage | None = Field(default=None, description="Where data is kept; an emptyDir when absent.")
    volumes: Objects | None = Field(default=None, description="Further volumes of the pods.")
    volume_mounts: Objects | None = Field(default=None, description="Further mounts of the Prometheus container.")
    persistent_volume_claim_retention_policy: ClaimRetention | None = Field(
        default=None, description="What becomes of PersistentVolumeClaims."
    )
    resources: Object | None = Field(default=None, description="Compute resources of the Prometheus container.")
    node_selector: Strings | None = Field(default=None, description="Labels that a node must have.")
    scheduler_name: str | None = Field(default=None, description="Scheduler of the pods.")
    service_account_name: str | None = Field(default=None, description="ServiceAccount of the pods.")
    automount_service_account_token: bool | None = Field(
        default=None, description="Whether pods get a token of their ServiceAccount; true when absent."
    )
    secrets: Set | None = Field(default=None, description="Secrets to mount below /etc/prometheus/secrets.")
    config_maps: Items[str] | None = Field(default=None, description="ConfigMaps to mount below /etc/prometheus/configmaps.")
    affinity: Object | None = Field(default=None, description="Scheduling affinity of the pods.")
    tolerations: Objects | None = Field(default=None, description="Taints that the pods tolerate.")
    topology_spread_constraints: Objects | None = Field(
        default=None, description="Spreading of the pods; additionalLabelSelectors OnResource or OnShard adds our labels."
    )
    security_context: Object | None = Field(default=None, description="Security context of the pods.")
    dns_policy: Literal["ClusterFirstWithHostNet", "ClusterFirst", "Default", "None"] | None = Field(
        default=None, description="DNS policy of the pods."
    )
    dns_config: Object | None = Field(default=None, description="DNS parameters of the pods.")
    listen_local: bool | None = Field(default=None, description="True listens on localhost only.")
    pod_management_policy: Literal["OrderedReady", "Parallel"] | None = Field(
        default=None, description="Order of starting pods; Parallel when absent. Can't change."
    )
    update_strategy: UpdateStrategy | None = Field(default=None, description="How pods are replaced.")
    enable_service_links: bool | None = Field(default=None, description="Whether Services become environment variables.")
    containers: Objects | None = Field(
        default=None, description="Further containers, or patches of ours of the same name (strategic merge)."
    )
    init_containers: Objects | None = Field(default=None, description="Init containers of the pods.")
    priority_class_name: str | None = Field(default=None, description="PriorityClass of the pods.")
    port_name: str | None = Field(default=None, description="Name of the pods' and the Service's port; web when absent.")
    min_ready_seconds: Annotated[int, Field(ge=0)] | None = Field(
        default=None, description="How long a pod must be ready to count as available."
    )
    host_aliases: Annotated[list[HostAlias], Field(json_schema_extra=by("ip"))] | None = Field(
        default=None, description="Entries of the pods' hosts file."
    )
    host_network: bool | None = Field(default=None, description="True uses the node's network.")
    maximum_startup_duration_seconds: Annotated[int, Field(ge=60)] | None = Field(
        default=None, description="Longest start, with the replay of the log; 900 when absent."
    )
    service_name: str | None = Field(
        default=None, description="Existing Service that governs the StatefulSet; prometheus-operated when absent."
    )
    termination_grace_period_seconds: Annotated[int, Field(ge=0)] | None = Field(
        default=None, description="How long pods may take to stop; 600 when absent."
    )
    host_users: bool | None = Field(default=None, description="False runs pods in a user namespace.")


class Enforcement(Spec):
    """What monitors may not decide for themselves."""

    arbitrary_fs_access: FileSystemAccess | None = Field(
        default=None, alias="arbitraryFSAccessThroughSMs", description="Whether monitors may name files in the container."
    )
    override_honor_labels: bool | None = Field(default=None, description="True sets honorLabels of all monitors to false.")
    override_honor_timestamps: bool | None = Field(
        default=None, description="True sets honorTimestamps of all monitors to false."
    )
    ignore_namespace_selectors: bool | None = Field(
        default=None, description="True keeps monitors to their own namespace, whatever their namespaceSelector."
    )
    enforced_namespace_label: str | None = Field(
        default=None, description="Label that all samples and rules of an object get with the object's namespace."
    )
    excluded_from_enforcement: Items[ObjectReference] | None = Field(
        default=None, description="Objects that enforcedNamespaceLabel leaves alone."
    )
    enforced_sample_limit: Limit | None = Field(default=None, description="Upper bound of sampleLimit.")
    enforced_target_limit: Limit | None = Field(default=None, description="Upper bound of targetLimit.")
    enforced_label_limit: Limit | None = Field(default=None, description="Upper bound of labelLimit.")
    enforced_label_name_length_limit: Limit | None = Field(default=None, description="Upper bound of labelNameLengthLimit.")
    enforced_label_value_length_limit: Limit | None = Field(default=None, description="Upper bound of labelValueLengthLimit.")
    enforced_keep_dropped_targets: Limit | None = Field(default=None, description="Upper bound of keepDroppedTargets.")
    enforced_body_size_limit: ByteSize | None = Field(default=None, description="Upper bound of bodySizeLimit.")


class Scraping(Spec):
    """Defaults of all scrape jobs."""

    scrape_interval: Duration | None = Field(default=None, description="How often to scrape; 30s when absent.")
    scrape_timeout: Duration | None = Field(default=None, description="Timeout of a scrape, at most scrapeInterval.")
    scrape_protocols: Annotated[list[ScrapeProtocol], Field(json_schema_extra=SET)] | None = Field(
        default=None, description="Protocols to offer to targets, best first (2.49)."
    )
    name_validation_scheme: Literal["UTF8", "Legacy"] | None = Field(
        default=None, description="Which metric and label names are valid (3.0)."
    )
    name_escaping_scheme: Literal["AllowUTF8", "Underscores", "Dots", "Values"] | None = Field(
        default=None, description="How names outside the legacy character set are asked for (3.4)."
    )
    convert_classic_histograms_to_nhcb: bool | None = Field(
        default=None,
        alias="convertClassicHistogramsToNHCB",
        description="Whether classic histograms become native ones with custom buckets (3.4).",
    )
    scrape_native_histograms: bool | None = Field(default=None, description="Whether to scrape native histograms (3.8).")
    scrape_classic_histograms: bool | None = Field(
        default=None, description="Whether to scrape a classic histogram that is also a native one (3.5)."
    )
    pod_target_labels: Items[str] | None = Field(
        default=None, description="Pod labels to add to the targets of all ServiceMonitors and PodMonitors."
    )
    body_size_limit: ByteSize | None = Field(default=None, description="Largest answer of a target (2.45).")
    sample_limit: Limit | None = Field(default=None, description="Most samples of a scrape (2.45).")
    target_limit: Limit | None = Field(default=None, description="Most targets of a job (2.45).")
    label_limit: Limit | None = Field(default=None, description="Most labels of a sample (2.45).")
    label_name_length_limit: Limit | None = Field(default=None, description="Longest label name (2.45).")
    label_value_length_limit: Limit | None = Field(default=None, description="Longest label value (2.45).")
    keep_dropped_targets: Limit | None = Field(default=None, description="Most dropped targets to remember per job (2.47).")
    scrape_classes: Annotated[list[ScrapeClass], Field(json_schema_extra=by("name"))] | None = Field(
        default=None, description="Settings that monitors take by name."
    )
    service_discovery_role: ServiceDiscoveryRole | None = Field(
        default=None, description="How Services' targets and Alertmanagers are found; Endpoints when absent."
    )
    scrape_failure_log_file: str | None = Field(
        default=None, description="File for failed scrapes (2.55); a bare name goes to /var/log/prometheus."
    )
    additional_scrape_configs: SecretKeySelector | None = Field(
        default=None, description="Where further scrape_configs are kept; a bad entry is left out alone."
    )
    apiserver_config: APIServerConfig | None = Field(default=None, description="How Prometheus reaches the Kubernetes API.")


class CommonPrometheusFields(Selectors, Pods, Enforcement, Scraping):
    """What a Prometheus and a PrometheusAgent have in common."""

    version: str | None = Field(default=None, description="Version of Prometheus, 2.45.0 or later; 3.13.2 when absent.")
    paused: bool | None = Field(default=None, description="True stops the operator from changing anything of it.")
    shards: int | None = Field(default=None, description="Shards that targets are spread over; 1 when absent.")
    sharding_strategy: ShardingStrategy | None = Field(default=None, description="How targets are spread over shards.")
    replica_external_label_name: str | None = Field(
        default=None, description="External label with the pod's name; prometheus_replica when absent, none when empty."
    )
    prometheus_external_label_name: str | None = Field(
        default=None, description="External label with namespace/name; prometheus when absent, none when empty."
    )
    external_labels: Strings | None = Field(default=None, description="Labels for everything that leaves this Prometheus.")
    log_level: LogLevel | None = Field(default=None, description="Log level.")
    log_format: LogFormat | None = Field(default=None, description="Log format.")
    enable_remote_write_receiver: bool | None = Field(default=None, description="Whether to accept remote write.")
    enable_otlp_receiver: bool | None = Field(
        default=None, alias="enableOTLPReceiver", description="Whether to accept OTLP; true when otlp is set (2.47)."
    )
    remote_write_receiver_message_versions: Annotated[list[MessageVersion], Field(json_schema_extra=SET)] | None = Field(
        default=None, description="Remote write protocols to accept (2.54)."
    )
    enable_features: Set | None = Field(default=None, description="Feature flags of Prometheus.")
    external_url: str | None = Field(default=None, description="URL under which Prometheus is reached from outside.")
    route_prefix: str | None = Field(default=None, description="Path prefix of Prometheus' own routes; / when absent.")
    web: Web | None = Field(default=None, description="The web server.")
    remote_write: Items[RemoteWriteSpec] | None = Field(default=None, description="Endpoints to write samples to.")
    otlp: OTLPConfig | None = Field(default=None, description="The receiver of OpenTelemetry metrics (2.55).")
    additional_args: Items[Argument] | None = Field(default=None, description="Further flags of Prometheus.")
    wal_compression: bool | None = Field(default=None, description="Whether to compress the write-ahead log; true when absent.")
    tracing_config: TracingConfig | None = Field(default=None, description="Where traces of Prometheus itself go.")
    reload_strategy: Literal["HTTP", "ProcessSignal"] | None = Field(
        default=None, description="Has no effect: the operator reloads by HTTP and proves what was loaded."
    )
    tsdb: TSDB | None = Field(default=None, description="The time series database, changed without a restart.")
    runtime: Runtime | None = Field(default=None, description="Behaviour of the process.")
