from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest
from davit import apply
from davit.drift import drift, pointer
from davit.errors import Blocked, Rejected, Transient
from davit.kube.kinds import PERSISTENT_VOLUME_CLAIM, SERVICE, STATEFUL_SET
from davit.kube.labels import owner_reference
from davit.model import Key, Kind, Manifest
from davit.testing.builders import resource
from davit.testing.fake_client import FakeClient, Write

ME = "me"
OWNER = resource(Kind("example.org", "v1", "Example", "examples"), "main")
KEY = Key("ns", "a")


def service(**spec: Any) -> Manifest:
    body = {"selector": {"app": "a"}, "ports": [{"name": "p", "port": 1, "targetPort": "p", "protocol": "TCP"}], **spec}
    meta = {"name": "a", "namespace": "ns", "labels": {"l": "1"}, "ownerReferences": [owner_reference(OWNER)]}
    return {"apiVersion": "v1", "kind": "Service", "metadata": meta, "spec": body}


def stateful_set(**container: Any) -> Manifest:
    pod = {"containers": [{"name": "main", "image": "i", **container}]}
    labels = {"app": "a"}
    spec = {"replicas": 1, "selector": {"matchLabels": labels}, "template": {"metadata": {"labels": labels}, "spec": pod}}
    return {"apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": {"name": "a", "namespace": "ns"}, "spec": deepcopy(spec)}


async def live(manifest: Manifest, manager: str = ME) -> tuple[FakeClient, Manifest]:
    client = FakeClient(manager)
    return client, await client.apply(kind_of(manifest), manifest)


def kind_of(manifest: Manifest) -> Kind:
    return next(kind for kind in (SERVICE, STATEFUL_SET, PERSISTENT_VOLUME_CLAIM) if kind.matches(manifest))


async def brought(client: FakeClient, manifest: Manifest, listed: bool = True) -> list[Write]:
    """What is written to bring the live object to the manifest, which must then be where it should."""
    del client.writes[:]
    found = await client.get(kind_of(manifest), Key("ns", manifest["metadata"]["name"]))
    await apply.apply_all(client, ME, OWNER, [found] if found and listed else [], [manifest])
    written = list(client.writes)
    after = await client.get(kind_of(manifest), Key("ns", manifest["metadata"]["name"]))
    assert after is not None
    assert not drift(manifest, after, ME)
    return written


async def test_what_is_missing_is_made_by_one_write() -> None:
    client = FakeClient(ME)
    assert await brought(client, service()) == [Write("apply", "Service", "a")]


async def test_what_is_right_costs_nothing() -> None:
    client, _ = await live(service())
    assert await brought(client, service()) == []


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("spec", "clusterIP"), "10.0.0.1"),
        (("spec", "sessionAffinity"), "None"),
        (("spec", "ports", 0, "nodePort"), 30000),
        (("metadata", "labels", "theirs"), "x"),
        (("metadata", "annotations"), {"theirs": "x"}),
        (("metadata", "finalizers"), ["theirs"]),
        (("metadata", "resourceVersion"), "99"),
        (("status",), {"x": 1}),
    ],
)
async def test_defaults_and_additions_of_others_are_no_drift(path: tuple[Any, ...], value: Any) -> None:
    client, _ = await live(service())
    put(client.objects[SERVICE, KEY], path, value)
    assert await brought(client, service()) == []
    assert get(client.objects[SERVICE, KEY], path) == value


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("spec", "ports", 0, "port"), 2),
        (("spec", "ports", 0, "name"), "q"),
        (("spec", "ports"), []),
        (("metadata", "labels", "l"), "2"),
        (("metadata", "labels"), {}),
        (("metadata", "ownerReferences"), []),
        (("spec", "selector", "app"), "b"),
    ],
)
async def test_what_was_changed_or_lost_is_put_back(path: tuple[Any, ...], value: Any) -> None:
    client, _ = await live(service())
    put(client.objects[SERVICE, KEY], path, value)
    assert await brought(client, service())
    assert client.objects[SERVICE, KEY]["spec"]["ports"][0]["port"] == 1


def put(manifest: Any, path: tuple[Any, ...], value: Any) -> None:
    for part in path[:-1]:
        manifest = manifest[part]
    manifest[path[-1]] = value


def get(manifest: Any, path: tuple[Any, ...]) -> Any:
    for part in path:
        manifest = manifest[part]
    return manifest


