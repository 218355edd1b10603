"""The operator holds no right that its work does not need."""

from __future__ import annotations

import pytest

from e2e.support import etcd
from e2e.support.backups import Backup, Restore
from e2e.support.cluster import EtcdCluster
from e2e.support.installation import Installation
from e2e.support.kinds import LEASE
from e2e.support.quiet import AuditLog
from e2e.support.rights import Right, granted, rules_of, unused
from e2e.support.settings import Settings
from e2e.support.store import Store

pytestmark = pytest.mark.serial

OWNERS = "asked by admission for owner references that block deletion"
CRDS = "apiextensions.k8s.io/customresourcedefinitions"
EXPLAINED = {
    Right("etcd.davit.dev/etcdclusters/finalizers", "update"): OWNERS,
    Right("etcd.davit.dev/etcdbackups/finalizers", "update"): OWNERS,
    Right("etcd.davit.dev/etcdbackupschedules/finalizers", "update"): OWNERS,
    Right("etcd.davit.dev/etcdbackupschedules/status", "patch"): "schedules have tests of their own, which take minutes",
    Right("etcd.davit.dev/etcdbackups", "delete"): "a schedule's history",
    Right("batch/jobs", "delete"): "what a restore that failed has left",
    Right(CRDS, "create"): "only where there is no CRD; here Helm brought it",
    Right("services", "delete"): "prunes what an earlier release made under another name",
    Right("policy/poddisruptionbudgets", "delete"): "as for Services",
    Right("pods", "get"): "looks whose name it is after a delete that met another uid",
}
"""Granted, needed, and not to be seen in a life without accidents."""


def test_every_right_is_used_or_explained(
    cluster: EtcdCluster, objects: Store, restored_operator: Installation, settings: Settings
) -> None:
    """From an operator that starts without a Lease to a cluster that grew, restarted, shrank, was backed up and restored."""
    if settings.audit_log is None:
        pytest.skip("no audit log within reach: set DAVIT_E2E_AUDIT_LOG")
    log = AuditLog(settings.audit_log)
    mark = log.mark()
    live(cluster, objects, restored_operator, settings)

    operator = restored_operator
    account = operator.deployment()["spec"]["template"]["spec"]["serviceAccountName"]
    rules = rules_of(operator.kube, operator.namespace, account)
    assert set(EXPLAINED) <= granted(rules), "explained, but no longer granted"
    left = unused(rules, log.since(mark), f"system:serviceaccount:{operator.namespace}:{account}") - set(EXPLAINED)
    assert not left, f"granted and not used: {', '.join(map(str, sorted(left)))}"


def live(cluster: EtcdCluster, objects: Store, operator: Installation, settings: Settings) -> None:
    """All that an operator does to a cluster in good health."""
    operator.stop()
    for lease in operator.kube.all(LEASE, operator.namespace):
        if "etcd" in lease["metadata"]["name"]:
            operator.kube.delete(LEASE, operator.namespace, lease["metadata"]["name"])
    operator.start()
    cluster.create(1, objectStore=objects.spec())
    cluster.edit(size=3)
    cluster.wait_ready()
    cluster.edit(etcdOptions={"heartbeat-interval": "200"})
    cluster.wait_ready()
    cluster.edit(size=1)
    cluster.wait_ready()
    etcd.settled(cluster, 1)
    Backup(cluster.sandbox, "one").create(cluster=cluster.name, deadline="3m").succeeded(180)
    restore, template = Restore(cluster.sandbox, "copy"), {"size": 1, "version": settings.version, "storage": {"size": "1Gi"}}
    restore.create(cluster="copy", source={"backup": "one"}, template=template, deadline="3m").succeeded(180)
