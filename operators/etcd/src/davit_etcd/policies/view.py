"""What every policy sees, and the step that it may name. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from davit.model import Action, Notice

from davit_etcd.commands import DeletePod
from davit_etcd.diagnosis import complaint, lost
from davit_etcd.flags import speaks_v2
from davit_etcd.manifests.jobs import Agent
from davit_etcd.model import DIGEST_ANNOTATION, Cluster, Inputs, Member, Snapshot, annotation, rolled_back
from davit_etcd.versions import FRESH_SNAPSHOT, OLDEST, Version, needs_fresh_snapshot, refuse_change, route

NO_AGENT = Agent("")
SETTLED = 30.0


SOON = 0.5


WAITING = 2.0
"""Seconds until the next look: nothing to do; something is about to change; Kubernetes will wake us anyway."""


@dataclass(frozen=True, slots=True)
class Step:
    """What a policy found: `reason` and `message` for people, and what to do about it.

    stalled: a person has to act; settled: nothing is left to do; rolling: this member moves on to the inputs it should
    have; frozen: not even drift is repaired; secures: the safety backup that it is about; intent: status to write before
    anything else; stop: no member runs for now; tell: an Event to post.
    """

    reason: str
    message: str
    action: Action | None = None
    stalled: bool = False
    settled: bool = False
    rolling: str = ""
    frozen: bool = False
    wait: float = WAITING
    secures: str = ""
    intent: Mapping[str, Any] = field(default_factory=dict)
    stop: bool = False
    tell: Notice | None = None


@dataclass(frozen=True, slots=True)
class View:
    """The cluster, the world, and what follows from both for every policy.

    target: what members should be made from now, which is a step on the way where the spec's version is several away;
    refusal: why members keep what they have instead.
    """

    cluster: Cluster
    snapshot: Snapshot
    target: Inputs
    joining: Inputs
    initial: tuple[str, ...]
    dead: dict[str, str] = field(default_factory=dict)
    refusal: str = ""
    now: float = 0.0
    """Unix time in seconds, for deadlines."""
    agent: Agent = NO_AGENT
    seeding: bool = False
    """Whether the cluster begins with a backup and not with empty members."""
    heading: Version = OLDEST
    """The next release on the way; what members run while there is no way."""


def view_of(cluster: Cluster, snapshot: Snapshot, now: float = 0.0, agent: Agent = NO_AGENT) -> View:
    """Works out once what every policy needs."""
    refusal = cluster.held or refused(cluster, snapshot)
    target = _held(cluster, snapshot) if refusal else _in_memory(cluster, snapshot, _next(cluster, snapshot))
    dead = {m.name: why for m in snapshot.members if m.etcd is not None and (why := lost(cluster, snapshot, m))}
    return View(
        cluster=cluster,
        snapshot=snapshot,
        target=target,
        joining=_joining(cluster, snapshot, target),
        initial=() if snapshot.formed or _seeding(cluster, snapshot) else _initial(cluster, snapshot),
        dead=dead if snapshot.formed else {},
        refusal=refusal,
        now=now,
        agent=agent,
        seeding=_seeding(cluster, snapshot),
        heading=target.version if refusal else _next(cluster, snapshot).version,
    )


def _seeding(cluster: Cluster, snapshot: Snapshot) -> bool:
    """Whether there is nothing yet but a backup to begin with; whatever there is wins over it."""
    progress = snapshot.progress
    if snapshot.formed:
        return False
    under_way = progress is not None and progress.kind == "Bootstrap" and not progress.done
    return under_way or (cluster.bootstrap is not None and bool(cluster.size) and not snapshot.members)


def refused(cluster: Cluster, snapshot: Snapshot) -> str:
    """Why the members can't go to the version of the spec, or should not any more; empty when they can."""
    running, wanted = snapshot.versions, cluster.inputs.version
    if not running:
        return ""
    if failed := rolled_back(cluster, snapshot.status):
        return str(failed.get("message"))
    if why := refuse_change(running, wanted, one_image=cluster.image_override):
        return why
    if cluster.storage.memory and wanted.line < running[0].line:
        return (
            f"{running[0]} to {wanted} is a downgrade of a minor release, which members in memory can't make: they would have to "
            f"be restarted; set spec.version to {running[0]} or later"
        )
    return _v2(cluster, snapshot) or _objection(cluster, snapshot)


def _v2(cluster: Cluster, snapshot: Snapshot) -> str:
    """3.6 does not start where the v2 API was written to (etcd docs, "Upgrade etcd from 3.5 to 3.6")."""
    wanted = cluster.inputs.version
    old = [m for m in snapshot.members if m.record is not None and m.record.inputs.version.line < (3, 6) <= wanted.line]
    serving = [m.name for m in old if m.record is not None and speaks_v2(dict(m.record.inputs.flags))]
    if not serving:
        return ""
    return (
        f"{wanted} refuses data of the v2 API, which enable-v2 lets clients write to {', '.join(serving)}: move it to v3, remove "
        f"the option with spec.version at {snapshot.versions[0]}, and set {wanted} when all members run without it"
    )


