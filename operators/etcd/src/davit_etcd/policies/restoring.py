"""Restores: a new member is filled with a backup, and takes the old ones' place once its data is proved. Pure.

One state machine for the three users of it: `spec.bootstrap.fromBackup`, an EtcdRestore in place, and `spec.recovery`.
Each change of phase is written to status in a pass of its own, before anything is done in the new phase. Until the
restored data serves, whatever goes wrong brings the old members back; from then on only the loss of that data does, for
what was written since would be lost with it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import replace

from davit.backup.api import Encryption, ObjectStore
from davit.backup.model import instant, seconds
from davit.backup.report import Failed, Running, Succeeded, of_pods
from davit.kube.kinds import JOB
from davit.kube.quantity import parse_quantity
from davit.model import Manifest, Notice
from davit.once import FINAL
from davit.status import timestamp

from davit_etcd.api.backups import ETCD_BACKUP
from davit_etcd.commands import Create, DeleteJob, DiscardMember
from davit_etcd.diagnosis import lost
from davit_etcd.manifests import member_url
from davit_etcd.manifests.jobs import BUMP, Request, Stored, Surviving, restore_job, revision_bump
from davit_etcd.manifests.volume import requested
from davit_etcd.model import Cluster, Inputs, Json, Member, canonical
from davit_etcd.policies.guards import mistaken
from davit_etcd.policies.healing import bury, disarm, rescue
from davit_etcd.policies.recovery import PAUSE, before, beyond_repair, choose
from davit_etcd.policies.safety import backup_name, manifest, state
from davit_etcd.policies.view import SETTLED, WAITING, Step, View, complaints
from davit_etcd.progress import Progress
from davit_etcd.restore.source import Found, Unusable, resolve, source_of
from davit_etcd.versions import Version

PATIENCE = 3600.0
"""Seconds until a restore whose deadline nobody set is taken back."""
RETRY = 60.0
"""Seconds until a Job that failed for what may pass is made again, where nothing serves meanwhile."""
_NO_LIMIT = 6 * 3600
_JOB_WAIT = 10.0


def restoring(view: View) -> Step | None:
    """The next step of the restore under way, or the beginning of one that is asked for."""
    progress = view.snapshot.progress
    if progress is None or progress.done:
        return _begin(view)
    if not progress.seed:
        said = (
            "status.restore, or the annotation etcd.davit.dev/restore of a volume, is of a restore that this release of the "
            "operator does not understand: nothing is changed. Run the release that began it, or remove both"
        )
        return Step("RestoreUnknown", said, stalled=True, frozen=True, wait=SETTLED)
    step = _PHASES[progress.phase](view, progress)
    serving = progress.phase in ("Seeding", "SafetyBackup") and progress.kind != "Bootstrap"
    if serving and step is not None and not (step.action or step.intent or step.stop) and not mistaken(view):
        # The cluster that serves is not left alone for as long as a Job takes.
        return next((healing for policy in (rescue, disarm, bury) if (healing := policy(view))), step)
    return step


# --- beginning -------------------------------------------------------------------------------------------------------


def _begin(view: View) -> Step | None:
    cluster, snapshot = view.cluster, view.snapshot
    if cluster.held or not cluster.size or cluster.storage.memory:
        return None
    if view.seeding:
        return _begin_bootstrap(view)
    wanted = next((r for r in snapshot.restores if _accepted(view, r)), None)
    if wanted is None or not snapshot.formed or mistaken(view):
        return None
    last, meta = snapshot.progress, wanted["metadata"]
    until = _deadline(wanted)
    if (last is not None and last.uid == meta["uid"]) or view.now >= until:
        return None
    found = _resolved(view, wanted)
    progress = _new(view, "Restore", found.location if isinstance(found, Found) else "")
    progress = replace(progress, name=meta["name"], uid=meta["uid"], deadline=timestamp(until))
    message = f"EtcdRestore {progress.name}: {progress.source or 'the backup'} is unpacked for {progress.seed}"
    return _go(progress, "Seeding", message, Notice("RestoreStarted", message))


def _begin_bootstrap(view: View) -> Step:
    assert view.cluster.bootstrap is not None
    found = _bootstrap_source(view)
    if isinstance(found, Unusable):
        return _unusable(found)
    seed = f"{view.cluster.key.name}-{view.snapshot.next_ordinal}"
    progress = _made_from(view, Progress("Bootstrap", "Seeding", seed, found.location, started_at=timestamp(view.now)))
    message = f"the cluster begins with {found.location}: unpacking it for {progress.seed}"
    return _go(progress, "Seeding", message, Notice("RestoreStarted", message))


def recovering(view: View) -> Step | None:
    """Begins anew where the quorum is lost for good, the user leaves it to us, and it is clear from what."""
    cluster, last = view.cluster, view.snapshot.progress
    if cluster.recovery != "automatic" or cluster.held or cluster.storage.memory or view.snapshot.quorum:
        return None
    if last is not None and not last.done and last.kind != "Bootstrap":
        return None
    if last is not None and (told := _wish(view, last)) is not None and (told.get("status") or {}).get("phase") not in FINAL:
        # Its controller has to see how it ended, or it would be asked for once more.
        return Step("Restoring", f"waiting until EtcdRestore {last.name} has noted how it ended", wait=WAITING)
    if last is not None and last.kind == "Recovery" and last.finished_at and view.now < instant(last.finished_at) + PAUSE:
        return None
    source = choose(view)
    if source is None:
        return None
    place = source.url if isinstance(source, Surviving) else source.location
    progress = replace(_new(view, "Recovery", place), deadline=timestamp(view.now + PATIENCE), revision=source.revision)
    what = f"member {source.member} at revision {source.revision}" if isinstance(source, Surviving) else place
    message = f"the quorum is lost for good: beginning anew from {what} as {progress.seed}"
    return _go(progress, "Seeding", message, Notice("RecoveryStarted", message, warning=True))


def _new(view: View, kind: str, source: str) -> Progress:
    snapshot = view.snapshot
    progress = Progress(
        kind="Recovery" if kind == "Recovery" else "Restore",
        phase="Seeding",
        seed=f"{view.cluster.key.name}-{snapshot.next_ordinal}",
        source=source,
        old_cluster_id=str(snapshot.status.get("clusterID") or snapshot.adopted_id),
        old_members=tuple(m.name for m in snapshot.members),
        started_at=timestamp(view.now),
    )
    return _made_from(view, progress)


def _made_from(view: View, progress: Progress) -> Progress:
    """The release that unpacks is the one that starts on it; whatever the spec asks for comes later, in the ordinary way."""
    return replace(progress, version=str(view.joining.version), image=view.joining.image)


def _accepted(view: View, restore: Manifest) -> bool:
    """Whether its own controller found it good; the confirmation is looked at once more, for it guards all the data."""
    phase = (restore.get("status") or {}).get("phase")
    return phase == "Restoring" and restore["spec"].get("confirm") == view.cluster.key.name


def _deadline(restore: Manifest) -> float:
    began = (restore.get("status") or {}).get("startedAt") or restore["metadata"].get("creationTimestamp")
    try:
        return instant(str(began)) + seconds(restore["spec"].get("deadline") or f"{PATIENCE:.0f}s")
    except ValueError:
        return 0.0


# --- the source ------------------------------------------------------------------------------------------------------


def _target(view: View) -> Json:
    """The EtcdCluster, as far as a source refers to it."""
    return {"metadata": {"namespace": view.cluster.key.namespace, "name": view.cluster.key.name}, "spec": view.cluster.raw}


def _bootstrap_source(view: View) -> Found | Unusable:
    if view.cluster.bootstrap is None:
        return Unusable("BootstrapRemoved", "spec.bootstrap.fromBackup was removed")
    return resolve(view.cluster.bootstrap, _target(view), view.snapshot.referenced)


def _resolved(view: View, restore: Manifest) -> Found | Unusable:
    source = source_of(restore)
    if source is None:
        return Unusable("Invalid", "spec.source can't be read")
    return resolve(source, _target(view), view.snapshot.referenced)


def _source(view: View, progress: Progress) -> Found | Surviving | Unusable:
    """What the seed is filled with."""
    match progress.kind:
        case "Bootstrap":
            return _bootstrap_source(view)
        case "Restore":
            restore = _wish(view, progress)
            return _resolved(view, restore) if restore is not None else Unusable("Cancelled", "the EtcdRestore was deleted")
    survivor = _survivor(view, progress)
    if survivor is not None:
        return Surviving(survivor.name, progress.source, progress.revision or 0)
    best = choose(view)
    if isinstance(best, Found) and best.location == progress.source:
        return best
    return Unusable("SourceChanged", f"{progress.source} is no longer the best of what is left")


def _survivor(view: View, progress: Progress) -> Member | None:
    """The member that is read, None where a backup is."""
    return next((m for m in view.snapshot.members if member_url(view.cluster, m.name) == progress.source), None)


def _wish(view: View, progress: Progress) -> Manifest | None:
    """The EtcdRestore, None when it was deleted."""
    return next((r for r in view.snapshot.restores if r["metadata"]["uid"] == progress.uid), None)


def _unusable(why: Unusable) -> Step:
    if why.wait:
        return Step("WaitingForBackup", why.message, wait=_JOB_WAIT)
    return Step("RestoreFailed", f"{why.reason}: {why.message}. No empty cluster is formed instead", stalled=True, wait=SETTLED)


# --- phases ----------------------------------------------------------------------------------------------------------


def _seeding(view: View, progress: Progress) -> Step:
    if why := _given_up(view, progress):
        return _abandon(view, progress, why)
    made = next((job for job in view.snapshot.jobs if "deletionTimestamp" not in job["metadata"]), None)
    if view.cluster.held:
        waiting = Step("Restoring", f"{view.cluster.held}: correct it, {progress.source} is unpacked then", wait=_JOB_WAIT)
        return _judged(view, progress, made) if made is not None else waiting
    source = _source(view, progress)
    if isinstance(source, Unusable) and progress.source and made is not None:
        # It knows where to read, although the EtcdBackup may be gone by now.
        return _judged(view, progress, made)
    if isinstance(source, Unusable):
        if progress.kind == "Bootstrap" and view.cluster.bootstrap is not None:
            return _unusable(source)
        return _abandon(view, progress, source.message)
    place = source.url if isinstance(source, Surviving) else source.location
    if progress.source != place:
        if waste := _waste(view, f"{progress.source or 'nothing'} is no longer what the cluster is to begin with"):
            return waste
        return _go(replace(progress, source=place), "Seeding", f"{place} is unpacked for {progress.seed}")
    return _fill(view, progress, source)


def _fill(view: View, progress: Progress, source: Found | Surviving) -> Step:
    """A Job reads the source and unpacks it on the seed's volume."""
    name = job_name(view.cluster, progress, source)
    mine = next((job for job in view.snapshot.jobs if job["metadata"]["name"] == name), None)
    for job in view.snapshot.jobs:
        if job is not mine and "deletionTimestamp" not in job["metadata"]:
            return _delete(job, "its source is another now, or the spec")
    if busy := _strange_pods(view, mine):
        return Step("Restoring", f"waiting for {', '.join(busy)} to end", wait=WAITING)
    seed = next((m for m in view.snapshot.retired if m.name == progress.seed), Member(progress.seed))
    if seed.volume is not None and "deletionTimestamp" in seed.volume["metadata"]:
        return Step("Restoring", f"waiting for the old volume of {seed.name} to go", wait=WAITING)
    if mine is None or "deletionTimestamp" in mine["metadata"]:
        if not view.agent.image:
            said = "the operator does not know the image of the backup agent: set its DAVIT_AGENT_IMAGE"
            return Step("NoAgentImage", said, stalled=True, wait=SETTLED)
        if mine is not None:
            return Step("Restoring", f"waiting for Job {name} to go", wait=WAITING)
        if seed.volume is not None and parse_quantity(requested(seed.volume)) < view.cluster.storage.bytes:
            has, size = requested(seed.volume), view.cluster.storage.size
            message = f"the volume of {seed.name} has {has}, and spec.storage.size is {size}: making it anew"
            return Step("Restoring", message, DiscardMember(seed.name, message))
        if (renewed := _made_from(view, progress)) != progress:
            return _go(renewed, "Seeding", f"{progress.source} is unpacked for {progress.seed} with etcd {renewed.version}")
        message = f"Job {name} unpacks {progress.source} for {progress.seed}"
        return Step("Restoring", message, Create(JOB, canonical(_job(view, progress, source, name)), message, "Restoring"))
    return _judged(view, progress, mine)


