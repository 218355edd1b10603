"""Build pinned Go tools into the cache, each once."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterable
from pathlib import Path

from ci.errors import Refused
from ci.paths import cache
from ci.progress import step
from ci.shell import run, run_logged
from ci.tools.table import TOOLS, Tool, go_name

GO_AT_LEAST = (1, 26)


def path(name: str, program: str | None = None) -> Path:
    """The cached program of a tool, by default the one that carries the tool's name."""
    tool = TOOLS[name]
    return tool.folder / (program or default_program(tool))


def default_program(tool: Tool) -> str:
    """The only program, or the one named like the tool."""
    return next((p for p in tool.programs if tool.name.startswith(p)), next(iter(tool.programs)))


def is_built(tool: Tool) -> bool:
    """Whether the cache holds exactly this build; the stamp is written last."""
    stamp = tool.folder / ".digest"
    return stamp.exists() and stamp.read_text() == tool.digest()


def require_go() -> None:
    """Refuse early; a build would say it later and less clearly."""
    remedy = "install Go 1.26 or later and put it on PATH"
    if shutil.which("go") is None:
        raise Refused("no `go` on PATH, and tools must be built", remedy)
    found = re.search(r"go(\d+)\.(\d+)", run("go", "env", "GOVERSION"))
    if found and (int(found[1]), int(found[2])) < GO_AT_LEAST:
        raise Refused(f"{found[0]} is too old", remedy)


def ensure(names: Iterable[str]) -> None:
    """Build what the cache lacks, one after the other: one build fills two cores."""
    for name in names:
        if not is_built(TOOLS[name]):
            require_go()
            build(TOOLS[name])


def build(tool: Tool) -> None:
    """Build aside, then rename: an interrupted build leaves nothing that looks done."""
    aside = tool.folder.with_name(tool.folder.name + ".building")
    shutil.rmtree(aside, ignore_errors=True)
    aside.mkdir(parents=True)
    argv = ["go", "build", "-trimpath", "-ldflags", tool.ldflags, "-tags", ",".join(tool.tags), "-o", f"{aside}/"]
    log = cache() / "log" / f"build-{tool.name}.log"
    with step(f"build {tool.name} {tool.version}") as note:
        packages = sorted(tool.programs.values())
        run_logged([*argv, *packages], log, note, tool.source, {"CGO_ENABLED": "0"})
    for program, package in tool.programs.items():
        (aside / go_name(package)).rename(aside / program)
    (aside / ".digest").write_text(tool.digest())
    shutil.rmtree(tool.folder, ignore_errors=True)
    aside.rename(tool.folder)
