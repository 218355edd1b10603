"""kubectl as a program: what it shows to a person is what is tested."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from e2e.support.exec import Done
from e2e.support.kinds import Kind
from e2e.support.kube import Json
from e2e.support.settings import REPO


@dataclass(frozen=True)
class Kubectl:
    """One binary against one cluster."""

    binary: str
    kubeconfig: Path

    def run(self, *argv: str, stdin: str = "", timeout: float = 60.0) -> Done:
        """Run it; a failure is in the result."""
        words = [self.binary, "--kubeconfig", str(self.kubeconfig), *argv]
        env = {**os.environ, "HOME": str(REPO / ".davit" / "e2e-helm")}
        done = subprocess.run(words, input=stdin, capture_output=True, text=True, timeout=timeout, check=False, env=env)
        return Done(done.returncode, done.stdout, done.stderr)

    def apply(self, kind: Kind, manifest: Json, *argv: str) -> Done:
        """Client-side `kubectl apply`, as most people do."""
        text = json.dumps({"apiVersion": kind.api_version, "kind": kind.kind, **manifest})
        return self.run("apply", "-f", "-", *argv, stdin=text)


def find() -> str:
    """The one on the PATH, else the pinned one, built when it is not there yet."""
    if found := shutil.which("kubectl"):
        return found
    words = [sys.executable, "-m", "ci.tools", "path", "kubernetes", "kubectl"]
    done = subprocess.run(words, capture_output=True, text=True, cwd=REPO, timeout=1800, check=True)
    return done.stdout.strip().splitlines()[-1]
