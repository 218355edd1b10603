"""`Prometheus` (v1) and `PrometheusAgent` (v1alpha1) of `monitoring.coreos.com`: what users write and read.

Source of the names and their meaning: prometheus-operator 0.93; the schemas and texts are our own.
"""

from __future__ import annotations

from typing import Annotated, Literal

from davit.crd import Column, Crd, Model
from davit.model import Kind
from davit.monitoring.types import ByteSize, Duration, Items, LabelSelector, SecretKeySelector, Spec, by
from pydantic import Field

from davit_prometheus.api.common import CommonPrometheusFields
from davit_prometheus.api.parts import (
    Exemplars,
    Query,
    RuleExclusion,
    Rules,
    ScrapeClass,
    ShardRetentionPolicy,
    Thanos,
)
from davit_prometheus.api.remote import AlertingSpec, RemoteReadSpec

__all__ = [
    "AGENT_CRD", "CRD", "PROMETHEUS", "PROMETHEUS_AGENT", "CommonPrometheusFields", "PrometheusAgentSpec", "PrometheusSpec",
    "PrometheusStatus", "ScrapeClass",
]  # fmt: skip

PROMETHEUS = Kind("monitoring.coreos.com", "v1", "Prometheus", "prometheuses")
PROMETHEUS_AGENT = Kind("monitoring.coreos.com", "v1alpha1", "PrometheusAgent", "prometheusagents")


class PrometheusSpec(CommonPrometheusFields):
    """The Prometheus that you want."""

    base_image: str | None = Field(default=None, description="Image without tag. Deprecated: use image.")
    tag: str | None = Field(default=None, description="Tag of the image. Deprecated: use image.")
    sha: str | None = Field(default=None, description="Digest of the image. Deprecated: use image.")
    retention: Duration | None = Field(
        default=None, description="How long to keep data; 24h when neither this nor retentionSize is given."
    )
    retention_size: ByteSize | None = Field(default=None, description="How much data to keep.")
    shard_retention_policy: ShardRetentionPolicy | None = Field(
        default=None, description="What becomes of shards that are scaled away."
    )
    disable_compaction: bool | None = Field(default=None, description="True turns compaction off; done for Thanos' uploads.")
    rules: Rules | None = Field(default=None, description="Evaluation of rules.")
    prometheus_rules_excluded_from_enforce: Items[RuleExclusion] | None = Field(
        default=None, description="Rules that enforcedNamespaceLabel leaves alone. Deprecated: use excludedFromEnforcement."
    )
    rule_selector: LabelSelector | None = Field(
        default=None, description="PrometheusRules to take; all when empty, none when absent."
    )
    rule_namespace_selector: LabelSelector | None = Field(
        default=None, description="Labels of the namespaces to look in; all when empty, the own namespace when absent."
    )
    query: Query | None = Field(default=None, description="Limits of queries.")
    alerting: AlertingSpec | None = Field(default=None, description="Where alerts go.")
    additional_alert_relabel_configs: SecretKeySelector | None = Field(
        default=None, description="Where further alert_relabel_configs are kept; a bad entry is left out alone."
    )
    additional_alert_manager_configs: SecretKeySelector | None = Field(
        default=None, description="Where further entries of alertmanagers are kept; a bad entry is left out alone."
    )
    remote_read: Items[RemoteReadSpec] | None = Field(default=None, description="Endpoints to read samples from.")
    thanos: Thanos | None = Field(default=None, description="The Thanos sidecar; none when absent.")
    query_log_file: str | None = Field(default=None, description="File for all queries; a bare name goes to /var/log/prometheus.")
    allow_overlapping_blocks: bool | None = Field(default=None, description="Has no effect since 2.39.")
    exemplars: Exemplars | None = Field(default=None, description="Storage of exemplars.")
    evaluation_interval: Duration | None = Field(default=None, description="How often to evaluate rules; 30s when absent.")
    rule_query_offset: Duration | None = Field(default=None, description="How far back rules look (2.53).")
    enable_admin_api: bool | None = Field(
        default=None, alias="enableAdminAPI", description="True allows deletion of data and snapshots over HTTP."
    )


class PrometheusAgentSpec(CommonPrometheusFields):
    """The Prometheus in agent mode that you want: it scrapes and forwards, and stores nothing."""

    mode: Literal["StatefulSet", "DaemonSet"] | None = Field(
        default=None, description="StatefulSet; DaemonSet is not supported: it needs a program that rewrites the configuration."
    )


class Condition(Model):
    """A condition in the shape of metav1.Condition."""

    type: str = Field(description="Name of the condition.")
    status: str = Field(description="True, False or Unknown; Degraded for Available.", min_length=1)
    reason: str = Field(default="", description="A word for machines.")
    message: str = Field(default="", description="A sentence for people.")
    observed_generation: int = Field(default=0, description="The generation of the spec that this was judged by.")
    last_transition_time: str = Field(description="When the status last changed.", json_schema_extra={"format": "date-time"})


