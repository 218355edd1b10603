"""Which backup a reference means: an EtcdBackup by name, or one that is looked up in a store. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from davit.backup.api import Encryption, ObjectStore, RestoreSource
from davit.backup.model import Cipher, Store
from davit.model import Key, Manifest
from pydantic import ValidationError

from davit_etcd.api.backups import ETCD_BACKUP
from davit_etcd.api.v1 import ETCD_CLUSTER
from davit_etcd.manifests.jobs import Stored
from davit_etcd.model import Json, canonical

LATEST = "latest"


@dataclass(frozen=True, slots=True)
class Found:
    """A backup that can be read. `revision` and `time` are None where only the store knows.

    spec: objectStore and encryption as in an EtcdBackup's spec, for a backup that is to go to the same place.
    """

    stored: Stored
    revision: int | None = None
    time: str | None = None
    spec: str = "{}"

    @property
    def location(self) -> str:
        """URL of the backup's folder; with `latest` for its last part where the store decides."""
        return self.stored.store.location(self.stored.namespace, self.stored.name, self.stored.id)

    @property
    def digest(self) -> str:
        """8 hexadecimal digits that differ wherever another Job would be needed."""
        stored, cipher = self.stored, self.stored.cipher
        data = [stored.store.to_json(), cipher.to_json() if cipher else None, stored.namespace, stored.name, stored.id]
        return hashlib.sha256(canonical(data).encode()).hexdigest()[:8]


@dataclass(frozen=True, slots=True)
class Unusable:
    """Why there is nothing to read; `wait`: it may yet come without anybody's doing."""

    reason: str
    message: str
    wait: bool = False


def needed(source: RestoreSource, namespace: str) -> Key | None:
    """The EtcdBackup that has to be read to resolve the source."""
    return Key(namespace, source.backup) if source.backup else None


def source_of(restore: Manifest) -> RestoreSource | None:
    """An EtcdRestore's source, None where it can't be read."""
    try:
        return RestoreSource.model_validate((restore.get("spec") or {}).get("source"))
    except ValidationError:
        return None


def resolve(source: RestoreSource, target: Manifest | Mapping[str, Any], referenced: Iterable[Manifest]) -> Found | Unusable:
    """What the source means for an EtcdCluster.

    target: the EtcdCluster, of which metadata and spec are read; referenced: the EtcdBackup that is named, and the
    EtcdCluster that it is of.
    """
    metadata, spec = target["metadata"], target.get("spec") or {}
    if source.object_store is not None:
        store = Store.of(source.object_store)
        cipher = Cipher.of(source.encryption) if source.encryption else _cipher(spec)
        namespace, name = source.namespace or metadata["namespace"], source.name or metadata["name"]
        place = _place(_raw(source.object_store), _raw(source.encryption))
        return Found(Stored(store, namespace, name, source.id or LATEST, cipher), spec=place)
    found = {(item["kind"], item["metadata"]["name"]): item for item in referenced}
    found[ETCD_CLUSTER.kind, metadata["name"]] = dict(target)
    backup = found.get((ETCD_BACKUP.kind, source.backup or ""))
    if backup is None:
        said = f"EtcdBackup {source.backup} does not exist in namespace {metadata['namespace']}: name one that does"
        return Unusable("BackupMissing", said)
    return of_backup(backup, found.get((ETCD_CLUSTER.kind, backup["spec"]["cluster"])), source.encryption)


def of_backup(backup: Manifest, cluster: Manifest | None, encryption: Encryption | None = None) -> Found | Unusable:
    """Where an EtcdBackup is; `cluster` is the EtcdCluster that it names, None where that is gone."""
    name, spec, status = backup["metadata"]["name"], backup["spec"], backup.get("status") or {}
    phase = status.get("phase") or "Pending"
    if phase == "Failed":
        return Unusable("BackupFailed", f"EtcdBackup {name} failed: {status.get('message', '')}; name one that succeeded")
    if phase != "Succeeded":
        return Unusable("BackupUnfinished", f"EtcdBackup {name} is {phase}: waiting for it", wait=True)
    of = (cluster or {}).get("spec") or {}
    given = spec.get("objectStore") or of.get("objectStore")
    try:
        store = Store.of(ObjectStore.model_validate(given))
        cipher = Cipher.of(encryption) if encryption else _cipher(spec) or _cipher(of)
    except ValidationError:
        return Unusable(
            "StoreUnknown",
            f"EtcdBackup {name} names no objectStore, nor does EtcdCluster {spec['cluster']} now: give the store in objectStore",
        )
    namespace, subject, backup_id = backup["metadata"]["namespace"], spec["cluster"], str(status.get("id") or "")
    if not backup_id or status.get("location") not in (None, store.location(namespace, subject, backup_id)):
        return Unusable(
            "StoreChanged",
            f"EtcdBackup {name} is at {status.get('location')}, and the objectStore that it goes by is another now: give the "
            "store in objectStore",
        )
    place = _place(given, _raw(encryption) or spec.get("encryption") or of.get("encryption"))
    return Found(Stored(store, namespace, subject, backup_id, cipher), status.get("revision"), status.get("time"), place)


def _cipher(spec: Mapping[str, Any]) -> Cipher | None:
    given = spec.get("encryption")
    return Cipher.of(Encryption.model_validate(given)) if given else None


def _raw(given: ObjectStore | Encryption | None) -> Json | None:
    return given.model_dump(by_alias=True, exclude_none=True) if given else None


def _place(store: Mapping[str, Any] | None, encryption: Mapping[str, Any] | None) -> str:
    both = {"objectStore": store, "encryption": encryption}
    return canonical({name: value for name, value in both.items() if value})
