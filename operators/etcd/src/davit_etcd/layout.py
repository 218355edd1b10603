"""Which objects a cluster consists of right now: records of members to manifests. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from davit.model import Manifest

from davit_etcd.manifests import services
from davit_etcd.manifests.disruption_budget import disruption_budget
from davit_etcd.manifests.stateful_set import stateful_set
from davit_etcd.manifests.volume import requested, volume
from davit_etcd.model import Cluster, Inputs, Member, Record, Snapshot


def manifests(
    cluster: Cluster,
    snapshot: Snapshot,
    *,
    initial: Iterable[str],
    inputs: Inputs,
    rolling: str = "",
    target: Inputs | None = None,
    leaving: str = "",
) -> tuple[Manifest, ...]:
    """Every object that should exist, in the order in which to apply them.

    initial: the members that form the cluster, while it is being formed; inputs: what a member without a record gets;
    rolling: the one member that moves on to `target`; leaving: a member whose objects are no longer touched.
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
                cluster, snapshot, member, _record(snapshot, member, members, inputs=inputs, rolling=rolling, target=target)
            )
        ),
    )


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
    record = member.record or Record(inputs, "established" if snapshot.formed else "new")
    if member.name == rolling and target is not None:
        record = replace(record, inputs=target)
    names = tuple(m.name for m in members)
    if not snapshot.formed:
        return replace(record, start="new", peers=names, voter=True)
    voter = member.etcd is None or not member.etcd.learner
    if _unstarted(member) and (member.record is None or member.record.start == "join"):
        return replace(record, start="join", peers=names, voter=voter)
    # As soon as its data is on disk, before it may vote: from then on it must never begin again.
    if member.endpoint is not None or record.start == "established" or (record.start == "join" and not _unstarted(member)):
        return replace(record, start="established", peers=(), voter=voter)
    return replace(record, voter=voter)


def _unstarted(member: Member) -> bool:
    """Whether etcd was told of it but has never seen it."""
    return member.etcd is not None and not member.etcd.name


def _member(cluster: Cluster, snapshot: Snapshot, member: Member, record: Record) -> Iterator[Manifest]:
    if not cluster.storage.memory and _keeps_volume(member, record):
        size = requested(member.volume) if member.volume else cluster.storage.size
        cluster_id = str(snapshot.status.get("clusterID") or snapshot.adopted_id)
        yield volume(cluster, member, cluster_id, size)
    yield stateful_set(cluster, member.name, record, 0 if cluster.size == 0 else 1)


def _keeps_volume(member: Member, record: Record) -> bool:
    """A lost volume of an established member is never replaced by an empty one: its replacement gets one of its own."""
    if member.volume is not None:
        return "deletionTimestamp" not in member.volume["metadata"]
    return record.start != "established"
