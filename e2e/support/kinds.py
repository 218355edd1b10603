"""The resource types that the tests touch."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Kind:
    """A resource type: `group` is empty for the core group."""

    group: str
    version: str
    kind: str
    plural: str
    namespaced: bool = True

    @property
    def api_version(self) -> str:
        """The value of `apiVersion`."""
        return f"{self.group}/{self.version}" if self.group else self.version

    def path(self, namespace: str | None = None, name: str | None = None, subresource: str | None = None) -> str:
        """The URL path of a collection, an object or its subresource."""
        parts = ["apis", self.group, self.version] if self.group else ["api", self.version]
        if namespace and self.namespaced:
            parts += ["namespaces", namespace]
        parts += [part for part in (self.plural, name, subresource) if part]
        return "/" + "/".join(parts)


NAMESPACE = Kind("", "v1", "Namespace", "namespaces", namespaced=False)
NODE = Kind("", "v1", "Node", "nodes", namespaced=False)
POD = Kind("", "v1", "Pod", "pods")
SERVICE = Kind("", "v1", "Service", "services")
CONFIG_MAP = Kind("", "v1", "ConfigMap", "configmaps")
SECRET = Kind("", "v1", "Secret", "secrets")
SERVICE_ACCOUNT = Kind("", "v1", "ServiceAccount", "serviceaccounts")
EVENT = Kind("", "v1", "Event", "events")
PVC = Kind("", "v1", "PersistentVolumeClaim", "persistentvolumeclaims")
RESOURCE_QUOTA = Kind("", "v1", "ResourceQuota", "resourcequotas")
STATEFUL_SET = Kind("apps", "v1", "StatefulSet", "statefulsets")
DEPLOYMENT = Kind("apps", "v1", "Deployment", "deployments")
PDB = Kind("policy", "v1", "PodDisruptionBudget", "poddisruptionbudgets")
NETWORK_POLICY = Kind("networking.k8s.io", "v1", "NetworkPolicy", "networkpolicies")
LEASE = Kind("coordination.k8s.io", "v1", "Lease", "leases")
ENDPOINT_SLICE = Kind("discovery.k8s.io", "v1", "EndpointSlice", "endpointslices")
CRD = Kind("apiextensions.k8s.io", "v1", "CustomResourceDefinition", "customresourcedefinitions", namespaced=False)
STORAGE_CLASS = Kind("storage.k8s.io", "v1", "StorageClass", "storageclasses", namespaced=False)
JOB = Kind("batch", "v1", "Job", "jobs")
ETCD_CLUSTER = Kind("etcd.davit.dev", "v1", "EtcdCluster", "etcdclusters")
ETCD_BACKUP = Kind("etcd.davit.dev", "v1", "EtcdBackup", "etcdbackups")
ETCD_BACKUP_SCHEDULE = Kind("etcd.davit.dev", "v1", "EtcdBackupSchedule", "etcdbackupschedules")
ETCD_RESTORE = Kind("etcd.davit.dev", "v1", "EtcdRestore", "etcdrestores")
BACKUP_KINDS = (ETCD_BACKUP, ETCD_BACKUP_SCHEDULE, ETCD_RESTORE)

MONITORING = "monitoring.coreos.com"
PROMETHEUS = Kind(MONITORING, "v1", "Prometheus", "prometheuses")
SERVICE_MONITOR = Kind(MONITORING, "v1", "ServiceMonitor", "servicemonitors")
POD_MONITOR = Kind(MONITORING, "v1", "PodMonitor", "podmonitors")
PROBE = Kind(MONITORING, "v1", "Probe", "probes")
PROMETHEUS_RULE = Kind(MONITORING, "v1", "PrometheusRule", "prometheusrules")
SCRAPE_CONFIG = Kind(MONITORING, "v1alpha1", "ScrapeConfig", "scrapeconfigs")
ALERTMANAGER = Kind(MONITORING, "v1", "Alertmanager", "alertmanagers")
ALERTMANAGER_CONFIG = Kind(MONITORING, "v1alpha1", "AlertmanagerConfig", "alertmanagerconfigs")
MONITORING_KINDS = (
    PROMETHEUS, SERVICE_MONITOR, POD_MONITOR, PROBE, PROMETHEUS_RULE, SCRAPE_CONFIG, ALERTMANAGER, ALERTMANAGER_CONFIG,
)  # fmt: skip
