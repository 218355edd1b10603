"""`etcd.davit.dev/v1`: what users write and read. Every description here is what `kubectl explain` shows."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from davit.backup.api import Encryption, ObjectStore, RestoreSource, StoredStatus
from davit.crd import Column, Crd, Model
from davit.model import Kind
from pydantic import Field

ETCD_CLUSTER = Kind("etcd.davit.dev", "v1", "EtcdCluster", "etcdclusters")

MAX_NAME = 40
"""So that pod names, Service names and the controller-revision-hash label stay within 63 characters."""

ANY = {"x-kubernetes-preserve-unknown-fields": True}
ATOMIC = {"x-kubernetes-list-type": "atomic"}
QUANTITY = r"^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$"
VERSION = r"^v?[0-9]+\.[0-9]+\.[0-9]+(-[0-9A-Za-z.]+)?$"

Quantity = Annotated[
    int | str, Field(json_schema_extra={"x-kubernetes-int-or-string": True, "pattern": QUANTITY, "maxLength": 32})
]
Object = Annotated[dict[str, Any], Field(json_schema_extra=ANY)]
Strings = Annotated[dict[str, str], Field(max_length=64)]


class Storage(Model):
    """Where members keep their data."""

    type: Literal["PersistentVolumeClaim", "Memory"] | None = Field(
        default=None,
        description="PersistentVolumeClaim (the default) keeps each member's data on a volume of its own. Memory keeps it in a tmpfs: a member that loses "
        "its pod loses its data and is replaced from the others; losing a majority at once loses everything.",
    )
    size: Quantity | None = Field(
        default=None,
        description="Size of each member's volume, or the limit of its tmpfs. Default 8Gi for volumes, 256Mi for memory. It can grow where the "
        "StorageClass allows expansion, never shrink.",
    )
    storage_class_name: str | None = Field(
        default=None,
        max_length=253,
        description="StorageClass of the volumes; the cluster's default class when absent. Can't change.",
    )
    when_deleted: Literal["Retain", "Delete"] | None = Field(
        default=None,
        description="What becomes of the volumes when the EtcdCluster is deleted. Retain (the default) leaves them, and an EtcdCluster of the same "
        "name takes them up again; Delete removes them with it.",
    )


class PodMetadata(Model):
    """Labels and annotations for pods."""

    labels: Strings | None = Field(default=None, description="Labels for every member's pod. Keys of Davit's own are refused.")
    annotations: Strings | None = Field(default=None, description="Annotations for every member's pod.")


class AutoCompaction(Model):
    """How etcd discards history."""

    mode: Literal["periodic", "revision"] | None = Field(
        default=None, description="periodic (the default): by age; revision: by number of revisions."
    )
    retention: str = Field(
        max_length=32,
        pattern=r"^[0-9]+(ns|us|ms|s|m|h)?$",
        description="How much history to keep: a duration such as 30m or a number of hours for periodic, a number of revisions for revision.",
    )


class Bootstrap(Model):
    """What a new cluster begins with."""

    from_backup: RestoreSource | None = Field(
        default=None,
        description="Begin with the data of a backup instead of none. It is read once, when the cluster is formed, and of no effect ever after: it can "
        "stay in the manifest.",
    )


class EtcdClusterSpec(Model):
    """The etcd cluster that you want."""

    size: int = Field(
        ge=0,
        le=7,
        description="Number of members, 1 to 7; 3 or 5 for production. Even sizes tolerate no more failures than the odd size below. "
        "0 hibernates the cluster: no pods, all data kept; a later size wakes it.",
    )
    version: str = Field(
        min_length=5,
        max_length=32,
        pattern=VERSION,
        description="The etcd version to run, for example 3.5.21. Changing it upgrades the members one by one; several minor releases are taken one "
        "after the other. From 3.6 on it can go back by one minor release.",
    )
    image: str | None = Field(
        default=None,
        min_length=1,
        max_length=512,
        description="A full image reference to use instead of quay.io/coreos/etcd at the version, for example from a mirror or with a digest. "
        "It must hold the version that spec.version says.",
    )
    image_pull_secrets: Annotated[list[Object], Field(max_length=16, json_schema_extra=ATOMIC)] | None = Field(
        default=None, description="References to Secrets for pulling the image, as in a pod: a list of {name}."
    )
    storage: Storage | None = Field(default=None, description="Where members keep their data. Default: a volume of 8Gi each.")
    resources: Object | None = Field(
        default=None,
        description="Compute resources of the etcd container, as in a pod. Default: requests of 100m CPU and 128Mi memory.",
    )
    affinity: Object | None = Field(
        default=None,
        description="Scheduling affinity as in a pod. Default: members prefer different nodes and zones.",
    )
    topology_spread: Annotated[list[Object], Field(max_length=16, json_schema_extra=ATOMIC)] | None = Field(
        default=None, description="Topology spread constraints as in a pod; an absent labelSelector selects the members."
    )
    node_selector: Strings | None = Field(default=None, description="Labels that a node must have to run members.")
    tolerations: Annotated[list[Object], Field(max_length=32, json_schema_extra=ATOMIC)] | None = Field(
        default=None, description="Taints that members tolerate, as in a pod."
    )
    priority_class_name: str | None = Field(default=None, max_length=253, description="PriorityClass of the members' pods.")
    pod_metadata: PodMetadata | None = Field(default=None, description="Labels and annotations to add to the members' pods.")
    quota: Quantity | None = Field(
        default=None,
        description="Size at which the database refuses writes (--quota-backend-bytes), for example 4Gi. Default: etcd's own 2Gi. "
        "Values above 8Gi are advised against by etcd.",
    )
    auto_compaction: AutoCompaction | None = Field(
        default=None, description="Automatic discarding of history. Default: etcd's own, which is off."
    )
    etcd_options: Annotated[dict[str, str], Field(max_length=64)] | None = Field(
        default=None,
        description="Further etcd flags without the leading dashes, for example {heartbeat-interval: '200'}. Flags that Davit sets are refused.",
    )
    paused: bool | None = Field(
        default=None, description="True stops the operator from changing anything of this cluster; status is still kept."
    )
    bootstrap: Bootstrap | None = Field(default=None, description="What the cluster begins with. Default: no data.")
    object_store: ObjectStore | None = Field(
        default=None,
        description="Where backups of this cluster go that don't say otherwise, and where the operator looks for one when data is lost.",
    )
    encryption: Encryption | None = Field(
        default=None, description="Encryption of backups of this cluster that don't say otherwise. Default: none."
    )
    safety_backup: bool | None = Field(
        default=None,
        description="Whether a backup is made before every change of version, restore in place, and removal of a serving member; if it fails, the change "
        "is not made. Default: true where objectStore is set.",
    )
    recovery: Literal["manual", "automatic"] | None = Field(
        default=None,
        description="What happens when the quorum is lost for good. manual (the default): status names the surviving data, the newest backup and the "
        "command. automatic: the operator begins anew from the surviving member with the highest revision, else from the newest good backup, and "
        "says what was lost.",
    )


class MemberStatus(Model):
    """One member as last seen."""

    name: str = Field(description="Name of the member and of its StatefulSet.")
    id: str | None = Field(default=None, description="etcd's member ID, hexadecimal.")
    pod: str | None = Field(default=None, description="Name of the member's pod.")
    role: str | None = Field(default=None, description="Leader, Follower, Learner, or Unknown while the member doesn't answer.")
    version: str | None = Field(default=None, description="Version that the member runs, or ran when last seen.")
    healthy: bool = Field(default=False, description="Whether the member answers and takes part in the quorum.")
    db_size: str | None = Field(default=None, description="Size of the member's database file, rounded.")
    reason: str | None = Field(default=None, description="Why the member is not healthy.")


class ConditionStatus(Model):
    """A condition in the shape of metav1.Condition."""

    type: str = Field(description="Name of the condition.")
    status: Literal["True", "False", "Unknown"] = Field(description="True, False or Unknown.")
    reason: str = Field(description="A word for machines.")
    message: str = Field(default="", description="A sentence for people.")
    observed_generation: int = Field(default=0, description="The generation of the spec that this was judged by.")
    last_transition_time: str = Field(description="When the status last changed.", json_schema_extra={"format": "date-time"})


class BackupsStatus(Model):
    """What backups there are, as far as backup resources of this namespace tell."""

    last_good: StoredStatus | None = Field(default=None, description="The newest backup that is complete and has the right hash.")
    last_verified: StoredStatus | None = Field(default=None, description="The newest backup that was restored and compared.")
    safety: str | None = Field(default=None, description="Name of the safety backup that is waited for, or was made last.")


class RestoreProgress(Model):
    """A restore under way, or the last one. Written before each step, so that a restarted operator goes on."""

    kind: Literal["Bootstrap", "Restore", "Recovery"] = Field(
        description="Bootstrap: spec.bootstrap.fromBackup. Restore: an EtcdRestore. Recovery: by spec.recovery."
    )
    name: str | None = Field(default=None, description="Name of the EtcdRestore.")
    uid: str | None = Field(default=None, description="Its uid.")
    phase: Literal[
        "Seeding", "SafetyBackup", "Stopping", "Starting", "Growing", "Cleaning", "RollingBack", "Succeeded", "Failed"
    ] = Field(
        description="Seeding: the backup is read, checked and unpacked on a new volume. SafetyBackup: of the data as it is. Stopping: the old members. "
        "Starting: the first new member. Growing: the others. Cleaning: the old members' volumes go. RollingBack: the old members come back."
    )
    seed: str | None = Field(default=None, description="The member that begins with the restored data.")
    source: str | None = Field(default=None, description="Where the data comes from: a backup's location, or a surviving member.")
    version: str | None = Field(default=None, description="The etcd release that unpacks the data and starts on it.")
    image: str | None = Field(default=None, description="Its image.")
    revision: int | None = Field(default=None, description="The revision of the restored data, before it was raised.")
    time: str | None = Field(
        default=None, json_schema_extra={"format": "date-time"}, description="When the restored data was read from its cluster."
    )
    lost_revisions: int | None = Field(
        default=None, description="How many revisions that were known are not in the restored data."
    )
    old_cluster_id: str | None = Field(default=None, alias="oldClusterID", description="etcd's cluster ID before.")
    old_members: Annotated[list[str], Field(json_schema_extra=ATOMIC)] | None = Field(
        default=None, description="The members before, whose volumes are kept until the new ones serve."
    )
    safety_backup: str | None = Field(default=None, description="Name of the EtcdBackup with the data as it was before.")
    started_at: str | None = Field(default=None, json_schema_extra={"format": "date-time"}, description="When it began.")
    deadline: str | None = Field(
        default=None,
        json_schema_extra={"format": "date-time"},
        description="When the old members come back unless the restored data serves by then.",
    )
    finished_at: str | None = Field(default=None, json_schema_extra={"format": "date-time"}, description="When it ended.")
    message: str | None = Field(default=None, description="What is done, or why it failed.")


class UpgradeProgress(Model):
    """An upgrade under way, or one that failed and was taken back."""

    from_version: str | None = Field(
        default=None, description="The version that was run when the upgrade began, while it is under way."
    )
    failed_version: str | None = Field(default=None, description="The version with which a member did not come up.")
    generation: int | None = Field(
        default=None, description="The generation of the spec that asked for it: it is not tried again."
    )
    member: str | None = Field(default=None, description="The member that is waited for, or that did not come up.")
    message: str | None = Field(default=None, description="Why.")
    started_at: str | None = Field(
        default=None, json_schema_extra={"format": "date-time"}, description="Since when the member under upgrade is waited for."
    )


class EtcdClusterStatus(Model):
    """What the operator last saw."""

    observed_generation: int | None = Field(
        default=None, description="The generation of the spec that the operator has acted on."
    )
    conditions: (
        Annotated[
            list[ConditionStatus],
            Field(json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["type"]}),
        ]
        | None
    ) = Field(
        default=None,
        description="Ready: as the spec says and serving. Available: a quorum serves. Reconciling, Stalled: for kstatus. EvenSize, Paused: when they apply.",
    )
    cluster_id: str | None = Field(
        default=None, alias="clusterID", description="etcd's cluster ID, hexadecimal; fixed once the cluster is formed."
    )
    initial_members: Annotated[list[str], Field(json_schema_extra=ATOMIC)] | None = Field(
        default=None, description="The members that the cluster is being formed of; gone once it is."
    )
    members: (
        Annotated[
            list[MemberStatus], Field(json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"]})
        ]
        | None
    ) = Field(default=None, description="The members as last seen.")
    next_member: int | None = Field(default=None, description="Number that the next new member gets; none is ever used twice.")
    size: int | None = Field(default=None, description="Number of members of the etcd cluster, learners included.")
    ready_members: int | None = Field(default=None, description="Number of healthy voting members.")
    ready: str | None = Field(default=None, description="Healthy members of those wanted, such as 2/3.")
    leader: str | None = Field(default=None, description="Name of the leading member.")
    current_version: str | None = Field(default=None, description="The oldest version that any member runs.")
    target_version: str | None = Field(default=None, description="The version being rolled out; absent when all members run it.")
    client_endpoint: str | None = Field(default=None, description="URL at which clients reach the cluster.")
    selector: str | None = Field(default=None, description="Label selector of the members' pods, for the scale subresource.")
    backups: BackupsStatus | None = Field(default=None, description="The newest backups.")
    restore: RestoreProgress | None = Field(default=None, description="The restore under way, or the last one.")
    upgrade: UpgradeProgress | None = Field(default=None, description="An upgrade under way, or one that did not work out.")


_IMMUTABLE_STORAGE = (
    "(has(self.spec.storage) && has(self.spec.storage.{f}) ? self.spec.storage.{f} : '{d}') == "
    "(has(oldSelf.spec.storage) && has(oldSelf.spec.storage.{f}) ? oldSelf.spec.storage.{f} : '{d}')"
)
_MEMORY = "has(self.spec.storage) && has(self.spec.storage.type) && self.spec.storage.type == 'Memory'"

CRD = Crd(
    kind=ETCD_CLUSTER,
    spec=EtcdClusterSpec,
    status=EtcdClusterStatus,
    description="An etcd cluster: members, storage and version, kept as declared.",
    short_names=("etcd",),
    columns=(
        Column("Ready", ".status.ready", description="Healthy members of those wanted"),
        Column("Version", ".status.currentVersion", description="Oldest version that any member runs"),
        Column("Leader", ".status.leader"),
        Column("Status", '.status.conditions[?(@.type=="Ready")].reason'),
        Column("Age", ".metadata.creationTimestamp", "date"),
        Column("Endpoint", ".status.clientEndpoint", priority=1),
        Column("Message", '.status.conditions[?(@.type=="Ready")].message', priority=1),
    ),
    rules=(
        (
            f"self.metadata.name.size() <= {MAX_NAME} && self.metadata.name.matches('^[a-z]([-a-z0-9]*[a-z0-9])?$')",
            f"metadata.name must be at most {MAX_NAME} characters, start with a letter and hold only lower-case letters, digits and '-': "
            "Services and pods are named after it",
        ),
        (
            _IMMUTABLE_STORAGE.format(f="type", d="PersistentVolumeClaim"),
            "spec.storage.type can't change: make a new EtcdCluster and move the data",
        ),
        (
            _IMMUTABLE_STORAGE.format(f="storageClassName", d=""),
            "spec.storage.storageClassName can't change: make a new EtcdCluster and move the data",
        ),
        (
            f"!({_MEMORY} && self.spec.size == 0)",
            "spec.size 0 would lose all data with storage.type Memory: delete the EtcdCluster instead",
        ),
    ),
    scale={
        "specReplicasPath": ".spec.size",
        "statusReplicasPath": ".status.size",
        "labelSelectorPath": ".status.selector",
    },
)
