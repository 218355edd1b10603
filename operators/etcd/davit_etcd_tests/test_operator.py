"""The rooms put together: whole passes of the pipeline against fakes."""

from __future__ import annotations

from typing import Any

import pytest
from davit.errors import Transient
from davit.kube.kinds import PERSISTENT_VOLUME_CLAIM, POD, SERVICE, STATEFUL_SET
from davit.model import Key, Manifest
from davit.reconcile import Operator, Reconciler
from davit.testing.builders import condition
from davit.testing.fake_client import FakeClient
from davit_etcd.api.v1 import ETCD_CLUSTER
from davit_etcd.client import client_address
from davit_etcd.commands import AddLearner
from davit_etcd.manifests import OPERATOR
from davit_etcd.model import Cluster, Snapshot
from davit_etcd.operator import EtcdOperator

from davit_etcd_tests import builders
from davit_etcd_tests.fake_members import FakeEtcd

C = Key("ns", "c")
THREE: dict[str, Any] = {"c-0": {}, "c-1": {}, "c-2": {}}


class Stage:
    """An EtcdCluster and what there is of it, as the fakes tell it."""

    def __init__(self, members: dict[str, Any] | None = None, **spec: Any) -> None:
        self.kube, self.etcd = FakeClient(OPERATOR), FakeEtcd()
        self.domain = builders.cluster(**spec)
        seen = builders.snapshot(self.domain, {"formed": members is not None, "members": members or {}})
        self.kube.put(ETCD_CLUSTER, builders.resource(spec, status=dict(seen.status)))
        for member in seen.members:
            for kind, manifest in (
                (STATEFUL_SET, member.stateful_set),
                (PERSISTENT_VOLUME_CLAIM, member.volume),
                (POD, member.pod),
            ):
                if manifest is not None:
                    self.kube.put(kind, manifest)
            if member.endpoint is not None:
                self.etcd.endpoints[client_address(member)] = member.endpoint
        self.etcd.listed = tuple(member.etcd for member in seen.members if member.etcd is not None)

    async def reconcile(self, **more: Any) -> float | None:
        return await Reconciler(EtcdOperator(self.kube, self.etcd, **more), self.kube, clock=lambda: 0.0)(C)

    def status(self) -> Manifest:
        return dict(self.kube.objects[ETCD_CLUSTER, C]["status"])

    def pods(self) -> list[Manifest]:
        return [found["spec"]["template"]["spec"] for (kind, _), found in self.kube.objects.items() if kind == STATEFUL_SET]


def test_it_has_every_room_of_the_pipeline() -> None:
    operator: Operator[Cluster, Snapshot] = EtcdOperator(FakeClient(), FakeEtcd())
    assert (operator.name, operator.kind) == (OPERATOR, ETCD_CLUSTER)


async def test_a_new_cluster_gets_its_objects_and_a_status() -> None:
    stage = Stage()
    again = await stage.reconcile()
    assert again is not None
    made = {(kind.kind, key.name) for kind, key in stage.kube.objects}
    members = {
        (kind, name) for n in range(3) for kind, name in (("StatefulSet", f"c-{n}"), ("PersistentVolumeClaim", f"data-c-{n}"))
    }
    services = {("Service", "c-peers"), ("Service", "c-client")}
    assert made == {("EtcdCluster", "c"), ("PodDisruptionBudget", "c"), *services, *members}
    assert stage.status()["initialMembers"] == ["c-0", "c-1", "c-2"]
    assert condition(stage.status(), "Ready")["reason"] == "Creating"


async def test_the_intent_is_written_before_anything_is_made() -> None:
    """Or an operator that dies in between might tell the first members another list."""
    stage = Stage()
    await stage.reconcile()
    assert stage.kube.writes[0].verb == "apply/status"


async def test_a_second_pass_over_a_settled_cluster_writes_nothing() -> None:
    stage = Stage(THREE)
    await stage.reconcile()
    assert condition(stage.status(), "Ready")["status"] == "True"
    written = len(stage.kube.writes)
    await stage.reconcile()
    assert stage.kube.writes[written:] == []


async def test_an_action_of_the_plan_is_carried_out() -> None:
    stage = Stage(THREE, size=4)
    assert await stage.reconcile() == 0.0
    assert ("add_learner", "http://10.0.0.0:2379", "http://c-3-0.c-peers.ns.svc:2380") in stage.etcd.calls
    assert [notice.reason for notice in stage.kube.events] == ["AddingMember"]


async def test_what_etcd_refuses_is_tried_again() -> None:
    stage = Stage(THREE)
    stage.etcd.refuse = {"add_learner"}
    operator = EtcdOperator(stage.kube, stage.etcd)
    seen = await operator.observe(stage.domain, stage.kube.objects[ETCD_CLUSTER, C])
    with pytest.raises(Transient, match="refused"):
        await operator.execute(AddLearner("c-3", "m"), stage.domain, seen)


async def test_a_cluster_that_a_person_must_look_at_keeps_all_its_objects() -> None:
    """`frozen` means hands off: neither applied nor pruned, or the Services would go."""
    stage = Stage(THREE)
    await stage.reconcile()
    stage.kube.objects[ETCD_CLUSTER, C]["status"]["clusterID"] = "another"
    before = set(stage.kube.objects)
    await stage.reconcile()
    assert condition(stage.status(), "Stalled")["reason"] == "ClusterIDMismatch"
    assert set(stage.kube.objects) == before
    assert (SERVICE, Key("ns", "c-client")) in before


async def test_what_the_installation_says_reaches_the_pods() -> None:
    stage = Stage()
    await stage.reconcile(repository="mirror/etcd", fixed_user=False)
    for pod in stage.pods():
        assert pod["containers"][0]["image"] == "mirror/etcd:v3.5.32"
        assert "runAsUser" not in pod["securityContext"]


async def test_an_invalid_spec_is_told_and_what_runs_is_kept() -> None:
    stage = Stage(THREE)
    await stage.reconcile()
    before = set(stage.kube.objects)
    stage.kube.objects[ETCD_CLUSTER, C]["spec"]["version"] = "3.99.0"
    await stage.reconcile()
    assert condition(stage.status(), "Stalled")["reason"] == "Invalid"
    assert "upgrade the operator first" in condition(stage.status(), "Stalled")["message"]
    assert condition(stage.status(), "Available")["status"] == "True"
    assert set(stage.kube.objects) == before


async def test_the_highest_revision_is_of_the_history_that_the_cluster_has_now() -> None:
    stage = Stage({"c-0": {"revision": 9}}, size=1)
    operator = EtcdOperator(stage.kube, stage.etcd)

    async def known() -> int | None:
        resource = await stage.kube.get(ETCD_CLUSTER, C)
        assert resource is not None
        return (await operator.observe(stage.domain, resource)).known_revision

    assert await known() == 9
    stage.etcd.endpoints.clear()
    assert await known() == 9
    stage.kube.objects[ETCD_CLUSTER, C]["status"]["clusterID"] = "another"
    assert await known() == 0
