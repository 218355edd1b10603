"""The Services of a cluster: one for clients, one that gives members their names."""

from __future__ import annotations

from davit.model import Manifest

from davit_etcd.manifests import CLIENT_PORT, PEER_PORT, client_service, metadata, peers_service, selector
from davit_etcd.model import ROLE_LABEL, VOTER, Cluster, Json


def client(cluster: Cluster) -> Manifest:
    """Reaches voting members only: a learner refuses reads and writes (etcd learner design)."""
    return _service(
        cluster,
        client_service(cluster.key.name),
        {
            "type": "ClusterIP",
            "selector": {**selector(cluster.key.name), ROLE_LABEL: VOTER},
            "ports": [_port("client", CLIENT_PORT)],
        },
    )


def peers(cluster: Cluster) -> Manifest:
    """Headless; names members that are not ready yet, since they need each other to become so."""
    return _service(
        cluster,
        peers_service(cluster.key.name),
        {
            "type": "ClusterIP",
            "clusterIP": "None",
            "publishNotReadyAddresses": True,
            "selector": selector(cluster.key.name),
            "ports": [_port("client", CLIENT_PORT), _port("peer", PEER_PORT)],
        },
    )


def _service(cluster: Cluster, name: str, spec: Json) -> Manifest:
    return {"apiVersion": "v1", "kind": "Service", "metadata": metadata(cluster, name), "spec": spec}


def _port(name: str, number: int) -> Json:
    return {"name": name, "port": number, "targetPort": name, "protocol": "TCP"}
