"""Changed versions, settings and volume sizes, one member at a time. Pure."""

from __future__ import annotations

from davit.kube.quantity import parse_quantity

from davit_etcd.commands import ExpandVolume, MoveLeader
from davit_etcd.diagnosis import complaint
from davit_etcd.manifests.volume import requested
from davit_etcd.model import Member
from davit_etcd.policies.upgrading import first_of_all, lower, stride, unraised
from davit_etcd.policies.view import SOON, Step, View, restart, stale

MAX_LAG = 1000
"""Raft entries that a member may be behind its leader and still count as caught up."""


def roll(view: View) -> Step | None:
    """Restarts one outdated member, followers first, the leader last."""
    snapshot = view.snapshot
    listed = [m for m in snapshot.members if m.etcd is not None]
    outdated = [m for m in listed if stale(view, m)]
    if not outdated or view.cluster.storage.memory:
        return None
    member = min(outdated, key=lambda m: (m.healthy, m.name == snapshot.leader, -m.ordinal))
    done = sum(m.healthy and m.pod_ready for m in listed if m not in outdated)
    kind, what = _change(view, member)
    progress = f"{stride(view)}{done} of {len(listed)} members {what}"
    if waiting := _not_yet(view, member):
        return Step(kind, f"{progress}; {waiting}", wait=SOON)
    if first := first_of_all(view, (member,)) or lower(view):
        return first
    if member.name == snapshot.leader and len(snapshot.voters) > 1:
        return hand_over(view, member)
    return restart(view, member, kind, f"{progress}; restarting {member.name}")


def _change(view: View, member: Member) -> tuple[str, str]:
    version = view.target.version
    before = member.record.inputs.version if member.record else version
    runs = member.endpoint.version if member.endpoint else str(before)
    known = view.snapshot.status.get("currentVersion", str(version))
    if str(version) not in (known, "") or before != version or runs != str(version):
        return "Downgrading" if version.line < before.line else "Upgrading", f"run {version}"
    return "Restarting", "have the new settings"


def _not_yet(view: View, member: Member) -> str:
    """What must be true before one more member may be restarted."""
    others = [m for m in view.snapshot.voters if m.name != member.name]
    for other in others:
        if not other.healthy or not other.pod_ready:
            return f"waiting for {other.name}: {complaint(other).message if not other.healthy else 'its pod is not ready'}"
    if waiting := unraised(view):
        return waiting
    leader = next((m.endpoint for m in view.snapshot.members if m.name == view.snapshot.leader), None)
    for other in others:
        if leader and other.endpoint and leader.raft_index - other.endpoint.raft_applied_index > MAX_LAG:
            return f"waiting for {other.name} to catch up"
    return _disagreement(view, others)


def _disagreement(view: View, others: list[Member]) -> str:
    healthy = [m for m in others if m.healthy]
    if len(healthy) < 1:
        return ""
    if any(m.hash is None for m in healthy):
        return "waiting for the members' hashes"
    by_compaction: dict[int, set[int]] = {}
    for member in view.snapshot.voters:
        if member.hash is not None:
            by_compaction.setdefault(member.hash.compact_revision, set()).add(member.hash.value)
    if any(len(values) > 1 for values in by_compaction.values()):
        return "members disagree about the data (HashKV): nothing is restarted"
    return ""


def hand_over(view: View, leader: Member) -> Step:
    """Leadership goes to the member that is best prepared to keep it; there must be another healthy voter."""
    fit = [m for m in view.snapshot.voters if m.healthy and m.name != leader.name]
    heir = max(fit, key=lambda m: (not stale(view, m), m.endpoint.raft_applied_index if m.endpoint else 0, -m.ordinal))
    message = f"moving leadership from {leader.name} to {heir.name} before {leader.name} stops"
    return Step("MovingLeader", message, MoveLeader(heir.etcd.id if heir.etcd else "", message))


def expand(view: View) -> Step | None:
    """Larger volumes, when all else is done: the storage class may refuse."""
    if view.cluster.storage.memory or view.cluster.held:
        return None
    for member in view.snapshot.members:
        if member.volume is not None and parse_quantity(requested(member.volume)) < view.cluster.storage.bytes:
            size = view.cluster.storage.size
            message = f"the volume of {member.name} grows from {requested(member.volume)} to {size}"
            return Step("ExpandingVolume", message, ExpandVolume(member.name, size, message))
    return None
