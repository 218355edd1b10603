"""Whether anything was written while nothing had to be: by the audit log, or by the objects themselves."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from e2e.support.kinds import CONFIG_MAP, ETCD_CLUSTER, EVENT, PDB, POD, PVC, SERVICE, STATEFUL_SET, Kind
from e2e.support.kube import Json, Kube, dig

WATCHED = (ETCD_CLUSTER, STATEFUL_SET, SERVICE, PDB, PVC, POD, CONFIG_MAP, EVENT)


def versions(kube: Kube, namespace: str, kinds: Sequence[Kind] = WATCHED) -> dict[str, str]:
    """Resource versions of everything in a namespace: equal twice means that nobody wrote."""
    return {
        f"{kind.plural}/{item['metadata']['name']}": str(item["metadata"]["resourceVersion"])
        for kind in kinds
        for item in kube.all(kind, namespace)
    }


def changes(before: dict[str, str], after: dict[str, str]) -> list[str]:
    """Objects that were made, changed or removed between two looks."""
    return sorted(name for name in before.keys() | after.keys() if before.get(name) != after.get(name))


@dataclass(frozen=True)
class Write:
    """One request that changed, or might have changed, an object."""

    at: float
    user: str
    verb: str
    what: str
    namespace: str
    code: int


@dataclass(frozen=True)
class AuditLog:
    """The API server's audit log in a file that the test process can read."""

    path: Path

    def mark(self) -> int:
        """The file's size now, to read on from there."""
        return self.path.stat().st_size

    def since(self, mark: int) -> Iterator[Json]:
        """Entries that were written after a mark; a rotated file would have to be read anew, and says so."""
        if self.path.stat().st_size < mark:
            raise AssertionError(f"{self.path} was rotated during the test; run it again")
        with self.path.open("rb") as log:
            log.seek(mark)
            for line in log:
                if line.endswith(b"\n"):
                    yield json.loads(line)

    def writes(self, mark: int, user: str = "") -> list[Write]:
        """Writes since a mark by one user, Leases aside: a leader has to renew its own."""
        found = (_write(entry) for entry in self.since(mark))
        return [write for write in found if write and user in ("", write.user) and not write.what.startswith("leases")]


def _write(entry: Json) -> Write | None:
    if entry.get("verb") not in ("create", "update", "patch", "delete", "deletecollection"):
        return None
    reference = entry.get("objectRef") or {}
    if reference.get("resource") in ("tokenreviews", "subjectaccessreviews") or reference.get("subresource") == "token":
        return None
    parts = (reference.get("resource"), reference.get("name"), reference.get("subresource"))
    return Write(
        at=_seconds(str(entry["requestReceivedTimestamp"])),
        user=str(dig(entry, "user", "username")),
        verb=str(entry["verb"]),
        what="/".join(str(part) for part in parts if part),
        namespace=str(reference.get("namespace", "")),
        code=int(dig(entry, "responseStatus", "code") or 0),
    )


def _seconds(text: str) -> float:
    return datetime.fromisoformat(text.replace("Z", "+00:00")).astimezone(UTC).timestamp()


def tally(writes: list[Write]) -> dict[str, int]:
    """How often each kind of write was made, for a readable failure."""
    return dict(Counter(f"{write.verb} {write.namespace}/{write.what} {write.code}" for write in writes))
