"""The table of flags against real releases: etcd parses all its flags before it prints its version."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
from davit_etcd import flags
from davit_etcd.flags import refused, translated
from davit_etcd.validate import OWNED
from davit_etcd.versions import Version

from davit_etcd_tests.api.processes import LINES, program, trio

pytestmark = pytest.mark.api

WRITTEN = sorted({*flags.GATES, *flags.REMOVED, *flags.ADDED, *(name for old, new, _ in flags.RENAMED for name in (old, new))})
HELP = re.compile(r"^ +--([a-z0-9-]+)", re.MULTILINE)


def objection(line: str, given: dict[str, str]) -> str:
    """What etcd of this line has against flags, empty when it takes them."""
    arguments = [str(program(line)), *(f"--{name}={value}" for name, value in given.items()), "--version"]
    done = subprocess.run(arguments, capture_output=True, text=True, timeout=30, check=False)
    return "" if done.returncode == 0 else (done.stderr + done.stdout).splitlines()[0]


def value_for(name: str) -> str:
    """A value that a flag of this name takes."""
    if re.search(r"rotation-config", name):
        return "{}"
    if name == "v2-deprecation":
        return "write-only"
    if re.search(r"(time|duration|interval|timeout)$", name):
        return "10s"
    if re.search(r"(entries|limit|megabytes|rate)$", name):
        return "5"
    if name.startswith("socket-reuse"):
        return "true"
    if re.search(r"(address|name|instance-id|v2v3|packages|levels|output)", name):
        return "x"
    return "map" if "freelist" in name else "true"


@pytest.mark.parametrize("line", LINES)
@pytest.mark.parametrize("name", WRITTEN)
def test_a_flag_of_any_line_is_translated_or_refused(line: str, name: str) -> None:
    written, version = {name: value_for(name)}, Version.parse(f"{line}.0")
    given = translated(written, version.line)
    assert objection(line, given) == "", given
    why = list(refused(written, version))
    assert bool(given) != bool(why)
    if why:
        # Refused rightly: etcd knows it under no name.
        ((known, _),) = why
        assert known == name
        assert "not defined" in objection(line, written) or "invalid value" in objection(line, written)


@pytest.mark.parametrize("gate", sorted(flags.GATES.values()))
@pytest.mark.parametrize("line", LINES)
def test_a_feature_gate_is_known_to_every_line(line: str, gate: str) -> None:
    given = translated({flags.GATES_FLAG: f"{gate}=true"}, Version.parse(f"{line}.0").line)
    assert given
    assert objection(line, given) == ""


@pytest.mark.parametrize(("line", "later"), [("3.5", "3.6"), ("3.6", "3.7"), ("3.5", "3.7"), ("3.7", "3.6"), ("3.6", "3.5")])
def test_no_flag_of_a_line_crashes_another(line: str, later: str) -> None:
    """Every flag that etcd's own help names is taken after translation, set by Davit, or refused by name."""
    told = subprocess.run([str(program(line)), "--help"], capture_output=True, text=True, timeout=30, check=False)
    known = {name for name in HELP.findall(told.stdout + told.stderr) if not OWNED.match(name)}
    assert len(known) > 40
    crashing = []
    for name in sorted(known):
        if name == flags.GATES_FLAG:
            continue
        version = Version.parse(f"{later}.0")
        written = {name: value_for(name)}
        if not list(refused(written, version)) and "not defined" in objection(later, translated(written, version.line)):
            crashing.append(name)
    assert crashing == []


async def test_36_does_not_start_when_it_is_told_twice(tmp_path: Path) -> None:
    """Why both spellings are never given together."""
    written = {"experimental-initial-corrupt-check": "true", "feature-gates": "InitialCorruptCheck=true"}
    async with trio(tmp_path) as cluster:
        await cluster.members[0].start("3.6", written)
        assert await cluster.members[0].ended() != 0
        assert "cannot specify both flags" in cluster.members[0].log.read_text()
        await cluster.start("3.6", translated(written, (3, 6)))
