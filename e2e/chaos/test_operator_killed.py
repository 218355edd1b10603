"""The operator is killed in the middle of every multi-step operation, and finishes it when it is back.

The middle is found by looking: each operation names the state that exists only while it is under way.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import pytest

from e2e.support import damage, etcd, signals, traffic
from e2e.support.cluster import EtcdCluster
from e2e.support.installation import Installation
from e2e.support.settings import Settings
from e2e.support.wait import until

pytestmark = pytest.mark.serial

FAST = 0.05
"""Seconds between looks for a state that may pass quickly."""


@dataclass(frozen=True)
class Operation:
    """`begin` starts it on a cluster of `size`; `middle` holds only under way; at the end there are `voters`."""

    size: int
    begin: Callable[[EtcdCluster, Settings], None]
    middle: Callable[[EtcdCluster], object]
    voters: int


def announced_not_made(cluster: EtcdCluster) -> bool:
    """etcd lists a learner."""
    return any((m.get("role") or "") == "Learner" for m in cluster.status().get("members") or [])


def one_new_member(cluster: EtcdCluster) -> bool:
    """The first of several new members has its StatefulSet."""
    return len(cluster.members()) > 3


def one_member_fewer(cluster: EtcdCluster) -> bool:
    """The first of several leaving members is gone."""
    return len(cluster.members()) < 5


def highest_number(cluster: EtcdCluster) -> int:
    """The highest number of a member; those of a new cluster of three are 0, 1 and 2."""
    return max((int(name.rsplit("-", 1)[1]) for name in cluster.members()), default=0)


def has_grown_to(size: int, cluster: EtcdCluster) -> bool:
    """So many members have their StatefulSet."""
    return len(cluster.members()) >= size


def images(cluster: EtcdCluster) -> set[str]:
    """Images that its pods have."""
    return {pod["spec"]["containers"][0]["image"] for pod in cluster.pods().values()}


def lose_one(cluster: EtcdCluster, settings: Settings) -> None:
    """A claim of any member."""
    damage.lose_volumes(cluster, cluster.members()[:1])


def upgrade(cluster: EtcdCluster, settings: Settings) -> None:
    """To the newest version."""
    cluster.edit(version=settings.versions[2])


OPERATIONS = {
    "growing, a member was made": Operation(3, lambda c, s: c.edit(size=5), one_new_member, 5),
    "growing, a learner waits for promotion": Operation(1, lambda c, s: c.edit(size=3), announced_not_made, 3),
    "shrinking": Operation(5, lambda c, s: c.edit(size=3), one_member_fewer, 3),
    "replacing, the old member is gone": Operation(3, lose_one, lambda c: len(c.members()) < 3, 3),
    "replacing, the new member exists": Operation(3, lose_one, lambda c: highest_number(c) > 2, 3),
    "upgrading, one of three done": Operation(3, upgrade, lambda c: len(images(c)) > 1, 3),
    "waking": Operation(0, lambda c, s: c.edit(size=3), lambda c: len(c.pods()) > 0, 3),
}


@pytest.mark.parametrize("what", [
    pytest.param(what, marks=pytest.mark.ci) if what.startswith("growing, a member") else what for what in OPERATIONS
])  # fmt: skip
def test_killed_in_the_middle(what: str, cluster: EtcdCluster, restored_operator: Installation, settings: Settings) -> None:
    """SIGKILL, and the operation ends as if nothing had been; every acknowledged write is found."""
    operation = OPERATIONS[what]
    start = operation.size or 3
    cluster.create(start)
    signals.prepare_all(cluster.sandbox, restored_operator.pods())
    with traffic.running(cluster) as flow:
        if not operation.size:
            cluster.edit(size=0)
            cluster.wait_ready(0)
        operation.begin(cluster, settings)
        caught(cluster, what, operation.middle)
        restored_operator.kill(cluster.sandbox)
        restored_operator.wait_ready()
        cluster.wait_ready(seconds=300)
        etcd.settled(cluster, operation.voters)
        flow.flow()
    leftovers = set(cluster.claims()) - {f"data-{member}" for member in cluster.members()}
    assert not leftovers, f"volumes of nobody: {leftovers}"
    assert len(cluster.members()) == operation.voters


def caught(cluster: EtcdCluster, what: str, middle: Callable[[EtcdCluster], object]) -> None:
    """Until the middle was seen."""
    until(f"{what}: the middle is seen", lambda: middle(cluster), deadline=cluster.sandbox.seconds(120), every=FAST,
          show=cluster.picture)  # fmt: skip


def test_killed_while_the_cluster_is_formed(cluster: EtcdCluster, restored_operator: Installation) -> None:
    """Between the first StatefulSet and the first quorum."""
    signals.prepare_all(cluster.sandbox, restored_operator.pods())
    cluster.create(3, ready=False)
    caught(cluster, "forming", lambda c: len(c.members()) >= 1)
    restored_operator.kill(cluster.sandbox)
    cluster.wait_ready(seconds=300)
    view = etcd.settled(cluster, 3)
    assert cluster.status()["clusterID"] == view.members[0].cluster


def test_killed_again_and_again(cluster: EtcdCluster, restored_operator: Installation) -> None:
    """1 to 5 while the operator dies each time that something has changed."""
    cluster.create(1)
    with traffic.running(cluster) as flow:
        cluster.edit(size=5)
        for size in range(2, 6):
            caught(cluster, f"{size} members", partial(has_grown_to, size))
            restored_operator.kill(cluster.sandbox, replace=True)
            restored_operator.wait_ready()
        cluster.wait_ready(seconds=300)
        etcd.settled(cluster, 5)
        flow.flow()
