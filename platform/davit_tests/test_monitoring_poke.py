from __future__ import annotations

from typing import Any

import pytest
from davit.errors import Transient
from davit.kube.kinds import POD
from davit.model import Key
from davit.monitoring.poke import ANNOTATION, poke
from davit.testing.fake_client import FakeClient


@pytest.mark.parametrize("annotations", [None, {}, {"other": "stays"}, {ANNOTATION: "old"}])
async def test_the_annotation_changes_and_nothing_else(annotations: dict[str, str] | None) -> None:
    client = FakeClient()
    metadata: dict[str, Any] = {"name": "p", "namespace": "shop", "uid": "u"}
    pod = client.put(
        POD, {"metadata": metadata | ({} if annotations is None else {"annotations": annotations}), "spec": {"a": 1}}
    )
    await poke(client, POD, pod, "new")
    found = client.objects[POD, Key("shop", "p")]
    assert found["metadata"]["annotations"] == {**(annotations or {}), ANNOTATION: "new"}
    assert found["spec"] == {"a": 1}


async def test_a_pod_made_anew_under_the_name_is_left_alone() -> None:
    client = FakeClient()
    pod = client.put(POD, {"metadata": {"name": "p", "namespace": "shop", "uid": "u"}})
    client.put(POD, {"metadata": {"name": "p", "namespace": "shop", "uid": "another"}})
    with pytest.raises(Transient):
        await poke(client, POD, pod, "new")
    client.remove(POD, Key("shop", "p"))
    with pytest.raises(Transient):
        await poke(client, POD, pod, "new")


async def test_annotations_that_appear_meanwhile_are_not_lost() -> None:
    client = FakeClient()
    pod = client.put(POD, {"metadata": {"name": "p", "namespace": "shop", "uid": "u", "annotations": {"a": "b"}}})
    client.put(POD, {"metadata": {"name": "p", "namespace": "shop", "uid": "u", "annotations": {"a": "b", "c": "d"}}})
    await poke(client, POD, pod, "new")
    assert client.objects[POD, Key("shop", "p")]["metadata"]["annotations"] == {"a": "b", "c": "d", ANNOTATION: "new"}
