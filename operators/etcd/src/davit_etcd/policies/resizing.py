"""Members join as learners and leave one at a time. Pure."""

from __future__ import annotations

from davit_etcd.commands import AddLearner, LabelVoter, Promote, RemoveMember
from davit_etcd.diagnosis import stuck
from davit_etcd.model import PEERS_ANNOTATION, ROLE_LABEL, Member, annotation, quorum
from davit_etcd.policies.rolling import hand_over
from davit_etcd.policies.safety import secured
from davit_etcd.policies.upgrading import first_of_all, stride, unraised
from davit_etcd.policies.view import SOON, WAITING, Step, View, complaints, find, restart, stale, volume_going


def label(view: View) -> Step | None:
    """Clients are sent to voters only, so a new voter's pod has to say that it is one."""
    for member in view.snapshot.voters:
        labels = (member.pod or {}).get("metadata", {}).get("labels", {})
        if member.pod is not None and "deletionTimestamp" not in member.pod["metadata"] and ROLE_LABEL not in labels:
            message = f"{member.name} votes: sending it clients"
            return Step("AddingMember", message, LabelVoter(member.name, message))
    return None


def teach(view: View) -> Step | None:
    """A learner is waited for and promoted, or given up when it is no longer wanted."""
    for member in view.snapshot.learners:
        if len(view.snapshot.voters) >= view.cluster.size and not _surge(view) and member.etcd is not None:
            message = f"{member.name} is not needed any more"
            return Step("ScalingDown", message, RemoveMember(member.name, member.etcd.id, message, "RemovingMember"))
        if member.etcd is not None and member.endpoint is not None and member.etcd.name:
            message = f"{member.name} is catching up"
            if member.record is None or member.record.start != "established":
                return Step("AddingMember", message, wait=0.0)
            return Step("AddingMember", message, Promote(member.name, member.etcd.id, message), wait=SOON)
        return _start(view, member)
    return None


def _start(view: View, learner: Member) -> Step:
    message = f"{learner.name} is starting as a learner{complaints(view, [learner])}"
    names = ",".join(m.name for m in view.snapshot.members if m.etcd is not None)
    if learner.pod is not None and stuck(learner) and annotation(learner.pod, PEERS_ANNOTATION) != names:
        return restart(view, learner, "AddingMember", f"{learner.name} was told a member list that has changed: restarting it")
    if stuck(learner) and volume_going(learner):
        return restart(
            view, learner, "AddingMember", f"the volume of {learner.name} is being deleted: starting it with a new one"
        )
    return Step("AddingMember", message, wait=SOON if learner.pod else WAITING)


def _surge(view: View) -> bool:
    """Whether one more member than wanted is needed for a while: to restart in memory, or to save a doomed volume."""
    outdated = view.cluster.storage.memory and any(stale(view, m) for m in view.snapshot.voters)
    return outdated or any(find(view, name).healthy for name in view.dead)


def grow(view: View) -> Step | None:
    """One member more, as a learner."""
    voters, wanted = view.snapshot.voters, view.cluster.size
    surge = len(voters) == wanted and _surge(view)
    if len(voters) >= wanted and not surge:
        return None
    healthy = sum(m.healthy for m in voters)
    if healthy + 1 < quorum(len(voters) + 1):
        return None
    if view.cluster.storage.memory:
        if waiting := unraised(view):
            return Step("Upgrading", f"{stride(view)}{waiting}", wait=SOON)
        if surge and (first := first_of_all(view, voters)):
            return first
    name = f"{view.cluster.key.name}-{view.snapshot.next_ordinal}"
    message = f"{name} joins: {len(voters)} of {wanted} members" + (", one more for a while" if surge else "")
    return Step("ScalingUp", message, AddLearner(name, message))


def shrink(view: View) -> Step | None:
    """One member less, the least worth first."""
    voters, wanted = view.snapshot.voters, view.cluster.size
    if len(voters) <= wanted:
        return None
    victim = min(voters, key=lambda m: _worth(view, m))
    left = [m for m in voters if m.name != victim.name]
    if sum(m.healthy for m in left) < quorum(len(left)) or victim.etcd is None:
        sick = complaints(view, (m for m in voters if not m.healthy))
        return Step("ScalingDown", f"removing a member now would cost the quorum: waiting{sick}")
    if victim.healthy and (first := secured(view, f"{view.cluster.generation}-shrink", f"removing {victim.name}")):
        return first
    if victim.name == view.snapshot.leader:
        return hand_over(view, victim)
    message = f"{victim.name} leaves: {len(voters)} members, {wanted} wanted"
    return Step("ScalingDown", message, RemoveMember(victim.name, victim.etcd.id, message, "RemovingMember"))


def _worth(view: View, member: Member) -> tuple[bool, bool, bool, int]:
    """The least worth goes first: sick before healthy, outdated before current, the leader last, then the newest."""
    outdated = view.cluster.storage.memory and stale(view, member)
    return member.healthy, not outdated, member.name == view.snapshot.leader, -member.ordinal