def _objection(cluster: Cluster, snapshot: Snapshot) -> str:
    if not snapshot.downgrade_refusal:
        return ""
    lowest, wanted = snapshot.versions[0], cluster.inputs.version
    said = snapshot.downgrade_refusal
    return f"etcd refuses to go back from {lowest} to {wanted} ({said}): set spec.version to {lowest} or later"


def _next(cluster: Cluster, snapshot: Snapshot) -> Inputs:
    """The spec's inputs at the next release on the way to its version."""
    wanted, running = cluster.inputs, snapshot.versions
    steps = route(running[0], wanted.version) if running else ()
    return wanted if not steps or steps[0] == wanted.version else wanted.at(steps[0], cluster.image_of(steps[0]))


def _in_memory(cluster: Cluster, snapshot: Snapshot, wanted: Inputs) -> Inputs:
    """Members in memory are replaced instead of restarted, so a stepping stone is one for all of them together."""
    records = [m.record.inputs for m in snapshot.voters if m.record is not None]
    before = [now for now in records if needs_fresh_snapshot(now.version, wanted.version)]
    if not cluster.storage.memory or all(now.has_flags(FRESH_SNAPSHOT) for now in before):
        return wanted
    return min(before, key=lambda now: now.version).with_flags(FRESH_SNAPSHOT)


def _held(cluster: Cluster, snapshot: Snapshot) -> Inputs:
    """What new members are made from while an upgrade is refused: the same as the slowest there is."""
    proven = [m.record.before if unproven(m) and m.record.before else m.record.inputs for m in snapshot.members if m.record]
    known = [inputs for inputs in proven if inputs.version in snapshot.versions]
    lowest = snapshot.versions[0]
    return min(known, key=lambda i: i.version, default=cluster.inputs.at(lowest, cluster.image_of(lowest)))


def unproven(member: Member) -> bool:
    """Whether it was given another release, and does not run well since."""
    return member.record is not None and member.record.before is not None and not member.healthy


def wanted_inputs(view: View, member: Member) -> Inputs:
    """What a member should be made from: each keeps what it has while an upgrade is refused.

    After one that was taken back, the member that did not come up returns to what it had before.
    """
    if view.refusal and member.record is not None:
        back = rolled_back(view.cluster, view.snapshot.status) and not view.cluster.held and unproven(member)
        return member.record.before if back and member.record.before is not None else member.record.inputs
    target = view.joining if learning(member) else view.target
    return _stepping_stone(member, target) or target


def _stepping_stone(member: Member, target: Inputs) -> Inputs | None:
    """What the member has to run, and be healthy with, before it may run the target; None when nothing."""
    if member.record is None or not needs_fresh_snapshot(member.record.inputs.version, target.version):
        return None
    now = member.record.inputs
    if not now.has_flags(FRESH_SNAPSHOT):
        return now.with_flags(FRESH_SNAPSHOT)
    return None if member.healthy and annotation(member.pod, DIGEST_ANNOTATION) == now.digest else now


def learning(member: Member) -> bool:
    """Whether etcd does not let it vote yet."""
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


def stale(view: View, member: Member) -> bool:
    """Whether a member was made from other inputs than it should be, or its pod from other inputs than its record says.

    A damaged record is written anew; only the pod tells whether that means a restart.
    """
    wanted = wanted_inputs(view, member)
    if member.record is not None and member.record.inputs != wanted:
        return True
    return member.pod is not None and annotation(member.pod, DIGEST_ANNOTATION) != wanted.digest


def left_over(member: Member) -> bool:
    """Whether etcd does not list it, and something of it is there that is not going already."""
    parts = (part for part in (member.stateful_set, member.volume) if part is not None)
    return member.etcd is None and any("deletionTimestamp" not in part["metadata"] for part in parts)


def restart(view: View, member: Member, reason: str, message: str) -> Step:
    """Has the member come back from its new template, unless that would cost its data; a learner's nobody needs."""
    pod = member.pod
    if view.snapshot.formed and not learning(member) and (volume_going(member) or member.name in view.dead):
        return keep_running(view, member.name, "have more members first")
    if pod is None or "deletionTimestamp" in pod["metadata"]:
        return Step(reason, message, rolling=member.name)
    action = DeletePod(member.name, pod["metadata"]["uid"], message, "RestartingMember")
    return Step(reason, message, action, rolling=member.name)


def volume_going(member: Member) -> bool:
    """Whether somebody deleted its volume, which stays for as long as its pod does."""
    return member.volume is not None and "deletionTimestamp" in member.volume["metadata"]


def keep_running(view: View, name: str, remedy: str) -> Step:
    """A running pod is all that keeps a volume which somebody deleted from going."""
    why = view.dead.get(name, "its volume is being deleted")
    return Step(
        "VolumeGoing",
        f"{name}: {why}. Its data goes as soon as its pod stops, so it is not stopped: {remedy}, or save the data",
        stalled=True,
        wait=SETTLED,
    )


def complaints(view: View, members: Iterable[Member]) -> str:
    """Why these members are not there, in brackets, for the end of a message."""
    texts = [f"{m.name}: {view.dead.get(m.name) or complaint(m).message}" for m in members]
    return f" ({'; '.join(texts[:3])})" if texts else ""


def find(view: View, name: str) -> Member:
    """The member of this name."""
    return next(m for m in view.snapshot.members if m.name == name)
