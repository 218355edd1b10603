"""The operator is stopped: operands run on, Kubernetes revives pods, and what was missed is caught up."""

from __future__ import annotations

import pytest

from e2e.support import damage, etcd, traffic
from e2e.support.cluster import EtcdCluster
from e2e.support.installation import Installation
from e2e.support.kinds import PDB

pytestmark = pytest.mark.serial


@pytest.mark.ci
def test_killed_pods_come_back_without_the_operator(cluster: EtcdCluster, restored_operator: Installation) -> None:
    """Each member's pod is killed in turn while there is no operator."""
    cluster.create(3)
    before = etcd.settled(cluster, 3)
    restored_operator.stop()
    with traffic.running(cluster) as flow:
        for member in before.listed:
            dead = damage.kill(cluster, member)
            damage.wait_revived(cluster, {member: dead})
            etcd.settled(cluster, 3)
            flow.flow()
    after = etcd.settled(cluster, 3)
    assert {m.name: m.id for m in after.members} == {m.name: m.id for m in before.members}


def test_all_pods_come_back_without_the_operator(cluster: EtcdCluster, restored_operator: Installation) -> None:
    """A power failure with the operator gone: quorum returns by itself."""
    cluster.create(3)
    restored_operator.stop()
    with traffic.running(cluster) as flow:
        damage.wait_revived(cluster, damage.kill_all(cluster))
        flow.flow()
        etcd.settled(cluster, 3)


def test_everything_missed_is_caught_up(cluster: EtcdCluster, restored_operator: Installation) -> None:
    """While it is away: a volume is lost, a child is deleted, the size is edited. Afterwards all is as declared."""
    cluster.create(3)
    before = etcd.settled(cluster, 3)
    restored_operator.stop()
    lost = sorted(before.listed)[0]
    with traffic.running(cluster) as flow:
        damage.lose_volumes(cluster, [lost])
        cluster.sandbox.kube.delete(PDB, cluster.sandbox.namespace, "db")
        cluster.edit(size=5)
        flow.flow()
        restored_operator.start()
        cluster.wait_ready()
        after = etcd.settled(cluster, 5)
        flow.flow()
    assert lost not in after.listed
    assert cluster.all(PDB)


def test_resource_deleted_while_the_operator_is_away(cluster: EtcdCluster, restored_operator: Installation) -> None:
    """No finalizer holds it: the garbage collector removes the children, the volumes stay."""
    cluster.create(3)
    claims = cluster.claims()
    restored_operator.stop()
    cluster.delete()
    cluster.until("the pods are gone", cluster.pods, lambda pods: not pods)
    assert cluster.claims() == claims
