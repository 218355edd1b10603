"""Pods are replaced one by one: a pair of Prometheus processes has, together, every sample."""

from __future__ import annotations

import time
from itertools import pairwise

from e2e.support import monitors
from e2e.support import prometheus as prom
from e2e.support.kinds import PDB, SERVICE
from e2e.support.kube import Json, pod_ready
from e2e.support.process import Process
from e2e.support.prometheus import Prometheus
from e2e.support.settings import Settings
from e2e.support.witness import Witness

INTERVAL = 1.0
GAP = 3.5
"""Seconds without a sample that count as a gap: three scrapes."""
CLAIM: Json = {"volumeClaimTemplate": {"spec": {"resources": {"requests": {"storage": "1Gi"}}}}}


def claim(*modes: str) -> Json:
    """CLAIM with access modes."""
    return {"volumeClaimTemplate": {"spec": {**CLAIM["volumeClaimTemplate"]["spec"], "accessModes": list(modes)}}}


def samples(prometheus: Prometheus, begin: float) -> list[float]:
    """The times of all samples of the witness since then, of all replicas together."""
    found: set[float] = set()
    now = time.time()
    for process in prometheus.processes():
        for series in prom.query(process, f"witness_up[{now - begin:.0f}s]"):
            found |= {float(at) for at, _ in series["values"]}
    return sorted(found)


def last(process: Process) -> float:
    """The time of a process' last sample of the witness."""
    return max((float(series["value"][1]) for series in prom.query(process, "timestamp(witness_up)")), default=0.0)


def longest(times: list[float]) -> float:
    """The longest time between two samples."""
    return max((b - a for a, b in pairwise(times)), default=0.0)


def test_pair_is_updated_with_no_gap_in_the_union(prometheus: Prometheus, witness: Witness, settings: Settings) -> None:
    """Prometheus 2 to 3 on a pair with volumes: one at a time, same volumes, no scrape missing in both."""
    box = prometheus.sandbox
    job = monitors.service_monitor(box, "m")
    prometheus.create(version=settings.prometheus[0], replicas=2, storage=CLAIM)
    prometheus.until_all("both scrape", lambda one: any(t["health"] == "up" for t in prom.targets(one, job)), count=2)
    begin, before, claims = time.time(), prometheus.uids(), prometheus.claims()
    assert len(claims) == 2
    away = 0
    prometheus.edit(version=settings.prometheus[1])

    def replaced() -> bool:
        nonlocal away
        pods = prometheus.pods()
        ready = [name for name, pod in pods.items() if pod_ready(pod)]
        away = max(away, 2 - len(ready))
        return len(ready) == 2 and not set(prometheus.uids().items()) & set(before.items())

    prometheus.until("both pods are new", replaced, seconds=180)
    prometheus.until_all("both scrape again", lambda one: any(t["health"] == "up" for t in prom.targets(one, job)), count=2)
    prometheus.wait_live()
    found = longest(samples(prometheus, begin))
    box.note(f"a pair updated in {time.time() - begin:.0f} s, longest time without a sample in the union: {found:.2f} s")
    assert away == 1
    assert found < GAP
    assert prometheus.claims() == claims
    versions = {one.json("/api/v1/status/buildinfo")["data"]["version"] for one in prometheus.processes()}
    assert versions == {settings.prometheus[1].removeprefix("v")}


def test_volume_template_is_changed_without_all_pods_down(prometheus: Prometheus, witness: Witness) -> None:
    """What can't be changed in a StatefulSet: it is made anew above its pods, which stay."""
    box = prometheus.sandbox
    job = monitors.service_monitor(box, "m")
    prometheus.create(replicas=2, storage=CLAIM)
    prometheus.until_all("both scrape", lambda one: any(t["health"] == "up" for t in prom.targets(one, job)), count=2)
    begin, claims, pods = time.time(), prometheus.claims(), prometheus.uids()
    old = prometheus.stateful_sets()[0]["metadata"]["uid"]
    prometheus.edit(storage=claim("ReadWriteOnce", "ReadOnlyMany"))
    prometheus.until(
        "the StatefulSet is another",
        prometheus.stateful_sets,
        lambda found: len(found) == 1 and found[0]["metadata"]["uid"] != old,
        60,
    )
    prometheus.wait_live()
    remade = time.time()
    prometheus.until_all("both have scraped since", lambda one: last(one) > remade + INTERVAL, count=2)
    assert longest(samples(prometheus, begin)) < GAP
    assert prometheus.claims() == claims
    assert prometheus.uids() == pods


def test_volume_template_that_is_refused_leaves_the_stateful_set(prometheus: Prometheus) -> None:
    """What the API server would not take is said; until then the pods keep whoever makes them anew."""
    prometheus.create(storage=CLAIM)
    (before,) = prometheus.stateful_sets()
    prometheus.edit(storage=claim("ReadWriteOnce", "ReadWriteOncePod"))
    said = prometheus.wait_condition("Ready", "False", "Rejected")
    assert "accessModes: Forbidden" in said["message"]
    (found,) = prometheus.stateful_sets()
    assert found["metadata"]["uid"] == before["metadata"]["uid"]
    prometheus.delete_pod("prometheus-main-0")
    prometheus.edit(storage={"volumeClaimTemplate": {"spec": {"accessModes": None}}})
    prometheus.wait_live()


def test_pair_comes_with_services_and_budget(prometheus: Prometheus) -> None:
    """Governing and client Service, and a budget that lets one of two go."""
    box = prometheus.sandbox
    prometheus.create(replicas=2)
    names = {one["metadata"]["name"] for one in box.kube.all(SERVICE, box.namespace)}
    assert {"prometheus-operated", "prometheus-main"} <= names
    (budget,) = box.kube.all(PDB, box.namespace)
    prometheus.until(
        "one pod may be disrupted",
        lambda: box.kube.read(PDB, box.namespace, budget["metadata"]["name"])["status"].get("disruptionsAllowed"),
        lambda count: count == 1,
    )
