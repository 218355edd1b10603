"""Process records: the right process is ended, and never one that only has its number."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from ci.cluster import process, system
from ci.cluster.local import Local
from ci.cluster.process import Processes, Record, end, start_time
from ci.errors import CommandFailed, Refused

SLEEP = [sys.executable, "-c", "import time; time.sleep(60)"]


@pytest.fixture
def processes(tmp_path: Path) -> Iterator[Processes]:
    """A state folder whose programs end with the test."""
    made = Processes(tmp_path)
    yield made
    made.stop(*made.names())
    process.kill(made.marked())


def fake_stat(proc: Path, state: str, ticks: int) -> None:
    """A /proc with one process, whose name tries to confuse a careless parser."""
    (proc / "7").mkdir(parents=True, exist_ok=True)
    fields = [state, *["0"] * 18, str(ticks), *["0"] * 10]
    (proc / "7/stat").write_text(f"7 (a) R (b) {' '.join(fields)}")
    (proc / "sys/kernel/random").mkdir(parents=True, exist_ok=True)
    (proc / "sys/kernel/random/boot_id").write_text("boot\n")


def test_start_time_tells_processes_apart(tmp_path: Path) -> None:
    fake_stat(tmp_path, "S", 123)
    assert start_time(7, tmp_path) == "boot/123"
    fake_stat(tmp_path, "Z", 123)
    assert start_time(7, tmp_path) == ""
    assert start_time(8, tmp_path) == ""


def test_a_used_again_pid_is_not_killed() -> None:
    other = subprocess.Popen(SLEEP)
    try:
        end([Record(other.pid, "an-earlier-boot/1")], grace=0.2)
        assert other.poll() is None
    finally:
        other.kill()
        other.wait()


def test_started_recorded_stopped(processes: Processes) -> None:
    processes.start("a", SLEEP)
    record = processes.record("a")
    assert record is not None
    processes.start("a", SLEEP)
    assert processes.record("a") == record, "a running program is not started again"
    processes.stop("a")
    assert not record.alive
    assert processes.names() == []


def test_a_lost_record_is_found_by_its_mark(processes: Processes, tmp_path: Path) -> None:
    processes.start("a", SLEEP)
    first = processes.record("a")
    (tmp_path / "procs/a.json").write_text('{"pid"')
    assert not processes.alive("a")
    assert first in processes.marked("a")
    assert processes.marked("b") == []
    processes.start("a", SLEEP)
    assert first is not None
    assert not first.alive, "the stray is ended before another is started"


def test_a_stopped_process_ends_too(processes: Processes) -> None:
    processes.start("a", SLEEP)
    record = processes.record("a")
    assert record is not None
    os.kill(record.pid, signal.SIGSTOP)
    processes.stop("a")
    assert not record.alive


def test_an_early_end_shows_the_log(processes: Processes) -> None:
    processes.start("a", [sys.executable, "-c", "print('no such flag'); raise SystemExit(1)"])
    record = processes.record("a")
    assert record is not None
    os.waitpid(record.pid, 0)
    with pytest.raises(CommandFailed, match="no such flag"):
        processes.require_alive("a")


def test_a_record_of_another_boot_is_dead() -> None:
    mine = Record(os.getpid(), start_time(os.getpid()))
    assert mine.alive
    assert not replace(mine, started="other/" + mine.started.partition("/")[2]).alive


def test_another_checkouts_cluster_is_in_the_way_while_it_runs(
    processes: Processes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(system, "LIB", tmp_path / "lib")
    system.own(processes.state)
    processes.start("sleeper", SLEEP)
    mine = Local(tmp_path / "mine")
    with pytest.raises(Refused, match="runs the cluster of"):
        mine.require_owner()
    processes.stop("sleeper")
    mine.require_owner()
