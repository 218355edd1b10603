"""What the operators decide and say alike about StatefulSets, their pods and volumes. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from davit.kube.quantity import parse_quantity
from davit.model import Manifest
from davit.monitoring.selection import matches
from davit.monitoring.types import LabelSelector


@dataclass(frozen=True, slots=True)
class Orphan:
    """Delete a StatefulSet and leave its pods and volumes, so that it can be made anew with what can't be changed in it.

    successor: what it is to be, without which its pods would be nobody's.
    """

    name: str
    uid: str
    why: str
    successor: Manifest
    destructive: bool = False
    reason: str = "Recreating"

    @property
    def message(self) -> str:
        """What is done and why."""
        return f"StatefulSet {self.name} is made anew, its pods and volumes stay: {self.why}"


@dataclass(frozen=True, slots=True)
class Expand:
    """Let a volume claim grow."""

    claim: str
    size: str
    destructive: bool = False
    reason: str = "Expanding"

    @property
    def message(self) -> str:
        """What is done and why."""
        return f"volume claim {self.claim} grows to {self.size}"


def unchangeable(wanted: Manifest, live: Manifest) -> str:
    """Which immutable field of a StatefulSet differs, in words; source: apps/v1 validation, ValidateStatefulSetUpdate."""
    ours, theirs = wanted["spec"], live["spec"]
    for field in ("serviceName", "podManagementPolicy", "selector"):
        if field in ours and ours[field] != theirs.get(field):
            return f"its {field} can't be changed"
    claims = {one["metadata"]["name"]: one["spec"] for one in theirs.get("volumeClaimTemplates") or ()}
    named = {one["metadata"]["name"]: one["spec"] for one in ours.get("volumeClaimTemplates") or ()}
    if set(claims) != set(named):
        return "its volumeClaimTemplates can't be changed"
    for name, spec in named.items():
        for field in ("storageClassName", "accessModes"):
            if field in spec and spec[field] != claims[name].get(field):
                return f"{field} of its volumeClaimTemplates can't be changed"
        if _size(spec) != _size(claims[name]):
            return "the size in its volumeClaimTemplates can't be changed"
    return ""


def with_dropped(live: Manifest, wanted: Any) -> Manifest:
    """The StatefulSet as it was applied; `wanted` is updateStrategy.rollingUpdate.maxUnavailable.

    Where the feature gate MaxUnavailableStatefulSet is off the API server drops that field, and only managedFields tell that
    it was applied: without this it would differ, and be applied, for ever.
    """
    strategy = live["spec"].get("updateStrategy") or {}
    rolling = strategy.get("rollingUpdate") or {}
    entries = live["metadata"].get("managedFields") or ()
    owned = any(_dig(one, "fieldsV1", "f:spec", "f:updateStrategy", "f:rollingUpdate", "f:maxUnavailable") for one in entries)
    if wanted is None or "maxUnavailable" in rolling or not owned:
        return live
    strategy = {**strategy, "rollingUpdate": {**rolling, "maxUnavailable": wanted}}
    return {**live, "spec": {**live["spec"], "updateStrategy": strategy}}


def _dig(found: Any, *path: str) -> bool:
    for name in path:
        if not isinstance(found, dict) or name not in found:
            return False
        found = found[name]
    return True


def growth(sets: Iterable[Manifest], volumes: Sequence[Manifest]) -> Iterator[Expand]:
    """Volumes that are smaller than the claim templates ask for; a smaller wish changes nothing."""
    for one in sets:
        for claim in one["spec"].get("volumeClaimTemplates") or ():
            wanted = _size(claim["spec"])
            start = f"{claim['metadata']['name']}-{one['metadata']['name']}-"
            for live in volumes:
                size = _size(live["spec"])
                if live["metadata"]["name"].startswith(start) and wanted is not None and size is not None and size < wanted:
                    yield Expand(live["metadata"]["name"], str(claim["spec"]["resources"]["requests"]["storage"]))


def _size(claim: Mapping[str, Any]) -> Any:
    given = ((claim.get("resources") or {}).get("requests") or {}).get("storage")
    return None if given is None else parse_quantity(given)


def guards(manifest: Manifest, labels: Mapping[str, str]) -> bool:
    """Whether a PodDisruptionBudget or NetworkPolicy selects pods that have (at least) these labels."""
    name = "selector" if manifest["kind"] == "PodDisruptionBudget" else "podSelector"
    return matches(LabelSelector.model_validate(manifest["spec"].get(name) or {}), labels)


def counts(stateful_set: Manifest | None, wanted: int) -> dict[str, int]:
    """The replicas of a StatefulSet as status tells them; what is wanted counts until there is one."""
    said = (stateful_set or {}).get("status") or {}
    current = (stateful_set or {}).get("metadata", {}).get("generation") == said.get("observedGeneration")
    # Not availableReplicas: minReadySeconds is for the pace of a roll.
    available = int(said.get("readyReplicas", 0)) if current else 0
    return {
        "replicas": int(said.get("replicas", 0)),
        "updatedReplicas": int(said.get("updatedReplicas", 0)) if current else 0,
        "availableReplicas": available,
        "unavailableReplicas": max(wanted - available, 0),
    }


def why_not_running(pods: Iterable[Manifest]) -> str:
    """The first reason that a pod itself gives for not running, as the end of a sentence; empty without one."""
    for pod in pods:
        name, state = pod["metadata"]["name"], pod.get("status", {})
        for one in (*state.get("initContainerStatuses", ()), *state.get("containerStatuses", ())):
            waiting = one.get("state", {}).get("waiting") or {}
            if waiting.get("reason") not in (None, "ContainerCreating", "PodInitializing"):
                last = (one.get("lastState", {}).get("terminated") or {}).get("message", "")
                said = " ".join((last or waiting.get("message") or "").split())[-300:]
                return f"; pod {name}: container {one['name']}: {waiting['reason']}{f': {said}' if said else ''}"
        for condition in state.get("conditions", ()):
            if condition["type"] == "PodScheduled" and condition["status"] == "False":
                return f"; pod {name} is not scheduled: {condition.get('message', '')}"
    return ""


def listed(names: Iterable[str]) -> str:
    """A few names of pods in a sentence."""
    found = sorted(names)
    more = f" and {len(found) - 3} more" if len(found) > 3 else ""
    return f"pod{'s' if len(found) > 1 else ''} {', '.join(found[:3])}{more}"
