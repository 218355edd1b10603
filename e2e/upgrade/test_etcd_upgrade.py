"""etcd's version is raised twice under traffic, one member at a time, the leader last."""

from __future__ import annotations

import time

import pytest

from e2e.support import etcd, traffic
from e2e.support.cluster import EtcdCluster
from e2e.support.kube import pod_ready
from e2e.support.sampling import Sampler
from e2e.support.settings import Settings


class Watcher(Sampler):
    """Notes in which order pods were replaced, who led before, and the most that were away at once."""

    def __init__(self, cluster: EtcdCluster) -> None:
        self.cluster = cluster
        self.order: list[str] = []
        self.away = 0
        self._uids = {name: pod["metadata"]["uid"] for name, pod in cluster.pods().items()}

    def look(self) -> None:
        pods = self.cluster.pods()
        ready = [name for name, pod in pods.items() if pod_ready(pod)]
        self.away = max(self.away, len(self._uids) - len(ready))
        for name, pod in pods.items():
            if self._uids.get(name) != pod["metadata"]["uid"]:
                self._uids[name] = pod["metadata"]["uid"]
                self.order.append(name)


def roll(cluster: EtcdCluster, version: str, flow: traffic.Traffic) -> None:
    """One upgrade with all that is promised about its course."""
    before, claims = etcd.settled(cluster, 3), cluster.claims()
    begun = time.monotonic()
    with Watcher(cluster) as watcher:
        cluster.edit(version=version)
        cluster.until(
            "the target is in the status",
            cluster.status,
            lambda s: s.get("targetVersion") == version,
            seconds=30,
        )
        cluster.wait_ready(seconds=300)
    cluster.sandbox.note(f"to {version}: {time.monotonic() - begun:.1f} s, order {', '.join(watcher.order)}")
    after = etcd.settled(cluster, 3)
    flow.flow()
    assert {m.version for m in after.members} == {version}
    assert {m.name: m.id for m in after.members} == {m.name: m.id for m in before.members}
    assert cluster.claims() == claims
    # More than once each, where a release needs a member prepared for the next one.
    assert set(watcher.order) == set(before.listed)
    assert watcher.order[-1] == before.leader, f"{before.leader} led and was not the last of {watcher.order}"
    assert watcher.away <= 1
    status = cluster.status()
    assert status["currentVersion"] == version
    assert "targetVersion" not in status


@pytest.mark.ci
def test_two_minor_upgrades_under_traffic(cluster: EtcdCluster, settings: Settings) -> None:
    """Oldest to middle to newest: same members, same volumes, followers first, never two away."""
    oldest, middle, newest = settings.versions
    cluster.create(3, version=oldest)
    with traffic.running(cluster) as flow:
        roll(cluster, middle, flow)
        roll(cluster, newest, flow)


def test_single_member_upgrade(cluster: EtcdCluster, settings: Settings) -> None:
    """Size 1 can't stay available, but keeps all data."""
    cluster.create(1)
    with traffic.running(cluster) as flow:
        cluster.edit(version=settings.versions[2])
        cluster.wait_ready()
        flow.flow()
    assert {m.version for m in etcd.settled(cluster, 1).members} == {settings.versions[2]}


def test_upgrade_and_resize_in_one_edit(cluster: EtcdCluster, settings: Settings) -> None:
    """Both at once end as both one after the other."""
    cluster.create(3)
    with traffic.running(cluster) as flow:
        cluster.edit(version=settings.versions[2], size=5)
        cluster.wait_ready(seconds=300)
        flow.flow()
    assert {m.version for m in etcd.settled(cluster, 5).members} == {settings.versions[2]}


def test_options_are_rolled_out_one_member_at_a_time(cluster: EtcdCluster) -> None:
    """A changed etcd option restarts each member once, the leader last."""
    cluster.create(3)
    before = etcd.settled(cluster, 3)
    with traffic.running(cluster), Watcher(cluster) as watcher:
        cluster.edit(etcdOptions={"heartbeat-interval": "150"})
        cluster.wait_ready()
    etcd.settled(cluster, 3)
    assert sorted(watcher.order) == sorted(before.listed)
    assert watcher.order[-1] == before.leader
    assert watcher.away <= 1
    assert all("--heartbeat-interval=150" in pod["spec"]["containers"][0]["args"] for pod in cluster.pods().values())
