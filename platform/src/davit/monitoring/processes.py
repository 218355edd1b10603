"""The processes in pods, as far as the pods tell of them. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from davit.model import Manifest


@dataclass(frozen=True, slots=True)
class Pod:
    """One running or starting process; `container` tells its restarts apart, empty for one that does not run."""

    manifest: Manifest
    container: str
    url: str
    """Of its API, empty while it can't be spoken to."""

    @property
    def name(self) -> str:
        """The pod's name."""
        return str(self.manifest["metadata"]["name"])

    @property
    def uid(self) -> str:
        """The pod's uid."""
        return str(self.manifest["metadata"]["uid"])


def container_of(manifest: Manifest, name: str) -> Mapping[str, Any] | None:
    """The status of a pod's container while it runs, else None."""
    statuses = manifest.get("status", {}).get("containerStatuses", ())
    found: Mapping[str, Any] = next((one for one in statuses if one["name"] == name), {})
    return found if "running" in found.get("state", {}) else None


def address_of(manifest: Manifest, container: Mapping[str, Any]) -> str:
    """Where the process answers, as the host of a URL.

    Empty when it is not ready or its node not well: one that is not would hold up the others, and its event will come.
    """
    status = manifest.get("status", {})
    conditions = {one["type"]: one["status"] for one in status.get("conditions", ())}
    others = any(not one.get("ready") for one in status.get("containerStatuses", ()) if one["name"] != container["name"])
    if not container.get("ready") or not (conditions.get("Ready", "True") == "True" or others):
        return ""
    address = str(status.get("podIP", ""))
    return f"[{address}]" if ":" in address else address
