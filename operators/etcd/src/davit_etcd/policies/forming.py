"""Before there is a cluster: the first members come up all at once. Pure."""

from __future__ import annotations

from davit_etcd.diagnosis import stuck
from davit_etcd.model import CLUSTER_UID_ANNOTATION, Cluster, Member, annotation, volume_cluster
from davit_etcd.policies.view import SETTLED, SOON, WAITING, Step, View, complaints, restart, stale


def forming(view: View) -> Step | None:
    """Waits until the first members have found each other; corrects those that never started."""
    snapshot = view.snapshot
    if snapshot.formed:
        return None
    if not view.cluster.size:
        return Step("Hibernated", "size is 0: nothing runs", settled=True, wait=SETTLED)
    foreign = [m.name for m in snapshot.members if m.volume is not None and _foreign(view.cluster, m)]
    if foreign:
        claims = ", ".join(f"data-{name}" for name in foreign)
        return Step(
            "LeftoverVolumes",
            f"{claims}: left by an earlier EtcdCluster of this name that was never formed; delete them to go on",
            stalled=True,
            frozen=True,
            wait=SETTLED,
        )
    broken = next((m for m in snapshot.members if stuck(m) and stale(view, m)), None)
    if broken is not None:
        return restart(view, broken, "Creating", f"{broken.name} never started: trying again as the spec now says")
    started = sum(member.endpoint is not None for member in snapshot.members)
    waiting = complaints(view, (m for m in snapshot.members if m.endpoint is None))
    return Step(
        "Creating",
        f"forming a cluster of {len(view.initial)}: {started} started{waiting}",
        wait=SOON if started else WAITING,
    )


def _foreign(cluster: Cluster, member: Member) -> bool:
    uid = annotation(member.volume, CLUSTER_UID_ANNOTATION)
    return bool(uid) and uid != cluster.uid and not volume_cluster(member.volume)
