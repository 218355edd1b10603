from __future__ import annotations

import base64
from typing import Any

import kubernetes_validate
import pytest
from davit.monitoring import workload

OWNER = {"apiVersion": "monitoring.coreos.com/v1", "kind": "Prometheus", "name": "k8s", "uid": "u", "controller": True}
HEAD = workload.head("n", "ns", [OWNER], {"a": "b"})
SELECTOR = {"app": "x"}


def valid(manifest: dict[str, Any] | None) -> dict[str, Any]:
    assert manifest is not None
    kubernetes_validate.validate(manifest, "1.34", strict=True)
    return manifest


def set_of(spec: dict[str, Any], **more: Any) -> dict[str, Any]:
    template = {"metadata": {"labels": SELECTOR}, "spec": {"containers": [{"name": "c", "image": "i"}]}}
    made = workload.stateful_set(HEAD, spec, replicas=2, service="s", selector=SELECTOR, template=template, **more)
    return dict(valid(made)["spec"])


def test_children_are_labelled_and_owned() -> None:
    assert HEAD["labels"] == {
        "managed-by": "prometheus-operator",
        "app.kubernetes.io/managed-by": "prometheus-operator",
        "a": "b",
    }
    assert HEAD["ownerReferences"] == [OWNER]
    assert "annotations" not in HEAD
    assert workload.head("n", "ns", [], annotations={"c": "d"})["annotations"] == {"c": "d"}


def test_stateful_sets_have_the_resources_labels_under_those_that_they_select_by() -> None:
    metadata = {
        "labels": {"team": "a", "app": "theirs"},
        "annotations": {"kubectl.kubernetes.io/last-applied-configuration": "x", "note": "y"},
    }
    labels, annotations = workload.inherited(metadata, {"mode": "server"}, {"app": "ours"})
    assert labels == {"team": "a", "mode": "server", "app": "ours"}
    assert annotations == {"note": "y"}
    assert workload.inherited({}) == ({}, {})


def test_data_is_in_an_empty_dir_unless_told_otherwise() -> None:
    found = workload.storage(None, "x-db", "sub")
    assert found.volumes == ({"name": "x-db", "emptyDir": {}},)
    assert found.mount("/d") == {"name": "x-db", "mountPath": "/d"}


@pytest.mark.parametrize(
    ("given", "volumes", "mount"),
    [
        ({"emptyDir": {"medium": "Memory"}}, [{"name": "x-db", "emptyDir": {"medium": "Memory"}}], "sub"),
        ({"emptyDir": {}, "ephemeral": {}}, [{"name": "x-db", "emptyDir": {}}], "sub"),
        ({"ephemeral": {"volumeClaimTemplate": {}}}, [{"name": "x-db", "ephemeral": {"volumeClaimTemplate": {}}}], "sub"),
        ({"emptyDir": {}, "disableMountSubPath": True}, [{"name": "x-db", "emptyDir": {}}], ""),
        ({"emptyDir": {}, "volumeClaimTemplate": {"metadata": {"name": "y"}}}, [{"name": "x-db", "emptyDir": {}}], "sub"),
    ],
)
def test_volumes_of_the_pod_are_mounted_by_their_own_name(given: Any, volumes: list[Any], mount: str) -> None:
    found = workload.storage(given, "x-db", "sub")
    assert list(found.volumes) == volumes
    assert found.claims == ()
    assert found.mount("/d") == {"name": "x-db", "mountPath": "/d"} | ({"subPath": mount} if mount else {})


def test_claims_keep_the_names_that_existing_ones_have() -> None:
    (claim,) = workload.storage({"volumeClaimTemplate": {"spec": {"resources": {}}}}, "x-db", "sub").claims
    assert claim == {"metadata": {"name": "x-db"}, "spec": {"resources": {}, "accessModes": ["ReadWriteOnce"]}}
    template = {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": "mine", "labels": {"a": "b"}, "annotations": {}},
        "spec": {"accessModes": ["ReadWriteMany"], "storageClassName": "fast"},
        "status": {},
    }
    found = workload.storage({"volumeClaimTemplate": template}, "x-db", "sub")
    assert found.name == "mine"
    assert found.claims == (
        {
            "metadata": {"name": "mine", "labels": {"a": "b"}},
            "spec": {"accessModes": ["ReadWriteMany"], "storageClassName": "fast"},
        },
    )


