from __future__ import annotations

import base64
import copy
from typing import Any

import pytest
from davit.errors import Blocked
from davit.model import Key, Kind, Manifest
from davit.testing.fake_client import FakeClient
from davit.webhook.registration import (
    CLUSTER_ROLE,
    CONFIGURATION,
    Address,
    Endpoint,
    Registrar,
    Registration,
    owner,
    stands,
)
from davit.webhook.review import Review, Verdict, allow
from davit.webhook.server import DEADLINE

ALPHA = Kind("test.davit.dev", "v1alpha1", "Toy", "toys")
BETA = Kind("test.davit.dev", "v1beta1", "Toy", "toys")
BOX = Kind("test.davit.dev", "v1", "Box", "boxes", namespaced=False)
KEY = Key("", "toy-hooks")
OWNER = {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "name": "toy-hooks", "uid": "r1"}


async def yes(_: Review) -> Verdict:
    return allow()


TABLE = (Endpoint((ALPHA, BETA), yes), Endpoint((BOX,), yes, ("CREATE",)))
SERVICE = Address.service("hooks", "davit")


def registration(address: Address = SERVICE, **more: Any) -> Registration:
    return Registration("toy-hooks", "davit-test", address, TABLE, **more)


@pytest.fixture
def client() -> FakeClient:
    return FakeClient()


def live(client: FakeClient) -> Manifest:
    return client.objects[CONFIGURATION, KEY]


def test_the_whole_configuration_is_as_the_table_says() -> None:
    toys, boxes = registration().manifest(b"PEM", [OWNER])["webhooks"]
    conditions = toys.pop("matchConditions")
    assert toys == {
        "name": "toys.davit-test.davit.dev",
        "admissionReviewVersions": ["v1"],
        "clientConfig": {
            "caBundle": base64.b64encode(b"PEM").decode(),
            "service": {"name": "hooks", "namespace": "davit", "port": 443, "path": "/validate/test.davit.dev/toys"},
        },
        "failurePolicy": "Ignore",
        "matchPolicy": "Equivalent",
        "namespaceSelector": {},
        "objectSelector": {},
        "rules": [
            {
                "apiGroups": ["test.davit.dev"],
                "apiVersions": ["v1alpha1", "v1beta1"],
                "operations": ["CREATE", "UPDATE"],
                "resources": ["toys"],
                "scope": "Namespaced",
            }
        ],
        "sideEffects": "None",
        "timeoutSeconds": 5,
    }
    assert [condition["name"] for condition in conditions] == ["not-being-deleted", "changes-spec"]
    assert (boxes["rules"][0]["operations"], boxes["rules"][0]["scope"]) == (["CREATE"], "Cluster")
    metadata = registration().manifest(b"PEM", [OWNER])["metadata"]
    assert metadata == {
        "name": "toy-hooks",
        "labels": {"app.kubernetes.io/managed-by": "davit-test", "app.kubernetes.io/part-of": "davit"},
        "ownerReferences": [OWNER],
    }
    assert "ownerReferences" not in registration().manifest(b"PEM")["metadata"]


def test_we_answer_before_the_api_server_gives_up() -> None:
    assert registration().manifest(b"")["webhooks"][0]["timeoutSeconds"] > DEADLINE


def test_a_namespaced_installation_reviews_its_namespaces_and_labels_only() -> None:
    selector = {"matchLabels": {"team": "a"}}
    (toys, _) = registration(namespaces=("shop", "bar"), selector=selector).manifest(b"")["webhooks"]
    assert toys["namespaceSelector"] == {
        "matchExpressions": [{"key": "kubernetes.io/metadata.name", "operator": "In", "values": ["bar", "shop"]}]
    }
    assert toys["objectSelector"] == selector


def test_the_certificate_is_for_the_name_that_the_api_server_calls() -> None:
    assert SERVICE.host == "hooks.davit.svc"
    local = Address.local("127.0.0.1", 9443)
    assert local.host == "127.0.0.1"
    (toys, _) = registration(local).manifest(b"")["webhooks"]
    assert toys["clientConfig"] == {"url": "https://127.0.0.1:9443/validate/test.davit.dev/toys", "caBundle": ""}


