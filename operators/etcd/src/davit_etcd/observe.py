"""Reads the world for one cluster: live objects from Kubernetes, membership and health from etcd."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, TypeVar

from davit.errors import Rejected, Transient
from davit.kube.client import Client
from davit.kube.kinds import EVENT, JOB, PERSISTENT_VOLUME_CLAIM, POD, POD_DISRUPTION_BUDGET, SERVICE, STATEFUL_SET
from davit.kube.labels import MANAGED_BY, controlled_by
from davit.model import Key, Kind, Manifest

from davit_etcd.api.backups import ETCD_BACKUP
from davit_etcd.api.restores import ETCD_RESTORE
from davit_etcd.api.v1 import ETCD_CLUSTER
from davit_etcd.client import EtcdClient, EtcdError, client_address
from davit_etcd.manifests import OPERATOR, VOLUME_PREFIX, member_of_url, pod_name, selector, volume_name
from davit_etcd.manifests.jobs import RESTORE, job_labels
from davit_etcd.model import (
    CLUSTER_UID_ANNOTATION,
    DIGEST_ANNOTATION,
    RECORD_ANNOTATION,
    RESTORE_ANNOTATION,
    RESTORED_BY_ANNOTATION,
    VERSION_ANNOTATION,
    Cluster,
    EtcdMember,
    Member,
    Record,
    Snapshot,
    annotation,
)
from davit_etcd.policies.view import refused
from davit_etcd.progress import Progress
from davit_etcd.restore.source import needed, source_of
from davit_etcd.versions import Version, downgrade_target, refuse_change

T = TypeVar("T")

_NOISE = ("Unhealthy", "BackOff", "FailedPreStopHook")
"""Reasons of events that tell less than the pod's own status."""
_FRESH = 120.0
"""Seconds after which an event no longer explains the present."""
_ENDED = ("Succeeded", "Failed")
_CHILDREN = (STATEFUL_SET, PERSISTENT_VOLUME_CLAIM, SERVICE, POD_DISRUPTION_BUDGET)


async def observe(cluster: Cluster, resource: Manifest, kube: Client, etcd: EtcdClient) -> Snapshot:
    """One consistent enough look; raises `Transient` while a predecessor's objects are still being collected."""
    children, pods = await _objects(cluster, kube)
    backups = await of_cluster(kube, ETCD_BACKUP, cluster.key)
    _wait_for_predecessor(resource, children)
    children = (*children, *await _unlabelled(cluster, resource, children, kube))
    status = remembering(resource.get("status") or {}, children)
    progress = Progress.of(status.get("restore"))
    everybody = _members(cluster, children, pods, status)
    retired = tuple(m for m in everybody if progress is not None and progress.apart(m.ordinal))
    members = await _ask_each(tuple(m for m in everybody if m not in retired), etcd)
    names = [m.name for m in everybody] + [pod["metadata"]["name"].removesuffix("-0") for pod in pods]
    names += [progress.seed] if progress is not None else []
    ordinals = [int(name.rsplit("-", 1)[1]) for name in names if _numbered(cluster, name)]
    snapshot = Snapshot(
        children,
        members,
        status=status,
        next_ordinal=max((status.get("nextMember", 0), *(1 + n for n in ordinals))),
        backups=backups,
        retired=retired,
    )
    snapshot = await _with_restores(cluster, resource, snapshot, kube)
    snapshot = await _ask_together(cluster, snapshot, etcd)
    if _changing(cluster, snapshot):
        snapshot = await _with_hashes(snapshot, etcd)
    return await _with_troubles(cluster, snapshot, kube)


def remembering(status: Mapping[str, Any], children: Iterable[Manifest]) -> Mapping[str, Any]:
    """A restore under way outlives the status, which somebody may have lost: its seed's volume tells how far it is."""
    if status.get("restore"):
        return status
    for child in children:
        found = Progress.read(annotation(child, RESTORE_ANNOTATION)) if child["kind"] == "PersistentVolumeClaim" else None
        if found is not None and not found.seed:
            # In words that fit the schema of status, and name no seed.
            return {**status, "restore": {"kind": found.kind, "phase": "Seeding", "message": "an annotation can't be read"}}
        if found is not None and child["metadata"]["name"] == volume_name(found.seed):
            return {**status, "restore": found.to_json()}
    return status


