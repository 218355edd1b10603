from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest
from davit.errors import Rejected, Transient
from davit.kube.client import Client
from davit.kube.kinds import CONFIG_MAP, STATEFUL_SET
from davit.model import Key, Manifest, Notice
from davit.process import Cluster
from davit.testing.fake_client import Crash, FakeClient, Write

KEY = Key("shop", "orders")


def config(data: Mapping[str, str] | None = None, **metadata: Any) -> Manifest:
    body: Manifest = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "orders", "namespace": "shop", **metadata}}
    return body if data is None else {**body, "data": dict(data)}


def test_it_is_a_client_and_a_cluster() -> None:
    client: Callable[[], Client] = FakeClient
    cluster: Callable[[], Cluster] = FakeClient
    assert client is cluster


async def test_apply_creates_and_repeats_change_nothing() -> None:
    client = FakeClient()
    first = await client.apply(CONFIG_MAP, config({"a": "1"}))
    assert first["metadata"]["generation"] == 1
    assert await client.apply(CONFIG_MAP, config({"a": "1"})) == first
    second = await client.apply(CONFIG_MAP, config({"a": "2"}))
    assert second["metadata"]["uid"] == first["metadata"]["uid"]
    assert second["metadata"]["resourceVersion"] != first["metadata"]["resourceVersion"]
    assert second["metadata"]["generation"] == 2


async def test_what_a_manager_no_longer_sends_goes_and_others_fields_stay() -> None:
    client = FakeClient("us")
    client.put(CONFIG_MAP, config({"seeded": "x"}))
    await client.apply(CONFIG_MAP, config({"a": "1", "b": "2"}, labels={"l": "1"}))
    found = await client.apply(CONFIG_MAP, config({"b": "2"}))
    assert found["data"] == {"seeded": "x", "b": "2"}
    assert "labels" not in found["metadata"]


async def test_a_field_with_two_owners_goes_with_the_last() -> None:
    client = FakeClient("one")
    await client.apply(CONFIG_MAP, config({"a": "1"}))
    client.manager = "two"
    await client.apply(CONFIG_MAP, config({"a": "1", "b": "2"}))
    client.manager = "one"
    assert (await client.apply(CONFIG_MAP, config({})))["data"] == {"a": "1", "b": "2"}
    client.manager = "two"
    assert (await client.apply(CONFIG_MAP, config({})))["data"] == {}


async def test_managed_fields_have_the_real_form() -> None:
    client = FakeClient("us")
    template = {"spec": {"containers": [{"name": "etcd", "args": ["--a"]}]}}
    found = await client.apply(
        STATEFUL_SET,
        {"apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": {"name": "x"}, "spec": {"template": template}},
    )
    (entry,) = found["metadata"]["managedFields"]
    assert (entry["manager"], entry["operation"]) == ("us", "Apply")
    containers: Manifest = {'k:{"name":"etcd"}': {".": {}, "f:name": {}, "f:args": {}}}
    assert entry["fieldsV1"] == {"f:spec": {"f:template": {"f:spec": {"f:containers": containers}}}}


async def test_items_of_keyed_lists_are_merged_and_removed_by_key() -> None:
    def pods(*containers: dict[str, str]) -> Manifest:
        spec = {"template": {"spec": {"containers": list(containers)}}}
        return {"apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": {"name": "x"}, "spec": spec}

    client = FakeClient("injector")
    await client.apply(STATEFUL_SET, pods({"name": "sidecar", "image": "s"}))
    client.manager = "us"
    await client.apply(STATEFUL_SET, pods({"name": "etcd", "image": "1"}, {"name": "old", "image": "o"}))
    found = await client.apply(STATEFUL_SET, pods({"name": "etcd", "image": "2"}))
    assert found["spec"]["template"]["spec"]["containers"] == [
        {"name": "sidecar", "image": "s"},
        {"name": "etcd", "image": "2"},
    ]


async def test_status_is_a_world_of_its_own() -> None:
    client = FakeClient("us")
    created = await client.create(STATEFUL_SET, {"metadata": {"name": "x"}, "spec": {"a": 1}, "status": {"ready": 1}})
    assert "status" not in created
    another = {"metadata": {"name": "x", "uid": "ignored"}, "status": {"ready": 2}}
    found = await client.apply(STATEFUL_SET, another, subresource="status")
    assert (found["spec"], found["status"]) == ({"a": 1}, {"ready": 2})
    assert found["metadata"]["generation"] == 1
    replaced = await client.replace(STATEFUL_SET, {**found, "spec": {"a": 2}, "status": {"ready": 9}})
    assert (replaced["status"], replaced["metadata"]["generation"]) == ({"ready": 2}, 2)
    with pytest.raises(Transient, match="has been modified"):
        await client.apply(STATEFUL_SET, {**created, "status": {"ready": 9}}, subresource="status")
    applied = await client.apply(STATEFUL_SET, {"metadata": {"name": "x"}, "status": {"ready": 9}})
    assert applied["status"] == {"ready": 2}


