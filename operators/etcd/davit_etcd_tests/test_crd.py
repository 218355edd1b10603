from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from davit.crd import manifest
from davit_etcd.api.v1 import CRD

DEFINITION = manifest(CRD)
(VERSION,) = DEFINITION["spec"]["versions"]
SCHEMA = VERSION["schema"]["openAPIV3Schema"]


def nodes(schema: dict[str, Any], path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    yield path, schema
    for name, below in schema.get("properties", {}).items():
        yield from nodes(below, f"{path}.{name}")
    for part in ("items", "additionalProperties"):
        if isinstance(schema.get(part), dict):
            yield from nodes(schema[part], f"{path}[]")


NODES = dict(nodes(SCHEMA))


def test_names() -> None:
    assert DEFINITION["metadata"]["name"] == "etcdclusters.etcd.davit.dev"
    assert DEFINITION["spec"]["names"]["shortNames"] == ["etcd"]
    assert DEFINITION["spec"]["scope"] == "Namespaced"
    assert VERSION["served"]
    assert VERSION["storage"]


def test_subresources() -> None:
    assert VERSION["subresources"]["status"] == {}
    scale = VERSION["subresources"]["scale"]
    for path in scale.values():
        assert path in NODES, path


def test_only_one_default_for_ever() -> None:
    assert {path: node["default"] for path, node in NODES.items() if "default" in node} == {".status": {"observedGeneration": -1}}


def test_every_list_says_how_it_merges() -> None:
    lists = {path: node for path, node in NODES.items() if node.get("type") == "array"}
    assert lists
    for path, node in lists.items():
        assert node["x-kubernetes-list-type"] in ("atomic", "map", "set"), path
        for key in node.get("x-kubernetes-list-map-keys", ()):
            assert key in node["items"]["required"], path


def test_every_field_is_explained() -> None:
    for path, node in NODES.items():
        if path.count(".") >= 1 and "[]" not in path and path not in (".apiVersion", ".kind", ".metadata"):
            assert node.get("description"), path


def test_fields_of_the_spec_are_bounded() -> None:
    """Without bounds the API server refuses the rules as too dear."""
    for path, node in NODES.items():
        if not path.startswith(".spec") or "[]" in path or "enum" in node:
            continue
        if node.get("type") == "string" or node.get("x-kubernetes-int-or-string"):
            assert "maxLength" in node, path
        if node.get("type") == "array":
            assert "maxItems" in node, path


@pytest.mark.parametrize("required", [("spec", ["size", "version"])])
def test_little_is_required(required: tuple[str, list[str]]) -> None:
    assert SCHEMA["required"] == ["spec"]
    assert SCHEMA["properties"][required[0]]["required"] == required[1]


def test_parts_of_a_pod_are_left_open() -> None:
    for path in (".spec.affinity", ".spec.resources", ".spec.tolerations[]", ".spec.topologySpread[]"):
        assert NODES[path]["x-kubernetes-preserve-unknown-fields"] is True, path


def test_columns_point_at_fields() -> None:
    for column in VERSION["additionalPrinterColumns"]:
        path = column["jsonPath"].split("[", 1)[0]
        assert path in NODES or path == ".metadata.creationTimestamp", path


def test_quantities_may_be_numbers_or_texts() -> None:
    node = NODES[".spec.quota"]
    assert node["x-kubernetes-int-or-string"] is True
    assert "type" not in node
