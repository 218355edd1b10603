"""The Services of a Prometheus: one that gives pods their names, one for clients. Pure."""

from __future__ import annotations

import json
from collections.abc import Sequence

from davit.kube import labels
from davit.model import Manifest
from davit.monitoring import workload

from davit_prometheus.manifests import GRPC_PORT, WEB_PORT, governing_service_name, metadata, product, selector
from davit_prometheus.model import Instance, Json


def governing(sharers: Sequence[Instance]) -> Manifest | None:
    """The headless Service that all Prometheus objects (or all agents) of a namespace share; None when none needs it.

    sharers: all of them in the namespace, in any order, at least one. It belongs to all and is controlled by none, so that
    it stays until the last is gone; one field manager must always apply it whole, or owners would drop one another.
    """
    users = sorted((one for one in sharers if one.scope.spec.service_name is None), key=lambda one: one.key)
    if not users:
        return None
    first = users[0]
    name = first.port_name
    # A name finds its port in each pod only as long as all pods call it the same.
    target: str | int = name if all(one.port_name == name for one in users) else WEB_PORT
    ports = [workload.service_port(name, WEB_PORT, target)]
    if any(one.thanos_image for one in users):
        ports.append(workload.service_port("grpc", GRPC_PORT))
    head = workload.head(
        governing_service_name(first.scope),
        first.key.namespace,
        [_owner(one) for one in users],
        {"operated-prometheus": "true"},
    )
    return workload.headless_service(head, {labels.NAME: product(first.scope)}, ports)


def _owner(instance: Instance) -> Json:
    """An owner among others: an object has one controller at most."""
    reference = json.loads(instance.owner)
    return {key: value for key, value in reference.items() if key not in ("controller", "blockOwnerDeletion")}


def client(instance: Instance) -> Manifest | None:
    """Reaches the ready pods of all shards; None when Prometheus listens on localhost only."""
    scope = instance.scope
    if scope.spec.listen_local:
        return None
    ports = [workload.service_port(instance.port_name, WEB_PORT)]
    if instance.thanos_image:
        ports.append(workload.service_port("grpc", GRPC_PORT))
    return workload.client_service(metadata(instance, scope.prefix), selector(scope), ports)
