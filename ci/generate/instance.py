"""The `spec` part of an instance chart's values.yaml, from the CRD. Pure."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterator, Mapping
from typing import Any

START = "# -- The spec, passed through as it is"
WIDTH = 118


def with_spec(values: str, crd: Mapping[str, Any], defaults: Mapping[str, Any]) -> str:
    """The hand-written head of a values.yaml, and after it all fields of the CRD's spec: set, or as comments."""
    head = values.split(START)[0].rstrip("\n")
    return f"{head}\n\n" + "\n".join(_spec(crd, defaults)) + "\n"


def _spec(crd: Mapping[str, Any], defaults: Mapping[str, Any]) -> Iterator[str]:
    names = crd["spec"]["names"]
    schema = crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]
    yield f"{START}: every field of {names['kind']} works, also one that is newer than this chart."
    yield f'# @schema {{"$crd": "{crd["metadata"]["name"]}"}}'
    yield "spec:"
    fields = schema["properties"]
    for name, value in defaults.items():
        yield from _prose(f"-- {fields[name]['description']}", "  # ")
        yield f"  {name}: {json.dumps(value) if not isinstance(value, str) else value}"
    for name, below in fields.items():
        if name not in defaults:
            yield ""
            yield from _field(name, below, "  # ")


def _field(name: str, schema: Mapping[str, Any], indent: str) -> Iterator[str]:
    """A field as a comment: its description above it, its kind behind it."""
    yield from _prose(schema.get("description", ""), f"{indent}# ")
    yield f"{indent}{name}: {kind(schema)}".rstrip()
    for below, child in schema.get("properties", {}).items():
        yield from _field(below, child, f"{indent}  ")


def kind(schema: Mapping[str, Any]) -> str:
    """What may stand there, in a word; nothing for an object with known fields."""
    if "properties" in schema:
        return ""
    if "enum" in schema:
        return " | ".join(str(choice) for choice in schema["enum"])
    if schema.get("x-kubernetes-int-or-string"):
        return "QUANTITY"
    if schema.get("type") == "array":
        return f"[{kind(schema['items']) or 'OBJECT'}]"
    if schema.get("type") == "object":
        return "{KEY: STRING}" if "additionalProperties" in schema else "OBJECT"
    return str(schema["type"]).upper()


def _prose(text: str, indent: str) -> list[str]:
    return textwrap.wrap(text, WIDTH, initial_indent=indent, subsequent_indent=indent) if text else []
