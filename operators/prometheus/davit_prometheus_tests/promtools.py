"""promtool of several releases: what is written for a release is proved by that release."""

from __future__ import annotations

import os
import subprocess

import pytest

from ci.tools.build import path
from ci.tools.table import PROMTOOLS, TOOLS

RELEASES = {TOOLS[name].release.removeprefix("v"): name for name in PROMTOOLS}
every_release = pytest.mark.parametrize("release", RELEASES)
NEWEST = list(RELEASES)[-1]


def promtool(release: str, config: str, *, agent: bool = False) -> str:
    """What promtool of a release says of the text of a configuration, empty when it loads."""
    program = os.environ.get("DAVIT_PROMTOOL") or path(RELEASES[release], "promtool")
    argv = [program, "check", "config", "--syntax-only", *(["--agent"] if agent else []), "/dev/stdin"]
    done = subprocess.run(argv, input=config, capture_output=True, text=True, check=False)
    return done.stdout + done.stderr if done.returncode else ""
