"""States in which nothing may be changed, or nothing need be. Pure."""

from __future__ import annotations

from dataclasses import replace

from davit_etcd.manifests import volume_name
from davit_etcd.model import quorum
from davit_etcd.policies.recovery import beyond_repair, obituary
from davit_etcd.policies.view import SETTLED, WAITING, Step, View, complaints, find, keep_running, left_over


def hibernating(view: View) -> Step | None:
    """Size 0: nothing runs, everything is kept."""
    if view.cluster.size:
        return None
    if doomed := [name for name in view.dead if find(view, name).healthy]:
        # Frozen, or the very StatefulSets would stop it.
        return replace(keep_running(view, doomed[0], "set spec.size back until it is replaced"), frozen=True)
    left = [m.name for m in view.snapshot.members if m.pod is not None]
    if left:
        return Step("Hibernating", f"stopping {', '.join(left)}; all data is kept")
    return Step("Hibernated", "size is 0: no member runs, all data is kept", settled=True, wait=SETTLED)


def mistaken(view: View) -> Step | None:
    """What does not fit the resource's own past: a person decides, nothing is touched."""
    snapshot = view.snapshot
    known, seen = snapshot.status.get("clusterID") or snapshot.adopted_id, snapshot.cluster_id
    if known and seen and known != seen:
        return _puzzled(
            "ClusterIDMismatch",
            f"members answer as cluster {seen}, this is cluster {known}: nothing is changed until a person has looked",
        )
    if snapshot.strangers:
        names = ", ".join(f"{m.name or 'unnamed'} ({m.id}, {' '.join(m.peer_urls)})" for m in snapshot.strangers)
        return _puzzled(
            "UnknownMember",
            f"etcd lists members that are not this resource's: {names}; remove them with etcdctl member remove",
        )
    gone = [m.name for m in snapshot.members if left_over(m) and m.volume is not None] if snapshot.quorum else []
    if len(gone) > 1:
        return _puzzled(
            "MembersVanished",
            f"etcd no longer lists {', '.join(gone)}, all at once and not by Davit: their volumes are kept. "
            "If they are of no use, delete their StatefulSets and volumes",
        )
    return None


def _puzzled(reason: str, message: str) -> Step:
    return Step(reason, message, stalled=True, frozen=True, wait=SETTLED)


def without_quorum(view: View) -> Step | None:
    """Nothing can be changed without a quorum: tell whether it can come back."""
    snapshot = view.snapshot
    if snapshot.quorum:
        return None
    if found := beyond_repair(view):
        return Step("QuorumLost", obituary(view, *found), stalled=True, wait=SETTLED)
    voters = snapshot.voters or snapshot.members
    alive = [m for m in voters if m.name not in view.dead]
    need = quorum(len(voters))
    waiting = complaints(view, (m for m in alive if not m.healthy))
    return Step("NoQuorum", f"{need} of {len(voters)} members are needed to serve{waiting}", wait=WAITING)


def waiting(view: View) -> Step | None:
    """All is as it should be but for members that are not ready."""
    members = [m for m in view.snapshot.members if m.etcd is not None]
    sick = [m for m in members if not m.healthy or not m.pod_ready or m.name in view.dead]
    if not sick and len(view.snapshot.voters) == view.cluster.size:
        return None
    more = f"; waiting for {going} of the data before the restore to go" if (going := _going(view)) else ""
    return Step("MemberUnhealthy", f"{len(sick)} of {len(members)} members are not ready{complaints(view, sick)}{more}")


def settled(view: View) -> Step:
    """Nothing is left to do."""
    size = len(view.snapshot.voters)
    if going := _going(view):
        return Step("Restoring", f"{size} of {size} members serve; waiting for {going} of the data before the restore to go")
    return Step("AllMembersReady", f"{size} of {size} members serve", settled=True, wait=SETTLED)


def _going(view: View) -> str:
    """What a restore that is done but for this still waits for."""
    progress = view.snapshot.progress
    if progress is None or progress.phase != "Cleaning":
        return ""
    return ", ".join(volume_name(m.name) if m.volume is not None else m.name for m in view.snapshot.retired if not left_over(m))
