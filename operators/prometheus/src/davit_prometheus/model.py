"""What the Prometheus operator thinks in. Frozen, no I/O."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal

from davit.model import Key
from davit.monitoring.faults import Fault

if TYPE_CHECKING:
    from davit.monitoring.types import LabelSelector
    from davit.monitoring.versions import Gate, Version

    from davit_prometheus.api.prometheus import CommonPrometheusFields, PrometheusSpec, ScrapeClass

Json = dict[str, Any]

OPERATOR = "davit-prometheus-operator"
"""The field manager."""
GROUP = "monitoring.coreos.com"
TLS_ASSETS = "/etc/prometheus/certs"
"""Where the TLS assets of all jobs are mounted."""
RULES = "/etc/prometheus/rules"
SHARD = "$(SHARD)"
INZONE_SHARD = "$(INZONE_SHARD)"
TOPOLOGY_ZONE = "$(TOPOLOGY_ZONE)"
"""Placeholders in rendered jobs and labels: the text of each shard's configuration has its own values in their places."""
POD_NAME = "${POD_NAME}"
"""In external labels only: Prometheus itself expands it from its environment."""

Role = Literal["endpoints", "endpointslice"]


@dataclass(frozen=True, slots=True)
class Excluded:
    """What `enforcedNamespaceLabel` leaves alone: all objects of a kind in a namespace, or the one of that name."""

    kind: str
    namespace: str
    name: str = ""
    group: str = GROUP

    def covers(self, kind: str, namespace: str, name: str) -> bool:
        """Whether the object is meant."""
        return (self.group, self.kind, self.namespace) == (GROUP, kind, namespace) and self.name in ("", name)


