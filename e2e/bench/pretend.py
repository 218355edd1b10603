"""Many clusters on pretend nodes (kwok): what they cost the operator, without a machine to run them.

Pods there are Running and Ready at once, but nothing answers at their addresses: the clusters are never formed, and
the operator keeps asking. Its memory for the objects is what is measured.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from e2e.bench import footprint
from e2e.bench.clusters import Bench
from e2e.bench.report import Result
from e2e.support.cluster import EtcdCluster
from e2e.support.installation import Installation
from e2e.support.kinds import ETCD_CLUSTER, NODE, POD
from e2e.support.kube import Json, Kube, pod_ready
from e2e.support.sandbox import Sandbox
from e2e.support.settings import REPO
from e2e.support.wait import until

LABEL = "davit.dev/pretend"
NODES = 4
STAGES = Path(__file__).with_name("stages.yaml")
"""kwok alone knows of no stages."""
MANAGED = "kwok.x-k8s.io/node"


@contextmanager
def nodes(kube: Kube, logs: Path) -> Iterator[None]:
    """Nodes that exist only in the API, kept alive by kwok while the block runs."""
    words = [sys.executable, "-m", "ci.tools", "path", "kwok"]
    found = subprocess.run(words, capture_output=True, text=True, cwd=REPO, timeout=1800, check=True)
    logs.mkdir(parents=True, exist_ok=True)
    with (logs / "kwok.log").open("w") as log:
        argv = [found.stdout.strip(), "--kubeconfig", str(kube.kubeconfig)]
        argv += [
            f"--manage-nodes-with-annotation-selector={MANAGED}=fake",
            f"--config={STAGES}",
            "--cidr=10.255.0.0/16",
            "--node-lease-duration-seconds=40",
        ]
        process = subprocess.Popen(argv, stdout=log, stderr=subprocess.STDOUT)
        try:
            for number in range(NODES):
                kube.apply(NODE, node(f"pretend-{number}"))
            until("pretend nodes are ready", lambda: len(_ready(kube)) == NODES, deadline=60)
            yield
        finally:
            for found_node in kube.all(NODE, labels={LABEL: "true"}):
                kube.delete(NODE, None, found_node["metadata"]["name"])
            process.terminate()
            process.wait(30)


def _ready(kube: Kube) -> list[Json]:
    return [found for found in kube.all(NODE, labels={LABEL: "true"}) if pod_ready(found)]


def node(name: str) -> Json:
    """Tainted, so that nothing else lands there."""
    room = {"cpu": "1000", "memory": "1Ti", "pods": "1000"}
    labels = {LABEL: "true", "kubernetes.io/hostname": name, "kubernetes.io/os": "linux"}
    return {
        "metadata": {"name": name, "labels": labels, "annotations": {MANAGED: "fake"}},
        "spec": {"taints": [{"key": LABEL, "effect": "NoSchedule"}]},
        "status": {"allocatable": room, "capacity": room},
    }


def fleet(bench: Bench, operator: Installation, count: int) -> list[Result]:
    """So many clusters of three: memory, and the time until every pod exists."""
    with bench.sandbox("fleet") as box, nodes(bench.kube, bench.settings.artifacts):
        footprint.restart(operator)
        footprint.pass_time(30)
        before = footprint.read(operator)
        clusters = [EtcdCluster(box, bench.settings.version, f"c{number}") for number in range(count)]
        start = time.monotonic()
        for cluster in clusters:
            bench.kube.apply(ETCD_CLUSTER, cluster.manifest(3, **placed()))
        until(f"{3 * count} pods exist", lambda: len(members(box)) >= 3 * count, deadline=900, every=1)
        made = time.monotonic() - start
        footprint.pass_time(60)
        after = footprint.read(operator)
        for cluster in clusters:
            bench.kube.delete(ETCD_CLUSTER, box.namespace, cluster.name)
        until("the pods are gone", lambda: not members(box), deadline=300, every=1)
    return [
        Result("operator memory, no further cluster", (before.memory / 1e6,), unit="MB"),
        Result(f"operator memory, {count} clusters of three", (after.memory / 1e6,), unit="MB"),
        Result(f"- all {3 * count} pods exist after", (made,)),
        Result("- CPU for it", (after.cpu - before.cpu,), remark="nothing answers there, so it never rests"),
    ]


def members(box: Sandbox) -> list[Json]:
    """Pods of all clusters in the namespace."""
    return box.kube.all(POD, box.namespace, {"app.kubernetes.io/name": "etcd"})


def placed() -> Json:
    """On the pretend nodes only, in memory: no provisioner serves them."""
    return {
        "storage": {"type": "Memory", "size": "64Mi"},
        "nodeSelector": {LABEL: "true"},
        "tolerations": [{"key": LABEL, "operator": "Exists"}],
    }
