"""Decides the next step of one etcd cluster. Pure.

An ordered list of policies, each of which looks at the whole snapshot and either names the next step or passes on. At
most one risky action comes out of a pass; the next pass looks at the world anew.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import Any

from davit.kube.kinds import POD_DISRUPTION_BUDGET, SERVICE
from davit.kube.quantity import parse_quantity
from davit.model import Action, Manifest, Notice, Plan

from davit_etcd import layout
from davit_etcd.commands import (
    AddLearner,
    DeletePod,
    Disarm,
    DiscardMember,
    ExpandVolume,
    LabelVoter,
    MoveLeader,
    Promote,
    RemoveMember,
)
from davit_etcd.diagnosis import complaint, lost, stuck
from davit_etcd.manifests.volume import requested
from davit_etcd.model import (
    CLUSTER_UID_ANNOTATION,
    DIGEST_ANNOTATION,
    PEERS_ANNOTATION,
    ROLE_LABEL,
    Cluster,
    Inputs,
    Member,
    Snapshot,
    annotation,
    quorum,
    volume_cluster,
)
from davit_etcd.versions import FRESH_SNAPSHOT, Version, needs_fresh_snapshot, refuse_upgrade

SETTLED = 30.0
SOON = 0.5
WAITING = 2.0
"""Seconds until the next look: nothing to do; something is about to change; Kubernetes will wake us anyway."""

MAX_LAG = 1000
"""Raft entries that a member may be behind its leader and still count as caught up."""


@dataclass(frozen=True, slots=True)
class Step:
    """What a policy found: `reason` and `message` for people, and what to do about it.

    stalled: a person has to act; settled: nothing is left to do; rolling: this member moves on to the inputs it should
    have; frozen: not even drift is repaired.
    """

    reason: str
    message: str
    action: Action | None = None
    stalled: bool = False
    settled: bool = False
    rolling: str = ""
    frozen: bool = False
    wait: float = WAITING


@dataclass(frozen=True, slots=True)
class Detail:
    """The plan's findings for the status room."""

    step: Step
    problems: tuple[Step, ...] = ()
    initial: tuple[str, ...] = ()
    target: Version | None = None


@dataclass(frozen=True, slots=True)
class View:
    """The cluster, the world, and what follows from both for every policy."""

    cluster: Cluster
    snapshot: Snapshot
    target: Inputs
    joining: Inputs
    initial: tuple[str, ...]
    dead: dict[str, str] = field(default_factory=dict)
    refusal: str = ""


def plan(cluster: Cluster, snapshot: Snapshot, now: float) -> Plan:
    """The next step; `now` is not needed today: every wait is for a condition, none for a time."""
    del now
    view = _view(cluster, snapshot)
    if cluster.paused:
        return Plan(detail=Detail(_describe(view), initial=view.initial), requeue_after=SETTLED)
    step = _candid(view, next(step for policy in POLICIES if (step := policy(view)) is not None))
    problems = tuple(_problems(view))
    return Plan(
        manifests=() if step.frozen else _manifests(view, step),
        prune=(SERVICE, POD_DISRUPTION_BUDGET),
        actions=(step.action,) if step.action else (),
        intent=_intent(view),
        notices=tuple(_notices(view, (step, *problems))),
        requeue_after=0.0 if step.action else step.wait,
        detail=Detail(step, problems, view.initial, view.target.version),
    )


def _manifests(view: View, step: Step) -> tuple[Manifest, ...]:
    rolling = next((m for m in view.snapshot.members if m.name == step.rolling), None)
    return layout.manifests(
        view.cluster,
        view.snapshot,
        initial=view.initial,
        inputs=view.joining,
        rolling=step.rolling,
        target=_wanted(view, rolling) if rolling else None,
        leaving=step.action.member if isinstance(step.action, RemoveMember | DiscardMember) else "",
    )


def _candid(view: View, step: Step) -> Step:
    """While a pass can only wait, what it waits for is the reason to show, if that is unlikely to end by itself."""
    if step.action or step.stalled or step.settled:
        return step
    hard = next((reason for member in _sick(view) if (reason := complaint(member).reason)), "")
    return replace(step, reason=hard) if hard else step


