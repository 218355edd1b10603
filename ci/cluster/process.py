"""Start programs that outlive us, and end exactly those: never a pid that was used again."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from ci.errors import CommandFailed
from ci.progress import wait_for
from ci.shell import environment, tail

MARK = "DAVIT_CLUSTER"
"""An environment variable with the state folder, inherited by all that our programs start."""
NAME_MARK = "DAVIT_PROCESS"
GRACE = 8.0


@dataclass(frozen=True)
class Record:
    """A process for sure: a pid alone may be another program's by now."""

    pid: int
    started: str

    @property
    def alive(self) -> bool:
        """Whether this very process still runs (a zombie does not)."""
        return self.started != "" and start_time(self.pid) == self.started

    def signal(self, number: signal.Signals) -> None:
        """Signal it if it is still itself."""
        if self.alive:
            with suppress(ProcessLookupError):
                os.kill(self.pid, number)


def start_time(pid: int, proc: Path = Path("/proc")) -> str:
    """Boot and clock tick of the start, or '' for none and for a zombie."""
    try:
        fields = (proc / str(pid) / "stat").read_text().rpartition(")")[2].split()
        boot = (proc / "sys/kernel/random/boot_id").read_text().strip()
    except (FileNotFoundError, ProcessLookupError):
        return ""
    return "" if fields[0] in "ZX" else f"{boot}/{fields[19]}"


class Processes:
    """The programs of one state folder, by name, with a record and a log each."""

    def __init__(self, state: Path) -> None:
        self.state = state
        self.records = state / "procs"
        self.logs = state / "log"

    def start(self, name: str, argv: Sequence[str | Path], dies_with_us: bool = False) -> None:
        """Start unless it runs."""
        if self.alive(name):
            return
        self.end_stray(name)
        self.logs.mkdir(parents=True, exist_ok=True)
        self.records.mkdir(parents=True, exist_ok=True)
        words = [str(word) for word in argv]
        if dies_with_us:
            words = ["setpriv", "--pdeathsig", "KILL", "--", *words]
        with (self.logs / f"{name}.log").open("a") as log:
            child = subprocess.Popen(
                words, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                start_new_session=True, env=environment({MARK: str(self.state), NAME_MARK: name}),
            )  # fmt: skip
        child.returncode = 0  # it outlives this object on purpose: no ResourceWarning about that
        record = Record(child.pid, start_time(child.pid))
        (self.records / f"{name}.json").write_text(json.dumps(asdict(record)))

    def end_stray(self, name: str) -> None:
        """End what a crash left between a program's start and its record."""
        if not self.alive(name):
            kill(self.marked(name))

    def record(self, name: str) -> Record | None:
        """What was written down; a file cut short by a crash counts as none."""
        try:
            return Record(**json.loads((self.records / f"{name}.json").read_text()))
        except (FileNotFoundError, ValueError, TypeError):
            return None

    def alive(self, name: str) -> bool:
        """Whether the named program runs."""
        record = self.record(name)
        return record is not None and record.alive

    def require_alive(self, name: str) -> None:
        """Say why it ended, at once instead of at a time-out."""
        if not self.alive(name):
            log = self.logs / f"{name}.log"
            said = tail(log.read_text(errors="replace"), 15) if log.exists() else ""
            raise CommandFailed(f"{name} ended, log {log}\n{said}")

    def names(self) -> list[str]:
        """All that were started and not stopped."""
        return sorted(path.stem for path in self.records.glob("*.json"))

    def stop(self, *names: str) -> None:
        """End the named programs and forget them."""
        end([record for name in names if (record := self.record(name))])
        for name in names:
            (self.records / f"{name}.json").unlink(missing_ok=True)

    def marked(self, name: str | None = None) -> list[Record]:
        """Everything that carries our mark, recorded or not: container shims, crash leftovers."""
        marks = {f"{MARK}={self.state}".encode()}
        marks |= {f"{NAME_MARK}={name}".encode()} if name else set()
        return [
            Record(int(entry.name), start_time(int(entry.name)))
            for entry in Path("/proc").iterdir()
            if entry.name.isdigit() and marks <= environ(entry) and int(entry.name) != os.getpid()
        ]


def environ(entry: Path) -> set[bytes]:
    """A process's variables; gone and foreign processes have none."""
    try:
        return set((entry / "environ").read_bytes().split(b"\0"))
    except OSError:
        return set()


def end(records: Iterable[Record], grace: float = GRACE) -> None:
    """Ask, wait, insist. A stopped process is continued first, or it would never hear us."""
    left = [record for record in records if record.alive]
    for record in left:
        record.signal(signal.SIGTERM)
        record.signal(signal.SIGCONT)
    with suppress(Exception):
        wait_for(lambda: "processes" if still(left) else None, grace, every=0.05)
    kill(left)


def kill(records: Iterable[Record]) -> None:
    """End at once, and wait until it is so."""
    left = still(records)
    for record in left:
        record.signal(signal.SIGKILL)
    wait_for(lambda: f"the end of {still(left)}" if still(left) else None, 10, every=0.05)


def still(records: Iterable[Record]) -> list[Record]:
    """Those that run; our own children are reaped on the way, or they stay as zombies."""
    running = []
    for record in records:
        with suppress(ChildProcessError):
            os.waitpid(record.pid, os.WNOHANG)
        if record.alive:
            running.append(record)
    return running
