"""The NetworkPolicy of a Prometheus. Pure."""

from __future__ import annotations

from davit.model import Manifest
from davit.monitoring import workload

from davit_prometheus.manifests import metadata, selector
from davit_prometheus.manifests.stateful_set import CONTAINERS
from davit_prometheus.model import Instance


def network_policy(instance: Instance, stateful_set: Manifest) -> Manifest | None:
    """Lets in what the containers of a shard's StatefulSet declare, from anywhere; None as `workload.network_policy` says.

    Policies add up: it must not be applied where another one selects the pods, or it would open what that one closes.
    """
    scope = instance.scope
    pod = stateful_set["spec"]["template"]["spec"]
    return workload.network_policy(metadata(instance, scope.prefix), selector(scope), pod, CONTAINERS)
