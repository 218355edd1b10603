"""What the controller of EtcdBackups thinks in. Frozen, no I/O."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from davit.backup.model import Cipher, Store, backup_id, instant
from davit.model import Key, Manifest
from davit.once import FINAL

from davit_etcd.model import Cluster

RUNNING, VERIFYING = "Running", "Verifying"
"""The phases between davit.once.PENDING and those in which it ends."""
BACKUP, VERIFY = "-backup", "-verify"
"""What the names of the Jobs end with."""
GRACE = 90.0
"""Seconds that Kubernetes gets to end a Job at its deadline, and its pods to report, before the operator ends it."""

_UNITS = ("", "Ki", "Mi", "Gi", "Ti", "Pi")


@dataclass(frozen=True, slots=True)
class Owner:
    """The controller of an EtcdBackup, by its owner reference."""

    kind: str
    name: str
    uid: str


@dataclass(frozen=True, slots=True)
class Backup:
    """A valid EtcdBackup with its own defaults filled in; `store` and `cipher` are None where the EtcdCluster's count.

    created: RFC 3339; deadline: seconds; reference: the owner reference of its Jobs as canonical JSON; owner: its own
    controller; phase: the one in its status.
    """

    key: Key
    uid: str
    created: str
    cluster: str
    deadline: float
    reference: str
    store: Store | None = None
    cipher: Cipher | None = None
    compression: str = "zstd"
    verify: bool = False
    owner: Owner | None = None
    phase: str = ""

    @property
    def done(self) -> bool:
        """Whether it ended, for ever."""
        return self.phase in FINAL

    @property
    def id(self) -> str:
        """Its folder's name in the store."""
        return backup_id(self.created, self.uid)

    @property
    def limit(self) -> float:
        """When it must have ended, but for its verification; Unix time."""
        return instant(self.created) + self.deadline

    def job(self, ending: str) -> str:
        """Name of a Job of it: `ending` is BACKUP or VERIFY."""
        return f"{self.key.name}{ending}"


@dataclass(frozen=True, slots=True)
class View:
    """The world as one pass sees it; empty for an EtcdBackup that ended, about which nothing is asked.

    cluster: the EtcdCluster; domain: what it means, None where it is invalid and nothing runs yet; schedule: the
    EtcdBackupSchedule that owns the backup; words: what Kubernetes' events say of a Job without pods; earlier: name of a Job
    of an earlier EtcdBackup of the same name that still is there, in which case nothing else is looked at.
    """

    cluster: Manifest | None = None
    domain: Cluster | None = None
    schedule: Manifest | None = None
    backup_job: Manifest | None = None
    verify_job: Manifest | None = None
    pods: tuple[Manifest, ...] = ()
    words: str = ""
    earlier: str = ""
    status: Mapping[str, Any] = field(default_factory=dict)
    children: tuple[Manifest, ...] = ()
    """Always empty: Jobs are made once and never applied again."""


def quantity(size: Any) -> str | None:
    """Bytes as a Kubernetes quantity of three digits or more, such as 12.3Mi; None for what is no number."""
    if not isinstance(size, int) or isinstance(size, bool) or size < 0:
        return None
    value, unit = float(size), 0
    while value >= 1024 and unit < len(_UNITS) - 1:
        value, unit = value / 1024, unit + 1
    return f"{value:.0f}{_UNITS[unit]}" if value >= 100 or not unit else f"{value:.1f}{_UNITS[unit]}"


def size_of(text: Any) -> int:
    """Bytes of what `quantity` made, at least; 0 for anything else."""
    found = re.fullmatch(r"([0-9]+(?:\.[0-9])?)([KMGTP]i)?", str(text or ""))
    return int((float(found[1]) + 0.5) * 1024 ** _UNITS.index(found[2] or "")) if found else 0


def duration(seconds: Any) -> str | None:
    """Seconds as a Go duration such as 1m5s; None for what is no number."""
    if not isinstance(seconds, int | float) or isinstance(seconds, bool) or seconds < 0:
        return None
    if seconds < 10:
        return f"{seconds:.1f}s"
    hours, rest = divmod(round(seconds), 3600)
    minutes, left = divmod(rest, 60)
    return "".join(f"{value}{unit}" for value, unit in ((hours, "h"), (minutes, "m"), (left, "s")) if value) or "0s"
