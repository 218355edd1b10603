"""Which images there are, what each is made of, and the digest of all that: pure but for reads."""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ci.paths import CI, REPO, cache
from ci.tools.table import TOOLS

HOME = CI / "images"
IGNORED = {"__pycache__", ".mypy_cache", ".ruff_cache", ".pytest_cache"}


@dataclass(frozen=True)
class Image:
    """One image. Its build context is a tool's folder, a root file system's, or `context`."""

    name: str
    ref: str
    containerfile: Path
    base: str | None = None
    tool: str | None = None
    suite: str | None = None
    context: Path | None = None
    inputs: tuple[Path, ...] = ()
    args: tuple[tuple[str, str], ...] = ()

    @property
    def folder(self) -> Path:
        """The build context."""
        if self.tool:
            return TOOLS[self.tool].folder
        if self.suite:
            return rootfs(self.suite).parent
        return self.context or self.containerfile.parent


def rootfs(suite: str) -> Path:
    """The tar of a Debian release."""
    return cache() / "rootfs" / suite / "rootfs.tar"


def images(repo: Path = REPO) -> dict[str, Image]:
    """All images by name; operators appear with their Containerfile."""
    return {image.name: image for image in (*FIXED, *operators(repo))}


def operators(repo: Path) -> Iterator[Image]:
    """One image for each operator, tagged with the version in its pyproject."""
    for file in sorted(repo.glob("operators/*/Containerfile")):
        folder, name = file.parent, file.parent.name
        version = tomllib.loads((folder / "pyproject.toml").read_text())["project"]["version"]
        requirements = repo / "ci" / "requirements" / f"{name}.txt"
        yield Image(
            f"{name}-operator", f"ghcr.io/davit-dev/{name}-operator:{version}", file,
            base="python", context=repo,
            inputs=(folder, repo / "platform" / "src", repo / "platform" / "pyproject.toml",
                    requirements),
        )  # fmt: skip


def digest(image: Image, known: dict[str, Image]) -> str:
    """Changes when anything changes that goes into the image."""
    made_of = [image.ref, repr(image.args), image.suite or ""]
    made_of.append(TOOLS[image.tool].digest() if image.tool else "")
    made_of.append(digest(known[image.base], known) if image.base else "")
    total = hashlib.sha256("\0".join(made_of).encode())
    for root in (image.containerfile, *image.inputs):
        for file in files(root):
            total.update(f"\0{file.relative_to(root.parent)}\0".encode())
            total.update(file.read_bytes())
    return total.hexdigest()[:16]


def files(root: Path) -> list[Path]:
    """A file, or a tree's files without caches and tests, which are in no image."""
    if root.is_file():
        return [root]
    return sorted(
        path for path in root.rglob("*") if path.is_file() and not any(ignored(part) for part in path.relative_to(root).parts)
    )


def ignored(part: str) -> bool:
    """Whether a file or folder name never reaches an image."""
    return part in IGNORED or part.endswith(("_tests", ".egg-info"))


def archive(image: Image, known: dict[str, Image]) -> Path:
    """The image's tar in the cache."""
    return cache() / "images" / f"{image.name}-{digest(image, known)}.tar"


def static(name: str, ref: str, tool: str, folder: str | None = None) -> Image:
    """An image that is a static program of ours and nothing else."""
    return Image(name, ref, HOME / (folder or name) / "Containerfile", tool=tool)


def etcd_static(tool: str) -> Image:
    """Upstream's kind of etcd image."""
    version = TOOLS[tool].version
    return static(f"etcd-{version}", f"quay.io/coreos/etcd:{version}", tool, "etcd-static")


def etcd_debian(version: str, suite: str) -> Image:
    """etcd from a Debian release; the build fails when Debian has moved on."""
    return Image(
        f"etcd-v{version}", f"quay.io/coreos/etcd:v{version}", HOME / "etcd-debian/Containerfile",
        base=f"debian-{suite}", args=(("ETCD_VERSION", version),),
    )  # fmt: skip


