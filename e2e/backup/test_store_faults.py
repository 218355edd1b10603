"""The store is away, slow, full or refuses: each backup ends with the reason, leaves no marker, and costs no earlier one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from e2e.support import etcd
from e2e.support.backups import Backup
from e2e.support.cluster import EtcdCluster
from e2e.support.kube import Json
from e2e.support.store import CA, Faults, Store, folder, put_secret

MEBIBYTE = 1024 * 1024
DATA = 12
"""MiB in the cluster, so that an upload has several parts."""


@dataclass(frozen=True)
class Case:
    """A fault of the proxy or of the spec, the reasons that tell it, and the backup's deadline."""

    reasons: tuple[str, ...]
    fault: Json = field(default_factory=dict)
    store: Json = field(default_factory=dict)
    deadline: str = "30s"


UPLOADS: Json = {"methods": ["PUT", "POST"]}
CASES = {
    "denied": Case(("AccessDenied",), {"mode": "answer", "status": 403, "code": "AccessDenied"}),
    "denied only when it writes": Case(("AccessDenied",), {"mode": "answer", "status": 403, "code": "AccessDenied", **UPLOADS}),
    "unknown key": Case(("AccessDenied",), {"mode": "answer", "status": 403, "code": "InvalidAccessKeyId"}),
    "wrong clock": Case(("WrongClock",), {"mode": "answer", "status": 403, "code": "RequestTimeTooSkewed"}),
    "full": Case(("StoreFull",), {"mode": "answer", "status": 507, "code": "XMinioStorageFull", **UPLOADS}),
    "asks to slow down": Case(("TooSlow",), {"mode": "answer", "status": 503, "code": "SlowDown", **UPLOADS}),
    "slow": Case(("TooSlow", "DeadlineExceeded"), {"mode": "slow", "rate": 16 * 1024, **UPLOADS}),
    "cut in the middle of an upload": Case(("Unreachable",), {"mode": "cut", "upload": 9 * MEBIBYTE}),
    "hangs": Case(("TooSlow", "Unreachable", "DeadlineExceeded"), {"mode": "hang"}),
    "down": Case(("Unreachable",), {"mode": "refuse"}),
    "no such bucket": Case(("BucketMissing", "AccessDenied"), store={"bucket": "not-there"}),
    "no Secret": Case(("CredentialsMissing",), store={"credentialsSecret": {"name": "not-there"}}),
    "no CA": Case(("CertificateRefused",), store={"ca": None}),
}


@pytest.mark.parametrize("what", CASES)
def test_ends_with_the_reason(what: str, cluster: EtcdCluster, objects: Store, faults: Faults) -> None:
    """Terminal, no marker, the earlier backup as it was; and when the fault is over the next one succeeds."""
    case = CASES[what]
    cluster.create(1, objectStore=objects.spec())
    etcd.fill(cluster, DATA, MEBIBYTE)
    earlier = Backup(cluster.sandbox, "earlier").create(cluster=cluster.name, deadline="2m").succeeded()
    kept = objects.sizes(folder(earlier["location"]))
    through = objects.spec(endpoint=faults.endpoint)
    if case.fault:
        faults.switch(**case.fault)
    backup = Backup(cluster.sandbox, "faulty").create(
        cluster=cluster.name, objectStore={key: value for key, value in {**through, **case.store}.items() if value is not None},
        deadline=case.deadline,
    )  # fmt: skip
    status = backup.failed(seconds=120)
    told = f"{backup.why(status)}: {status['message']}"
    assert any(reason in told for reason in case.reasons), f"{told!r} says nothing of {case.reasons}: {backup.picture()}"
    faults.end()
    assert set(objects.markers()) == {earlier["id"]}, "a marker without a backup"
    assert objects.sizes(folder(earlier["location"])) == kept
    assert objects.login.secret not in status["message"]
    cluster.sandbox.note(f"{what}: {told}")
    later = Backup(cluster.sandbox, "later").create(cluster=cluster.name, objectStore=through, deadline="2m").succeeded()
    assert {earlier["id"], later["id"]} <= set(objects.markers())
    cluster.wait_ready()


PASSING: dict[str, tuple[Json, Callable[[Json], Any]]] = {
    "cut": ({"mode": "cut", "upload": 9 * MEBIBYTE}, lambda one: one["method"] == "PUT" and not one["status"]),
    "refusing": ({"mode": "refuse"}, lambda one: True),
    "busy": ({"mode": "answer", "status": 503, "code": "SlowDown"}, lambda one: one["status"] == 503),
}


@pytest.mark.parametrize("what", PASSING)
def test_a_fault_that_passes_costs_no_backup(what: str, cluster: EtcdCluster, objects: Store, faults: Faults) -> None:
    """Tried again within the deadline, and nothing unfinished is left behind."""
    fault, seen = PASSING[what]
    cluster.create(1, objectStore=objects.spec(endpoint=faults.endpoint))
    etcd.fill(cluster, DATA, MEBIBYTE)
    faults.switch(**fault)
    backup = Backup(cluster.sandbox, "tried").create(cluster=cluster.name, verify="restore", deadline="4m")
    if fault["mode"] == "refuse":
        backup.until("it has been refused", lambda status: status.get("phase") == "Running", 60)
        cluster.until("a pod of the Job ended in failure, or says so", lambda: "nreachable" in str(backup.picture()), seconds=60)
    else:
        faults.wait_request(what, seen)
    faults.end()
    status = backup.succeeded(240)
    below = folder(status["location"])
    marker = objects.read_json(f"{below}backup.json")
    assert set(objects.sizes(below)) == {f"{below}backup.json", f"{below}verified.json", below + marker["archive"]["name"]}
    assert not objects.unfinished()
    assert set(objects.markers()) == {status["id"]}


def test_secrets_that_are_made_later_are_taken(cluster: EtcdCluster, objects: Store) -> None:
    """GitOps applies in any order: a backup whose Secret comes within its deadline succeeds."""
    cluster.create(1)
    spec = objects.spec(credentialsSecret={"name": "late"}, ca={"name": CA})
    backup = Backup(cluster.sandbox, "early").create(cluster=cluster.name, objectStore=spec, deadline="4m")
    backup.until("it waits for the Secret", lambda status: "late" in str(status), 60)
    login = objects.login
    put_secret(cluster.sandbox, "late", {"AWS_ACCESS_KEY_ID": login.key, "AWS_SECRET_ACCESS_KEY": login.secret})
    backup.succeeded(240)
