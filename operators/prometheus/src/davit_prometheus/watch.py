"""Which changes wake which Prometheus: a table for each main kind."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from davit.kube import labels
from davit.kube.kinds import CONFIG_MAP, NAMESPACE, POD, POD_DISRUPTION_BUDGET, SECRET, SERVICE, STATEFUL_SET
from davit.model import Key, Kind, Manifest, Watch
from davit.monitoring.workload import MANAGED_BY

from davit_prometheus.api.prometheus import PROMETHEUS_AGENT
from davit_prometheus.inventory import MONITORS, Inventory
from davit_prometheus.manifests import NAME_LABEL

OWN = {labels.MANAGED_BY: MANAGED_BY}
"""What every child and pod carries, prometheus-operator's too: whose it is, its name tells."""


def watches(main: Kind, inventory: Inventory) -> tuple[Watch, ...]:
    """The table of one main kind."""
    child = _child(main)
    rows = [Watch(kind, child, OWN) for kind in (STATEFUL_SET, POD, SERVICE, POD_DISRUPTION_BUDGET)]
    for kind in MONITORS:
        rows.append(Watch(kind, _of_monitor(inventory, main, kind)))
    if not inventory.namespaced:
        rows.append(Watch(NAMESPACE, lambda manifest: inventory.of_namespace(main, manifest)))
    for kind in (SECRET, CONFIG_MAP):
        rows.append(Watch(kind, _of_source(inventory, main, kind, child), metadata_only=True))
    return tuple(rows)


def _child(main: Kind) -> Callable[[Manifest], Iterable[Key]]:
    product = "prometheus-agent" if main == PROMETHEUS_AGENT else "prometheus"

    def keys(manifest: Manifest) -> Iterable[Key]:
        metadata = manifest["metadata"]
        owners = [ref["name"] for ref in metadata.get("ownerReferences") or () if ref["kind"] == main.kind]
        tags = metadata.get("labels") or {}
        if not owners and tags.get(labels.NAME) == product and NAME_LABEL in tags:
            owners = [tags[NAME_LABEL]]
        return [Key(metadata["namespace"], name) for name in owners]

    return keys


def _of_monitor(inventory: Inventory, main: Kind, kind: Kind) -> Callable[[Manifest], Iterable[Key]]:
    return lambda manifest: inventory.of_monitor(main, kind, manifest)


def _of_source(
    inventory: Inventory, main: Kind, kind: Kind, child: Callable[[Manifest], Iterable[Key]]
) -> Callable[[Manifest], Iterable[Key]]:
    """Whoever reads it, and whose child it is."""
    return lambda manifest: {*inventory.of_source(main, kind, manifest), *child(manifest)}
