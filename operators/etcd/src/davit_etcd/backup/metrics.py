"""What is counted of backups; all series of a cluster go with it."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from davit import metrics
from davit.backup.model import instant
from davit.metrics import REGISTRY
from davit.model import Key
from prometheus_client import Counter, Gauge

from davit_etcd.api.v1 import ETCD_CLUSTER

_LABELS = ("namespace", "cluster")
LAST_SUCCESS = Gauge(
    "davit_etcd_backup_last_success_timestamp_seconds",
    "When the data of the newest good backup was read; absent while there is none.",
    _LABELS,
    registry=REGISTRY,
)
LAST_VERIFIED = Gauge(
    "davit_etcd_backup_last_verified_timestamp_seconds",
    "When the data of the newest verified backup was read; absent while there is none.",
    _LABELS,
    registry=REGISTRY,
)
FAILED = Counter(
    "davit_etcd_backup_failed", "EtcdBackups that ended as Failed since the operator started.", _LABELS, registry=REGISTRY
)  # exposed as davit_etcd_backup_failed_total


_shown: set[Key] = set()


def published(cluster: Key, backups: Mapping[str, Any]) -> None:
    """Show what an EtcdCluster's `status.backups` says; the counter begins at 0, or `increase` would miss the first."""
    _shown.add(cluster)
    FAILED.labels(cluster.namespace, cluster.name)
    for gauge, field in ((LAST_SUCCESS, "lastGood"), (LAST_VERIFIED, "lastVerified")):
        with suppress(ValueError):
            # Read first: `labels` alone would show a 0.
            moment = instant(str((backups.get(field) or {}).get("time") or ""))
            gauge.labels(cluster.namespace, cluster.name).set(moment)


def failed(cluster: Key) -> None:
    """One more EtcdBackup of this cluster failed; of a cluster that is not there, a series would never go away."""
    if cluster in _shown:
        FAILED.labels(cluster.namespace, cluster.name).inc()


def _gone(cluster: Key) -> None:
    _shown.discard(cluster)
    for metric in (LAST_SUCCESS, LAST_VERIFIED, FAILED):
        with suppress(KeyError):
            metric.remove(cluster.namespace, cluster.name)


metrics.when_gone(ETCD_CLUSTER.kind, _gone)
