"""A few words per member to a whole Snapshot: the language of `golden/*/observed.yaml`.

formed: true        false before there is a cluster ID in status
quorum: true        default: whether a majority of the voters answers
leader: c-0         default: the first voter that answers; "" for none
status: {...}       merged over clusterID, currentVersion and members
corrupt: [c-1]      members with a CORRUPT alarm; no_space: true for NOSPACE
strangers: [x]      entries of the member list that are not ours
cluster_id: "..."   as which the members answer
members:
  c-0: {}           an established, healthy voter as the spec says; every key below changes one thing
    sts: none                   no StatefulSet; going: being deleted
    record: {...} | damaged     inputs that differ from the spec (version, image, flags, pod, memory, start, peers, voter)
    etcd: learner | unstarted | none
    pod: none | pending | creating | unschedulable | waiting:<reason> | crashed | going | down
         (all but `down`, a running process that does not answer, also mean that it does not answer)
    made: {...}                 inputs that the running pod was made from, where they are not the record's
    labelled: false             a voter's pod without the role label
    words: <text>               the termination message; exit: 1, reason: Error, restarts: 1
    volume: none | going | lost | pending; size: 8Gi; cluster: <id>, owner: <uid of the EtcdCluster>
    runs: 3.5.32                version of the process, where it is not the pod's
    answers: false              overrides; errors: [...], leader: false (follows none), ready: false, lag: 0, hash: 7
    trouble: <text>             what Kubernetes' events say
    storage: 3.6.0              its storage version; downgrade: 3.5.0, to which it was told to go back
line: 3.6           the release line that the cluster speaks; objection: why etcd would not go back
backups: {c-safety-1-3-6-14: Failed}   EtcdBackups and their phases; {id: ..., time: ..., revision: 7} for one that succeeded
restores: {r: {source: {...}, confirm: c}}    EtcdRestores; phase: Restoring and startedAt: 1970 unless they are given
retired: {c-3: {...}}         members of the history that is not served, in the words of members
jobs: {c-3-restore-x: running}          or succeeded, failed, permanent
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from davit.model import Manifest
from davit.testing.builders import resource as _resource
from davit_etcd.api.v1 import ETCD_CLUSTER
from davit_etcd.manifests import peer_url, pod_name
from davit_etcd.manifests.jobs import Agent
from davit_etcd.manifests.stateful_set import stateful_set
from davit_etcd.manifests.volume import volume
from davit_etcd.model import (
    CLUSTER_UID_ANNOTATION,
    ROLE_LABEL,
    VOTER,
    Cluster,
    Endpoint,
    EtcdMember,
    Hash,
    Inputs,
    Member,
    Record,
    Snapshot,
    canonical,
    quorum,
)
from davit_etcd.validate import validate
from davit_etcd.versions import Version

CLUSTER_ID = "c1"
REVISION = 100
AGENT = Agent("registry/agent:1")
Words = Mapping[str, Any]

_NO_ANSWER = ("none", "pending", "creating", "unschedulable", "crashed", "down")


def resource(spec: Words | None = None, **more: Any) -> Manifest:
    """An EtcdCluster called c of three members at 3.5.32, unless the spec says otherwise."""
    return _resource(ETCD_CLUSTER, spec={"size": 3, "version": "3.5.32", **(spec or {})}, **more)


def cluster(**spec: Any) -> Cluster:
    """The domain object for `resource(spec)`."""
    return validate(resource(spec))


def member_id(name: str) -> str:
    """The etcd ID that this language gives to a member."""
    return f"a{name.rsplit('-', 1)[1]}"


def snapshot(domain: Cluster, observed: Words) -> Snapshot:
    """See the module's docstring."""
    formed = observed.get("formed", True)
    described: Mapping[str, Words] = {name: words or {} for name, words in (observed.get("members") or {}).items()}
    members = [_member(domain, name, words, formed, list(described)) for name, words in described.items()]
    voters = [m for m in members if m.voter]
    answering = [m for m in voters if m.endpoint is not None]
    has_quorum = observed.get("quorum", bool(voters) and len(answering) >= quorum(len(voters)))
    leader = observed.get("leader", answering[0].name if has_quorum else "")
    members = [_follow(m, leader) for m in members]
    listed = tuple(m.etcd for m in members if m.etcd is not None)
    strangers = tuple(
        EtcdMember(f"f{n}", name, (f"http://{name}:2380",), False) for n, name in enumerate(observed.get("strangers", ()))
    )
    retired: Mapping[str, Words] = observed.get("retired") or {}
    jobs: Mapping[str, str] = observed.get("jobs") or {}
    return Snapshot(
        children=(),
        members=tuple(members),
        strangers=strangers,
        quorum=has_quorum,
        cluster_id=observed.get("cluster_id", CLUSTER_ID if answering else ""),
        leader=leader,
        orphaned_alarms=tuple(observed.get("alarms", ())),
        cluster_line=_line(observed.get("line")),
        next_ordinal=observed.get("next", 1 + max((m.ordinal for m in members), default=-1)),
        no_space=observed.get("no_space", False),
        downgrade_refusal=observed.get("objection", ""),
        backups=(backups := tuple(_backup(name, phase) for name, phase in (observed.get("backups") or {}).items())),
        restores=tuple(_restore(name, words) for name, words in (observed.get("restores") or {}).items()),
        referenced=backups,
        retired=tuple(_member(domain, name, {"etcd": "none", **(w or {})}, formed, []) for name, w in retired.items()),
        jobs=tuple(_job(name, word) for name, word in jobs.items()),
        job_pods=tuple(_job_pod(name, word) for name, word in jobs.items()),
        status=_status(domain, observed, listed, formed),
    )


