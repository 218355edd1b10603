"""Against the API server's own defaulting: what is applied once is never written again, and edits are put right."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from davit import apply
from davit.drift import drift
from davit.kube.http import KubeClient
from davit.kube.kinds import kind_of
from davit.model import Key, Manifest
from davit_etcd import layout
from davit_etcd.api.v1 import ETCD_CLUSTER
from davit_etcd.manifests import OPERATOR
from davit_etcd.model import Cluster, Snapshot
from davit_etcd.validate import validate

from davit_etcd_tests.api.test_schema import cluster

pytestmark = pytest.mark.api

FULL: dict[str, Any] = {
    "size": 3,
    "version": "v3.6.14",
    "resources": {"requests": {"cpu": 0.5, "memory": "1024Mi"}, "limits": {"memory": "1Gi"}},
    "affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [
        {"matchExpressions": [{"key": "kubernetes.io/os", "operator": "In", "values": ["linux"]}]}]}}},
    "topologySpread": [{"maxSkew": 1, "topologyKey": "kubernetes.io/hostname", "whenUnsatisfiable": "ScheduleAnyway"}],
    "nodeSelector": {"kubernetes.io/os": "linux"},
    "tolerations": [{"key": "spot", "operator": "Exists", "effect": "NoSchedule"}],
    "imagePullSecrets": [{"name": "mirror"}],
    "podMetadata": {"labels": {"team": "a"}, "annotations": {"note": "b"}},
    "quota": "4Gi",
    "autoCompaction": {"retention": "1h"},
    "etcdOptions": {"heartbeat-interval": "200"},
    "storage": {"size": "0.5Gi"},
}  # fmt: skip


async def applied(kube: KubeClient, namespace: str, **spec: Any) -> tuple[Manifest, Cluster, Sequence[Manifest]]:
    """Owner, domain and the manifests of a cluster that is being formed, all applied."""
    owner = await kube.create(ETCD_CLUSTER, cluster(namespace, **spec))
    domain = validate(owner)
    names = tuple(f"db-{n}" for n in range(domain.size))
    manifests = layout.manifests(domain, Snapshot((), ()), initial=names, inputs=domain.inputs)
    await apply.apply_all(kube, OPERATOR, owner, (), manifests)
    return owner, domain, manifests


async def live(kube: KubeClient, manifest: Manifest) -> Manifest:
    """The object as the API server has it."""
    metadata = manifest["metadata"]
    found = await kube.get(kind_of(manifest), Key(metadata["namespace"], metadata["name"]))
    assert found is not None
    return found


@pytest.mark.parametrize("spec", [{}, FULL, {"storage": {"type": "Memory", "size": "64Mi"}, "size": 1}])
async def test_what_was_applied_shows_no_drift(kube: KubeClient, namespace: str, spec: dict[str, Any]) -> None:
    _, _, manifests = await applied(kube, namespace, **spec)
    for manifest in manifests:
        assert not drift(manifest, await live(kube, manifest), OPERATOR), manifest["kind"]


EDITS: list[tuple[str, list[dict[str, Any]]]] = [
    ("Service", [{"op": "add", "path": "/spec/selector/extra", "value": "x"}]),
    ("Service", [{"op": "replace", "path": "/spec/ports/0/port", "value": 1}]),
    ("Service", [{"op": "add", "path": "/spec/ports/-", "value": {"name": "more", "port": 99}}]),
    ("Service", [{"op": "remove", "path": "/metadata/labels/app.kubernetes.io~1instance"}]),
    ("StatefulSet", [{"op": "replace", "path": "/spec/replicas", "value": 0}]),
    ("StatefulSet", [{"op": "replace", "path": "/spec/template/spec/containers/0/image", "value": "evil"}]),
    ("StatefulSet", [{"op": "add", "path": "/spec/template/spec/containers/0/args/-", "value": "--debug"}]),
    ("StatefulSet", [{"op": "add", "path": "/spec/template/spec/containers/-", "value": {"name": "spy", "image": "spy"}}]),
    ("StatefulSet", [{"op": "remove", "path": "/spec/template/spec/containers/0/readinessProbe"}]),
    ("StatefulSet", [{"op": "replace", "path": "/spec/updateStrategy", "value": {"type": "RollingUpdate"}}]),
    ("PodDisruptionBudget", [{"op": "replace", "path": "/spec/minAvailable", "value": 0}]),
    ("PodDisruptionBudget", [{"op": "add", "path": "/spec/selector/matchLabels/extra", "value": "x"}]),
    ("PersistentVolumeClaim", [{"op": "remove", "path": "/metadata/annotations/etcd.davit.dev~1cluster-uid"}]),
]


@pytest.mark.parametrize(("kind", "edit"), EDITS, ids=lambda part: part if isinstance(part, str) else part[0]["path"][-30:])
async def test_an_edit_is_put_right(kube: KubeClient, namespace: str, kind: str, edit: list[dict[str, Any]]) -> None:
    owner, _, manifests = await applied(kube, namespace)
    manifest = next(m for m in manifests if m["kind"] == kind)
    key = Key(namespace, manifest["metadata"]["name"])
    edited = await kube.patch(kind_of(manifest), key, edit)
    assert drift(manifest, edited, OPERATOR)
    await apply.apply_all(kube, OPERATOR, owner, (edited,), (manifest,))
    assert not drift(manifest, await live(kube, manifest), OPERATOR)


async def test_a_field_that_is_no_longer_wanted_goes(kube: KubeClient, namespace: str) -> None:
    owner, domain, manifests = await applied(kube, namespace, priorityClassName="high", nodeSelector={"a": "b"})
    plain = validate({**owner, "spec": {"size": 3, "version": "3.5.16"}})
    wanted = layout.manifests(plain, Snapshot((), ()), initial=("db-0", "db-1", "db-2"), inputs=plain.inputs)
    first = next(m for m in wanted if m["kind"] == "StatefulSet")
    before = await live(kube, first)
    assert drift(first, before, OPERATOR)
    await apply.apply_all(kube, OPERATOR, owner, (before,), (first,))
    pod = (await live(kube, first))["spec"]["template"]["spec"]
    assert "priorityClassName" not in pod
    assert "nodeSelector" not in pod
    assert domain.inputs != plain.inputs
    assert manifests


async def test_a_strangers_object_is_left_alone(kube: KubeClient, namespace: str) -> None:
    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "db-client", "namespace": namespace},
        "spec": {"ports": [{"port": 80}]},
    }
    made = await kube.create(kind_of(service), service)
    with pytest.raises(Exception, match="is not this resource's"):
        await applied(kube, namespace)
    assert (await live(kube, service))["metadata"]["resourceVersion"] == made["metadata"]["resourceVersion"]