async def _with_restores(cluster: Cluster, resource: Manifest, snapshot: Snapshot, kube: Client) -> Snapshot:
    """What restores are asked for, and what the one under way reads and does."""
    progress, namespace = snapshot.progress, cluster.key.namespace
    by = annotation(resource, RESTORED_BY_ANNOTATION)
    last = progress.uid if progress is not None else ""
    found = await of_cluster(kube, ETCD_RESTORE, cluster.key)
    open_ones = [r for r in found if (r.get("status") or {}).get("phase") not in _ENDED or r["metadata"]["uid"] == last]
    snapshot = replace(snapshot, restores=tuple(r for r in open_ones if r["metadata"]["uid"] != by))
    if progress is not None and not progress.done:
        labels = job_labels(cluster.key.name, RESTORE)
        jobs, pods = await asyncio.gather(kube.list(JOB, namespace, labels=labels), kube.list(POD, namespace, labels=labels))
        snapshot = replace(snapshot, jobs=tuple(jobs), job_pods=tuple(pods))
    return replace(snapshot, referenced=await _referenced(cluster, snapshot, kube))


async def _referenced(cluster: Cluster, snapshot: Snapshot, kube: Client) -> tuple[Manifest, ...]:
    """Looked up while a source may have to be resolved, at no other time."""
    progress = snapshot.progress
    if progress is not None and not progress.done and progress.phase not in ("Seeding", "SafetyBackup"):
        return ()
    sources = [source_of(restore) for restore in snapshot.restores]
    if not snapshot.formed and cluster.bootstrap is not None:
        sources.append(cluster.bootstrap)
    found: list[Manifest] = []
    for key in {key for source in sources if source and (key := needed(source, cluster.key.namespace))}:
        found += await referenced(kube, key, cluster.key.name)
    return tuple(found)


async def referenced(kube: Client, backup: Key, cluster: str = "") -> tuple[Manifest, ...]:
    """An EtcdBackup, and the EtcdCluster that it is of unless that is `cluster`."""
    found = await kube.get(ETCD_BACKUP, backup)
    if found is None:
        return ()
    name = (found.get("spec") or {}).get("cluster", "")
    of = await kube.get(ETCD_CLUSTER, Key(backup.namespace, name)) if name and name != cluster else None
    return (found, of) if of is not None else (found,)


async def of_cluster(kube: Client, kind: Kind, cluster: Key) -> tuple[Manifest, ...]:
    """The EtcdBackups or EtcdRestores that name the cluster, the oldest first; none where their CRD is not there yet."""
    try:
        found = await kube.list(kind, cluster.namespace, fields={"spec.cluster": cluster.name})
    except Rejected:
        # Kubernetes before 1.31 selects custom resources by their names only (KEP-4358).
        found = await kube.list(kind, cluster.namespace)
    named = [item for item in found if (item.get("spec") or {}).get("cluster") == cluster.name]
    return tuple(sorted(named, key=lambda item: (item["metadata"].get("creationTimestamp", ""), item["metadata"]["name"])))


async def _objects(cluster: Cluster, kube: Client) -> tuple[tuple[Manifest, ...], tuple[Manifest, ...]]:
    labels = selector(cluster.key.name)
    namespace = cluster.key.namespace
    ours = {**labels, MANAGED_BY: OPERATOR}
    lists = [kube.list(kind, namespace, labels=ours) for kind in _CHILDREN]
    pods, *children = await asyncio.gather(kube.list(POD, namespace, labels=labels), *lists)
    return tuple(manifest for found in children for manifest in found), tuple(pods)


