"""Which changes wake which Alertmanager."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Protocol

from davit.kube import labels
from davit.kube.kinds import CONFIG_MAP, NAMESPACE, POD, POD_DISRUPTION_BUDGET, SECRET, SERVICE, STATEFUL_SET
from davit.model import Key, Kind, Manifest, Watch
from davit.monitoring.workload import MANAGED_BY

from davit_alertmanager.api.v1 import ALERTMANAGER
from davit_alertmanager.api.v1alpha1 import ALERTMANAGER_CONFIG
from davit_alertmanager.manifests import PRODUCT

OWN = {labels.MANAGED_BY: MANAGED_BY}
"""What every child and pod carries, prometheus-operator's too: whose it is, its name tells."""


class Concerns(Protocol):
    """See `davit_alertmanager.inventory.Inventory`."""

    namespaced: bool

    def of_config(self, manifest: Manifest) -> Iterable[Key]:
        """Whom an AlertmanagerConfig concerns."""

    def of_namespace(self, manifest: Manifest) -> Iterable[Key]:
        """Whom a namespace concerns."""

    def of_source(self, main: Kind, kind: Kind, manifest: Manifest) -> Iterable[Key]:
        """Whom a Secret or ConfigMap concerns."""


def watches(inventory: Concerns) -> tuple[Watch, ...]:
    """The table."""
    rows = [Watch(kind, _child, OWN) for kind in (STATEFUL_SET, POD, SERVICE, POD_DISRUPTION_BUDGET)]
    rows.append(Watch(ALERTMANAGER_CONFIG, inventory.of_config))
    if not inventory.namespaced:
        rows.append(Watch(NAMESPACE, inventory.of_namespace))
    rows += [Watch(kind, _of_source(inventory, kind), metadata_only=True) for kind in (SECRET, CONFIG_MAP)]
    return tuple(rows)


def _child(manifest: Manifest) -> Iterable[Key]:
    """Whose child it is: a pod belongs to a StatefulSet, and its labels name the Alertmanager."""
    metadata = manifest["metadata"]
    owners = [ref["name"] for ref in metadata.get("ownerReferences") or () if ref["kind"] == ALERTMANAGER.kind]
    tags = metadata.get("labels") or {}
    if not owners and tags.get(labels.NAME) == PRODUCT and PRODUCT in tags:
        owners = [tags[PRODUCT]]
    return [Key(metadata["namespace"], name) for name in owners]


def _of_source(inventory: Concerns, kind: Kind) -> Callable[[Manifest], Iterable[Key]]:
    """Whoever reads it, and whose child it is."""
    return lambda manifest: {*inventory.of_source(ALERTMANAGER, kind, manifest), *_child(manifest)}
