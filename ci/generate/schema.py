"""values.schema.json from an annotated values.yaml, and JSON Schema from a CRD's structural schema. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ci.generate.values import Json, Malformed, Value

DRAFT = "http://json-schema.org/draft-07/schema#"
_TYPES = {
    bool: "boolean",
    int: "integer",
    float: "number",
    str: "string",
    list: "array",
    dict: "object",
}
SUBCHART_KEYS = {
    "enabled": {
        "type": "boolean",
        "description": "Set by a parent chart that can switch this one off.",
    },
}
"""A chart whose schema forbids `enabled` can't be a switchable subchart (helm/helm#10392)."""


def values_schema(title: str, values: Iterable[Value], crds: Mapping[str, Json]) -> Json:
    """The schema of a chart's values: strict, but for `global`, free maps and what `@schema` opens."""
    properties = {value.path[-1]: _schema(value, crds) for value in values}
    return {
        "$schema": DRAFT,
        "title": title,
        "type": "object",
        "additionalProperties": False,
        "properties": {**SUBCHART_KEYS, **properties},
    }


def _schema(value: Value, crds: Mapping[str, Json]) -> Json:
    said = dict(value.schema)
    described = {"description": value.text} if value.text else {}
    # Where the README points for the fields instead of listing them.
    said.pop("$fields", None)
    if "$crd" in said:
        return {**spec_schema(crds[said.pop("$crd")]), **described, **said}
    result: Json = {**described, "type": _type(value), **said}
    if value.children:
        result["properties"] = {child.path[-1]: _schema(child, crds) for child in value.children}
        result.setdefault("additionalProperties", False)
    return result


def _type(value: Value) -> Any:
    if "type" in value.schema:
        return value.schema["type"]
    if value.default is None:
        raise Malformed(f"{'.'.join(value.path)}: a null default needs @schema with a type")
    return _TYPES[type(value.default)]


def spec_schema(crd: Mapping[str, Any]) -> Json:
    """The JSON Schema of a CRD's spec, open to fields that it does not know.

    The chart passes the spec through, so a field of a newer CRD must get past an older chart; the API server judges.
    """
    (version,) = (version for version in crd["spec"]["versions"] if version["storage"])
    return json_schema(version["schema"]["openAPIV3Schema"]["properties"]["spec"])


def json_schema(structural: Mapping[str, Any]) -> Json:
    """A structural schema as plain JSON Schema: without the x-kubernetes words, which Helm does not know."""
    result: Json = {}
    for key, below in structural.items():
        if key == "properties":
            result[key] = {name: json_schema(schema) for name, schema in below.items()}
        elif key in ("items", "additionalProperties") and isinstance(below, Mapping):
            result[key] = json_schema(below)
        elif not key.startswith("x-kubernetes-") and key != "default":
            result[key] = below
    if structural.get("x-kubernetes-int-or-string"):
        result["type"] = ["integer", "string"]
    return result
