"""The way from one release to another: its steps, backups, going back by intent and going back for need. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from davit.status import timestamp

from davit_etcd.commands import GoBack, StayUp
from davit_etcd.diagnosis import KILLED, complaint, container, terminated
from davit_etcd.model import DIGEST_ANNOTATION, Inputs, Member, annotation, rolled_back
from davit_etcd.policies.safety import secured
from davit_etcd.policies.view import SETTLED, SOON, Step, View, restart, stale, unproven, wanted_inputs
from davit_etcd.versions import Version, downgrade_target, needs_fresh_snapshot, route

Json = dict[str, Any]

DEADLINE = 300.0
"""Seconds after which a member that does not come up with another release goes back."""
READING = 900.0
"""The same while its process runs and has never ended: it may be reading a long log."""
NO_IMAGE = 60.0
"""The same where its image can't be pulled: by then the kubelet has tried three times (back-off of 10, 20 and 40 seconds)."""
CRASHES = 3
"""The number of crashes after which nothing more is waited for."""

_NOT_ITS_DOING = ("Unschedulable", "VolumeFailed", "VolumeFull")
"""Reasons of complaints that another release does not cure."""


def retreat(view: View) -> Step | None:
    """A member that does not come up with another release goes back; the intent is written a pass before anything is done."""
    if view.cluster.held:
        return None
    failed = rolled_back(view.cluster, view.snapshot.status)
    if failed:
        for member in view.snapshot.members:
            if _goes_back(view, member, str(failed.get("member"))) and stale(view, member):
                return restart(view, member, "RollingBack", str(failed.get("message")))
        return None
    awaited = _awaited(view)
    why = _failure(view, awaited) if awaited is not None else ""
    return _marked(view, awaited, why) if awaited is not None and why and _may_go_back(view, awaited) else None


def _goes_back(view: View, member: Member, name: str) -> bool:
    """Whether its record, or already only its pod, is still of the release with which it did not come up."""
    if member.record is None or member.healthy:
        return False
    return unproven(member) or (member.name == name and annotation(member.pod, DIGEST_ANNOTATION) != member.record.inputs.digest)


def _marked(view: View, member: Member, why: str) -> Step:
    inputs = member.record.inputs if member.record is not None else view.target
    before = member.record.before if member.record is not None else None
    fate = f"it goes back to {_release(before, inputs)}" if before is not None else "it is given up"
    failed = f"{member.name} did not come up with {_release(inputs, before)} ({why})"
    message = f"{failed}: {fate}. It is tried again when the spec changes"
    mark = {
        "failedVersion": str(inputs.version),
        "generation": view.cluster.generation,
        "member": member.name,
        "message": message[:_LONGEST],
    }
    return Step("RollingBack", message[:_LONGEST], wait=0.0, intent={"upgrade": mark})


_LONGEST = 1000
"""Characters of a message in status."""


def _release(inputs: Inputs, other: Inputs | None) -> str:
    """The version, or the image where that is what differs."""
    return inputs.image if other is not None and other.version == inputs.version else str(inputs.version)


def _awaited(view: View) -> Member | None:
    """The first member that is not there yet with what it was changed to; in memory, one that replaces an older one."""
    if not view.cluster.size or not view.snapshot.formed:
        return None
    voting = [m.record.inputs for m in view.snapshot.voters if m.record is not None]
    for member in view.snapshot.members:
        if member.record is None or member.etcd is None:
            continue
        fresh = member.etcd.learner and view.cluster.storage.memory
        newcomer = fresh and not any(member.record.inputs.same_release(inputs) for inputs in voting)
        if unproven(member) or (newcomer and not member.healthy):
            return member
    return None


def _may_go_back(view: View, member: Member) -> bool:
    return view.snapshot.can_go_back(member) or (member.record is not None and member.record.before is None)


def _failure(view: View, member: Member) -> str:
    """Why it is no longer waited for, empty while it is."""
    said = complaint(member)
    if member.pod is None or said.reason in _NOT_ITS_DOING or member.record is None:
        return ""
    if annotation(member.pod, DIGEST_ANNOTATION) != member.record.inputs.digest:
        return ""
    state, waited = container(member.pod), view.now - _since(view, member)
    ended, restarts = terminated(state), state.get("restartCount", 0)
    running = "running" in state.get("state", {})
    crashed = ended and ended["exitCode"] not in KILLED and not running
    if crashed and restarts >= CRASHES:
        return f"{said.message}; {restarts} restarts"
    if said.reason == "ImagePullFailed" and waited >= NO_IMAGE:
        return said.message
    patience = READING if running and not restarts else DEADLINE
    return f"{said.message}, for {patience / 60:.0f} minutes" if waited >= patience else ""


def _since(view: View, member: Member) -> float:
    """Unix time since which it is waited for."""
    said = view.snapshot.status.get("upgrade") or {}
    if said.get("member") != member.name or not said.get("startedAt"):
        return view.now
    return datetime.fromisoformat(said["startedAt"]).timestamp()


