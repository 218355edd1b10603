"""The Prometheus operator beside prometheus-operator: the same done to both, one after the other on one cluster.

While one is measured the other is stopped. Both see the whole cluster; labels say which Prometheus is whose.
"""

from __future__ import annotations

import base64
import gzip
import json
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol

from e2e.bench import pretend
from e2e.bench.clusters import EVERY, Bench
from e2e.bench.footprint import SAMPLE, pass_time
from e2e.bench.report import Result
from e2e.support import monitors, release
from e2e.support.helm import Helm, find
from e2e.support.installation import Installation
from e2e.support.kinds import NODE, POD, PROMETHEUS, SECRET, STATEFUL_SET
from e2e.support.kube import Json, Kube, dig, pod_ready
from e2e.support.peer import SECURE, Peer
from e2e.support.process import Process
from e2e.support.prometheus import Prometheus, Reader, pools
from e2e.support.quiet import AuditLog, tally
from e2e.support.sandbox import Sandbox
from e2e.support.wait import Deadline, until

TITLE = "prometheus-operator 0.93"
OURS, THEIRS = "Davit", "prometheus-operator"
MARK = "davit.dev/peer"
SAME: Json = {"scrapeInterval": "30s", "evaluationInterval": "30s", "portName": "web", **SECURE}
"""Said because upstream's CRD would fill it in, and ours leaves that to the operator."""
WINDOW = 60
SETTLE = 30
"""Seconds after which the memory of a fresh process is read."""
LONG = 900.0
REST = 5.0
"""Seconds over which an operator must do next to nothing before edits are timed."""


class Operator(Protocol):
    """What is measured: a Deployment of one pod that serves its metrics."""

    def start(self) -> None:
        """One replica."""

    def stop(self) -> None:
        """None."""

    def pods(self) -> list[Json]:
        """Its pods."""


@dataclass(frozen=True)
class Side:
    """One operator, what its Prometheus objects are labelled with, and its name in the audit log."""

    name: str
    kube: Kube
    namespace: str
    operator: Operator
    labels: Json
    user: str

    def restart(self) -> None:
        """A new process: memory that was once needed is not given back."""
        self.operator.stop()
        self.operator.start()

    def usage(self) -> tuple[float, float]:
        """Resident bytes and seconds of CPU, by its own metrics."""
        (pod,) = self.operator.pods()
        text = Process(self.kube, self.namespace, pod["metadata"]["name"], 8080).text("/metrics")
        found = {
            m["name"]: float(m["value"])
            for line in text.splitlines()
            if line.startswith("process_") and (m := SAMPLE.match(line))
        }
        return found["process_resident_memory_bytes"], found["process_cpu_seconds_total"]

    def prometheus(self, box: Sandbox, version: str, name: str = "main") -> Prometheus:
        """A handle."""
        return Prometheus(box, version, name)


@dataclass(frozen=True)
class _Peer:
    """`Peer` as an Operator."""

    peer: Peer

    def start(self) -> None:
        self.peer.scale(1)

    def stop(self) -> None:
        self.peer.scale(0)

    def pods(self) -> list[Json]:
        return self.peer.pods()


@contextmanager
def sides(bench: Bench) -> Iterator[tuple[Side, Side]]:
    """Both installed and stopped; afterwards the release is as the chart says, and the peer is gone."""
    kube, settings = bench.kube, bench.settings
    helm = Helm(find(settings.helm), settings.kubeconfig)
    release.install(helm, settings, {"prometheus.instanceSelector": f"{MARK}!=true"})
    ours = Installation(kube, settings.namespace, settings.patience, "prometheus")
    ours.wait_ready()
    account = ours.deployment()["spec"]["template"]["spec"]["serviceAccountName"]
    peer = Peer(kube, "bench-prometheus-operator", settings.patience)
    try:
        peer.install(*(f"--{kind}-instance-selector={MARK}=true" for kind in ("prometheus", "alertmanager")))
        peer.scale(0)
        ours.stop()
        theirs = Side(THEIRS, kube, peer.namespace, _Peer(peer), {MARK: "true"}, _user(peer.namespace, peer.name))
        yield Side(OURS, kube, settings.namespace, ours, {}, _user(settings.namespace, account)), theirs
    finally:
        peer.remove()
        ours.scale(1, wait=False)
        # Not by leaving it out: an upgrade without any values keeps those of the last.
        release.install(helm, settings, {"prometheus.instanceSelector": ""})