def test_pods_are_made_in_parallel_and_rolled_by_kubernetes_unless_told_otherwise() -> None:
    spec = set_of({})
    assert (spec["podManagementPolicy"], spec["updateStrategy"]) == ("Parallel", {"type": "RollingUpdate"})
    assert not set(spec) & {"minReadySeconds", "volumeClaimTemplates", "persistentVolumeClaimRetentionPolicy"}
    given = {
        "podManagementPolicy": "OrderedReady",
        "updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": "30%"}},
        "minReadySeconds": 5,
        "persistentVolumeClaimRetentionPolicy": {"whenDeleted": "Delete"},
    }
    assert {name: value for name, value in set_of(given).items() if name in given} == given
    assert set_of({"updateStrategy": {"type": "OnDelete"}})["updateStrategy"] == {"type": "OnDelete"}
    assert set_of({"updateStrategy": {"type": ""}})["updateStrategy"] == {"type": "RollingUpdate"}


def test_services_find_ports_by_name() -> None:
    ports = [workload.service_port("web", 80), workload.service_port("mesh", 1, 2, "UDP")]
    headless = valid(workload.headless_service(HEAD, SELECTOR, ports, publish_not_ready=True))["spec"]
    assert headless["clusterIP"] == "None"
    assert headless["publishNotReadyAddresses"] is True
    assert headless["ports"][0] == {"name": "web", "port": 80, "targetPort": "web", "protocol": "TCP"}
    assert headless["ports"][1]["targetPort"] == 2
    clients = valid(workload.client_service(HEAD, SELECTOR, ports))["spec"]
    assert (clients["type"], clients["sessionAffinity"]) == ("ClusterIP", "ClientIP")


@pytest.mark.parametrize("replicas", [0, 1])
def test_a_single_replica_never_holds_up_a_drain(replicas: int) -> None:
    assert workload.disruption_budget(HEAD, SELECTOR, replicas) is None


def test_several_replicas_go_one_at_a_time() -> None:
    spec = valid(workload.disruption_budget(HEAD, SELECTOR, 2))["spec"]
    assert spec["maxUnavailable"] == 1
    assert spec["selector"]["matchLabels"] == SELECTOR


def policy(*containers: dict[str, Any], **more: Any) -> dict[str, Any] | None:
    return workload.network_policy(HEAD, SELECTOR, {"containers": list(containers), **more}, ["ours"], peers_only=[9094])


def test_declared_ports_are_open_to_everyone_and_those_of_peers_to_peers() -> None:
    web, mesh = {"containerPort": 9093}, {"containerPort": 9094, "protocol": "UDP"}
    made = valid(policy({"name": "ours", "ports": [web, mesh]}, {"name": "side", "ports": [{"containerPort": 1}]}))["spec"]
    assert made["policyTypes"] == ["Ingress"]
    assert made["ingress"] == [
        {"ports": [{"port": 1, "protocol": "TCP"}, {"port": 9093, "protocol": "TCP"}]},
        {"from": [{"podSelector": {"matchLabels": SELECTOR}}], "ports": [{"port": 9094, "protocol": "UDP"}]},
    ]


def test_nobody_reaches_a_pod_that_listens_on_localhost_only() -> None:
    assert valid(policy({"name": "ours"}))["spec"]["ingress"] == []


def test_a_sidecar_that_does_not_say_where_it_listens_is_not_cut_off() -> None:
    assert policy({"name": "ours", "ports": [{"containerPort": 1}]}, {"name": "side"}) is None
    assert policy({"name": "ours"}, initContainers=[{"name": "proxy", "restartPolicy": "Always"}]) is None
    assert policy({"name": "ours"}, initContainers=[{"name": "once"}]) is not None


def test_the_nodes_network_has_no_policies() -> None:
    assert policy({"name": "ours"}, hostNetwork=True) is None


def test_secrets_hold_their_files() -> None:
    made = valid(workload.secret(HEAD, {"a": b"\xff", "b": b""}))
    assert {name: base64.b64decode(content) for name, content in made["data"].items()} == {"a": b"\xff", "b": b""}
