"""`etcd.davit.dev/v1` `EtcdBackup` and `EtcdBackupSchedule`. Every description here is what `kubectl explain` shows."""

from __future__ import annotations

from typing import Annotated, Literal

from davit.backup.api import Deadline, Encryption, ObjectStore, Retention, ServiceName, StoredStatus
from davit.crd import Column, Crd, Model
from davit.model import Kind
from pydantic import Field

from davit_etcd.api.v1 import ConditionStatus

ETCD_BACKUP = Kind("etcd.davit.dev", "v1", "EtcdBackup", "etcdbackups")
ETCD_BACKUP_SCHEDULE = Kind("etcd.davit.dev", "v1", "EtcdBackupSchedule", "etcdbackupschedules")

Conditions = Annotated[
    list[ConditionStatus],
    Field(json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["type"]}),
]
Time = Annotated[str, Field(json_schema_extra={"format": "date-time"})]
MAX_BACKUP_NAME = 56
"""Job names end up in a label of 63 characters, and -backup or -verify comes after."""
MAX_SCHEDULE_NAME = 52
_LENGTH = "metadata.name must be at most {} characters: {}"
OBSERVED = "The generation of the spec that the operator has acted on."


class BackupOptions(Model):
    """How a backup is made: the same in an EtcdBackup and in the template of an EtcdBackupSchedule."""

    cluster: ServiceName = Field(min_length=1, max_length=40, description="Name of the EtcdCluster in the same namespace.")
    object_store: ObjectStore | None = Field(
        default=None, description="Where the backup goes. Default: the EtcdCluster's spec.objectStore."
    )
    encryption: Encryption | None = Field(
        default=None, description="Encryption with an age key. Default: the EtcdCluster's spec.encryption, else none."
    )
    compression: Literal["zstd", "none"] | None = Field(default=None, description="zstd (the default) or none.")
    verify: Literal["restore", "none"] | None = Field(
        default=None,
        description="restore: read the backup back from the store, restore it into a throw-away member and compare hash and revision. none (the "
        "default): only what was read from etcd is checked against etcd's own hash, and what the store holds by its size and checksums.",
    )
    deadline: Deadline | None = Field(
        default=None, description="How long the backup may take, and its verification again so long. At most 72h. Default: 1h."
    )


class EtcdBackupSpec(BackupOptions):
    """One backup. It starts when the resource is made, runs once, and ends as Succeeded or Failed."""


class VerificationStatus(Model):
    """A restore of the backup into a throw-away member."""

    time: Time | None = Field(default=None, description="When it was verified.")
    revision: int | None = Field(default=None, description="The revision of the restored data.")
    hash: str | None = Field(
        default=None, description="HashKV of the restored data, equal to the one of the member it was read from."
    )
    keys: int | None = Field(default=None, description="Number of keys, 0 for an empty store.")
    message: str | None = Field(default=None, description="What could not be compared, or why the verification failed.")


class EtcdBackupStatus(StoredStatus):
    """What became of the backup."""

    observed_generation: int | None = Field(default=None, description=OBSERVED)
    phase: Literal["Pending", "Running", "Verifying", "Succeeded", "Failed"] | None = Field(
        default=None, description="Succeeded and Failed are final."
    )
    conditions: Conditions | None = Field(
        default=None,
        description="Ready: the backup is complete in the store, and verified if that was asked for. Reconciling, Stalled: for kstatus.",
    )
    member: str | None = Field(default=None, description="The member that the data was read from.")
    etcd_version: str | None = Field(default=None, description="The version that the member ran.")
    cluster_id: str | None = Field(default=None, alias="clusterID", description="etcd's ID of the cluster that was backed up.")
    hash: str | None = Field(default=None, description="SHA-256 of the snapshot, hexadecimal.")
    snapshot_size: str | None = Field(default=None, description="Size of the snapshot before compression, as a quantity.")
    duration: str | None = Field(default=None, description="From the first byte read to the commit in the store.")
    started_at: Time | None = Field(default=None, description="When the operator started it.")
    finished_at: Time | None = Field(default=None, description="When it ended.")
    job: str | None = Field(default=None, description="Name of the Job that does it.")
    verified: VerificationStatus | None = Field(default=None, description="The verification, where one was asked for.")
    pruned: int | None = Field(default=None, description="How many older backups its retention removed.")
    stored: int | None = Field(default=None, description="How many backups of its schedule the store held then.")
    message: str | None = Field(default=None, description="Why it failed, or what is waited for.")


