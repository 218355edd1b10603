"""Which backup a reference means."""

from __future__ import annotations

from typing import Any

import pytest
from davit.backup.api import RestoreSource
from davit.backup.model import Cipher
from davit.errors import Invalid
from davit_etcd.restore.source import Found, Unusable, resolve
from davit_etcd.validate import validate

from davit_etcd_tests import builders

STORE = {"bucket": "backups", "prefix": "p", "endpoint": "http://minio:9000", "credentialsSecret": {"name": "s3"}}
TARGET = {"metadata": {"namespace": "ns", "name": "c"}, "spec": {"encryption": {"secretName": "mine"}}}
ID = "20260101T000000Z-00000000"


def source(**words: Any) -> RestoreSource:
    return RestoreSource.model_validate(words)


def backup(cluster: str = "a", spec: dict[str, Any] | None = None, **status: Any) -> dict[str, Any]:
    said = {"phase": "Succeeded", "id": ID, "revision": 7, "time": "2026-01-01T00:00:00Z", **status}
    return {
        "kind": "EtcdBackup",
        "metadata": {"namespace": "ns", "name": "b"},
        "spec": {"cluster": cluster, **(spec or {})},
        "status": said,
    }


def of(name: str, **spec: Any) -> dict[str, Any]:
    return {"kind": "EtcdCluster", "metadata": {"namespace": "ns", "name": name}, "spec": spec}


def test_a_store_is_looked_in_for_the_target_itself_unless_said_otherwise() -> None:
    found = resolve(source(objectStore=STORE), TARGET, ())
    assert isinstance(found, Found)
    assert found.location == "s3://backups/p/ns/c/latest"
    assert found.stored.cipher == Cipher("mine")
    found = resolve(
        source(objectStore=STORE, namespace="prod", name="db", id=ID, encryption={"secretName": "theirs"}), TARGET, ()
    )
    assert isinstance(found, Found)
    assert found.location == f"s3://backups/p/prod/db/{ID}"
    assert found.stored.cipher == Cipher("theirs")


@pytest.mark.parametrize("own", [True, False])
def test_a_backup_says_where_it_is_or_its_cluster_does(own: bool) -> None:
    spec = {"objectStore": STORE} if own else {}
    clusters = () if own else (of("a", objectStore=STORE, encryption={"secretName": "as"}),)
    found = resolve(source(backup="b"), TARGET, (backup(spec=spec), *clusters))
    assert isinstance(found, Found)
    assert found.location == f"s3://backups/p/ns/a/{ID}"
    assert found.stored.cipher == (None if own else Cipher("as"))
    assert (found.revision, found.time) == (7, "2026-01-01T00:00:00Z")


def test_the_target_itself_may_be_the_cluster_of_the_backup() -> None:
    target = {**TARGET, "spec": {"objectStore": STORE}}
    assert isinstance(resolve(source(backup="b"), target, (backup("c"),)), Found)


@pytest.mark.parametrize(
    ("item", "reason", "wait"),
    [
        (None, "BackupMissing", False),
        (backup(phase="Failed", message="denied"), "BackupFailed", False),
        (backup(phase="Running"), "BackupUnfinished", True),
        (backup(phase=None), "BackupUnfinished", True),
        (backup(), "StoreUnknown", False),
        (backup(spec={"objectStore": STORE}, location="s3://elsewhere/ns/a/x"), "StoreChanged", False),
        (backup(spec={"objectStore": STORE}, id=None), "StoreChanged", False),
    ],
)
def test_what_can_not_be_read_is_said(item: dict[str, Any] | None, reason: str, wait: bool) -> None:
    found = resolve(source(backup="b"), TARGET, (item,) if item else ())
    assert isinstance(found, Unusable)
    assert (found.reason, found.wait) == (reason, wait)


def test_another_job_is_needed_wherever_anything_of_the_source_differs() -> None:
    words: tuple[dict[str, Any], ...] = (
        {"objectStore": STORE},
        {"objectStore": {**STORE, "endpoint": "http://other:9000"}},
        {"objectStore": {**STORE, "credentialsSecret": {"name": "other"}}},
        {"objectStore": STORE, "id": ID},
        {"objectStore": STORE, "name": "db"},
        {"objectStore": STORE, "encryption": {"secretName": "theirs"}},
    )
    digests = [found.digest for item in words if isinstance(found := resolve(source(**item), TARGET, ()), Found)]
    assert len(set(digests)) == len(words)


@pytest.mark.parametrize(
    ("spec", "field"),
    [
        ({"bootstrap": {"fromBackup": {}}}, "spec.bootstrap.fromBackup"),
        ({"bootstrap": {"fromBackup": {"backup": "b", "objectStore": STORE}}}, "spec.bootstrap.fromBackup"),
        ({"bootstrap": {"fromBackup": {"backup": "b", "id": "latest"}}}, "spec.bootstrap.fromBackup.id"),
        ({"bootstrap": {"fromBackup": {"backup": "b"}}, "storage": {"type": "Memory"}}, "spec.bootstrap.fromBackup"),
        ({"recovery": "automatic", "storage": {"type": "Memory"}}, "spec.recovery"),
        ({"safetyBackup": True}, "spec.safetyBackup"),
    ],
)
def test_what_an_etcd_cluster_may_not_ask_for(spec: dict[str, Any], field: str) -> None:
    with pytest.raises(Invalid) as caught:
        validate(builders.resource(spec))
    assert [problem.field for problem in caught.value.problems] == [field]


def test_a_spec_that_becomes_invalid_while_the_restored_data_starts_does_not_stop_the_restore() -> None:
    progress = {"kind": "Restore", "phase": "Starting", "seed": "c-3", "oldMembers": ["c-0", "c-1", "c-2"]}
    broken = builders.resource({"quota": "0"}, status={"currentVersion": "3.5.32", "restore": progress})
    with pytest.raises(Invalid) as caught:
        validate(broken)
    assert caught.value.fallback is not None
    assert caught.value.fallback.size == 3


def test_backups_of_a_cluster_by_default() -> None:
    plain = builders.cluster()
    assert (plain.store, plain.safety_backup, plain.recovery, plain.bootstrap) == (None, False, "manual", None)
    stored = builders.cluster(objectStore=STORE)
    assert stored.safety_backup
    assert stored.raw == {"objectStore": STORE}
    refused = builders.cluster(objectStore=STORE, safetyBackup=False)
    assert (refused.safety_backup, refused.safety_refused) == (False, True)