def _judged(view: View, progress: Progress, job: Manifest) -> Step:
    outcome = of_pods(job, view.snapshot.job_pods, view.now)
    name = job["metadata"]["name"]
    match outcome:
        case Running(message=said):
            more = f": {said}" if said else ""
            hard = outcome.reason if outcome.troubled else "Restoring"
            return Step(hard, f"Job {name} unpacks {progress.source} for {progress.seed}{more}", wait=_JOB_WAIT)
        case Failed(reason=reason, message=said):
            return _failed_job(view, progress, job, f"{reason}: {said}")
        case Succeeded(report=report):
            return _proved(view, _with_facts(view, progress, report.facts), str(report.facts.get("clusterID") or ""))


def _with_facts(view: View, progress: Progress, facts: Mapping[str, object]) -> Progress:
    revision = facts.get("revision")
    known = revision if isinstance(revision, int) else progress.revision
    place, moment = facts.get("location"), facts.get("time")
    stored = isinstance(place, str) and bool(place) and not _survivor(view, progress)
    return replace(
        progress,
        source=str(place) if stored else progress.source,
        revision=known,
        time=moment if isinstance(moment, str) else progress.time,
        lost_revisions=_lost_revisions(view, known) if _same_history(progress, str(facts.get("clusterID") or "")) else None,
    )


