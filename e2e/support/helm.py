"""Helm as a program: what users run is what is tested, so no library stands between."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from e2e.support.settings import REPO


class HelmFailed(AssertionError):
    """Helm's own words; an assertion, since a chart that does not install is a failed test."""


@dataclass(frozen=True)
class Helm:
    """One binary against one cluster; `home` keeps it away from the user's own repositories and plugins."""

    binary: str
    kubeconfig: Path
    home: Path = field(default=REPO / ".davit" / "e2e-helm")

    def run(self, *argv: str, timeout: float = 600.0) -> str:
        """Run it and return its standard output; HelmFailed carries everything it said."""
        self.home.mkdir(parents=True, exist_ok=True)
        homes = {name: str(self.home) for name in ("HELM_CONFIG_HOME", "HELM_CACHE_HOME", "HELM_DATA_HOME")}
        words = [self.binary, "--kubeconfig", str(self.kubeconfig), *argv]
        try:
            done = subprocess.run(
                words,
                capture_output=True,
                text=True,
                timeout=timeout,
                check=False,
                env={**os.environ, **homes},
            )
        except subprocess.TimeoutExpired as late:
            raise HelmFailed(f"helm {' '.join(argv)}: no end after {timeout:.0f} s") from late
        if done.returncode:
            raise HelmFailed(f"helm {' '.join(argv)} (exit {done.returncode})\n{done.stdout}\n{done.stderr}")
        return done.stdout

    def install(
        self,
        release: str,
        chart: Path,
        namespace: str,
        *,
        values: Mapping[str, Any] | None = None,
        files: Sequence[Path] = (),
        wait: bool = True,
        timeout: float = 300.0,
        extra: Sequence[str] = (),
    ) -> str:
        """`helm upgrade --install` with these values and none of before; through --set-json, so that types survive."""
        argv = ["upgrade", "--install", release, str(chart), "--namespace", namespace, "--create-namespace", "--reset-values"]
        argv += [word for path in files for word in ("--values", str(path))]
        argv += [word for key, value in (values or {}).items() for word in ("--set-json", f"{key}={json.dumps(value)}")]
        argv += ["--wait", "--timeout", f"{timeout:.0f}s"] if wait else []
        return self.run(*argv, *extra, timeout=timeout + 60)

    def uninstall(self, release: str, namespace: str) -> None:
        """Remove a release and wait for its objects to go; fine when there is none."""
        if self.deployed(release, namespace):
            self.run("uninstall", release, "--namespace", namespace, "--wait", "--timeout", "120s")

    def deployed(self, release: str, namespace: str) -> bool:
        """Whether a release of this name exists, in whatever state."""
        listed = self.run("list", "--all-namespaces", "--output", "json", "--filter", f"^{release}$")
        return any(found["namespace"] == namespace for found in json.loads(listed or "[]"))


def find(binary: str, tool: str = "helm4") -> str:
    """The binary that was named, else the pinned one, built when it is not there yet."""
    if binary:
        return binary
    words = [sys.executable, "-m", "ci.tools", "path", tool]
    done = subprocess.run(words, capture_output=True, text=True, cwd=REPO, timeout=1800, check=False)
    if done.returncode:
        raise HelmFailed(f"{' '.join(words)}\n{done.stderr}")
    return done.stdout.strip().splitlines()[-1]