def _notices(view: View, steps: Iterable[Step]) -> Iterable[Notice]:
    for step in steps:
        if step.stalled:
            yield Notice(step.reason, step.message, warning=True)
    for member in _sick(view):
        if (said := complaint(member)).reason:
            yield Notice(said.reason, f"{member.name}: {said.message}", warning=True)


def _sick(view: View) -> list[Member]:
    """Members that should be healthy and are not."""
    if not view.cluster.size:
        return []
    return [m for m in view.snapshot.members if not m.healthy and (m.etcd is not None or m.name in view.initial)]


def _view(cluster: Cluster, snapshot: Snapshot) -> View:
    running = snapshot.versions
    refusal = cluster.held or (refuse_upgrade(running[0], cluster.inputs.version) if running else None)
    target = _held(cluster, snapshot) if refusal else _in_memory(cluster, snapshot)
    dead = {m.name: why for m in snapshot.members if m.etcd is not None and (why := lost(cluster, snapshot, m))}
    return View(
        cluster=cluster,
        snapshot=snapshot,
        target=target,
        joining=_joining(cluster, snapshot, target),
        initial=() if snapshot.formed else _initial(cluster, snapshot),
        dead=dead if snapshot.formed else {},
        refusal=refusal or "",
    )


def _in_memory(cluster: Cluster, snapshot: Snapshot) -> Inputs:
    """Members in memory are replaced instead of restarted, so a stepping stone is one for all of them together."""
    records = [m.record.inputs for m in snapshot.voters if m.record is not None]
    before = [now for now in records if needs_fresh_snapshot(now.version, cluster.inputs.version)]
    if not cluster.storage.memory or all(now.has_flags(FRESH_SNAPSHOT) for now in before):
        return cluster.inputs
    return min(before, key=lambda now: now.version).with_flags(FRESH_SNAPSHOT)


def _held(cluster: Cluster, snapshot: Snapshot) -> Inputs:
    """What new members are made from while an upgrade is refused: the same as the slowest there is."""
    records = [m.record.inputs for m in snapshot.members if m.record is not None and m.record.inputs.version in snapshot.versions]
    lowest = snapshot.versions[0]
    return min(records, key=lambda i: i.version, default=cluster.inputs.at(lowest, cluster.image_of(lowest)))


def _wanted(view: View, member: Member) -> Inputs:
    """What a member should be made from: each keeps what it has while an upgrade is refused."""
    if view.refusal and member.record is not None:
        return member.record.inputs
    target = view.joining if _learning(member) else view.target
    return _stepping_stone(member, target) or target


def _stepping_stone(member: Member, target: Inputs) -> Inputs | None:
    """What the member has to run, and be healthy with, before it may run the target; None when nothing."""
    if member.record is None or not needs_fresh_snapshot(member.record.inputs.version, target.version):
        return None
    now = member.record.inputs
    if not now.has_flags(FRESH_SNAPSHOT):
        return now.with_flags(FRESH_SNAPSHOT)
    return None if member.healthy and annotation(member.pod, DIGEST_ANNOTATION) == now.digest else now


def _learning(member: Member) -> bool:
    return member.etcd is not None and member.etcd.learner


def _joining(cluster: Cluster, snapshot: Snapshot, target: Inputs) -> Inputs:
    """A new member starts on the release line of the slowest one, and is upgraded in its turn."""
    slowest = min(
        (m.record.inputs for m in snapshot.voters if m.record is not None and m.healthy),
        key=lambda i: i.version,
        default=target,
    )
    return target if cluster.storage.memory or slowest.version.line == target.version.line else slowest


def _initial(cluster: Cluster, snapshot: Snapshot) -> tuple[str, ...]:
    """Fixed by the first pass, whatever the size becomes later: every first member must be told the same list."""
    given = tuple(snapshot.status.get("initialMembers") or ())
    recorded = next((m.record.peers for m in snapshot.members if m.record is not None and m.record.peers), ())
    return given or recorded or tuple(f"{cluster.key.name}-{n}" for n in range(cluster.size))


