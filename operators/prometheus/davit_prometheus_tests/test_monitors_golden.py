"""Monitors and the jobs that they become, as a person has looked at them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from davit.testing import golden

from davit_prometheus_tests.monitors_world import document, ours, prometheus, scope

FOLDER = Path(__file__).parent / "monitors_golden"
CASES = sorted(path.name.removesuffix(".in.yaml") for path in FOLDER.glob("*.in.yaml"))


@pytest.mark.parametrize("case", CASES)
def test_golden_jobs(case: str) -> None:
    given = golden.load(FOLDER / f"{case}.in.yaml")
    head = given["monitor"]["metadata"]
    monitor = document(given["monitor"]["kind"], head["name"], given["monitor"]["spec"], head["namespace"])
    rendered = ours(scope(prometheus(**given["prometheus"]), topology=given.get("topology", False)), monitor)
    found: dict[str, Any] = {"jobs": [job.config for job in rendered.jobs]}
    if rendered.faults:
        found["faults"] = [str(fault) for fault in rendered.faults]
    if rendered.ignored:
        found["ignored"] = list(rendered.ignored)
    if rendered.files:
        found["files"] = sorted(rendered.files)
    golden.check(FOLDER / f"{case}.yaml", found)
