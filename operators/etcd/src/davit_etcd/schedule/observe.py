"""Reads what concerns one EtcdBackupSchedule: the EtcdBackups that it made, and its EtcdCluster."""

from __future__ import annotations

import asyncio

from davit.kube.client import Client
from davit.kube.labels import controlled_by
from davit.model import Key, Manifest

from davit_etcd.api.backups import ETCD_BACKUP
from davit_etcd.api.v1 import ETCD_CLUSTER
from davit_etcd.schedule.model import SCHEDULE_LABEL, Schedule, View


async def observe(schedule: Schedule, resource: Manifest, kube: Client) -> View:
    """One look: the EtcdBackups are those with its label that it owns."""
    namespace = schedule.key.namespace
    found, cluster = await asyncio.gather(
        kube.list(ETCD_BACKUP, namespace, labels={SCHEDULE_LABEL: schedule.key.name}),
        kube.get(ETCD_CLUSTER, Key(namespace, schedule.cluster)) if schedule.cluster else _nothing(),
    )
    own = tuple(backup for backup in found if controlled_by(backup, resource))
    return View(own, cluster, resource.get("status") or {})


async def _nothing() -> None:
    return None
