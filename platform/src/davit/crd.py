"""Pydantic models to structural schemas and CustomResourceDefinitions. Pure.

Source: "Specifying a structural schema" in the Kubernetes documentation of CustomResourceDefinition.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import yaml
from pydantic import BaseModel, ConfigDict

from davit.model import Kind, Manifest

Json = dict[str, Any]

_KEPT = {
    "description", "enum", "format", "items", "maxItems", "maxLength", "maximum", "minItems", "minLength",
    "minimum", "pattern", "properties", "required", "type", "additionalProperties", "nullable", "maxProperties",
}  # fmt: skip
_DROPPED = {"title", "discriminator", "examples", "default"}
"""Defaults too: a persisted one could never change, so they live in each operator's validate room."""


def camel(name: str) -> str:
    """`db_size` to `dbSize`, the spelling of Kubernetes fields."""
    head, *tail = name.split("_")
    return head + "".join(part.capitalize() for part in tail)


class Model(BaseModel):
    """A part of a custom resource: frozen, camelCase outside; unknown fields are left to the API server."""

    # Deferred: only kinds that are read are built, each with its parts once, and not the parts by themselves as well (4 MB).
    model_config = ConfigDict(frozen=True, extra="ignore", alias_generator=camel, populate_by_name=True, defer_build=True)


@dataclass(frozen=True, slots=True)
class Column:
    """A printer column of `kubectl get`; priority 1 shows it with `-o wide` only."""

    name: str
    path: str
    type: str = "string"
    description: str = ""
    priority: int = 0


@dataclass(frozen=True, slots=True)
class Crd:
    """Everything a CustomResourceDefinition says of one kind."""

    kind: Kind
    spec: type[Model]
    status: type[Model]
    description: str
    short_names: tuple[str, ...] = ()
    columns: tuple[Column, ...] = ()
    rules: tuple[tuple[str, str], ...] = ()
    """CEL rules on the whole object: (rule, message)."""
    scale: Mapping[str, str] = field(default_factory=dict)
    selectable: tuple[str, ...] = ()
    """JSON paths by which a LIST can select, from Kubernetes 1.31 on."""

    @property
    def status_fields(self) -> tuple[str, ...]:
        """The names of the status' fields as users see them."""
        return tuple(info.alias or name for name, info in self.status.model_fields.items())


def manifest(crd: Crd) -> Manifest:
    """The CustomResourceDefinition of a kind."""
    kind = crd.kind
    names: Json = {
        "kind": kind.kind,
        "listKind": f"{kind.kind}List",
        "plural": kind.plural,
        "singular": kind.kind.lower(),
        "categories": ["davit"],
    }
    if crd.short_names:
        names["shortNames"] = list(crd.short_names)
    subresources: Json = {"status": {}}
    if crd.scale:
        subresources["scale"] = dict(crd.scale)
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {
            "name": f"{kind.plural}.{kind.group}",
            "labels": {"app.kubernetes.io/part-of": "davit"},
            # Flux substitutes ${...} inside CRDs otherwise (fluxcd/helm-controller 1.6.2).
            "annotations": {"kustomize.toolkit.fluxcd.io/substitute": "disabled"},
        },
        "spec": {
            "group": kind.group,
            "names": names,
            "scope": "Namespaced" if kind.namespaced else "Cluster",
            "versions": [
                {
                    "name": kind.version,
                    "served": True,
                    "storage": True,
                    "schema": {"openAPIV3Schema": _root(crd)},
                    "subresources": subresources,
                    "additionalPrinterColumns": [_column(column) for column in crd.columns],
                    **({"selectableFields": [{"jsonPath": path} for path in crd.selectable]} if crd.selectable else {}),
                }
            ],
        },
    }


def _root(crd: Crd) -> Json:
    root: Json = {
        "type": "object",
        "description": crd.description,
        "required": ["spec"],
        "properties": {
            "apiVersion": {"type": "string"},
            "kind": {"type": "string"},
            "metadata": {"type": "object"},
            "spec": structural(crd.spec),
            # Until the operator has looked, kstatus must say InProgress (fluxcd/helm-controller#294).
            "status": {**structural(crd.status), "default": {"observedGeneration": -1}},
        },
    }
    if crd.rules:
        root["x-kubernetes-validations"] = [{"rule": rule, "message": message} for rule, message in crd.rules]
    return root