def _same_history(progress: Progress, cluster_id: str) -> bool:
    """Whether data of the cluster with this ID is of the history that is replaced: revisions of others don't compare."""
    return bool(cluster_id) and cluster_id == progress.old_cluster_id


def _lost_revisions(view: View, restored: int | None) -> int | None:
    """Compared with the highest revision that anybody is known to have had; None where nobody knows."""
    told = [m.endpoint.revision for m in view.snapshot.members if m.endpoint is not None]
    highest = max((view.snapshot.known_revision, *told))
    if not highest or restored is None or highest - restored >= BUMP:
        # Before and after an earlier restore, revisions don't count the same.
        return None
    return max(0, highest - restored)


def _proved(view: View, progress: Progress, cluster_id: str) -> Step:
    """The data is on the seed's volume, and is what the source had; `cluster_id` is of the cluster that it was read from."""
    match progress.kind:
        case "Bootstrap":
            return _go(progress, "Starting", f"starting {progress.seed} with the data of {progress.source}", identity="")
        case "Restore":
            return _go(progress, "SafetyBackup", "the backup is unpacked and proved")
    found = beyond_repair(view)
    if view.snapshot.quorum or found is None:
        return _abandon(view, progress, "the quorum may come back after all")
    survivor = _survivor(view, progress)
    if survivor is not None:
        if survivor.endpoint is not None and survivor.endpoint.revision != progress.revision:
            return _abandon(view, progress, f"{survivor.name} went on to revision {survivor.endpoint.revision} meanwhile")
        return _stop(view, progress)
    for member in found[1]:
        if member.endpoint is None or member.endpoint.revision > (progress.revision or 0):
            has = f"is at revision {member.endpoint.revision}" if member.endpoint else "does not answer"
            why = f"{member.name} is not lost any more, {has}, and may have more than {progress.source}"
            return _abandon(view, progress, why)
    if not _same_history(progress, cluster_id):
        other = f"{progress.source} is of cluster {cluster_id or '(unknown)'}, another history than {progress.old_cluster_id}"
        remedy = f"to begin with it all the same, make an EtcdRestore with spec.confirm {view.cluster.key.name}"
        return _abandon(view, progress, f"{other}; {remedy}")
    return _stop(view, progress)