async def test_optimistic_locking_and_uids() -> None:
    client = FakeClient()
    first = await client.create(CONFIG_MAP, config({"a": "1"}))
    with pytest.raises(Transient, match="already exists"):
        await client.create(CONFIG_MAP, config())
    await client.replace(CONFIG_MAP, {**first, "data": {"a": "2"}})
    with pytest.raises(Transient, match="has been modified"):
        await client.replace(CONFIG_MAP, {**first, "data": {"a": "3"}})
    with pytest.raises(Rejected, match="immutable"):
        await client.apply(CONFIG_MAP, config({"a": "4"}, uid="another"))
    with pytest.raises(Transient, match="uid mismatch"):
        await client.apply(CONFIG_MAP, config({"a": "4"}, name="none", uid="another"))
    with pytest.raises(Transient, match="has been modified"):
        await client.apply(CONFIG_MAP, config({"a": "4"}, resourceVersion=first["metadata"]["resourceVersion"]))
    with pytest.raises(Transient, match="not found"):
        await client.apply(CONFIG_MAP, {"metadata": {"name": "none"}, "status": {}}, subresource="status")
    with pytest.raises(Transient, match="not found"):
        await client.patch(CONFIG_MAP, Key("shop", "none"), [])
    assert client.objects[CONFIG_MAP, KEY]["data"] == {"a": "2"}


async def test_json_patch() -> None:
    client = FakeClient()
    await client.create(CONFIG_MAP, config({"a": "1"}))
    found = await client.patch(CONFIG_MAP, KEY, [{"op": "replace", "path": "/data", "value": {"b": "2"}}])
    assert found["data"] == {"b": "2"}
    with pytest.raises(Rejected):
        await client.patch(CONFIG_MAP, KEY, [{"op": "replace", "path": "/nowhere/at/all", "value": 1}])


async def test_delete_needs_the_right_uid_and_waits_for_finalizers() -> None:
    client = FakeClient()
    uid = client.put(CONFIG_MAP, config(finalizers=["x/y"]))["metadata"]["uid"]
    assert not await client.delete(CONFIG_MAP, KEY, uid="another")
    assert client.writes == []
    assert await client.delete(CONFIG_MAP, KEY, uid=uid)
    marked = await client.get(CONFIG_MAP, KEY)
    assert marked is not None
    assert marked["metadata"]["deletionTimestamp"]
    await client.replace(CONFIG_MAP, {**marked, "metadata": {**marked["metadata"], "finalizers": []}})
    assert await client.delete(CONFIG_MAP, KEY, uid=uid)
    assert await client.get(CONFIG_MAP, KEY) is None


async def test_list_selects() -> None:
    client = FakeClient()
    for name, namespace, label in (("b", "x", "1"), ("a", "x", "2"), ("c", "y", "1")):
        client.put(CONFIG_MAP, {"metadata": {"name": name, "namespace": namespace, "labels": {"l": label}}})

    async def names(namespace: str | None, **selectors: Mapping[str, str]) -> list[str]:
        return [found["metadata"]["name"] for found in await client.list(CONFIG_MAP, namespace, **selectors)]

    assert await names(None) == ["a", "b", "c"]
    assert await names("x") == ["a", "b"]
    assert await names(None, labels={"l": "1"}) == ["b", "c"]
    assert await names(None, fields={"metadata.name": "a"}) == ["a"]
    assert await names(None, fields={"spec.nodeName": "a"}) == []
    assert await client.keys(CONFIG_MAP, "y") == {Key("y", "c")}
    assert (await client.list(CONFIG_MAP, None))[0]["kind"] == "ConfigMap"


async def test_what_is_read_is_a_copy() -> None:
    client = FakeClient()
    sent = config({"a": "1"})
    read = await client.apply(CONFIG_MAP, sent)
    read["data"]["a"] = sent["data"]["a"] = "changed"
    (listed,) = await client.list(CONFIG_MAP, None)
    listed["data"]["a"] = "changed"
    assert client.objects[CONFIG_MAP, KEY]["data"] == {"a": "1"}


@pytest.mark.parametrize("before", [True, False])
async def test_crash_points(before: bool) -> None:
    client = FakeClient()
    client.fail_write(2, before=before)
    await client.apply(CONFIG_MAP, config({"a": "1"}))
    with pytest.raises(Crash):
        await client.apply(CONFIG_MAP, config({"a": "2"}))
    assert client.objects[CONFIG_MAP, KEY]["data"] == {"a": "1" if before else "2"}
    assert client.writes == [Write("apply", "ConfigMap", "orders")] * (1 if before else 2)
    await client.apply(CONFIG_MAP, config({"a": "3"}))
    assert client.objects[CONFIG_MAP, KEY]["data"] == {"a": "3"}


async def test_writes_and_events_are_recorded() -> None:
    client = FakeClient()
    created = await client.create(CONFIG_MAP, config())
    await client.patch(CONFIG_MAP, KEY, [])
    await client.apply(CONFIG_MAP, {**config(), "status": {"x": 1}}, subresource="status")
    await client.delete(CONFIG_MAP, KEY, uid=created["metadata"]["uid"])
    assert [write.verb for write in client.writes] == ["create", "patch", "apply/status", "delete"]
    await client.event(created, Notice("A", "b"))
    await client.event(created, Notice("A", "b"))
    await client.event(created, Notice("A", "c"))
    assert client.events == [Notice("A", "b"), Notice("A", "c")]