class EtcdBackupScheduleSpec(BackupOptions):
    """Backups again and again."""

    schedule: str = Field(
        min_length=1,
        max_length=128,
        description="When, as five cron fields: minute, hour, day of month, month, day of week; or @hourly, @daily, @weekly, @monthly, @yearly.",
    )
    time_zone: str | None = Field(
        default=None, max_length=64, description="Name of the time zone that schedule is in, such as Europe/Berlin. Default: UTC."
    )
    suspend: bool | None = Field(default=None, description="True starts no backups; one that runs is left alone.")
    missed_run: Literal["RunOnce", "Skip"] | None = Field(
        default=None,
        description="What happens when due times passed unused (operator away, suspended, or the backup before still running): RunOnce (the default) makes one "
        "backup for all of them; Skip waits for the next.",
    )
    retention: Retention | None = Field(
        default=None, description="Which of this schedule's backups are kept in the store. Default: all of them."
    )
    successful_history: int | None = Field(
        default=None, ge=1, le=1000, description="How many EtcdBackups that succeeded are kept as resources. Default: 3."
    )
    failed_history: int | None = Field(
        default=None,
        ge=0,
        le=1000,
        description="How many EtcdBackups that failed are kept as resources; the last of all is kept in any case. Default: 3.",
    )


class EtcdBackupScheduleStatus(Model):
    """What the schedule did and will do."""

    observed_generation: int | None = Field(default=None, description=OBSERVED)
    conditions: Conditions | None = Field(
        default=None,
        description="Ready: the last backup that ended was good, or none has ended yet. Reconciling, Stalled: for kstatus.",
    )
    phase: Literal["Active", "Suspended", "Invalid"] | None = Field(default=None, description="Whether backups are started.")
    next_time: Time | None = Field(default=None, description="When the next one is due.")
    last_scheduled_time: Time | None = Field(default=None, description="The due time of the one that was started last.")
    running: str | None = Field(default=None, description="Name of the EtcdBackup that runs.")
    last_good: StoredStatus | None = Field(default=None, description="The newest good backup.")
    last_verified: StoredStatus | None = Field(default=None, description="The newest verified backup.")
    consecutive_failures: int | None = Field(default=None, description="How many failed since the last good one.")
    stored: int | None = Field(
        default=None, description="How many backups of this schedule the store held when one was made last."
    )


BACKUP_CRD = Crd(
    kind=ETCD_BACKUP,
    spec=EtcdBackupSpec,
    status=EtcdBackupStatus,
    description="One backup of an EtcdCluster to object storage.",
    short_names=("etcdbackup",),
    selectable=(".spec.cluster",),
    columns=(
        Column("Cluster", ".spec.cluster"),
        Column("Phase", ".status.phase"),
        Column("Revision", ".status.revision", "integer"),
        Column("Size", ".status.size"),
        Column("Verified", ".status.verified.time", "date"),
        Column("Duration", ".status.duration"),
        Column("Age", ".metadata.creationTimestamp", "date"),
        Column("Location", ".status.location", priority=1),
        Column("Message", ".status.message", priority=1),
    ),
    rules=(
        (f"self.metadata.name.size() <= {MAX_BACKUP_NAME}", _LENGTH.format(MAX_BACKUP_NAME, "Jobs are named after it")),
        ("self.spec == oldSelf.spec", "spec can't change, for the backup may run or have run: make a new EtcdBackup"),
    ),
)

SCHEDULE_CRD = Crd(
    kind=ETCD_BACKUP_SCHEDULE,
    spec=EtcdBackupScheduleSpec,
    status=EtcdBackupScheduleStatus,
    description="Backups of an EtcdCluster at set times.",
    short_names=("etcdschedule",),
    selectable=(".spec.cluster",),
    columns=(
        Column("Cluster", ".spec.cluster"),
        Column("Schedule", ".spec.schedule"),
        Column("Phase", ".status.phase"),
        Column("Last good", ".status.lastGood.time", "date"),
        Column("Last verified", ".status.lastVerified.time", "date"),
        Column("Next", ".status.nextTime"),
        Column("Age", ".metadata.creationTimestamp", "date"),
        Column("Message", '.status.conditions[?(@.type=="Ready")].message', priority=1),
    ),
    rules=(
        (
            f"self.metadata.name.size() <= {MAX_SCHEDULE_NAME}",
            _LENGTH.format(MAX_SCHEDULE_NAME, "it is a label of its EtcdBackups"),
        ),
    ),
)