@dataclass(frozen=True, slots=True)
class Scope:
    """Everything of one Prometheus or PrometheusAgent that decides how its monitors are rendered, defaults filled in.

    zones: the zones of topology sharding, empty when shards are by address; daemon_set: an agent on every node, which is
    never sharded; retention_policy: shards that were scaled away may live on and must scrape nothing.
    """

    namespace: str
    name: str
    uid: str
    version: Version
    spec: CommonPrometheusFields
    agent: bool = False
    daemon_set: bool = False
    replicas: int = 1
    shards: int = 1
    zones: tuple[str, ...] = ()
    retention_policy: bool = True
    pod_topology_labels: bool = False
    """Whether the cluster labels pods with their zone (Kubernetes 1.35)."""
    endpoint_role: Role = "endpoints"
    """The flavour of endpoints discovery where a monitor does not say which."""
    scrape_classes: Mapping[str, ScrapeClass] = field(default_factory=lambda: MappingProxyType({}))
    default_scrape_class: str = ""
    enforced_namespace_label: str = ""
    excluded: tuple[Excluded, ...] = ()

    @property
    def prefix(self) -> str:
        """The name that its StatefulSet, Secrets and ConfigMaps begin with."""
        return f"prom-agent-{self.name}" if self.agent else f"prometheus-{self.name}"

    @property
    def scrape_interval(self) -> str:
        """Of jobs that set none."""
        return self.spec.scrape_interval or "30s"

    @property
    def sharded_by_zone(self) -> bool:
        """Whether shards are spread over zones and scrape their own zone only."""
        return bool(self.zones)

    @property
    def shards_per_zone(self) -> int:
        """How many shards share the targets of one zone; of all when not sharded by zone."""
        return max(self.shards // len(self.zones), 1) if self.zones else self.shards

    def zone(self, shard: int) -> str:
        """The zone of a shard, empty when not sharded by zone."""
        return self.zones[shard % len(self.zones)] if self.zones else ""

    def inzone_shard(self, shard: int) -> int:
        """The number of a shard among those of its zone."""
        return shard // len(self.zones) if self.zones else shard

    def gate(self) -> Gate:
        """A fresh gate of this version, which collects what it ignores."""
        from davit.monitoring.versions import Gate

        return Gate(self.version)

    def scrape_class(self, name: str | None) -> ScrapeClass | None:
        """The class of that name, else the default one, else None."""
        if name is not None and name in self.scrape_classes:
            return self.scrape_classes[name]
        return self.scrape_classes.get(self.default_scrape_class)

    def enforces_namespace(self, kind: str, namespace: str, name: str) -> bool:
        """Whether the object's metrics and rules must carry its namespace in `enforced_namespace_label`."""
        if not self.enforced_namespace_label:
            return False
        return not any(entry.covers(kind, namespace, name) for entry in self.excluded)


@dataclass(frozen=True, slots=True)
class Selection:
    """Which objects of a kind are taken: labels None is none, {} all; namespaces None is the own namespace, {} all."""

    labels: LabelSelector | None = None
    namespaces: LabelSelector | None = None


@dataclass(frozen=True, slots=True)
class Instance:
    """A valid Prometheus or PrometheusAgent with every default filled in: the operator's domain object.

    selections: by kind (ServiceMonitor, PodMonitor, Probe, ScrapeConfig, PrometheusRule); image: of the Prometheus
    container; thanos_image: of the sidecar, empty when there is none; retention: empty when only the size limits;
    unknown, ignored: sentences for status; owner: the owner reference of children as canonical JSON; labels, annotations:
    of the resource itself.
    """

    key: Key
    uid: str
    generation: int
    scope: Scope
    selections: Mapping[str, Selection]
    image: str
    thanos_image: str = ""
    paused: bool = False
    scrape_interval: str = "30s"
    evaluation_interval: str = "30s"
    retention: str = "24h"
    retention_size: str = ""
    port_name: str = "web"
    unknown: tuple[str, ...] = ()
    ignored: tuple[str, ...] = ()
    owner: str = "{}"
    labels: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    annotations: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))

    @property
    def unmanaged(self) -> bool:
        """Whether it selects no kind of scrape target at all: then its user writes the configuration Secret."""
        kinds = ("ServiceMonitor", "PodMonitor", "Probe", "ScrapeConfig")
        return all(self.selections[kind].labels is None for kind in kinds if kind in self.selections)

    @property
    def server(self) -> PrometheusSpec | None:
        """The spec of a Prometheus, None for an agent."""
        from davit_prometheus.api.prometheus import PrometheusSpec

        return self.scope.spec if isinstance(self.scope.spec, PrometheusSpec) else None


@dataclass(frozen=True, slots=True)
class Job:
    """One entry of scrape_configs: `job_name` first, then the keys in upstream's order, durations and sizes as written."""

    name: str
    config: Json


@dataclass(frozen=True, slots=True)
class Rendered:
    """What became of one object: its jobs, what was left out, what the version ignores.

    files: TLS assets that the jobs read, file name below `TLS_ASSETS` -> content.
    """

    jobs: tuple[Job, ...] = ()
    faults: tuple[Fault, ...] = ()
    ignored: tuple[str, ...] = ()
    files: Mapping[str, bytes] = field(default_factory=lambda: MappingProxyType({}))


@dataclass(frozen=True, slots=True)
class Top:
    """prometheus.yaml without what the selected objects add.

    config: the top level in upstream's order, `scrape_configs` empty in its place; jobs: of additionalScrapeConfigs, for the end
    of the list (of a PrometheusAgent: after those of PodMonitors); faults, ignored, files: as in `Rendered`.
    """

    config: Json
    jobs: tuple[Job, ...] = ()
    faults: tuple[Fault, ...] = ()
    ignored: tuple[str, ...] = ()
    files: Mapping[str, bytes] = field(default_factory=lambda: MappingProxyType({}))


@dataclass(frozen=True, slots=True)
class Pool:
    """The targets of one scrape pool."""

    active: int
    up: int
    errors: tuple[str, ...] = field(default=(), compare=False)
    """A few of the errors that targets which are down were last scraped with."""
