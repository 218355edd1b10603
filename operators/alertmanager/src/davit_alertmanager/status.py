"""What the operator tells people and machines about an Alertmanager. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from davit.errors import Blocked, Transient
from davit.model import Manifest, Outcome
from davit.monitoring import conditions
from davit.monitoring.bindings import LISTED
from davit.monitoring.conditions import REFUSED
from davit.monitoring.rollout import counts, listed, why_not_running
from davit.status import Condition, merge, timestamp

from davit_alertmanager.manifests import clustered, selector
from davit_alertmanager.model import Instance
from davit_alertmanager.plan import lonely
from davit_alertmanager.snapshot import Snapshot

Json = dict[str, Any]


def status(resource: Manifest, outcome: Outcome[Instance, Snapshot], now: float) -> Json:
    """The whole status; facts that could not be read this time are kept from the last."""
    generation = resource["metadata"].get("generation", 0)
    old: Json = dict(resource.get("status") or {})
    facts = {key: value for key, value in old.items() if key != "conditions"}
    if outcome.domain is not None and outcome.snapshot is not None:
        facts = _facts(outcome.domain, outcome.snapshot, old, now)
    found = merge(old.get("conditions") or (), list(_conditions(outcome)), generation, now)
    return {**facts, "observedGeneration": generation, "conditions": found}


def _facts(instance: Instance, snapshot: Snapshot, old: Json, now: float) -> Json:
    found: Json = {
        "paused": instance.paused,
        **_counts(instance, snapshot),
        "selector": ",".join(f"{key}={value}" for key, value in sorted(selector(instance).items())),
        "config": _config(instance, snapshot, old.get("config") or {}, now),
    }
    lists = {
        "quarantined": [*_quarantined(instance, snapshot)][:LISTED],
        "ignored": list(dict.fromkeys((*instance.ignored, *snapshot.ignored)))[:LISTED],
        "unknown": list(instance.unknown)[:LISTED],
    }
    return {**found, **{name: value for name, value in lists.items() if value}}


def _counts(instance: Instance, snapshot: Snapshot) -> dict[str, int]:
    found = next((one for one in snapshot.children if one["kind"] == "StatefulSet"), None)
    return counts(found, instance.replicas)


def _config(instance: Instance, snapshot: Snapshot, old: Json, now: float) -> Json:
    kept: Json = {key: old[key] for key in ("live", "observedGeneration", "loadedAt") if key in old}
    if snapshot.edition is None:
        return {**({"digest": old["digest"]} if "digest" in old else {}), **kept}
    digest = snapshot.edition.digest
    if snapshot.behind or not any(snapshot.runs(pod) for pod in snapshot.pods):
        return {"digest": digest, **kept}
    generation = old.get("observedGeneration", instance.generation) if _doubtful(snapshot) else instance.generation
    same = old.get("live") == digest and old.get("loadedAt")
    return {
        "digest": digest,
        "live": digest,
        "observedGeneration": generation,
        "loadedAt": old["loadedAt"] if same else timestamp(now),
    }


def _doubtful(snapshot: Snapshot) -> bool:
    """Whether what is to be published is not what the spec asks for."""
    return bool(snapshot.held or snapshot.refused or snapshot.base)


def _quarantined(instance: Instance, snapshot: Snapshot) -> Iterator[Json]:
    own = {"kind": "Alertmanager", "namespace": instance.key.namespace, "name": instance.key.name}
    for fault in snapshot.faults:
        yield {**own, "path": fault.path, "message": fault.message}
    for key, faults in sorted(snapshot.quarantined.items()):
        for fault in faults:
            where = {"kind": "AlertmanagerConfig", "namespace": key.namespace, "name": key.name}
            yield {**where, "path": fault.path, "message": fault.message}


# Conditions


def _conditions(outcome: Outcome[Instance, Snapshot]) -> Iterator[Condition]:
    instance, snapshot, error = outcome.domain, outcome.snapshot, outcome.error
    stands = conditions.standstill(outcome)
    yield from stands
    if instance is not None and snapshot is not None:
        yield from () if stands else _progress(instance, snapshot, error)
        ready = _counts(instance, snapshot)["availableReplicas"]
        yield conditions.available(ready, instance.replicas, (pod.manifest for pod in snapshot.pods))
        yield _accepted(snapshot)
        yield _live(instance, snapshot, error)
        if clustered(instance) and instance.replicas:
            yield _settled(instance, snapshot)
    yield _reconciled(outcome)


def _progress(instance: Instance, snapshot: Snapshot, error: Exception | None) -> Iterator[Condition]:
    if snapshot.base:
        yield from conditions.stalled("InvalidConfiguration", snapshot.base)
    elif said := _refusal(snapshot, error):
        yield from conditions.stalled(REFUSED, said)
    else:
        yield from conditions.progress(_waits(instance, snapshot), error, "AllLive", _summary(snapshot))


def _refusal(snapshot: Snapshot, error: Exception | None) -> str:
    if snapshot.refused:
        return f"the last good configuration is kept, the processes refuse the new one: {snapshot.refused}"
    return str(error) if isinstance(error, Blocked) and error.reason == REFUSED else ""


def _waits(instance: Instance, snapshot: Snapshot) -> tuple[str, str] | None:
    """What is still to happen, as reason and message."""
    found = _counts(instance, snapshot)
    ready, updated = found["availableReplicas"], found["updatedReplicas"]
    if snapshot.held:
        return "ConfigHeld", snapshot.held
    if ready < instance.replicas or updated < instance.replicas:
        why = why_not_running(pod.manifest for pod in snapshot.pods)
        return "PodsNotReady", f"{ready} of {instance.replicas} pods serve, {updated} are as the spec says{why}"
    if snapshot.behind:
        return "ConfigNotLive", _not_loaded(snapshot)
    if lonely(instance, snapshot):
        return "ClusterNotSettled", _settled(instance, snapshot).message
    return None


def _not_loaded(snapshot: Snapshot) -> str:
    return f"not loaded yet by {listed(pod.name for pod in snapshot.behind)}"


def _summary(snapshot: Snapshot) -> str:
    some = f"{snapshot.selected} AlertmanagerConfig{'s' if snapshot.selected != 1 else ''}"
    left = len(snapshot.faults) + sum(len(faults) for faults in snapshot.quarantined.values())
    spoiled = f"; {left} part{'s' if left != 1 else ''} left out, see status.quarantined" if left else ""
    nobody = f"; beside those, alerts notify nobody: {snapshot.nobody}" if snapshot.nobody else ""
    return f"all pods run the configuration with {some}{spoiled}{nobody}"


def _accepted(snapshot: Snapshot) -> Condition:
    """Whether the user's base configuration is the one in use."""
    if snapshot.base:
        kept = "the last good one stays in use" if snapshot.edition is not None else "nothing is published"
        return Condition("ConfigAccepted", "False", "InvalidConfiguration", f"{snapshot.base}; {kept}")
    if snapshot.nobody:
        return Condition("ConfigAccepted", "False", "NoConfiguration", f"{snapshot.nobody}; until then alerts notify nobody")
    if snapshot.faults:
        left = "; ".join(str(fault) for fault in snapshot.faults[:3])
        return Condition("ConfigAccepted", "True", "PartlyAccepted", f"left out: {left}")
    return Condition("ConfigAccepted", "True", "Accepted", "")


