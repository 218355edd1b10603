"""A backup before every step that could cost data; without it the step is not taken. Pure."""

from __future__ import annotations

import hashlib
import json

from davit.backup.api import Encryption, ObjectStore
from davit.model import Manifest

from davit_etcd.api.backups import ETCD_BACKUP
from davit_etcd.commands import Create
from davit_etcd.manifests import common_labels
from davit_etcd.model import BACKUP_LABEL, SAFETY, Cluster, Snapshot, canonical
from davit_etcd.policies.view import SETTLED, Step, View

_LONGEST = 56
"""Characters in the name of an EtcdBackup, after which its Job is named."""


def backup_name(cluster: str, occasion: str) -> str:
    """The name of the EtcdBackup for an occasion such as `7-3-6-14`: the same whenever it is asked for."""
    name = f"{cluster}-safety-{occasion}"
    if len(name) <= _LONGEST:
        return name
    return f"{cluster}-safety-{hashlib.sha256(occasion.encode()).hexdigest()[:8]}"


def manifest(
    cluster: Cluster, occasion: str, *, store: ObjectStore | None = None, encryption: Encryption | None = None
) -> Manifest:
    """The EtcdBackup; it goes where the cluster's backups go unless a store is given."""
    given = {"objectStore": store, "encryption": encryption}
    dumped = {name: part.model_dump(by_alias=True, exclude_none=True) for name, part in given.items() if part is not None}
    return {
        "apiVersion": ETCD_BACKUP.api_version,
        "kind": ETCD_BACKUP.kind,
        "metadata": {
            "name": backup_name(cluster.key.name, occasion),
            "namespace": cluster.key.namespace,
            "labels": {**common_labels(cluster.key.name), BACKUP_LABEL: SAFETY},
            "ownerReferences": [json.loads(cluster.owner)],
        },
        "spec": {"cluster": cluster.key.name, **dumped},
    }


def state(snapshot: Snapshot, name: str) -> Manifest | None:
    """The EtcdBackup of this name as it is, None while there is none."""
    return next((item for item in snapshot.backups if item["metadata"]["name"] == name), None)


def secured(view: View, occasion: str, what: str) -> Step | None:
    """What has to be done or waited for before `what` (such as "the upgrade to 3.6.14") may happen; None: go on.

    One that failed stays failed: deleting it, or any change of the spec, makes another.
    """
    if not view.cluster.safety_backup:
        return None
    name = backup_name(view.cluster.key.name, occasion)
    found = state(view.snapshot, name)
    if found is None:
        message = f"making the backup {name} before {what}"
        made = canonical(manifest(view.cluster, occasion))
        return Step("SafetyBackup", message, Create(ETCD_BACKUP, made, message, "SafetyBackup"), secures=name)
    status = found.get("status") or {}
    if status.get("phase") == "Succeeded":
        return None
    if status.get("phase") != "Failed":
        said = f": {status['message']}" if status.get("message") else ""
        return Step("SafetyBackup", f"waiting for the backup {name} before {what}{said}", secures=name)
    said = status.get("message") or "no reason given"
    return Step(
        "SafetyBackupFailed",
        f"the backup before {what} failed, so it is not done. EtcdBackup {name}: {said}. Mend spec.objectStore, then delete "
        f"the EtcdBackup {name} to have it tried again; or set spec.safetyBackup to false to go on without",
        stalled=True,
        wait=SETTLED,
        secures=name,
    )
