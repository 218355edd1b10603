"""Carries out the commands of a plan against Kubernetes and etcd."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from dataclasses import replace

from davit.errors import Blocked, Transient
from davit.kube.client import Client
from davit.kube.kinds import JOB, PERSISTENT_VOLUME_CLAIM, POD, STATEFUL_SET
from davit.model import Action, Key, Kind, Manifest

from davit_etcd.client import EtcdClient, EtcdError, client_address
from davit_etcd.commands import (
    AddLearner,
    Create,
    DeleteJob,
    DeletePod,
    Disarm,
    DiscardMember,
    ExpandVolume,
    GoBack,
    LabelVoter,
    MoveLeader,
    Promote,
    RemoveMember,
    StayUp,
)
from davit_etcd.manifests import peer_url
from davit_etcd.manifests.volume import volume
from davit_etcd.model import (
    RESTORE_ANNOTATION,
    ROLE_LABEL,
    VOTER,
    Cluster,
    Member,
    Snapshot,
    annotation,
    volume_cluster,
)

IMPATIENT = 0.3
"""Seconds until etcd is asked again for what it refuses only for a moment."""


async def execute(action: Action, cluster: Cluster, snapshot: Snapshot, kube: Client, etcd: EtcdClient) -> None:
    """Carry out one action: against etcd first, then against Kubernetes."""
    await _tell_etcd(action, cluster, snapshot, etcd)
    await _tell_kubernetes(action, cluster, snapshot, kube)


async def _tell_etcd(action: Action, cluster: Cluster, snapshot: Snapshot, etcd: EtcdClient) -> None:
    match action:
        case AddLearner(member=name):
            await _ask_around(snapshot, lambda url: etcd.add_learner(url, peer_url(cluster, name)))
        case Promote(id=member_id):
            await _ask_around(snapshot, lambda url: etcd.promote(url, member_id))
        case RemoveMember(member=name, id=member_id):
            await _ask_around(snapshot, lambda url: etcd.remove(url, member_id), besides=name)
        case MoveLeader(id=target):
            await etcd.move_leader(client_address(_member(snapshot, snapshot.leader)), target)
        case Disarm(id=member_id):
            await _ask_around(snapshot, lambda url: etcd.disarm(url, member_id))
        case GoBack(line=line):
            await _ask_around(snapshot, lambda url: etcd.enable_downgrade(url, line))
        case StayUp():
            # A member that has gone back already may know nothing of it.
            told = tuple(m for m in snapshot.members if m.endpoint is not None and m.endpoint.downgrade)
            await _ask_around(replace(snapshot, members=told), etcd.cancel_downgrade)


async def _tell_kubernetes(action: Action, cluster: Cluster, snapshot: Snapshot, kube: Client) -> None:
    match action:
        case RemoveMember(member=name) | DiscardMember(member=name):
            await _discard(kube, _member(snapshot, name))
        case DeletePod(member=name, uid=uid):
            pod = _member(snapshot, name).pod
            if pod is not None:
                await kube.delete(POD, _key(pod), uid=uid)
        case LabelVoter(member=name):
            await _label(kube, _member(snapshot, name))
        case ExpandVolume(member=name, size=size):
            member = _member(snapshot, name)
            restore = annotation(member.volume, RESTORE_ANNOTATION)
            manifest = volume(cluster, member, volume_cluster(member.volume), size, restore)
            await kube.apply(PERSISTENT_VOLUME_CLAIM, manifest)
        case DeleteJob(name=name, uid=uid):
            await kube.delete(JOB, Key(cluster.key.namespace, name), uid=uid)
        case Create(kind=kind, manifest=text):
            await create_once(kube, kind, json.loads(text))


async def create_once(kube: Client, kind: Kind, manifest: Manifest) -> None:
    """Make an object that nothing is ever applied to again; ours from an earlier try is success, a stranger's `Blocked`."""
    key = _key(manifest)
    found = await kube.get(kind, key)
    if found is None:
        await kube.create(kind, manifest)
        return
    wanted = {ref["uid"] for ref in manifest["metadata"].get("ownerReferences", ())}
    if not wanted & {ref["uid"] for ref in found["metadata"].get("ownerReferences", ())}:
        raise Blocked("NameTaken", f"{kind.kind} {key.name} exists and is not this resource's: move it out of the way")


async def _ask_around(snapshot: Snapshot, request: Callable[[str], Awaitable[None]], besides: str = "") -> None:
    """Ask healthy voters in turn, the leader first, until one agrees.

    Each judges by its own connections whether a change of membership is safe, and refuses for five seconds after it lost
    one (HealthInterval). It may believe so much longer: a late failure of its old pipeline marks a peer inactive that has
    long reconnected, and on an idle cluster nothing marks it active again (etcd server rafthttp, peer_status.go).
    """
    said = "no healthy member to talk to"
    fit = [m for m in snapshot.voters if m.healthy and m.name != besides]
    for member in sorted(fit, key=lambda m: m.name != snapshot.leader):
        try:
            return await request(client_address(member))
        except EtcdError as error:
            said = str(error)
    raise Transient(said, retry_after=IMPATIENT)


async def _discard(kube: Client, member: Member) -> None:
    """StatefulSet first, or it would bring the pod back; uids make sure that no successor is hit."""
    objects: tuple[tuple[Kind, Manifest | None], ...] = (
        (STATEFUL_SET, member.stateful_set),
        (POD, member.pod),
        (PERSISTENT_VOLUME_CLAIM, member.volume),
    )
    for kind, manifest in objects:
        if manifest is not None:
            await kube.delete(kind, _key(manifest), uid=manifest["metadata"]["uid"])


async def _label(kube: Client, member: Member) -> None:
    if member.pod is not None:
        path = "/metadata/labels/" + ROLE_LABEL.replace("/", "~1")
        await kube.patch(POD, _key(member.pod), [{"op": "add", "path": path, "value": VOTER}])


def _member(snapshot: Snapshot, name: str) -> Member:
    return next((member for member in (*snapshot.members, *snapshot.retired) if member.name == name), Member(name))


def _key(manifest: Manifest) -> Key:
    return Key(manifest["metadata"]["namespace"], manifest["metadata"]["name"])
