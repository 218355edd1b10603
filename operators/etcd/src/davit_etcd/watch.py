"""Which changes wake which resource: a table for each kind."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from davit.backup.api import SUBDOMAIN
from davit.backup.job import JOB_NAME_LABEL
from davit.kube import labels
from davit.kube.kinds import JOB, PERSISTENT_VOLUME_CLAIM, POD, POD_DISRUPTION_BUDGET, SERVICE, STATEFUL_SET
from davit.model import Key, Kind, Watch

from davit_etcd.api.backups import ETCD_BACKUP, ETCD_BACKUP_SCHEDULE
from davit_etcd.api.restores import ETCD_RESTORE
from davit_etcd.api.v1 import ETCD_CLUSTER
from davit_etcd.backup.model import BACKUP, VERIFY
from davit_etcd.backup.pending import Pending
from davit_etcd.manifests import OPERATOR, jobs

_NAME = re.compile(SUBDOMAIN)


def _cluster(manifest: Mapping[str, Any]) -> tuple[Key, ...]:
    """By the owner, whom no edit of labels hides; volumes outlive theirs and pods have another, so else by label."""
    metadata = manifest["metadata"]
    owners = (ref["name"] for ref in metadata.get("ownerReferences", ()) if ref["kind"] == ETCD_CLUSTER.kind)
    name = next(owners, None) or metadata.get("labels", {}).get(labels.INSTANCE)
    return _keys(metadata["namespace"], name)


def _keys(namespace: str, *names: Any) -> tuple[Key, ...]:
    """Without names that no object can have: people write some of them."""
    return tuple(Key(namespace, name) for name in names if isinstance(name, str) and _NAME.fullmatch(name))


def _pod(manifest: Mapping[str, Any]) -> tuple[Key, ...]:
    """A member's or a restore's; those that make and verify backups change nothing for the cluster."""
    component = manifest["metadata"].get("labels", {}).get(labels.COMPONENT)
    return () if component in (jobs.BACKUP, jobs.VERIFY) else _cluster(manifest)


def _named(manifest: Mapping[str, Any]) -> tuple[Key, ...]:
    """The cluster that a backup or a restore names."""
    name = (manifest.get("spec") or {}).get("cluster")
    return _keys(manifest["metadata"]["namespace"], name)


def _owned_by(kind: Kind, manifest: Mapping[str, Any]) -> tuple[Key, ...]:
    metadata = manifest["metadata"]
    owners = (ref["name"] for ref in metadata.get("ownerReferences", ()) if ref["kind"] == kind.kind)
    return _keys(metadata["namespace"], *owners)


def _job_of_cluster(manifest: Mapping[str, Any]) -> tuple[Key, ...]:
    return _owned_by(ETCD_CLUSTER, manifest)


def _job_of_backup(manifest: Mapping[str, Any]) -> tuple[Key, ...]:
    return _owned_by(ETCD_BACKUP, manifest)


def _run_of_schedule(manifest: Mapping[str, Any]) -> tuple[Key, ...]:
    return _owned_by(ETCD_BACKUP_SCHEDULE, manifest)


def _pod_of_backup(manifest: Mapping[str, Any]) -> tuple[Key, ...]:
    """By the name of its Job, which is the backup's with an ending."""
    metadata = manifest["metadata"]
    job = metadata.get("labels", {}).get(JOB_NAME_LABEL, "")
    found = next((job.removesuffix(ending) for ending in (BACKUP, VERIFY) if job.endswith(ending)), "")
    return (Key(metadata["namespace"], found),) if found else ()


CHILDREN = (STATEFUL_SET, POD, PERSISTENT_VOLUME_CLAIM, SERVICE, POD_DISRUPTION_BUDGET)

OURS = {labels.MANAGED_BY: OPERATOR}

WATCHES = (
    *(Watch(kind, _pod if kind == POD else _cluster, OURS) for kind in CHILDREN),
    Watch(JOB, _job_of_cluster, OURS),
    Watch(ETCD_BACKUP, _named),
    Watch(ETCD_RESTORE, _named),
)
"""Of EtcdClusters. Every child carries the operator's label, so one selector and one rule do for all."""


def backup_watches(pending: Pending) -> tuple[Watch, ...]:
    """Of EtcdBackups: their Jobs and pods, and the EtcdCluster that they wait for."""
    return (Watch(JOB, _job_of_backup, OURS), Watch(POD, _pod_of_backup, OURS), Watch(ETCD_CLUSTER, pending.of))


def restore_watches(pending: Pending) -> tuple[Watch, ...]:
    """Of EtcdRestores: the EtcdCluster that does the work."""
    return (Watch(ETCD_CLUSTER, pending.of),)


def schedule_watches(known: Pending) -> tuple[Watch, ...]:
    """Of EtcdBackupSchedules: their EtcdBackups, and the EtcdCluster."""
    return (Watch(ETCD_BACKUP, _run_of_schedule), Watch(ETCD_CLUSTER, known.of))