def _user(namespace: str, account: str) -> str:
    return f"system:serviceaccount:{namespace}:{account}"


@contextmanager
def measured(bench: Bench, side: Side, title: str) -> Iterator[Sandbox]:
    """A namespace, and this operator alone running."""
    with bench.sandbox(f"{title}-{side.name.lower()}") as box:
        side.operator.start()
        try:
            yield box
        finally:
            side.operator.stop()


# One Prometheus


def create(side: Side, bench: Bench, box: Sandbox, count: int, *, loaded: bool = True) -> Prometheus:
    """A Prometheus and so many monitors; returns when its process has them all, or else its Secrets."""
    prometheus = side.prometheus(box, bench.settings.prometheus[1])
    prometheus.create(live=False, labels=side.labels, **SAME)
    monitors.many(box, count)
    until("its pod is ready", prometheus.processes, bool, deadline=300, every=EVERY)
    if not loaded:
        until(
            f"the Secrets have {count} jobs",
            lambda: len(held(prometheus, "")),
            lambda found: found == count,
            deadline=LONG,
            every=5,
        )
        return prometheus
    what = f"the process has {count} jobs"
    until(what, lambda: len(pools(prometheus.process)), lambda found: found == count, deadline=LONG, every=1)
    return prometheus


@dataclass(frozen=True)
class Edit:
    """Seconds from the edit of a monitor to the Secret that holds it, and to the process that runs it."""

    secret: float
    live: float


def edit(prometheus: Prometheus, number: int) -> Edit:
    """Edit one monitor, and look both in the Secrets and in the process until it is there."""
    box, mark = prometheus.sandbox, f"edition-{time.time_ns()}"
    written, live = Writing(prometheus, mark), Reader(prometheus.process, mark)
    start, limit = time.monotonic(), Deadline.after(300)
    monitors.service_monitor(box, f"m{number:04d}", {"port": "x", "params": {"edition": [mark]}}, app="none")
    secret = 0.0
    while True:
        secret = secret or (time.monotonic() - start if written() else 0.0)
        if secret and live():
            return Edit(secret, time.monotonic() - start)
        assert limit.left, f"{mark} is not live after 300 s"
        time.sleep(EVERY / 5)


class Writing:
    """Tells whether a text is in the Secrets of a Prometheus; contents are only fetched of what was written."""

    def __init__(self, prometheus: Prometheus, mark: str) -> None:
        self._kube, self._namespace, self._prefix = prometheus.sandbox.kube, prometheus.home, prometheus.prefix
        self._mark = mark
        self._seen = self._versions()

    def __call__(self) -> bool:
        """Look again."""
        now = self._versions()
        new = [name for name, version in now.items() if self._seen.get(name) != version]
        self._seen = now
        return any(self._mark in content(self._kube.read(SECRET, self._namespace, name)) for name in new)

    def _versions(self) -> dict[str, str]:
        found = self._kube.versions(SECRET, self._namespace)
        return {name: version for name, version in found.items() if name.startswith(self._prefix)}


def content(secret: Json) -> str:
    """All that a Secret holds, unpacked."""
    found = [base64.b64decode(text) for text in (dig(secret, "data") or {}).values()]
    return "\n".join((gzip.decompress(one) if one.startswith(b"\x1f\x8b") else one).decode(errors="replace") for one in found)