def _restore(name: str, words: Words) -> Manifest:
    status = {"phase": words.get("phase", "Restoring"), "startedAt": words.get("startedAt", "1970-01-01T00:00:00Z")}
    spec = {"cluster": "c", "confirm": "c", **{key: words[key] for key in ("source", "confirm", "deadline") if key in words}}
    return {"metadata": {"name": name, "namespace": "ns", "uid": f"uid-{name}"}, "spec": spec, "status": status}


def _job(name: str, word: str) -> Manifest:
    reasons = {"failed": "BackoffLimitExceeded", "permanent": "PodFailurePolicy", "succeeded": "CompletionsReached"}
    ended = [{"type": "Complete" if word == "succeeded" else "Failed", "status": "True", "reason": reasons.get(word)}]
    ended[0]["lastTransitionTime"] = "1970-01-01T00:00:00Z"
    status = {} if word == "running" else {"conditions": ended}
    return {"kind": "Job", "metadata": {"name": name, "namespace": "ns", "uid": f"uid-{name}"}, "status": status}


def _job_pod(name: str, word: str) -> Manifest:
    good = word == "succeeded"
    said = {"ok": good, "reason": "Restored" if good else "Corrupt", "message": "" if good else "the archive is cut off"}
    place = "s3://backups/ns/c/20260101T000000Z-00000000"
    known = {"revision": 42, "location": place, "time": "2026-01-01T00:00:00Z", "clusterID": CLUSTER_ID}
    facts = known if good else {}
    ended = {"terminated": {"exitCode": 0 if good else 65, "message": json.dumps(said | {"facts": facts})}}
    state = {"running": {}} if word == "running" else ended
    return {
        "metadata": {"name": f"{name}-x", "namespace": "ns", "ownerReferences": [{"uid": f"uid-{name}", "controller": True}]},
        "status": {
            "phase": "Running" if word == "running" else "Succeeded" if good else "Failed",
            "containerStatuses": [{"name": "settle", "state": state}],
        },
    }


def _backup(name: str, phase: str | Words) -> Manifest:
    if not isinstance(phase, str):
        spec = {"cluster": "c", "objectStore": {"bucket": "backups", "credentialsSecret": {"name": "s3"}}}
        status = {"phase": "Succeeded", "clusterID": CLUSTER_ID, **phase}
        return {"kind": "EtcdBackup", "metadata": {"name": name, "namespace": "ns"}, "spec": spec, "status": status}
    said = {"message": "the bucket is missing"} if phase == "Failed" else {}
    head = {"name": name, "namespace": "ns"}
    return {"kind": "EtcdBackup", "metadata": head, "spec": {"cluster": "c"}, "status": {"phase": phase, **said}}


