"""Conditions that kstatus, `kubectl wait`, Helm and Flux judge rightly. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

Json = dict[str, Any]

KSTATUS = ("Ready", "Reconciling", "Stalled")
"""The conditions of cli-utils' kstatus: Ready always present, the others only when True."""


@dataclass(frozen=True, slots=True)
class Condition:
    """One `metav1.Condition`; `status` is "True", "False" or "Unknown"."""

    type: str
    status: str
    reason: str
    message: str = ""


def merge(old: Iterable[Mapping[str, Any]], new: Sequence[Condition], generation: int, now: float) -> list[Json]:
    """The new conditions as JSON; lastTransitionTime moves only when the status value does."""
    before = {condition["type"]: condition for condition in old}
    return [_render(condition, before.get(condition.type), generation, now) for condition in new]


def _render(condition: Condition, old: Mapping[str, Any] | None, generation: int, now: float) -> Json:
    same = old is not None and old.get("status") == condition.status
    return {
        "type": condition.type,
        "status": condition.status,
        "reason": condition.reason,
        "message": condition.message,
        "observedGeneration": generation,
        "lastTransitionTime": old["lastTransitionTime"] if same and old else timestamp(now),
    }


def timestamp(now: float) -> str:
    """RFC 3339 in UTC with whole seconds, as Kubernetes writes times."""
    return datetime.fromtimestamp(now, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def verdict(resource: Mapping[str, Any]) -> str:
    """What kstatus would say of a custom resource: Terminating, InProgress, Failed or Current.

    Source: kubernetes-sigs/cli-utils pkg/kstatus/status, `Compute` and its generic rules.
    """
    metadata, status = resource["metadata"], resource.get("status") or {}
    if "deletionTimestamp" in metadata:
        return "Terminating"
    if status.get("observedGeneration", metadata.get("generation")) != metadata.get("generation"):
        return "InProgress"
    conditions = status.get("conditions", [])
    for condition in conditions:
        if condition["type"] in ("Reconciling", "Stalled") and condition["status"] == "True":
            return "InProgress" if condition["type"] == "Reconciling" else "Failed"
    ready = next((c["status"] for c in conditions if c["type"] == "Ready"), "True")
    return "Current" if ready == "True" else "InProgress"
