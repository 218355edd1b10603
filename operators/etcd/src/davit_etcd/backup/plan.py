"""Decides the next step of one EtcdBackup. Pure.

Pending until everything is there, then a Job, then perhaps a second one that verifies, then Succeeded or Failed for ever.
A Job is made once: one that is missing although the status says that it ran was deleted, and is not made again.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from davit.backup.model import instant
from davit.backup.report import Failed, Report, Running, of_pods
from davit.kube.kinds import JOB
from davit.model import Action, Key, Manifest, Notice, Plan
from davit.once import FAILED, PENDING, SUCCEEDED, Finding
from davit.status import timestamp

from davit_etcd.backup import facts
from davit_etcd.backup.choice import cipher_of, group_of, kept_of, members_of, obstacle, store_of, told
from davit_etcd.backup.commands import Remove
from davit_etcd.backup.model import BACKUP, GRACE, RUNNING, VERIFY, VERIFYING, Backup, View, duration, size_of
from davit_etcd.commands import Create
from davit_etcd.manifests import CLIENT_PORT, host
from davit_etcd.manifests.jobs import Agent, Request, backup_job, verify_job
from davit_etcd.model import Cluster, Json, canonical
from davit_etcd.versions import Version

SOON = 15.0
"""Seconds until the next look at what no watch tells, such as events."""
LATER = 30.0
"""Seconds until the next look for what a person has to do first."""
LATE = "DeadlineExceeded"
EVICTIONS = 4
"""Pods that may be evicted, as many as may fail: where a disk is full, the next pod fills the next one."""


@dataclass(frozen=True, slots=True)
class _Step:
    finding: Finding
    action: Action | None = None
    intent: Json = field(default_factory=dict)


def plan(backup: Backup, view: View, now: float, agent: Agent) -> Plan:
    """The next step; nothing at all for one that ended."""
    if backup.done:
        return Plan()
    step = _step(backup, view, now, agent)
    return Plan(
        actions=(step.action,) if step.action else (),
        intent=step.intent,
        notices=tuple(_notices(step.finding)),
        requeue_after=step.finding.wait,
        detail=step.finding,
    )


def _notices(finding: Finding) -> Iterator[Notice]:
    if finding.phase == SUCCEEDED:
        yield Notice("BackupSucceeded", finding.message)
    elif not finding.plain:
        yield Notice(finding.reason, finding.message, warning=True)


def _step(backup: Backup, view: View, now: float, agent: Agent) -> _Step:
    if view.earlier:
        return _collected(backup, view, now)
    if view.status.get("phase") == VERIFYING:
        return _verify(backup, view, now, agent)
    if view.backup_job is not None:
        return _run(backup, view, view.backup_job, now, agent)
    if view.status.get("phase") == RUNNING:
        return _failed("JobGone", f"Job {backup.job(BACKUP)} was deleted before it ended: make a new EtcdBackup", now)
    return _begin(backup, view, now, agent)


def _collected(backup: Backup, view: View, now: float) -> _Step:
    """Wait for the garbage collector, a moment mostly; where a finalizer keeps the Job, not for ever."""
    waited, phase = now - instant(backup.created), str(view.status.get("phase") or PENDING)
    if now >= backup.limit + (backup.deadline if phase == VERIFYING else 0.0):
        why = f"Job {view.earlier} of an earlier EtcdBackup of this name is still there: remove it, and make a new EtcdBackup"
        return _unverified(backup, LATE, why, now) if phase == VERIFYING else _failed(LATE, why, now)
    message = f"waiting for the garbage collector to remove Job {view.earlier} of an earlier EtcdBackup"
    return _Step(Finding(phase, "Waiting", message, wait=min(LATER, max(1.0, waited / 4))))


def _begin(backup: Backup, view: View, now: float, agent: Agent) -> _Step:
    found = obstacle(backup, view, agent.image)
    if now >= backup.limit:
        why = found[1] if found else str(view.status.get("message") or "the operator did not look at it in time")
        return _failed(LATE, f"it could not start within {duration(backup.deadline)}: {why}", now)
    store = store_of(backup, view)
    if found or store is None or view.domain is None:
        reason, message = found or ("Waiting", "")
        return _Step(Finding(PENDING, reason, message, wait=min(LATER, backup.limit - now)))
    cluster, (group, rules) = view.domain, group_of(backup, view)
    manifest = backup_job(
        cluster,
        _request(backup, BACKUP, backup.limit - now, agent),
        id=backup.id,
        group=group,
        store=store,
        cipher=cipher_of(backup, view),
        compression=backup.compression,
        members=[(name, _url(cluster, name)) for name in members_of(view)],
        # A backup that is to be verified takes no other's place before that.
        retention=None if backup.verify else rules,
        keep=kept_of(view),
        hashed=backup.verify,
    )
    where = store.location(backup.key.namespace, backup.cluster, backup.id)
    action = Create(JOB, canonical(manifest), f"backing up EtcdCluster {backup.cluster} to {where}", "BackupStarted")
    running = {"job": backup.job(BACKUP), "startedAt": timestamp(now)}
    return _Step(Finding(RUNNING, "Running", f"Job {backup.job(BACKUP)} makes it", running, SOON, plain=True), action)


def _run(backup: Backup, view: View, job: Manifest, now: float, agent: Agent) -> _Step:
    running = {"job": backup.job(BACKUP), "startedAt": view.status.get("startedAt") or job["metadata"]["creationTimestamp"]}
    match of_pods(job, view.pods, now):
        case Running() as outcome:
            return _wait(backup, view, job, outcome, now=now, phase=RUNNING, known=running)
        case Failed() as outcome:
            return _failed(outcome.reason, _with_last(outcome, view), now, running)
        case outcome:
            known = running | _stored(backup, view, outcome.report)
    if not backup.verify:
        return _succeeded(f"the backup is complete at {known.get('location', '')}", outcome.report, known, now)
    # Written first: what the Job said must outlive it, and from here on only the second Job counts.
    intent = {**known, "phase": VERIFYING}
    step = _prove(backup, replace(view, status={**view.status, **intent}), now, agent)
    return replace(step, intent=intent)


def _stored(backup: Backup, view: View, report: Report) -> Json:
    used = told(view.backup_job)
    store = used[0] if used else store_of(backup, view)
    if not store:
        return {}
    known = facts.stored(backup, store, report)
    return {name: value for name, value in known.items() if not (backup.verify and name in facts.RETAINED)}


def _verify(backup: Backup, view: View, now: float, agent: Agent) -> _Step:
    job = view.verify_job
    if job is not None:
        known = {"job": backup.job(VERIFY)}
        match of_pods(job, view.pods, now):
            case Running() as outcome:
                return _wait(backup, view, job, outcome, now=now, phase=VERIFYING, known=known)
            case Failed() as outcome:
                return _unverified(backup, outcome.reason, _with_last(outcome, view), now)
            case outcome:
                proof = facts.verified(outcome.report)
                equal = " and is equal" if outcome.report.facts.get("compared") else ", but could not be compared"
                message = f"the backup is complete at {view.status.get('location', '')}, was restored{equal}"
                return _succeeded(message, outcome.report, {**known, **facts.retained(outcome.report), "verified": proof}, now)
    if view.status.get("job") == backup.job(VERIFY):
        return _unverified(backup, "JobGone", f"Job {backup.job(VERIFY)} was deleted before it ended", now)
    if now >= backup.limit + backup.deadline:
        why = str(view.status.get("message") or "the operator did not look at it in time")
        return _unverified(backup, LATE, f"its verification could not start in time: {why}", now)
    return _prove(backup, view, now, agent)


def _prove(backup: Backup, view: View, now: float, agent: Agent) -> _Step:
    """Make the Job that verifies; it gets the whole deadline, however late it is."""
    used = told(view.backup_job)
    found = obstacle(backup, view, agent.image) if used is None or view.domain is None or not agent.image else None
    store = used[0] if used else store_of(backup, view)
    if found or store is None or view.domain is None:
        reason, message = found or ("Waiting", "")
        return _Step(Finding(VERIFYING, reason, message, wait=LATER))
    version = _version(view, view.domain)
    manifest = verify_job(
        view.domain,
        _request(backup, VERIFY, backup.deadline, agent),
        id=backup.id,
        store=store,
        cipher=used[1] if used else cipher_of(backup, view),
        version=version,
        image=view.domain.image_of(version),
        size=size_of(view.status.get("snapshotSize")),
        retention=group_of(backup, view)[1],
        keep=kept_of(view),
    )
    action = Create(JOB, canonical(manifest), "restoring the backup into a throw-away member", "VerificationStarted")
    known = {"job": backup.job(VERIFY)}
    return _Step(Finding(VERIFYING, "Verifying", f"Job {backup.job(VERIFY)} verifies it", known, SOON, plain=True), action)


def _version(view: View, cluster: Cluster) -> Version:
    """The one that the backup was made with: another may hash differently."""
    try:
        return Version.parse(str(view.status.get("etcdVersion") or ""))
    except ValueError:
        return cluster.inputs.version


def _request(backup: Backup, ending: str, seconds: float, agent: Agent) -> Request:
    return Request(backup.job(ending), json.loads(backup.reference), max(1, int(seconds)), agent)


def _url(cluster: Cluster, member: str) -> str:
    return f"http://{host(cluster, member)}:{CLIENT_PORT}"


def _wait(backup: Backup, view: View, job: Manifest, outcome: Running, *, now: float, phase: str, known: Json) -> _Step:
    """Until the Job ends; past its deadline by more than a grace, it is ended here."""
    name = job["metadata"]["name"]
    if len(evicted := _evicted(view, job)) >= EVICTIONS:
        why = f"{len(evicted)} pods of Job {name} were evicted: {(evicted[-1]['status'].get('message') or '')[:500]}"
        step = _unverified(backup, "Evicted", why, now) if phase == VERIFYING else _failed("Evicted", why, now, known)
        return replace(step, action=_end(backup, job, f"Job {name} is evicted again and again", "Evicted"))
    reason, message = outcome.reason, outcome.message
    if reason == "Starting" and view.words:
        reason, message = "PodRefused", f"Job {name} gets no pod: {view.words}"
    limit = instant(job["metadata"]["creationTimestamp"]) + float(job["spec"].get("activeDeadlineSeconds") or backup.deadline)
    if now < limit + GRACE:
        plain = reason in ("Running", "Starting")
        said = f"Job {name} {'runs' if reason == 'Running' else 'starts'}" if plain and not message else message
        wait = min(limit + GRACE - now, 600.0 if reason == "Running" else SOON)
        return _Step(Finding(phase, reason, said, known, wait, plain=plain))
    late = f"Job {name} did not end by its deadline: {message or 'it was never started'}"
    remove = _end(backup, job, f"Job {name} is past its deadline", LATE)
    proving = phase == VERIFYING
    step = _unverified(backup, LATE, late, now) if proving else _failed(LATE, late, now, known)
    return replace(step, action=remove)


def _evicted(view: View, job: Manifest) -> list[Manifest]:
    """The pods that a kubelet evicted, the oldest first: the Job's failure policy counts none of them."""
    uid = job["metadata"]["uid"]
    own = [pod for pod in view.pods if any(ref["uid"] == uid for ref in pod["metadata"].get("ownerReferences") or ())]
    found = [pod for pod in own if (pod.get("status") or {}).get("reason") == "Evicted"]
    return sorted(found, key=lambda pod: str(pod["metadata"].get("creationTimestamp") or ""))


