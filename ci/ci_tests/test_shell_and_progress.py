"""Failures show their cause, and waiting says for what."""

from __future__ import annotations

from pathlib import Path

import pytest

from ci.errors import CommandFailed, Refused, TimedOut, main_guard
from ci.progress import step, wait_for
from ci.shell import run, run_logged, succeeds, tail


def test_a_failed_command_shows_its_error_output() -> None:
    with pytest.raises(CommandFailed, match="No such file"):
        run("ls", "/nonexistent")
    assert not succeeds("no-such-program-here")


def test_a_failed_long_command_names_its_log(tmp_path: Path) -> None:
    log = tmp_path / "sub/log"
    with pytest.raises(CommandFailed, match=f"(?s){log}.*broken"):
        run_logged(["sh", "-c", "echo broken; exit 3"], log, lambda _: None)


def test_waiting_says_for_what() -> None:
    answers = iter(["a", "b", None])
    heard: list[str] = []
    wait_for(lambda: next(answers), 5, heard.append, every=0)
    assert heard == ["a", "b"]
    with pytest.raises(TimedOut, match="still waiting for node1"):
        wait_for(lambda: "node1", 0.01, every=0)


def test_steps_print_their_end(capsys: pytest.CaptureFixture[str]) -> None:
    with step("one"):
        pass
    with pytest.raises(ValueError, match="x"), step("two"):
        raise ValueError("x")
    first, second = capsys.readouterr().out.splitlines()
    assert first.startswith("✓ one")
    assert second.startswith("✗ two")


def test_expected_failures_become_a_message(capsys: pytest.CaptureFixture[str]) -> None:
    def refuse() -> None:
        raise Refused("no", "do this")

    assert main_guard(refuse) == 2
    assert "remedy: do this" in capsys.readouterr().err


def test_tail() -> None:
    assert tail("a\nb\nc\n", 2) == "b\nc"
