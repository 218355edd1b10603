"""Where a backup goes, which others its retention concerns, and what keeps it from starting. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from davit.backup.api import Encryption, ObjectStore
from davit.backup.job import CONFIG
from davit.backup.model import Cipher, Rules, Store, is_backup_id
from davit.model import Manifest
from pydantic import ValidationError

from davit_etcd.api.backups import EtcdBackupScheduleSpec
from davit_etcd.api.v1 import ETCD_CLUSTER
from davit_etcd.backup.model import Backup, View

SAFETY_KEPT = 5
"""How many backups the operator keeps of those that it makes before risky steps."""

Obstacle = tuple[str, str]
"""A CamelCase reason, and a message that holds the remedy."""


def store_of(backup: Backup, view: View) -> Store | None:
    """The EtcdBackup's own store, else the EtcdCluster's, which counts even while the rest of its spec is invalid."""
    if backup.store or view.cluster is None:
        return backup.store
    try:
        return Store.of(ObjectStore.model_validate(view.cluster["spec"]["objectStore"]))
    except (KeyError, ValidationError):
        return None


def cipher_of(backup: Backup, view: View) -> Cipher | None:
    """The same for encryption; raises ValidationError for one that can't be read: never go on without it."""
    given = ((view.cluster or {}).get("spec") or {}).get("encryption")
    return backup.cipher or (Cipher.of(Encryption.model_validate(given)) if given else None)


def told(job: Manifest | None) -> tuple[Store, Cipher | None] | None:
    """Store and encryption that a backup's Job was made with: an EtcdCluster may have got others since."""
    for container in ((job or {}).get("spec", {}).get("template", {}).get("spec") or {}).get("containers") or ():
        for variable in container.get("env") or ():
            if variable["name"] == CONFIG:
                config = json.loads(variable["value"])
                cipher = config.get("cipher")
                return Store.from_json(config["store"]), Cipher.from_json(cipher) if cipher else None
    return None


def group_of(backup: Backup, view: View) -> tuple[str, Rules | None]:
    """The group of the backup and its retention, by its controller: a schedule's, or the operator's own safety backups'.

    Anyone can write an owner reference, so the owner must be there; a backup without one belongs to no group and is never
    pruned.
    """
    owner = backup.owner
    if owner is None:
        return "", None
    if view.schedule is not None and view.schedule["metadata"]["uid"] == owner.uid:
        return f"schedule:{owner.uid}", _retention(view.schedule)
    cluster = view.cluster
    if cluster is not None and owner.kind == ETCD_CLUSTER.kind and cluster["metadata"]["uid"] == owner.uid:
        return f"safety:{owner.uid}", Rules(keep_last=SAFETY_KEPT)
    return "", None


def kept_of(view: View) -> tuple[str, ...]:
    """Ids that no retention may remove: the backup that the EtcdCluster is being restored from, or was last."""
    restore = ((view.cluster or {}).get("status") or {}).get("restore") or {}
    last = str(restore.get("source") or "").rpartition("/")[2]
    return (last,) if is_backup_id(last) else ()


def _retention(schedule: Manifest) -> Rules | None:
    """None, which keeps all, where it can't be read."""
    try:
        return Rules.of(EtcdBackupScheduleSpec.model_validate(schedule["spec"]).retention)
    except (ValidationError, ValueError):
        return None


def members_of(view: View) -> tuple[str, ...]:
    """Members that hold all of the data, as far as the EtcdCluster's status tells."""
    listed = ((view.cluster or {}).get("status") or {}).get("members") or ()
    return tuple(item["name"] for item in listed if item.get("role") != "Learner" and item.get("id"))


def obstacle(backup: Backup, view: View, image: str) -> Obstacle | None:
    """What has to change before the backup can be made; `image` is the agent's."""
    name, cluster = backup.cluster, view.cluster
    if cluster is None:
        return "ClusterMissing", f"EtcdCluster {name} does not exist in this namespace: make it, or an EtcdBackup of another"
    if cluster["metadata"].get("deletionTimestamp"):
        return "ClusterDeleted", f"EtcdCluster {name} is being deleted"
    if store_of(backup, view) is None:
        return "NoObjectStore", f"no spec.objectStore, neither here nor in EtcdCluster {name}: set it there"
    try:
        cipher_of(backup, view)
    except ValidationError:
        return "EncryptionInvalid", f"spec.encryption of EtcdCluster {name} can't be read: name a Secret in secretName"
    if not image:
        return "NoAgentImage", "the operator does not know the image of the backup agent: set its DAVIT_AGENT_IMAGE"
    return _silent(name, cluster) or _unknown(name, view)


def _unknown(name: str, view: View) -> Obstacle | None:
    if view.domain is None:
        return "ClusterInvalid", f"EtcdCluster {name} is invalid and was never formed: see its status"
    return None


def _silent(name: str, cluster: Mapping[str, Any]) -> Obstacle | None:
    """Why no member could be read from."""
    spec, status = cluster.get("spec") or {}, cluster.get("status") or {}
    if any(item.get("healthy") and item.get("role") != "Learner" for item in status.get("members") or ()):
        return None
    if spec.get("size") == 0:
        return "ClusterHibernated", f"EtcdCluster {name} is hibernated, no member runs: set its spec.size to 1 or more"
    if spec.get("paused"):
        return "ClusterPaused", f"EtcdCluster {name} is paused and no member is known to serve: set its spec.paused to false"
    return "NoMemberServes", f"no member of EtcdCluster {name} serves: see its status"
