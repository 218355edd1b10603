"""How an announcement becomes an events.k8s.io/v1 Event, and which ones are repeats. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from davit.model import Kind, Manifest, Notice

EVENT = Kind("events.k8s.io", "v1", "Event", "events")

WINDOW = 600.0
"""Seconds in which a repeat of the same Event is dropped."""
CAPACITY = 2000
"""How many Events are remembered at most; the oldest is forgotten first."""

_NOTE_BYTES = 1024
_NAME_ROOM = 230
"""Characters of the 253 that are left for the object's own name."""


class Memory:
    """What was announced within the window, bounded."""

    def __init__(self) -> None:
        self._said: dict[tuple[str, str, str, bool, str], float] = {}

    def is_news(self, regarding: Mapping[str, Any], notice: Notice, unix: float) -> bool:
        """Whether this was not said about this object for a window; remembers it if so."""
        metadata = regarding["metadata"]
        what = (metadata.get("uid", ""), metadata["name"], notice.reason, notice.warning, notice.message)
        if what in self._said and unix - self._said[what] < WINDOW:
            return False
        self._said.pop(what, None)
        self._said[what] = unix
        if len(self._said) > CAPACITY:
            del self._said[next(iter(self._said))]
        return True


def manifest(regarding: Mapping[str, Any], notice: Notice, manager: str, instance: str, unix: float) -> Manifest:
    """The Event, named by its content and the window, so that a repeat meets its own name (409).

    `unix` is the time in seconds; the note is cut to the 1024 bytes that the API server takes.
    """
    metadata = regarding["metadata"]
    note = notice.message.encode()[:_NOTE_BYTES].decode(errors="ignore")
    seed = f"{metadata.get('uid')} {notice.reason} {notice.warning} {int(unix // WINDOW)} {note}"
    digest = hashlib.sha256(seed.encode()).hexdigest()[:16]
    identity = ("name", "namespace", "uid", "resourceVersion")
    named = {field: metadata[field] for field in identity if field in metadata}
    return {
        "apiVersion": EVENT.api_version,
        "kind": EVENT.kind,
        "metadata": {
            "name": f"{metadata['name'][:_NAME_ROOM]}.{digest}",
            # Events about cluster-scoped objects go here; the API server takes them nowhere else.
            "namespace": metadata.get("namespace") or "default",
        },
        "eventTime": datetime.fromtimestamp(unix, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        "reportingController": manager,
        "reportingInstance": instance[:128],
        "action": notice.reason,
        "reason": notice.reason,
        "regarding": {"apiVersion": regarding["apiVersion"], "kind": regarding["kind"], **named},
        "note": note,
        "type": "Warning" if notice.warning else "Normal",
    }
