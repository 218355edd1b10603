"""Which kinds there are, and what their pages say beyond the CRD. Data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from davit.crd import Crd, manifest
from davit.model import Manifest
from davit_etcd.api import v1 as etcd

ETCD_VERSION = "3.6.14"
"""What charts and examples use when nobody says otherwise."""


@dataclass(frozen=True)
class Kind:
    """One kind: the operator chart that brings it, its instance chart, and texts for its page."""

    crd: Crd
    chart: str
    instance_chart: str | None
    example: Mapping[str, Any]
    conditions: Mapping[str, str]
    defaults: Mapping[str, Any]
    """What the instance chart sets in spec."""

    @property
    def manifest(self) -> Manifest:
        """The CustomResourceDefinition."""
        return manifest(self.crd)

    @property
    def name(self) -> str:
        """The CustomResourceDefinition's name, and its file's."""
        return str(self.manifest["metadata"]["name"])


KINDS = (
    Kind(
        crd=etcd.CRD,
        chart="etcd-operator",
        instance_chart="etcd-cluster",
        example={
            "apiVersion": etcd.ETCD_CLUSTER.api_version,
            "kind": "EtcdCluster",
            "metadata": {"name": "example"},
            "spec": {"size": 3, "version": ETCD_VERSION},
        },
        conditions={
            "Ready": "The cluster is as the spec says, and serves. False or Unknown while it is on the way there.",
            "Available": "A quorum of the members serves: clients can read and write.",
            "Reconciling": "Only while the operator is changing something: True.",
            "Stalled": "Only when a person must act, for the reason that the message says: True.",
            "EvenSize": "Only for an even number of members, which tolerates no more failures than one fewer: True.",
            "Paused": "Only while spec.paused holds the operator back: True.",
        },
        defaults={"size": 3, "version": ETCD_VERSION},
    ),
)
