"""The small interface through which rooms that do I/O reach the API server."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from davit.model import Key, Kind, Manifest, Notice


class Client(Protocol):
    """What the library asks of a Kubernetes client; manifests are plain dicts.

    Errors: `Transient` for anything that may pass (connection, 409, 429, 5xx), `Blocked("Forbidden", ...)` for 401 and
    403 naming verb and resource, `Rejected` for 400 and 422 (the API server refuses the content).
    """

    async def get(self, kind: Kind, key: Key) -> Manifest | None:
        """The object, or None when it (or its kind) does not exist."""

    async def list(
        self,
        kind: Kind,
        namespace: str | None,
        *,
        labels: Mapping[str, str] | None = None,
        unlike: Mapping[str, str] | None = None,
        fields: Mapping[str, str] | None = None,
    ) -> list[Manifest]:
        """Live objects, each with apiVersion and kind filled in; None lists all namespaces.

        Only those with all of the labels, and with none of the labels in `unlike`.
        """

    async def create(self, kind: Kind, manifest: Manifest) -> Manifest:
        """POST; raises `Transient` when it exists already."""

    async def replace(self, kind: Kind, manifest: Manifest) -> Manifest:
        """PUT with the manifest's resourceVersion as precondition (`Transient` on conflict)."""

    async def apply(self, kind: Kind, manifest: Manifest, *, subresource: str = "", manager: str = "") -> Manifest:
        """Server-side apply, forced, as `manager`, else this client's (suffixed `-status` for the status subresource)."""

    async def patch(self, kind: Kind, key: Key, operations: Sequence[Mapping[str, Any]]) -> Manifest:
        """JSON patch (RFC 6902)."""

    async def delete(self, kind: Kind, key: Key, *, uid: str, grace_seconds: int | None = None, orphan: bool = False) -> bool:
        """Delete exactly the object with this uid; False when it is gone or another object has its name.

        `orphan` leaves its dependents, which the garbage collector would take otherwise.
        """

    async def event(self, regarding: Manifest, notice: Notice) -> None:
        """Post an events.k8s.io/v1 Event; a repeat of the same within ten minutes is dropped."""
