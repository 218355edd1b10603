"""Everything that is generated, as path and text, compared with or written to the disk."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path

from davit.crd import dump
from davit.kube.crds import PACKAGED

from ci.generate import charts
from ci.generate.instance import with_spec
from ci.generate.kinds import KINDS
from ci.generate.readme import readme
from ci.generate.reference import reference
from ci.generate.schema import values_schema
from ci.generate.siblings import copies
from ci.generate.values import Json, parse
from ci.paths import REPO

REFERENCE = REPO / "docs" / "reference"
PREVIOUS = charts.CHARTS / "davit_charts_tests" / "previous"
"""Each release's values, for rendering later charts with them as `--reuse-values` does; a new version freezes the old."""


def outputs() -> dict[Path, str]:
    """Each generated file and its text."""
    crds: dict[str, Json] = {kind.name: kind.manifest for kind in KINDS}
    result = copies()
    for kind in KINDS:
        result[charts.CHARTS / kind.chart / "crds" / f"{kind.name}.yaml"] = dump([kind.manifest])
        page = reference(kind.manifest, kind.example, kind.conditions)
        result[REFERENCE / f"{kind.crd.kind.kind.lower()}.md"] = page
        if kind.instance_chart:
            values = charts.CHARTS / kind.instance_chart / "values.yaml"
            result[values] = with_spec(values.read_text(), kind.manifest, kind.defaults)
    for chart in charts.OPERATORS:
        result[packaged(chart)] = "".join(json.dumps(k.manifest, separators=(",", ":")) + "\n" for k in KINDS if k.chart == chart)
    for chart in charts.NAMES:
        result.update(_of_chart(chart, result, crds))
    for chart in charts.NAMES:
        result.update(_vendored(chart, result))
    return result


def packaged(chart: str) -> Path:
    """The same CRDs for the operator itself."""
    name = chart.removesuffix("-operator")
    return REPO / "operators" / name / "src" / f"davit_{name}" / PACKAGED


def _of_chart(chart: str, generated: Mapping[Path, str], crds: Mapping[str, Json]) -> dict[Path, str]:
    folder = charts.CHARTS / chart
    path = folder / "values.yaml"
    text = generated.get(path) or path.read_text()
    values = parse(text)
    schema = values_schema(f"Values of the chart {chart}", values, crds)
    return {
        folder / "values.schema.json": json.dumps(schema, indent=2) + "\n",
        PREVIOUS / charts.metadata(chart)["version"] / f"{chart}.yaml": text,
        folder / "README.md": readme((folder / "README.in.md").read_text(), values, crds),
    }


def _vendored(chart: str, generated: Mapping[Path, str]) -> dict[Path, str]:
    return {
        target / path: text
        for dependency, target in charts.vendored(chart)
        for path, text in charts.sources(dependency, generated).items()
    }


def owned() -> Iterator[Path]:
    """Folders in which everything is generated, so that a file too many is a difference too."""
    yield REFERENCE
    yield from (charts.CHARTS / chart / "crds" for chart in charts.OPERATORS)
    for chart in charts.NAMES:
        yield from (target for _, target in charts.vendored(chart))


def stale(wanted: Mapping[Path, str]) -> list[Path]:
    """Files in owned folders that nothing generates any more."""
    found = {path for folder in owned() for path in folder.rglob("*") if path.is_file()}
    return sorted(found - set(wanted))


def write() -> list[Path]:
    """Write what differs, remove what is stale; the paths that changed."""
    wanted = outputs()
    removed = stale(wanted)
    for path in removed:
        path.unlink()
    changed = [path for path, text in wanted.items() if _read(path) != text]
    for path in changed:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(wanted[path])
    return sorted([*removed, *changed])


def differences() -> str:
    """What `write` would change, as a unified diff; empty when nothing."""
    wanted = outputs()
    parts = [_diff(path, _read(path) or "", text) for path, text in sorted(wanted.items())]
    parts += [f"{path.relative_to(REPO)}: nothing generates this file\n" for path in stale(wanted)]
    return "".join(parts)


def _read(path: Path) -> str | None:
    return path.read_text() if path.is_file() else None


def _diff(path: Path, old: str, new: str) -> str:
    name = str(path.relative_to(REPO))
    lines = difflib.unified_diff(
        old.splitlines(keepends=True), new.splitlines(keepends=True), f"{name} (on disk)", f"{name} (generated)"
    )
    return "".join(lines)
