"""What a backup and a restore of a large store cost, beside the store's own speed and `etcdctl snapshot save` in the same run."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from statistics import median

from ci import store as minio
from e2e.bench.clusters import Bench, serving, stopwatch
from e2e.bench.report import Result
from e2e.support import etcd, kubectl, store, traffic
from e2e.support.backups import Backup
from e2e.support.cluster import EtcdCluster, pod_name
from e2e.support.errors import ApiError, Unreachable
from e2e.support.history import History
from e2e.support.kinds import POD
from e2e.support.kube import Json, dig
from e2e.support.kubectl import Kubectl
from e2e.support.sampling import Sampler
from e2e.support.sandbox import Sandbox
from e2e.support.store import BUCKET, CA, LOGIN, Store
from e2e.support.wait import until

TITLE = "the slower of a raw PUT and etcdctl snapshot save"
SIZE = 1024
"""MiB in the store."""
MEBIBYTE = 1024 * 1024
QUOTA = "4Gi"
PEAK = "import re; print(re.search(r'VmHWM:\\s+(\\d+) kB', open('/proc/1/status').read())[1])"
STEPS = ("3.4.23", "3.5.33", "3.6.14", "3.7.0")
"""Of one upgrade that is asked for at once; the others are what the operator passes through at the least."""


@contextmanager
def filled(bench: Bench, title: str) -> Iterator[tuple[Sandbox, Store, EtcdCluster]]:
    """A namespace with a store, and a cluster of one member that holds so much."""
    program = Kubectl(kubectl.find(), bench.settings.kubeconfig)
    with bench.sandbox(title) as box, store.running(box, program, bench.settings.store_image) as objects:
        cluster = bench.cluster(box).create(1, objectStore=objects.spec(), quota=QUOTA, storage={"size": "4Gi"})
        etcd.fill(cluster, SIZE, MEBIBYTE, seconds=900)
        yield box, objects, cluster


@dataclass
class Memory(Sampler):
    """The most that PID 1 of each container of a Job's pods ever had, looked at while it runs; bytes by pod and container."""

    box: Sandbox
    job: str
    peaks: dict[str, float] = field(default_factory=dict)
    every = 3.0
    """A high-water mark needs few looks, and each starts a program in the very container that is measured."""

    @property
    def most(self) -> float:
        """Of all of them."""
        return max(self.peaks.values(), default=float("nan"))

    def look(self) -> None:
        for pod in self.box.kube.all(POD, self.box.namespace, {"batch.kubernetes.io/job-name": self.job}):
            for container in running_containers(pod):
                self._read(pod["metadata"]["name"], container)

    def _read(self, pod: str, container: str) -> None:
        try:
            done = self.box.kube.exec(self.box.namespace, pod, container, ["python3", "-c", PEAK], timeout=5)
            if done.code == 0:
                self.peaks[f"{pod}/{container}"] = float(done.out) * 1024
        except (ApiError, Unreachable, ValueError):
            pass


def running_containers(pod: Json) -> list[str]:
    """Names of those that run now."""
    statuses = [*(dig(pod, "status", "initContainerStatuses") or []), *(dig(pod, "status", "containerStatuses") or [])]
    return [one["name"] for one in statuses if "running" in one.get("state", {})]


def raw_put(box: Sandbox, turn: int) -> float:
    """Seconds for as many bytes, by the library's own upload from a pod beside the store."""
    name = f"raw-put-{turn}"
    argv = ["python3", "-m", "e2e.support.pod.raw_put", minio.endpoint(box.namespace), BUCKET, name, str(SIZE)]
    volumes = [{"name": "store", "secret": {"secretName": LOGIN}}, {"name": "ca", "secret": {"secretName": CA}}]
    mounts = [{"name": "store", "mountPath": "/etc/store"}, {"name": "ca", "mountPath": "/etc/ca"}]
    box.run_pod(name, argv, spec={"volumes": volumes}, container={"volumeMounts": mounts})
    until(
        "the raw upload is done",
        lambda: dig(box.kube.get(POD, box.namespace, name), "status", "phase"),
        lambda phase: phase == "Succeeded",
        deadline=600,
        show=lambda: box.kube.logs(box.namespace, name),
    )
    return float(json.loads(box.kube.logs(box.namespace, name))["seconds"])


def snapshot_save(cluster: EtcdCluster, turn: int) -> float:
    """Seconds for `etcdctl snapshot save` in the member's own container, onto its own volume."""
    box, (member,) = cluster.sandbox, cluster.members()
    argv = ["etcdctl", "snapshot", "save", f"/var/lib/etcd/bench-{turn}.db"]
    begun = time.monotonic()
    done = box.kube.exec(box.namespace, pod_name(member), "etcd", argv, timeout=600)
    if done.code:
        raise AssertionError(f"{' '.join(argv)}: {done.err}")
    return time.monotonic() - begun


def seconds(duration: str) -> float:
    """Of a Go duration such as 1m2.5s."""
    units = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001}
    return sum(float(number) * units[unit] for number, unit in re.findall(r"([\d.]+)(ms|h|m|s)", duration))


