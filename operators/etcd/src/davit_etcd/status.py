"""What the operator tells people and machines about a cluster. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from davit.errors import Blocked, Invalid
from davit.model import Manifest, Outcome
from davit.status import Condition, merge

from davit_etcd.api.v1 import CRD
from davit_etcd.backup.newest import newest
from davit_etcd.diagnosis import complaint
from davit_etcd.manifests import client_url, pod_name, selector
from davit_etcd.model import Cluster, Member, Snapshot
from davit_etcd.plan import Detail
from davit_etcd.policies.view import Step

Json = dict[str, Any]


def status(resource: Manifest, outcome: Outcome[Cluster, Snapshot], now: float) -> Json:
    """The whole status; facts that could not be read this time are kept from the last."""
    generation = resource["metadata"].get("generation", 0)
    old: Json = dict(resource.get("status") or {})
    facts = {key: old[key] for key in CRD.status_fields if key in old}
    if outcome.domain is not None and outcome.snapshot is not None:
        facts = _facts(outcome.domain, outcome.snapshot, outcome)
    conditions = list(_conditions(outcome))
    return {
        **facts,
        "observedGeneration": generation,
        "conditions": merge(old.get("conditions") or (), conditions, generation, now),
    }


def _facts(cluster: Cluster, snapshot: Snapshot, outcome: Outcome[Cluster, Snapshot]) -> Json:
    detail = _detail(outcome)
    intent = outcome.plan.intent if outcome.plan is not None else {}
    cluster_id = _cluster_id(snapshot, intent)
    versions = snapshot.versions
    listed = [m for m in snapshot.members if m.etcd is not None or not snapshot.formed]
    healthy = sum(m.healthy and m.voter for m in snapshot.members) if snapshot.quorum else 0
    target = detail.target if detail and versions and any(v != detail.target for v in versions) else None
    facts: Json = {
        "clusterID": cluster_id,
        "initialMembers": [] if cluster_id else list(detail.initial if detail else snapshot.status.get("initialMembers") or ()),
        "members": intent.get("members") or [_member(snapshot, m) for m in listed],
        "size": sum(m.etcd is not None for m in snapshot.members),
        "readyMembers": healthy,
        "ready": f"{healthy}/{cluster.size}",
        "nextMember": snapshot.next_ordinal,
        "leader": snapshot.leader,
        "currentVersion": str(versions[0]) if versions else "",
        "targetVersion": str(target) if target and cluster.size else "",
        "clientEndpoint": client_url(cluster),
        "selector": ",".join(f"{key}={value}" for key, value in selector(cluster.key.name).items()),
        "backups": _backups(snapshot, detail),
        "restore": intent.get("restore") or snapshot.status.get("restore") or {},
        "upgrade": dict(detail.upgrade if detail else snapshot.status.get("upgrade") or {}),
    }
    return {key: value for key, value in facts.items() if value not in ("", [], {})}


def _cluster_id(snapshot: Snapshot, intent: Mapping[str, Any]) -> str:
    """What a restore has just decided, else what was known; while a restored cluster starts, nobody knows yet."""
    if "clusterID" in intent:
        return str(intent["clusterID"])
    starting = snapshot.progress is not None and snapshot.progress.phase == "Starting"
    told = snapshot.cluster_id if snapshot.quorum and not starting else ""
    return str(snapshot.status.get("clusterID") or snapshot.adopted_id or told)


def _backups(snapshot: Snapshot, detail: Detail | None) -> Json:
    old = snapshot.status.get("backups") or {}
    secures = (detail.step.secures if detail else "") or old.get("safety", "")
    return {**newest(old, snapshot.backups), **({"safety": secures} if secures else {})}


def _member(snapshot: Snapshot, member: Member) -> Json:
    endpoint = member.endpoint
    facts: Json = {
        "name": member.name,
        "id": member.etcd.id if member.etcd else "",
        "pod": pod_name(member.name) if member.pod else "",
        "role": _role(snapshot, member),
        "version": str(member.known_version or ""),
        "healthy": member.healthy,
        "dbSize": rounded(endpoint.db_size) if endpoint else "",
        "reason": "" if member.healthy else _reason(member),
    }
    return {key: value for key, value in facts.items() if value != ""}


def _reason(member: Member) -> str:
    own = [error for error in (member.endpoint.errors if member.endpoint else ()) if "alarm:" not in error]
    if member.corrupt:
        return "etcd raised a CORRUPT alarm for it"
    return "; ".join(own) or complaint(member).message


def _role(snapshot: Snapshot, member: Member) -> str:
    if member.etcd is not None and member.etcd.learner:
        return "Learner"
    if not member.healthy:
        return "Unknown"
    return "Leader" if member.name == snapshot.leader else "Follower"


def rounded(size: int) -> str:
    """Bytes as a power of two times Mi, rounded up: a figure that moves seldom, or every look would write status."""
    mebibytes = 1
    while mebibytes << 20 < size:
        mebibytes *= 2
    return f"<={mebibytes}Mi"


def _detail(outcome: Outcome[Cluster, Snapshot]) -> Detail | None:
    return outcome.plan.detail if outcome.plan is not None else None


def _conditions(outcome: Outcome[Cluster, Snapshot]) -> Iterator[Condition]:
    step = _finding(outcome)
    hurt = step.stalled or not step.settled
    yield Condition("Ready", "False" if hurt else "True", step.reason, step.message)
    if outcome.snapshot is not None:
        yield _available(outcome.snapshot)
    if step.stalled:
        yield Condition("Stalled", "True", step.reason, step.message)
    elif hurt:
        yield Condition("Reconciling", "True", step.reason, step.message)
    if outcome.domain is not None:
        yield from _remarks(outcome.domain)
        if outcome.snapshot is not None:
            yield from _unused(outcome.domain, outcome.snapshot)


def _finding(outcome: Outcome[Cluster, Snapshot]) -> Step:
    """The one thing to say: an error first, then the step, then what the spec asks for in vain."""
    error, detail = outcome.error, _detail(outcome)
    if isinstance(error, Invalid):
        return Step("Invalid", str(error), stalled=True)
    if isinstance(error, Blocked):
        return Step(error.reason, str(error), stalled=True)
    if detail is None:
        return Step("Waiting", str(error) if error else "")
    if outcome.domain is not None and outcome.domain.paused:
        said = detail.step
        return Step("Paused", f"spec.paused is true: nothing is changed; {said.message}", settled=said.settled)
    if detail.step.settled and detail.problems:
        return detail.problems[0]
    return detail.step


def _available(snapshot: Snapshot) -> Condition:
    if snapshot.quorum:
        return Condition("Available", "True", "QuorumServes", "reads and writes go through")
    return Condition("Available", "False", "NoQuorum", "no quorum of members answers: reads and writes fail")


def _unused(cluster: Cluster, snapshot: Snapshot) -> Iterator[Condition]:
    """Data of its own always wins over a backup to begin with."""
    progress = snapshot.progress
    formed_otherwise = snapshot.formed and (progress is None or progress.kind != "Bootstrap")
    if cluster.bootstrap is not None and formed_otherwise:
        said = "the cluster has data of its own, which is never overwritten: spec.bootstrap.fromBackup is of no effect"
        yield Condition("BootstrapUnused", "True", "HasData", said)


def _remarks(cluster: Cluster) -> Iterator[Condition]:
    if cluster.size and cluster.size % 2 == 0:
        better = cluster.size - 1
        yield Condition(
            "EvenSize",
            "True",
            "EvenSize",
            f"{cluster.size} members survive no more failures than {better}: choose {better} or {cluster.size + 1}",
        )
    if cluster.paused:
        yield Condition("Paused", "True", "Paused", "spec.paused is true: the operator changes nothing")
