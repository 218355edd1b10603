"""Build images with buildah, without a container engine, into OCI archives in the cache."""

from __future__ import annotations

import json
import shutil
import tarfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ci.images.table import Image, archive, digest, images, rootfs
from ci.paths import cache
from ci.progress import step
from ci.shell import run, run_logged, succeeds
from ci.tools.build import ensure

HOST_FILES = ("/etc/pip.conf", "/etc/ssl/certs")
"""How this machine reaches its package registries; never part of an image."""
BASE_PACKAGES = "ca-certificates"
SKIPPED_FILES = ("/usr/share/doc/*", "/usr/share/man/*", "/usr/share/locale/*")


@dataclass(frozen=True)
class Archive:
    """A built image: what to load, and how to tell that a node has it already."""

    ref: str
    path: Path

    @property
    def digest(self) -> str:
        """The manifest digest, by which container runtimes know an image."""
        return str(self._read("index.json")["manifests"][0]["digest"])

    @property
    def config(self) -> str:
        """The config's digest, by which the status of a pod names the image that it runs."""
        return str(self._read(f"blobs/{self.digest.replace(':', '/')}")["config"]["digest"])

    def _read(self, name: str) -> Any:
        with tarfile.open(self.path) as tar:
            file = tar.extractfile(name)
            assert file is not None
            return json.load(file)


def build_all(names: Iterable[str]) -> list[Archive]:
    """Archives of the named images, built where the cache has none."""
    known = images()
    return [ensure_image(known[name], known) for name in names]


def ensure_image(image: Image, known: dict[str, Image]) -> Archive:
    """One archive; it is renamed into place last, so that half of one never counts."""
    wanted = archive(image, known)
    if not wanted.exists():
        prepare(image, known)
        with step(f"image {image.ref}") as note:
            aside = wanted.with_suffix(".new")
            aside.parent.mkdir(parents=True, exist_ok=True)
            aside.unlink(missing_ok=True)
            run_logged(build_command(image, known), log(image), note)
            run(*buildah(), "push", "--disable-compression", image.ref,
                f"oci-archive:{aside}:{image.ref}")  # fmt: skip
            aside.rename(wanted)
        drop_older(image, wanted)
    return Archive(image.ref, wanted)


def prepare(image: Image, known: dict[str, Image]) -> None:
    """Everything an image is built from."""
    if image.tool:
        ensure([image.tool])
    if image.suite:
        ensure_rootfs(image.suite)
    if image.base:
        ensure_base(known[image.base], known)


def ensure_base(base: Image, known: dict[str, Image]) -> None:
    """A base lives in buildah's storage alone: nobody loads it, and a tar of it is only large."""
    label = exact(base, known)
    if succeeds(*buildah(), "inspect", "--type", "image", label):
        return
    prepare(base, known)
    with step(f"base image {base.ref}") as note:
        run_logged(build_command(base, known), log(base), note)
        run(*buildah(), "tag", base.ref, label)


def exact(base: Image, known: dict[str, Image]) -> str:
    """A base's name with its digest, so that another branch's build of it is never used."""
    return f"{base.ref}-{digest(base, known)}"


def build_command(image: Image, known: dict[str, Image]) -> list[str]:
    """`buildah build`, in the machine's network, with layers kept for the next time."""
    args = [f"{key}={value}" for key, value in image.args]
    args += [f"BASE_IMAGE={exact(known[image.base], known)}"] if image.base else []
    mounts = [f"{path}:{path}:ro" for path in HOST_FILES if Path(path).exists()]
    return [
        *buildah(), "build", "--isolation", "chroot", "--network", "host", "--layers",
        "--pull-never", "--format", "oci", "--timestamp", "0", "-t", image.ref,
        *(word for arg in args for word in ("--build-arg", arg)),
        *(word for mount in mounts for word in ("--volume", mount)),
        "-f", str(image.containerfile), str(image.folder),
    ]  # fmt: skip


def buildah() -> list[str]:
    """buildah with a storage of our own, so that removing the cache removes it all."""
    root = cache() / "buildah"
    return ["buildah", "--root", f"{root}/storage", "--runroot", f"{root}/run"]


def log(image: Image) -> Path:
    """The image's build log."""
    return cache() / "log" / f"image-{image.name}.log"


def ensure_rootfs(suite: str) -> None:
    """A Debian release as a tar."""
    wanted = rootfs(suite)
    if wanted.exists():
        return
    wanted.parent.mkdir(parents=True, exist_ok=True)
    aside = wanted.with_name("new.tar")
    skip = [f"--dpkgopt=path-exclude={pattern}" for pattern in SKIPPED_FILES]
    argv = ["mmdebstrap", "--variant=minbase", f"--include={BASE_PACKAGES}", *skip]
    with step(f"Debian {suite} root file system") as note:
        run_logged([*argv, suite, aside], cache() / "log" / f"rootfs-{suite}.log", note)
    aside.rename(wanted)


def drop_older(image: Image, kept: Path) -> None:
    """Archives of the same image from older inputs only fill the disk."""
    for path in kept.parent.glob(f"{image.name}-{'?' * 16}.tar"):
        if path != kept:
            path.unlink()


def have_buildah() -> bool:
    """Whether images can be built here."""
    return shutil.which("buildah") is not None