def edits(bench: Bench, side: Side, prometheus: Prometheus, count: int) -> list[Edit]:
    """Several edits, fewer where each takes minutes."""
    times = bench.repeat * (3 if side.name == OURS else 1)
    found = []
    rest(side)
    for turn in range(times):
        found.append(edit(prometheus, turn % count))
        print(
            f"  {side.name}, {count} monitors, edit {turn + 1}/{times}: {found[-1].secret:.2f}, {found[-1].live:.2f} s",
            flush=True,
        )
        pass_time(2)
    return found


def rest(side: Side) -> None:
    """Wait until the operator has done with what was made before, statuses included: it uses less than a tenth of a core."""
    seen: list[float] = []

    def used() -> float:
        seen.append(side.usage()[1])
        return seen[-1] - seen[-2] if len(seen) > 1 else float("inf")

    until(f"{side.name} rests", used, lambda seconds: seconds < REST / 10, deadline=LONG, every=REST)


def memory(side: Side) -> float:
    """Megabytes of a fresh process that has seen everything."""
    side.restart()
    pass_time(SETTLE)
    return side.usage()[0] / 1e6


def pod_memory(prometheus: Prometheus) -> dict[str, float]:
    """Megabytes of the containers of its first pod, as the kubelet counts them."""
    (name, pod), *_ = prometheus.pods().items()
    path = NODE.path(None, pod["spec"]["nodeName"], "proxy/stats/summary")
    listed: list[Json] = json.loads(prometheus.sandbox.kube.request("GET", path))["pods"]
    (mine,) = (one for one in listed if (one["podRef"]["namespace"], one["podRef"]["name"]) == (prometheus.home, name))
    return {one["name"]: one["memory"]["workingSetBytes"] / 1e6 for one in mine["containers"]}


def _pods(what: str, found: dict[str, dict[str, float]]) -> Result:
    shown = "; ".join(f"{name}: {', '.join(f'{one} {used:.0f}' for one, used in some.items())}" for name, some in found.items())
    return _pair(what, {name: sum(some.values()) for name, some in found.items()}, "MB", shown)


def one(bench: Bench, both: tuple[Side, Side]) -> list[Result]:
    """One Prometheus with one monitor."""
    found: dict[str, list[Edit]] = {}
    resident: dict[str, float] = {}
    pod: dict[str, dict[str, float]] = {}
    for side in both:
        with measured(bench, side, "one") as box:
            prometheus = create(side, bench, box, 1)
            found[side.name] = edits(bench, side, prometheus, 1)
            pod[side.name] = pod_memory(prometheus)
            resident[side.name] = memory(side)
    return [
        *_edits("one monitor", found),
        _pair("operator memory, 1 monitor", resident, "MB"),
        _pods("memory of a Prometheus pod, 1 monitor", pod),
    ]


def _edits(what: str, found: dict[str, list[Edit]]) -> list[Result]:
    ours, theirs = found[OURS], found[THEIRS]
    return [
        Result(f"edit to live, {what}", tuple(e.live for e in ours), tuple(e.live for e in theirs)),
        Result("- edit to Secret", tuple(e.secret for e in ours), tuple(e.secret for e in theirs)),
    ]


def _pair(what: str, found: dict[str, float], unit: str = "s", remark: str = "") -> Result:
    theirs = (found[THEIRS],) if THEIRS in found else ()
    return Result(what, (found[OURS],), theirs, unit, remark)


