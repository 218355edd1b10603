"""The newest good and the newest verified backup of a cluster, as far as its EtcdBackups tell. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from davit.backup.api import StoredStatus
from davit.backup.model import instant
from davit.crd import camel
from davit.model import Manifest
from davit.once import SUCCEEDED

from davit_etcd.model import Json

_FIELDS = tuple(camel(name) for name in StoredStatus.model_fields)


def newest(old: Mapping[str, Any], backups: Iterable[Manifest]) -> Json:
    """`lastGood` and `lastVerified`, each absent where there is none.

    old: what was known before, which outlives the EtcdBackups: their deletion deletes nothing in the store.
    """
    good = [item for item in backups if (item.get("status") or {}).get("phase") == SUCCEEDED and _moment(item["status"])]
    proved = [item for item in good if (item["status"].get("verified") or {}).get("time")]
    found = {"lastGood": _last(old.get("lastGood"), good), "lastVerified": _last(old.get("lastVerified"), proved)}
    return {name: value for name, value in found.items() if value}


def _last(old: Json | None, backups: Iterable[Manifest]) -> Json | None:
    candidates = [*([old] if old and _moment(old) else []), *(_stored(item) for item in backups)]
    return max(candidates, key=_moment, default=None)


def _stored(backup: Manifest) -> Json:
    status = backup["status"]
    return {"name": backup["metadata"]["name"], **{name: status[name] for name in _FIELDS if name in status}}


def _moment(stored: Mapping[str, Any]) -> float:
    """0 for what has no time that can be read."""
    try:
        return instant(str(stored.get("time") or ""))
    except ValueError:
        return 0.0
