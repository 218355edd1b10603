"""How far a restore has come: status.restore as the operator thinks of it. Frozen, no I/O."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from davit_etcd.api.v1 import RestoreProgress

Kind = Literal["Bootstrap", "Restore", "Recovery"]
Phase = Literal[
    "Unknown", "Seeding", "SafetyBackup", "Stopping", "Starting", "Growing", "Cleaning", "RollingBack", "Succeeded", "Failed"
]

_SWITCHED = ("Starting", "Growing", "Cleaning")
_DONE = ("Succeeded", "Failed")


@dataclass(frozen=True, slots=True)
class Progress:
    """One restore; times are RFC 3339, empty for none. `source` is a backup's location or a member's client URL.

    Numbers of members are never used twice, and the seed gets the next one: a member with a lower number is of the
    history before, one with the same or a higher number of the restored history.

    version, image: what unpacks the data and then starts on it, whatever the spec says meanwhile. One without a seed is not
    understood, say by a later release: nothing may be done about it, least of all as if there were none.
    """

    kind: Kind
    phase: Phase
    seed: str
    source: str = ""
    version: str = ""
    image: str = ""
    name: str = ""
    uid: str = ""
    revision: int | None = None
    time: str = ""
    lost_revisions: int | None = None
    old_cluster_id: str = ""
    old_members: tuple[str, ...] = ()
    safety_backup: str = ""
    started_at: str = ""
    deadline: str = ""
    finished_at: str = ""
    message: str = ""

    @classmethod
    def of(cls, data: Mapping[str, Any] | None) -> Progress | None:
        """From status.restore or a volume's annotation; None for none, and one without a seed for what is not understood."""
        if not data:
            return None
        try:
            found = RestoreProgress.model_validate(data)
        except ValueError:
            return UNKNOWN
        return cls(
            kind=found.kind,
            phase=found.phase,
            seed=found.seed or "",
            source=found.source or "",
            version=found.version or "",
            image=found.image or "",
            name=found.name or "",
            uid=found.uid or "",
            revision=found.revision,
            time=found.time or "",
            lost_revisions=found.lost_revisions,
            old_cluster_id=found.old_cluster_id or "",
            old_members=tuple(found.old_members or ()),
            safety_backup=found.safety_backup or "",
            started_at=found.started_at or "",
            deadline=found.deadline or "",
            finished_at=found.finished_at or "",
            message=found.message or "",
        )

    @classmethod
    def read(cls, text: str) -> Progress | None:
        """The inverse of `marked`; None for an empty text."""
        if not text:
            return None
        try:
            data = json.loads(text)
        except ValueError:
            return UNKNOWN
        return (cls.of(data) or UNKNOWN) if isinstance(data, dict) else UNKNOWN

    def to_json(self) -> dict[str, Any]:
        """The value of status.restore."""
        found = {
            "kind": self.kind, "name": self.name, "uid": self.uid, "phase": self.phase, "seed": self.seed, "source": self.source,
            "version": self.version, "image": self.image,
            "revision": self.revision, "time": self.time, "lostRevisions": self.lost_revisions,
            "oldClusterID": self.old_cluster_id, "oldMembers": list(self.old_members), "safetyBackup": self.safety_backup,
            "startedAt": self.started_at, "deadline": self.deadline, "finishedAt": self.finished_at, "message": self.message,
        }  # fmt: skip
        return {key: value for key, value in found.items() if value not in ("", [], None)}

    def marked(self) -> str:
        """The annotation of the seed's volume, by which a lost status is found again."""
        kept = {key: value for key, value in self.to_json().items() if key != "message"}
        return json.dumps(kept, sort_keys=True, separators=(",", ":"))

    @property
    def done(self) -> bool:
        """Whether it has ended."""
        return self.phase in _DONE

    @property
    def switched(self) -> bool:
        """Whether the restored history is the one that serves, or is to."""
        return self.phase in _SWITCHED

    @property
    def forms(self) -> bool:
        """Whether the cluster exists as an identity by this alone: any but a bootstrap that has not begun to serve."""
        return not self.done and (self.kind != "Bootstrap" or self.switched)

    def apart(self, ordinal: int) -> bool:
        """Whether the member with this number is of the history that is not served."""
        if self.done or not self.seed:
            return False
        first = self.ordinal
        return ordinal < first if self.switched else ordinal >= first

    @property
    def ordinal(self) -> int:
        """The seed's number."""
        return int(self.seed.rsplit("-", 1)[1])


UNKNOWN = Progress("Restore", "Unknown", "")
"""There is one, and that is all that can be said."""
