"""prometheus-operator's own answers, from ci/tools/prometheus-operator/cmd/amdiff, and how they compare with ours."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO, Any

import yaml
from davit.model import Manifest

from ci.tools.table import AMTOOLS as NAMES
from ci.tools.table import TOOLS
from davit_alertmanager_tests.world import Json

PROGRAM = os.environ.get("DAVIT_AMDIFF") or str(TOOLS["prometheus-operator"].folder / "amdiff")
AMTOOLS = {TOOLS[name].version.removeprefix("v"): str(TOOLS[name].folder / "amtool") for name in NAMES}
"""By the release of Alertmanager, the oldest first: what is written for a release is proved by that release."""
NEWEST = list(AMTOOLS)[-1]


@dataclass
class Upstream:
    """A running amdiff, asked line by line."""

    process: subprocess.Popen[str]

    def __call__(self, documents: Sequence[Manifest]) -> Json:
        """What upstream makes of these resources; see amdiff's `result`."""
        stdin, stdout = _open(self.process.stdin), _open(self.process.stdout)
        stdin.write(json.dumps(list(documents)) + "\n")
        stdin.flush()
        answer: Json = json.loads(stdout.readline())
        return answer


def _open(stream: IO[str] | None) -> IO[str]:
    assert stream is not None
    return stream


@contextmanager
def upstream() -> Iterator[Upstream]:
    """amdiff, for as long as it is asked."""
    command = [PROGRAM, "-batch", "-statefulset"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield Upstream(process)
        finally:
            _open(process.stdin).close()


def fields() -> dict[str, list[str]]:
    """The JSON paths of every field of upstream's types, by kind and version."""
    said: dict[str, list[str]] = json.loads(
        subprocess.run([PROGRAM, "-fields"], check=True, capture_output=True, text=True).stdout
    )
    return said


def differences(ours: Any, theirs: Any, path: str = "") -> list[str]:
    """Where two configurations differ, for people."""
    if isinstance(ours, dict) and isinstance(theirs, dict):
        keys = [*ours, *(key for key in theirs if key not in ours)]
        return [said for key in keys for said in differences(ours.get(key), theirs.get(key), f"{path}.{key}")]
    if isinstance(ours, list) and isinstance(theirs, list) and len(ours) == len(theirs):
        pairs = enumerate(zip(ours, theirs, strict=True))
        return [said for index, (one, other) in pairs for said in differences(one, other, f"{path}[{index}]")]
    return [] if ours == theirs and type(ours) is type(theirs) else [f"{path}: ours {ours!r}, theirs {theirs!r}"]


def plain(text: str) -> Any:
    """A configuration as data."""
    return yaml.safe_load(text)


def amtool(text: str, release: str = NEWEST) -> str:
    """What amtool of a release has against a configuration, empty when it loads."""
    argv = [AMTOOLS[release], "check-config", "/dev/stdin"]
    done = subprocess.run(argv, input=text, capture_output=True, text=True, check=False)
    return "" if done.returncode == 0 else done.stdout + done.stderr