async def test_what_is_in_order_is_not_written(client: FakeClient) -> None:
    await Registrar(client, registration()).ensure(b"PEM", [OWNER])
    again = Registrar(client, registration())
    await again.ensure(b"PEM", [OWNER])
    await again.ensure(b"PEM", [OWNER])
    assert [write.verb for write in client.writes] == ["apply"]


async def test_a_new_bundle_is_written_at_once(client: FakeClient) -> None:
    registrar = Registrar(client, registration())
    await registrar.ensure(b"one")
    await registrar.ensure(b"two")
    bundles = {webhook["clientConfig"]["caBundle"] for webhook in live(client)["webhooks"]}
    assert bundles == {base64.b64encode(b"two").decode()}


EDITS: dict[str, Any] = {
    "policy": lambda found: found["webhooks"][0].update(failurePolicy="Fail"),
    "bundle": lambda found: found["webhooks"][0]["clientConfig"].update(caBundle=""),
    "selector": lambda found: found["webhooks"][1].update(objectSelector={"matchLabels": {"a": "b"}}),
    "condition": lambda found: found["webhooks"][0]["matchConditions"].append({"name": "never", "expression": "false"}),
    "removed": lambda found: found["webhooks"].pop(0),
    "added": lambda found: found["webhooks"].append({**found["webhooks"][0], "name": "x.y.z"}),
    "label": lambda found: found["metadata"]["labels"].pop("app.kubernetes.io/part-of"),
    "owner": lambda found: found["metadata"].pop("ownerReferences"),
}


@pytest.mark.parametrize("edit", EDITS)
async def test_what_somebody_edits_is_put_right(client: FakeClient, edit: str) -> None:
    registrar = Registrar(client, registration())
    await registrar.ensure(b"PEM", [OWNER])
    right = copy.deepcopy(live(client))
    edited = copy.deepcopy(right)
    EDITS[edit](edited)
    client.put(CONFIGURATION, edited)
    await registrar.ensure(b"PEM", [OWNER])
    assert live(client)["webhooks"] == right["webhooks"]
    assert live(client)["metadata"]["labels"] == right["metadata"]["labels"]
    assert live(client)["metadata"]["ownerReferences"] == [OWNER]


async def test_others_labels_and_annotations_stay(client: FakeClient) -> None:
    registrar = Registrar(client, registration())
    await registrar.ensure(b"PEM")
    found = copy.deepcopy(live(client))
    found["metadata"]["labels"]["team"] = "a"
    found["metadata"]["annotations"] = {"seen": "yes"}
    client.put(CONFIGURATION, found)
    await registrar.ensure(b"PEM")
    assert len(client.writes) == 1
    assert live(client)["metadata"]["labels"]["team"] == "a"


async def test_a_deleted_configuration_comes_back(client: FakeClient) -> None:
    registrar = Registrar(client, registration())
    await registrar.ensure(b"PEM")
    before = live(client)["webhooks"]
    client.remove(CONFIGURATION, KEY)
    await registrar.ensure(b"PEM")
    assert live(client)["webhooks"] == before


def test_a_server_that_fills_in_more_than_we_know_is_not_written_to_forever() -> None:
    wanted = registration().manifest(b"PEM")
    filled = copy.deepcopy(wanted)
    for webhook in filled["webhooks"]:
        webhook["novelty"] = "Default"
    assert not stands(wanted, filled, None)
    assert stands(wanted, filled, filled["webhooks"])
    edited = copy.deepcopy(filled)
    edited["webhooks"][0]["failurePolicy"] = "Fail"
    assert not stands(wanted, edited, filled["webhooks"])


async def test_the_owner_is_told_by_uid_and_must_be_there(client: FakeClient) -> None:
    with pytest.raises(Blocked, match=r"ClusterRole toy-hooks, .* is not there: restore it"):
        await owner(client, "toy-hooks")
    role = client.put(CLUSTER_ROLE, {"metadata": {"name": "toy-hooks"}, "rules": []})
    assert await owner(client, "toy-hooks") == {**OWNER, "uid": role["metadata"]["uid"]}
