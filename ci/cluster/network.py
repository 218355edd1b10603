"""The node bridge, the nodes' cables, and the rules that keep pods' traffic on this machine."""

from __future__ import annotations

import ipaddress
import json
import re
from contextlib import suppress
from pathlib import Path

from ci.cluster import layout
from ci.cluster.layout import BRIDGE, Node
from ci.errors import CommandFailed
from ci.shell import run, succeeds

COMMENT = "davit-cluster"
OURS = ("-m", "comment", "--comment", COMMENT)
RULES = (
    # Between nodes, also where another program's policy is to drop forwarded packets.
    ("FORWARD", "-i", BRIDGE, "-o", BRIDGE, *OURS, "-j", "ACCEPT"),
    # Pods have no way out of the machine.
    ("FORWARD", "-i", BRIDGE, "!", "-o", BRIDGE, *OURS, "-j", "REJECT"),
    # A service address that nothing translated must not reach the uplink.
    ("OUTPUT", "-d", layout.SERVICE_CIDR, "!", "-o", BRIDGE, *OURS, "-j", "REJECT"),
)


def links() -> set[str]:
    """Names of the machine's network links."""
    return {link["ifname"] for link in json.loads(run("ip", "-j", "link", "show"))}


def add_bridge() -> None:
    """The bridge with the machine's own address, and the rules; harmless when there."""
    if BRIDGE not in links():
        run("ip", "link", "add", BRIDGE, "type", "bridge")
    run("ip", "addr", "replace", f"{layout.HOST}/24", "dev", BRIDGE)
    run("ip", "link", "set", BRIDGE, "up")
    run("sysctl", "-qw", "net.ipv4.ip_forward=1")
    for chain, *rule in reversed(RULES):
        if not succeeds("iptables", "-w", "-C", chain, *rule):
            run("iptables", "-w", "-I", chain, *rule)


def remove_bridge() -> None:
    """The bridge; its routes and addresses go with it."""
    if BRIDGE in links():
        run("ip", "link", "del", BRIDGE)


def add_node(node: Node) -> None:
    """A namespace on the bridge, with a route to its pods."""
    inside = ("ip", "-n", node.netns)
    run("ip", "netns", "add", node.netns)
    run("ip", "link", "add", node.veth, "type", "veth", "peer", "name", "eth0",
        "netns", node.netns)  # fmt: skip
    run("ip", "link", "set", node.veth, "master", BRIDGE, "up")
    run(*inside, "addr", "add", f"{node.address}/24", "dev", "eth0")
    run(*inside, "link", "set", "eth0", "up")
    run(*inside, "link", "set", "lo", "up")
    run(*inside, "route", "add", "default", "via", layout.HOST)
    run("ip", "route", "replace", node.pod_cidr, "via", node.address)
    run("nsenter", f"--net={node.netns_path}", "sysctl", "-qw", "net.ipv4.ip_forward=1")


def remove_node(node: Node) -> None:
    """The cable and the namespace, whichever are there."""
    if node.veth in links():
        run("ip", "link", "del", node.veth)
    with suppress(CommandFailed):
        run("ip", "route", "del", node.pod_cidr)
    if node.netns_path.exists():
        run("ip", "netns", "del", node.netns)


def remove_rules() -> None:
    """Our rules and kube-proxy's chains, for both address families."""
    for family in ("iptables", "ip6tables"):
        if script := removal(run(f"{family}-save", check=False)):
            run(f"{family}-restore", "--noflush", stdin=script)


def removal(saved: str) -> str:
    """What undoes our part of an `iptables-save`: pure, and leaves others' rules alone."""
    script: list[str] = []
    for table in re.findall(r"^\*.*?^COMMIT$", saved, re.MULTILINE | re.DOTALL):
        lines = table.splitlines()
        chains = [m[1] for line in lines if (m := re.match(r":(KUBE-\S+)", line))]
        rules = [f"-D{line[2:]}" for line in lines if is_entry(line)]
        if chains or rules:
            flush = [f"-F {chain}" for chain in chains]
            script += [lines[0], *rules, *flush, *(f"-X {chain}" for chain in chains), "COMMIT"]
    return "".join(f"{line}\n" for line in script)


def is_entry(line: str) -> bool:
    """Whether a rule is ours, or leads from a common chain into one of kube-proxy's."""
    if not line.startswith("-A ") or line.startswith("-A KUBE-"):
        return False
    return COMMENT in line or " -j KUBE-" in line


def foreign_kubernetes() -> bool:
    """Whether another Kubernetes node runs in the machine's own network."""
    return "KUBE-SERVICES" in run("iptables-save", check=False)


def overlapping_routes(routes: str) -> list[str]:
    """Networks of the machine (`ip -j route`) that our addresses would hide: pure."""
    ours = [ipaddress.ip_network(c) for c in (
        layout.NODE_CIDR, layout.POD_CIDR, layout.SERVICE_CIDR)]  # fmt: skip
    found = []
    for route in json.loads(routes or "[]"):
        if route["dst"] == "default" or route.get("dev") == BRIDGE:
            continue
        if any(ipaddress.ip_network(route["dst"]).overlaps(net) for net in ours):
            found.append(f"{route['dst']} dev {route.get('dev', '?')}")
    return found


def mounts_below(*folders: Path, table: Path = Path("/proc/self/mounts")) -> list[str]:
    """Mount points in or at our folders, the innermost first."""
    points = [line.split()[1] for line in table.read_text().splitlines()]
    roots = [str(folder) for folder in folders]
    mine = [p for p in points if any(p == root or p.startswith(root + "/") for root in roots)]
    return sorted(mine, key=len, reverse=True)


def unmount_below(*folders: Path) -> None:
    """Unmount everything in our folders; lazily what something still holds."""
    for point in mounts_below(*folders):
        if not succeeds("umount", point):
            run("umount", "--lazy", point, check=False)
