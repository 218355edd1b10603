"""After the quorum was lost for good: what is left, which of it is best, and how to go on. Pure."""

from __future__ import annotations

from davit.backup.model import instant
from davit.model import Manifest

from davit_etcd.api.v1 import ETCD_CLUSTER
from davit_etcd.manifests import member_url, volume_name
from davit_etcd.manifests.jobs import Stored, Surviving
from davit_etcd.model import Json, Member, canonical, quorum
from davit_etcd.policies.view import View
from davit_etcd.progress import Progress
from davit_etcd.restore.source import LATEST, Found, Unusable, of_backup

UNKNOWN_ID = "0"
"""Stands for the ID of a member until the member list can be read again."""
PAUSE = 300.0
"""Seconds between a recovery that failed and the next try."""


def beyond_repair(view: View) -> tuple[list[Member], list[Member], int] | None:
    """The voters, those that are not lost, and how many are needed: where these are fewer, no vote can ever succeed again."""
    snapshot = view.snapshot
    voters = list(snapshot.voters or snapshot.members)
    alive = [m for m in voters if m.name not in view.dead]
    need = quorum(len(voters))
    return (voters, alive, need) if len(alive) < need else None


def choose(view: View) -> Found | Surviving | None:
    """The surviving member with the highest revision, else the newest good backup; None for a doubt, or for nothing.

    A survivor that does not answer, as none does that was started anew without a quorum, may have more than any backup and
    any other survivor: then it is not for the operator to choose.
    """
    found = beyond_repair(view)
    if found is None:
        return None
    alive = found[1]
    if any(m.endpoint is None for m in alive):
        return None
    if alive:
        best = max(alive, key=lambda m: (m.endpoint.revision if m.endpoint else 0, -m.ordinal))
        return Surviving(best.name, member_url(view.cluster, best.name), best.endpoint.revision if best.endpoint else 0)
    return newest(view)


def newest(view: View) -> Found | None:
    """The newest good EtcdBackup; where there is none, the newest of this cluster that is in its store.

    Only of the history that the cluster has had: before a restore it had another, whose backups are no older for that. Of
    which one the store's newest is, is known when it was read.
    """
    cluster = view.cluster
    target = {"spec": cluster.raw}
    for backup in _good(view):
        found = of_backup(backup, target)
        if not isinstance(found, Unusable):
            return found
    if cluster.store is None:
        return None
    return Found(Stored(cluster.store, cluster.key.namespace, cluster.key.name, LATEST, cluster.cipher))


def _good(view: View) -> list[Manifest]:
    """The good backups of the history that the cluster has had, the newest first."""
    known = str(view.snapshot.status.get("clusterID") or view.snapshot.adopted_id)
    ours = (one for one in view.snapshot.backups if _time(one) and one["status"].get("clusterID") == known)
    return sorted(ours, key=_time, reverse=True)


def _time(backup: Manifest) -> float:
    status = backup.get("status") or {}
    try:
        return instant(status["time"]) if status.get("phase") == "Succeeded" else 0.0
    except (KeyError, ValueError):
        return 0.0


def obituary(view: View, voters: list[Member], alive: list[Member], need: int) -> str:
    """What was lost, what is left, and the command with which to go on."""
    lost_ones = "; ".join(f"{m.name}: {view.dead[m.name]}" for m in voters if m.name in view.dead)
    survivors = ", ".join(_survivor(m) for m in alive) or "none"
    said = f"the quorum of {need} can't come back by itself. Lost: {lost_ones}. Data survives on: {survivors}. {_backup(view)}"
    return f"{said} {_advice(view, alive)}"


def _survivor(member: Member) -> str:
    where = f"volume {volume_name(member.name)}" if member.volume is not None else "memory"
    return f"{member.name} ({where}" + (f", revision {member.endpoint.revision})" if member.endpoint else ")")


