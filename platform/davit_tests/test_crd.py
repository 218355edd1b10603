from __future__ import annotations

from typing import Annotated, Any, Literal

import pytest
import yaml
from davit.crd import Column, Crd, Model, camel, dump, manifest, structural, without_descriptions
from davit.model import Kind
from pydantic import Field

ATOMIC = {"x-kubernetes-list-type": "atomic"}


class Part(Model):
    size_limit: int | None = Field(default=None, description="A limit.", ge=1)
    kind_of: Literal["A", "B"] = "A"


class Spec(Model):
    part: Part | None = Field(default=None, description="A part.")
    parts: Annotated[list[Part], Field(json_schema_extra=ATOMIC)] | None = None
    amount: Annotated[int | str, Field(json_schema_extra={"x-kubernetes-int-or-string": True})] | None = None
    anything: Annotated[dict[str, Any], Field(json_schema_extra={"x-kubernetes-preserve-unknown-fields": True})] | None = None
    labels: dict[str, str] = Field(default={})
    only: Literal["x"] | None = None
    above: Annotated[int, Field(gt=3)] | None = None


class Tree(Model):
    below: Tree | None = None


class Union(Model):
    either: int | str


class Loose(Model):
    items_: list[str] = Field(default=[], alias="items")


class Tuple(Model):
    pair: Annotated[tuple[int, str], Field(json_schema_extra=ATOMIC)]


FOUND = structural(Spec)["properties"]


def test_names_are_camel_case() -> None:
    assert camel("db_size_limit") == "dbSizeLimit"
    assert set(FOUND["part"]["properties"]) == {"sizeLimit", "kindOf"}


def test_references_are_inlined_with_the_fields_own_description() -> None:
    assert FOUND["part"]["type"] == "object"
    assert FOUND["part"]["description"] == "A part."
    assert "$ref" not in str(FOUND)
    assert "$defs" not in structural(Spec)


def test_optional_is_just_not_required() -> None:
    assert "required" not in structural(Spec)
    assert FOUND["part"]["properties"]["sizeLimit"] == {"type": "integer", "description": "A limit.", "minimum": 1}


def test_nothing_is_defaulted_for_ever() -> None:
    assert "default" not in str(structural(Spec))


def test_one_model_may_be_used_twice() -> None:
    assert FOUND["parts"]["items"]["properties"] == FOUND["part"]["properties"]


def test_numbers_or_texts() -> None:
    assert FOUND["amount"] == {"x-kubernetes-int-or-string": True}


def test_open_and_typed_maps() -> None:
    assert FOUND["anything"] == {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    assert FOUND["labels"] == {"type": "object", "additionalProperties": {"type": "string"}}


def test_constants_and_open_bounds() -> None:
    assert FOUND["only"]["enum"] == ["x"]
    assert FOUND["above"] == {"type": "integer", "minimum": 3, "exclusiveMinimum": True}


@pytest.mark.parametrize(
    ("model", "why"),
    [(Tree, "recursive"), (Union, "a union has no"), (Loose, "needs x-kubernetes-list-type"), (Tuple, "no structural form")],
)  # fmt: skip
def test_refuses_what_a_structural_schema_can_not_say(model: type[Model], why: str) -> None:
    with pytest.raises(ValueError, match=why):
        structural(model)


def test_says_where() -> None:
    with pytest.raises(ValueError, match=r"Union\.either"):
        structural(Union)


def definition(**more: Any) -> dict[str, Any]:
    kind = Kind("example.org", "v1", "Example", "examples")
    found: dict[str, Any] = manifest(Crd(kind=kind, spec=Part, status=Part, description="An example.", **more))
    return found


def test_the_definition() -> None:
    found = definition(
        short_names=("ex",),
        columns=(Column("Age", ".metadata.creationTimestamp", "date"), Column("More", ".spec.x", description="d", priority=1)),
        rules=(("self.spec.size > 0", "size must be more than nothing"),),
        scale={"specReplicasPath": ".spec.size"},
    )
    assert found["metadata"]["name"] == "examples.example.org"
    (version,) = found["spec"]["versions"]
    assert version["subresources"] == {"status": {}, "scale": {"specReplicasPath": ".spec.size"}}
    assert version["additionalPrinterColumns"][1] == {
        "name": "More",
        "type": "string",
        "jsonPath": ".spec.x",
        "description": "d",
        "priority": 1,
    }
    root = version["schema"]["openAPIV3Schema"]
    assert root["required"] == ["spec"]
    assert root["properties"]["status"]["default"] == {"observedGeneration": -1}
    assert root["x-kubernetes-validations"] == [{"rule": "self.spec.size > 0", "message": "size must be more than nothing"}]


def test_the_least_definition() -> None:
    (version,) = definition()["spec"]["versions"]
    assert version["subresources"] == {"status": {}}
    assert "x-kubernetes-validations" not in version["schema"]["openAPIV3Schema"]
    assert "shortNames" not in definition()["spec"]["names"]


def test_descriptions_can_be_taken_away_but_not_fields_of_that_name() -> None:
    schema = {"description": "gone", "properties": {"description": {"type": "string", "description": "gone"}}}
    assert without_descriptions(schema) == {"properties": {"description": {"type": "string"}}}


def test_yaml_reads_back_without_anchors() -> None:
    shared = {"a": "="}
    text = dump([{"one": shared, "two": shared}, {"b": "multi: 'x'"}])
    assert "&id" not in text
    assert list(yaml.safe_load_all(text)) == [{"one": {"a": "="}, "two": {"a": "="}}, {"b": "multi: 'x'"}]
