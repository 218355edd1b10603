"""Golden files: what a test got is compared with what a person has looked at and committed."""

from __future__ import annotations

import difflib
import os
from pathlib import Path
from typing import Any

import yaml

VARIABLE = "DAVIT_GOLDEN"
"""Set to `write`, the files are rewritten instead of compared; CI never sets it."""


class _Dumper(yaml.SafeDumper):
    """No aliases, and texts of several lines as they are read."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Dumper.add_representer(str, _text)


def dump(data: Any) -> str:
    """YAML in the order of the data, so that a golden reads as the code builds it."""
    return yaml.dump(data, Dumper=_Dumper, sort_keys=False, width=130, allow_unicode=True)


def load(path: Path) -> Any:
    """The data of a YAML file."""
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def check(path: Path, actual: Any) -> None:
    """Fail with a diff where the file says otherwise or is missing; rewrite it instead with DAVIT_GOLDEN=write."""
    text = actual if isinstance(actual, str) else dump(actual)
    if os.environ.get(VARIABLE) == "write":
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return
    if not path.exists():
        raise AssertionError(f"{path} is missing: run the test with {VARIABLE}=write, and look at what it wrote")
    wanted = path.read_text(encoding="utf-8")
    if text != wanted:
        lines = difflib.unified_diff(wanted.splitlines(), text.splitlines(), str(path), "got", lineterm="")
        raise AssertionError("\n".join(("not as in the golden file:", *lines)))
