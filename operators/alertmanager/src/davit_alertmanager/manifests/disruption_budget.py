"""The PodDisruptionBudget of an Alertmanager: voluntary disruptions take one pod at a time. Pure."""

from __future__ import annotations

from davit.model import Manifest
from davit.monitoring import workload

from davit_alertmanager.manifests import metadata, selector
from davit_alertmanager.model import Instance


def disruption_budget(instance: Instance) -> Manifest | None:
    """None for a single replica, so that drains are never held up.

    A pod in two budgets can't be evicted at all: it must not be applied where another budget selects the pods.
    """
    return workload.disruption_budget(metadata(instance, instance.prefix), selector(instance), instance.replicas)
