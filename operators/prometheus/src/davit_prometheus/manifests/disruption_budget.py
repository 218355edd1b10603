"""The PodDisruptionBudgets of a Prometheus: voluntary disruptions leave a replica of each shard. Pure."""

from __future__ import annotations

from davit.model import Manifest
from davit.monitoring import workload

from davit_prometheus.manifests import metadata, shard_selector, stateful_set_name
from davit_prometheus.model import Instance


def disruption_budget(instance: Instance, shard: int) -> Manifest | None:
    """One pod of a shard at a time; None for a single replica, so that drains are never held up.

    A pod in two budgets can't be evicted at all: it must not be applied where another budget selects the shard's pods.
    """
    scope = instance.scope
    head = metadata(instance, stateful_set_name(scope, shard))
    return workload.disruption_budget(head, shard_selector(scope, shard), scope.replicas)
