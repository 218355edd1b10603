"""Sizes change one member at a time, under traffic, with a quorum throughout."""

from __future__ import annotations

import pytest

from e2e.support import damage, etcd, traffic
from e2e.support.cluster import EtcdCluster
from e2e.support.kinds import PDB, POD


@pytest.mark.ci
def test_one_three_five_three(cluster: EtcdCluster) -> None:
    """1 to 3 to 5 to 3 with writers and a reader; members that left leave nothing behind."""
    cluster.create(1)
    with traffic.running(cluster) as flow:
        for size in (3, 5, 3):
            cluster.edit(size=size)
            cluster.wait_ready()
            etcd.settled(cluster, size)
            flow.flow()
    listed = etcd.settled(cluster, 3).listed
    assert set(cluster.members()) == set(listed)
    cluster.until(
        "the claims of removed members are gone",
        cluster.claims,
        lambda claims: set(claims) == {f"data-{m}" for m in listed},
    )


@pytest.mark.ci
def test_kubectl_scale(cluster: EtcdCluster) -> None:
    """The scale subresource works both ways, and its selector finds the members' pods."""
    cluster.create(1)
    cluster.scale(3)
    cluster.wait_ready(3)
    scale = cluster.sandbox.kube.request(
        "GET", f"/apis/etcd.davit.dev/v1/namespaces/{cluster.sandbox.namespace}/etcdclusters/db/scale"
    ).decode()
    selector = dict(pair.split("=") for pair in cluster.status()["selector"].split(","))
    assert '"replicas":3' in scale.replace(" ", "")
    assert len(cluster.sandbox.kube.all(POD, cluster.sandbox.namespace, selector)) == 3
    cluster.scale(1)
    cluster.wait_ready(1)
    etcd.settled(cluster, 1)


def test_mind_changed_on_the_way(cluster: EtcdCluster) -> None:
    """1 to 7, changed to 3 while it grows: the last word counts and nothing is lost."""
    cluster.create(1)
    with traffic.running(cluster):
        cluster.edit(size=7)
        cluster.until("it has begun to grow", cluster.members, lambda members: len(members) > 1)
        cluster.edit(size=3)
        cluster.wait_ready()
        etcd.settled(cluster, 3)
    assert len(cluster.members()) == 3


def test_shrink_to_one_and_back(cluster: EtcdCluster) -> None:
    """3 to 1 to 3: whoever leads, one voter stays throughout with its data."""
    cluster.create(3)
    first = set(cluster.members())
    with traffic.running(cluster) as flow:
        cluster.edit(size=1)
        cluster.wait_ready()
        kept = set(etcd.settled(cluster, 1).listed)
        cluster.edit(size=3)
        cluster.wait_ready()
        flow.flow()
    assert kept < first
    assert kept < set(etcd.settled(cluster, 3).listed)


def test_disruption_budget_follows_the_size(cluster: EtcdCluster) -> None:
    """Of three voters one may be evicted; while it is away, no second."""
    cluster.create(3)
    members = cluster.members()

    def allowed() -> int:
        return int(cluster.all(PDB)[0].get("status", {}).get("disruptionsAllowed", 0))

    cluster.until("one disruption is allowed", allowed, lambda n: n == 1)
    with traffic.running(cluster):
        assert damage.evict(cluster, members[0])
        assert not damage.evict(cluster, members[1])
        cluster.wait_ready()
    cluster.edit(size=5)
    cluster.wait_ready()
    cluster.until("two disruptions are allowed", allowed, lambda n: n == 2)


def test_hibernate_and_wake(cluster: EtcdCluster) -> None:
    """Size 0 stops all pods and keeps all data; a later size brings it back."""
    cluster.create(3)
    etcd.put(cluster, planted="before")
    identity, claims = cluster.status()["clusterID"], cluster.claims()
    cluster.edit(size=0)
    cluster.until("no pods are left", lambda: cluster.all(POD), lambda pods: not pods)
    cluster.wait_ready(0)
    assert cluster.claims() == claims

    cluster.edit(size=3)
    cluster.wait_ready()
    etcd.settled(cluster, 3)
    assert etcd.get(cluster, "planted") == "before"
    assert cluster.status()["clusterID"] == identity