def _failed_job(view: View, progress: Progress, job: Manifest, why: str) -> Step:
    if progress.kind != "Bootstrap":
        return _abandon(view, progress, why)
    permanent, ended = _end_of(job)
    name = job["metadata"]["name"]
    if permanent:
        remedy = f"correct spec.bootstrap.fromBackup or what it names, then delete Job {name} to try the same again"
        return Step("RestoreFailed", f"{why}. No empty cluster is formed instead: {remedy}", stalled=True, wait=SETTLED)
    if view.now < ended + RETRY:
        return Step("RestoreRetrying", f"{why}. Job {name} is made again after {RETRY:.0f} s", wait=RETRY)
    return _delete(job, "it is to be tried again")


def _end_of(job: Manifest) -> tuple[bool, float]:
    """Whether its agent said that trying again is useless, and when it ended."""
    for condition in (job.get("status") or {}).get("conditions") or ():
        if condition["type"] == "Failed" and condition.get("status") == "True":
            moment = condition.get("lastTransitionTime")
            return condition.get("reason") == "PodFailurePolicy", instant(moment) if moment else 0.0
    return False, 0.0


def _safety_backup(view: View, progress: Progress) -> Step:
    """The data as it is goes to the store first, as far as there is a store and somebody to read it from."""
    if why := _given_up(view, progress) or _seed_gone(view, progress):
        return _abandon(view, progress, why)
    if view.cluster.safety_refused:
        return _stop(view, progress, "spec.safetyBackup is false: no safety backup is made")
    occasion = progress.uid[:8]
    name = backup_name(view.cluster.key.name, occasion)
    backup = state(view.snapshot, name)
    if backup is None and not view.snapshot.quorum:
        if beyond_repair(view) is not None:
            lame = "no quorum will ever serve, so there is nothing to make a safety backup of: the old volumes are kept"
            return _stop(view, progress, lame)
        said = f"waiting for a quorum, of which EtcdBackup {name} is to be made. To go on without, set spec.safetyBackup to false"
        return Step("SafetyBackup", f"{said}{complaints(view, view.snapshot.voters)}", wait=_JOB_WAIT, secures=name)
    if backup is None:
        store, encryption = _elsewhere(view, progress)
        made = canonical(manifest(view.cluster, occasion, store=store, encryption=encryption))
        message = f"EtcdBackup {name} is made of the data as it is"
        return Step("SafetyBackup", message, Create(ETCD_BACKUP, made, message, "SafetyBackup"), secures=name)
    status = backup.get("status") or {}
    if status.get("phase") == "Failed":
        return _abandon(view, progress, f"SafetyBackupFailed: EtcdBackup {name}: {status.get('message', 'it failed')}")
    if status.get("phase") != "Succeeded":
        said = status.get("message") or "not done yet"
        return Step("SafetyBackup", f"waiting for EtcdBackup {name}: {said}", wait=_JOB_WAIT, secures=name)
    return _stop(view, replace(progress, safety_backup=name))


