"""The Job of an agent: what it may do, and which container sees which Secret."""

from __future__ import annotations

import json
from typing import Any

import pytest
from davit.backup.job import Container, agent, job
from davit.backup.model import Ca, Cipher, Store
from davit.testing.restricted import violations

STORE = Store("b", "key", ca=Ca("Secret", "ca", "tls.crt"))
AGENT = agent("agent", "img", "davit_etcd.agent", "backup", {"store": STORE.to_json()}, mounts=(("work", "/work"),))
SIDECAR = Container("etcd", "etcd:1", ("etcd",), ("--name=x",), sidecar=True, probe={"httpGet": {"path": "/", "port": 1}})


def made(**more: Any) -> dict[str, Any]:
    return job(
        **{
            "name": "n", "namespace": "ns", "labels": {"l": "v"}, "owner": {"uid": "u"}, "deadline": 60,
            "containers": [AGENT], "init": [SIDECAR], "volumes": [{"name": "work", "emptyDir": {}}], "store": STORE,
            "cipher": Cipher("age"), **more,
        }
    )  # fmt: skip


def pod(manifest: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = manifest["spec"]["template"]["spec"]
    return found


@pytest.mark.parametrize("fixed_user", [True, False])
def test_the_pod_has_the_least_rights(fixed_user: bool) -> None:
    spec = pod(made(fixed_user=fixed_user))
    assert violations(spec) == []
    assert spec["automountServiceAccountToken"] is False
    assert spec["enableServiceLinks"] is False
    assert spec["restartPolicy"] == "Never"
    assert ("runAsUser" in spec["securityContext"]) is fixed_user
    for container in (*spec["initContainers"], *spec["containers"]):
        assert container["securityContext"]["readOnlyRootFilesystem"] is True
        assert container["resources"]["limits"]["memory"]


def test_only_the_agent_sees_secrets_and_no_more_of_them_than_it_needs() -> None:
    spec = pod(made())
    (sidecar,), (main,) = spec["initContainers"], spec["containers"]
    assert sidecar["volumeMounts"] == []
    assert {m["name"]: m["mountPath"] for m in main["volumeMounts"]} == {
        "work": "/work",
        "store": "/etc/davit/store",
        "ca": "/etc/davit/ca",
        "encryption": "/etc/davit/encryption",
    }
    assert all(m["readOnly"] for m in main["volumeMounts"] if m["name"] != "work")
    secrets = {v["name"]: v["secret"] for v in spec["volumes"] if "secret" in v}
    assert {name: [item["key"] for item in secret["items"]] for name, secret in secrets.items()} == {
        "store": ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"],
        "ca": ["tls.crt"],
        "encryption": ["age.key"],
    }
    assert secrets["ca"]["items"][0]["path"] == "ca.crt"
    assert all(secret["optional"] for secret in secrets.values())


def test_a_ca_from_a_config_map() -> None:
    volumes = pod(made(store=Store("b", "key", ca=Ca("ConfigMap", "trust", "ca.crt")), cipher=None))["volumes"]
    (found,) = [volume for volume in volumes if volume["name"] == "ca"]
    assert found["configMap"]["name"] == "trust"


def test_without_a_store_there_are_no_secrets() -> None:
    spec = pod(made(store=None, cipher=None))
    assert [volume["name"] for volume in spec["volumes"]] == ["work"]
    assert [mount["name"] for mount in spec["containers"][0]["volumeMounts"]] == ["work"]


def test_it_ends_at_its_deadline_and_gives_up_at_once_where_trying_again_is_useless() -> None:
    spec = made(attempts=3)["spec"]
    assert spec["activeDeadlineSeconds"] == 60
    assert spec["backoffLimit"] == 2
    assert spec["podFailurePolicy"]["rules"] == [
        {"action": "FailJob", "onExitCodes": {"operator": "In", "values": [65]}},
        {"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]},
    ]


def test_the_agent_is_told_its_work_in_one_variable() -> None:
    (main,) = pod(made(store=STORE))["containers"]
    assert main["command"] == ["python3", "-OO", "-m", "davit_etcd.agent", "backup"]
    assert [variable["name"] for variable in main["env"]] == ["DAVIT_AGENT"]
    assert Store.from_json(json.loads(main["env"][0]["value"])["store"]) == STORE


def test_kubernetes_expands_nothing_in_it() -> None:
    (main,) = pod(made(containers=[agent("a", "i", "m", "c", {"key": "$(HOME)"})]))["containers"]
    assert main["env"][0]["value"] == '{"key":"$$(HOME)"}'


def test_labels_owner_and_the_rest() -> None:
    manifest = made(annotations={"a": "b"}, pull_secrets=[{"name": "pull"}], scheduling={"nodeSelector": {"x": "y"}})
    assert manifest["metadata"] == {
        "name": "n", "namespace": "ns", "labels": {"l": "v"}, "annotations": {"a": "b"}, "ownerReferences": [{"uid": "u"}],
    }  # fmt: skip
    assert manifest["spec"]["template"]["metadata"]["labels"] == {"l": "v"}
    assert pod(manifest)["imagePullSecrets"] == [{"name": "pull"}]
    assert pod(manifest)["nodeSelector"] == {"x": "y"}
    (sidecar,) = pod(manifest)["initContainers"]
    assert sidecar["restartPolicy"] == "Always"
    assert sidecar["args"] == ["--name=x"]
    assert sidecar["startupProbe"]
