"""Which changes wake which cluster: a table."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from davit.kube import labels
from davit.kube.kinds import PERSISTENT_VOLUME_CLAIM, POD, POD_DISRUPTION_BUDGET, SERVICE, STATEFUL_SET
from davit.model import Key, Watch

from davit_etcd.manifests import OPERATOR


def _cluster(manifest: Mapping[str, Any]) -> Key | None:
    metadata = manifest["metadata"]
    name = metadata.get("labels", {}).get(labels.INSTANCE)
    return Key(metadata["namespace"], name) if name else None


CHILDREN = (STATEFUL_SET, POD, PERSISTENT_VOLUME_CLAIM, SERVICE, POD_DISRUPTION_BUDGET)

WATCHES = tuple(Watch(kind, _cluster, {labels.MANAGED_BY: OPERATOR}) for kind in CHILDREN)
"""Every child carries its cluster's name as a label, so one selector and one rule do for all."""
