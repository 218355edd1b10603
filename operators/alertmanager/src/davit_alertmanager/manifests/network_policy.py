"""The NetworkPolicy of an Alertmanager. Pure."""

from __future__ import annotations

from davit.model import Manifest
from davit.monitoring import workload

from davit_alertmanager.manifests import MESH_PORT, metadata, selector
from davit_alertmanager.manifests.stateful_set import CONTAINER
from davit_alertmanager.model import Instance


def network_policy(instance: Instance, stateful_set: Manifest) -> Manifest | None:
    """Lets in what the containers declare, from anywhere, and gossip from the pods of the cluster only.

    Gossip is open too when the cluster has members elsewhere (additionalPeers, forceEnableClusterMode). None as
    `workload.network_policy` says. Policies add up: it must not be applied where another one selects the pods.
    """
    pod = stateful_set["spec"]["template"]["spec"]
    spread = instance.spec.get("additionalPeers") or instance.spec.get("forceEnableClusterMode")
    own = () if spread else (MESH_PORT,)
    return workload.network_policy(metadata(instance, instance.prefix), selector(instance), pod, (CONTAINER,), own)