def _intent(view: View) -> dict[str, Any]:
    if view.snapshot.formed or view.snapshot.status.get("initialMembers") or not view.initial:
        return {}
    return {"initialMembers": list(view.initial)}


# --- before there is a cluster ---------------------------------------------------------------------------------------


def _forming(view: View) -> Step | None:
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
    broken = next((m for m in snapshot.members if stuck(m) and _stale(view, m)), None)
    if broken is not None:
        return _restart(view, broken, "Creating", f"{broken.name} never started: trying again as the spec now says")
    started = sum(member.endpoint is not None for member in snapshot.members)
    waiting = _complaints(view, (m for m in snapshot.members if m.endpoint is None))
    return Step(
        "Creating",
        f"forming a cluster of {len(view.initial)}: {started} started{waiting}",
        wait=SOON if started else WAITING,
    )


def _foreign(cluster: Cluster, member: Member) -> bool:
    uid = annotation(member.volume, CLUSTER_UID_ANNOTATION)
    return bool(uid) and uid != cluster.uid and not volume_cluster(member.volume)


# --- states in which nothing may be changed --------------------------------------------------------------------------


def _hibernating(view: View) -> Step | None:
    if view.cluster.size:
        return None
    if doomed := [name for name in view.dead if _find(view, name).healthy]:
        return _doomed(view, doomed[0])
    left = [m.name for m in view.snapshot.members if m.pod is not None]
    if left:
        return Step("Hibernating", f"stopping {', '.join(left)}; all data is kept")
    return Step("Hibernated", "size is 0: no member runs, all data is kept", settled=True, wait=SETTLED)


def _mistaken(view: View) -> Step | None:
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
    gone = [m.name for m in snapshot.members if _left_over(m) and m.volume is not None] if snapshot.quorum else []
    if len(gone) > 1:
        return _puzzled(
            "MembersVanished",
            f"etcd no longer lists {', '.join(gone)}, all at once and not by Davit: their volumes are kept. "
            "If they are of no use, delete their StatefulSets and volumes",
        )
    return None


def _puzzled(reason: str, message: str) -> Step:
    return Step(reason, message, stalled=True, frozen=True, wait=SETTLED)


def _without_quorum(view: View) -> Step | None:
    snapshot = view.snapshot
    if snapshot.quorum:
        return None
    voters = snapshot.voters or snapshot.members
    alive = [m for m in voters if m.name not in view.dead]
    need = quorum(len(voters))
    if len(alive) < need:
        return Step("QuorumLost", _obituary(view, voters, alive, need), stalled=True, wait=SETTLED)
    waiting = _complaints(view, (m for m in alive if not m.healthy))
    return Step("NoQuorum", f"{need} of {len(voters)} members are needed to serve{waiting}", wait=WAITING)


def _obituary(view: View, voters: Iterable[Member], alive: list[Member], need: int) -> str:
    lost_ones = "; ".join(f"{m.name}: {view.dead[m.name]}" for m in voters if m.name in view.dead)
    survivors = ", ".join(_survivor(m) for m in alive) or "none"
    return (
        f"the quorum of {need} can't come back by itself. Lost: {lost_ones}. Data survives on: {survivors}. "
        "Nothing is changed: restore a backup into a new EtcdCluster, or see docs/etcd/quorum-lost.md"
    )


def _survivor(member: Member) -> str:
    where = f"volume data-{member.name}" if member.volume is not None else "memory"
    return f"{member.name} ({where}" + (f", revision {member.endpoint.revision})" if member.endpoint else ")")


# --- one step at a time ----------------------------------------------------------------------------------------------


def _rescue(view: View) -> Step | None:
    """A member that is down anyway may take corrected inputs at once, quorum or not: there is nothing to lose."""
    for member in view.snapshot.members:
        down = member.etcd is not None and not member.healthy and stuck(member) and member.name not in view.dead
        if not down or not _stale(view, member):
            continue
        if _learning(member) or (not view.cluster.storage.memory and _may_skip_the_queue(view, member)):
            return _restart(view, member, "Repairing", f"{member.name} is down: restarting it as the spec now says")
    return None


