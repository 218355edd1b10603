"""What the operator tells people and machines about a Prometheus. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from davit.errors import Blocked, Transient
from davit.model import Manifest, Outcome
from davit.monitoring import conditions
from davit.monitoring.bindings import LISTED
from davit.monitoring.conditions import REFUSED
from davit.monitoring.rollout import counts, listed, why_not_running
from davit.status import Condition, merge, timestamp

from davit_prometheus.manifests import selector
from davit_prometheus.model import Instance
from davit_prometheus.plan import Detail
from davit_prometheus.snapshot import Pod, Snapshot

Json = dict[str, Any]
UNMANAGED = "no selector of monitors is set: the configuration Secret is its user's, and so are reloads after a change of it"


def status(resource: Manifest, outcome: Outcome[Instance, Snapshot], now: float) -> Json:
    """The whole status; facts that could not be read this time are kept from the last."""
    generation = resource["metadata"].get("generation", 0)
    old: Json = dict(resource.get("status") or {})
    facts = {key: value for key, value in old.items() if key != "conditions"}
    if outcome.domain is not None and outcome.snapshot is not None:
        facts = _facts(outcome.domain, outcome.snapshot, old, generation, now)
    found = merge(old.get("conditions") or (), list(_conditions(outcome)), generation, now)
    return {**facts, "observedGeneration": generation, "conditions": found}


def _facts(instance: Instance, snapshot: Snapshot, old: Json, generation: int, now: float) -> Json:
    scope = instance.scope
    shards = [_shard(instance, snapshot, number) for number in range(len(snapshot.configurations))]
    names = ("replicas", "updatedReplicas", "availableReplicas", "unavailableReplicas")
    found: Json = {
        "paused": instance.paused,
        **{name: sum(shard[name] for shard in shards) for name in names},
        "shards": scope.shards,
        "shardStatuses": shards,
        "selector": ",".join(f"{key}={value}" for key, value in sorted(selector(scope).items())),
    }
    lists: Json = {
        # Absent, not empty: server-side apply would make null of a map that loses all its fields.
        "config": _config(snapshot, old.get("config") or {}, generation, now),
        "quarantined": [*_quarantined(snapshot)][:LISTED],
        "ignored": list(dict.fromkeys((*instance.ignored, *snapshot.ignored)))[:LISTED],
        "unknown": list(instance.unknown)[:LISTED],
    }
    return {**found, **{name: value for name, value in lists.items() if value}}


def _shard(instance: Instance, snapshot: Snapshot, number: int) -> Json:
    """The pods of a shard as its StatefulSet counts them; what is wanted counts until there is one."""
    name = instance.scope.prefix if number == 0 else f"{instance.scope.prefix}-shard-{number}"
    found = next((one for one in snapshot.children if one["kind"] == "StatefulSet" and one["metadata"]["name"] == name), None)
    return {"shardID": str(number), **counts(found, instance.scope.replicas)}


def _config(snapshot: Snapshot, old: Json, generation: int, now: float) -> Json:
    written = snapshot.configurations[0].digest if snapshot.configurations else ""
    behind = _behind(snapshot)
    if snapshot.foreign:
        return {}
    found: Json = {"digest": written}
    if not behind and snapshot.pods and not snapshot.held:
        same = old.get("live") == written and old.get("loadedAt")
        found |= {"live": written, "observedGeneration": generation, "loadedAt": old["loadedAt"] if same else timestamp(now)}
    else:
        found |= {key: old[key] for key in ("live", "observedGeneration", "loadedAt") if key in old}
    if message := snapshot.held or snapshot.refused or (f"not loaded yet by {_names(behind)}" if behind else ""):
        found["message"] = message
    return found


def _behind(snapshot: Snapshot) -> list[Pod]:
    """Pods that are not proved to run what is written."""
    wanted = [one.digest for one in snapshot.configurations]
    return [
        pod
        for pod in snapshot.pods
        if pod.shard < len(wanted) and ((live := snapshot.live.get(pod.uid)) is None or live.digest != wanted[pod.shard])
    ]


def _quarantined(snapshot: Snapshot) -> Iterator[Json]:
    for fault in snapshot.faults:
        yield {"path": fault.path, "message": fault.message}
    for name, faults in sorted(snapshot.quarantined.items()):
        kind, _, key = name.partition(" ")
        namespace, _, own = key.partition("/")
        for fault in faults:
            yield {"kind": kind, "namespace": namespace, "name": own, "path": fault.path, "message": fault.message}


# Conditions


def _conditions(outcome: Outcome[Instance, Snapshot]) -> Iterator[Condition]:
    instance, snapshot, error = outcome.domain, outcome.snapshot, outcome.error
    stands = conditions.standstill(outcome)
    yield from stands
    if instance is not None and snapshot is not None:
        yield from () if stands else _progress(instance, snapshot, error)
        yield _available(instance, snapshot)
        yield _live(instance, snapshot, error)
    yield _reconciled(outcome)


def _progress(instance: Instance, snapshot: Snapshot, error: Exception | None) -> Iterator[Condition]:
    reason, message = ("Unmanaged", UNMANAGED) if snapshot.foreign else ("AllLive", _summary(snapshot))
    yield from conditions.progress(_waits(instance, snapshot), error, reason, message)


def _waits(instance: Instance, snapshot: Snapshot) -> tuple[str, str] | None:
    """What is still to happen, as reason and message."""
    shards = [_shard(instance, snapshot, number) for number in range(len(snapshot.configurations))]
    wanted = instance.scope.replicas * len(shards)
    ready = sum(one["availableReplicas"] for one in shards)
    updated = sum(one["updatedReplicas"] for one in shards)
    if snapshot.held or snapshot.refused:
        return "ConfigHeld", snapshot.held or f"the last good configuration is kept: {snapshot.refused}"
    if ready < wanted or updated < wanted:
        why = why_not_running(pod.manifest for pod in snapshot.pods)
        return "PodsNotReady", f"{ready} of {wanted} pods serve, {updated} are as the spec says{why}"
    if (behind := [pod for pod in _behind(snapshot) if pod.url]) and not snapshot.foreign:
        return "ConfigNotLive", f"not loaded yet by {_names(behind)}"
    return None


def _summary(snapshot: Snapshot) -> str:
    taken = ", ".join(f"{count} {kind}{'s' if count != 1 else ''}" for kind, count in sorted(snapshot.selected.items()))
    left = len(snapshot.faults) + sum(len(faults) for faults in snapshot.quarantined.values())
    spoiled = f"; {left} part{'s' if left != 1 else ''} left out, see status.quarantined" if left else ""
    return f"all pods run the configuration of {taken or 'no monitors and rules'}{spoiled}"


def _available(instance: Instance, snapshot: Snapshot) -> Condition:
    """Of all shards."""
    shards = [_shard(instance, snapshot, number) for number in range(len(snapshot.configurations))]
    ready = sum(one["availableReplicas"] for one in shards)
    return conditions.available(ready, instance.scope.replicas * len(shards), (pod.manifest for pod in snapshot.pods))


def _reconciled(outcome: Outcome[Instance, Snapshot]) -> Condition:
    instance, snapshot = outcome.domain, outcome.snapshot
    found = conditions.reconciled(outcome)
    if found.status == "False" or snapshot is None or instance is None or snapshot.selected or instance.unmanaged:
        return found
    return Condition("Reconciled", "True", "NoSelectedResources", "no monitor, probe, scrape configuration or rule is selected")


def _live(instance: Instance, snapshot: Snapshot, error: Exception | None) -> Condition:
    detail = outcome_detail(snapshot, instance)
    if snapshot.held:
        return Condition("ConfigLive", "False", "Held", snapshot.held)
    if snapshot.refused or (isinstance(error, Blocked) and error.reason == REFUSED):
        return Condition("ConfigLive", "False", REFUSED, snapshot.refused or str(error))
    if snapshot.foreign:
        return Condition("ConfigLive", "Unknown", "Unmanaged", UNMANAGED)
    behind = [pod for pod in _behind(snapshot) if pod.url]
    if behind:
        why = f": {error}" if isinstance(error, Transient) else ""
        return Condition("ConfigLive", "False", "Loading", f"not loaded yet by {_names(behind)}{why}")
    if detail.silent:
        return Condition(
            "ConfigLive", "Unknown", "NotReachable", f"{_names(detail.silent)} can't be asked what is loaded: spec.listenLocal"
        )
    if not any(pod.uid in snapshot.live for pod in snapshot.pods):
        return Condition("ConfigLive", "Unknown", "NoPod", "no pod runs")
    digest = snapshot.configurations[0].digest
    checked = f"; it was not checked before: {snapshot.unchecked}" if snapshot.unchecked else ""
    return Condition("ConfigLive", "True", "Live", f"all running pods have loaded {digest}{checked}")


def outcome_detail(snapshot: Snapshot, instance: Instance) -> Detail:
    """Which pods can't be spoken to though they run."""
    silent = tuple(pod for pod in snapshot.pods if pod.container and not pod.url)
    return Detail((), silent if instance.scope.spec.listen_local else ())


def _names(pods: Sequence[Pod]) -> str:
    return listed(pod.name for pod in pods)
