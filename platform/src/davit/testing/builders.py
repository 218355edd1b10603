"""Small builders of Kubernetes objects for unit tests."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from davit.model import Kind, Manifest


def resource(
    kind: Kind,
    name: str = "c",
    spec: Mapping[str, Any] | None = None,
    *,
    namespace: str = "ns",
    uid: str = "uid-cr",
    generation: int = 1,
    status: Mapping[str, Any] | None = None,
    **metadata: Any,
) -> Manifest:
    """A custom resource as the API server would hand it out; `metadata` are further fields of it."""
    found: Manifest = {
        "apiVersion": kind.api_version,
        "kind": kind.kind,
        "metadata": {"name": name, "namespace": namespace, "uid": uid, "generation": generation, **metadata},
        "spec": dict(spec or {}),
    }
    return found | ({"status": dict(status)} if status is not None else {})


def condition(resource: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """The condition of this type in a resource's or a bare status, empty when there is none."""
    status = resource.get("status", resource)
    return next((c for c in status.get("conditions", ()) if c["type"] == name), {})