def _elsewhere(view: View, progress: Progress) -> tuple[ObjectStore | None, Encryption | None]:
    """Where the safety backup goes that has no store of the cluster's own: to where the source is."""
    restore = _wish(view, progress)
    found = _resolved(view, restore) if restore is not None and view.cluster.store is None else None
    spec = json.loads(found.spec) if isinstance(found, Found) else {}
    store, encryption = spec.get("objectStore"), spec.get("encryption")
    return (
        ObjectStore.model_validate(store) if store else None,
        Encryption.model_validate(encryption) if encryption else None,
    )


def _stop(view: View, progress: Progress, notice: str = "") -> Step:
    """The old members' data is as far as it will ever be: what of it the restored data has not is lost from here on."""
    snapshot = view.snapshot
    progress = replace(
        progress,
        old_cluster_id=str(snapshot.status.get("clusterID") or snapshot.adopted_id),
        old_members=tuple(m.name for m in snapshot.members),
        lost_revisions=None if progress.lost_revisions is None else _lost_revisions(view, progress.revision),
    )
    message = f"stopping {', '.join(progress.old_members)}, whose volumes are kept until the restored cluster serves"
    said = f"{notice}; {message}" if notice else message
    return _go(progress, "Stopping", said, Notice("RestoreStopping", said))


