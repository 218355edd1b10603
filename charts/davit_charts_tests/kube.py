"""Kubernetes' schemas as files that kubeconform reads without a network, from the package kubernetes-validate."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any

from ci.generate.kinds import KINDS
from ci.generate.schema import json_schema

Json = dict[str, Any]

BUILT_IN = (
    "clusterrole-rbac-v1", "clusterrolebinding-rbac-v1", "configmap-v1", "deployment-apps-v1", "job-batch-v1",
    "networkpolicy-networking-v1", "poddisruptionbudget-policy-v1", "role-rbac-v1", "rolebinding-rbac-v1",
    "service-v1", "serviceaccount-v1", "customresourcedefinition-apiextensions-v1",
)  # fmt: skip
LOCATION = "{{ .NormalizedKubernetesVersion }}/{{ .ResourceKind }}{{ .KindSuffix }}.json"
_REF = "#/$defs/"


def write_schemas(folder: Path, versions: Iterable[str]) -> None:
    """One file per version and kind, complete in itself: kubeconform does not follow references between files."""
    for version in versions:
        target = folder / f"v{version}"
        target.mkdir()
        source = files("kubernetes_validate") / "kubernetes-json-schema" / f"v{version}-local-strict"
        definitions = json.loads((source / "_definitions.json").read_text())["$defs"]
        for kind in BUILT_IN:
            schema = _local(json.loads((source / f"{kind}.json").read_text()))
            schema["$defs"] = {name: _local(definitions[name]) for name in _closure(schema, definitions)}
            (target / f"{kind}.json").write_text(json.dumps(schema))
        for ours in KINDS:
            (target / _name(ours.manifest)).write_text(json.dumps(_own(ours.manifest)))


def _name(crd: Json) -> str:
    group = crd["spec"]["group"].split(".")[0]
    return f"{crd['spec']['names']['kind'].lower()}-{group}-{crd['spec']['versions'][0]['name']}.json"


def _own(crd: Json) -> Json:
    return json_schema(crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"])


def _local(schema: Json) -> Json:
    """References into the file itself instead of the file of definitions."""
    text = json.dumps(schema)
    found: Json = json.loads(text.replace('"/api/_definitions.json#/$defs/', f'"{_REF}'))
    return found


def _closure(schema: Json, definitions: Json) -> list[str]:
    """The names of all definitions that a schema needs."""
    needed: set[str] = set()
    open_ends = set(_references(schema))
    while open_ends:
        needed |= open_ends
        open_ends = {name for each in open_ends for name in _references(_local(definitions[each]))} - needed
    return sorted(needed)


def _references(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        for key, below in node.items():
            if key == "$ref" and isinstance(below, str):
                yield below.removeprefix(_REF)
            else:
                yield from _references(below)
    elif isinstance(node, list):
        for below in node:
            yield from _references(below)
