from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pytest
from davit.errors import Blocked, Rejected, Transient
from davit.kube import http
from davit.kube.crds import CRD, maintain
from davit.kube.events import EVENT
from davit.kube.http import Connection, KubeClient
from davit.kube.kinds import CONFIG_MAP, SERVICE, STATEFUL_SET
from davit.model import Key, Kind, Manifest, Notice

from ci.cluster.controlplane import ControlPlane
from davit_tests.api.people import NAMESPACE, person, toy_crd

pytestmark = pytest.mark.api


def config(namespace: str, name: str = "orders", **more: Any) -> Manifest:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": namespace}, **more}


async def test_objects_come_and_go(client: KubeClient, namespace: str) -> None:
    key = Key(namespace, "orders")
    assert await client.get(CONFIG_MAP, key) is None
    created = await client.create(CONFIG_MAP, config(namespace, data={"a": "1"}))
    assert await client.get(CONFIG_MAP, key) == created
    replaced = await client.replace(CONFIG_MAP, {**created, "data": {"a": "2"}})
    assert replaced["data"] == {"a": "2"}
    patched = await client.patch(CONFIG_MAP, key, [{"op": "add", "path": "/data/b", "value": "3"}])
    assert patched["data"] == {"a": "2", "b": "3"}
    assert await client.delete(CONFIG_MAP, key, uid=created["metadata"]["uid"])
    assert await client.get(CONFIG_MAP, key) is None
    assert not await client.delete(CONFIG_MAP, key, uid=created["metadata"]["uid"])


async def test_conflicts_are_transient_and_quick(client: KubeClient, namespace: str) -> None:
    created = await client.create(CONFIG_MAP, config(namespace))
    with pytest.raises(Transient, match="already exists") as caught:
        await client.create(CONFIG_MAP, config(namespace))
    assert caught.value.retry_after == 0.5
    await client.replace(CONFIG_MAP, {**created, "data": {"a": "1"}})
    with pytest.raises(Transient, match="has been modified"):
        await client.replace(CONFIG_MAP, {**created, "data": {"a": "2"}})


async def test_delete_spares_another_object_of_the_same_name(client: KubeClient, namespace: str) -> None:
    key = Key(namespace, "orders")
    old = await client.create(CONFIG_MAP, config(namespace))
    await client.delete(CONFIG_MAP, key, uid=old["metadata"]["uid"])
    new = await client.create(CONFIG_MAP, config(namespace))
    assert not await client.delete(CONFIG_MAP, key, uid=old["metadata"]["uid"])
    assert await client.get(CONFIG_MAP, key) == new


async def test_apply_owns_its_fields_and_no_others(client: KubeClient, kubeconfig: Path, namespace: str) -> None:
    other = Connection.load(str(kubeconfig)).client("somebody-else")
    await other.apply(CONFIG_MAP, config(namespace, data={"theirs": "x", "shared": "x"}))
    await client.apply(CONFIG_MAP, config(namespace, data={"ours": "1", "old": "1", "shared": "ours"}))
    found = await client.apply(CONFIG_MAP, config(namespace, data={"ours": "1", "shared": "ours"}))
    assert found["data"] == {"theirs": "x", "ours": "1", "shared": "ours"}
    assert await client.apply(CONFIG_MAP, config(namespace, data={"ours": "1", "shared": "ours"})) == found
    managers = {entry["manager"]: entry["operation"] for entry in found["metadata"]["managedFields"]}
    assert managers == {"davit-test": "Apply", "somebody-else": "Apply"}
    await other.close()


@pytest.mark.parametrize("limits", ["much", {"cpu": "much"}])
async def test_an_object_of_the_wrong_shape_is_rejected(client: KubeClient, namespace: str, limits: Any) -> None:
    container = {"name": "c", "image": "i", "resources": {"limits": limits}}
    template = {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [container]}}
    body: Manifest = {
        "apiVersion": STATEFUL_SET.api_version,
        "kind": STATEFUL_SET.kind,
        "metadata": {"name": "odd", "namespace": namespace},
        "spec": {"serviceName": "odd", "selector": {"matchLabels": {"a": "b"}}, "template": template},
    }
    with pytest.raises(Rejected, match="odd"):
        await client.apply(STATEFUL_SET, body)


