"""What every policy sees, and the step that it may name. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from davit.model import Action

from davit_etcd.commands import DeletePod
from davit_etcd.diagnosis import complaint, lost
from davit_etcd.model import DIGEST_ANNOTATION, Cluster, Inputs, Member, Snapshot, annotation
from davit_etcd.versions import FRESH_SNAPSHOT, needs_fresh_snapshot, refuse_upgrade

SETTLED = 30.0


SOON = 0.5


WAITING = 2.0
"""Seconds until the next look: nothing to do; something is about to change; Kubernetes will wake us anyway."""


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
class View:
    """The cluster, the world, and what follows from both for every policy."""

    cluster: Cluster
    snapshot: Snapshot
    target: Inputs
    joining: Inputs
    initial: tuple[str, ...]
    dead: dict[str, str] = field(default_factory=dict)
    refusal: str = ""


def view_of(cluster: Cluster, snapshot: Snapshot) -> View:
    """Works out once what every policy needs."""
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


def wanted_inputs(view: View, member: Member) -> Inputs:
    """What a member should be made from: each keeps what it has while an upgrade is refused."""
    if view.refusal and member.record is not None:
        return member.record.inputs
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
