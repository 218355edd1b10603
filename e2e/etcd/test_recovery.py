"""Members, volumes and the leader are lost: what can heal heals under traffic, what can't is said and left alone."""

from __future__ import annotations

from signal import SIGCONT, SIGSTOP

import pytest

from e2e.support import damage, etcd, signals, traffic
from e2e.support.cluster import EtcdCluster, claim_name, pod_name
from e2e.support.kinds import POD, PVC
from e2e.support.wait import never

LOST = ("QuorumLost", "DataLost")
"""Reasons for which nothing automatic is done."""


@pytest.mark.ci
def test_each_member_killed_the_leader_first(cluster: EtcdCluster) -> None:
    """Every pod in turn: the same members come back with their data."""
    cluster.create(3)
    before, claims = etcd.settled(cluster, 3), cluster.claims()
    first = etcd.leader(cluster)
    with traffic.running(cluster) as flow:
        for member in sorted(cluster.members(), key=lambda name: name != first):
            dead = damage.kill(cluster, member)
            damage.wait_revived(cluster, {member: dead})
            etcd.settled(cluster, 3)
            flow.flow()
    after = etcd.settled(cluster, 3)
    assert {m.name: m.id for m in after.members} == {m.name: m.id for m in before.members}
    assert cluster.claims() == claims
    cluster.wait_ready()


def test_whoever_leads_is_killed_again_and_again(cluster: EtcdCluster) -> None:
    """Five leaders in a row."""
    cluster.create(3)
    with traffic.running(cluster) as flow:
        for _ in range(5):
            leader = etcd.leader(cluster)
            dead = damage.kill(cluster, leader)
            damage.wait_revived(cluster, {leader: dead})
            flow.flow()
        etcd.settled(cluster, 3)
    cluster.wait_ready()


def test_frozen_leader_serves_nothing_stale_when_it_wakes(cluster: EtcdCluster) -> None:
    """SIGSTOP for ten seconds: the others elect and serve, the sleeper comes back as a follower."""
    cluster.create(3)
    members = cluster.members()
    leader = etcd.leader(cluster)
    namespace, pod = cluster.sandbox.namespace, pod_name(leader)
    with traffic.running(cluster) as flow:
        signals.send(cluster.sandbox, namespace, pod, SIGSTOP)
        flow.flow()
        never("the frozen member is given up", lambda: cluster.fresh_members(dict.fromkeys(members)), bool, during=10)
        signals.send(cluster.sandbox, namespace, pod, SIGCONT)
        etcd.settled(cluster, 3)
        flow.flow()
    cluster.wait_ready()
    assert cluster.members() == members


@pytest.mark.ci
def test_lost_volume_is_replaced_under_a_new_number(cluster: EtcdCluster) -> None:
    """The leader's claim is deleted: a new member joins under a number never used, the old one is gone everywhere."""
    cluster.create(3)
    before = etcd.settled(cluster, 3)
    lost = etcd.leader(cluster)
    kept = {name: uid for name, uid in cluster.claims().items() if name != claim_name(lost)}
    with traffic.running(cluster) as flow:
        damage.lose_volumes(cluster, [lost])
        cluster.until("a new member", lambda: cluster.fresh_members(before.listed))
        cluster.wait_ready()
        after = etcd.settled(cluster, 3)
        flow.flow()
    (new,) = cluster.fresh_members(before.listed)
    assert lost not in after.listed
    assert number(new) > max(map(number, before.listed))
    assert lost not in cluster.members()
    assert kept.items() <= cluster.claims().items()
    assert claim_name(lost) not in cluster.claims()


def number(member: str) -> int:
    """The number in a member's name."""
    return int(member.rsplit("-", 1)[1])


def test_corrupted_member_is_replaced(cluster: EtcdCluster) -> None:
    """A member whose log was overwritten crashes at its start, and is replaced within a minute of the diagnosis."""
    cluster.create(3)
    before = etcd.settled(cluster, 3)
    victim = next(name for name in before.listed if name != before.leader)
    with traffic.running(cluster) as flow:
        damage.corrupt_log(cluster, victim)
        cluster.until("it was diagnosed", lambda: removal_events(cluster, victim), seconds=180)
        cluster.until("a new member", lambda: cluster.fresh_members(before.listed), seconds=60)
        cluster.wait_ready(seconds=60)
        flow.flow()
    after = etcd.settled(cluster, 3)
    assert victim not in after.listed
    assert claim_name(victim) not in cluster.claims()


