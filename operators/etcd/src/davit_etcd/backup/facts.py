"""What an agent's report says, as fields of an EtcdBackup's status. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from davit.backup.model import Store
from davit.backup.report import Report

from davit_etcd.backup.model import Backup, duration, quantity
from davit_etcd.model import Json

RETAINED = ("pruned", "stored")
"""What `retained` says: of a backup that is verified only its second Job knows it."""


def stored(backup: Backup, store: Store, report: Report) -> Json:
    """The backup as it is in the store; what the report does not say is left out."""
    said = report.facts
    namespace = backup.key.namespace
    return _known(
        {
            "id": backup.id,
            "name": backup.key.name,
            "location": store.location(namespace, backup.cluster, backup.id),
            "time": _text(said, "time"),
            "size": quantity(said.get("archiveSize")),
            "snapshotSize": quantity(said.get("snapshotSize")),
            "revision": _number(said, "revision"),
            "hash": _text(said, "snapshotSha256"),
            "member": _text(said, "member"),
            "etcdVersion": _text(said, "etcdVersion"),
            "clusterID": _text(said, "clusterID"),
            "duration": duration(said.get("seconds")),
            **retained(report),
        }
    )


def retained(report: Report) -> Json:
    """What the retention did."""
    pruned = report.facts.get("pruned")
    return _known({"pruned": len(pruned) if isinstance(pruned, list) else None, "stored": _number(report.facts, "stored")})


def verified(report: Report) -> Json:
    """The verification."""
    said = report.facts
    value = said.get("hash")
    return _known(
        {
            "time": _text(said, "time"),
            "revision": _number(said, "revision"),
            "hash": None if value is None else str(value),
            "keys": _number(said, "keys"),
            "message": warnings(report) or None,
        }
    )


def warnings(report: Report) -> str:
    """What went wrong without spoiling the result."""
    said = report.facts.get("warnings")
    return "; ".join(str(text) for text in said) if isinstance(said, list) else ""


def _known(fields: Mapping[str, Any]) -> Json:
    return {name: value for name, value in fields.items() if value is not None}


def _text(facts: Mapping[str, Any], name: str) -> str | None:
    value = facts.get(name)
    return value if isinstance(value, str) and value else None


def _number(facts: Mapping[str, Any], name: str) -> int | None:
    value = facts.get(name)
    return value if isinstance(value, int) and not isinstance(value, bool) else None
