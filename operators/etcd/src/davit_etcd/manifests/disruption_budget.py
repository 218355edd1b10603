"""The PodDisruptionBudget: voluntary disruptions never take the quorum."""

from __future__ import annotations

from davit.model import Manifest

from davit_etcd.manifests import metadata, selector
from davit_etcd.model import ROLE_LABEL, VOTER, Cluster, quorum


def disruption_budget(cluster: Cluster, voters: int) -> Manifest:
    """Keeps a quorum of the voters there are, or of those wanted if that is more."""
    return {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": metadata(cluster, cluster.key.name),
        "spec": {
            "minAvailable": quorum(max(voters, cluster.size)),
            "selector": {"matchLabels": {**selector(cluster.key.name), ROLE_LABEL: VOTER}},
            "unhealthyPodEvictionPolicy": "AlwaysAllow",
        },
    }
