"""Which kinds there are, and what their pages say beyond the CRD. Data."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from davit.crd import Crd, manifest
from davit.model import Manifest
from davit_alertmanager.api import v1 as alertmanager
from davit_alertmanager.api import v1alpha1 as alertmanager_config
from davit_alertmanager.api import v1beta1 as alertmanager_config_beta
from davit_etcd.api import backups as etcd_backups
from davit_etcd.api import restores as etcd_restores
from davit_etcd.api import v1 as etcd
from davit_prometheus.api import monitors, prometheus, rules, scrapeconfig

ETCD_VERSION = "3.6.14"
PROMETHEUS_VERSION = "3.13.2"
ALERTMANAGER_VERSION = "0.31.1"
"""What charts and examples use when nobody says otherwise; ci.images has them all."""

_KSTATUS = {
    "Reconciling": "Only while the operator is changing something: True.",
    "Stalled": "Only when a person must act, for the reason that the message says: True.",
}
_USED = "Each {} that selects it uses all of it; the message says what is left out, or why none selects it."
_WORKLOAD = {
    "Ready": "Everything is as the spec says, and runs the configuration of now. False or Unknown while it is on the way there.",
    "Available": "The pods serve; Degraded when some do not.",
    "Reconciled": "The last look of the operator ended without an error.",
    **_KSTATUS,
    "ConfigLive": "The processes run the configuration that was last written, as they themselves say.",
}


@dataclass(frozen=True)
class Kind:
    """One kind: the operator chart that brings it, its instance chart, and texts for its page."""

    crd: Crd
    chart: str
    spec: Mapping[str, Any]
    """Of the example."""
    conditions: Mapping[str, str]
    instance_chart: str | None = None
    defaults: Mapping[str, Any] = field(default_factory=dict)
    """What the instance chart sets in spec."""
    whole: Callable[[], Manifest] | None = None
    """The CustomResourceDefinition of a kind with several versions, of which `crd` is the stored one."""

    @cached_property
    def manifest(self) -> Manifest:
        """The CustomResourceDefinition."""
        return self.whole() if self.whole else manifest(self.crd)

    @property
    def name(self) -> str:
        """The CustomResourceDefinition's name, and its file's."""
        return f"{self.crd.kind.plural}.{self.crd.kind.group}"

    @property
    def example(self) -> Manifest:
        """A resource to start from."""
        kind = self.crd.kind
        return {"apiVersion": kind.api_version, "kind": kind.kind, "metadata": {"name": "example"}, "spec": dict(self.spec)}


def _store() -> dict[str, Any]:
    """Made anew each time: what is the same object would be an alias in YAML."""
    return {"bucket": "backups", "prefix": "etcd", "region": "eu-central-1", "credentialsSecret": {"name": "backups"}}


def _monitor(crd: Crd, spec: Mapping[str, Any]) -> Kind:
    conditions = {"Accepted": _USED.format("Prometheus")}
    return Kind(crd, "prometheus-operator", spec, conditions)


KINDS = (
    Kind(
        crd=etcd.CRD,
        chart="etcd-operator",
        instance_chart="etcd-cluster",
        spec={"size": 3, "version": ETCD_VERSION},
        conditions={
            "Ready": "The cluster is as the spec says, and serves. False or Unknown while it is on the way there.",
            "Available": "A quorum of the members serves: clients can read and write.",
            **_KSTATUS,
            "EvenSize": "Only for an even number of members, which tolerates no more failures than one fewer: True.",
            "Paused": "Only while spec.paused holds the operator back: True.",
        },
        defaults={"size": 3, "version": ETCD_VERSION},
    ),
    Kind(
        crd=etcd_backups.BACKUP_CRD,
        chart="etcd-operator",
        spec={"cluster": "example", "objectStore": _store(), "verify": "restore"},
        conditions={
            "Ready": "The backup is complete in the store, and verified where that was asked for: True, for ever.",
            "Reconciling": "While it is waited for, made or verified; the message says which: True.",
            "Stalled": "It failed, for ever, for the reason that the message says: True. Make a new EtcdBackup.",
        },
    ),
    Kind(
        crd=etcd_backups.SCHEDULE_CRD,
        chart="etcd-operator",
        spec={
            "cluster": "example",
            "schedule": "0 */6 * * *",
            "timeZone": "Europe/Berlin",
            "verify": "restore",
            "objectStore": _store(),
            "retention": {"keepLast": 8, "daily": 7, "weekly": 5, "maxAge": "1y"},
        },
        conditions={
            "Ready": "The last backup that ended was good, or none has ended yet.",
            "Reconciling": "Only while the EtcdCluster is waited for: True.",
            "Stalled": "Only when the last backup failed, or the spec is invalid; the message says why: True.",
        },
    ),
    Kind(
        crd=etcd_restores.RESTORE_CRD,
        chart="etcd-operator",
        spec={"cluster": "example", "confirm": "example", "source": {"backup": "example"}},
        conditions={
            "Ready": "The cluster serves the backup's data: True, for ever.",
            "Reconciling": "While it is under way; the message says what is done: True.",
            "Stalled": "It failed, for ever, for the reason that the message says, and the cluster has its data of before: True.",
        },
    ),
    Kind(
        crd=prometheus.CRD,
        chart="prometheus-operator",
        spec={
            "version": PROMETHEUS_VERSION,
            "replicas": 2,
            "serviceAccountName": "prometheus",
            "serviceMonitorSelector": {},
            "ruleSelector": {},
        },
        conditions=_WORKLOAD,
    ),
    Kind(
        crd=prometheus.AGENT_CRD,
        chart="prometheus-operator",
        spec={
            "version": PROMETHEUS_VERSION,
            "serviceAccountName": "prometheus",
            "serviceMonitorSelector": {},
            "remoteWrite": [{"url": "https://metrics.example.com/api/v1/write"}],
        },
        conditions=_WORKLOAD,
    ),
    _monitor(
        monitors.SERVICE_MONITOR_CRD,
        {"selector": {"matchLabels": {"app": "example"}}, "endpoints": [{"port": "http", "interval": "30s"}]},
    ),
    _monitor(
        monitors.POD_MONITOR_CRD,
        {"selector": {"matchLabels": {"app": "example"}}, "podMetricsEndpoints": [{"port": "http", "interval": "30s"}]},
    ),
    _monitor(
        monitors.PROBE_CRD,
        {
            "prober": {"url": "blackbox-exporter:9115"},
            "module": "http_2xx",
            "targets": {"staticConfig": {"static": ["https://example.com"]}},
        },
    ),
    _monitor(scrapeconfig.SCRAPE_CONFIG_CRD, {"staticConfigs": [{"targets": ["example.com:9100"], "labels": {"job": "node"}}]}),
    _monitor(
        rules.CRD,
        {
            "groups": [
                {
                    "name": "targets",
                    "rules": [
                        {
                            "alert": "TargetDown",
                            "expr": "up == 0",
                            "for": "5m",
                            "labels": {"severity": "warning"},
                            "annotations": {"summary": "{{ $labels.job }} at {{ $labels.instance }} can't be scraped."},
                        }
                    ],
                }
            ]
        },
    ),
    Kind(
        crd=alertmanager.CRD,
        chart="alertmanager-operator",
        spec={"version": ALERTMANAGER_VERSION, "replicas": 3, "alertmanagerConfigSelector": {}},
        conditions=_WORKLOAD,
    ),
    Kind(
        crd=alertmanager_config.CRD,
        chart="alertmanager-operator",
        spec={
            "route": {"receiver": "team", "groupBy": ["alertname"]},
            "receivers": [{"name": "team", "webhookConfigs": [{"url": "https://alerts.example.com"}]}],
        },
        conditions={"Accepted": _USED.format("Alertmanager")},
        whole=alertmanager_config_beta.crd_manifest,
    ),
)


def of_chart(chart: str) -> tuple[Kind, ...]:
    """The kinds that an operator's chart brings."""
    return tuple(kind for kind in KINDS if kind.chart == chart)
