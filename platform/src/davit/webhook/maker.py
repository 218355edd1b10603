"""Makes certificates in a process of its own: `cryptography` would stay in the operator, 10 MB for what is due every 60 days."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
from typing import Any

from davit.errors import Transient
from davit.webhook.certificates import Due, Material, Unusable

FIELDS = ("authorities", "certificate", "authority_key", "key")
_PATIENCE = 15.0
"""Seconds; it takes 0.2 s."""


def make(host: str, now: float, what: Due = Due.ALL, before: Material | None = None) -> Material:
    """What `authority.make` gives; keys go through pipes only.

    Raises `Unusable` as that does, `Transient` when the process ends otherwise.
    """
    asked = {"host": host, "now": now, "what": what.name, "before": before and written(before)}
    # -I would forget PYTHONPATH, by which the image finds us.
    command = [sys.executable, *["-O"] * sys.flags.optimize, "-m", "davit.webhook.authority"]
    try:
        done = subprocess.run(command, input=json.dumps(asked).encode(), capture_output=True, timeout=_PATIENCE, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Transient(f"no certificate could be made: {type(error).__name__} of {' '.join(command[-2:])}") from None
    if done.returncode != 0:
        said = done.stderr.decode(errors="replace").strip().rpartition("\n")[2]
        raise Transient(f"no certificate could be made: {' '.join(command[-2:])} ended with {done.returncode}: {said[:300]}")
    answer = json.loads(done.stdout)
    if "unusable" in answer:
        raise Unusable(answer["unusable"])
    return read(answer)


def written(material: Material) -> dict[str, str]:
    """For JSON."""
    return {name: base64.b64encode(getattr(material, name)).decode() for name in FIELDS}


def read(answer: dict[str, Any]) -> Material:
    """The other way round."""
    return Material(**{name: base64.b64decode(answer[name]) for name in FIELDS})
