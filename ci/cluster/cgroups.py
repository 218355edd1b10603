"""A control group for each node: kubelets must not share one, and `down` ends what is in it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from ci.cluster.process import Record, start_time

ROOT = Path("/sys/fs/cgroup")


def hierarchies(root: Path = ROOT) -> list[Path]:
    """The one of cgroup v2, or every one of v1 but the empty v2 beside them."""
    if (root / "cgroup.controllers").exists():
        return [root]
    return sorted(p for p in root.iterdir() if p.is_dir() and not p.is_symlink()
                  and p.name != "unified" and (p / "cgroup.procs").exists())  # fmt: skip


def add(name: str, root: Path = ROOT) -> None:
    """Make the group everywhere; in v1 a cpuset is of no use until it is filled in."""
    for hierarchy in hierarchies(root):
        (hierarchy / name).mkdir(exist_ok=True)
        for file in ("cpuset.cpus", "cpuset.mems"):
            if (hierarchy / file).exists() and hierarchy != root:
                (hierarchy / name / file).write_text((hierarchy / file).read_text())
    if hierarchies(root) == [root]:
        wanted = (root / "cgroup.controllers").read_text().split()
        (root / "cgroup.subtree_control").write_text(" ".join(f"+{name}" for name in wanted))


def groups(name: str, root: Path = ROOT) -> Iterator[Path]:
    """The group and those below it, the innermost first; runc makes some in `unified` too."""
    for hierarchy in (*hierarchies(root), root / "unified"):
        for folder, _, _ in os.walk(hierarchy / name, topdown=False):
            yield Path(folder)


def members(name: str, root: Path = ROOT) -> list[Record]:
    """The processes of the group and those below it: the node's containers."""
    pids: set[int] = set()
    for group in groups(name, root):
        with suppress(OSError):
            pids |= {int(pid) for pid in (group / "cgroup.procs").read_text().split()}
    return [Record(pid, start_time(pid)) for pid in sorted(pids)]


def remove(name: str, root: Path = ROOT) -> None:
    """Remove the emptied group; a process that is just ending may hold it for a moment."""
    for group in list(groups(name, root)):
        with suppress(OSError):
            group.rmdir()
