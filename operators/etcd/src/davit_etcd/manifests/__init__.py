"""One pure builder per Kubernetes object of an etcd cluster."""

from __future__ import annotations

import json
from collections.abc import Mapping

from davit.kube import labels

from davit_etcd.model import MEMBER_LABEL, Cluster, Json

PRODUCT = "etcd"
OPERATOR = "davit-etcd-operator"
VOLUME_PREFIX = "data-"
CLIENT_PORT, PEER_PORT, METRICS_PORT = 2379, 2380, 2381


def common_labels(cluster_name: str) -> dict[str, str]:
    """The labels of every object of a cluster."""
    return labels.standard(PRODUCT, cluster_name, OPERATOR)


def selector(cluster_name: str) -> dict[str, str]:
    """What selects a cluster's pods."""
    return labels.selector(PRODUCT, cluster_name)


def member_selector(cluster_name: str, member: str) -> dict[str, str]:
    """What selects one member's pod."""
    return {**selector(cluster_name), MEMBER_LABEL: member}


def metadata(cluster: Cluster, name: str, annotations: Mapping[str, str] | None = None, **more: str) -> Json:
    """Metadata of a child that goes with its cluster; `more` are further labels."""
    result: Json = {
        "name": name,
        "namespace": cluster.key.namespace,
        "labels": {**common_labels(cluster.key.name), **more},
        "ownerReferences": [json.loads(cluster.owner)],
    }
    return result | ({"annotations": dict(annotations)} if annotations else {})


def peers_service(cluster_name: str) -> str:
    """Name of the headless Service."""
    return f"{cluster_name}-peers"


def client_service(cluster_name: str) -> str:
    """Name of the Service for clients."""
    return f"{cluster_name}-client"


def volume_name(member: str) -> str:
    """Name of a member's PersistentVolumeClaim."""
    return f"{VOLUME_PREFIX}{member}"


def pod_name(member: str) -> str:
    """Name of the one pod of a member's StatefulSet."""
    return f"{member}-0"


def host(cluster: Cluster, member: str) -> str:
    """A member's stable DNS name; without the cluster domain, which differs between clusters."""
    return f"{pod_name(member)}.{peers_service(cluster.key.name)}.{cluster.key.namespace}.svc"


def peer_url(cluster: Cluster, member: str) -> str:
    """Where the other members reach this one."""
    return f"http://{host(cluster, member)}:{PEER_PORT}"


def member_url(cluster: Cluster, member: str) -> str:
    """Where one member answers clients, whatever the others do."""
    return f"http://{host(cluster, member)}:{CLIENT_PORT}"


def client_url(cluster: Cluster) -> str:
    """Where clients reach the cluster."""
    name, namespace = client_service(cluster.key.name), cluster.key.namespace
    return f"http://{name}.{namespace}.svc:{CLIENT_PORT}"


def member_of_url(cluster: Cluster, url: str) -> str | None:
    """The member whose peer URL this is, None for a stranger's."""
    pod = url.removeprefix("http://").partition(".")[0]
    member = pod.removesuffix("-0")
    ordinal = member.removeprefix(f"{cluster.key.name}-")
    return member if ordinal.isdigit() and url == peer_url(cluster, member) else None
