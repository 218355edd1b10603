"""The Services of an Alertmanager: one that gives pods their names, one for clients. Pure."""

from __future__ import annotations

import json
from collections.abc import Sequence

from davit.kube import labels
from davit.model import Manifest
from davit.monitoring import workload

from davit_alertmanager.manifests import GOVERNING_SERVICE, MESH_PORT, MESH_TCP, MESH_UDP, PRODUCT, WEB_PORT, metadata, selector
from davit_alertmanager.model import Instance, Json


def governing(sharers: Sequence[Instance]) -> Manifest | None:
    """The headless Service that all Alertmanagers of a namespace share; None when none needs it.

    sharers: all of them in the namespace, in any order, at least one. It names pods that are not ready yet, since they find
    each other by it. It belongs to all and is controlled by none, so that it stays until the last is gone.
    """
    users = sorted((one for one in sharers if not one.spec.get("serviceName")), key=lambda one: one.key)
    if not users:
        return None
    name = users[0].port_name
    # A name finds its port in each pod only as long as all pods call it the same.
    target: str | int = name if all(one.port_name == name for one in users) else WEB_PORT
    ports = [
        workload.service_port(name, WEB_PORT, target),
        workload.service_port("tcp-mesh", MESH_PORT, MESH_TCP),
        workload.service_port("udp-mesh", MESH_PORT, MESH_UDP, "UDP"),
    ]
    owners = [_owner(one) for one in users]
    head = workload.head(GOVERNING_SERVICE, users[0].key.namespace, owners, {"operated-alertmanager": "true"})
    return workload.headless_service(head, {labels.NAME: PRODUCT}, ports, publish_not_ready=True)


def _owner(instance: Instance) -> Json:
    """An owner among others: an object has one controller at most."""
    reference = json.loads(instance.owner)
    return {key: value for key, value in reference.items() if key not in ("controller", "blockOwnerDeletion")}


def client(instance: Instance) -> Manifest | None:
    """Reaches the ready pods; None when Alertmanager listens on localhost only."""
    if instance.spec.get("listenLocal"):
        return None
    ports = [workload.service_port(instance.port_name, WEB_PORT)]
    return workload.client_service(metadata(instance, instance.prefix), selector(instance), ports)