async def test_a_key_more_in_a_selector_is_taken_away() -> None:
    """It would select nothing any more."""
    client, _ = await live(service())
    client.objects[SERVICE, KEY]["spec"]["selector"]["theirs"] = "x"
    assert await brought(client, service()) == [Write("patch", "Service", "a")]
    assert client.objects[SERVICE, KEY]["spec"]["selector"] == {"app": "a"}


async def test_a_patch_that_the_server_will_never_take_is_not_tried_for_ever() -> None:
    client, _ = await live(service())
    client.objects[SERVICE, KEY]["spec"]["selector"]["theirs"] = "x"
    client.fail_write(1, before=True, error=Rejected("Too long: may not be more than 1048576 bytes"))
    with pytest.raises(Rejected, match="Too long"):
        await apply.apply_all(client, ME, OWNER, [deepcopy(client.objects[SERVICE, KEY])], [service()])


async def test_a_patch_of_what_is_no_longer_so_is_tried_again() -> None:
    client, _ = await live(service())
    client.objects[SERVICE, KEY]["spec"]["selector"]["theirs"] = "x"
    stale = deepcopy(client.objects[SERVICE, KEY])
    del client.objects[SERVICE, KEY]["spec"]["selector"]["theirs"]
    client.fail_write(1, before=True, error=Rejected("the path does not exist"))
    with pytest.raises(Transient, match="does not exist"):
        await apply.apply_all(client, ME, OWNER, [stale], [service()])


async def test_an_item_more_in_a_list_is_taken_away() -> None:
    client, _ = await live(service())
    client.objects[SERVICE, KEY]["spec"]["ports"].append({"name": "theirs", "port": 9})
    assert await brought(client, service()) == [Write("patch", "Service", "a")]
    assert len(client.objects[SERVICE, KEY]["spec"]["ports"]) == 1


async def test_a_foreign_container_is_taken_away_wherever_it_stands() -> None:
    client, _ = await live(stateful_set())
    containers = client.objects[STATEFUL_SET, KEY]["spec"]["template"]["spec"]["containers"]
    containers.insert(0, {"name": "theirs", "image": "x"})
    await brought(client, stateful_set())
    assert [c["name"] for c in client.objects[STATEFUL_SET, KEY]["spec"]["template"]["spec"]["containers"]] == ["main"]


async def test_owners_of_others_are_left_alone_and_ours_is_kept() -> None:
    client, _ = await live(service())
    references = client.objects[SERVICE, KEY]["metadata"]["ownerReferences"]
    references.insert(0, {"kind": "Other", "name": "o", "uid": "other", "apiVersion": "v1"})
    assert await brought(client, service()) == []
    del references[1]
    await brought(client, service())
    uids = {ref["uid"] for ref in client.objects[SERVICE, KEY]["metadata"]["ownerReferences"]}
    assert uids == {"other", "uid-cr"}


@pytest.mark.parametrize(("ours", "theirs"), [("0.5", "500m"), ("1024Mi", "1Gi"), (1, "1"), ("1", 1)])
async def test_quantities_are_compared_by_value(ours: Any, theirs: Any) -> None:
    wanted = stateful_set(resources={"limits": {"cpu": ours}})
    client, _ = await live(wanted)
    limits = client.objects[STATEFUL_SET, KEY]["spec"]["template"]["spec"]["containers"][0]["resources"]["limits"]
    limits["cpu"] = theirs
    assert await brought(client, wanted) == []
    limits["cpu"] = "3"
    assert await brought(client, wanted)


@pytest.mark.parametrize(("ours", "theirs"), [("1", "1.0"), ("1e3", "1000"), ("12e4567890123456", "12e4567890123457")])
async def test_nothing_else_is(ours: str, theirs: str) -> None:
    wanted = service()
    wanted["metadata"]["annotations"] = {"digest": ours}
    client, _ = await live(wanted)
    client.objects[SERVICE, KEY]["metadata"]["annotations"]["digest"] = theirs
    assert await brought(client, wanted)
    assert client.objects[SERVICE, KEY]["metadata"]["annotations"]["digest"] == ours


@pytest.mark.parametrize("empty", [{}, []])
async def test_an_empty_part_may_be_dropped_by_the_server(empty: Any) -> None:
    wanted = stateful_set(extra=empty)
    client, _ = await live(wanted)
    del client.objects[STATEFUL_SET, KEY]["spec"]["template"]["spec"]["containers"][0]["extra"]
    found = client.objects[STATEFUL_SET, KEY]
    assert not drift(wanted, found, ME).apply