def _may_skip_the_queue(view: View, member: Member) -> bool:
    """Another version waits for its turn, unless the member was on its way to one already or there is no other."""
    known, record = view.snapshot.versions, member.record
    if not known or _wanted(view, member).version == known[0] or len(view.snapshot.members) == 1:
        return True
    return record is not None and record.inputs.version != known[0]


def _disarm(view: View) -> Step | None:
    for member_id in filter(None, view.snapshot.orphaned_alarms):
        message = f"the CORRUPT alarm of member {member_id}, which is no more, still stops all writes: disarming it"
        return Step("Healing", message, Disarm(member_id, message))
    return None


def _leftover(view: View) -> Step | None:
    for member in view.snapshot.members:
        if _left_over(member):
            message = f"{member.name} is no longer a member: deleting its StatefulSet and volume"
            return Step("Discarding", message, DiscardMember(member.name, message))
    return None


def _left_over(member: Member) -> bool:
    """Whether etcd does not list it, and something of it is there that is not going already."""
    parts = (part for part in (member.stateful_set, member.volume) if part is not None)
    return member.etcd is None and any("deletionTimestamp" not in part["metadata"] for part in parts)


def _bury(view: View) -> Step | None:
    """Remove a lost member before its replacement is added, as etcd's documentation demands."""
    voters = view.snapshot.voters
    for name, why in view.dead.items():
        member = _find(view, name)
        others = [m for m in voters if m.healthy and m.name != name]
        # A member that still serves votes for its own removal.
        need = quorum(len(voters) - 1) if member.healthy else quorum(len(voters))
        if member.etcd is None or not others or len(others) < need:
            continue
        message = f"{name} is lost ({why}): replacing it from the {len(others)} others"
        return Step("Healing", message, RemoveMember(name, member.etcd.id, message, "ReplacingMember"))
    return None


def _teach(view: View) -> Step | None:
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
    message = f"{learner.name} is starting as a learner{_complaints(view, [learner])}"
    names = ",".join(m.name for m in view.snapshot.members if m.etcd is not None)
    if learner.pod is not None and stuck(learner) and annotation(learner.pod, PEERS_ANNOTATION) != names:
        return _restart(view, learner, "AddingMember", f"{learner.name} was told a member list that has changed: restarting it")
    return Step("AddingMember", message, wait=SOON if learner.pod else WAITING)


def _surge(view: View) -> bool:
    """Whether one more member than wanted is needed for a while: to restart in memory, or to save a doomed volume."""
    outdated = view.cluster.storage.memory and any(_stale(view, m) for m in view.snapshot.voters)
    return outdated or any(_find(view, name).healthy for name in view.dead)


def _label(view: View) -> Step | None:
    for member in view.snapshot.voters:
        labels = (member.pod or {}).get("metadata", {}).get("labels", {})
        if member.pod is not None and "deletionTimestamp" not in member.pod["metadata"] and ROLE_LABEL not in labels:
            message = f"{member.name} votes: sending it clients"
            return Step("AddingMember", message, LabelVoter(member.name, message))
    return None


def _grow(view: View) -> Step | None:
    voters, wanted = view.snapshot.voters, view.cluster.size
    surge = len(voters) == wanted and _surge(view)
    if len(voters) >= wanted and not surge:
        return None
    healthy = sum(m.healthy for m in voters)
    if healthy + 1 < quorum(len(voters) + 1):
        return None
    name = f"{view.cluster.key.name}-{view.snapshot.next_ordinal}"
    message = f"{name} joins: {len(voters)} of {wanted} members" + (", one more for a while" if surge else "")
    return Step("ScalingUp", message, AddLearner(name, message))