def thousand(bench: Bench, both: tuple[Side, Side], count: int = 1000) -> list[Result]:
    """The same with many monitors, and what it costs to edit all of them, and to do nothing."""
    found: dict[str, list[Edit]] = {}
    rows: dict[str, dict[str, float]] = {"cpu": {}, "all": {}, "memory": {}, "idle": {}, "writes": {}}
    pod: dict[str, dict[str, float]] = {}
    remarks: list[str] = []
    for side in both:
        with measured(bench, side, "thousand") as box:
            prometheus = create(side, bench, box, count)
            found[side.name] = edits(bench, side, prometheus, count)
            rows["cpu"][side.name], rows["all"][side.name] = edit_all(side, prometheus, count)
            pod[side.name] = pod_memory(prometheus)
            rows["memory"][side.name] = memory(side)
            rows["idle"][side.name], writes = idle(bench, side)
            rows["writes"][side.name] = float(sum(writes.values()))
            remarks += [f"{side.name}: {', '.join(f'{n} {what}' for what, n in writes.items())}"] if writes else []
    return [
        *_edits(f"{count:,} monitors", found),
        _pair(f"operator memory, {count:,} monitors", rows["memory"], "MB"),
        _pair(f"{count:,} edits: CPU of the operator", rows["cpu"]),
        _pair("- until the last is in the Secret", rows["all"]),
        _pair(f"CPU in {WINDOW} s of nothing, {count:,} monitors", rows["idle"]),
        _pair(f"- writes in {WINDOW} s, Lease aside", rows["writes"], "", "; ".join(remarks)),
        _pods(f"memory of a Prometheus pod, {count:,} monitors", pod),
    ]


def edit_all(side: Side, prometheus: Prometheus, count: int) -> tuple[float, float]:
    """Edit each monitor once, several at a time; CPU and time until the Secrets hold all, and the operator rests."""
    box, mark = prometheus.sandbox, f"all-{time.time_ns()}"

    def change(number: int) -> None:
        endpoint = {"port": "x", "params": {"edition": [mark]}}
        monitors.service_monitor(box, f"m{number:04d}", endpoint, app="none")

    _, before = side.usage()
    start = time.monotonic()
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(change, range(count)))
    what = f"all {count} edits are in the Secrets"
    until(what, lambda: len(held(prometheus, mark)), lambda seen: seen >= count, deadline=LONG, every=1)
    took = time.monotonic() - start
    pass_time(10)
    return side.usage()[1] - before, took


def held(prometheus: Prometheus, mark: str) -> set[str]:
    """The jobs with a text in all Secrets of a Prometheus."""
    kube, home = prometheus.sandbox.kube, prometheus.home
    names = [name for name in kube.versions(SECRET, home) if name.startswith(prometheus.prefix)]
    return {job for name in names for job in jobs_with(mark, content(kube.read(SECRET, home, name)))}


def jobs_with(mark: str, text: str) -> set[str]:
    """The jobs of a configuration that have a text; a Secret may hold two editions of one for a moment."""
    return {job.split()[0].strip("'\"") for job in text.split("job_name:")[1:] if mark in job}


def idle(bench: Bench, side: Side) -> tuple[float, dict[str, int]]:
    """CPU and writes while nothing happens, from when a fresh process rests."""
    pass_time(WINDOW)
    log = AuditLog(bench.settings.audit_log) if bench.settings.audit_log else None
    mark, (_, before) = log.mark() if log else 0, side.usage()
    pass_time(WINDOW)
    after = side.usage()[1]
    return after - before, tally(log.writes(mark, side.user)) if log else {}


# What many objects cost


def five_thousand(bench: Bench, both: tuple[Side, Side], count: int = 5000) -> list[Result]:
    """Memory with very many monitors of one Prometheus, and our edits; the peer's never go live.

    So much configuration is more than the peer's reloader can unpack within its default limit of 50 MiB: it is killed.
    """
    found: dict[str, list[Edit]] = {THEIRS: []}
    resident: dict[str, float] = {}
    for side in both:
        with measured(bench, side, "five-thousand") as box:
            prometheus = create(side, bench, box, count, loaded=side.name == OURS)
            if side.name == OURS:
                found[OURS] = edits(bench, side, prometheus, count)
            resident[side.name] = memory(side)
    return [*_edits(f"{count:,} monitors", found), _pair(f"operator memory, {count:,} monitors", resident, "MB")]


