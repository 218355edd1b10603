"""What the etcd operator thinks in. Frozen, no I/O."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any, Literal

from davit.backup.api import RestoreSource
from davit.backup.model import Cipher, Store
from davit.model import Key, Manifest

from davit_etcd.progress import Progress
from davit_etcd.versions import Version

Json = dict[str, Any]
Options = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Inputs:
    """All that people decide about a member's pod, and nothing else, so that no operator release changes it.

    `pod` holds the parts of the spec that go into a pod, verbatim but for the spelling of quantities; `flags` etcd flags
    without dashes.
    """

    version: Version
    image: str
    pod: str = "{}"
    flags: Options = ()
    memory: str | None = None
    fixed_user: bool = True
    """Whether etcd runs as our user and group, or as those that the platform gives (OpenShift)."""

    def to_json(self) -> Json:
        """The form in which a member's StatefulSet remembers them; what has its default is left out, or digests change."""
        parts = {"version": str(self.version), "image": self.image, "pod": json.loads(self.pod), "flags": dict(self.flags)}
        memory = {"memory": self.memory} if self.memory else {}
        return parts | memory | ({} if self.fixed_user else {"fixedUser": False})

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Inputs:
        """The inverse of `to_json`; raises KeyError, TypeError or ValueError for anything else."""
        return cls(
            version=Version.parse(data["version"]),
            image=data["image"],
            pod=canonical(data["pod"]),
            flags=tuple(sorted(data["flags"].items())),
            memory=data.get("memory"),
            fixed_user=data.get("fixedUser", True),
        )

    @property
    def digest(self) -> str:
        """16 hexadecimal digits that change exactly when a pod has to be replaced."""
        return hashlib.sha256(canonical(self.to_json()).encode()).hexdigest()[:16]

    def with_flags(self, flags: Mapping[str, str]) -> Inputs:
        """The same with some flags set."""
        return replace(self, flags=tuple(sorted({**dict(self.flags), **flags}.items())))

    def has_flags(self, flags: Mapping[str, str]) -> bool:
        """Whether all of these are set so."""
        return set(flags.items()) <= set(self.flags)

    def same_release(self, other: Inputs) -> bool:
        """Whether both run the same program."""
        return (self.version, self.image) == (other.version, other.image)

    def at(self, version: Version, image: str) -> Inputs:
        """The same with another version."""
        return replace(self, version=version, image=image)


def canonical(data: Any) -> str:
    """JSON with sorted keys, so that equal data is equal text."""
    return json.dumps(data, sort_keys=True, separators=(",", ":"))


@dataclass(frozen=True, slots=True)
class Storage:
    """Volumes of `size` (a quantity) per member, or tmpfs when `memory`."""

    memory: bool
    size: str
    bytes: Decimal
    class_name: str | None
    delete_with_cluster: bool


@dataclass(frozen=True, slots=True)
class Cluster:
    """A valid EtcdCluster with every default filled in."""

    key: Key
    uid: str
    generation: int
    size: int
    inputs: Inputs
    storage: Storage
    paused: bool
    repository: str
    image_override: bool
    owner: str
    """The owner reference of children as canonical JSON."""
    held: str = ""
    """Why members keep what they were made from, whatever `inputs` says."""
    store: Store | None = None
    cipher: Cipher | None = None
    safety_backup: bool = False
    """Whether a backup is made before risky changes; never true without a store."""
    recovery: Literal["manual", "automatic"] = "manual"
    bootstrap: RestoreSource | None = None
    """The backup to begin with, of no effect once the cluster is formed."""
    safety_refused: bool = False
    """Whether spec.safetyBackup is false, and not only without a store."""
    place: str = "{}"
    """spec.objectStore and spec.encryption as written, as canonical JSON."""

    @property
    def raw(self) -> Json:
        """spec.objectStore and spec.encryption as written, for backups that go by them."""
        found: Json = json.loads(self.place)
        return found

    def image_of(self, version: Version) -> str:
        """The image for a version; an override stands for whatever version the spec says."""
        return self.inputs.image if self.image_override else f"{self.repository}:v{version}"


StartMode = Literal["new", "join", "established"]


