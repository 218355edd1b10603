"""Leave out of a status what the installed CRD can't hold, where somebody else's CRD is served."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from davit.errors import Blocked
from davit.kube.client import Client
from davit.kube.crds import CRD
from davit.model import Key, Kind

Json = dict[str, Any]
TTL = 600.0
"""Seconds for which a schema is taken to be what it was; CRDs are large and change seldom."""


@dataclass(slots=True)
class Schemas:
    """`clock` is monotonic, in seconds."""

    client: Client
    clock: Callable[[], float] = time.monotonic
    _known: dict[Kind, tuple[float, Json | None]] = field(default_factory=dict)

    async def fit(self, kind: Kind, status: Json) -> Json | None:
        """The part of a status that the kind's CRD declares; None where the kind has no status at all.

        The API server refuses a server-side apply with a field that the schema doesn't have, all of it.
        """
        at, schema = self._known.get(kind, (-TTL, None))
        if self.clock() - at >= TTL:
            schema = await self._read(kind)
            self._known[kind] = (self.clock(), schema)
        if schema is None:
            return None
        found = declared(status, schema)
        return found if isinstance(found, dict) else None

    async def _read(self, kind: Kind) -> Json | None:
        """The schema of the status; one that holds everything where the CRD may not be read."""
        try:
            crd = await self.client.get(CRD, Key("", f"{kind.plural}.{kind.group}"))
        except Blocked:
            return {"x-kubernetes-preserve-unknown-fields": True}
        for version in (crd or {}).get("spec", {}).get("versions", ()):
            if version["name"] == kind.version and "status" in (version.get("subresources") or {}):
                schema = version["schema"]["openAPIV3Schema"]
                found: Json = schema.get("properties", {}).get("status", {})
                return found
        return None


def declared(value: Any, schema: Mapping[str, Any]) -> Any:
    """The value without the fields that the schema does not declare and does not preserve. Pure."""
    if isinstance(value, list):
        return [declared(item, schema.get("items") or {}) for item in value]
    if not isinstance(value, dict):
        return value
    properties = schema.get("properties") or {}
    others = schema.get("additionalProperties")
    found: Json = {}
    for name, part in value.items():
        if name in properties:
            found[name] = declared(part, properties[name])
        elif isinstance(others, dict):
            found[name] = declared(part, others)
        elif others or schema.get("x-kubernetes-preserve-unknown-fields"):
            found[name] = part
    return found