async def _unlabelled(cluster: Cluster, resource: Manifest, children: tuple[Manifest, ...], kube: Client) -> tuple[Manifest, ...]:
    """Objects of known members that are ours but lost their labels to somebody's edit: not lost, to be labelled again."""
    listed = {(child["kind"], child["metadata"]["name"]) for child in children}
    status = resource.get("status") or {}
    progress = Progress.of(status.get("restore"))
    names = [item["name"] for item in status.get("members") or ()]
    if progress is not None and not progress.done:
        names += [name for name in (progress.seed, *progress.old_members) if name and name not in names]
    wanted = [pair for member in names for pair in _of_member(cluster, member)]
    missing = [(kind, name) for kind, name in wanted if (kind.kind, name) not in listed]
    found = await asyncio.gather(*(kube.get(kind, Key(cluster.key.namespace, name)) for kind, name in missing))
    uid = resource["metadata"]["uid"]
    return tuple(m for m in found if m and (controlled_by(m, resource) or annotation(m, CLUSTER_UID_ANNOTATION) == uid))


def _of_member(cluster: Cluster, member: str) -> tuple[tuple[Kind, str], ...]:
    kept = () if cluster.storage.memory else ((PERSISTENT_VOLUME_CLAIM, volume_name(member)),)
    return ((STATEFUL_SET, member), *kept)


def _wait_for_predecessor(resource: Manifest, children: Iterable[Manifest]) -> None:
    for child in children:
        controlled = any(ref.get("controller") for ref in child["metadata"].get("ownerReferences", ()))
        if controlled and not controlled_by(child, resource):
            name = f"{child['kind']} {child['metadata']['name']}"
            raise Transient(f"waiting for the garbage collector to remove {name} of an earlier resource", retry_after=1.0)


def _members(
    cluster: Cluster, children: Sequence[Manifest], pods: Sequence[Manifest], status: Mapping[str, Any]
) -> tuple[Member, ...]:
    index = {(child["kind"], child["metadata"]["name"]): child for child in children}
    by_pod = {pod["metadata"]["name"]: pod for pod in pods}
    versions = {item["name"]: item.get("version", "") for item in status.get("members") or ()}
    names = {name for child in children if _numbered(cluster, name := _member_name(child))}
    return _sorted(_member(name, index, by_pod, versions.get(name, "")) for name in names)


def _member_name(child: Manifest) -> str:
    """Read off the object's own name: its labels may have been edited."""
    name: str = child["metadata"]["name"]
    if child["kind"] == "StatefulSet":
        return name
    return name.removeprefix(VOLUME_PREFIX) if child["kind"] == "PersistentVolumeClaim" else ""


def _member(name: str, index: Mapping[tuple[str, str], Manifest], pods: Mapping[str, Manifest], last_version: str) -> Member:
    stateful_set = index.get(("StatefulSet", name))
    volume = index.get(("PersistentVolumeClaim", volume_name(name)))
    return Member(
        name=name,
        stateful_set=stateful_set,
        record=Record.from_json(annotation(stateful_set, RECORD_ANNOTATION)) if stateful_set else None,
        pod=_own_pod(pods.get(pod_name(name)), stateful_set),
        volume=volume,
        known_version=_version(last_version or annotation(volume, VERSION_ANNOTATION)),
    )


def _own_pod(pod: Manifest | None, stateful_set: Manifest | None) -> Manifest | None:
    """Not the pod of an earlier StatefulSet of this name, which may linger while it ends."""
    if pod is None or stateful_set is None:
        return pod
    controllers = [ref["uid"] for ref in pod["metadata"].get("ownerReferences", ()) if ref.get("controller")]
    return pod if not controllers or stateful_set["metadata"]["uid"] in controllers else None


def _version(text: str) -> Version | None:
    try:
        return Version.parse(text)
    except ValueError:
        return None


def _numbered(cluster: Cluster, name: str) -> bool:
    return name.removeprefix(f"{cluster.key.name}-").isdigit()


def _sorted(members: Iterable[Member]) -> tuple[Member, ...]:
    return tuple(sorted(members, key=lambda member: member.ordinal))


