"""Parts of a Prometheus' spec: storage, sharding, web, Thanos, OTLP, scrape classes."""

from __future__ import annotations

from typing import Annotated, Literal

from davit.monitoring.types import (
    AttachMetadata,
    Authorization,
    Duration,
    IntOrString,
    Items,
    Object,
    Objects,
    Quantity,
    RelabelConfig,
    ScrapeProtocol,
    SecretKeySelector,
    SecretOrConfigMap,
    Spec,
    TLSConfig,
    schema,
)
from pydantic import Field

SET = {"x-kubernetes-list-type": "set"}
LogLevel = Literal["", "debug", "info", "warn", "error"]
LogFormat = Literal["", "logfmt", "json"]


class Runtime(Spec):
    """Behaviour of the process."""

    go_gc: Annotated[int, Field(ge=-1)] | None = Field(
        default=None, alias="goGC", description="Target percentage of Go's garbage collector (2.53)."
    )


class TopologySharding(Spec):
    """Shards by zone."""

    external_label_name: str | None = Field(
        default=None, description="External label with the shard's zone; zone when absent, none when empty."
    )
    values: Items[str] | None = Field(default=None, description="Zones to spread shards over, in order.")


class ShardingStrategy(Spec):
    """How targets are spread over shards."""

    model_config = schema(
        **{
            "x-kubernetes-validations": [
                {
                    "rule": "!has(self.topology) || (has(self.mode) && self.mode == 'Topology')",
                    "message": "topology goes with mode Topology: set mode, or remove topology",
                }
            ]
        }
    )
    mode: Literal["Address", "Topology"] | None = Field(
        default=None, description="Address (the default): by a hash of the address. Topology: by zone first."
    )
    topology: TopologySharding | None = Field(default=None, description="The zones, with mode Topology.")


class Argument(Spec):
    """A command-line flag."""

    model_config = schema("name")
    name: str = Field(default="", description="Name of the flag without dashes.", json_schema_extra={"minLength": 1})
    value: str | None = Field(default=None, description="Value of the flag; none for a switch.")


class Storage(Spec):
    """Where data is kept; a memory-less emptyDir when empty."""

    disable_mount_sub_path: bool | None = Field(default=None, description="True mounts the volume's root. Deprecated.")
    empty_dir: Object | None = Field(default=None, description="An emptyDir volume, as in a pod.")
    ephemeral: Object | None = Field(default=None, description="An ephemeral volume, as in a pod.")
    volume_claim_template: Object | None = Field(default=None, description="A PersistentVolumeClaim for each pod.")


class ClaimRetention(Spec):
    """What becomes of PersistentVolumeClaims."""

    when_deleted: str | None = Field(default=None, description="Retain (the default) or Delete, when the Prometheus is deleted.")
    when_scaled: str | None = Field(default=None, description="Retain (the default) or Delete, when replicas are scaled down.")


class HostAlias(Spec):
    """Names of an address in the pods' hosts file."""

    model_config = schema("ip", "hostnames")
    ip: str = Field(default="", description="IP address.")
    hostnames: Items[str] | None = Field(default=None, description="Names of the address.")


class RollingUpdate(Spec):
    """Bounds of a rolling update."""

    max_unavailable: IntOrString | None = Field(default=None, description="Pods that may be unavailable at once.")


class UpdateStrategy(Spec):
    """How pods are replaced."""

    model_config = schema(
        "type",
        **{
            "x-kubernetes-validations": [
                {
                    "rule": "!(self.type != 'RollingUpdate' && has(self.rollingUpdate))",
                    "message": "rollingUpdate goes with type RollingUpdate: set type, or remove rollingUpdate",
                }
            ]
        },
    )
    type: Literal["RollingUpdate", "OnDelete", ""] = Field(default="", description="RollingUpdate (the default) or OnDelete.")
    rolling_update: RollingUpdate | None = Field(default=None, description="Bounds of a rolling update.")


class FileSystemAccess(Spec):
    """Whether monitors may name files in the container."""

    deny: bool | None = Field(default=None, description="True rejects monitors that name files, such as bearerTokenFile.")


class ScrapeClass(Spec):
    """Settings that monitors take by name."""

    model_config = schema("name")
    name: str = Field(default="", description="Name of the class.")
    default: bool | None = Field(default=None, description="Whether it applies to monitors that name no class; for one only.")
    fallback_scrape_protocol: ScrapeProtocol | None = Field(
        default=None, description="Protocol for targets that answer with no usable content type (3.0)."
    )
    tls_config: TLSConfig | None = Field(default=None, description="TLS files for monitors that set none.")
    authorization: Authorization | None = Field(default=None, description="Authorization for monitors that set none.")
    relabelings: Items[RelabelConfig] | None = Field(default=None, description="Relabeling of targets, before the monitor's own.")
    metric_relabelings: Items[RelabelConfig] | None = Field(
        default=None, description="Relabeling of samples, before the monitor's own."
    )
    attach_metadata: AttachMetadata | None = Field(default=None, description="Metadata for monitors that ask for none.")


