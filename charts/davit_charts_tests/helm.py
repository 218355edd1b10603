"""Helm as a function: one process per different render, remembered for the whole session."""

from __future__ import annotations

import functools
import json
import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from ci.generate.charts import CHARTS
from ci.tools.build import ensure, path

Object = dict[str, Any]
VERSIONS = ("helm3", "helm4")
LOWEST, HIGHEST = "1.30.0", "1.37.0"
"""Kubernetes as in the charts' kubeVersion, and the newest that schemas are at hand for."""


@functools.cache
def binary(tool: str) -> str:
    """A pinned tool, built once; DAVIT_HELM3, DAVIT_HELM4, DAVIT_KUBECONFORM name others."""
    given = os.environ.get(f"DAVIT_{tool.upper()}")
    if given:
        return given
    ensure([tool])
    return str(path(tool))


@dataclass(frozen=True)
class Result:
    """What a helm command said."""

    code: int
    out: str
    error: str


def helm(version: str, *words: str | Path, stdin: str | None = None) -> Result:
    """Run helm apart from the user's own configuration."""
    apart = {key: value for key, value in os.environ.items() if not key.startswith(("HELM_", "KUBE"))}
    done = subprocess.run(
        [binary(version), *map(str, words)],
        input=stdin, capture_output=True, text=True, check=False, env=apart, timeout=60,
    )  # fmt: skip
    return Result(done.returncode, done.stdout, done.stderr)


@dataclass(frozen=True)
class Render:
    """One `helm template`; values is JSON, so that it can be a key of the cache."""

    version: str
    chart: str
    values: str = "{}"
    release: str = "demo"
    namespace: str = "team"
    kubernetes: str = HIGHEST
    flags: tuple[str, ...] = ()


@functools.cache
def run(render: Render) -> Result:
    """The raw result of a render, once per session."""
    chart = Path(render.chart) if render.chart.startswith("/") else CHARTS / render.chart
    words: list[str | Path] = ["template", render.release, chart, "--namespace", render.namespace]
    words += ["--kube-version", render.kubernetes, *render.flags]
    return helm(render.version, *words, "--values", "-", stdin=render.values)


def template(version: str, chart: str, values: Mapping[str, Any] | None = None, **more: Any) -> list[Object]:
    """The objects of a render that must succeed."""
    result = attempt(version, chart, values, **more)
    assert result.code == 0, result.error
    return parse(result.out)


def attempt(version: str, chart: str, values: Mapping[str, Any] | None = None, **more: Any) -> Result:
    """A render that may fail."""
    return run(Render(version, chart, json.dumps(values or {}, sort_keys=True), **more))


_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@functools.cache
def parse(text: str) -> list[Object]:
    """The objects of a manifest; shared, so never change them."""
    return [loaded for loaded in yaml.load_all(text, Loader=_Loader) if loaded]


def pick(objects: list[Object], kind: str, name: str | None = None) -> Object:
    """The one object of a kind, and of a name where there are several."""
    found = [o for o in objects if o["kind"] == kind and name in (None, o["metadata"]["name"])]
    assert len(found) == 1, f"{kind} {name or ''}: {len(found)} of {[key(o) for o in objects]}"
    return found[0]


def key(made: Object) -> tuple[str, str, str]:
    """Kind, namespace and name."""
    return made["kind"], made["metadata"].get("namespace", ""), made["metadata"]["name"]


def pod_specs(objects: list[Object]) -> list[Object]:
    """The pod templates in Deployments and Jobs."""
    return [o["spec"]["template"] for o in objects if o["kind"] in ("Deployment", "Job", "StatefulSet", "DaemonSet")]
