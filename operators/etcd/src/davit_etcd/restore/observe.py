"""Reads the world for one EtcdRestore: the EtcdCluster, the other EtcdRestores into it, and the backup it names."""

from __future__ import annotations

from davit.kube.client import Client
from davit.model import Key, Manifest
from davit.once import FINAL

from davit_etcd.api.restores import ETCD_RESTORE
from davit_etcd.api.v1 import ETCD_CLUSTER
from davit_etcd.observe import of_cluster, referenced
from davit_etcd.restore.model import Restore, View
from davit_etcd.restore.source import needed


async def observe(restore: Restore, resource: Manifest, kube: Client) -> View:
    """One look; nothing is read for one that ended."""
    status = resource.get("status") or {}
    if restore.done:
        return View(status=status)
    target = Key(restore.key.namespace, restore.cluster)
    cluster = await kube.get(ETCD_CLUSTER, target)
    others = await of_cluster(kube, ETCD_RESTORE, target)
    backup = needed(restore.source, restore.key.namespace)
    return View(
        cluster=cluster,
        others=tuple(item for item in others if (item.get("status") or {}).get("phase") not in FINAL),
        referenced=await referenced(kube, backup, restore.cluster) if backup is not None else (),
        status=status,
    )