class OTLPConfig(Spec):
    """The receiver of OpenTelemetry metrics (2.55)."""

    promote_all_resource_attributes: bool | None = Field(
        default=None, description="Whether all resource attributes become labels (3.5)."
    )
    ignore_resource_attributes: Annotated[list[str], Field(json_schema_extra=SET)] | None = Field(
        default=None, description="Attributes that don't, with promoteAllResourceAttributes (3.5)."
    )
    promote_resource_attributes: Annotated[list[str], Field(json_schema_extra=SET)] | None = Field(
        default=None, description="Resource attributes that become labels."
    )
    translation_strategy: (
        Literal[
            "NoUTF8EscapingWithSuffixes",
            "UnderscoreEscapingWithSuffixes",
            "NoTranslation",
            "UnderscoreEscapingWithoutSuffixes",
            "",
        ]
        | None
    ) = Field(default=None, description="How names are made valid (3.0; NoTranslation 3.4, without suffixes 3.6).")
    keep_identifying_resource_attributes: bool | None = Field(
        default=None, description="Whether target_info keeps service.name and the like (3.1)."
    )
    convert_histograms_to_nhcb: bool | None = Field(
        default=None,
        alias="convertHistogramsToNHCB",
        description="Whether explicit histograms become native ones with custom buckets (3.4).",
    )
    promote_scope_metadata: bool | None = Field(default=None, description="Whether scope metadata become labels (3.6).")
    label_name_underscore_sanitization: bool | None = Field(
        default=None, description="Whether labels that begin with _ get the prefix key (3.8)."
    )
    label_name_preserve_multiple_underscores: bool | None = Field(
        default=None, description="Whether repeated underscores of labels are kept (3.8)."
    )


class ChunkEncoding(Spec):
    """How samples are encoded."""

    floats: Literal["Xor", "Xor2", ""] | None = Field(default=None, description="Encoding of floats (3.13).")


class TSDB(Spec):
    """The time series database, changed without a restart."""

    out_of_order_time_window: Duration | None = Field(default=None, description="How old an out-of-order sample may be (2.39).")
    stale_series_compaction_threshold: Quantity | None = Field(
        default=None, description="Fraction of stale series, 0 to 1, that starts an early compaction (3.10)."
    )
    chunk_encoding: ChunkEncoding | None = Field(default=None, description="How samples are encoded (3.13).")


class Exemplars(Spec):
    """Storage of exemplars."""

    max_size: int | None = Field(
        default=None,
        description="Most exemplars in memory; needs the feature exemplar-storage.",
        json_schema_extra={"format": "int64"},
    )


class Query(Spec):
    """Limits of queries."""

    lookback_delta: str | None = Field(default=None, description="How far back a sample is looked for.")
    max_concurrency: Annotated[int, Field(ge=1)] | None = Field(default=None, description="Most queries at once.")
    max_samples: int | None = Field(default=None, description="Most samples that a query loads.")
    timeout: Duration | None = Field(default=None, description="Longest run of a query.")


class RulesAlert(Spec):
    """Alerts across restarts."""

    for_outage_tolerance: str | None = Field(default=None, description="Longest outage after which `for` states are restored.")
    for_grace_period: str | None = Field(default=None, description="Shortest `for` whose state is restored.")
    resend_delay: str | None = Field(default=None, description="Shortest wait before an alert is sent again.")


class Rules(Spec):
    """Evaluation of rules."""

    alert: RulesAlert | None = Field(default=None, description="Alerts across restarts.")


class RuleExclusion(Spec):
    """A PrometheusRule."""

    model_config = schema("ruleNamespace", "ruleName")
    rule_namespace: str = Field(default="", description="Namespace of the PrometheusRule.")
    rule_name: str = Field(default="", description="Name of the PrometheusRule.")


class Retain(Spec):
    """Shards that are kept."""

    model_config = schema("retentionPeriod")
    retention_period: Duration = Field(default="", description="How long to keep them.")


class ShardRetentionPolicy(Spec):
    """What becomes of shards that are scaled away."""

    when_scaled: Literal["Retain", "Delete"] | None = Field(default=None, description="Delete (the default) or Retain.")
    retain: Retain | None = Field(default=None, description="How long; as long as their data is when absent.")


class GRPCServerTLS(TLSConfig):
    """TLS of the sidecar's gRPC server."""

    cipher_suites: Annotated[list[str], Field(json_schema_extra=SET)] | None = Field(
        default=None, description="Cipher suites up to TLS 1.2."
    )
    curves: Annotated[list[str], Field(json_schema_extra=SET)] | None = Field(
        default=None, description="Elliptic curves for the handshake."
    )