def _column(column: Column) -> Json:
    rendered: Json = {"name": column.name, "type": column.type, "jsonPath": column.path}
    if column.description:
        rendered["description"] = column.description
    if column.priority:
        rendered["priority"] = column.priority
    return rendered


def structural(model: type[BaseModel]) -> Json:
    """The structural schema of a model; raises ValueError for what a structural schema can't say."""
    schema = model.model_json_schema(by_alias=True)
    definitions = schema.pop("$defs", {})
    return _convert(schema, definitions, (), model.__name__)


def _convert(schema: Mapping[str, Any], definitions: Mapping[str, Any], seen: tuple[str, ...], where: str) -> Json:
    schema = _resolve(schema, definitions, seen, where)
    if "$seen" in schema:
        seen = (*seen, schema["$seen"])
    result: Json = {}
    for key, value in schema.items():
        if key.startswith("x-kubernetes-") or key in _KEPT:
            result[key] = value
        elif key == "const":
            result["enum"] = [value]
        elif key in ("exclusiveMinimum", "exclusiveMaximum"):
            result[key.replace("exclusiveM", "m")], result[key] = value, True
        elif key not in _DROPPED and not key.startswith("$"):
            raise ValueError(f"{where}: {key} has no structural form")
    return _descend(result, definitions, seen, where)


def _descend(result: Json, definitions: Mapping[str, Any], seen: tuple[str, ...], where: str) -> Json:
    if "properties" in result:
        result.pop("additionalProperties", None)
        result["properties"] = {
            name: _convert(below, definitions, seen, f"{where}.{name}") for name, below in result["properties"].items()
        }
    if "items" in result:
        result["items"] = _convert(result["items"], definitions, seen, f"{where}[]")
        if "x-kubernetes-list-type" not in result:
            raise ValueError(f"{where}: a list needs x-kubernetes-list-type")
    if isinstance(result.get("additionalProperties"), dict):
        result["additionalProperties"] = _convert(result["additionalProperties"], definitions, seen, f"{where}.*")
    elif "additionalProperties" in result:
        del result["additionalProperties"]
        result["x-kubernetes-preserve-unknown-fields"] = True
    return result


def _resolve(schema: Mapping[str, Any], definitions: Mapping[str, Any], seen: tuple[str, ...], where: str) -> Json:
    """Inline `$ref` and collapse `X | None` to X; siblings such as the description win over the target's."""
    resolved = dict(schema)
    if "anyOf" in resolved and not resolved.get("x-kubernetes-int-or-string"):
        real = [option for option in resolved.pop("anyOf") if option.get("type") != "null"]
        if len(real) != 1:
            raise ValueError(f"{where}: a union has no structural form")
        resolved = {**real[0], **resolved}
    if resolved.get("x-kubernetes-int-or-string"):
        resolved.pop("anyOf", None)
        resolved.pop("type", None)
    if "$ref" in resolved:
        name = resolved.pop("$ref").rsplit("/", 1)[1]
        if name in seen:
            raise ValueError(f"{where}: {name} is recursive")
        resolved = {**_resolve(definitions[name], definitions, (*seen, name), where), **resolved, "$seen": name}
    return resolved


def without_descriptions(schema: Json) -> Json:
    """For embedded core types, whose texts would only cost size."""
    return {
        key: without_descriptions(value) if isinstance(value, dict) else value
        for key, value in schema.items()
        if not (key == "description" and isinstance(value, str))
    }


class _Dumper(yaml.SafeDumper):
    def ignore_aliases(self, data: Any) -> bool:
        return True


_Dumper.add_representer(
    str,
    lambda dumper, text: dumper.represent_scalar(
        # `=` alone is a type of its own to YAML 1.1 loaders, so it must be quoted for them.
        "tag:yaml.org,2002:str",
        text,
        style='"' if text == "=" else None,
    ),
)


def dump(manifests: Iterable[Manifest]) -> str:
    """YAML documents, stable for committing."""
    texts = (yaml.dump(m, Dumper=_Dumper, sort_keys=False, width=120, allow_unicode=True) for m in manifests)
    return "---\n".join(texts)