def _stopping(view: View, progress: Progress) -> Step:
    if why := _given_up(view, progress) or _seed_gone(view, progress):
        return _abandon(view, progress, why)
    running = [m.name for m in view.snapshot.members if m.pod is not None]
    if running:
        return Step("Restoring", f"stopping {', '.join(running)}; their volumes are kept", stop=True)
    message = f"all old members have stopped: starting {progress.seed}"
    return replace(_go(progress, "Starting", message, identity=""), stop=True)


def _starting(view: View, progress: Progress) -> Step:
    seed = next((m for m in view.snapshot.members if m.name == progress.seed), Member(progress.seed))
    if not view.cluster.size and progress.kind == "Bootstrap":
        return Step("Hibernated", "size is 0: nothing runs, the restored data is kept", settled=True, wait=SETTLED)
    awake = [m.name for m in view.snapshot.retired if m.pod is not None]
    if awake:
        return Step("Restoring", f"waiting for {', '.join(awake)} of the old cluster to stop", stop=True)
    if _serves(view, seed):
        return _serve(view, progress, seed)
    why = lost(view.cluster, view.snapshot, seed) or ("its volume is gone" if seed.volume is None else "")
    if progress.kind == "Bootstrap":
        if why:
            said = f"{seed.name}: {why}. Delete the EtcdCluster and its volumes to begin again"
            return Step("RestoreFailed", said, stalled=True, wait=SETTLED)
    elif why or (_late(view, progress) and seed.endpoint is None and not view.snapshot.quorum):
        waited = complaints(view, [seed])
        return _abandon(view, progress, f"{seed.name}: {why}" if why else f"{seed.name} did not serve in time{waited}")
    return Step("Restoring", f"starting {seed.name} with the restored data{complaints(view, [seed])}")


def _serves(view: View, seed: Member) -> bool:
    return view.snapshot.quorum and seed.healthy and seed.pod_ready and bool(view.snapshot.cluster_id)


def _serve(view: View, progress: Progress, seed: Member) -> Step:
    cluster_id = view.snapshot.cluster_id
    if cluster_id == progress.old_cluster_id:
        return _abandon(view, progress, f"{seed.name} answers as the old cluster {cluster_id}")
    version = seed.record.inputs.version if seed.record is not None else view.target.version
    message = f"{seed.name} serves {_contents(progress)}"
    if not revision_bump(version):
        message += f", which etcd {version} could not raise: restart clients that watch"
    return _go(progress, "Growing", message, Notice("RestoreServes", message), identity=cluster_id)


def _growing(view: View, progress: Progress) -> Step | None:
    """Growing is the other policies' work; whatever else they find to do comes first too."""
    if not _grown(view):
        found = beyond_repair(view) if view.cluster.size and not view.snapshot.quorum else None
        if progress.kind != "Bootstrap" and found is not None and not found[1]:
            return _abandon(view, progress, "the restored cluster lost its data before it was whole")
        return None
    if view.snapshot.retired:
        return _go(progress, "Cleaning", "the restored cluster is whole: removing the old members' volumes")
    return _clear(view, progress)