class ShardStatus(Model):
    """The pods of one shard."""

    shard_id: str = Field(alias="shardID", description="Number of the shard.")
    replicas: int = Field(description="Pods of the shard.")
    updated_replicas: int = Field(description="Pods that are as the spec says.")
    available_replicas: int = Field(description="Pods that serve.")
    unavailable_replicas: int = Field(description="Pods that don't.")


class ConfigStatus(Spec):
    """The configuration, as written and as loaded."""

    digest: str | None = Field(default=None, description="Digest of the configuration that was last written.")
    live: str | None = Field(default=None, description="Digest of the configuration that all pods have loaded.")
    observed_generation: int | None = Field(default=None, description="Generation of the spec that the loaded one was made from.")
    loaded_at: str | None = Field(
        default=None, description="When the last pod had loaded it.", json_schema_extra={"format": "date-time"}
    )
    message: str | None = Field(default=None, description="Why what is written is not live.")


class Quarantined(Spec):
    """A part that is left out so that everything else goes live."""

    kind: str | None = Field(default=None, description="Kind of the object.")
    namespace: str | None = Field(default=None, description="Namespace of the object.")
    name: str | None = Field(default=None, description="Name of the object.")
    path: str | None = Field(default=None, description="The part that is left out.")
    message: str | None = Field(default=None, description="Why, and what to do.")


class PrometheusStatus(Spec):
    """What the operator last saw."""

    observed_generation: int | None = Field(default=None, description="Generation of the spec that was acted on.")
    conditions: Annotated[list[Condition], Field(json_schema_extra=by("type"))] | None = Field(
        default=None,
        description="Ready, Reconciling, Stalled: for kstatus. Available, Reconciled: as prometheus-operator has them. ConfigLive: "
        "the processes run what was last written.",
    )
    paused: bool | None = Field(default=None, description="Whether nothing is changed.")
    replicas: int | None = Field(default=None, description="Pods that exist.")
    updated_replicas: int | None = Field(default=None, description="Pods that are as the spec says.")
    available_replicas: int | None = Field(default=None, description="Pods that serve.")
    unavailable_replicas: int | None = Field(default=None, description="Pods that don't.")
    shards: int | None = Field(default=None, description="Shards of the last reconcile, for the scale subresource.")
    shard_statuses: Annotated[list[ShardStatus], Field(json_schema_extra=by("shardID"))] | None = Field(
        default=None, description="Pods by shard."
    )
    selector: str | None = Field(default=None, description="Label selector of the pods, for the scale subresource.")
    config: ConfigStatus | None = Field(default=None, description="The configuration, as written and as loaded.")
    quarantined: Items[Quarantined] | None = Field(default=None, description="What is left out, and why.")
    ignored: Items[str] | None = Field(default=None, description="What the version of Prometheus ignores.")
    unknown: Items[str] | None = Field(default=None, description="Fields of the spec that this operator does not know.")


_COLUMNS = (
    Column("Version", ".spec.version", description="Version of Prometheus as asked for"),
    Column("Desired", ".spec.replicas", "integer", description="Replicas of each shard"),
    Column("Ready", ".status.availableReplicas", "integer", description="Pods that serve"),
    Column("Reconciled", ".status.conditions[?(@.type == 'Reconciled')].status"),
    Column("Available", ".status.conditions[?(@.type == 'Available')].status"),
    Column(
        "Live", ".status.conditions[?(@.type == 'ConfigLive')].status", description="Whether the processes run what was written"
    ),
    Column("Age", ".metadata.creationTimestamp", "date"),
    Column("Paused", ".status.paused", "boolean", description="Whether nothing is changed", priority=1),
    Column("Message", ".status.conditions[?(@.type == 'Ready')].message", priority=1),
)
_RULES = (
    (
        "!has(self.spec.shardingStrategy) || !has(self.spec.shardingStrategy.mode) || self.spec.shardingStrategy.mode != 'Topology' "
        "|| !has(self.spec.shardingStrategy.topology) || !has(self.spec.shardingStrategy.topology.values) "
        "|| self.spec.shardingStrategy.topology.values.size() == 0 "
        "|| (has(self.spec.shards) ? self.spec.shards : 1) >= self.spec.shardingStrategy.topology.values.size()",
        "spec.shards must be at least the number of zones in spec.shardingStrategy.topology.values: raise it, or remove zones",
    ),
)
_SCALE = {
    "specReplicasPath": ".spec.shards",
    "statusReplicasPath": ".status.shards",
    "labelSelectorPath": ".status.selector",
}

CRD = Crd(
    kind=PROMETHEUS,
    spec=PrometheusSpec,
    status=PrometheusStatus,
    description="A Prometheus: its pods, and which monitors and rules it takes.",
    short_names=("prom",),
    columns=_COLUMNS,
    rules=_RULES,
    scale=_SCALE,
)
AGENT_CRD = Crd(
    kind=PROMETHEUS_AGENT,
    spec=PrometheusAgentSpec,
    status=PrometheusStatus,
    description="A Prometheus in agent mode: it scrapes and forwards, and stores nothing.",
    short_names=("promagent",),
    columns=_COLUMNS,
    rules=_RULES,
    scale=_SCALE,
)