@dataclass(frozen=True, slots=True)
class Record:
    """What a member's StatefulSet was made from, kept in an annotation on it.

    start: `new` forms the cluster with `peers`; `join` enters it as one of `peers`; an `established` member only ever
    continues from its data: with an empty disk it refuses to start instead of coming back under its old identity.
    """

    inputs: Inputs
    start: StartMode
    peers: tuple[str, ...] = ()
    voter: bool = True
    before: Inputs | None = None
    """What it ran well from before its version or image changed, until it runs well again."""

    def to_json(self) -> str:
        """The annotation's value."""
        before = {"before": self.before.to_json()} if self.before is not None else {}
        return canonical(
            {"inputs": self.inputs.to_json(), "start": self.start, "peers": list(self.peers), "voter": self.voter} | before
        )

    @classmethod
    def from_json(cls, text: str) -> Record | None:
        """The inverse of `to_json`; None for a damaged annotation."""
        try:
            data = json.loads(text)
            start: StartMode = data["start"] if data["start"] in ("new", "join") else "established"
            before = Inputs.from_json(data["before"]) if data.get("before") else None
            return cls(Inputs.from_json(data["inputs"]), start, tuple(data["peers"]), bool(data["voter"]), before)
        except (KeyError, TypeError, ValueError, AttributeError):
            return None


@dataclass(frozen=True, slots=True)
class EtcdMember:
    """An entry of etcd's member list; `id` in lower-case hexadecimal, `name` empty until it has started."""

    id: str
    name: str
    peer_urls: tuple[str, ...]
    learner: bool


@dataclass(frozen=True, slots=True)
class Endpoint:
    """What one member says of itself (Maintenance.Status); sizes in bytes, `leader` empty without one.

    storage_version: of its database's schema, such as `3.6.0`; downgrade: the version that it was told to go back to; both
    empty before 3.6, which first tells.
    """

    id: str
    cluster_id: str
    version: str
    leader: str
    raft_term: int
    raft_index: int
    raft_applied_index: int
    revision: int
    db_size: int
    learner: bool
    errors: tuple[str, ...] = ()
    storage_version: str = ""
    downgrade: str = ""


@dataclass(frozen=True, slots=True)
class Hash:
    """A member's HashKV at a revision; comparable between members that compacted at the same revision."""

    value: int
    compact_revision: int