def _cleaning(view: View, progress: Progress) -> Step | None:
    if not _grown(view):
        return None
    for member in view.snapshot.retired:
        if _there(member):
            message = f"{member.name} is of the data before the restore: deleting its StatefulSet and volume"
            return Step("Restoring", message, DiscardMember(member.name, message))
    if view.snapshot.retired:
        # Whatever keeps a volume from going must keep nothing else waiting; `settled` tells of it.
        return None
    return _clear(view, progress)


def _clear(view: View, progress: Progress) -> Step:
    """The last of it: Jobs hold on to the seed's volume."""
    for job in view.snapshot.jobs:
        if "deletionTimestamp" not in job["metadata"]:
            return _delete(job, "the restore is done")
    done = replace(progress, finished_at=timestamp(view.now))
    message = f"the cluster serves {_contents(progress)}"
    return _go(done, "Succeeded", message, Notice("RestoreSucceeded", message))


def _contents(progress: Progress) -> str:
    """What was restored, and what of the data before is not in it."""
    said = f"the data of {progress.source} at revision {progress.revision}"
    said += f", read at {progress.time}" if progress.time else ""
    if progress.kind == "Bootstrap":
        return said
    if progress.lost_revisions is None:
        return f"{said}; how many later revisions are lost is not known"
    return f"{said}; {progress.lost_revisions or 'no'} later revisions are lost"


def _rolling_back(view: View, progress: Progress) -> Step:
    """First all that is new goes, then the old members come back: never both."""
    if waste := _waste(view, "the restore is taken back"):
        return waste
    message = f"restore failed: {progress.message}"
    done = replace(progress, finished_at=timestamp(view.now))
    return replace(_go(done, "Failed", progress.message, Notice("RestoreFailed", message, warning=True)), stop=False)


def _waste(view: View, why: str) -> Step | None:
    """Take away what was made for the seed, and whoever joined it; None when nothing is left."""
    snapshot = view.snapshot
    stop = any(m.stateful_set is not None or m.pod is not None for m in snapshot.retired)
    for job in snapshot.jobs:
        if "deletionTimestamp" not in job["metadata"]:
            return replace(_delete(job, why), stop=stop)
    for member in snapshot.retired:
        if _there(member):
            message = f"{member.name} is not needed: {why}"
            return Step("RollingBack", message, DiscardMember(member.name, message), stop=stop)
    left = [*(m.name for m in snapshot.retired), *(pod["metadata"]["name"] for pod in snapshot.job_pods)]
    return Step("RollingBack", f"waiting for what is left of {', '.join(left)} to go", stop=stop) if left else None


def _there(member: Member) -> bool:
    """Whether something of it is there that is not going already."""
    parts = (part for part in (member.stateful_set, member.pod, member.volume) if part is not None)
    return any("deletionTimestamp" not in part["metadata"] for part in parts)


# --- helpers ---------------------------------------------------------------------------------------------------------


def _go(progress: Progress, phase: str, message: str, notice: Notice | None = None, *, identity: str | None = None) -> Step:
    """Write the next phase; it is acted on in the next pass."""
    after = Progress.of({**progress.to_json(), "phase": phase, "message": message})
    assert after is not None
    intent: Json = {"restore": after.to_json()} | ({} if identity is None else {"clusterID": identity})
    return Step("Restoring", message, intent=intent, tell=notice, wait=0.0)


def _abandon(view: View, progress: Progress, why: str) -> Step:
    """Before the restored data serves, the way is back; `why` is what people will read."""
    if progress.kind == "Bootstrap":
        if waste := _waste(view, why):
            return waste
        return _go(replace(progress, finished_at=timestamp(view.now)), "Failed", why)
    stop = progress.phase in ("Stopping", "Starting", "Growing")
    back = _go(progress, "RollingBack", why, Notice("RollingBack", why, warning=True))
    if progress.switched:
        # Their IDs are forgotten; that they are members has to be known, or one whose volume is gone would be waited for.
        back = replace(back, intent={**back.intent, **before(progress)})
    return replace(back, stop=stop)


