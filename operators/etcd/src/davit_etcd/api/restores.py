"""`etcd.davit.dev/v1` `EtcdRestore`. Every description here is what `kubectl explain` shows."""

from __future__ import annotations

from typing import Literal

from davit.backup.api import Deadline, RestoreSource, ServiceName
from davit.crd import Column, Crd, Model
from davit.model import Kind
from pydantic import Field

from davit_etcd.api.backups import OBSERVED, Conditions, Time
from davit_etcd.api.v1 import EtcdClusterSpec

ETCD_RESTORE = Kind("etcd.davit.dev", "v1", "EtcdRestore", "etcdrestores")


class EtcdRestoreSpec(Model):
    """One restore. It starts when the resource is made, runs once, and ends as Succeeded or Failed."""

    cluster: ServiceName = Field(
        min_length=1,
        max_length=40,
        description="Name of the EtcdCluster in the same namespace to restore into. It is made from template where it does not exist.",
    )
    source: RestoreSource = Field(description="The backup.")
    confirm: str | None = Field(
        default=None,
        max_length=40,
        description="For an EtcdCluster that exists: its name once more, because its data is replaced by the backup's.",
    )
    template: EtcdClusterSpec | None = Field(
        default=None,
        description="For an EtcdCluster that does not exist: its spec; source becomes its spec.bootstrap.fromBackup.",
    )
    deadline: Deadline | None = Field(
        default=None,
        description="How long it may take until the restored cluster serves; then the old data comes back. At most 72h. Default: 1h.",
    )


class EtcdRestoreStatus(Model):
    """What became of the restore."""

    observed_generation: int | None = Field(default=None, description=OBSERVED)
    phase: Literal["Pending", "Restoring", "Succeeded", "Failed"] | None = Field(
        default=None, description="Succeeded and Failed are final; after Failed the cluster has the data that it had before."
    )
    conditions: Conditions | None = Field(
        default=None, description="Ready: the cluster serves the backup's data. Reconciling, Stalled: for kstatus."
    )
    step: str | None = Field(default=None, description="What is being done, as in the EtcdCluster's status.restore.phase.")
    source: str | None = Field(default=None, description="Location of the backup.")
    revision: int | None = Field(default=None, description="The revision of the restored data, before it was raised.")
    safety_backup: str | None = Field(default=None, description="Name of the EtcdBackup with the data as it was before.")
    started_at: Time | None = Field(default=None, description="When it began.")
    finished_at: Time | None = Field(default=None, description="When it ended.")
    message: str | None = Field(default=None, description="What is done, or why it failed.")


RESTORE_CRD = Crd(
    kind=ETCD_RESTORE,
    spec=EtcdRestoreSpec,
    status=EtcdRestoreStatus,
    description="A restore of a backup into an EtcdCluster.",
    short_names=("etcdrestore",),
    selectable=(".spec.cluster",),
    columns=(
        Column("Cluster", ".spec.cluster"),
        Column("Phase", ".status.phase"),
        Column("Step", ".status.step"),
        Column("Revision", ".status.revision", "integer"),
        Column("Age", ".metadata.creationTimestamp", "date"),
        Column("Message", ".status.message", priority=1),
    ),
    rules=(("self.spec == oldSelf.spec", "spec can't change, for the restore may run or have run: make a new EtcdRestore"),),
)