class Thanos(Spec):
    """The Thanos sidecar."""

    image: str | None = Field(default=None, description="Image of the sidecar; from version when absent.")
    version: str | None = Field(default=None, description="Version of Thanos; v0.42.2 when absent.")
    tag: str | None = Field(default=None, description="Tag of the image. Deprecated: use image.")
    sha: str | None = Field(default=None, description="Digest of the image. Deprecated: use image.")
    base_image: str | None = Field(default=None, description="Image without tag. Deprecated: use image.")
    resources: Object | None = Field(default=None, description="Compute resources of the sidecar, as in a pod.")
    object_storage_config: SecretKeySelector | None = Field(default=None, description="Where the bucket's configuration is kept.")
    object_storage_config_file: str | None = Field(
        default=None, description="File in the container with the bucket's configuration; wins over objectStorageConfig."
    )
    listen_local: bool | None = Field(default=None, description="True listens on localhost only. Deprecated: use the next two.")
    grpc_listen_local: bool | None = Field(default=None, description="True keeps gRPC on localhost.")
    http_listen_local: bool | None = Field(default=None, description="True keeps HTTP on localhost.")
    tracing_config: SecretKeySelector | None = Field(default=None, description="Where the tracing configuration is kept.")
    tracing_config_file: str | None = Field(
        default=None, description="File in the container with the tracing configuration; wins over tracingConfig."
    )
    grpc_server_tls_config: GRPCServerTLS | None = Field(default=None, description="TLS of the gRPC server.")
    log_level: LogLevel | None = Field(default=None, description="Log level of the sidecar.")
    log_format: LogFormat | None = Field(default=None, description="Log format of the sidecar.")
    min_time: str | None = Field(default=None, description="Oldest data to serve, a time or a duration.")
    block_size: Duration | None = Field(default=None, description="Length of blocks when the sidecar uploads; 2h when absent.")
    ready_timeout: Duration | None = Field(default=None, description="Longest wait for Prometheus to start.")
    get_config_interval: Duration | None = Field(default=None, description="How often to read Prometheus' configuration.")
    get_config_timeout: Duration | None = Field(default=None, description="Timeout of reading it.")
    volume_mounts: Objects | None = Field(default=None, description="Further mounts of the sidecar, as in a pod.")
    additional_args: Items[Argument] | None = Field(default=None, description="Further flags of the sidecar.")


class WebHeaders(Spec):
    """Security headers of all answers."""

    content_security_policy: str | None = Field(default=None, description="Value of Content-Security-Policy.")
    x_frame_options: Literal["", "Deny", "SameOrigin"] | None = Field(default=None, description="Value of X-Frame-Options.")
    x_content_type_options: Literal["", "NoSniff"] | None = Field(default=None, description="Value of X-Content-Type-Options.")
    x_xss_protection: str | None = Field(default=None, alias="xXSSProtection", description="Value of X-XSS-Protection.")
    strict_transport_security: str | None = Field(default=None, description="Value of Strict-Transport-Security.")


class WebHTTP(Spec):
    """HTTP of the web server."""

    http2: bool | None = Field(default=None, description="Whether to speak HTTP/2; with TLS only.")
    headers: WebHeaders | None = Field(default=None, description="Security headers of all answers.")


class WebTLS(Spec):
    """TLS of the web server."""

    cert: SecretOrConfigMap | None = Field(default=None, description="Where the certificate is kept; or certFile.")
    cert_file: str | None = Field(default=None, description="File with the certificate.")
    key_secret: SecretKeySelector | None = Field(default=None, description="Where the key is kept; or keyFile.")
    key_file: str | None = Field(default=None, description="File with the key.")
    client_ca: SecretOrConfigMap | None = Field(
        default=None, alias="client_ca", description="CA that clients' certificates are checked by; or clientCAFile."
    )
    client_ca_file: str | None = Field(default=None, alias="clientCAFile", description="File with that CA.")
    client_auth_type: str | None = Field(
        default=None, description="Whether clients need a certificate: NoClientCert (the default) to RequireAndVerifyClientCert."
    )
    min_version: str | None = Field(default=None, description="Oldest TLS version, such as TLS12.")
    max_version: str | None = Field(default=None, description="Newest TLS version, such as TLS13.")
    cipher_suites: Items[str] | None = Field(default=None, description="Cipher suites up to TLS 1.2.")
    prefer_server_cipher_suites: bool | None = Field(default=None, description="Has no effect in current versions of Go.")
    curve_preferences: Items[str] | None = Field(default=None, description="Elliptic curves, best first.")


class Web(Spec):
    """The web server."""

    page_title: str | None = Field(default=None, description="Title of the pages.")
    max_connections: Annotated[int, Field(ge=0)] | None = Field(default=None, description="Most connections at once.")
    tls_config: WebTLS | None = Field(default=None, description="TLS of the web server.")
    http_config: WebHTTP | None = Field(default=None, description="HTTP of the web server.")
