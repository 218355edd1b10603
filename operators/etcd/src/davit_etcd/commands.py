"""The commands a plan may hold. Frozen; each may be carried out again after a crash."""

from __future__ import annotations

from dataclasses import dataclass

from davit.model import Kind


@dataclass(frozen=True, slots=True)
class AddLearner:
    """Announce a new member to etcd, before any of its objects exists."""

    member: str
    message: str
    reason: str = "AddingMember"
    destructive: bool = False


@dataclass(frozen=True, slots=True)
class Promote:
    """Let a learner vote; etcd refuses while it lags, so this is tried until it goes through."""

    member: str
    id: str
    message: str
    reason: str = ""
    destructive: bool = False


@dataclass(frozen=True, slots=True)
class RemoveMember:
    """Take a member out of etcd, then delete its objects and its volume."""

    member: str
    id: str
    message: str
    reason: str
    destructive: bool = True


@dataclass(frozen=True, slots=True)
class DiscardMember:
    """Delete what is left of a member that etcd no longer lists."""

    member: str
    message: str
    reason: str = "DiscardingMember"
    destructive: bool = True


@dataclass(frozen=True, slots=True)
class MoveLeader:
    """Hand leadership over, so that the leader can be restarted without an election time-out."""

    id: str
    message: str
    reason: str = "MovingLeader"
    destructive: bool = False


@dataclass(frozen=True, slots=True)
class DeletePod:
    """Have a member come back from its changed template."""

    member: str
    uid: str
    message: str
    reason: str
    destructive: bool = True


@dataclass(frozen=True, slots=True)
class LabelVoter:
    """Mark a running pod as a voter's, so that clients and the disruption budget find it."""

    member: str
    message: str
    reason: str = ""
    destructive: bool = False


@dataclass(frozen=True, slots=True)
class ExpandVolume:
    """Ask for a larger volume; the storage class may refuse."""

    member: str
    size: str
    message: str
    reason: str = "ExpandingVolume"
    destructive: bool = False


@dataclass(frozen=True, slots=True)
class GoBack:
    """Tell etcd to go back to an earlier release line, such as `3.5`, before a member runs it; it lowers its schema first."""

    line: str
    message: str
    reason: str = "Downgrading"
    destructive: bool = True


@dataclass(frozen=True, slots=True)
class StayUp:
    """Tell etcd not to go back after all."""

    message: str
    reason: str = "DowngradeCancelled"
    destructive: bool = False


@dataclass(frozen=True, slots=True)
class Create:
    """Make an EtcdBackup or a Job that is to run once; `manifest` as canonical JSON. One that is ours already is success."""

    kind: Kind
    manifest: str
    message: str
    reason: str
    destructive: bool = False


@dataclass(frozen=True, slots=True)
class DeleteJob:
    """Take away a Job that has done its work, or that is no longer wanted, with its pods."""

    name: str
    uid: str
    message: str
    reason: str = ""
    destructive: bool = False


@dataclass(frozen=True, slots=True)
class Disarm:
    """Take back the CORRUPT alarm of a member that is no more; until then etcd refuses all writes."""

    id: str
    message: str
    reason: str = "DisarmingAlarm"
    destructive: bool = False