def removal_events(cluster: EtcdCluster, member: str) -> list[str]:
    """Messages of Events that tell of this member's replacement."""
    return [e["message"] for e in cluster.events() if member in e["message"] and e["reason"] != "AddingMember"]


def test_all_pods_at_once(cluster: EtcdCluster) -> None:
    """Every pod is killed, the volumes stay: the same cluster comes back with all that was acknowledged."""
    cluster.create(3)
    before, claims = etcd.settled(cluster, 3), cluster.claims()
    with traffic.running(cluster) as flow:
        damage.wait_revived(cluster, damage.kill_all(cluster))
        cluster.wait_ready()
        flow.flow()
    after = etcd.settled(cluster, 3)
    assert {m.name: m.id for m in after.members} == {m.name: m.id for m in before.members}
    assert after.members[0].cluster == before.members[0].cluster
    assert cluster.claims() == claims


def test_single_member_killed(cluster: EtcdCluster) -> None:
    """Size 1: the pod comes back on its volume with its data."""
    cluster.create(1)
    with traffic.running(cluster) as flow:
        (member,) = cluster.members()
        damage.wait_revived(cluster, {member: damage.kill(cluster, member)})
        flow.flow()
    cluster.wait_ready()


def test_single_member_that_lost_its_volume_is_not_bootstrapped_again(cluster: EtcdCluster) -> None:
    """The only copy is gone: the status says so, and no empty cluster takes the old one's place."""
    cluster.create(1)
    etcd.put(cluster, planted="before")
    identity = cluster.status()["clusterID"]
    (member,) = cluster.members()
    damage.lose_volumes(cluster, [member])
    stalled = cluster.wait_condition("Stalled", "True", *LOST)
    cluster.wait_condition("Available", "False")
    cluster.wait_condition("Ready", "False")
    never("an empty cluster serves", lambda: answers(cluster), bool, during=20, every=2)
    assert cluster.status()["clusterID"] == identity
    assert stalled["message"]


def answers(cluster: EtcdCluster) -> bool:
    """Whether anything serves reads at the client endpoint."""
    request = {"url": cluster.endpoint, "path": "/v3/kv/range", "body": {"key": "AA=="}, "timeout": 2}
    return "ok" in cluster.sandbox.call([request])[0]


def test_quorum_lost_for_good_is_said_and_nothing_is_destroyed(cluster: EtcdCluster) -> None:
    """Two of three volumes are gone: Stalled names what survives, and the survivor is not touched."""
    cluster.create(3)
    before = etcd.settled(cluster, 3)
    lost = sorted(before.listed)[:2]
    survivor = sorted(before.listed)[2]
    claim = cluster.claims()[claim_name(survivor)]
    pod = cluster.pods()[survivor]["metadata"]["uid"]
    damage.lose_volumes(cluster, lost)
    stalled = cluster.wait_condition("Stalled", "True", *LOST)
    cluster.wait_condition("Available", "False")
    assert survivor in stalled["message"]

    def harmed() -> list[str]:
        uids = {claim_name(survivor): claim, pod_name(survivor): pod}
        found = [*cluster.all(PVC), *cluster.all(POD)]
        alive = {item["metadata"]["name"]: item["metadata"]["uid"] for item in found}
        gone = [name for name, uid in uids.items() if alive.get(name) != uid]
        return gone + (["a new member"] if cluster.fresh_members(before.listed) else [])

    never("the survivor is harmed or a new cluster formed", harmed, bool, during=20, every=1)
    assert cluster.status()["clusterID"] == before.members[0].cluster


def test_quorum_lost_for_a_while_is_said_and_heals(cluster: EtcdCluster) -> None:
    """Two members' pods are not admitted for a while: not available, then all is well again without anyone's help."""
    cluster.create(3)
    etcd.put(cluster, planted="before")
    claims = cluster.claims()
    damage.admit_no_pods(cluster)
    for member in sorted(cluster.members())[:2]:
        damage.kill(cluster, member)
    cluster.wait_condition("Available", "False")
    damage.admit_pods(cluster)
    cluster.wait_ready()
    assert etcd.get(cluster, "planted") == "before"
    assert cluster.claims() == claims
