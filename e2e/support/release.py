"""The Helm release of the operator under test."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from e2e.support.helm import Helm
from e2e.support.kinds import NAMESPACE
from e2e.support.kube import Kube
from e2e.support.sandbox import RESTRICTED
from e2e.support.settings import REPO, Settings

CHART = REPO / "charts" / "davit"
CLUSTER_CHART = REPO / "charts" / "etcd-cluster"


def install(helm: Helm, settings: Settings, values: Mapping[str, Any] | None = None, files: Sequence[Path] = ()) -> None:
    """Install or upgrade the bundle and wait for it; its namespace enforces `restricted` from the start."""
    name = settings.namespace
    Kube(settings.kubeconfig).apply(NAMESPACE, {"metadata": {"name": name, "labels": RESTRICTED}})
    helm.install(settings.release, CHART, name, values=values, files=(*settings.values, *files))


def uninstall(helm: Helm, settings: Settings) -> None:
    """Remove the release; CRDs and operands stay."""
    helm.uninstall(settings.release, settings.namespace)
