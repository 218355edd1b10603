"""What is timed on real members, each with the same done to a bare StatefulSet."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from e2e.bench import peer
from e2e.bench.report import Result
from e2e.support import damage, etcd, signals, traffic
from e2e.support.cluster import EtcdCluster
from e2e.support.history import History
from e2e.support.kinds import NAMESPACE
from e2e.support.kube import Kube, pod_ready
from e2e.support.sandbox import Sandbox
from e2e.support.settings import Settings
from e2e.support.wait import until

EVERY = 0.05
"""Seconds between looks: the resolution of every time."""


@dataclass(frozen=True)
class Bench:
    """Where to measure, how often, and with which image for helper pods."""

    kube: Kube
    settings: Settings
    image: str
    repeat: int

    @contextmanager
    def sandbox(self, title: str) -> Iterator[Sandbox]:
        """A namespace that is gone before the next measurement begins: its end would slow that one down."""
        box = Sandbox.create(self.kube, f"bench-{title}", self.image, self.settings.patience, lambda text: None)
        box.client()
        try:
            yield box
        finally:
            box.delete()
            # Its other objects wait for its pods, and those of a Prometheus may take ten minutes.
            until("the namespace is gone", lambda: not self._left(box), deadline=900, every=1)

    def _left(self, box: Sandbox) -> bool:
        return any(self.kube.get(NAMESPACE, None, name) for name in (box.namespace, *box.namespaces))

    def cluster(self, box: Sandbox) -> EtcdCluster:
        """A handle."""
        return EtcdCluster(box, self.settings.version)

    def times(self, title: str, measure: Callable[[Sandbox], float]) -> tuple[float, ...]:
        """The same measurement in as many fresh namespaces."""
        found = []
        for turn in range(self.repeat):
            with self.sandbox(title) as box:
                found.append(measure(box))
                print(f"  {title} {turn + 1}/{self.repeat}: {found[-1]:.2f} s", flush=True)
        return tuple(found)


def stopwatch(act: Callable[[], object], done: Callable[[], bool], what: str, deadline: float = 300) -> float:
    """Seconds from the act until it is done."""
    start = time.monotonic()
    act()
    until(what, done, deadline=deadline, every=EVERY)
    return time.monotonic() - start


def ready_pods(cluster: EtcdCluster, wanted: int, besides: frozenset[str] = frozenset()) -> bool:
    """Whether so many pods are ready, those with certain uids not counted."""
    pods = [pod for pod in cluster.pods().values() if pod_ready(pod)]
    return sum(pod["metadata"]["uid"] not in besides for pod in pods) >= wanted


def create(bench: Bench) -> Result:
    """Three members from nothing, images present."""

    def ours(box: Sandbox) -> float:
        cluster = bench.cluster(box)
        return stopwatch(lambda: cluster.create(3, ready=False), lambda: ready_pods(cluster, 3), "three pods ready")

    def bare(box: Sandbox) -> float:
        return stopwatch(lambda: peer.create(box, bench.settings.version), lambda: peer.ready(box) >= 3, "three pods ready")

    return Result("three members ready", bench.times("create", ours), bench.times("create-bare", bare))


def killed_pod(bench: Bench) -> Result:
    """SIGKILL and deletion of one pod of three, until its successor is ready."""

    def ours(box: Sandbox) -> float:
        cluster = bench.cluster(box).create(3)
        follower = next(name for name in cluster.members() if name != etcd.leader(cluster))
        signals.prepare_all(box, list(cluster.pods().values()))
        dead = frozenset({cluster.pods()[follower]["metadata"]["uid"]})
        return stopwatch(lambda: damage.kill(cluster, follower), lambda: ready_pods(cluster, 3, dead), "three pods ready again")

    def bare(box: Sandbox) -> float:
        peer.create(box, bench.settings.version)
        peer.wait_ready(box)
        leader = peer.leader(box)
        follower = next(name for name in peer.pods(box) if name != leader)
        return stopwatch(lambda: peer.kill(box, follower), lambda: peer.ready(box) >= 3, "three pods ready again")

    return Result("a killed pod is ready again", bench.times("kill", ours), bench.times("kill-bare", bare))


def grow(bench: Bench) -> Result:
    """Three to five members, each a learner first."""

    def ours(box: Sandbox) -> float:
        cluster = bench.cluster(box).create(3)
        return stopwatch(lambda: cluster.edit(size=5), lambda: serving(cluster, 5), "five voters")

    return Result("3 to 5 voting members", bench.times("grow", ours), remark="a bare StatefulSet can't")


def lost_volume(bench: Bench) -> Result:
    """A volume and its pod are gone, until three members vote again."""

    def ours(box: Sandbox) -> float:
        cluster = bench.cluster(box).create(3)
        member = next(name for name in cluster.members() if name != etcd.leader(cluster))
        start = time.monotonic()
        damage.lose_volumes(cluster, [member])
        until("three voters again", lambda: member not in members(cluster) and serving(cluster, 3), deadline=300, every=EVERY)
        return time.monotonic() - start

    return Result("a lost volume is replaced", bench.times("volume", ours), remark="a bare StatefulSet never does")


def members(cluster: EtcdCluster) -> list[str]:
    """The members in the status."""
    return [member["name"] for member in cluster.status().get("members") or []]


def serving(cluster: EtcdCluster, voters: int) -> bool:
    """Whether the status counts so many healthy voters, and each has a pod that is ready."""
    return cluster.status().get("readyMembers") == voters and ready_pods(cluster, voters)


def leader_dies(bench: Bench) -> Result:
    """The longest time without an acknowledged write when the leader is killed; the same client on both sides."""

    def ours(box: Sandbox) -> float:
        cluster = bench.cluster(box).create(3)
        with traffic.running(cluster, interval=0.02) as flow:
            damage.kill(cluster, etcd.leader(cluster))
            flow.flow(300)
        return gap(flow.history)

    def bare(box: Sandbox) -> float:
        peer.create(box, bench.settings.version)
        peer.wait_ready(box)
        with traffic.running(EtcdCluster(box, bench.settings.version, peer.NAME), interval=0.02) as flow:
            peer.kill(box, peer.leader(box))
            flow.flow(300)
        return gap(flow.history)

    return Result("longest write gap, leader killed", bench.times("leader", ours), bench.times("leader-bare", bare))


def gap(history: History | None) -> float:
    """Seconds, of a run that ended in order."""
    return history.gap if history else float("nan")


def upgrade(bench: Bench) -> list[Result]:
    """A minor upgrade of three members under traffic: duration, failed writes, and the longest gap."""
    target = bench.settings.versions[2]
    failed: dict[str, list[float]] = {"ours": [], "bare": []}
    gaps: dict[str, list[float]] = {"ours": [], "bare": []}

    def note(side: str, history: History | None) -> None:
        failed[side].append(float(history.failed_writes) if history else 0.0)
        gaps[side].append(gap(history))

    def ours(box: Sandbox) -> float:
        cluster = bench.cluster(box).create(3)
        with traffic.running(cluster, interval=0.02) as flow:
            seconds = stopwatch(
                lambda: cluster.edit(version=target),
                lambda: cluster.status().get("currentVersion") == target and serving(cluster, 3),
                f"all members run {target}",
            )
        note("ours", flow.history)
        return seconds

    def bare(box: Sandbox) -> float:
        peer.create(box, bench.settings.version)
        peer.wait_ready(box)
        with traffic.running(EtcdCluster(box, bench.settings.version, peer.NAME), interval=0.02) as flow:
            seconds = stopwatch(lambda: peer.upgrade(box, target), lambda: peer.runs(box, target), f"all pods run {target}")
        note("bare", flow.history)
        return seconds

    step = f"{bench.settings.version} to {target}"
    return [
        Result(f"upgrade {step}", bench.times("upgrade", ours), bench.times("upgrade-bare", bare)),
        Result("- writes that failed meanwhile", tuple(failed["ours"]), tuple(failed["bare"]), unit=""),
        Result("- longest write gap", tuple(gaps["ours"]), tuple(gaps["bare"])),
    ]
