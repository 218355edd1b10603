"""The machine: what must be true before `up`, which packages it needs, and how it was before."""

from __future__ import annotations

import json
import os
import shutil
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from fcntl import LOCK_EX, LOCK_NB, flock
from pathlib import Path

from ci.cluster import layout, network
from ci.errors import Refused
from ci.paths import LIB, cache
from ci.progress import step
from ci.shell import run, run_logged

DISK_GB = 10
PACKAGES = {
    "containerd": "containerd",
    "runc": "runc",
    "buildah": "buildah",
    "mmdebstrap": "mmdebstrap",
    "iptables": "iptables",
    "ip": "iproute2",
    "sysctl": "procps",
    "/usr/lib/cni/bridge": "containernetworking-plugins",
}
"""A program that must be there, and the Debian package that brings it."""
SYSCTLS = (
    "net.ipv4.ip_forward", "net.ipv4.conf.all.route_localnet",
    "vm.overcommit_memory", "vm.panic_on_oom", "kernel.panic", "kernel.panic_on_oops",
    "kernel.keys.root_maxkeys", "kernel.keys.root_maxbytes",
)  # fmt: skip
"""What kubelet and kube-proxy set."""
SHARED = {
    "/run/netns": (),
    "/run/containerd": (),
    "/run/xtables.lock": (),
    "/var/lib/cni": (),
    "/var/lib/containers": ("cache/blob-info-cache-v1.boltdb", "cache/blob-info-cache-v1.sqlite"),
    "/var/lib/kubelet": ("device-plugins/kubelet.sock", "device-plugins/DEPRECATION"),
    "/var/log/containers": (),
    "/var/log/pods": (),
}
"""Places that our programs use by a fixed name, and what is left there of ours at the end.

Each goes if it was not there before, and only if it is empty but for that: by then another
program may have made it its own.
"""


def require_root() -> None:
    """Namespaces, mounts and control groups are root's."""
    if os.geteuid() != 0:
        raise Refused(
            "the local cluster needs root",
            "run as root, or set DAVIT_KUBECONFIG to a cluster that you may use",
        )


def require_disk(free_bytes: int, where: Path) -> None:
    """Builds and images together take about that."""
    if free_bytes < DISK_GB * 10**9:
        raise Refused(
            f"{free_bytes / 1e9:.0f} GB free at {where}, {DISK_GB} needed",
            "free some space, or set DAVIT_CACHE to a larger disk",
        )


def require_room(processes_alive: Callable[[str], bool]) -> None:
    """The ports that we need are ours already, or free."""
    for name, host, port in (
        ("apiserver", layout.HOST, layout.API_PORT),
        ("etcd", "127.0.0.1", layout.ETCD_PORT),
        ("etcd", "127.0.0.1", layout.ETCD_PORT + 1),
    ):
        if not processes_alive(name) and not port_free(host, port):
            raise Refused(f"port {host}:{port} is taken", "end its owner: `ss -ltnp` names it")


def require_no_other_cluster() -> None:
    """Nobody else's rules and routes are where ours would go; ask before ours are there."""
    if network.foreign_kubernetes():
        raise Refused(
            "another Kubernetes node's iptables rules are on this machine",
            "use that cluster with DAVIT_KUBECONFIG, or remove it (`kube-proxy --cleanup`)",
        )
    if others := network.overlapping_routes(run("ip", "-j", "-4", "route")):
        raise Refused(f"routes overlap with the cluster's: {', '.join(others)}",
                      "take down that network, or use another machine")  # fmt: skip


def port_free(host: str, port: int) -> bool:
    """Whether the port can be bound, also at an address that is not there yet."""
    ip_freebind = 15
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.setsockopt(socket.IPPROTO_IP, ip_freebind, 1)
        try:
            probe.bind((host, port))
            probe.listen()
        except OSError:
            return False
    return True


def missing_packages(have: Callable[[str], bool]) -> list[str]:
    """Packages whose program is not there."""
    return sorted(package for program, package in PACKAGES.items() if not have(program))


def have_program(program: str) -> bool:
    """On PATH or in root's folders."""
    return shutil.which(program, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin") is not None


def install_packages() -> None:
    """Only what is missing; the package lists are refreshed once."""
    missing = missing_packages(have_program)
    if not missing:
        return
    if not have_program("apt-get"):
        raise Refused(f"missing: {', '.join(missing)}", "install them; this is not a Debian system")
    env = {"DEBIAN_FRONTEND": "noninteractive"}
    with step(f"packages: {', '.join(missing)}") as note:
        log = cache() / "log" / "apt.log"
        run_logged(["apt-get", "update"], log, note, env=env)
        install = ["apt-get", "install", "-y", "--no-install-recommends", *missing]
        run_logged(install, log, note, env=env)


def boot_id() -> str:
    """Changes with every boot."""
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


def remember(state: Path) -> None:
    """Note how the machine was before we touched it; the first note counts."""
    file = state / "before.json"
    if file.exists():
        return
    values = {key: value for key in SYSCTLS if (value := sysctl(key))}
    absent = [name for name in SHARED if not Path(name).exists()]
    state.mkdir(parents=True, exist_ok=True)
    aside = file.with_suffix(".new")
    aside.write_text(json.dumps({"boot": boot_id(), "sysctls": values, "absent": absent}))
    aside.rename(file)


def restore(state: Path) -> None:
    """Put the machine back as it was; settings of an earlier boot are gone by themselves."""
    with suppress(FileNotFoundError):
        before = json.loads((state / "before.json").read_text())
        if before["boot"] == boot_id():
            for key, value in before["sysctls"].items():
                run("sysctl", "-qw", f"{key}={value}", check=False)
        for name in before["absent"]:
            remove_ours(Path(name), SHARED.get(name, ()))


def remove_ours(place: Path, leftovers: tuple[str, ...]) -> None:
    """Remove a shared place that nobody else uses: leftovers, then folders that are empty."""
    for leftover in leftovers:
        (place / leftover).unlink(missing_ok=True)
    if place.is_file():
        place.unlink()
    if any(path.is_file() or path.is_symlink() for path in place.rglob("*")):
        return
    network.unmount_below(place)
    for folder, _, _ in os.walk(place, topdown=False):
        with suppress(OSError):
            Path(folder).rmdir()


def same_boot(state: Path) -> bool:
    """Whether what is left in the state folder can still run."""
    try:
        return bool(json.loads((state / "before.json").read_text())["boot"] == boot_id())
    except (FileNotFoundError, ValueError):
        return False


def sysctl(key: str) -> str:
    """A kernel setting, '' where there is none."""
    return run("sysctl", "-n", key, check=False).strip()


def owner() -> Path | None:
    """The state folder of the cluster on this machine: there is one at most."""
    try:
        return Path((LIB / "owner").read_text())
    except FileNotFoundError:
        return None


def own(state: Path) -> None:
    """Say whose it is."""
    LIB.mkdir(parents=True, exist_ok=True)
    (LIB / "owner").write_text(str(state))


@contextmanager
def alone() -> Iterator[None]:
    """One `up`, `down` or `load` at a time on this machine."""
    cache().mkdir(parents=True, exist_ok=True)
    with (cache() / "lock").open("w") as lock:
        try:
            flock(lock, LOCK_EX | LOCK_NB)
        except BlockingIOError:
            with step("wait for another run of the tooling"):
                flock(lock, LOCK_EX)
        yield
