"""The built-in kinds that operators read and write."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from davit.model import Kind

CONFIG_MAP = Kind("", "v1", "ConfigMap", "configmaps")
DEPLOYMENT = Kind("apps", "v1", "Deployment", "deployments")
EVENT = Kind("", "v1", "Event", "events")
JOB = Kind("batch", "v1", "Job", "jobs")
NAMESPACE = Kind("", "v1", "Namespace", "namespaces", namespaced=False)
NETWORK_POLICY = Kind("networking.k8s.io", "v1", "NetworkPolicy", "networkpolicies")
PERSISTENT_VOLUME_CLAIM = Kind("", "v1", "PersistentVolumeClaim", "persistentvolumeclaims")
POD = Kind("", "v1", "Pod", "pods")
POD_DISRUPTION_BUDGET = Kind("policy", "v1", "PodDisruptionBudget", "poddisruptionbudgets")
SECRET = Kind("", "v1", "Secret", "secrets")
SERVICE = Kind("", "v1", "Service", "services")
STATEFUL_SET = Kind("apps", "v1", "StatefulSet", "statefulsets")

_BUILT_IN = {
    (kind.api_version, kind.kind): kind
    for kind in (
        CONFIG_MAP,
        DEPLOYMENT,
        JOB,
        NETWORK_POLICY,
        PERSISTENT_VOLUME_CLAIM,
        POD,
        POD_DISRUPTION_BUDGET,
        SECRET,
        SERVICE,
        STATEFUL_SET,
    )
}


def kind_of(manifest: Mapping[str, Any]) -> Kind:
    """The built-in kind of a child manifest; raises KeyError for one that the library does not know."""
    return _BUILT_IN[manifest["apiVersion"], manifest["kind"]]