@dataclass(frozen=True, slots=True)
class Member:
    """One member as seen from all sides: each part is None where nothing was found."""

    name: str
    stateful_set: Manifest | None = None
    record: Record | None = None
    pod: Manifest | None = None
    volume: Manifest | None = None
    etcd: EtcdMember | None = None
    endpoint: Endpoint | None = None
    hash: Hash | None = None
    corrupt: bool = False
    """etcd raised a CORRUPT alarm for it."""
    known_version: Version | None = None
    """What it ran when it was last seen running."""
    trouble: str = ""
    """Why its pod or volume does not come up, in the words of Kubernetes' events."""

    @property
    def ordinal(self) -> int:
        """The number in its name."""
        return int(self.name.rsplit("-", 1)[1])

    @property
    def voter(self) -> bool:
        """Whether etcd counts it for quorum."""
        return self.etcd is not None and not self.etcd.learner

    @property
    def healthy(self) -> bool:
        """Whether it answers, follows a leader and reports no error.

        Alarms are no errors of its own: every member lists those of all. A full quota stops writes but not the member.
        """
        if self.endpoint is None or not self.endpoint.leader or self.corrupt:
            return False
        return all("alarm:" in error for error in self.endpoint.errors)

    @property
    def pod_ready(self) -> bool:
        """Whether Kubernetes sends it traffic."""
        conditions = (self.pod or {}).get("status", {}).get("conditions", [])
        return any(c["type"] == "Ready" and c["status"] == "True" for c in conditions)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The world as one pass sees it.

    quorum: a linearizable read went through; only then `membership` is certain.
    orphaned_alarms: IDs with a CORRUPT alarm that no member has, which still stops all writes; empty for "unknown whose";
    cluster_line: the release line whose protocol the cluster speaks; next_ordinal: a number that nothing bears.
    """

    children: tuple[Manifest, ...]
    members: tuple[Member, ...]
    membership: tuple[EtcdMember, ...] = ()
    strangers: tuple[EtcdMember, ...] = ()
    quorum: bool = False
    cluster_id: str = ""
    leader: str = ""
    orphaned_alarms: tuple[str, ...] = ()
    cluster_line: tuple[int, int] | None = None
    next_ordinal: int = 0
    no_space: bool = False
    downgrade_refusal: str = ""
    """Why etcd would not go back to the release line that is wanted, in its own words."""
    status: Mapping[str, Any] = field(default_factory=dict)
    backups: tuple[Manifest, ...] = ()
    """The EtcdBackups of this cluster in its namespace, whatever became of them."""
    restores: tuple[Manifest, ...] = ()
    """The EtcdRestores into this cluster that have not ended, the oldest first."""
    jobs: tuple[Manifest, ...] = ()
    job_pods: tuple[Manifest, ...] = ()
    """The Jobs that fill a new member's volume, and their pods."""
    retired: tuple[Member, ...] = ()
    """During a restore: members of the history that does not serve, which no other policy touches."""
    referenced: tuple[Manifest, ...] = ()
    """The EtcdBackup that a restore's source names, and the EtcdCluster that it is of."""
    known_revision: int = 0
    """The highest revision that this process has seen of the cluster, 0 for none."""

    @property
    def voters(self) -> tuple[Member, ...]:
        """Members that count for quorum."""
        return tuple(member for member in self.members if member.voter)

    @property
    def learners(self) -> tuple[Member, ...]:
        """Members that are still being brought up."""
        return tuple(member for member in self.members if member.etcd is not None and member.etcd.learner)

    @property
    def progress(self) -> Progress | None:
        """The restore under way, or the last one."""
        return Progress.of(self.status.get("restore"))

    @property
    def formed(self) -> bool:
        """Whether the cluster exists as an identity, so that nothing may ever form it a second time."""
        progress = self.progress
        if self.status.get("clusterID") or (progress is not None and progress.forms):
            return True
        return any(m.record is not None and m.record.start != "new" for m in self.members) or bool(self.adopted_id)

    @property
    def adopted_id(self) -> str:
        """The cluster whose data the volumes hold."""
        return next((cid for m in self.members if (cid := volume_cluster(m.volume))), "")

    def can_go_back(self, member: Member) -> bool:
        """Whether a member may return to what it ran before: the cluster does not speak a later protocol yet.

        Where nobody can tell, because there is no quorum without it, etcd itself refuses to start on data that is too new.
        """
        before = member.record.before if member.record is not None else None
        return before is not None and (self.cluster_line is None or self.cluster_line <= before.version.line)

    @property
    def versions(self) -> tuple[Version, ...]:
        """Versions that members run, or ran when last seen, lowest first; the last known one when nothing else is."""
        listed = [m for m in self.members if m.etcd is not None] or self.members
        known = sorted({m.known_version for m in listed if m.known_version is not None})
        if not known and self.status.get("currentVersion"):
            return (Version.parse(self.status["currentVersion"]),)
        return tuple(known)


GROUP = "etcd.davit.dev"
MEMBER_LABEL = f"{GROUP}/member"
ROLE_LABEL = f"{GROUP}/role"
VOTER = "voter"
RECORD_ANNOTATION = f"{GROUP}/member"
PEERS_ANNOTATION = f"{GROUP}/peers"
VERSION_ANNOTATION = f"{GROUP}/version"
BACKUP_LABEL = f"{GROUP}/backup"
SAFETY = "safety"
DIGEST_ANNOTATION = f"{GROUP}/inputs"
CLUSTER_ID_ANNOTATION = f"{GROUP}/cluster-id"
CLUSTER_UID_ANNOTATION = f"{GROUP}/cluster-uid"
RESTORE_ANNOTATION = f"{GROUP}/restore"
"""On the volume of a restore's seed: how far the restore has come, until it ends."""
RESTORED_BY_ANNOTATION = f"{GROUP}/restored-by"
"""On an EtcdCluster: uid of the EtcdRestore that made it."""


def rolled_back(cluster: Cluster, status: Mapping[str, Any]) -> Mapping[str, Any]:
    """What `status.upgrade` says of an upgrade that failed for the spec as it is; empty when none did, or the spec changed."""
    said: Mapping[str, Any] = status.get("upgrade") or {}
    return said if said.get("failedVersion") and said.get("generation") == cluster.generation else {}


def annotation(manifest: Manifest | None, name: str) -> str:
    """An annotation's value, empty when absent."""
    return str(((manifest or {}).get("metadata", {}).get("annotations") or {}).get(name, ""))


def volume_cluster(volume: Manifest | None) -> str:
    """The ID of the cluster whose data a volume holds, empty before it was formed."""
    return annotation(volume, CLUSTER_ID_ANNOTATION)


def quorum(voters: int) -> int:
    """How many of so many voters must agree."""
    return voters // 2 + 1
