"""Which changes wake which cluster: a table."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from davit.kube import labels
from davit.kube.kinds import PERSISTENT_VOLUME_CLAIM, POD, POD_DISRUPTION_BUDGET, SERVICE, STATEFUL_SET
from davit.model import Key, Watch

from davit_etcd.api.v1 import ETCD_CLUSTER
from davit_etcd.manifests import OPERATOR


def _cluster(manifest: Mapping[str, Any]) -> tuple[Key, ...]:
    """By the owner, whom no edit of labels hides; volumes outlive theirs and pods have another, so else by label."""
    metadata = manifest["metadata"]
    owners = (ref["name"] for ref in metadata.get("ownerReferences", ()) if ref["kind"] == ETCD_CLUSTER.kind)
    name = next(owners, None) or metadata.get("labels", {}).get(labels.INSTANCE)
    return (Key(metadata["namespace"], name),) if name else ()


CHILDREN = (STATEFUL_SET, POD, PERSISTENT_VOLUME_CLAIM, SERVICE, POD_DISRUPTION_BUDGET)

WATCHES = tuple(Watch(kind, _cluster, {labels.MANAGED_BY: OPERATOR}) for kind in CHILDREN)
"""Every child carries the operator's label, so one selector and one rule do for all."""
