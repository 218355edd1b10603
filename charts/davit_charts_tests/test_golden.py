"""Goldens of every value set and of the notes: checklist item 36, and every change of a render seen in review.

Rewrite them with DAVIT_GOLDEN=write; CI never does.
"""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path

import pytest

from ci.generate.charts import CHARTS
from davit_charts_tests import helm
from davit_charts_tests.cases import CASES, PAIRS

GOLDEN = Path(__file__).parent / "golden"
WRITE = os.environ.get("DAVIT_GOLDEN") == "write"


def compare(file: Path, made: str) -> None:
    if WRITE:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(made)
    assert file.is_file(), f"no golden: DAVIT_GOLDEN=write python -m pytest {Path(__file__).name}"
    assert made == file.read_text(), "if wanted: DAVIT_GOLDEN=write"


def squeezed(text: str) -> str:
    """Without empty lines, in which the two Helms differ."""
    return "\n".join(line.rstrip() for line in text.splitlines() if line.strip()) + "\n"


def test_render(version: str, pair: tuple[str, str]) -> None:
    """The golden of a value set, from both Helms."""
    chart, case = pair
    result = helm.attempt(version, chart, CASES[chart][case])
    assert result.code == 0, result.error
    if WRITE and version != "helm4":
        pytest.skip("written from Helm 4")
    compare(GOLDEN / chart / f"{case}.yaml", squeezed(result.out))


def notes(version: str, chart: str, case: str, tmp_path: Path) -> str:
    """The NOTES.txt of a value set, as a template of its own so that no cluster is needed."""
    copy = tmp_path / chart
    shutil.copytree(CHARTS / chart, copy)
    text = (copy / "templates" / "NOTES.txt").read_text()
    (copy / "templates" / "zz-notes.yaml").write_text(
        f'{{{{- define "notes" -}}}}\n{text}\n{{{{- end -}}}}\n'
        'kind: Notes\nmetadata: {name: notes}\nnotes: {{ include "notes" . | toJson }}\n'
    )
    objects = helm.template(version, str(copy), CASES[chart][case])
    (found,) = (o["notes"] for o in objects if o["kind"] == "Notes")
    assert isinstance(found, str)
    return found


def test_notes(version: str, pair: tuple[str, str], tmp_path: Path) -> None:
    """Item 36: the next command for the actual names, what is off and matters; no value left unrendered."""
    chart, case = pair
    text = notes(version, chart, case, tmp_path)
    assert "kubectl" in text
    assert not re.search(r"<no value>|<nil>|%!|map\[|\{\{", text)
    if WRITE and version != "helm4":
        pytest.skip("written from Helm 4")
    compare(GOLDEN / chart / f"{case}.notes.txt", text.strip() + "\n")


def test_no_golden_without_a_case() -> None:
    """A removed value set takes its goldens with it."""
    wanted = {GOLDEN / chart / f"{case}{end}" for chart, case in PAIRS for end in (".yaml", ".notes.txt")}
    assert {file for file in GOLDEN.rglob("*") if file.is_file()} == wanted
