"""docs/reference: each kind's fields, conditions and columns, in Markdown, from its CRD. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from davit.crd import dump

from ci.generate.values import sentence

Schema = Mapping[str, Any]

HEADER = "<!-- Generated from the CRD by `python -m ci.generate`: edit the models of the operator's API. -->\n"


def reference(crd: Schema, example: Schema, conditions: Mapping[str, str]) -> str:
    """The page of one kind."""
    return HEADER + "\n".join(_page(crd, example, conditions)) + "\n"


def _page(crd: Schema, example: Schema, conditions: Mapping[str, str]) -> Iterator[str]:
    names, version = crd["spec"]["names"], crd["spec"]["versions"][0]
    root = version["schema"]["openAPIV3Schema"]
    yield f"# {names['kind']}\n"
    yield f"{root['description']}\n"
    said = f"{crd['spec']['scope'].lower()}{_also(crd['spec']['versions'])}"
    yield f"`apiVersion: {crd['spec']['group']}/{version['name']}`, {said}. "
    yield f"`kubectl get {_short(names)}`, or `kubectl get {names['categories'][0]}` for all of Davit's kinds.\n"
    yield f"```yaml\n{dump([dict(example)])}```\n"
    yield "## spec\n"
    yield from _table(root["properties"]["spec"], "spec")
    if rules := root.get("x-kubernetes-validations"):
        yield "\nThe API server also refuses what breaks one of these:\n"
        yield from (f"- {rule['message']}." for rule in rules)
    yield "\n## status\n"
    yield from _table(root["properties"]["status"], "status")
    yield "\n## Conditions\n"
    yield "Helm 4 (`--wait`), Flux and `kubectl wait --for=condition=Ready` judge the resource by these.\n"
    yield "| Type | Meaning |\n| --- | --- |"
    yield from (f"| `{name}` | {sentence(text)} |" for name, text in conditions.items())
    yield "\n## Columns\n"
    yield "| Column | Shows |\n| --- | --- |"
    yield from (_column(column) for column in version["additionalPrinterColumns"])
    if scale := version["subresources"].get("scale"):
        yield f"\n`kubectl scale {_short(names)}/NAME --replicas=N` sets `{scale['specReplicasPath'].lstrip('.')}`."


def _also(versions: Sequence[Schema]) -> str:
    others = [f"`{version['name']}`" for version in versions if version["served"] and not version["storage"]]
    return f"; also served as {', '.join(others)}" if others else ""


def _short(names: Schema) -> str:
    return str((names.get("shortNames") or [names["plural"]])[0])


def _column(column: Schema) -> str:
    wide = " (with `-o wide`)" if column.get("priority") else ""
    return f"| {column['name']} | {sentence(column.get('description', ''))} `{column['jsonPath']}`{wide} |"


def _table(schema: Schema, path: str) -> Iterator[str]:
    yield "| Field | Type | Meaning |\n| --- | --- | --- |"
    yield from _rows(schema, path)


def _rows(schema: Schema, path: str) -> Iterator[str]:
    required = schema.get("required", [])
    for name, below in schema.get("properties", {}).items():
        field = f"{path}.{name}"
        must = " **Required.**" if name in required and path.startswith("spec") else ""
        said = " ".join(filter(None, (below.get("description", ""), limits(below))))
        yield f"| `{field}` | {kind(below)} | {sentence(said)}{must} |"
        yield from _rows(below, field)
        if below.get("type") == "array":
            yield from _rows(below["items"], f"{field}[]")


def kind(schema: Schema) -> str:
    """The type in words."""
    if schema.get("x-kubernetes-int-or-string"):
        return "quantity"
    if schema.get("type") == "array":
        return f"list of {kind(schema['items'])}"
    if isinstance(schema.get("additionalProperties"), Mapping):
        return f"map of {kind(schema['additionalProperties'])}"
    return str(schema.get("type", "anything"))


def limits(schema: Schema) -> str:
    """The constraints of one field as sentences."""
    said: list[str] = []
    if "enum" in schema:
        said.append(f"One of {', '.join(f'`{choice}`' for choice in schema['enum'])}.")
    if "minimum" in schema or "maximum" in schema:
        said.append(f"From {schema.get('minimum', 'any')} to {schema.get('maximum', 'any')}.")
    for key, unit in (("Length", "characters"), ("Items", "items"), ("Properties", "entries")):
        if f"max{key}" in schema:
            said.append(f"At most {schema[f'max{key}']} {unit}.")
    if "pattern" in schema:
        said.append(f"Pattern `{schema['pattern']}`.")
    if "default" in schema:
        said.append(f"Default `{json.dumps(schema['default'])}`.")
    return " ".join(said)