def progress(view: View, step: Step) -> Json:
    """What `status.upgrade` says after this pass; empty when there is nothing to say."""
    said = dict(view.snapshot.status.get("upgrade") or {})
    if mark := step.intent.get("upgrade"):
        return dict(mark)
    if view.cluster.held or view.cluster.paused or rolled_back(view.cluster, view.snapshot.status):
        return said
    running, wanted = view.snapshot.versions, view.cluster.inputs.version
    awaited = _awaited(view)
    moving = running and not view.refusal and any(version != wanted for version in running)
    origin = {"fromVersion": said.get("fromVersion") or str(running[0])} if moving else {}
    if awaited is None:
        return origin
    return origin | {"member": awaited.name, "startedAt": timestamp(_since(view, awaited))}


def stride(view: View) -> str:
    """Where on its way the upgrade is, such as "step 1 of 3: 3.5.33; "; empty where one step is all."""
    running, wanted = view.snapshot.versions, view.cluster.inputs.version
    if not running or view.refusal:
        return ""
    origin = Version.parse((view.snapshot.status.get("upgrade") or {}).get("fromVersion") or str(running[0]))
    total, left = len(route(origin, wanted)), len(route(running[0], wanted))
    return f"step {max(total - left, 0) + 1} of {max(total, left)}: {view.heading}; " if max(total, left) > 1 else ""


def first_of_all(view: View, members: Iterable[Member]) -> Step | None:
    """The backup that must be there before any of these members goes on to another version; None: go on."""
    if not any(_moves(view, member) for member in members):
        return None
    version = view.heading
    kind = "downgrade" if version < view.snapshot.versions[0] else "upgrade"
    return secured(view, f"{view.cluster.generation}-{str(version).replace('.', '-')}", f"the {kind} to {version}")


def _moves(view: View, member: Member) -> bool:
    """Whether what it should be made from is another version, or prepares it for one."""
    if member.record is None or view.refusal:
        return False
    wanted, now = wanted_inputs(view, member), member.record.inputs
    return wanted != now and (wanted.version != now.version or needs_fresh_snapshot(now.version, view.heading))


def lower(view: View) -> Step | None:
    """Before the first member goes back a release line, etcd is told to, and lowers its schema and its protocol."""
    snapshot, target = view.snapshot, view.target.version
    line = downgrade_target(snapshot.versions, target)
    if not line:
        return None
    told = any(m.endpoint is not None and m.endpoint.downgrade for m in snapshot.members)
    if not told and snapshot.cluster_line is not None and snapshot.cluster_line > target.line:
        message = f"telling etcd to go back to {line} before any member runs {target}"
        return Step("Downgrading", message, GoBack(line, message))
    if not told or snapshot.cluster_line is None or snapshot.cluster_line != target.line:
        return Step("Downgrading", f"waiting for etcd's cluster version to become {line}", wait=SOON)
    above = [m.name for m in snapshot.voters if _schema(m) > target.line]
    if above:
        return Step("Downgrading", f"waiting for {', '.join(above)} to lower the schema of the data to {line}", wait=SOON)
    return None


def _schema(member: Member) -> tuple[int, int]:
    """The line of a member's storage version, (0, 0) where it does not tell: before 3.6, or while it is silent."""
    text = member.endpoint.storage_version if member.endpoint is not None else ""
    return Version.parse(text).line if text else (0, 0)


def unraised(view: View) -> str:
    """What a step up to the next release line still waits for: protocol and schema of the line before; empty for nothing."""
    line, speaks = view.target.version.line, view.snapshot.cluster_line
    if speaks and line[0] == speaks[0] and line[1] - speaks[1] > 1:
        return f"waiting for etcd to raise its cluster version from {speaks[0]}.{speaks[1]}"
    for member in view.snapshot.voters:
        schema = _schema(member)
        if schema != (0, 0) and line[0] == schema[0] and line[1] - schema[1] > 1:
            return f"waiting for {member.name} to raise the schema of its data from {schema[0]}.{schema[1]}"
    return ""


def stay_up(view: View) -> Step | None:
    """The spec no longer asks for the earlier release line that etcd was told to go back to."""
    told = [m.endpoint.downgrade for m in view.snapshot.members if m.endpoint is not None and m.endpoint.downgrade]
    if not told or view.cluster.held or Version.parse(told[0]).line >= view.target.version.line:
        return None
    line = told[0].rpartition(".")[0]
    message = f"members are to run {view.target.version}: telling etcd not to go back to {line} any more"
    return Step("Upgrading", message, StayUp(message))


def beyond(view: View) -> Step | None:
    """A member that does not come up with another release and can't go back: the others speak the later protocol already."""
    member = _awaited(view)
    why = _failure(view, member) if member is not None else ""
    if member is None or member.record is None or not why or _may_go_back(view, member):
        return None
    before = member.record.before.version if member.record.before is not None else ""
    return Step(
        "UpgradeStuck",
        f"{member.name} does not come up with {member.record.inputs.version} ({why}), and can't go back to {before}: the cluster "
        "speaks the later release's protocol already. Nothing is restarted: mend the cause, or delete its volume to have it "
        "replaced from the others",
        stalled=True,
        wait=SETTLED,
    )
