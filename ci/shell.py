"""Run other programs: short ones captured, long ones into a log with a heartbeat."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from ci.errors import CommandFailed

TAIL_LINES = 30


def environment(extra: Mapping[str, str] | None) -> dict[str, str]:
    """Our own environment with additions; /usr/sbin is not on every root's PATH."""
    path = os.environ.get("PATH", "") + ":/usr/local/sbin:/usr/sbin:/sbin"
    return {**os.environ, "PATH": path, **(extra or {})}


def run(
    *argv: str | Path,
    check: bool = True,
    stdin: str | None = None,
    env: Mapping[str, str] | None = None,
    timeout: float | None = 300,
) -> str:
    """The standard output of a short command; CommandFailed carries its error output."""
    words = [str(word) for word in argv]
    try:
        done = subprocess.run(
            words, input=stdin, capture_output=True, text=True, env=environment(env),
            timeout=timeout, check=False,
        )  # fmt: skip
    except FileNotFoundError as missing:
        raise CommandFailed(f"{words[0]}: not found") from missing
    except subprocess.TimeoutExpired as late:
        raise CommandFailed(f"{' '.join(words)}: no end after {timeout} s") from late
    if check and done.returncode:
        said = (done.stderr or done.stdout).strip()
        raise CommandFailed(f"{' '.join(words)} (exit {done.returncode})\n{tail(said)}")
    return done.stdout


def succeeds(*argv: str | Path) -> bool:
    """Whether a short command exits with 0; a missing program counts as no."""
    try:
        run(*argv)
    except CommandFailed:
        return False
    return True


def run_logged(
    argv: Sequence[str | Path],
    log: Path,
    note: Callable[[str], None],
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
) -> None:
    """A long command with its output in `log`; `note` hears the last line as it comes."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("w") as out:
        process = subprocess.Popen(
            [str(word) for word in argv], stdout=out, stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL, cwd=cwd, env=environment(env),
        )  # fmt: skip
        try:
            while process.poll() is None:
                note(last_line(log))
                time.sleep(0.2)
        except BaseException:
            process.terminate()
            process.wait()
            raise
    if process.returncode:
        said = tail(log.read_text(errors="replace"))
        raise CommandFailed(f"{argv[0]} (exit {process.returncode}), log {log}\n{said}")


def last_line(log: Path) -> str:
    """The newest line of a growing log, cut to a screen's width."""
    lines = tail(log.read_text(errors="replace"), 1)
    return lines[:80]


def tail(text: str, lines: int = TAIL_LINES) -> str:
    """The last lines of a text."""
    return "\n".join(text.rstrip().splitlines()[-lines:])
