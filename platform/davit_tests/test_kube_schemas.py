from __future__ import annotations

from typing import Any

import pytest
from davit.errors import Blocked, Transient
from davit.kube.crds import CRD
from davit.kube.schemas import TTL, Schemas, declared
from davit.model import Key, Kind, Manifest
from davit.testing.fake_client import FakeClient

TOY = Kind("test.davit.dev", "v1", "Toy", "toys")
STATUS: dict[str, Any] = {
    "type": "object",
    "properties": {
        "phase": {"type": "string"},
        "bindings": {"type": "array", "items": {"type": "object", "properties": {"name": {"type": "string"}}}},
        "counts": {"type": "object", "additionalProperties": {"type": "integer"}},
        "free": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
    },
}


def crd(status: dict[str, Any] | None = STATUS, *, subresource: bool = True, version: str = "v1") -> Manifest:
    properties = {} if status is None else {"status": status}
    served = {
        "name": version,
        "subresources": {"status": {}} if subresource else {},
        "schema": {"openAPIV3Schema": {"type": "object", "properties": properties}},
    }
    return {"metadata": {"name": "toys.test.davit.dev"}, "spec": {"versions": [{"name": "v0"}, served]}}


async def fit(found: Manifest | None, status: dict[str, Any]) -> dict[str, Any] | None:
    client = FakeClient()
    if found is not None:
        client.put(CRD, found)
    return await Schemas(client).fit(TOY, status)


async def test_what_the_schema_does_not_have_is_left_out_at_every_depth() -> None:
    status = {
        "phase": "ok", "targets": 3, "bindings": [{"name": "a", "jobs": ["b"]}], "counts": {"x": 1}, "free": {"y": {"z": 1}}
    }  # fmt: skip
    assert await fit(crd(), status) == {"phase": "ok", "bindings": [{"name": "a"}], "counts": {"x": 1}, "free": {"y": {"z": 1}}}


@pytest.mark.parametrize("found", [None, crd(subresource=False), crd(version="v2")])
async def test_a_kind_without_a_status_gets_none(found: Manifest | None) -> None:
    assert await fit(found, {"phase": "ok"}) is None


async def test_where_the_crd_may_not_be_read_everything_is_taken_to_fit() -> None:
    client = FakeClient()

    async def forbidden(kind: Kind, key: Key) -> Manifest | None:
        raise Blocked("Forbidden", "no")

    client.get = forbidden  # type: ignore[method-assign]
    status = {"anything": {"at": ["all"]}}
    assert await Schemas(client).fit(TOY, status) == status


async def test_a_schema_is_read_again_after_a_while_and_after_a_failure() -> None:
    client, now = FakeClient(), [0.0]
    reads: list[Key] = []
    whole = client.get

    async def get(kind: Kind, key: Key) -> Manifest | None:
        reads.append(key)
        if len(reads) == 1:
            raise Transient("away")
        return await whole(kind, key)

    client.get = get  # type: ignore[method-assign]
    client.put(CRD, crd())
    schemas = Schemas(client, lambda: now[0])
    with pytest.raises(Transient):
        await schemas.fit(TOY, {"phase": "ok"})
    for _ in range(3):
        assert await schemas.fit(TOY, {"phase": "ok", "more": 1}) == {"phase": "ok"}
    assert reads == [Key("", "toys.test.davit.dev")] * 2
    client.put(CRD, crd({**STATUS, "properties": {**STATUS["properties"], "more": {"type": "integer"}}}))
    now[0] = TTL
    assert await schemas.fit(TOY, {"phase": "ok", "more": 1}) == {"phase": "ok", "more": 1}


def test_lists_of_anything_stay_what_they_are() -> None:
    assert declared(["a", {"b": 1}], {"items": {"properties": {}}}) == ["a", {}]
    assert declared({"a": {"b": 1}}, {"additionalProperties": True}) == {"a": {"b": 1}}