def backup(bench: Bench) -> list[Result]:
    """All three in turn, so that none has the machine to itself more than the others."""
    ours: list[float] = []
    whole: list[float] = []
    puts: list[float] = []
    saves: list[float] = []
    memory: list[float] = []
    size = 0.0
    with filled(bench, "backup") as (box, _, cluster):
        for turn in range(bench.repeat):
            puts.append(raw_put(box, turn))
            saves.append(snapshot_save(cluster, turn))
            run = Backup(box, f"run-{turn}")
            with Memory(box, f"{run.name}-backup") as peak:
                begun = time.monotonic()
                status = run.create(cluster=cluster.name, deadline="20m").succeeded(1200)
                whole.append(time.monotonic() - begun)
            ours.append(seconds(status["duration"]))
            memory.append(peak.most / 1e6)
            size = bytes_of(status["snapshotSize"]) / 1e6
            print(
                f"  {turn + 1}/{bench.repeat}: backup {ours[-1]:.1f} s, PUT {puts[-1]:.1f} s, save {saves[-1]:.1f} s", flush=True
            )
    slower = puts if median(puts) * size / SIZE > median(saves) else saves
    of = {id(puts): SIZE * MEBIBYTE / 1e6, id(saves): size}[id(slower)]
    remark = f"PUT {rate(SIZE * MEBIBYTE / 1e6, puts)}, etcdctl {rate(size, saves)}; {size:,.0f} MB that don't compress"
    return [
        Result("backup of 1 GiB", tuple(size / s for s in ours), tuple(of / s for s in slower), unit="MB/s", remark=remark),
        Result("- from kubectl create to Succeeded", tuple(whole)),
        Result("- most memory of the agent", tuple(memory), unit="MB"),
    ]


def rate(size: float, times: list[float]) -> str:
    """Megabytes a second."""
    return f"{size / median(times):,.0f} MB/s"


def bytes_of(quantity: str) -> float:
    """Of a quantity such as 1074Mi."""
    found = re.fullmatch(r"([\d.]+)([KMGT]i?)?", quantity)
    assert found, quantity
    units = {None: 1, "K": 1e3, "M": 1e6, "G": 1e9, "T": 1e12, "Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40}
    return float(found[1]) * units[found[2]]


def restore(bench: Bench) -> list[Result]:
    """From the EtcdCluster's creation to three healthy voters with the data."""
    times: list[float] = []
    verifications: list[float] = []
    with filled(bench, "restore") as (box, _, cluster):
        begun = time.monotonic()
        status = Backup(box, "one").create(cluster=cluster.name, deadline="20m", verify="restore").succeeded(2400)
        verifications.append(time.monotonic() - begun - seconds(status["duration"]))
        for turn in range(bench.repeat):
            copy = EtcdCluster(box, bench.settings.version, f"copy-{turn}")
            source = {"bootstrap": {"fromBackup": {"backup": "one"}}, "quota": QUOTA, "storage": {"size": "4Gi"}}
            times.append(
                stopwatch(lambda c=copy, s=source: c.create(3, ready=False, **s), lambda c=copy: serving(c, 3),  # type: ignore[misc]
                          "three members serve", deadline=1200)
            )  # fmt: skip
            print(f"  restore {turn + 1}/{bench.repeat}: {times[-1]:.1f} s", flush=True)
            copy.delete()
    return [
        Result("restore of 1 GiB to three serving members", tuple(times)),
        Result("verification of 1 GiB by a restore", tuple(verifications)),
    ]


def steps(bench: Bench) -> list[Result]:
    """Oldest to newest, asked for in one edit, under traffic: the longest write gap while each step was under way."""
    with bench.sandbox("steps") as box:
        cluster = EtcdCluster(box, STEPS[0]).create(3)
        marks: dict[str, float] = {}
        with traffic.running(cluster, interval=0.02) as flow:
            marks[STEPS[0]] = time.time()
            cluster.edit(version=STEPS[-1])

            def arrived() -> bool:
                found = cluster.status().get("currentVersion")
                if found and found not in marks:
                    marks[found] = time.time()
                return bool(found == STEPS[-1] and serving(cluster, 3))

            until(f"all members run {STEPS[-1]}", arrived, deadline=900, every=0.05, show=cluster.picture)
            flow.flow(300)
        assert flow.history is not None
        times = list(marks.items())
        results = [Result(f"upgrade {STEPS[0]} to {STEPS[-1]} in one edit", (times[-1][1] - times[0][1],),
                          remark=f"{flow.history.failed_writes} writes failed")]  # fmt: skip
        for (before, start), (after, end) in pairwise(times):
            results.append(Result(f"- longest write gap, {before} to {after}", (gap_within(flow.history, start, end),)))
        return results


def gap_within(history: History, start: float, end: float) -> float:
    """The longest time without an acknowledged write between two points of the wall clock, in seconds."""
    shift = history.begin_wall - history.begin
    times = [op.ret + shift for op in history.writes]
    first, last = start * 1e9, end * 1e9
    inside = [first, *(t for t in times if first <= t <= last), last]
    return max((b - a for a, b in pairwise(inside)), default=0.0) / 1e9


PARTS: dict[str, Callable[[Bench], list[Result]]] = {"backup": backup, "restore": restore, "steps": steps}


def measure(bench: Bench, names: list[str]) -> Iterator[list[Result]]:
    """The parts that were asked for, in the order of the table."""
    for name, part in PARTS.items():
        if name in names:
            print(f"{name} ...", flush=True)
            yield part(bench)