async def test_status_has_its_own_manager_and_a_lock_by_version_but_none_by_uid(
    client: KubeClient, namespace: str, toys: Kind
) -> None:
    """The API server ignores a wrong uid in an apply to a custom resource's status; only resourceVersion guards it."""
    await maintain(client, [toy_crd(toys, "colour")], "1.0.0")
    head: Manifest = {"apiVersion": toys.api_version, "kind": "Toy"}
    metadata = {"name": "bear", "namespace": namespace}
    created = await client.create(toys, {**head, "metadata": metadata, "spec": {"colour": "red"}, "status": {"x": 1}})
    assert "status" not in created
    written = await client.apply(toys, {**head, "metadata": metadata, "status": {"ready": True}}, subresource="status")
    assert (written["status"], written["spec"]) == ({"ready": True}, {"colour": "red"})
    assert written["metadata"]["generation"] == created["metadata"]["generation"]
    assert "davit-test-status" in {entry["manager"] for entry in written["metadata"]["managedFields"]}

    async def apply(**changed: str) -> Manifest:
        body = {**head, "metadata": {**metadata, **changed}, "status": {"ready": False}}
        return await client.apply(toys, body, subresource="status")

    with pytest.raises(Transient, match="has been modified"):
        await apply(resourceVersion=created["metadata"]["resourceVersion"])
    with pytest.raises(Transient, match="not found"):
        await apply(name="none")
    assert await client.get(toys, Key(namespace, "bear")) == written
    assert (await apply(uid="another"))["status"] == {"ready": False}


async def test_apply_with_a_uid_makes_and_changes_no_other_object(client: KubeClient, namespace: str) -> None:
    body = config(namespace)
    meant = {**body, "metadata": {**body["metadata"], "uid": "11111111-1111-1111-1111-111111111111"}}
    with pytest.raises(Transient, match="uid mismatch"):
        await client.apply(CONFIG_MAP, meant)
    assert await client.list(CONFIG_MAP, namespace) == []
    await client.apply(CONFIG_MAP, body)
    with pytest.raises(Rejected, match="field is immutable"):
        await client.apply(CONFIG_MAP, meant)


async def test_lists_are_read_page_by_page(client: KubeClient, namespace: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "PAGE", 2)
    names = [f"c{number}" for number in range(5)]
    for name in names:
        metadata = {"name": name, "namespace": namespace, "labels": {"odd": str(int(name[1:]) % 2), "test": namespace}}
        await client.create(CONFIG_MAP, {**config(namespace), "metadata": metadata})
    listed = await client.list(CONFIG_MAP, namespace)
    assert [found["metadata"]["name"] for found in listed] == names
    assert {(found["apiVersion"], found["kind"]) for found in listed} == {("v1", "ConfigMap")}
    assert [found["metadata"]["name"] for found in await client.list(CONFIG_MAP, None, labels={"test": namespace})] == names
    odd = await client.list(CONFIG_MAP, namespace, labels={"odd": "1", "test": namespace})
    assert [found["metadata"]["name"] for found in odd] == ["c1", "c3"]
    even = await client.list(CONFIG_MAP, namespace, labels={"test": namespace}, unlike={"odd": "1", "other": "x"})
    assert [found["metadata"]["name"] for found in even] == ["c0", "c2", "c4"]
    (one,) = await client.list(CONFIG_MAP, namespace, fields={"metadata.name": "c2"})
    assert one["metadata"]["name"] == "c2"
    assert await client.keys(CONFIG_MAP, namespace) == {Key(namespace, name) for name in names}