def _given_up(view: View, progress: Progress) -> str:
    """Why the restore ends before the switch: nobody wants it any more, or it took too long."""
    if progress.kind == "Bootstrap":
        return "" if view.cluster.bootstrap is not None else "spec.bootstrap.fromBackup was removed"
    if progress.kind == "Restore" and _wish(view, progress) is None:
        return f"EtcdRestore {progress.name} was deleted"
    if progress.kind == "Recovery" and progress.phase == "Seeding" and view.snapshot.quorum:
        return "the quorum came back"
    return "it was not done before its deadline" if _late(view, progress) else ""


def _late(view: View, progress: Progress) -> bool:
    return bool(progress.deadline) and view.now >= instant(progress.deadline)


def _seed_gone(view: View, progress: Progress) -> str:
    """Somebody took the volume away that the data had been unpacked on."""
    seed = next((m for m in view.snapshot.retired if m.name == progress.seed), None)
    if seed is None or seed.volume is None or "deletionTimestamp" in seed.volume["metadata"]:
        return f"the volume of {progress.seed} with the restored data was deleted"
    return ""


def _grown(view: View) -> bool:
    """Whether the restored cluster is as large as it should be, and all of it serves."""
    snapshot, size = view.snapshot, view.cluster.size
    if view.cluster.held:
        # The size is only what there happens to be.
        return False
    listed = [m for m in snapshot.members if m.etcd is not None]
    whole = len(listed) == len(snapshot.voters) == size and bool(size)
    return snapshot.quorum and whole and all(m.healthy and m.pod_ready and m.name not in view.dead for m in listed)


def _delete(job: Manifest, why: str) -> Step:
    name = job["metadata"]["name"]
    message = f"Job {name} is removed: {why}"
    return Step("Restoring", message, DeleteJob(name, job["metadata"]["uid"], message))


def _strange_pods(view: View, job: Manifest | None) -> list[str]:
    """Pods of earlier Jobs, which may still write to the volume."""
    uid = job["metadata"]["uid"] if job is not None else ""
    return [
        pod["metadata"]["name"]
        for pod in view.snapshot.job_pods
        if not any(ref.get("uid") == uid for ref in pod["metadata"].get("ownerReferences") or ())
    ]


def job_name(cluster: Cluster, progress: Progress, source: Found | Surviving) -> str:
    """One Job for each seed, source and spec: whatever is corrected is tried by another Job."""
    read = source.digest if isinstance(source, Found) else source.url
    given = canonical([read, cluster.inputs.digest, cluster.storage.size])
    return f"{progress.seed}-restore-{hashlib.sha256(given.encode()).hexdigest()[:8]}"


def _job(view: View, progress: Progress, source: Found | Surviving, name: str) -> Manifest:
    cluster = view.cluster
    left = int(instant(progress.deadline) - view.now) if progress.deadline else _NO_LIMIT
    request = Request(name, json.loads(cluster.owner), max(60, left), view.agent)
    # etcd computes a cluster's ID from its first member's URL and this: unlike any before.
    token = f"{cluster.key.namespace}-{cluster.key.name}-{cluster.uid}-{progress.uid or progress.kind.lower()}-{progress.seed}"
    given: Stored | Surviving = source.stored if isinstance(source, Found) else source
    return restore_job(cluster, request, member=progress.seed, inputs=_inputs(view, progress), source=given, token=token)


def _inputs(view: View, progress: Progress) -> Inputs:
    """What the seed will be made from."""
    return view.joining.at(Version.parse(progress.version), progress.image) if progress.version else view.joining


_PHASES: dict[str, Callable[[View, Progress], Step | None]] = {
    "Seeding": _seeding,
    "SafetyBackup": _safety_backup,
    "Stopping": _stopping,
    "Starting": _starting,
    "Growing": _growing,
    "Cleaning": _cleaning,
    "RollingBack": _rolling_back,
}
