"""What the API server itself refuses and fills in, before any operator sees an EtcdCluster."""

from __future__ import annotations

from typing import Any

import pytest
from davit.errors import Rejected
from davit.kube.http import KubeClient
from davit.model import Key, Manifest
from davit.status import verdict
from davit_etcd.api.v1 import ETCD_CLUSTER

pytestmark = pytest.mark.api


def cluster(namespace: str, name: str = "db", **spec: Any) -> Manifest:
    """A minimal EtcdCluster; None removes a field."""
    full = {"size": 3, "version": "3.5.16"} | spec
    return {
        "apiVersion": ETCD_CLUSTER.api_version,
        "kind": ETCD_CLUSTER.kind,
        "metadata": {"name": name, "namespace": namespace},
        "spec": {key: value for key, value in full.items() if value is not None},
    }


async def test_a_new_resource_is_in_progress_until_the_operator_looks(kube: KubeClient, namespace: str) -> None:
    made = await kube.create(ETCD_CLUSTER, cluster(namespace))
    assert made["status"] == {"observedGeneration": -1}
    assert verdict(made) == "InProgress"


async def test_nothing_is_defaulted_into_spec(kube: KubeClient, namespace: str) -> None:
    given = cluster(namespace, storage={}, autoCompaction={"retention": "1h"})
    made = await kube.create(ETCD_CLUSTER, given)
    assert made["spec"] == given["spec"]


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ({"size": 8}, "spec.size"),
        ({"size": -1}, "spec.size"),
        ({"size": None}, "spec.size"),
        ({"version": None}, "spec.version"),
        ({"version": "latest"}, "spec.version"),
        ({"version": "3.5"}, "spec.version"),
        ({"storage": {"type": "Tape"}}, "spec.storage.type"),
        ({"storage": {"size": "much"}}, "spec.storage.size"),
        ({"storage": {"type": "Memory"}, "size": 0}, "delete the EtcdCluster instead"),
        ({"autoCompaction": {"retention": "soon"}}, "spec.autoCompaction.retention"),
        ({"quota": "4GiB"}, "spec.quota"),
    ],
)
async def test_bad_specs_are_refused(kube: KubeClient, namespace: str, spec: dict[str, Any], said: str) -> None:
    with pytest.raises(Rejected, match=said.replace(".", r"\.")):
        await kube.create(ETCD_CLUSTER, cluster(namespace, **spec))


@pytest.mark.parametrize("name", ["a" * 41, "1st", "a.b"])
async def test_names_that_services_can_not_have_are_refused(kube: KubeClient, namespace: str, name: str) -> None:
    with pytest.raises(Rejected, match="at most 40 characters"):
        await kube.create(ETCD_CLUSTER, cluster(namespace, name))


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (None, {"type": "Memory"}),
        ({"size": "1Gi"}, {"size": "1Gi", "storageClassName": "fast"}),
        ({"storageClassName": "fast"}, {"storageClassName": "slow"}),
        ({"type": "Memory"}, {"type": "PersistentVolumeClaim"}),
    ],
)
async def test_storage_kind_and_class_are_for_ever(
    kube: KubeClient, namespace: str, before: dict[str, str] | None, after: dict[str, str]
) -> None:
    await kube.create(ETCD_CLUSTER, cluster(namespace, storage=before))
    with pytest.raises(Rejected, match="can't change"):
        await kube.apply(ETCD_CLUSTER, cluster(namespace, storage=after))


async def test_storage_may_be_spelled_out_later(kube: KubeClient, namespace: str) -> None:
    await kube.create(ETCD_CLUSTER, cluster(namespace))
    await kube.apply(ETCD_CLUSTER, cluster(namespace, storage={"type": "PersistentVolumeClaim", "size": "16Gi"}))


async def test_unknown_pod_fields_survive(kube: KubeClient, namespace: str) -> None:
    affinity = {"nodeAffinity": {"someday": {"new": 1}}}
    await kube.create(ETCD_CLUSTER, cluster(namespace, affinity=affinity))
    read = await kube.get(ETCD_CLUSTER, Key(namespace, "db"))
    assert read is not None
    assert read["spec"]["affinity"] == affinity
