"""Decides where one EtcdRestore stands. Pure.

The EtcdCluster's own controller does the work; this one judges beforehand whether it may begin, makes an EtcdCluster where
there is none, and tells what became of it. Once an EtcdRestore is accepted it is never refused any more: the EtcdCluster
may have begun by then.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from davit.backup.model import instant
from davit.model import Manifest, Notice, Plan
from davit.once import FAILED, PENDING, SUCCEEDED, Finding
from davit.status import timestamp

from davit_etcd.manifests import volume_name
from davit_etcd.model import RESTORED_BY_ANNOTATION, Json, annotation, canonical
from davit_etcd.progress import Progress
from davit_etcd.restore.model import GRACE, RESTORING, MakeCluster, Restore, View
from davit_etcd.restore.source import Found, Unusable, resolve
from davit_etcd.restore.validate import cluster_manifest

SOON = 15.0
CREATING = "Creating"
"""The step in which the EtcdCluster is made; from then on one that is missing was deleted."""


def plan(restore: Restore, view: View, now: float) -> Plan:
    """The next step; nothing at all for one that ended."""
    if restore.done:
        return Plan()
    found, action = judge(restore, view, now)
    notices = (Notice(found.reason, found.message, warning=found.phase == FAILED),) if found.phase in (FAILED, SUCCEEDED) else ()
    accepted = {"phase": RESTORING, "startedAt": timestamp(now), "step": CREATING} if action and not view.began else {}
    return Plan(
        actions=(action,) if action else (),
        intent=accepted,
        notices=notices,
        requeue_after=found.wait if found.phase not in (FAILED, SUCCEEDED) else None,
        detail=found,
    )


def judge(restore: Restore, view: View, now: float) -> tuple[Finding, MakeCluster | None]:
    """Where it stands, and the EtcdCluster to make if there is to be one."""
    cluster = view.cluster
    if cluster is None:
        return _without_cluster(restore, view, now)
    if annotation(cluster, RESTORED_BY_ANNOTATION) == restore.uid:
        return _followed_bootstrap(restore, view, cluster, now), None
    if restore.phase == RESTORING:
        return _followed(restore, view, cluster, now), None
    return _asked(restore, view, cluster, now), None


# --- a new cluster ---------------------------------------------------------------------------------------------------


def _without_cluster(restore: Restore, view: View, now: float) -> tuple[Finding, MakeCluster | None]:
    name = restore.cluster
    if restore.phase == RESTORING and view.status.get("step") != CREATING:
        return _failed(now, "ClusterDeleted", f"EtcdCluster {name} was deleted"), None
    if not restore.template:
        said = f"EtcdCluster {name} does not exist: make a new EtcdRestore with a spec.template, or for another cluster"
        return _failed(now, "ClusterMissing", said), None
    if _late(restore, view, now):
        return _failed(now, "DeadlineExceeded", f"EtcdCluster {name} could not be made before spec.deadline"), None
    found = _source(restore, view)
    if isinstance(found, Unusable):
        return _unusable(restore, found, now), None
    source = restore.source.model_dump(by_alias=True, exclude_none=True)
    made = cluster_manifest(restore.key.namespace, name, json.loads(restore.template), source, restore.uid)
    message = f"making EtcdCluster {name}, which begins with {found.location}"
    facts = {"step": CREATING, "source": found.location, "startedAt": view.status.get("startedAt") or timestamp(now)}
    return Finding(RESTORING, "Restoring", message, facts, SOON), MakeCluster(canonical(made), message)


def _followed_bootstrap(restore: Restore, view: View, cluster: Manifest, now: float) -> Finding:
    """Of an EtcdCluster that this EtcdRestore made."""
    status = cluster.get("status") or {}
    progress = Progress.of(status.get("restore"))
    facts = _facts(progress, view, now)
    if progress is not None and progress.kind == "Bootstrap" and progress.phase == "Succeeded":
        return Finding(SUCCEEDED, "Restored", progress.message, {**facts, "finishedAt": timestamp(now)})
    if _condition(cluster, "BootstrapUnused").get("status") == "True":
        names = sorted(str(item["name"]) for item in status.get("members") or ())
        volumes = ", ".join(volume_name(member) for member in names) or "volumes"
        remedy = f"delete them with the EtcdCluster, or make an EtcdRestore with spec.confirm {restore.cluster}"
        said = f"EtcdCluster {restore.cluster} came up with the data that {volumes} held; to replace that, {remedy}"
        return _failed(now, "HasData", said, facts)
    stalled = _condition(cluster, "Stalled")
    if stalled.get("status") == "True" and stalled.get("reason") == "RestoreFailed":
        said = f"{stalled.get('message', '')} (correct EtcdCluster {restore.cluster}, or delete it and make a new EtcdRestore)"
        return _failed(now, "RestoreFailed", said, facts)
    said = str(_condition(cluster, "Ready").get("message") or f"EtcdCluster {restore.cluster} has not begun yet")
    if _late(restore, view, now):
        why = f"not done before spec.deadline; EtcdCluster {restore.cluster} goes on: {said}"
        return _failed(now, "DeadlineExceeded", why, facts)
    return Finding(RESTORING, "Restoring", said, facts or {"step": "Seeding", "startedAt": timestamp(now)}, SOON)


# --- in place --------------------------------------------------------------------------------------------------------


def _asked(restore: Restore, view: View, cluster: Manifest, now: float) -> Finding:
    """Whether the data of a cluster may be replaced; every refusal leaves all as it is."""
    name = restore.cluster
    if restore.confirm != name:
        said = f"EtcdCluster {name} exists, and its data would be replaced"
        remedy = f"make a new EtcdRestore with spec.confirm: {name}"
        wrong = f": spec.confirm is {restore.confirm!r}" if restore.confirm else ""
        return _failed(now, "NotConfirmed", f"{said}{wrong}; if that is meant, {remedy}")
    if refusal := _refusal(name, cluster):
        return _failed(now, *refusal)
    found = _source(restore, view)
    if isinstance(found, Unusable):
        return _unusable(restore, found, now)
    earlier = next((item for item in view.others if item["metadata"]["uid"] != restore.uid and _before(item, restore)), None)
    if earlier is not None:
        return _waiting(restore, now, "Queued", f"waits for EtcdRestore {earlier['metadata']['name']}, which came before")
    status = cluster.get("status") or {}
    under_way = Progress.of(status.get("restore"))
    if not status.get("clusterID") or (under_way is not None and not under_way.done):
        why = "is not formed yet" if under_way is None or under_way.done else f"is being restored ({under_way.phase})"
        return _waiting(restore, now, "ClusterBusy", f"EtcdCluster {name} {why}: waiting")
    facts = {"source": found.location, "startedAt": timestamp(now)}
    return Finding(RESTORING, "Restoring", f"accepted: EtcdCluster {name} gets the data of {found.location}", facts, SOON)


def _refusal(name: str, cluster: Manifest) -> tuple[str, str] | None:
    """What a person has to change first: a reason, and a message with the remedy."""
    spec = cluster.get("spec") or {}
    if cluster["metadata"].get("deletionTimestamp"):
        return "ClusterDeleted", f"EtcdCluster {name} is being deleted"
    if spec.get("paused"):
        return "ClusterPaused", f"EtcdCluster {name} is paused: set its spec.paused to false, then make a new EtcdRestore"
    if spec.get("size") == 0:
        return (
            "ClusterHibernated",
            f"EtcdCluster {name} is hibernated: wake it by its spec.size, then make a new EtcdRestore",
        )
    if (spec.get("storage") or {}).get("type") == "Memory":
        return "ClusterInMemory", f"EtcdCluster {name} has storage.type Memory: restore into a new one with volumes"
    return None


def _followed(restore: Restore, view: View, cluster: Manifest, now: float) -> Finding:
    progress = Progress.of((cluster.get("status") or {}).get("restore"))
    if progress is None or progress.uid != restore.uid:
        said = f"waits for EtcdCluster {restore.cluster} to begin: {_condition(cluster, 'Ready').get('message', '')}"
        if now >= view.began + restore.deadline + GRACE:
            return _failed(now, "DeadlineExceeded", f"not begun before spec.deadline, nothing was changed; {said}")
        return Finding(RESTORING, "Restoring", said, wait=SOON)
    facts = _facts(progress, view, now)
    if progress.phase == "Succeeded":
        return Finding(SUCCEEDED, "Restored", progress.message, {**facts, "finishedAt": progress.finished_at or timestamp(now)})
    if progress.phase == "Failed":
        return _failed(now, "RestoreFailed", f"{progress.message.rstrip('.')}; the data is as it was before", facts)
    if progress.phase in ("Growing", "Cleaning") and _late(restore, view, now) and _serves(cluster):
        said = (
            f"{progress.message}; not all members serve yet: {_condition(cluster, 'Ready').get('message', '')}. The volumes of "
            f"{', '.join(progress.old_members)} are removed when they do"
        )
        return Finding(SUCCEEDED, "Restored", said, {**facts, "finishedAt": timestamp(now)})
    said = _condition(cluster, "Ready").get("message") or progress.message
    if progress.phase in ("Growing", "Cleaning") and _late(restore, view, now):
        kept = "it goes on, the old volumes are kept"
        why = f"EtcdCluster {restore.cluster} served the backup's data and does not now; {kept}: {said}"
        return _failed(now, "DeadlineExceeded", why, facts)
    return Finding(RESTORING, "Restoring", f"{progress.phase}: {said}", facts, SOON)


# --- helpers ---------------------------------------------------------------------------------------------------------


def _source(restore: Restore, view: View) -> Found | Unusable:
    spec: Mapping[str, Any] = (view.cluster or {}).get("spec") or (json.loads(restore.template) if restore.template else {})
    target = {"metadata": {"namespace": restore.key.namespace, "name": restore.cluster}, "spec": spec}
    return resolve(restore.source, target, view.referenced)


def _unusable(restore: Restore, why: Unusable, now: float) -> Finding:
    if why.wait:
        return _waiting(restore, now, why.reason, why.message)
    return _failed(now, why.reason, f"{why.message}. Nothing was changed")


def _waiting(restore: Restore, now: float, reason: str, message: str) -> Finding:
    """For no longer than the deadline, which then counts from its creation."""
    if now >= instant(restore.created) + restore.deadline:
        return _failed(now, "DeadlineExceeded", f"not begun before spec.deadline, nothing was changed; {message}")
    return Finding(PENDING, reason, message, wait=SOON)


def _before(other: Manifest, restore: Restore) -> bool:
    metadata = other["metadata"]
    return (metadata.get("creationTimestamp", ""), metadata["name"]) < (restore.created, restore.key.name)


def _failed(now: float, reason: str, message: str, facts: Json | None = None) -> Finding:
    return Finding(FAILED, reason, message, {**(facts or {}), "finishedAt": timestamp(now)})


def _late(restore: Restore, view: View, now: float) -> bool:
    return bool(view.began) and now >= view.began + restore.deadline


def _serves(cluster: Manifest) -> bool:
    return _condition(cluster, "Available").get("status") == "True"


def _condition(cluster: Manifest, kind: str) -> Json:
    conditions = (cluster.get("status") or {}).get("conditions") or ()
    return next((dict(condition) for condition in conditions if condition["type"] == kind), {})


def _facts(progress: Progress | None, view: View, now: float) -> Json:
    started = view.status.get("startedAt") or timestamp(now)
    if progress is None:
        return {"startedAt": started, "step": "Seeding"}
    found = {
        "step": progress.phase, "source": progress.source, "revision": progress.revision,
        "safetyBackup": progress.safety_backup, "startedAt": started,
    }  # fmt: skip
    return {key: value for key, value in found.items() if value not in ("", None)}