def _backup(view: View) -> str:
    last = view.snapshot.status.get("backups", {}).get("lastGood") or {}
    own = next(iter(_good(view)), None)
    good = own or max(view.snapshot.backups, key=_time, default=None)
    if good is not None and _time(good):
        status, remark = good["status"], "" if own else ", of data from before a restore"
        revision = status.get("revision", "unknown")
        return f"Newest backup: {good['metadata']['name']} of {status['time']}, revision {revision}{remark}."
    if last.get("location"):
        return f"Newest backup: {last['location']} of {last.get('time')}, revision {last.get('revision', 'unknown')}."
    if view.cluster.store is not None:
        folder = view.cluster.store.location(view.cluster.key.namespace, view.cluster.key.name)
        return f"No EtcdBackup is known; {folder} may hold some."
    return "No backup is known."


def _advice(view: View, alive: list[Member]) -> str:
    """Nothing is ever chosen without being told to, and nothing where it is not clear what is best."""
    cluster, page = view.cluster, "docs/etcd/quorum-lost.md"
    if cluster.storage.memory:
        return f"Nothing is changed: make a new EtcdCluster from a backup, see {page}"
    under_way = view.snapshot.progress
    if under_way is not None and not under_way.done and under_way.kind != "Bootstrap":
        return _between(view, under_way)
    if silent := [m.name for m in alive if m.endpoint is None]:
        rival = "any backup" if len(silent) == len(alive) else "those that do, and than any backup"
        return (
            f"Nothing is changed: {', '.join(silent)} can't answer without a quorum, and may have more than {rival}. To go "
            f"on from a backup all the same, make an EtcdRestore with spec.confirm {cluster.key.name}, see {page}"
        )
    if choose(view) is None:
        return f"Nothing is changed: there is nothing to begin anew from. Restore a backup from elsewhere, see {page}"
    best = "the survivor with the highest revision" if alive else "the newest backup"
    if cluster.recovery == "automatic":
        return f"{_failed(view)}Recovery from {best} is tried again"
    patch = '{"spec":{"recovery":"automatic"}}'
    command = f"kubectl patch {ETCD_CLUSTER.plural} {cluster.key.name} -n {cluster.key.namespace} --type merge -p '{patch}'"
    return f"Nothing is changed. To begin anew from {best}: {command} (see {page})"


def _between(view: View, progress: Progress) -> str:
    """Lost again before the restore was done: which of two histories is to live is for a person to say."""
    cluster, page = view.cluster, "docs/etcd/quorum-lost.md"
    there = {m.name for m in view.snapshot.retired if m.volume is not None and "deletionTimestamp" not in m.volume["metadata"]}
    kept = ", ".join(volume_name(name) for name in sorted(there)) or "none"
    said = f"A restore was not done yet ({progress.phase}); volumes of before that are still there: {kept}. Nothing is changed"
    if not progress.switched:
        return said
    needed = quorum(len(progress.old_members))
    if progress.old_cluster_id and len(there.intersection(progress.old_members)) >= needed:
        patch = canonical({"status": {**before(progress), "restore": {"phase": "RollingBack", "message": "asked for by hand"}}})
        command = f"kubectl patch {ETCD_CLUSTER.plural} {cluster.key.name} -n {cluster.key.namespace} --subresource status"
        said += f". To go back to the data of before, giving up all that was written since: {command} --type merge -p '{patch}'"
    return f"{said}. To go on from a backup: make an EtcdRestore with a spec.template into another EtcdCluster (see {page})"


def before(progress: Progress) -> Json:
    """What status said of the cluster before the restore, as far as it is needed to bring its members back."""
    known = [{"name": name, "id": UNKNOWN_ID, "healthy": False} for name in progress.old_members]
    return {"clusterID": progress.old_cluster_id, "members": known}


def _failed(view: View) -> str:
    last = view.snapshot.progress
    return f"Recovery failed: {last.message}. " if last is not None and last.kind == "Recovery" and last.phase == "Failed" else ""