def _shrink(view: View) -> Step | None:
    voters, wanted = view.snapshot.voters, view.cluster.size
    if len(voters) <= wanted:
        return None
    victim = min(voters, key=lambda m: _worth(view, m))
    left = [m for m in voters if m.name != victim.name]
    if sum(m.healthy for m in left) < quorum(len(left)) or victim.etcd is None:
        sick = _complaints(view, (m for m in voters if not m.healthy))
        return Step("ScalingDown", f"removing a member now would cost the quorum: waiting{sick}")
    if victim.name == view.snapshot.leader:
        return _hand_over(view, victim)
    message = f"{victim.name} leaves: {len(voters)} members, {wanted} wanted"
    return Step("ScalingDown", message, RemoveMember(victim.name, victim.etcd.id, message, "RemovingMember"))


def _worth(view: View, member: Member) -> tuple[bool, bool, bool, int]:
    """The least worth goes first: sick before healthy, outdated before current, the leader last, then the newest."""
    outdated = view.cluster.storage.memory and _stale(view, member)
    return member.healthy, not outdated, member.name == view.snapshot.leader, -member.ordinal


# --- changed versions and settings -----------------------------------------------------------------------------------


def _roll(view: View) -> Step | None:
    snapshot = view.snapshot
    stale = [m for m in snapshot.members if m.etcd is not None and _stale(view, m)]
    if not stale or view.cluster.storage.memory:
        return None
    member = min(stale, key=lambda m: (m.healthy, m.name == snapshot.leader, -m.ordinal))
    current = len(snapshot.members) - len(stale)
    kind, what = _change(view, member)
    progress = f"{current} of {len(snapshot.members)} members {what}"
    if waiting := _not_yet(view, member):
        return Step(kind, f"{progress}; {waiting}", wait=SOON)
    if member.name == snapshot.leader and len(snapshot.voters) > 1:
        return _hand_over(view, member)
    return _restart(view, member, kind, f"{progress}; restarting {member.name}")


def _change(view: View, member: Member) -> tuple[str, str]:
    version = view.target.version
    before = member.record.inputs.version if member.record else version
    runs = member.endpoint.version if member.endpoint else str(before)
    known = view.snapshot.status.get("currentVersion", str(version))
    if str(version) not in (known, "") or before != version or runs != str(version):
        return "Upgrading", f"run {version}"
    return "Restarting", "have the new settings"


def _not_yet(view: View, member: Member) -> str:
    """What must be true before one more member may be restarted."""
    others = [m for m in view.snapshot.voters if m.name != member.name]
    for other in others:
        if not other.healthy or not other.pod_ready:
            return f"waiting for {other.name}: {complaint(other).message if not other.healthy else 'its pod is not ready'}"
    line, speaks = view.target.version.line, view.snapshot.cluster_line
    if speaks and line[0] == speaks[0] and line[1] - speaks[1] > 1:
        return f"waiting for etcd to raise its cluster version from {speaks[0]}.{speaks[1]}"
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


def _restart(view: View, member: Member, reason: str, message: str) -> Step:
    pod = member.pod
    going = member.volume is not None and "deletionTimestamp" in member.volume["metadata"]
    if view.snapshot.formed and (going or member.name in view.dead):
        return _doomed(view, member.name)
    if pod is None or "deletionTimestamp" in pod["metadata"]:
        return Step(reason, message, rolling=member.name)
    action = DeletePod(member.name, pod["metadata"]["uid"], message, "RestartingMember")
    return Step(reason, message, action, rolling=member.name)


def _doomed(view: View, name: str) -> Step:
    """A running pod is all that keeps a volume which somebody deleted from going."""
    why = view.dead.get(name, "its volume is being deleted")
    return Step(
        "VolumeGoing",
        f"{name}: {why}. Its data goes as soon as its pod stops, so it is not restarted: "
        "have more members first, or save the data",
        stalled=True,
        wait=SETTLED,
    )


def _hand_over(view: View, leader: Member) -> Step | None:
    """Leadership goes to the member that is best prepared to keep it."""
    fit = [m for m in view.snapshot.voters if m.healthy and m.name != leader.name and m.etcd is not None]
    if not fit:
        return None
    heir = max(fit, key=lambda m: (not _stale(view, m), m.endpoint.raft_applied_index if m.endpoint else 0, -m.ordinal))
    message = f"moving leadership from {leader.name} to {heir.name} before {leader.name} stops"
    return Step("MovingLeader", message, MoveLeader(heir.etcd.id if heir.etcd else "", message))