def program_static(name: str, tool: str) -> Image:
    """Prometheus or Alertmanager as upstream ships it: static programs that run as nobody."""
    release = TOOLS[tool].release
    return static(f"{name}-{release}", f"quay.io/prometheus/{name}:{release}", tool, f"{name}-static")


def program_debian(name: str, version: str, suite: str) -> Image:
    """The same from a Debian release; the build fails when Debian has moved on."""
    return Image(
        f"{name}-v{version}", f"quay.io/prometheus/{name}:v{version}", HOME / f"{name}-debian/Containerfile",
        base=f"debian-{suite}", args=((f"{name.upper()}_VERSION", version),),
    )  # fmt: skip


def debian(suite: str) -> Image:
    """A base that is built on and never loaded."""
    ref = f"localhost/davit/debian:{suite}"
    return Image(f"debian-{suite}", ref, HOME / "debian/Containerfile", suite=suite)


def from_base(name: str, ref: str, base: str, *inputs: str) -> Image:
    """An ordinary Containerfile on one of our bases, with the files beside it that it copies."""
    return Image(name, ref, HOME / name / "Containerfile", base=base, inputs=tuple(HOME / name / file for file in inputs))


PAUSE, TOOLBOX = "localhost/davit/pause:1", "ghcr.io/davit-dev/toolbox:1"
COREDNS = f"registry.k8s.io/coredns/coredns:{TOOLS['coredns'].version}"
LOCAL_PATH = f"docker.io/rancher/local-path-provisioner:{TOOLS['local-path-provisioner'].version}"
METRICS = f"registry.k8s.io/metrics-server/metrics-server:{TOOLS['metrics-server'].version}"
MINIO = f"quay.io/minio/minio:{TOOLS['minio'].release}"
THANOS = f"quay.io/thanos/thanos:{TOOLS['thanos'].version}"
PEER, RELOADER = (
    f"quay.io/prometheus-operator/{name}:{TOOLS['prometheus-operator-peer'].version}"
    for name in ("prometheus-operator", "prometheus-config-reloader")
)
FIXED = (
    debian("trixie"),
    debian("bookworm"),
    from_base("python", "localhost/davit/python:bookworm", "debian-bookworm"),
    static("pause", PAUSE, "pause"),
    static("coredns", COREDNS, "coredns"),
    static("local-path-provisioner", LOCAL_PATH, "local-path-provisioner"),
    from_base("toolbox", TOOLBOX, "python", "witness.py"),
    static("metrics-server", METRICS, "metrics-server"),
    etcd_static("etcd36"),
    etcd_static("etcd35"),
    etcd_static("etcd37"),
    etcd_debian("3.5.16", "trixie"),
    etcd_debian("3.4.23", "bookworm"),
    program_static("prometheus", "prometheus3"),
    program_debian("prometheus", "2.53.3", "trixie"),
    program_static("alertmanager", "alertmanager"),
    program_debian("alertmanager", "0.28.1", "trixie"),
    static("minio", MINIO, "minio"),
    static("thanos", THANOS, "thanos"),
    static("prometheus-operator-peer", PEER, "prometheus-operator-peer"),
    static("prometheus-config-reloader", RELOADER, "prometheus-operator-peer"),
)
SYSTEM = ("pause", "coredns", "local-path-provisioner", "toolbox")
"""What the cluster itself needs before it is of use."""
ON_DEMAND = ("metrics-server", "thanos", "prometheus-operator-peer", "prometheus-config-reloader")
"""Built and loaded only when named."""


def bases(known: dict[str, Image]) -> set[str]:
    """Images that others build on: never loaded into a node."""
    return {image.base for image in known.values() if image.base} | {image.name for image in known.values() if image.suite}


def loadable(known: dict[str, Image]) -> list[str]:
    """All that belong on every node, in the order of the table."""
    return [name for name in known if name not in bases(known) and name not in ON_DEMAND]