async def test_an_unknown_kind_is_empty_and_known_once_its_crd_is_there(client: KubeClient, namespace: str, toys: Kind) -> None:
    assert not await client.serves(toys)
    assert await client.list(toys, None) == []
    assert await client.keys(toys, namespace) == set()
    assert await client.get(toys, Key(namespace, "bear")) is None
    assert await client.serves(CONFIG_MAP)
    await maintain(client, [toy_crd(toys)], "1.0.0")
    assert await client.list(toys, None) == []
    assert await client.keys(toys, None) == set()
    crd = await client.get(CRD, Key("", f"toys.{toys.group}"))
    assert crd is not None


async def test_what_the_server_refuses_is_rejected_in_its_words(client: KubeClient, namespace: str) -> None:
    service = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "x", "namespace": namespace}}
    with pytest.raises(Rejected, match=r"spec\.ports: Required value"):
        await client.apply(SERVICE, {**service, "spec": {"type": "ClusterIP"}})
    with pytest.raises(Rejected, match=r"unknown field|cannot unmarshal|json"):
        await client.create(SERVICE, {**service, "spec": "no object"})
    with pytest.raises(Rejected):
        await client.apply(CONFIG_MAP, config(namespace, data={"big": "x" * 1_100_000}))


async def test_a_missing_namespace_is_transient(client: KubeClient) -> None:
    with pytest.raises(Transient, match='namespaces "nowhere" not found'):
        await client.create(CONFIG_MAP, config("nowhere"))


async def test_missing_rights_are_named(control_plane: ControlPlane, client: KubeClient, namespace: str, tmp_path: Path) -> None:
    kubeconfig = await person(control_plane, client, namespace, [("", "configmaps", "get,create")], tmp_path)
    limited = Connection.load(str(kubeconfig)).client("limited")
    await limited.create(CONFIG_MAP, config(namespace))
    for attempt, words in (
        (limited.list(CONFIG_MAP, namespace), "list configmaps in namespace"),
        (limited.list(CONFIG_MAP, None), "list configmaps: "),
        (limited.apply(CONFIG_MAP, config(namespace)), "apply configmaps orders in namespace"),
        (limited.get(CRD, Key("", "x")), "get customresourcedefinitions.apiextensions.k8s.io x: "),
    ):
        with pytest.raises(Blocked, match=words) as caught:
            await attempt
        assert caught.value.reason == "Forbidden"
    await limited.close()


async def test_events_are_accepted_and_said_once(client: KubeClient, kubeconfig: Path, namespace: str) -> None:
    about = await client.create(CONFIG_MAP, config(namespace))
    notice = Notice("MemberLost", "ü" * 3000, warning=True)
    other_replica = Connection.load(str(kubeconfig)).client("davit-test", instance="davit-test-1")
    await client.event(about, notice)
    await other_replica.event(about, notice)
    (event,) = await client.list(EVENT, namespace)
    assert (event["reason"], event["type"]) == ("MemberLost", "Warning")
    assert event["reportingController"] == "davit-test"
    assert event["regarding"]["uid"] == about["metadata"]["uid"]
    await other_replica.close()


async def test_events_about_cluster_scoped_objects_are_accepted(
    client: KubeClient, namespace: str, caplog: pytest.LogCaptureFixture
) -> None:
    about = await client.get(NAMESPACE, Key("", namespace))
    assert about is not None
    await client.event({"apiVersion": "v1", "kind": "Namespace", **about}, Notice("Seen", namespace))
    assert caplog.text == ""
    posted = await client.list(EVENT, "default", fields={"reason": "Seen"})
    assert namespace in {event["note"] for event in posted}


async def test_an_event_that_may_not_be_posted_fails_nothing(
    control_plane: ControlPlane, client: KubeClient, namespace: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    kubeconfig = await person(control_plane, client, namespace, [], tmp_path)
    limited = Connection.load(str(kubeconfig)).client("limited")
    with caplog.at_level(logging.WARNING):
        await limited.event(config(namespace), Notice("MemberLost", "x"))
    assert "the event MemberLost was not posted: create events.events.k8s.io" in caplog.text
    await limited.close()
