"""The commands of backups and schedules beside `davit_etcd.commands.Create`. Frozen; each may be carried out again."""

from __future__ import annotations

from dataclasses import dataclass

from davit.model import Key, Kind


@dataclass(frozen=True, slots=True)
class Remove:
    """Delete a Job that is past its deadline, or the resource of an old backup: never anything in a store."""

    kind: Kind
    key: Key
    uid: str
    message: str
    reason: str
    destructive: bool = True
