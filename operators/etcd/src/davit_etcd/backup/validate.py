"""An EtcdBackup as written to a frozen `Backup`, or `Invalid`. Pure."""

from __future__ import annotations

from davit.backup.model import Cipher, Store, seconds
from davit.errors import Invalid, Problem
from davit.kube.labels import owner_reference
from davit.model import Key, Manifest
from davit.once import FINAL
from pydantic import ValidationError

from davit_etcd.api.backups import MAX_BACKUP_NAME, EtcdBackupSpec
from davit_etcd.backup.model import Backup, Owner
from davit_etcd.model import canonical

DEADLINE = "1h"


def validate(resource: Manifest) -> Backup:
    """The domain object; raises `Invalid` with every problem found, each naming its field and remedy.

    One that ended is never judged again: a later release may know its spec no more.
    """
    metadata, phase = resource["metadata"], (resource.get("status") or {}).get("phase") or ""
    if phase in FINAL:
        return _ended(resource, phase)
    try:
        spec = EtcdBackupSpec.model_validate(resource.get("spec") or {})
    except ValidationError as error:
        raise Invalid(*(_problem(item["loc"], item["msg"]) for item in error.errors(include_url=False))) from None
    if len(metadata["name"]) > MAX_BACKUP_NAME:
        raise Invalid(Problem("metadata.name", f"at most {MAX_BACKUP_NAME} characters: make it anew under such a name"))
    return Backup(
        key=Key(metadata["namespace"], metadata["name"]),
        uid=metadata["uid"],
        created=metadata["creationTimestamp"],
        cluster=spec.cluster,
        deadline=_deadline(spec.deadline),
        reference=canonical(owner_reference(resource)),
        store=Store.of(spec.object_store) if spec.object_store else None,
        cipher=Cipher.of(spec.encryption) if spec.encryption else None,
        compression=spec.compression or "zstd",
        verify=spec.verify == "restore",
        owner=_owner(resource),
        phase=phase,
    )


def _ended(resource: Manifest, phase: str) -> Backup:
    metadata = resource["metadata"]
    return Backup(
        key=Key(metadata["namespace"], metadata["name"]),
        uid=metadata["uid"],
        created=metadata["creationTimestamp"],
        cluster=str((resource.get("spec") or {}).get("cluster", "")),
        deadline=0.0,
        reference=canonical(owner_reference(resource)),
        phase=phase,
    )


def _deadline(text: str | None) -> float:
    found = seconds(text or DEADLINE)
    if found < 1:
        raise Invalid(Problem("spec.deadline", f"{text} is less than a second: write for example 30m"))
    return found


def _owner(resource: Manifest) -> Owner | None:
    references = resource["metadata"].get("ownerReferences") or ()
    return next((Owner(ref["kind"], ref["name"], ref["uid"]) for ref in references if ref.get("controller")), None)


def _problem(location: tuple[int | str, ...], message: str) -> Problem:
    return Problem(".".join(str(part) for part in ("spec", *location)), message)
