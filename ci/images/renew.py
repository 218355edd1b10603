"""Operators that run from an older build of a tag that was just loaded: Kubernetes itself never notices."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from ci.images.build import Archive
from ci.paths import KUBECONFIG
from ci.progress import step
from ci.shell import run
from ci.tools.build import path

OPERATORS = "app.kubernetes.io/component=operator,app.kubernetes.io/name"


def renew(archives: Iterable[Archive]) -> None:
    """Delete such pods; their Deployments make new ones."""
    kubectl: list[str | Path] = [path("kubernetes", "kubectl"), "--kubeconfig", KUBECONFIG]
    pods = json.loads(run(*kubectl, "get", "pods", "-A", "-l", OPERATORS, "-o", "json"))["items"]
    for namespace, name in sorted(set(outdated(pods, {archive.ref: archive.config for archive in archives}))):
        with step(f"replace pod {name}, whose image is an older build"):
            run(*kubectl, "delete", "pod", "-n", namespace, name)


def outdated(pods: Iterable[dict[str, Any]], current: dict[str, str]) -> Iterator[tuple[str, str]]:
    """Namespaces and names of pods with an image of a tag in `current` (tag -> digest of its config) that is not that one."""
    for pod in pods:
        for status in pod.get("status", {}).get("containerStatuses", []):
            wanted, found = current.get(status["image"]), status.get("imageID", "")
            if wanted and found and not found.endswith(wanted):
                yield pod["metadata"]["namespace"], pod["metadata"]["name"]
