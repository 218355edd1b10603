"""Networks are cut: who is cut off is not given up, the rest serves, and nothing stale is done afterwards."""

from __future__ import annotations

import pytest

from e2e.support import etcd, network, signals, traffic
from e2e.support.cluster import EtcdCluster, pod_name
from e2e.support.installation import Installation
from e2e.support.logs import Follower
from e2e.support.wait import never


def test_leader_that_is_cut_off_is_followed_by_another_and_comes_back(cluster: EtcdCluster) -> None:
    """Half a minute without its peers and clients: the others elect and serve; nobody is replaced, no write is lost."""
    cluster.create(3)
    before, members = etcd.settled(cluster, 3), cluster.members()
    leader = etcd.leader(cluster)
    with traffic.running(cluster) as flow:
        with network.cut(cluster.sandbox, cluster.sandbox.namespace, pod_name(leader)):
            flow.flow()
            cluster.until("it is told", lambda: cluster.status().get("readyMembers"), lambda count: count == 2)
            never("the member is given up", lambda: cluster.fresh_members(dict.fromkeys(members)), bool, during=20)
            assert cluster.condition("Ready")["status"] == "False"
            flow.flow()
        etcd.settled(cluster, 3)
        cluster.wait_ready()
    after = etcd.settled(cluster, 3)
    assert {m.name: m.id for m in after.members} == {m.name: m.id for m in before.members}


@pytest.mark.serial
@pytest.mark.expected_log("ending: .*the lease")
def test_operator_that_is_cut_off_gives_up_and_catches_up(
    cluster: EtcdCluster, restored_operator: Installation, operator_log: Follower
) -> None:
    """Without the API server it ends before another could act, and does what it missed once the network is back."""
    cluster.create(1)
    (pod,) = restored_operator.pods()
    signals.prepare_all(cluster.sandbox, [pod])
    with traffic.running(cluster) as flow:
        with network.cut(cluster.sandbox, restored_operator.namespace, pod["metadata"]["name"]):
            cluster.edit(size=3)
            flow.flow()
            never("anything is done", cluster.members, lambda members: len(members) > 1, during=40, every=1)
        cluster.wait_ready()
        flow.flow()
    etcd.settled(cluster, 3)
