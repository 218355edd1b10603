"""Reads what concerns one EtcdBackup: its EtcdCluster, its Jobs and their pods, its schedule."""

from __future__ import annotations

import asyncio

from davit.backup.job import JOB_NAME_LABEL
from davit.errors import Blocked, Invalid
from davit.kube.client import Client
from davit.kube.kinds import EVENT, JOB, POD
from davit.kube.labels import MANAGED_BY, controlled_by
from davit.model import Key, Manifest

from davit_etcd.api.backups import ETCD_BACKUP_SCHEDULE
from davit_etcd.api.v1 import ETCD_CLUSTER
from davit_etcd.backup.model import BACKUP, VERIFY, Backup, View
from davit_etcd.manifests import OPERATOR
from davit_etcd.model import Cluster
from davit_etcd.validate import validate


async def observe(backup: Backup, resource: Manifest, kube: Client, repository: str, *, fixed_user: bool) -> View:
    """One look; `Blocked` for a Job of its name that is a stranger's.

    repository, fixed_user: see `davit_etcd.validate.validate`.
    """
    if backup.done:
        return View(status=resource.get("status") or {})
    namespace = backup.key.namespace
    cluster, schedule, made, proving = await asyncio.gather(
        kube.get(ETCD_CLUSTER, Key(namespace, backup.cluster)),
        _schedule(backup, kube),
        _job(backup, BACKUP, resource, kube),
        _job(backup, VERIFY, resource, kube),
    )
    earlier = next((job["metadata"]["name"] for job in (made, proving) if job and not controlled_by(job, resource)), "")
    if earlier:
        return View(earlier=earlier, status=resource.get("status") or {})
    found = await asyncio.gather(*(_pods(job, kube) for job in (made, proving) if job))
    pods = tuple(pod for of_one in found for pod in of_one)
    newest = proving or made
    return View(
        cluster=cluster,
        domain=_domain(cluster, repository, fixed_user) if cluster else None,
        schedule=schedule,
        backup_job=made,
        verify_job=proving,
        pods=pods,
        words=await _words(newest, kube) if newest and not found[-1] else "",
        status=resource.get("status") or {},
    )


def _domain(cluster: Manifest, repository: str, fixed_user: bool) -> Cluster | None:
    try:
        return validate(cluster, repository, fixed_user=fixed_user)
    except Invalid as error:
        return error.fallback if isinstance(error.fallback, Cluster) else None


async def _schedule(backup: Backup, kube: Client) -> Manifest | None:
    owner = backup.owner
    if owner is None or owner.kind != ETCD_BACKUP_SCHEDULE.kind:
        return None
    found = await kube.get(ETCD_BACKUP_SCHEDULE, Key(backup.key.namespace, owner.name))
    return found if found and found["metadata"]["uid"] == owner.uid else None


async def _job(backup: Backup, ending: str, resource: Manifest, kube: Client) -> Manifest | None:
    """Its own, or that of an EtcdBackup of the same name that is gone."""
    found = await kube.get(JOB, Key(backup.key.namespace, backup.job(ending)))
    if found is None or controlled_by(found, resource):
        return found if found is None or "deletionTimestamp" not in found["metadata"] else None
    name = found["metadata"]["name"]
    if any(ref.get("controller") for ref in found["metadata"].get("ownerReferences") or ()) and _ours(found):
        return found
    raise Blocked("NameTaken", f"Job {name} exists and is not this EtcdBackup's: delete it, or choose another name")


def _ours(job: Manifest) -> bool:
    return bool((job["metadata"].get("labels") or {}).get(MANAGED_BY) == OPERATOR)


async def _pods(job: Manifest, kube: Client) -> list[Manifest]:
    return await kube.list(POD, job["metadata"]["namespace"], labels={JOB_NAME_LABEL: job["metadata"]["name"]})


async def _words(job: Manifest, kube: Client) -> str:
    """Why a Job has no pod: a quota, an admission webhook, pod security."""
    metadata = job["metadata"]
    fields = {"involvedObject.uid": metadata["uid"], "type": "Warning"}
    events = await kube.list(EVENT, metadata["namespace"], fields=fields)
    newest = max(events, key=lambda event: str(event.get("lastTimestamp") or event.get("eventTime") or ""), default=None)
    return f"{newest.get('reason', '')}: {newest.get('message', '')}"[:500] if newest else ""
