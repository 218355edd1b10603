"""Which cluster: one that exists, kind where a container engine answers, or plain processes."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import yaml

from ci.cluster.local import Local
from ci.errors import Refused
from ci.images.build import Archive, build_all
from ci.images.table import images, loadable
from ci.paths import DAVIT, KUBECONFIG
from ci.progress import step
from ci.shell import run, succeeds

CHOSEN = DAVIT / "provider"
"""Written before anything is started, so that `down` asks the right one."""


class Provider(Protocol):
    """What the commands need of a kind of cluster."""

    name: str
    loads: bool
    """Whether images can be put in; otherwise the cluster pulls them itself."""

    def check(self, count: int | None, /) -> None:
        """Refuse, with a remedy, before anything is changed."""

    def up(self, count: int | None, /) -> None:
        """Have a cluster with so many nodes (None: as it is, or one), and its kubeconfig."""

    def down(self) -> None:
        """Remove what `up` made."""

    def load(self, archives: Sequence[Archive]) -> None:
        """Put images where pods find them."""

    def status(self) -> list[str]:
        """Facts, a line each."""
        raise NotImplementedError


class Existing:
    """The cluster of DAVIT_KUBECONFIG; it pulls its images itself."""

    name = "existing"
    loads = False

    @property
    def source(self) -> Path:
        """The kubeconfig that was named."""
        return Path(os.environ.get("DAVIT_KUBECONFIG", ""))

    def check(self, _count: int | None, /) -> None:
        """See that the cluster answers."""
        if not self.source.is_file():
            raise Refused("DAVIT_KUBECONFIG names no file", "set it to a kubeconfig")
        if not succeeds("kubectl", "--kubeconfig", self.source, "get", "--raw", "/readyz"):
            raise Refused(f"the cluster of {self.source} does not answer", "check `kubectl get nodes`")

    def up(self, _count: int | None, /) -> None:
        """Copy the kubeconfig."""
        shutil.copy(self.source, KUBECONFIG)
        KUBECONFIG.chmod(0o600)

    def down(self) -> None:
        """Only forget it: it is not ours."""
        KUBECONFIG.unlink(missing_ok=True)

    def load(self, archives: Sequence[Archive]) -> None:
        """There is no way in but a registry."""
        raise Refused(f"cannot load {len(archives)} images into an existing cluster", "push them to a registry")

    def status(self) -> list[str]:
        """Nothing that kubectl would not say better."""
        return [f"from: {self.source}"]


class Kind:
    """A kind cluster called davit. Never run where this was written: there was no engine."""

    name = "kind"
    loads = True

    def check(self, _count: int | None, /) -> None:
        """Both are needed."""
        if not kind_possible():
            raise Refused("no kind, or no engine that answers it", "install kind and start Docker or Podman")

    def up(self, count: int | None) -> None:
        """Create it if it is not there, and load the test images."""
        if "davit" not in run("kind", "get", "clusters").split():
            with step("kind create cluster"), tempfile.NamedTemporaryFile("w") as config:
                config.write(yaml.safe_dump(kind_config(count or 1)))
                config.flush()
                run("kind", "create", "cluster", "--name", "davit", "--wait", "120s",
                    "--kubeconfig", KUBECONFIG, "--config", config.name, timeout=900)  # fmt: skip
        run("kind", "export", "kubeconfig", "--name", "davit", "--kubeconfig", KUBECONFIG)
        if shutil.which("buildah"):
            self.load(build_all(loadable(images())))

    def down(self) -> None:
        """kind cleans up after itself."""
        run("kind", "delete", "cluster", "--name", "davit")
        KUBECONFIG.unlink(missing_ok=True)

    def load(self, archives: Sequence[Archive]) -> None:
        """Into every node; kind skips what is there."""
        for archive in archives:
            with step(f"load {archive.ref}"):
                run("kind", "load", "image-archive", archive.path, "--name", "davit")

    def status(self) -> list[str]:
        """The nodes' containers."""
        return [f"nodes: {run('kind', 'get', 'nodes', '--name', 'davit', check=False).strip()}"]


def kind_config(count: int) -> dict[str, object]:
    """One control-plane node that also runs pods, and workers."""
    roles = ["control-plane", *["worker"] * (count - 1)]
    api = "kind.x-k8s.io/v1alpha4"
    return {"kind": "Cluster", "apiVersion": api, "nodes": [{"role": role} for role in roles]}


def choose(asked: str, running: str | None, existing: bool, kind: bool) -> str:
    """The provider's name: what was asked for, what runs already, or what is possible: pure."""
    if asked != "auto":
        return asked
    if running:
        return running
    return "existing" if existing else "kind" if kind else "local"


def kind_possible() -> bool:
    """Whether kind is there and an engine answers it."""
    engines = ("docker", "podman")
    return bool(shutil.which("kind")) and any(succeeds(engine, "info") for engine in engines)


def running() -> str | None:
    """The provider that was chosen and not yet taken down."""
    return CHOSEN.read_text().strip() if CHOSEN.exists() else None


def provider(asked: str = "auto") -> Provider:
    """The provider to use now."""
    existing = bool(os.environ.get("DAVIT_KUBECONFIG"))
    now = running()
    name = choose(asked, now, existing, now is None and not existing and kind_possible())
    if now and now != name:
        raise Refused(f"a cluster of provider {now} is up", "take it down first: `make down`")
    makers: dict[str, type[Existing] | type[Kind] | type[Local]] = {
        "existing": Existing, "kind": Kind, "local": Local,
    }  # fmt: skip
    return makers[name]()