async def _ask_each(members: tuple[Member, ...], etcd: EtcdClient) -> tuple[Member, ...]:
    async def ask(member: Member) -> Member:
        endpoint = await _try(etcd.status(client_address(member))) if _reachable(member) else None
        if endpoint is None:
            return member
        return replace(member, endpoint=endpoint, known_version=_version(endpoint.version) or member.known_version)

    return tuple(await asyncio.gather(*(ask(member) for member in members)))


def _reachable(member: Member) -> bool:
    status = (member.pod or {}).get("status", {})
    running = any("running" in state.get("state", {}) for state in status.get("containerStatuses", ()))
    return bool(status.get("podIP")) and running


async def _try(question: Awaitable[T]) -> T | None:
    try:
        return await question
    except EtcdError:
        return None


async def _ask_together(cluster: Cluster, snapshot: Snapshot, etcd: EtcdClient) -> Snapshot:
    """Membership from the leader if it still has a quorum, else from whoever answers, else as last written to status."""
    answering = [m for m in snapshot.members if m.endpoint is not None]
    leaders = {m.endpoint.leader for m in answering if m.endpoint and m.endpoint.leader}
    asked = sorted(
        answering, key=lambda m: (m.endpoint is None or m.endpoint.id not in leaders, m.endpoint and m.endpoint.learner)
    )
    for member in asked:
        url = client_address(member)
        if await _quorum(etcd, url) and (listed := await _try(etcd.members(url, linearizable=True))):
            told = _joined(cluster, replace(snapshot, quorum=True), listed, member)
            return await _with_objection(cluster, await _with_alarms(told, etcd, url), etcd, url)
    for member in (m for m in asked if m.endpoint and not m.endpoint.learner):
        if listed := await _try(etcd.members(client_address(member), linearizable=False)):
            return _joined(cluster, snapshot, listed, member)
    return _joined(cluster, snapshot, _remembered(snapshot), None)


async def _with_alarms(snapshot: Snapshot, etcd: EtcdClient, url: str) -> Snapshot:
    alarms = await _try(etcd.alarms(url)) or ()
    corrupt = {owner for owner, alarm in alarms if alarm == "CORRUPT"}
    cluster_version = _version(await _try(etcd.cluster_version(url)) or "")
    members = tuple(replace(m, corrupt=m.etcd is not None and m.etcd.id in corrupt) for m in snapshot.members)
    listed = {m.etcd.id for m in snapshot.members if m.etcd} | {m.id for m in snapshot.strangers}
    return replace(
        snapshot,
        members=members,
        orphaned_alarms=tuple(sorted(corrupt - listed)),
        no_space=any(alarm == "NOSPACE" for _, alarm in alarms),
        cluster_line=cluster_version.line if cluster_version else None,
    )


async def _with_objection(cluster: Cluster, snapshot: Snapshot, etcd: EtcdClient, url: str) -> Snapshot:
    """Where the spec asks for an earlier release line: whether etcd would go back, asked until it was told to."""
    wanted, speaks = cluster.inputs.version, snapshot.cluster_line
    line = downgrade_target(snapshot.versions, wanted)
    told = any(m.endpoint is not None and m.endpoint.downgrade for m in snapshot.members)
    if not line or told or cluster.held or speaks is None or speaks <= wanted.line or refuse_change(snapshot.versions, wanted):
        return snapshot
    return replace(snapshot, downgrade_refusal=await _try(etcd.validate_downgrade(url, line)) or "")


async def _quorum(etcd: EtcdClient, url: str) -> bool:
    try:
        await etcd.read(url)
    except EtcdError:
        return False
    return True


def _remembered(snapshot: Snapshot) -> tuple[EtcdMember, ...]:
    progress = snapshot.progress
    return tuple(
        EtcdMember(item["id"], item["name"], (), item.get("role") == "Learner")
        for item in snapshot.status.get("members") or ()
        if item.get("id") and not (progress is not None and progress.apart(Member(item["name"]).ordinal))
    )


