"""Writers and a reader that run throughout a test, and the verdict over what they saw."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from e2e.support.cluster import EtcdCluster
from e2e.support.history import History, Invalid, parse
from e2e.support.kinds import POD
from e2e.support.kube import dig
from e2e.support.oracle import Final, Violation, judge
from e2e.support.wait import until

ENOUGH = 100
"""Acknowledged writes before the first fault; with fewer a run proves nothing (etcd's own rule)."""
STOP = "open('/run/e2e/stop', 'w')"


class Broken(AssertionError):
    """etcd broke a promise to its clients while the operator did its work."""

    def __init__(self, violations: list[Violation]) -> None:
        shown = "\n  ".join(str(violation) for violation in violations[:20])
        super().__init__(f"{len(violations)} violations:\n  {shown}")
        self.violations = violations


@dataclass
class Traffic:
    """One traffic pod; `final` and the report come with `finish`."""

    cluster: EtcdCluster
    name: str
    warm_writes: int = 0
    history: History | None = None

    @property
    def prefix(self) -> str:
        """All its keys begin with this."""
        return f"{self.name}/"

    def start(self, interval: float) -> None:
        """Start and wait until enough was written for faults to be injected."""
        argv = [
            "python3",
            "-m",
            "e2e.support.pod.traffic",
            self.cluster.endpoint,
            "--prefix",
            self.name,
            "--interval",
            str(interval),
        ]
        self.cluster.sandbox.run_pod(self.name, argv)
        self.warm_writes = len(self.flow(ENOUGH).writes)

    def so_far(self) -> History:
        """What was logged up to now."""
        return parse(self.cluster.sandbox.kube.logs(self.cluster.sandbox.namespace, self.name).splitlines())

    def flow(self, more: int = ENOUGH // 2, seconds: float = 60) -> History:
        """Wait for so many more acknowledged writes: the cluster serves."""
        before = len(self.so_far().writes)
        seen: History = until(
            f"{self.cluster.name}: {more} more acknowledged writes",
            self.so_far,
            lambda history: len(history.writes) >= before + more,
            deadline=self.cluster.sandbox.seconds(seconds),
            every=1.0,
            show=lambda: (
                f"{len(self.so_far().writes) - before} writes; errors: {[op.error for op in self.so_far().unknown[-3:]]}"
            ),
        )
        return seen

    def stop(self) -> History:
        """End in order and read the whole log; raises Invalid when a part of it is missing."""
        sandbox = self.cluster.sandbox
        sandbox.kube.exec(sandbox.namespace, self.name, "main", ["python3", "-c", STOP])
        until(
            f"traffic pod {self.name} ended",
            lambda: dig(sandbox.kube.get(POD, sandbox.namespace, self.name), "status", "phase"),
            lambda phase: phase in ("Succeeded", "Failed"),
            deadline=sandbox.seconds(30),
        )
        self.history = self.so_far()
        self.history.complete()
        return self.history

    def final(self) -> Final:
        """What the store holds now, read linearizably."""
        request = {"url": self.cluster.endpoint, "dump": self.prefix, "timeout": 20}
        answer = self.cluster.sandbox.call([request])[0]
        if "error" in answer:
            raise Invalid(f"the final read failed: {answer['error']}")
        return {key: (value, revision) for key, value, revision in answer["ok"]["keys"]}

    def finish(self) -> History:
        """Stop, compare with the store, and raise Broken or Invalid unless all is well."""
        history = self.stop()
        if self.warm_writes < ENOUGH:
            raise Invalid(f"{self.warm_writes} writes were acknowledged before the fault, {ENOUGH} are needed")
        violations = judge(history, self.final())
        if violations:
            raise Broken(violations)
        writes, failed = len(history.writes), history.failed_writes
        self.cluster.sandbox.note(f"{writes} acknowledged writes found, {failed} failed, longest gap {history.gap:.2f} s")
        return history


@contextmanager
def running(cluster: EtcdCluster, name: str = "traffic", interval: float = 0.05) -> Iterator[Traffic]:
    """Traffic around a block; judged at its end, unless the block itself failed."""
    traffic = Traffic(cluster, name)
    traffic.start(interval)
    yield traffic
    traffic.finish()


def save(traffic: Traffic, path: Path) -> None:
    """Keep the raw log."""
    sandbox = traffic.cluster.sandbox
    path.write_text(sandbox.kube.logs(sandbox.namespace, traffic.name))
