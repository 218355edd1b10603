"""What Helm 4, Flux and `kubectl wait` conclude from a status: our own reading of cli-utils' rules, not the operator's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from e2e.support.kube import condition

CURRENT, IN_PROGRESS, FAILED, TERMINATING = "Current", "InProgress", "Failed", "Terminating"


def verdict(resource: Mapping[str, Any]) -> str:
    """Source: kubernetes-sigs/cli-utils pkg/kstatus/status, generic rules of `Compute`."""
    metadata, status = resource["metadata"], resource.get("status") or {}
    if metadata.get("deletionTimestamp"):
        return TERMINATING
    if status.get("observedGeneration", metadata["generation"]) != metadata["generation"]:
        return IN_PROGRESS
    if condition(resource, "Reconciling").get("status") == "True":
        return IN_PROGRESS
    if condition(resource, "Stalled").get("status") == "True":
        return FAILED
    ready = condition(resource, "Ready")
    return CURRENT if not ready or ready["status"] == "True" else IN_PROGRESS
