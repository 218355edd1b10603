"""Which objects a cluster consists of right now: records of members to manifests. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from davit.model import Manifest

from davit_etcd.manifests import VOLUME_PREFIX, services
from davit_etcd.manifests.disruption_budget import disruption_budget
from davit_etcd.manifests.stateful_set import stateful_set
from davit_etcd.manifests.volume import requested, volume
from davit_etcd.model import DIGEST_ANNOTATION, Cluster, Inputs, Member, Record, Snapshot, annotation, volume_cluster
from davit_etcd.versions import Version


def manifests(
    cluster: Cluster,
    snapshot: Snapshot,
    *,
    initial: Iterable[str],
    inputs: Inputs,
    rolling: str = "",
    target: Inputs | None = None,
    leaving: str = "",
    stopped: bool = False,
) -> tuple[Manifest, ...]:
    """Every object that should exist, in the order in which to apply them.

    initial: the members that form the cluster, while it is being formed; inputs: what a member without a record gets;
    rolling: the one member that moves on to `target`; leaving: a member whose objects are no longer touched; stopped:
    no member runs for now.
    """
    members = list(_desired(snapshot, tuple(initial)))
    return (
        services.peers(cluster),
        services.client(cluster),
        disruption_budget(cluster, len(snapshot.voters)),
        *(
            manifest
            for member in members
            if member.name != leaving
            for manifest in _member(
                cluster,
                snapshot,
                member,
                _record(snapshot, member, members, inputs=inputs, rolling=rolling, target=target),
                stopped=stopped,
            )
        ),
        *(_stopped(cluster, snapshot, {member.name for member in members}) if stopped else ()),
        *(manifest for manifest in _apart(cluster, snapshot) if leaving not in _names(manifest)),
    )


def _stopped(cluster: Cluster, snapshot: Snapshot, known: set[str]) -> Iterator[Manifest]:
    """What still runs of members that nobody lists any more, such as one that lost its volume with the quorum."""
    for member in snapshot.members:
        if member.name not in known and member.record is not None and member.stateful_set and not _going(member.stateful_set):
            yield stateful_set(cluster, member.name, member.record, 0)


def _names(manifest: Manifest) -> tuple[str, str]:
    """The member that a StatefulSet or a volume is of, among others."""
    name: str = manifest["metadata"]["name"]
    return name, name.removeprefix(VOLUME_PREFIX)


def _apart(cluster: Cluster, snapshot: Snapshot) -> Iterator[Manifest]:
    """Of the history that is not served: the seed's volume, to be filled; or what was before, kept and stopped."""
    progress = snapshot.progress
    if progress is None or progress.done:
        return
    before = progress.switched
    for member in snapshot.retired:
        live = member.volume
        if live is not None and "deletionTimestamp" not in live["metadata"]:
            mark = progress.marked() if member.name == progress.seed else ""
            yield volume(cluster, member, volume_cluster(live), requested(live), mark)
        if before and member.stateful_set is not None and member.record is not None and not _going(member.stateful_set):
            yield stateful_set(cluster, member.name, member.record, 0)
    known = {member.name for member in snapshot.retired}
    if progress.phase == "Seeding" and progress.seed not in known:
        yield volume(cluster, Member(progress.seed), "", cluster.storage.size, progress.marked())


def _going(manifest: Manifest) -> bool:
    return "deletionTimestamp" in manifest["metadata"]


def _desired(snapshot: Snapshot, initial: tuple[str, ...]) -> Iterator[Member]:
    """Members that have a place: those in etcd's list, or those that will form it."""
    known = {member.name: member for member in snapshot.members}
    if not snapshot.formed:
        yield from (known.get(name, Member(name)) for name in initial)
    else:
        yield from (m for m in snapshot.members if m.etcd is not None or (not snapshot.quorum and m.volume is not None))


def _record(
    snapshot: Snapshot, member: Member, members: list[Member], *, inputs: Inputs, rolling: str, target: Inputs | None
) -> Record:
    record = member.record or Record(_first(snapshot, member, inputs), "established" if snapshot.formed else "new")
    if member.name == rolling and target is not None:
        record = replace(record, inputs=target, before=_before(snapshot, member, target))
    elif _proven(member):
        record = replace(record, before=None)
    names = tuple(m.name for m in members)
    if not snapshot.formed:
        return replace(record, start="new", peers=names, voter=True)
    voter = (member.etcd is None or not member.etcd.learner) and not _withheld(snapshot, member)
    if _unstarted(member) and (member.record is None or member.record.start == "join"):
        return replace(record, start="join", peers=names, voter=voter)
    # As soon as its data is on disk, before it may vote: from then on it must never begin again.
    if member.endpoint is not None or record.start == "established" or (record.start == "join" and not _unstarted(member)):
        return replace(record, start="established", peers=(), voter=voter)
    return replace(record, voter=voter)


def _first(snapshot: Snapshot, member: Member, inputs: Inputs) -> Inputs:
    """A restore's seed begins with the very release that unpacked its data."""
    progress = snapshot.progress
    if progress is None or progress.done or member.name != progress.seed or not progress.version:
        return inputs
    return inputs.at(Version.parse(progress.version), progress.image)


def _withheld(snapshot: Snapshot, member: Member) -> bool:
    """Whether clients must not reach it yet: until it is written that the restored data serves, it may be taken back."""
    progress = snapshot.progress
    return progress is not None and progress.phase == "Starting" and member.name == progress.seed


def _before(snapshot: Snapshot, member: Member, target: Inputs) -> Inputs | None:
    """What to return to should the member not come up with another release: only what it was seen to run well from."""
    if member.record is None or not snapshot.formed:
        return None
    before = member.record.before or (member.record.inputs if member.healthy else None)
    return None if before is None or before.same_release(target) else before


def _proven(member: Member) -> bool:
    """Whether it runs well from what its record says."""
    digest = member.record.inputs.digest if member.record is not None else ""
    return member.healthy and member.pod_ready and annotation(member.pod, DIGEST_ANNOTATION) == digest


def _unstarted(member: Member) -> bool:
    """Whether etcd was told of it but has never seen it."""
    return member.etcd is not None and not member.etcd.name


def _member(cluster: Cluster, snapshot: Snapshot, member: Member, record: Record, *, stopped: bool) -> Iterator[Manifest]:
    if not cluster.storage.memory and _keeps_volume(member, record):
        size = requested(member.volume) if member.volume else cluster.storage.size
        cluster_id = str(snapshot.status.get("clusterID") or snapshot.adopted_id)
        progress = snapshot.progress
        marked = progress is not None and not progress.done and member.name == progress.seed
        yield volume(cluster, member, cluster_id, size, progress.marked() if progress is not None and marked else "")
    yield stateful_set(cluster, member.name, record, 0 if stopped or cluster.size == 0 else 1)


def _keeps_volume(member: Member, record: Record) -> bool:
    """A lost volume of an established member is never replaced by an empty one: its replacement gets one of its own."""
    if member.volume is not None:
        return "deletionTimestamp" not in member.volume["metadata"]
    return record.start != "established"
