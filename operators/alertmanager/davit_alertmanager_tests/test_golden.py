"""Whole configurations and what was said of them, as a person has looked at them; `test_amtool` shows that they load."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from davit.monitoring.faults import Fault
from davit.testing import golden
from davit_alertmanager.model import Rendered

from davit_alertmanager_tests.world import World, secret

FOLDER = Path(__file__).parent / "golden"
CASES = sorted(path.name for path in FOLDER.iterdir())


def documents(case: str) -> World:
    """The resources of a case."""
    found = yaml.safe_load_all((FOLDER / case / "in.yaml").read_text())
    return World(tuple(_encoded(one) for one in found))


def _encoded(one: Any) -> Any:
    given = one.get("stringData")
    if not given:
        return one
    where = one["metadata"]
    return {**secret(where["name"], where["namespace"]), "data": secret("", "", **_keys(given))["data"]}


def _keys(given: dict[str, str]) -> dict[str, str]:
    return {key.replace("alertmanager.yaml", "alertmanager_yaml").replace(".", "__"): text for key, text in given.items()}


def said(rendered: Rendered) -> Any:
    """Everything but the configuration."""
    objects = {
        str(key): {"receivers": list(one.receivers), "faults": _lines(one.faults), "ignored": list(one.ignored)}
        for key, one in rendered.configs.items()
    }
    base = {"faults": _lines(rendered.faults), "ignored": list(rendered.ignored), "silenced": rendered.silenced}
    return {"base": base, "objects": objects}


def _lines(faults: tuple[Fault, ...]) -> list[str]:
    return [str(fault) for fault in faults]


@pytest.mark.parametrize("case", CASES)
def test_golden_configuration(case: str) -> None:
    rendered = documents(case).rendered()
    golden.check(FOLDER / case / "alertmanager.yaml", rendered.text)
    golden.check(FOLDER / case / "said.yaml", said(rendered))


@pytest.mark.parametrize("case", [case for case in CASES if case != "own-text"])
def test_the_text_says_what_the_data_say(case: str) -> None:
    rendered = documents(case).rendered()
    assert yaml.safe_load(rendered.text) == rendered.config
