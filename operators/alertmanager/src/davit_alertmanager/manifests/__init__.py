"""One pure builder per Kubernetes object of an Alertmanager. Names, labels and paths are prometheus-operator's.

An existing StatefulSet of prometheus-operator 0.93 can be taken over in place: what can't change in it (selector,
serviceName, podManagementPolicy, claim templates) and the names of its claims come out the same.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

from davit.kube import labels
from davit.monitoring import workload

from davit_alertmanager.model import Instance, Json

WEB_PORT, MESH_PORT = 9093, 9094
MESH_TCP, MESH_UDP = "mesh-tcp", "mesh-udp"
PRODUCT = "alertmanager"

CONFIG_DIR = "/etc/alertmanager/config"
WEB_DIR = "/etc/alertmanager/web_config"
CLUSTER_TLS_DIR = "/etc/alertmanager/cluster_tls_config"
STORAGE_DIR = "/alertmanager"

GOVERNING_SERVICE = "alertmanager-operated"
"""The headless Service that all Alertmanagers of a namespace share."""


def config_secret(instance: Instance) -> str:
    """Name of the Secret with the configuration that pods read."""
    return f"{instance.prefix}-generated"


def tls_secret(instance: Instance, index: int) -> str:
    """Name of a Secret with TLS assets."""
    return f"{instance.prefix}-tls-assets-{index}"


def web_secret(instance: Instance) -> str:
    """Name of the Secret with the web configuration."""
    return f"{instance.prefix}-web-config"


def cluster_tls_secret(instance: Instance) -> str:
    """Name of the Secret with the TLS configuration of the cluster."""
    return f"{instance.prefix}-cluster-tls-config"


def governing_service(instance: Instance) -> str:
    """Name of the headless Service that gives the pods their names."""
    return str(instance.spec.get("serviceName") or GOVERNING_SERVICE)


def selector(instance: Instance) -> dict[str, str]:
    """What selects the pods: immutable in the StatefulSet."""
    return {
        labels.MANAGED_BY: workload.MANAGED_BY,
        labels.NAME: PRODUCT,
        labels.INSTANCE: instance.key.name,
        "alertmanager": instance.key.name,
    }


def metadata(
    instance: Instance, name: str, more: Mapping[str, str] | None = None, annotations: Mapping[str, str] | None = None
) -> Json:
    """Metadata of a child that goes with its Alertmanager; `more` are labels under those that it is found by."""
    chosen = {**(more or {}), **selector(instance)}
    return workload.head(name, instance.key.namespace, [json.loads(instance.owner)], chosen, annotations)


def clustered(instance: Instance) -> bool:
    """Whether the pods gossip."""
    return instance.replicas != 1 or bool(instance.spec.get("forceEnableClusterMode"))
