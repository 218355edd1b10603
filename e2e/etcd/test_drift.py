"""Somebody edits or deletes children: put right within seconds. And a settled cluster is not written to at all."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from e2e.support import etcd, traffic
from e2e.support.cluster import EtcdCluster
from e2e.support.installation import Installation
from e2e.support.kinds import PDB, SERVICE, STATEFUL_SET, Kind
from e2e.support.kube import Json, dig
from e2e.support.quiet import AuditLog, changes, tally, versions
from e2e.support.settings import Settings
from e2e.support.wait import Late, never, steady

SECONDS = 20
"""Drift is put right by an event, not by a resync, which would take minutes."""


@dataclass(frozen=True)
class Drift:
    """`act` does the damage; `path` of the object must then have the value that it had before."""

    what: str
    kind: Kind
    name: Callable[[EtcdCluster], str]
    path: tuple[str, ...]
    change: Json | None
    """A merge patch, None to delete."""


def client_service(cluster: EtcdCluster) -> str:
    """NAME-client."""
    return f"{cluster.name}-client"


def first_member(cluster: EtcdCluster) -> str:
    """The StatefulSet of the lowest member."""
    return cluster.members()[0]


DRIFTS = (
    Drift("selector edited", SERVICE, client_service, ("spec", "selector"),
          {"spec": {"selector": {"app.kubernetes.io/instance": "other"}}}),
    Drift("extra selector key", SERVICE, client_service, ("spec", "selector"), {"spec": {"selector": {"extra": "x"}}}),
    Drift("label removed", SERVICE, client_service, ("metadata", "labels"),
          {"metadata": {"labels": {"app.kubernetes.io/instance": None}}}),
    Drift("Service deleted", SERVICE, client_service, ("spec", "selector"), None),
    Drift("peers Service deleted", SERVICE, lambda c: f"{c.name}-peers", ("spec", "selector"), None),
    Drift("budget deleted", PDB, lambda c: c.name, ("spec", "minAvailable"), None),
    Drift("budget edited", PDB, lambda c: c.name, ("spec", "minAvailable"), {"spec": {"minAvailable": 0}}),
    Drift("replicas edited", STATEFUL_SET, first_member, ("spec", "replicas"), {"spec": {"replicas": 0}}),
    Drift("update strategy edited", STATEFUL_SET, first_member, ("spec", "updateStrategy"),
          {"spec": {"updateStrategy": {"type": "RollingUpdate"}}}),
    Drift("owner removed", STATEFUL_SET, first_member, ("metadata", "ownerReferences"),
          {"metadata": {"ownerReferences": None}}),
)  # fmt: skip


@pytest.mark.ci
def test_every_child_is_put_right(cluster: EtcdCluster) -> None:
    """One drift after the other on one cluster under traffic; no pod is replaced but the one whose replicas were edited."""
    cluster.create(3)
    with traffic.running(cluster):
        left = [late for late in (put_right(cluster, drift) for drift in DRIFTS) if late]
        assert not left, "\n".join(left)
    cluster.wait_ready()
    etcd.settled(cluster, 3)


def put_right(cluster: EtcdCluster, drift: Drift) -> str:
    """Do the damage and wait until the object is as it was; otherwise mend it and return what was wrong."""
    kube, namespace, name = cluster.sandbox.kube, cluster.sandbox.namespace, drift.name(cluster)
    before = kube.read(drift.kind, namespace, name)
    wanted = dig(before, *drift.path)
    start = time.monotonic()
    if drift.change is None:
        kube.delete(drift.kind, namespace, name)
    else:
        kube.patch(drift.kind, namespace, name, drift.change)
    try:
        cluster.until(
            f"{drift.what} ({drift.kind.kind} {name}) is put right, {wanted} again",
            lambda: dig(kube.get(drift.kind, namespace, name), *drift.path),
            lambda found: bool(found == wanted),
            seconds=SECONDS,
        )
    except Late as late:
        kube.patch(drift.kind, namespace, name, {drift.path[0]: before[drift.path[0]]})
        return str(late).partition("; last seen")[0]
    cluster.sandbox.note(f"{drift.what}: put right after {time.monotonic() - start:.1f} s")
    return ""


def test_edited_image_is_put_right_without_a_restart(cluster: EtcdCluster) -> None:
    """The StatefulSet's image is edited: OnDelete keeps the pod, the operator takes the edit back."""
    cluster.create(3)
    kube, namespace, member = cluster.sandbox.kube, cluster.sandbox.namespace, first_member(cluster)
    pods = {name: pod["metadata"]["uid"] for name, pod in cluster.pods().items()}
    wanted = kube.read(STATEFUL_SET, namespace, member)["spec"]["template"]["spec"]["containers"][0]["image"]
    path = "/spec/template/spec/containers/0/image"
    kube.json_patch(STATEFUL_SET, namespace, member, [{"op": "replace", "path": path, "value": "registry.invalid/x:1"}])

    def image() -> str:
        found = kube.read(STATEFUL_SET, namespace, member)
        return str(found["spec"]["template"]["spec"]["containers"][0]["image"])

    cluster.until("the image is put right", image, lambda found: found == wanted, seconds=SECONDS)
    cluster.wait_ready()
    assert {name: pod["metadata"]["uid"] for name, pod in cluster.pods().items()} == pods


def test_foreign_annotations_are_left_alone(cluster: EtcdCluster) -> None:
    """What others add and the operator does not own stays: a mesh's or a backup tool's annotation."""
    cluster.create(1)
    kube, namespace = cluster.sandbox.kube, cluster.sandbox.namespace
    kube.patch(SERVICE, namespace, "db-client", {"metadata": {"annotations": {"example.com/owner": "team"}}})
    kube.delete(PDB, namespace, "db")
    cluster.until("the budget is back", lambda: cluster.all(PDB), seconds=SECONDS)
    found = kube.read(SERVICE, namespace, "db-client")
    assert dig(found, "metadata", "annotations")["example.com/owner"] == "team"


@pytest.mark.ci
def test_settled_cluster_costs_no_writes(cluster: EtcdCluster, settings: Settings, installation: Installation) -> None:
    """For 60 s nothing in the namespace changes, and the audit log, where there is one, shows no try either."""
    cluster.create(3)
    etcd.settled(cluster, 3)
    log = AuditLog(settings.audit_log) if settings.audit_log else None

    def look() -> dict[str, str]:
        return versions(cluster.sandbox.kube, cluster.sandbox.namespace)

    before = steady("the namespace", look, seconds=5, deadline=cluster.sandbox.seconds(60))
    mark = log.mark() if log else 0
    never("something is written", lambda: changes(before, look()), bool, during=60, every=5)
    if log:
        account = installation.deployment()["spec"]["template"]["spec"]["serviceAccountName"]
        user = f"system:serviceaccount:{installation.namespace}:{account}"
        mine = [write for write in log.writes(mark, user) if write.namespace == cluster.sandbox.namespace]
        assert tally(mine) == {}
