"""The quorum is lost for good: manual says what is left and how to go on; automatic goes on, and says what was lost."""

from __future__ import annotations

import re
import shlex

import pytest

from e2e.support import damage, etcd
from e2e.support.backups import BUMP, Backup, Trail
from e2e.support.cluster import EtcdCluster, claim_name
from e2e.support.kube import Json, condition
from e2e.support.kubectl import Kubectl
from e2e.support.store import Store
from e2e.support.wait import never

LOST = ("QuorumLost", "DataLost")
COMMAND = re.compile(r"kubectl [^(]*?-p '[^']*'")


def backed_up(cluster: EtcdCluster, name: str) -> Json:
    """A finished backup of it."""
    return Backup(cluster.sandbox, name).create(cluster=cluster.name, deadline="2m").succeeded()  # type: ignore[no-any-return]


def told(cluster: EtcdCluster, *words: str) -> str:
    """The command of the obituary, once it has all the words: the loss is seen volume by volume."""

    def whole(condition: Json) -> bool:
        said = condition.get("message", "")
        return condition.get("status") == "True" and all(word in said for word in words) and bool(COMMAND.search(said))

    found = cluster.until(f"Stalled with {', '.join(words)} and a command", lambda: cluster.condition("Stalled"), whole, 90)
    assert found["reason"] in LOST
    command = COMMAND.search(found["message"])
    assert command
    return command[0]


def recovered(cluster: EtcdCluster, size: int, old: etcd.View) -> Json:
    """Wait until the cluster has begun anew, and look that nothing of the old one is in it; status.restore."""
    cluster.until(
        "begun anew", lambda: (cluster.status().get("restore") or {}).get("phase"), lambda phase: phase == "Succeeded", 360
    )
    cluster.wait_ready(size, seconds=240)
    new = etcd.settled(cluster, size)
    assert new.members[0].cluster != old.members[0].cluster
    assert not set(new.listed) & set(old.listed), "a member of the old history is in the new one"
    assert not {claim_name(name) for name in old.listed} & set(cluster.claims()), "a volume of the old history is left"
    assert etcd.revision(cluster) > BUMP
    progress: Json = cluster.status()["restore"]
    assert progress["kind"] == "Recovery"
    assert condition(cluster.find(), "Stalled").get("status") != "True"
    return progress


def test_manual_names_the_survivor_the_backup_and_the_command(
    cluster: EtcdCluster, objects: Store, kubectl_program: Kubectl
) -> None:
    """Two of three volumes gone: nothing is done, status says what there is; the command it gives brings all data back."""
    cluster.create(3, objectStore=objects.spec())
    etcd.put(cluster, planted="in the backup")
    backup = backed_up(cluster, "newest")
    etcd.put(cluster, planted="on the survivor")
    old = etcd.settled(cluster, 3)
    first, second, survivor = sorted(old.listed)
    claim = cluster.claims()[claim_name(survivor)]
    damage.lose_volumes(cluster, [first, second])
    command = told(cluster, survivor, claim_name(survivor), "newest", backup["time"], str(backup["revision"]))
    never(
        "anything is done without being told",
        lambda: cluster.claims().get(claim_name(survivor)),
        lambda uid: uid != claim,
        during=15,
    )
    assert not cluster.fresh_members(old.listed)

    done = kubectl_program.run(*shlex.split(command)[1:])
    assert done.code == 0, done.err
    progress = recovered(cluster, 3, old)
    assert survivor in progress["source"]
    assert etcd.get(cluster, "planted") == "on the survivor"


def test_automatic_begins_anew_from_the_survivor(cluster: EtcdCluster, objects: Store) -> None:
    """The surviving member has more than the newest backup: that is what the new cluster has, and nothing of it is lost."""
    cluster.create(3, objectStore=objects.spec(), recovery="automatic")
    etcd.put(cluster, planted="in the backup")
    backed_up(cluster, "older")
    etcd.put(cluster, planted="on the survivor")
    old = etcd.settled(cluster, 3)
    *lost, survivor = sorted(old.listed)
    with Trail(cluster, {claim_name(survivor): cluster.claims()[claim_name(survivor)]}) as trail:
        damage.lose_volumes(cluster, lost)
        progress = recovered(cluster, 3, old)
    trail.assert_old_data_outlived_the_doubt()
    assert survivor in progress["source"]
    assert etcd.get(cluster, "planted") == "on the survivor"
    assert progress.get("lostRevisions", 0) == 0
    assert progress["revision"] >= max(member.revision for member in old.members)


@pytest.mark.parametrize("size", [1, 3])
@pytest.mark.parametrize("recovery", ["manual", "automatic"])
def test_all_volumes_are_gone_and_a_backup_is_left(
    recovery: str, size: int, cluster: EtcdCluster, objects: Store, kubectl_program: Kubectl
) -> None:
    """By itself or by the command that status gives: the newest good backup's data, and how much is lost is told."""
    cluster.create(size, objectStore=objects.spec(), recovery=recovery)
    etcd.put(cluster, planted="older")
    backed_up(cluster, "older")
    etcd.put(cluster, planted="newest")
    newest = backed_up(cluster, "newest")
    etcd.put(cluster, planted="lost", extra="lost")
    # It knows of a revision what it saw in its last pass.
    cluster.edit(safetyBackup=True)
    cluster.wait_ready(size)
    old = etcd.settled(cluster, size)
    damage.lose_volumes(cluster, old.listed)
    if recovery == "manual":
        command = told(cluster, "newest")
        never("an empty cluster serves", cluster.status, lambda s: s.get("clusterID") != old.members[0].cluster, during=10)
        done = kubectl_program.run(*shlex.split(command)[1:])
        assert done.code == 0, done.err
    progress = recovered(cluster, size, old)
    assert newest["id"] in progress["source"]
    assert etcd.get(cluster, "planted") == "newest"
    assert etcd.get(cluster, "extra") is None
    assert progress["lostRevisions"] >= 2
    assert newest["time"] in progress["message"], "as of when the data is"


def test_automatic_without_a_backup_forms_no_empty_cluster(cluster: EtcdCluster) -> None:
    """Nothing is left to begin anew from: it says so."""
    cluster.create(1, recovery="automatic")
    old = etcd.settled(cluster, 1)
    damage.lose_volumes(cluster, old.listed)
    stalled = cluster.wait_condition("Stalled", "True", *LOST)
    assert stalled["message"]
    never("an empty cluster is formed", cluster.status, lambda s: s.get("clusterID") != old.members[0].cluster, during=20)


def test_automatic_leaves_a_quorum_that_comes_back_alone(cluster: EtcdCluster, objects: Store) -> None:
    """Two members' pods can't start for a while: that is no reason to give up their data."""
    cluster.create(3, objectStore=objects.spec(), recovery="automatic")
    etcd.put(cluster, planted="before")
    backed_up(cluster, "older")
    etcd.put(cluster, planted="after")
    old, claims = etcd.settled(cluster, 3), cluster.claims()
    damage.admit_no_pods(cluster)
    for member in sorted(cluster.members())[:2]:
        damage.kill(cluster, member)
    cluster.wait_condition("Available", "False")
    never("a recovery begins", lambda: cluster.status().get("restore"), bool, during=20)
    damage.admit_pods(cluster)
    cluster.wait_ready()
    assert etcd.settled(cluster, 3).members[0].cluster == old.members[0].cluster
    assert cluster.claims() == claims
    assert etcd.get(cluster, "planted") == "after"
