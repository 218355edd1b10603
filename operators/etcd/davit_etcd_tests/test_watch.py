from __future__ import annotations

from typing import Any

import pytest
from davit.kube.kinds import PERSISTENT_VOLUME_CLAIM, POD, SERVICE, STATEFUL_SET
from davit.kube.labels import INSTANCE, MANAGED_BY
from davit.model import Key, Kind, Manifest
from davit.routing import Controller, Routes, Target
from davit_etcd import layout
from davit_etcd.api.v1 import ETCD_CLUSTER
from davit_etcd.manifests import OPERATOR
from davit_etcd.watch import CHILDREN, WATCHES

from davit_etcd_tests import builders

C = Target(ETCD_CLUSTER, Key("ns", "c"))


async def nothing(_: Key) -> None:
    return None


ROUTES = Routes([Controller(ETCD_CLUSTER, nothing, WATCHES)])


def woken(kind: Kind, manifest: Manifest) -> list[Target]:
    return list(ROUTES.targets(kind, manifest))


def child(owner: str = "", **labels: str) -> Manifest:
    metadata: dict[str, Any] = {"name": "x", "namespace": "ns", "labels": {MANAGED_BY: OPERATOR, **labels}}
    references = [{"kind": kind, "name": name} for kind, _, name in [owner.partition("/")] if owner]
    return {"metadata": metadata | ({"ownerReferences": references} if references else {})}


def test_everything_that_is_made_wakes_its_cluster() -> None:
    domain = builders.cluster()
    observed = builders.snapshot(domain, {"members": {"c-0": {}, "c-1": {}, "c-2": {}}})
    made = [*layout.manifests(domain, observed, initial=(), inputs=domain.inputs), *(m.pod for m in observed.members if m.pod)]
    assert {manifest["kind"] for manifest in made} == {kind.kind for kind in CHILDREN}
    for manifest in made:
        (kind,) = (kind for kind in CHILDREN if kind.kind == manifest["kind"])
        assert woken(kind, manifest) == [C]


def test_the_api_server_is_asked_for_our_objects_only() -> None:
    assert {ROUTES.selector(kind) for kind in CHILDREN} == {f"{MANAGED_BY}={OPERATOR}"}
    assert ROUTES.kinds() == {ETCD_CLUSTER, *CHILDREN}


@pytest.mark.parametrize("labels", [{}, {INSTANCE: "other"}])
def test_no_edit_of_labels_hides_the_owner(labels: dict[str, str]) -> None:
    assert woken(STATEFUL_SET, child("EtcdCluster/c", **labels)) == [C]


@pytest.mark.parametrize(("kind", "owner"), [(PERSISTENT_VOLUME_CLAIM, ""), (POD, "StatefulSet/c-0")])
def test_what_the_cluster_does_not_own_is_known_by_its_label(kind: Kind, owner: str) -> None:
    assert woken(kind, child(owner, **{INSTANCE: "c"})) == [C]
    assert woken(kind, child(owner)) == []


def test_strangers_wake_nobody() -> None:
    stranger = child("EtcdCluster/c")
    stranger["metadata"]["labels"] = {}
    assert woken(SERVICE, stranger) == []
