"""Members that are down, lost or left over. Pure."""

from __future__ import annotations

from davit_etcd.commands import Disarm, DiscardMember, RemoveMember
from davit_etcd.diagnosis import stuck
from davit_etcd.model import Member, quorum
from davit_etcd.policies.view import Step, View, find, learning, left_over, restart, stale, wanted_inputs


def rescue(view: View) -> Step | None:
    """A member that is down anyway may take corrected inputs at once, quorum or not: there is nothing to lose."""
    for member in view.snapshot.members:
        down = member.etcd is not None and not member.healthy and stuck(member) and member.name not in view.dead
        if not down or not stale(view, member):
            continue
        if learning(member) or (not view.cluster.storage.memory and _may_skip_the_queue(view, member)):
            return restart(view, member, "Repairing", f"{member.name} is down: restarting it as the spec now says")
    return None


def _may_skip_the_queue(view: View, member: Member) -> bool:
    """Another version waits for its turn, unless the member was on its way to one already or there is no other."""
    known, record = view.snapshot.versions, member.record
    if not known or wanted_inputs(view, member).version == known[0] or len(view.snapshot.members) == 1:
        return True
    return record is not None and record.inputs.version != known[0]


def disarm(view: View) -> Step | None:
    """An alarm of a member that is no more."""
    for member_id in filter(None, view.snapshot.orphaned_alarms):
        message = f"the CORRUPT alarm of member {member_id}, which is no more, still stops all writes: disarming it"
        return Step("Healing", message, Disarm(member_id, message))
    return None


def leftover(view: View) -> Step | None:
    """Objects of a member that etcd no longer lists."""
    for member in view.snapshot.members:
        if left_over(member):
            message = f"{member.name} is no longer a member: deleting its StatefulSet and volume"
            return Step("Discarding", message, DiscardMember(member.name, message))
    return None


def bury(view: View) -> Step | None:
    """Remove a lost member before its replacement is added, as etcd's documentation demands."""
    voters = view.snapshot.voters
    for name, why in view.dead.items():
        member = find(view, name)
        others = [m for m in voters if m.healthy and m.name != name]
        # A member that still serves votes for its own removal.
        need = quorum(len(voters) - 1) if member.healthy else quorum(len(voters))
        if member.etcd is None or len(others) < need:
            continue
        message = f"{name} is lost ({why}): replacing it from the {len(others)} others"
        return Step("Healing", message, RemoveMember(name, member.etcd.id, message, "ReplacingMember"))
    return None