def _end(backup: Backup, job: Manifest, message: str, reason: str) -> Remove:
    metadata = job["metadata"]
    return Remove(JOB, Key(backup.key.namespace, metadata["name"]), metadata["uid"], message, reason)


def _with_last(outcome: Failed, view: View) -> str:
    """At its deadline Kubernetes deletes the pods of a Job, and their messages with them."""
    last = str(view.status.get("message") or "")
    return f"{outcome.message} Last seen: {last}" if outcome.reason == LATE and last else outcome.message


def _succeeded(message: str, report: Report, known: Json, now: float) -> _Step:
    remarks = facts.warnings(report)
    said = f"{message}; {remarks}" if remarks else message
    return _Step(Finding(SUCCEEDED, "Succeeded", said, {**known, "finishedAt": timestamp(now)}, plain=not remarks))


def _failed(reason: str, message: str, now: float, known: Json | None = None) -> _Step:
    return _Step(Finding(FAILED, reason, message, {**(known or {}), "finishedAt": timestamp(now)}))


def _unverified(backup: Backup, reason: str, message: str, now: float) -> _Step:
    """The backup may be good: it stays in the store, but nothing here calls it good."""
    said = f"the backup is in the store, but its verification failed: {message}"
    return _failed(reason, said, now, {"verified": {"message": message}, "job": backup.job(VERIFY)})