def _live(instance: Instance, snapshot: Snapshot, error: Exception | None) -> Condition:
    if said := _refusal(snapshot, error):
        return Condition("ConfigLive", "False", REFUSED, said)
    if snapshot.held:
        return Condition("ConfigLive", "False", "Held", snapshot.held)
    if snapshot.behind:
        why = f": {error}" if isinstance(error, Transient) else ""
        return Condition("ConfigLive", "False", "Loading", f"{_not_loaded(snapshot)}{why}")
    if snapshot.silent and instance.spec.get("listenLocal"):
        names = listed(pod.name for pod in snapshot.silent)
        return Condition("ConfigLive", "Unknown", "NotReachable", f"{names} can't be asked what is loaded: spec.listenLocal")
    if snapshot.edition is None or not any(snapshot.runs(pod) for pod in snapshot.pods):
        return Condition("ConfigLive", "Unknown", "NoPod", "no pod runs")
    checked = f"; it was not checked before: {snapshot.unchecked}" if snapshot.unchecked else ""
    return Condition("ConfigLive", "True", "Live", f"all running pods have loaded {snapshot.edition.digest}{checked}")


def _settled(instance: Instance, snapshot: Snapshot) -> Condition:
    """Whether every pod sees every other: notifications are sent once only then."""
    asked = {pod.name: live.seen for pod in snapshot.pods if (live := snapshot.live.get(pod.uid)) is not None}
    told = ", ".join(f"{name} sees {seen.peers}" for name, seen in sorted(asked.items())[:10])
    if not asked:
        return Condition("ClusterSettled", "Unknown", "NoPod", "no pod could be asked for its peers")
    message = f"of {instance.replicas} members {told}"
    if lonely(instance, snapshot):
        remedy = "check that pods reach each other on port 9094, TCP and UDP, and resolve the governing Service"
        return Condition("ClusterSettled", "False", "PeersMissing", f"{message}: while it lasts, {remedy}")
    if snapshot.settling:
        return Condition("ClusterSettled", "False", "Settling", message)
    if len(asked) < instance.replicas:
        return Condition("ClusterSettled", "False", "PodsMissing", message)
    return Condition("ClusterSettled", "True", "Settled", message)


def _reconciled(outcome: Outcome[Instance, Snapshot]) -> Condition:
    found = conditions.reconciled(outcome)
    if found.status == "True" and outcome.snapshot is not None and outcome.snapshot.base:
        return Condition("Reconciled", "False", "ReconciliationFailed", outcome.snapshot.base)
    return found
