"""`python -m e2e.bench`: time the operator and its peer in one run, print them side by side, assert nothing.

Settings come from the environment, as for the tests (e2e/support/settings.py); the operator must be installed.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from e2e.bench import backup, clusters, footprint, monitoring, planning, pretend
from e2e.bench.clusters import Bench
from e2e.bench.report import Result, table
from e2e.support.installation import Installation
from e2e.support.kinds import NODE
from e2e.support.kube import Kube
from e2e.support.settings import NotConfigured, load

PEERS = {"statefulset": "bare StatefulSet"}
ONLY = ("create", "kill", "grow", "volume", "leader", "upgrade", "idle", "fleet", "plan", *backup.PARTS, *monitoring.PARTS)

SAYING = {
    PEERS["statefulset"]: "etcd: the peer is a bare StatefulSet with a static member list, the same image, probes and hardening.",
    backup.TITLE: "Backups: all of them in the same run and on the same disk; restores and upgrades have no peer.",
    monitoring.TITLE: "Prometheus: the peer is set up as its own example is, without limits; one runs at a time.",
}


def main() -> int:
    """Measure what was asked for; the table goes to the terminal, and to a file if one is named."""
    asked = arguments()
    try:
        settings = load()
    except NotConfigured as missing:
        print(f"refused: {missing}", file=sys.stderr)
        return 2
    kube = Kube(settings.kubeconfig)
    operator = Installation(kube, settings.namespace, settings.patience)
    bench = Bench(kube, settings, settings.traffic_image or operator.image, asked.repeat)
    title = PEERS[asked.peer]
    tables: dict[str, list[Result]] = {}

    def add(peer: str, some: list[Result]) -> None:
        tables.setdefault(peer, []).extend(some)
        print(table(tables[peer], peer), flush=True)

    for name, measure in measures(bench, operator, asked.clusters).items():
        if not asked.only or name in asked.only:
            print(f"{name} ...", flush=True)
            add(title, measure())
    for some in backup.measure(bench, asked.only or list(backup.PARTS)):
        add(backup.TITLE, some)
    for some in monitoring.measure(bench, asked.only or list(monitoring.PARTS)):
        add(monitoring.TITLE, some)
    if asked.write:
        asked.write.write_text(document(tables, kube))
    return 0


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m e2e.bench", description=__doc__)
    parser.add_argument("--peer", choices=PEERS, default="statefulset", help="what to compare with")
    parser.add_argument("--repeat", type=int, default=3, help="measurements of each kind; the median is shown")
    parser.add_argument("--clusters", type=int, default=100, help="clusters on pretend nodes")
    parser.add_argument("--only", nargs="*", metavar="NAME", help=f"of: {' '.join(ONLY)}")
    parser.add_argument("--write", type=Path, metavar="FILE", help="write the table as a markdown page")
    return parser.parse_args()


def measures(bench: Bench, operator: Installation, count: int) -> dict[str, Callable[[], list[Result]]]:
    """All that can be measured, in the order of the table."""
    return {
        "create": lambda: [clusters.create(bench)],
        "kill": lambda: [clusters.killed_pod(bench)],
        "grow": lambda: [clusters.grow(bench)],
        "volume": lambda: [clusters.lost_volume(bench)],
        "leader": lambda: [clusters.leader_dies(bench)],
        "upgrade": lambda: clusters.upgrade(bench),
        "idle": lambda: footprint.idle(bench, operator),
        "fleet": lambda: pretend.fleet(bench, operator, count),
        "plan": lambda: [planning.plans(bench.repeat)],
    }


def document(tables: dict[str, list[Result]], kube: Kube) -> str:
    """The page for the docs: where and when it was measured, and a table for each peer."""
    nodes = kube.all(NODE)
    version = nodes[0]["status"]["nodeInfo"]["kubeletVersion"] if nodes else "unknown"
    said = "\n\n".join(f"{SAYING[peer]}\n\n{table(results, peer)}" for peer, results in tables.items())
    return (
        "# Benchmarks\n\n"
        f"Measured {datetime.now(UTC):%Y-%m-%d} with `python -m e2e.bench` on Kubernetes {version}, {len(nodes)} node(s), "
        f"{os.cpu_count()} cores for everything. Images are present. Medians with the range of n measurements; both columns "
        f"in the same run.\n\n{said}\n"
    )


if __name__ == "__main__":
    sys.exit(main())
