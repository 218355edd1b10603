"""Two replicas: one acts, by a Lease; the other takes over."""

from __future__ import annotations

import time
from signal import SIGCONT, SIGSTOP

import pytest

from e2e.support import etcd, signals, traffic
from e2e.support.cluster import EtcdCluster
from e2e.support.installation import Installation
from e2e.support.kinds import LEASE, POD
from e2e.support.kube import dig
from e2e.support.logs import Follower
from e2e.support.wait import never, until

pytestmark = pytest.mark.serial


@pytest.mark.ci
def test_one_of_two_acts_and_the_other_takes_over(
    cluster: EtcdCluster, restored_operator: Installation, operator_log: Follower
) -> None:
    """The holder of the Lease does the work; it is killed with its pod, and the standby does the next.

    Of a pod that stays the container is started anew, and takes the Lease over from itself before the standby may.
    """
    operator = restored_operator
    operator.scale(2)
    first = until("a holder of the Lease", operator.holder, deadline=60)
    mark = operator_log.mark()
    cluster.create(1)
    assert actors(operator_log, mark, cluster) <= {first}
    never(
        "the Lease changes hands without need",
        operator.holder,
        lambda now: now not in ("", first),
        during=10,
        every=1,
    )

    with traffic.running(cluster):
        mark, killed = operator_log.mark(), time.monotonic()
        operator.kill(cluster.sandbox, first, replace=True)
        second = until("another holder", operator.holder, lambda now: now not in ("", first), deadline=90, every=0.1)
        cluster.sandbox.note(f"the Lease was taken over after {time.monotonic() - killed:.1f} s")
        cluster.edit(size=3)
        cluster.wait_ready()
    etcd.settled(cluster, 3)
    assert actors(operator_log, mark, cluster) <= {first, second}


def test_orderly_stop_hands_the_lease_over_at_once(cluster: EtcdCluster, restored_operator: Installation) -> None:
    """A replica that is asked to stop gives the Lease up, so that a roll-out costs no waiting."""
    operator = restored_operator
    operator.scale(2)
    first = until("a holder of the Lease", operator.holder, deadline=60)
    cluster.create(1)
    started = time.monotonic()
    cluster.sandbox.kube.delete(POD, operator.namespace, first)
    until("another holder", operator.holder, lambda now: now not in ("", first), deadline=60, every=0.1)
    cluster.sandbox.note(f"the Lease was handed over after {time.monotonic() - started:.1f} s")
    cluster.edit(size=3)
    cluster.wait_ready()


@pytest.mark.expected_log("ending: .*the lease")
def test_leader_that_was_frozen_does_not_act_on_what_it_saw(
    cluster: EtcdCluster, restored_operator: Installation, operator_log: Follower
) -> None:
    """SIGSTOP for longer than the Lease lasts, then SIGCONT: the standby has done the work, the sleeper adds nothing."""
    operator = restored_operator
    operator.scale(2)
    first = until("a holder of the Lease", operator.holder, deadline=60)
    cluster.create(1)
    signals.prepare_all(cluster.sandbox, operator.pods())
    with traffic.running(cluster):
        signals.send(cluster.sandbox, operator.namespace, first, SIGSTOP)
        cluster.edit(size=3)
        second = until("another holder", operator.holder, lambda now: now not in ("", first), deadline=90, every=0.1)
        cluster.until("the standby has begun", cluster.members, lambda members: len(members) > 1, seconds=60)
        mark = operator_log.mark()
        signals.send(cluster.sandbox, operator.namespace, first, SIGCONT)
        cluster.wait_ready()
        never("the Lease goes back", operator.holder, lambda now: now == first, during=5, every=1)
    etcd.settled(cluster, 3)
    assert actors(operator_log, mark, cluster) <= {second}


def actors(log: Follower, mark: int, cluster: EtcdCluster) -> set[str]:
    """Pods that logged an action on this cluster since the mark."""
    mine = f"{cluster.sandbox.namespace}/{cluster.name}"
    return {line.pod for line in log.since(mark) if line.data.get("key") == mine and line.data.get("action")}


def test_lease_names_one_holder(restored_operator: Installation) -> None:
    """There is exactly one Lease of the etcd operator, and it is renewed."""
    kube, namespace = restored_operator.kube, restored_operator.namespace

    def renewals() -> list[str]:
        return [
            str(dig(lease, "spec", "renewTime")) for lease in kube.all(LEASE, namespace) if "etcd" in lease["metadata"]["name"]
        ]

    (before,) = renewals()
    until("the Lease is renewed", renewals, lambda now: now != [before], deadline=30)