def _line(text: str | float | None) -> tuple[int, int] | None:
    return Version.parse(f"{text}.0").line if text else None


def _status(domain: Cluster, observed: Words, listed: tuple[EtcdMember, ...], formed: bool) -> dict[str, Any]:
    given: dict[str, Any] = observed.get("status", {})
    if given is None:
        return {}
    known = {
        "clusterID": CLUSTER_ID,
        "currentVersion": str(domain.inputs.version),
        "members": [{"name": m.name, "id": m.id, "role": "Learner" if m.learner else "Follower"} for m in listed],
    }
    return {**(known if formed else {}), **given}


def _follow(member: Member, leader: str) -> Member:
    """A member that answers follows the leader there is, unless its words said that it follows none."""
    if member.endpoint is None or member.endpoint.leader == "none" or not leader:
        return replace(member, endpoint=replace(member.endpoint, leader="") if member.endpoint else None)
    return replace(member, endpoint=replace(member.endpoint, leader=member_id(leader)))


def inputs(domain: Cluster, words: Words | None) -> Inputs:
    """The spec's inputs with a few changed."""
    changed = dict(words or {})
    found = domain.inputs
    if "version" in changed:
        version = Version.parse(changed["version"])
        found = found.at(version, domain.image_of(version))
    if "pod" in changed:
        found = replace(found, pod=canonical(changed["pod"]))
    if "flags" in changed:
        found = replace(found, flags=tuple(sorted(changed["flags"].items())))
    return replace(found, **{key: changed[key] for key in ("image", "memory") if key in changed})


def record(domain: Cluster, words: Words, formed: bool, names: list[str]) -> Record | None:
    """What a member's StatefulSet remembers, by the words `record` and `etcd`."""
    given = words.get("record") or {}
    if given == "damaged" or words.get("sts") == "none":
        return None
    learner = words.get("etcd") in ("learner", "unstarted")
    start = given.get("start", ("join" if learner else "established") if formed else "new")
    peers = tuple(given.get("peers", () if start == "established" else names))
    before = inputs(domain, given["before"]) if "before" in given else None
    return Record(inputs(domain, given), start, peers, given.get("voter", not learner), before)


def _member(domain: Cluster, name: str, words: Words, formed: bool, names: list[str]) -> Member:
    known = record(domain, words, formed, names)
    fallback = Record(inputs(domain, None), "established")
    sts = None
    if words.get("sts") != "none":
        sts = stateful_set(domain, name, known or fallback, 1 if domain.size else 0)
        sts["metadata"] |= {"uid": f"sts-{name}"} | _going(words.get("sts"))
    made = inputs(domain, words["made"]) if "made" in words else (known or fallback).inputs
    etcd = _etcd(domain, name, words, formed)
    pod = _pod(domain, name, words, replace(known or fallback, inputs=made), etcd)
    endpoint = _endpoint(name, words, str(made.version), pod)
    seen = words.get("knew") or (endpoint.version if endpoint else None)
    return Member(
        name=name,
        stateful_set=sts,
        record=known,
        pod=pod,
        volume=_volume(domain, name, words, formed),
        etcd=etcd,
        endpoint=endpoint,
        corrupt=words.get("corrupt", False),
        known_version=Version.parse(seen) if seen else None,
        hash=Hash(words["hash"], 1) if words.get("hash") is not None else None,
        trouble=words.get("trouble", ""),
    )


def _going(word: Any) -> dict[str, str]:
    return {"deletionTimestamp": "2026-01-01T00:00:00Z"} if word == "going" else {}


def _etcd(domain: Cluster, name: str, words: Words, formed: bool) -> EtcdMember | None:
    kind = words.get("etcd", "voter" if formed else "none")
    if kind == "none":
        return None
    unstarted = kind in ("unstarted", "unstarted voter")
    return EtcdMember(member_id(name), "" if unstarted else name, (peer_url(domain, name),), kind in ("learner", "unstarted"))