async def test_a_field_that_we_no_longer_send_goes() -> None:
    client, _ = await live(service(sessionAffinity="ClientIP"))
    assert await brought(client, service()) == [Write("apply", "Service", "a")]
    assert "sessionAffinity" not in client.objects[SERVICE, KEY]["spec"]


async def test_a_keyed_item_that_we_no_longer_send_goes() -> None:
    """In managedFields these are `k:{...}`."""
    env = [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}]
    client, found = await live(stateful_set(env=env))
    assert 'k:{\\"name\\":\\"B\\"}' in str(found["metadata"]["managedFields"]).replace('"', '\\"')
    wanted = stateful_set(env=env[:1])
    assert await brought(client, wanted)
    assert client.objects[STATEFUL_SET, KEY]["spec"]["template"]["spec"]["containers"][0]["env"] == env[:1]


async def test_what_another_manager_applied_is_taken_over() -> None:
    client, _ = await live(service(), "someone")
    client.manager = ME
    assert await brought(client, service()) == [Write("apply", "Service", "a")]


async def test_a_field_of_another_manager_is_no_leftover() -> None:
    client, _ = await live(service())
    entries = client.objects[SERVICE, KEY]["metadata"]["managedFields"]
    entries.append({"manager": "theirs", "operation": "Update", "fieldsV1": {"f:spec": {"f:clusterIP": {}}}})
    entries.append({"manager": ME, "operation": "Apply", "subresource": "status", "fieldsV1": {"f:status": {}}})
    assert await brought(client, service()) == []


async def test_a_strangers_object_is_refused() -> None:
    client = FakeClient(ME)
    stranger = service()
    del stranger["metadata"]["ownerReferences"]
    client.put(SERVICE, stranger)
    with pytest.raises(Blocked, match="Service a exists and is not this resource's: delete it") as caught:
        await apply.apply_all(client, ME, OWNER, [], [service()])
    assert caught.value.reason == "NameTaken"
    assert client.writes == []


async def test_nobody_is_told_to_delete_data() -> None:
    client = FakeClient(ME)
    claim: Manifest = {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": "a", "namespace": "ns"},
        "spec": {},
    }
    client.put(PERSISTENT_VOLUME_CLAIM, claim)
    with pytest.raises(Blocked) as caught:
        await apply.apply_all(client, ME, OWNER, [], [claim])
    assert "delete" not in str(caught.value)


async def test_our_own_object_that_lost_its_labels_is_taken_back() -> None:
    client, _ = await live(service())
    client.objects[SERVICE, KEY]["metadata"]["labels"] = {}
    assert await brought(client, service(), listed=False) == [Write("apply", "Service", "a")]


async def test_objects_are_applied_in_the_order_given() -> None:
    client = FakeClient(ME)
    second = service()
    second["metadata"]["name"] = "b"
    await apply.apply_all(client, ME, OWNER, [], [second, service()])
    assert [write.name for write in client.writes] == ["b", "a"]


@pytest.mark.parametrize(
    ("references", "kinds", "gone"),
    [
        ([owner_reference(OWNER)], (SERVICE,), True),
        ([owner_reference(OWNER)], (STATEFUL_SET,), False),
        ([], (SERVICE,), False),
        ([{**owner_reference(OWNER), "uid": "other"}], (SERVICE,), False),
        ([{**owner_reference(OWNER), "controller": False}], (SERVICE,), False),
    ],
)
async def test_only_our_own_of_a_named_kind_is_pruned(references: list[Any], kinds: tuple[Kind, ...], gone: bool) -> None:
    client, _ = await live(service())
    client.objects[SERVICE, KEY]["metadata"]["ownerReferences"] = references
    found = [deepcopy(client.objects[SERVICE, KEY])]
    await apply.prune(client, OWNER, found, [], kinds)
    assert (KEY in {key for _, key in client.objects}) is not gone


async def test_what_is_wanted_is_not_pruned_nor_a_successor() -> None:
    client, found = await live(service())
    await apply.prune(client, OWNER, [found], [service()], (SERVICE,))
    client.objects[SERVICE, KEY]["metadata"]["uid"] = "successor"
    await apply.prune(client, OWNER, [found], [], (SERVICE,))
    assert (SERVICE, KEY) in client.objects


def test_pointers() -> None:
    assert pointer(("metadata", "labels", "a/b~c", 0)) == "/metadata/labels/a~1b~0c/0"
