"""What the controller of EtcdRestores thinks in. Frozen, no I/O."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from davit.backup.api import RestoreSource
from davit.backup.model import instant
from davit.model import Key, Manifest
from davit.once import FINAL

RESTORING = "Restoring"
"""The phase between davit.once.PENDING and those in which it ends."""
GRACE = 120.0
"""Seconds after its deadline in which the EtcdCluster may still be about to begin or to go back."""


@dataclass(frozen=True, slots=True)
class Restore:
    """A valid EtcdRestore.

    template: the spec of an EtcdCluster to be made, as canonical JSON, empty for none; created: RFC 3339; deadline:
    seconds; phase: the one in its status.
    """

    key: Key
    uid: str
    created: str
    cluster: str
    source: RestoreSource
    confirm: str
    template: str
    deadline: float
    phase: str = ""

    @property
    def done(self) -> bool:
        """Whether it ended, for ever."""
        return self.phase in FINAL


@dataclass(frozen=True, slots=True)
class View:
    """The world as one pass sees it; empty for an EtcdRestore that ended, about which nothing is asked.

    cluster: the EtcdCluster; others: EtcdRestores into the same cluster that have not ended, the oldest first; referenced:
    the EtcdBackup that the source names, and the EtcdCluster that it is of.
    """

    cluster: Manifest | None = None
    others: tuple[Manifest, ...] = ()
    referenced: tuple[Manifest, ...] = ()
    status: Mapping[str, Any] = field(default_factory=dict)
    children: tuple[Manifest, ...] = ()
    """Always empty: an EtcdCluster is made once and is its users' from then on."""

    @property
    def began(self) -> float:
        """Since when the deadline runs, 0 before it does; Unix time."""
        started = self.status.get("startedAt")
        return instant(str(started)) if started else 0.0


@dataclass(frozen=True, slots=True)
class MakeCluster:
    """Make an EtcdCluster; `manifest` as canonical JSON."""

    manifest: str
    message: str
    reason: str = "MakingCluster"
    destructive: bool = False