def _stale(view: View, member: Member) -> bool:
    """Whether a member was made from other inputs than it should be, or its pod from other inputs than its record says.

    A damaged record is written anew; only the pod tells whether that means a restart.
    """
    wanted = _wanted(view, member)
    if member.record is not None and member.record.inputs != wanted:
        return True
    return member.pod is not None and annotation(member.pod, DIGEST_ANNOTATION) != wanted.digest


# --- the rest --------------------------------------------------------------------------------------------------------


def _expand(view: View) -> Step | None:
    if view.cluster.storage.memory or view.cluster.held:
        return None
    for member in view.snapshot.members:
        if member.volume is not None and parse_quantity(requested(member.volume)) < view.cluster.storage.bytes:
            size = view.cluster.storage.size
            message = f"the volume of {member.name} grows from {requested(member.volume)} to {size}"
            return Step("ExpandingVolume", message, ExpandVolume(member.name, size, message))
    return None


def _waiting(view: View) -> Step | None:
    members = [m for m in view.snapshot.members if m.etcd is not None]
    sick = [m for m in members if not m.healthy or not m.pod_ready or m.name in view.dead]
    if not sick and len(view.snapshot.voters) == view.cluster.size:
        return None
    return Step("MemberUnhealthy", f"{len(sick)} of {len(members)} members are not ready{_complaints(view, sick)}")


def _settled(view: View) -> Step:
    size = len(view.snapshot.voters)
    return Step("AllMembersReady", f"{size} of {size} members serve", settled=True, wait=SETTLED)


POLICIES: tuple[Callable[[View], Step | None], ...] = (
    _forming,
    _mistaken,
    _hibernating,
    _rescue,
    _without_quorum,
    _disarm,
    _leftover,
    _label,
    _bury,
    _teach,
    _grow,
    _shrink,
    _roll,
    _expand,
    _waiting,
    _settled,
)
"""The order is the design: never touch what is not understood, heal before resizing, resize before rolling."""


def _problems(view: View) -> Iterable[Step]:
    """What the spec asks for and can't have; everything else goes on."""
    if view.cluster.held:
        return
    if view.refusal:
        yield Step("UpgradeRefused", view.refusal, stalled=True)
    for member in view.snapshot.members:
        if view.cluster.storage.memory or member.volume is None or member.etcd is None:
            continue
        if parse_quantity(requested(member.volume)) > view.cluster.storage.bytes:
            has = requested(member.volume)
            yield Step(
                "StorageShrink",
                f"spec.storage.size {view.cluster.storage.size} is less than the {has} of {member.name}: volumes can't shrink, "
                f"set it to {has} or more",
                stalled=True,
            )
            return
    if "" in view.snapshot.orphaned_alarms:
        yield Step(
            "DataDisagrees",
            "etcd raised a CORRUPT alarm without saying for which member, and refuses writes: compare `etcdctl endpoint "
            "hashkv --cluster`, delete the volume of the odd one out, then `etcdctl alarm disarm`",
            stalled=True,
        )
    if view.snapshot.no_space:
        yield Step(
            "NoSpace",
            "the database reached its quota and refuses writes: raise spec.quota, or compact, defragment and disarm the alarm",
            stalled=True,
        )


def _describe(view: View) -> Step:
    """For a paused cluster: what is, without what would be done."""
    if not view.snapshot.formed:
        return Step("Creating", "not formed yet")
    return next(step for policy in (_without_quorum, _waiting, _settled) if (step := policy(view)) is not None)


def _complaints(view: View, members: Iterable[Member]) -> str:
    texts = [f"{m.name}: {view.dead.get(m.name) or complaint(m).message}" for m in members]
    return f" ({'; '.join(texts[:3])})" if texts else ""


def _find(view: View, name: str) -> Member:
    return next(m for m in view.snapshot.members if m.name == name)
