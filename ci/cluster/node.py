"""Start and remove one node: namespace, control group, container runtime, kubelet, proxy."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import yaml

from ci.cluster import cgroups, network, nodeconfig, pki
from ci.cluster.controlplane import kube
from ci.cluster.flags import Flags
from ci.cluster.layout import HOST_PROXY, Node
from ci.cluster.process import Processes, kill
from ci.errors import CommandFailed
from ci.paths import RUN
from ci.progress import wait_for
from ci.shell import run, succeeds

LEGACY_LOGS = Path("/var/log/containers")
CNI_RESULTS = Path("/var/lib/cni/results")
"""Two folders that are not configurable, and may be another runtime's too."""


def is_up(node: Node, processes: Processes) -> bool:
    """Whether all of its processes run."""
    return all(processes.alive(name) for name in node.processes)


def start(node: Node, f: Flags, processes: Processes, note: Callable[[str], None]) -> None:
    """From nothing, or from a node that lost a process, to a kubelet that registers itself."""
    if not (node.netns_path.exists() and (node.lib / "done").exists()):
        remove(node, processes)
        network.add_node(node)
        cgroups.add(node.netns)
        write_files(node, f)
    runtime, kubelet, proxy = node.processes
    inside = ("nsenter", f"--net={node.netns_path}")
    processes.start(runtime, [*inside, "containerd", "-c", node.lib / "containerd.toml"])
    wait_for(lambda: runtime_missing(node, processes), 60, note)
    processes.start(kubelet, [
        *inside, kube("kubelet"), f"--config={node.lib}/kubelet.yaml",
        f"--kubeconfig={f.pki}/{node.name}.conf", f"--hostname-override={node.name}",
        f"--node-ip={node.address}", f"--root-dir={node.lib}/kubelet",
    ])  # fmt: skip
    processes.start(proxy, [*inside, kube("kube-proxy"), f"--config={node.lib}/proxy.yaml"])


def runtime_missing(node: Node, processes: Processes) -> str | None:
    """What the container runtime still lacks."""
    processes.require_alive(node.processes[0])
    answers = node.socket.exists() and succeeds(*ctr(node), "version")
    return None if answers else f"{node.name}'s container runtime"


def write_files(node: Node, f: Flags) -> None:
    """Keys and configuration."""
    (node.lib / "cni").mkdir(parents=True)
    node.run.mkdir(parents=True)
    authority = pki.load_authority(f.pki / "ca.key", f.pki / "ca.crt")
    user, hosts = f"system:node:{node.name}", (node.name, node.address)
    pair = authority.issue(user, ("system:nodes",), hosts)
    pki.write_pair(f.pki, node.name, pair)
    pki.write_kubeconfig(f.pki / f"{node.name}.conf", f.server, authority.pair.cert, pair)
    (node.lib / "containerd.toml").write_text(nodeconfig.containerd(node))
    (node.lib / "cni/10-davit.conflist").write_text(json.dumps(nodeconfig.cni(node)))
    (node.lib / "kubelet.yaml").write_text(yaml.safe_dump(nodeconfig.kubelet(node, f.pki)))
    (node.lib / "proxy.yaml").write_text(yaml.safe_dump(nodeconfig.proxy(node.name, f.pki)))
    (node.lib / "resolv.conf").write_text("nameserver 127.0.0.1\n")
    (node.lib / "done").touch()


def remove(node: Node, processes: Processes) -> None:
    """End and remove whatever there is of the node, in any state."""
    runtime, kubelet, proxy = node.processes
    processes.stop(kubelet, proxy)
    kill(cgroups.members(node.netns))
    processes.stop(runtime)
    kill(processes.marked(runtime))
    kill(cgroups.members(node.netns))
    remove_shim_sockets(node)
    network.unmount_below(node.lib, node.run)
    network.remove_node(node)
    cgroups.remove(node.netns)
    remove_from_shared_folders(node)
    shutil.rmtree(node.lib, ignore_errors=True)
    shutil.rmtree(node.run, ignore_errors=True)
    for socket in RUN.glob(f"{node.socket.name}*"):
        socket.unlink()


def remove_shim_sockets(node: Node) -> None:
    """A shim that was killed leaves its socket in /run/containerd; it wrote down which."""
    for note in node.run.glob("containerd/io.containerd.runtime.v2.task/k8s.io/*/address"):
        with suppress(OSError):
            Path(note.read_text().strip().removeprefix("unix://")).unlink()


def remove_from_shared_folders(node: Node) -> None:
    """Our entries in folders whose place is fixed."""
    for result in CNI_RESULTS.glob(f"{node.netns}-*-eth0"):
        pod = result.name.removeprefix(f"{node.netns}-").removesuffix("-eth0")
        (CNI_RESULTS / f"cni-loopback-{pod}-lo").unlink(missing_ok=True)
        result.unlink()
    if LEGACY_LOGS.exists():
        for link in LEGACY_LOGS.iterdir():
            if link.is_symlink() and link.readlink().is_relative_to(node.lib):
                link.unlink()


def start_host_proxy(f: Flags, processes: Processes) -> None:
    """The machine itself proxies too, so that the API server reaches webhooks by service."""
    if not processes.alive(HOST_PROXY):  # kube-proxy ends when its file is written again
        config = f.state / "host-proxy.yaml"
        config.write_text(yaml.safe_dump(nodeconfig.proxy("davit-host", f.pki)))
        processes.start(HOST_PROXY, [kube("kube-proxy"), f"--config={config}"])


def ctr(node: Node) -> list[str]:
    """The container runtime's own command for Kubernetes' images."""
    return ["ctr", "--address", str(node.socket), "--namespace", "k8s.io"]


def image_digests(node: Node) -> dict[str, str]:
    """Manifest digests of the images that the node has, by name: wholly imported ones."""
    listed = run(*ctr(node), "images", "ls").splitlines()[1:]
    return {words[0]: words[2] for words in map(str.split, listed) if len(words) > 2}


def import_image(node: Node, path: Path) -> None:
    """Load and unpack one archive."""
    try:
        run(*ctr(node), "images", "import", path)
    except CommandFailed as failed:
        raise CommandFailed(f"{path.name} into {node.name}: {failed}") from failed
