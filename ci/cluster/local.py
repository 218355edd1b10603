"""The `local` provider: a cluster of plain processes, for machines without a container engine."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from ci.cluster import addons, faults, layout, network, node, system
from ci.cluster.controlplane import ControlPlane, cluster_flags
from ci.cluster.layout import Node
from ci.cluster.process import Processes, kill
from ci.errors import CommandFailed, Refused
from ci.images.build import Archive, build_all
from ci.images.table import FIXED, SYSTEM, images, loadable
from ci.paths import KUBECONFIG, LIB, RUN, STATE, cache
from ci.progress import step, wait_for
from ci.tools.build import ensure, is_built, require_go
from ci.tools.table import CLUSTER_TOOLS, TOOLS, USER_TOOLS


class Local:
    """Everything `up` starts is found again from names and records alone, so `down` is total."""

    name = "local"
    loads = True

    def __init__(self, state: Path = STATE) -> None:
        self.flags = cluster_flags(state)
        self.control = ControlPlane(state, placed=self.flags)
        self.processes = self.control.processes

    def check(self, count: int | None, /) -> None:
        """What can be known before anything is changed."""
        self.wanted(count)
        system.require_root()
        cache().mkdir(parents=True, exist_ok=True)
        system.require_disk(shutil.disk_usage(cache()).free, cache())
        self.require_owner()
        if not all(is_built(TOOLS[name]) for name in CLUSTER_TOOLS):
            require_go()

    def wanted(self, count: int | None) -> list[Node]:
        """So many nodes, by default as many as there are, or one."""
        number = len(self.present()) or 1 if count is None else count
        if not 1 <= number <= layout.MAX_NODES:
            raise Refused(f"{number} nodes", f"ask for 1 to {layout.MAX_NODES}")
        return layout.nodes(number)

    def up(self, count: int | None, /) -> None:
        """Each step does only what is not done yet, so that it resumes and repeats quickly."""
        wanted = self.wanted(count)
        self.prepare()
        archives = build_all(SYSTEM)
        with step("control plane") as note:
            network.add_bridge()
            self.control.start(note)
            node.start_host_proxy(self.flags, self.processes)
        self.scale(wanted)
        self.load(archives)
        self.ready(wanted)
        shutil.copy(self.control.kubeconfig, KUBECONFIG)
        self.load(build_all(operands()))
        ensure(USER_TOOLS)

    def prepare(self) -> None:
        """Remove what a reboot or another checkout's ended cluster left; then packages, the machine's state, tools."""
        if (not system.same_boot(self.flags.state) or system.owner() != self.flags.state) and self.remains():
            self.down()
        for name in (*layout.CONTROL_PLANE, layout.HOST_PROXY):
            self.processes.end_stray(name)
        system.require_room(self.processes.alive)
        system.install_packages()
        if not self.remains():
            system.require_no_other_cluster()
        system.remember(self.flags.state)
        system.own(self.flags.state)
        ensure(CLUSTER_TOOLS)

    def require_owner(self) -> None:
        """Names on the machine are fixed: two checkouts cannot have a running cluster each."""
        owner = system.owner()
        if owner and owner != self.flags.state and Processes(owner).marked():
            raise Refused(f"this machine runs the cluster of {owner.parent.parent}",
                          "`make down` there, or use its .davit/kubeconfig")  # fmt: skip

    def remains(self) -> bool:
        """Whether anything of an earlier cluster is left."""
        return any(path.exists() for path in (self.flags.state, RUN, LIB))

    def present(self) -> list[Node]:
        """Nodes that were set up before."""
        return [n for n in layout.nodes(layout.MAX_NODES) if (n.lib / "done").exists()]

    def scale(self, wanted: list[Node]) -> None:
        """Start the nodes that are missing or broken, and remove those too many."""
        for one in layout.nodes(layout.MAX_NODES):
            if one in wanted and not node.is_up(one, self.processes):
                with step(f"start {one.name}") as note:
                    node.start(one, self.flags, self.processes, note)
            elif one in wanted:
                faults.heal(one, self.processes)
            elif one in self.present():
                with step(f"remove {one.name}"):
                    self.remove_node(one)

    def remove_node(self, one: Node) -> None:
        """Its pods are deleted at once, so that their owners need not wait for the collector."""
        self.control.kubectl("delete", "node", one.name, "--ignore-not-found")
        node.remove(one, self.processes)
        here = f"--field-selector=spec.nodeName={one.name}"
        self.control.kubectl("delete", "pods", "-A", here, "--force", "--grace-period=0")

    def load(self, archives: Sequence[Archive]) -> None:
        """Put images on every node that does not have exactly these."""
        for one in self.present():
            have = node.image_digests(one)
            for archive in archives:
                if have.get(archive.ref) != archive.digest:
                    with step(f"load {archive.ref} into {one.name}"):
                        node.import_image(one, archive.path)

    def ready(self, wanted: list[Node]) -> None:
        """Nodes Ready, DNS and storage at work."""
        with step("nodes, DNS and storage ready") as note:
            wait_for(lambda: self.nodes_missing(wanted), 120, note)
            self.apply(*addons.STANDARD)
            for deployment in addons.DEPLOYMENTS:
                wait_for(partial(self.deployment_missing, *deployment), 120, note)

    def metrics(self) -> None:
        """Add `kubectl top`; not there from the start, because it costs a build of a minute."""
        self.load(build_all(["metrics-server"]))
        with step("metrics ready") as note:
            self.apply("metrics-server")
            wait_for(self.metrics_missing, 120, note)

    def metrics_missing(self) -> str | None:
        """Whether there are figures yet: the first come after two scrapes, 15 s apart."""
        try:
            self.control.kubectl("top", "nodes")
        except CommandFailed:
            return "the first figures"
        return None

    def apply(self, *names: str) -> None:
        """Have add-ons as they are here."""
        self.control.kubectl("apply", "--server-side", "--force-conflicts", "-f", "-", stdin=addons.render(*names))

    def nodes_missing(self, wanted: list[Node]) -> str | None:
        """Names of nodes that are not Ready; an ended kubelet is an error at once."""
        for one in wanted:
            self.processes.require_alive(one.processes[1])
        condition = '{.status.conditions[?(@.type=="Ready")].status}'
        path = "jsonpath={range .items[*]}{.metadata.name}=" + condition + " {end}"
        said = self.control.kubectl("get", "nodes", "-o", path).split()
        missing = [one.name for one in wanted if f"{one.name}=True" not in said]
        return ", ".join(missing) or None

    def deployment_missing(self, namespace: str, name: str) -> str | None:
        """The deployment's name until it is available."""
        path = "jsonpath={.status.availableReplicas}"
        said = self.control.kubectl("-n", namespace, "get", "deployment", name, "-o", path)
        return None if said == "1" else name

    def down(self) -> None:
        """Remove every trace but the cache and Debian packages, from any state."""
        system.require_root()
        self.require_owner()
        with step("end the nodes"):
            for name in layout.NODE_PARTS[1:]:
                self.processes.stop(*(f"{n.name}-{name}" for n in layout.nodes(layout.MAX_NODES)))
            for one in layout.nodes(layout.MAX_NODES):
                node.remove(one, self.processes)
        with step("end the control plane"):
            kill(r for name in self.processes.names() if (r := self.processes.record(name)))
            kill(Processes(system.owner() or self.flags.state).marked())
        with step("remove networks, rules, mounts and folders"):
            network.remove_bridge()
            network.remove_rules()
            network.unmount_below(LIB, RUN)
            states = {self.flags.state, system.owner() or self.flags.state}
            for state in states:
                system.restore(state)
            for folder in (RUN, LIB, *states):
                shutil.rmtree(folder, ignore_errors=True)
            KUBECONFIG.unlink(missing_ok=True)

    def status(self) -> list[str]:
        """Facts for a person or a test."""
        names = [*layout.CONTROL_PLANE, layout.HOST_PROXY]
        names += [name for one in self.present() for name in one.processes]
        dead = [name for name in names if not self.processes.alive(name)]
        return [
            f"nodes: {' '.join(one.name for one in self.present()) or 'none'}",
            f"processes: {len(names) - len(dead)} of {len(names)} run" + (f", not {' '.join(dead)}" if dead else ""),
            f"audit log: {self.flags.audit_log}",
            f"logs: {self.processes.logs}",
            f"cache: {cache()}",
        ]


def operands() -> list[str]:
    """The fixed images that are loaded and not the cluster's own; operators are asked for."""
    fixed = {image.name for image in FIXED}
    return [name for name in loadable(images()) if name in fixed and name not in SYSTEM]
