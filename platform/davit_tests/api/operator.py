"""Drives the toy operator's process: start, look at what it did, ask its probes, stop."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.request import urlopen

from davit.model import Kind

REPO = Path(__file__).resolve().parents[3]
PATIENCE = 90.0
"""Seconds after which an expectation has failed; generous, for machines under load."""


def wait_until(ready: Callable[[], bool], what: str, seconds: float = PATIENCE) -> None:
    deadline = time.monotonic() + seconds
    while not ready():
        assert time.monotonic() < deadline, f"after {seconds:.0f} s: {what}"
        time.sleep(0.05)


class Operator:
    """One replica; `wishes` go to `davit_tests.api.toy`."""

    def __init__(self, kubeconfig: Path, namespace: str, toys: Kind, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.kubeconfig = kubeconfig
        self.namespace = namespace
        self.toys = toys
        self.out = folder / "out"
        self.log = folder / "log"
        self.port = _free_port()
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, *flags: str, **wishes: Any) -> Operator:
        """Start it in its namespace; returns at once."""
        environment = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join(str(REPO / part) for part in ("platform/src", "platform", ".")),
            "TOY": json.dumps({"group": self.toys.group, **wishes}),
        }
        for foreign in ("KUBECONFIG", "POD_NAME", "POD_UID"):
            environment.pop(foreign, None)
        command = [sys.executable, "-W", "error", "-m", "davit_tests.api.toy"]
        command += ["--kubeconfig", str(self.kubeconfig), "--namespace", self.namespace, "--port", str(self.port)]
        with self.out.open("ab") as out, self.log.open("ab") as log:
            self._process = subprocess.Popen([*command, *flags], stdout=out, stderr=log, env=environment)
        return self

    def start_ready(self, *flags: str, **wishes: Any) -> Operator:
        """Start it and wait until its readiness probe succeeds."""
        self.start(*flags, **wishes)
        wait_until(lambda: self.probe("readyz")[0] == 200, f"not ready: {self.probe('readyz')}\n{self.logged()}")
        return self

    @property
    def process(self) -> subprocess.Popen[bytes]:
        assert self._process is not None, "not started"
        return self._process

    def passes(self) -> list[dict[str, Any]]:
        """One per pass: `pass` (the key), `spec` as it was read (None when it was gone), `leads`."""
        return [line for line in map(json.loads, self.out.read_text().splitlines()) if "pass" in line]

    def wait_for_pass(self, key: str, spec: object = ..., after: int = 0) -> None:
        """Wait for a pass over this key (that read this spec), not counting the first `after` passes."""
        wait_until(
            lambda: any(one["pass"] == key and spec in (..., one["spec"]) for one in self.passes()[after:]),
            f"no pass for {key} with {spec} among {self.passes()[after:]}\n{self.logged()}",
        )

    def lines(self) -> list[dict[str, Any]]:
        """Its log."""
        return [json.loads(line) for line in self.log.read_text().splitlines()]

    def complaints(self) -> list[str]:
        """Warnings and errors; not what the API server says for a moment of every kind whose CRD is new."""
        bad = (line["msg"] for line in self.lines() if line["level"] in ("error", "warning"))
        return [text for text in bad if "storage is (re)initializing" not in text]

    def logged(self) -> str:
        return self.log.read_text()[-4000:]

    def probe(self, path: str) -> tuple[int, str]:
        """Status and text of /healthz, /readyz or /metrics; 0 when nothing listens."""
        try:
            with urlopen(f"http://127.0.0.1:{self.port}/{path}", timeout=5) as answer:
                return answer.status, answer.read().decode()
        except HTTPError as error:
            with error:
                return error.code, error.read().decode()
        except (URLError, OSError):
            return 0, ""

    def signal(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def stop(self) -> tuple[int, float]:
        """SIGTERM; returns the exit code and how many seconds it took."""
        began = time.monotonic()
        self.signal(signal.SIGTERM)
        return self.process.wait(PATIENCE), time.monotonic() - began

    def memory(self) -> int:
        """Resident, in bytes."""
        pages = Path(f"/proc/{self.process.pid}/statm").read_text().split()[1]
        return int(pages) * os.sysconf("SC_PAGE_SIZE")

    def kill(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
            self._process.wait()


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as found:
        return int(found.getsockname()[1])
