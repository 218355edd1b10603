"""Chart READMEs and the list of an instance chart's spec: Markdown from values and schemas. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from ci.generate.values import Value, sentence

MARK = "<!-- values -->"
HEADER = "<!-- Generated from README.in.md and values.yaml by `python -m ci.generate`: edit those. -->\n"


def readme(source: str, values: Iterable[Value], crds: Mapping[str, Mapping[str, Any]]) -> str:
    """README.in.md with its mark replaced by the table of values."""
    rows = [row for top in values for value in top.walk() for row in _rows(value, crds)]
    table = "\n".join(("| Value | Default | Meaning |", "| --- | --- | --- |", *rows))
    return HEADER + source.replace(MARK, table)


def _rows(value: Value, crds: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    # A map of which every key has a row of its own needs none, unless it says something itself.
    if value.text:
        yield _row(".".join(value.path), "" if value.children else _default(value.default), value.text)
    if page := value.schema.get("$fields"):
        yield _row(f"{'.'.join(value.path)}.*", "", f"Every other field: see [the reference](../../{page}).")
    elif "$crd" in value.schema:
        known = {child.path[-1] for child in value.children}
        yield from _fields(".".join(value.path), _spec(crds[value.schema["$crd"]]), known)


def _spec(crd: Mapping[str, Any]) -> Mapping[str, Any]:
    found: Mapping[str, Any] = crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]
    return found


def _fields(path: str, schema: Mapping[str, Any], known: set[str]) -> Iterator[str]:
    for name, below in schema.get("properties", {}).items():
        if name in known:
            continue
        yield _row(f"{path}.{name}", "", below.get("description", ""))
        yield from _fields(f"{path}.{name}", below, set())


def _row(path: str, default: str, text: str) -> str:
    return f"| `{path}` | {default} | {sentence(text)} |"


def _default(value: Any) -> str:
    return f"`{json.dumps(value)}`"