def _pod(domain: Cluster, name: str, words: Words, made: Record, etcd: EtcdMember | None) -> Manifest | None:
    kind = words.get("pod", "running" if domain.size else "none")
    if kind == "none":
        return None
    template = stateful_set(domain, name, made, 1)["spec"]["template"]
    labels = dict(template["metadata"]["labels"])
    labels.pop(ROLE_LABEL, None)
    if words.get("labelled", etcd is None or not etcd.learner):
        labels[ROLE_LABEL] = VOTER
    head = {
        "name": pod_name(name),
        "namespace": domain.key.namespace,
        "uid": f"pod-{name}",
        "labels": labels,
        "annotations": template["metadata"]["annotations"],
        **_going(kind),
    }
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": head,
        "spec": template["spec"],
        "status": _pod_status(name, kind, words),
    }


def _pod_status(name: str, kind: str, words: Words) -> dict[str, Any]:
    running = kind in ("running", "going", "down")
    ready = words.get("ready", kind in ("running", "going") and words.get("answers", True))
    conditions = [{"type": "Ready", "status": "True" if ready else "False"}]
    if kind == "unschedulable":
        said = words.get("trouble", "0/3 nodes are available")
        conditions.append({"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": said})
    state = _state(kind, words)
    status: dict[str, Any] = {"phase": "Running" if running or kind == "crashed" else "Pending", "conditions": conditions}
    if running or kind == "crashed":
        status["podIP"] = f"10.0.0.{name.rsplit('-', 1)[1]}"
    if state:
        container = {
            "name": "etcd",
            "ready": ready,
            "restartCount": words.get("restarts", 1 if "words" in words else 0),
            "state": state,
        }
        status["containerStatuses"] = [container | _last(kind, words)]
    return status


def _state(kind: str, words: Words) -> dict[str, Any]:
    if kind in ("pending", "unschedulable"):
        return {}
    if kind == "creating":
        return {"waiting": {"reason": "ContainerCreating"}}
    if kind.startswith("waiting:"):
        return {"waiting": {"reason": kind.partition(":")[2], "message": words.get("trouble", "")}}
    if kind == "crashed":
        return {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off restarting failed container"}}
    return {"running": {"startedAt": "2026-01-01T00:00:00Z"}}


def _last(kind: str, words: Words) -> dict[str, Any]:
    if kind != "crashed" and "words" not in words:
        return {}
    ended = {"exitCode": words.get("exit", 1), "reason": words.get("reason", "Error"), "message": words.get("words", "")}
    return {"lastState": {"terminated": ended}}


def _volume(domain: Cluster, name: str, words: Words, formed: bool) -> Manifest | None:
    kind = words.get("volume", "none" if domain.storage.memory else "bound")
    if kind == "none":
        return None
    size = words.get("size", domain.storage.size)
    found = volume(domain, Member(name), words.get("cluster", CLUSTER_ID if formed else ""), size)
    if "owner" in words:
        found["metadata"]["annotations"][CLUSTER_UID_ANNOTATION] = words["owner"]
    found["metadata"] |= {"uid": f"pvc-{name}"} | _going(kind)
    phase = {"lost": "Lost", "pending": "Pending"}.get(kind, "Bound")
    return found | {"status": {"phase": phase}}


def _endpoint(name: str, words: Words, version: str, pod: Manifest | None) -> Endpoint | None:
    kind = words.get("pod", "running")
    silent = pod is None or kind in _NO_ANSWER or kind.startswith("waiting:") or words.get("etcd") == "unstarted"
    if not words.get("answers", not silent):
        return None
    revision = words.get("revision", REVISION)
    return Endpoint(
        id=member_id(name),
        cluster_id=CLUSTER_ID,
        version=words.get("runs", version),
        leader="" if words.get("leader", True) else "none",
        raft_term=2,
        raft_index=10_000,
        raft_applied_index=10_000 - words.get("lag", 0),
        revision=revision,
        db_size=20_480,
        learner=words.get("etcd") == "learner",
        errors=tuple(words.get("errors", ())),
        storage_version=words.get("storage", ""),
        downgrade=words.get("downgrade", ""),
    )