def secrets(bench: Bench, both: tuple[Side, Side], count: int = 5000) -> list[Result]:
    """Memory with very many Secrets that nobody refers to, each of two kibibytes."""
    found: dict[str, float] = {}
    with bench.sandbox("secrets") as box:

        def make(number: int) -> None:
            metadata = {"name": f"s{number:05d}", "namespace": box.namespace}
            box.kube.create(SECRET, {"metadata": metadata, "stringData": {"value": "x" * 2048}})

        with ThreadPoolExecutor(8) as pool:
            list(pool.map(make, range(count)))
        for side in both:
            with measured(bench, side, "few") as inner:
                create(side, bench, inner, 1)
                found[side.name] = memory(side)
    return [_pair(f"operator memory, {count:,} Secrets, 1 monitor", found, "MB")]


def fleet(bench: Bench, both: tuple[Side, Side], count: int = 200) -> list[Result]:
    """So many Prometheus objects at once on pretend nodes, and a monitor that all of them take."""
    made: dict[str, float] = {}
    reached: dict[str, float] = {}
    cpu: dict[str, float] = {}
    for side in both:
        with pretend.nodes(bench.kube, bench.settings.artifacts), measured(bench, side, "fleet") as box:
            _, before = side.usage()
            made[side.name] = create_fleet(side, bench, box, count)
            reached[side.name] = reach_all(box, count)
            cpu[side.name] = side.usage()[1] - before
            for found in box.kube.all(PROMETHEUS, box.namespace):
                box.kube.delete(PROMETHEUS, box.namespace, found["metadata"]["name"])
            until("the pods are gone", lambda box=box: not box.kube.all(STATEFUL_SET, box.namespace), deadline=300, every=1)  # type: ignore[misc]
    return [
        _pair(f"{count} Prometheus objects at once: all pods ready", made, remark="pretend nodes: no process answers"),
        _pair("- a new monitor is in all their Secrets", reached),
        _pair("- CPU for both", cpu),
    ]


def create_fleet(side: Side, bench: Bench, box: Sandbox, count: int) -> float:
    """Seconds until each has its pod."""
    start = time.monotonic()
    version = bench.settings.prometheus[1]
    side.prometheus(box, version).allow(box.namespace)
    placed = {key: value for key, value in pretend.placed().items() if key != "storage"}

    def make(number: int) -> None:
        handle = side.prometheus(box, version, f"p{number:03d}")
        handle.apply(labels=side.labels, **SAME, **placed)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(make, range(count)))

    def ready() -> int:
        return sum(pod_ready(pod) for pod in box.kube.all(POD, box.namespace, {"app.kubernetes.io/name": "prometheus"}))

    until(f"{count} pods are ready", ready, lambda seen: seen == count, deadline=LONG, every=1)
    return time.monotonic() - start


def reach_all(box: Sandbox, count: int) -> float:
    """Seconds until a new monitor is in the configuration of every one."""
    job = monitors.service_monitor(box, "for-all", {"port": "x"}, app="none")
    start = time.monotonic()

    def held() -> int:
        found = [one for one in box.kube.all(SECRET, box.namespace) if one["metadata"]["name"].startswith("prometheus-p")]
        return sum(job in content(one) for one in found)

    until(f"{count} Secrets have the monitor", held, lambda seen: seen >= count, deadline=LONG, every=0.5)
    return time.monotonic() - start


PARTS: dict[str, Callable[[Bench, tuple[Side, Side]], list[Result]]] = {
    "mon-one": one,
    "mon-1000": thousand,
    "mon-5000": five_thousand,
    "mon-secrets": secrets,
    "mon-fleet": fleet,
}


def measure(bench: Bench, names: list[str]) -> Iterator[list[Result]]:
    """The parts that were asked for, in the order of the table."""
    wanted = [name for name in PARTS if name in names]
    if not wanted:
        return
    with sides(bench) as both:
        for name in wanted:
            print(f"{name} ...", flush=True)
            yield PARTS[name](bench, both)
