"""The charts on disk: their metadata, their vendored dependencies, the images they bring."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from ci.paths import REPO

CHARTS = REPO / "charts"
OPERATORS = ("etcd-operator", "prometheus-operator", "alertmanager-operator")
NAMES = (*OPERATORS, "davit", "etcd-cluster", "monitoring", "app-with-etcd")
LEFT_OUT = {"README.md", "README.in.md"}
"""Of a vendored chart: a parent's package needs no second copy of the documentation."""


def metadata(chart: str) -> dict[str, Any]:
    """Chart.yaml."""
    loaded: dict[str, Any] = yaml.safe_load((CHARTS / chart / "Chart.yaml").read_text())
    return loaded


def images(chart: str) -> list[str]:
    """Every image that a chart's pods and the pods of its operators run by default."""
    listed = yaml.safe_load(metadata(chart)["annotations"]["artifacthub.io/images"])
    return [entry["image"] for entry in listed]


def all_images() -> list[str]:
    """The list for an air-gapped registry."""
    return sorted({image for chart in NAMES for image in images(chart)})


def vendored(chart: str) -> Iterator[tuple[str, Path]]:
    """(dependency, folder of its copy) for each dependency that no repository serves."""
    for dependency in metadata(chart).get("dependencies", []):
        if not dependency.get("repository"):
            yield dependency["name"], CHARTS / chart / "charts" / dependency["name"]


def sources(chart: str, generated: Mapping[Path, str]) -> dict[Path, str]:
    """The files of a chart by relative path, as they are once everything generated is written."""
    folder = CHARTS / chart
    found = {path: path.read_text() for path in folder.rglob("*") if path.is_file()}
    found |= {path: text for path, text in generated.items() if path.is_relative_to(folder)}
    relative = {path.relative_to(folder): text for path, text in found.items()}
    return {path: text for path, text in sorted(relative.items()) if path.name not in LEFT_OUT}
