"""A cluster comes up, tells the truth about itself, and is what a strict namespace admits."""

from __future__ import annotations

import pytest

from e2e.support import damage, etcd, kstatus, traffic
from e2e.support.cluster import MEMBER, ROLE, EtcdCluster
from e2e.support.kinds import ENDPOINT_SLICE, PDB, POD, PVC, SERVICE, STATEFUL_SET
from e2e.support.kube import dig


@pytest.mark.ci
def test_three_members_come_up(cluster: EtcdCluster) -> None:
    """All children of the contract exist, status says what etcd says, and the namespace is `restricted`."""
    resource = cluster.create(3).read()
    status = resource["status"]
    view = etcd.settled(cluster, 3)
    with traffic.running(cluster):
        pass

    assert kstatus.verdict(resource) == kstatus.CURRENT
    assert status["ready"] == "3/3"
    assert status["size"] == 3
    assert status["currentVersion"] == cluster.version
    assert "targetVersion" not in status
    assert status["clusterID"] == view.members[0].cluster
    assert status["leader"] in {member.name for member in view.members}
    assert {m["name"]: m["id"] for m in status["members"]} == {m.name: m.id for m in view.members}
    assert {m["version"] for m in status["members"]} == {cluster.version}
    assert all(m["healthy"] for m in status["members"])
    assert cluster.condition("Available")["status"] == "True"
    assert not cluster.condition("Stalled")
    assert not cluster.condition("Reconciling")
    assert not cluster.condition("EvenSize")


def test_children_are_as_promised(cluster: EtcdCluster) -> None:
    """Names, labels and shapes that users and other tools rely on."""
    cluster.create(3)
    services = {item["metadata"]["name"]: item["spec"] for item in cluster.all(SERVICE)}
    assert set(services) == {"db-client", "db-peers"}
    assert services["db-peers"]["clusterIP"] == "None"
    assert [port["port"] for port in services["db-client"]["ports"]] == [2379]
    sets = cluster.all(STATEFUL_SET)
    assert len(sets) == 3
    assert all(item["spec"]["replicas"] == 1 and item["spec"]["updateStrategy"]["type"] == "OnDelete" for item in sets)
    members = {item["metadata"]["name"] for item in sets}
    assert set(cluster.claims()) == {f"data-{member}" for member in members}
    assert [item["metadata"]["name"] for item in cluster.all(PDB)] == ["db"]
    pods = cluster.pods()
    assert set(pods) == members
    assert all(pod["metadata"]["labels"][ROLE] == "voter" for pod in pods.values())
    assert {pod["metadata"]["name"] for pod in pods.values()} == {f"{member}-0" for member in members}
    assert all(member in pod["metadata"]["labels"][MEMBER] for member, pod in pods.items())
    assert not any(pod["spec"].get("automountServiceAccountToken", True) for pod in pods.values())


def test_client_service_leads_to_every_voter(cluster: EtcdCluster) -> None:
    """The endpoints behind NAME-client are the ready voters, no more and no less."""
    cluster.create(3)

    def addresses() -> set[str]:
        slices = cluster.sandbox.kube.all(ENDPOINT_SLICE, cluster.sandbox.namespace, {"kubernetes.io/service-name": "db-client"})
        endpoints = [endpoint for item in slices for endpoint in item.get("endpoints") or []]
        return {a for endpoint in endpoints if endpoint["conditions"].get("ready") for a in endpoint["addresses"]}

    pods = {pod["status"]["podIP"] for pod in cluster.pods().values()}
    cluster.until("endpoints are the pods", addresses, lambda found: found == pods, seconds=20)


def test_even_size_is_pointed_out(cluster: EtcdCluster) -> None:
    """Two members work, and the status says why that is no gain."""
    cluster.create(2)
    etcd.settled(cluster, 2)
    assert cluster.condition("EvenSize")["status"] == "True"


def test_memory_cluster_survives_a_killed_pod(cluster: EtcdCluster) -> None:
    """storage.type Memory: a member without its pod has lost its data, and is replaced from the others."""
    cluster.create(3, storage={"type": "Memory", "size": "128Mi"})
    assert not cluster.claims()
    before = cluster.members()
    with traffic.running(cluster) as flow:
        damage.kill(cluster, before[0])
        cluster.until("a new member took the place", lambda: cluster.fresh_members(dict.fromkeys(before)))
        cluster.wait_ready()
        flow.flow()
    assert before[0] not in etcd.settled(cluster, 3).listed


def test_two_clusters_in_one_namespace_are_strangers(cluster: EtcdCluster) -> None:
    """Same namespace, similar names: no shared children, no shared data."""
    other = EtcdCluster(cluster.sandbox, cluster.version, "db-1")
    cluster.create(1, ready=False)
    other.create(1)
    cluster.wait_ready()
    etcd.put(cluster, who="db")
    etcd.put(other, who="db-1")
    assert etcd.get(cluster, "who") == "db"
    assert etcd.get(other, "who") == "db-1"
    assert cluster.status()["clusterID"] != other.status()["clusterID"]
    other.delete()
    other.until("the other's pods are gone", lambda: other.all(POD), lambda pods: not pods)
    assert etcd.get(cluster, "who") == "db"


def test_when_deleted_delete_removes_the_volumes(cluster: EtcdCluster) -> None:
    """storage.whenDeleted Delete: the volumes go with the resource."""
    cluster.create(1, storage={"size": "1Gi", "whenDeleted": "Delete"})
    cluster.delete()
    cluster.until("the volumes are gone", lambda: cluster.all(PVC), lambda claims: not claims)


@pytest.mark.ci
def test_deleted_cluster_keeps_its_data_for_its_successor(cluster: EtcdCluster) -> None:
    """By default the volumes stay, and an EtcdCluster of the same name takes the data up again."""
    cluster.create(3)
    etcd.put(cluster, planted="before")
    identity, claims = cluster.status()["clusterID"], cluster.claims()
    cluster.delete()
    cluster.until("its pods are gone", lambda: cluster.all(POD), lambda pods: not pods)
    assert cluster.claims() == claims
    assert not cluster.all(STATEFUL_SET)

    cluster.create(3)
    etcd.settled(cluster, 3)
    assert etcd.get(cluster, "planted") == "before"
    assert cluster.status()["clusterID"] == identity
    assert dig(cluster.read(), "status", "readyMembers") == 3