def _joined(cluster: Cluster, snapshot: Snapshot, listed: Iterable[EtcdMember], told: Member | None) -> Snapshot:
    """Put etcd's list and Kubernetes' objects side by side, by peer URL: an unstarted member has no name yet."""
    known = {member.name: member for member in snapshot.members}
    strangers = []
    for entry in listed:
        urls = entry.peer_urls
        name = (member_of_url(cluster, urls[0]) if urls else entry.name) or ""
        if not name:
            strangers.append(entry)
            continue
        member = known.get(name, Member(name))
        # A process of an earlier member under this name does not speak for this one.
        speaks = member.endpoint is not None and (told is None or member.endpoint.id == entry.id)
        known[name] = replace(member, etcd=entry, endpoint=member.endpoint if speaks else None)
    members = _sorted(known.values())
    next_ordinal = max(snapshot.next_ordinal, *(1 + m.ordinal for m in members), 0)
    leader_id = told.endpoint.leader if told and told.endpoint else ""
    leader = next((m.name for m in members if m.etcd and leader_id and m.etcd.id == leader_id), "")
    return replace(
        snapshot,
        members=members,
        strangers=tuple(strangers),
        next_ordinal=next_ordinal,
        cluster_id=told.endpoint.cluster_id if told and told.endpoint else "",
        leader=leader,
    )


def _changing(cluster: Cluster, snapshot: Snapshot) -> bool:
    """Whether a restart may be near, before which the members' data is compared: hashing costs them time."""
    if not snapshot.quorum or cluster.paused or cluster.storage.memory or not snapshot.versions:
        return False
    if cluster.held or refused(cluster, snapshot):
        return False
    return any(
        m.record is None
        or m.record.inputs != cluster.inputs
        or (m.pod is not None and annotation(m.pod, DIGEST_ANNOTATION) != m.record.inputs.digest)
        for m in snapshot.voters
    )


async def _with_hashes(snapshot: Snapshot, etcd: EtcdClient) -> Snapshot:
    healthy = [m for m in snapshot.voters if m.healthy and m.endpoint]
    if not healthy:
        return snapshot
    revision = min(m.endpoint.revision for m in healthy if m.endpoint)
    hashes = await asyncio.gather(*(_try(etcd.hash_kv(client_address(m), revision)) for m in healthy))
    found = {member.name: value for member, value in zip(healthy, hashes, strict=True)}
    return replace(snapshot, members=tuple(replace(m, hash=found.get(m.name)) for m in snapshot.members))


async def _with_troubles(cluster: Cluster, snapshot: Snapshot, kube: Client) -> Snapshot:
    """For pods and volumes that do not come up: what Kubernetes' events say about them."""

    async def explain(member: Member) -> Member:
        name = _in_trouble(cluster, member)
        return replace(member, trouble=await _last_event(kube, cluster.key.namespace, name)) if name else member

    return replace(snapshot, members=tuple(await asyncio.gather(*(explain(m) for m in snapshot.members))))


def _in_trouble(cluster: Cluster, member: Member) -> str:
    """The name of the object whose events explain why the member is not there."""
    if member.stateful_set is None or member.endpoint is not None or cluster.size == 0:
        return ""
    if member.pod is None:
        return member.name
    if member.volume is not None and member.volume.get("status", {}).get("phase") != "Bound":
        return volume_name(member.name)
    phase = member.pod.get("status", {}).get("phase")
    return pod_name(member.name) if phase == "Pending" else ""


async def _last_event(kube: Client, namespace: str, name: str) -> str:
    events = await kube.list(EVENT, namespace, fields={"involvedObject.name": name, "type": "Warning"})
    telling = [event for event in events if event.get("reason") not in _NOISE and time.time() - _when(event) < _FRESH]
    newest = max(telling, key=_when, default=None)
    return f"{newest.get('reason', '')}: {newest.get('message', '')}"[:300] if newest else ""


def _when(event: Manifest) -> float:
    """Unix time of an event's last occurrence, by whichever of its three fields is set."""
    series = event.get("series") or {}
    text = series.get("lastObservedTime") or event.get("lastTimestamp") or event.get("eventTime")
    return datetime.fromisoformat(text).timestamp() if text else 0.0
