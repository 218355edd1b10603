"""More configuration than a Secret holds: 1,100 ServiceMonitors of one Prometheus."""

from __future__ import annotations

import time

import pytest

from e2e.support import monitors
from e2e.support import prometheus as prom
from e2e.support.installation import Installation
from e2e.support.kinds import SECRET, SERVICE_MONITOR
from e2e.support.kube import dig
from e2e.support.prometheus import Prometheus
from e2e.support.wait import until

pytestmark = pytest.mark.serial

COUNT = 1100
MEBIBYTE = 1024 * 1024
BULKY = {"port": "x", "params": {"bulk": ["x" * 700]}}
"""Unlike the relabeling that all jobs have alike, this is stored with each."""
ABSENT = {"username": {"name": "absent", "key": "u"}, "password": {"name": "absent", "key": "p"}}


def written(prometheus: Prometheus) -> int:
    """Bytes of configuration in all its Secrets, as base64."""
    box = prometheus.sandbox
    found = [one for one in box.kube.all(SECRET, box.namespace) if one["metadata"]["name"].startswith(prometheus.prefix)]
    return sum(len(text) for one in found for name, text in (dig(one, "data") or {}).items() if name.endswith(".yaml"))


def test_configuration_beyond_a_mebibyte_is_live(prometheus: Prometheus, restored_operators: dict[str, Installation]) -> None:
    """All jobs run, an edit of one is live, a bad one is left out alone, a new pod starts with all, and back to few."""
    box = prometheus.sandbox
    wanted = {f"serviceMonitor/{box.namespace}/m{number:04d}/0" for number in range(COUNT)}
    prometheus.create(scrapeInterval="30s")
    start = time.monotonic()
    monitors.many(box, COUNT, BULKY)
    box.note(f"{COUNT} ServiceMonitors made in {time.monotonic() - start:.0f} s")
    prometheus.until("all jobs run", lambda: prom.pools(prometheus.process) == wanted, seconds=300)
    box.note(f"all run after {time.monotonic() - start:.0f} s")
    prometheus.wait_live(180)
    size = written(prometheus) * 3 // 4
    box.note(f"{size / MEBIBYTE:.2f} MiB of configuration")
    assert size > MEBIBYTE
    before = prometheus.uids()

    for turn in range(3):
        reader = prom.Reader(prometheus.process, f"edition-{turn}")
        start = time.monotonic()
        monitors.service_monitor(box, "m0500", {"port": "x", "params": {"edition": [f"edition-{turn}"]}}, app="none")
        until("an edit is live", reader, deadline=box.seconds(60), every=0.05, show=prometheus.picture)
        box.note(f"an edit of one of {COUNT}: live after {time.monotonic() - start:.2f} s")

    monitors.service_monitor(box, "bad", {"port": "x", "basicAuth": ABSENT}, {"port": "x"}, app="none")
    second = f"serviceMonitor/{box.namespace}/bad/1"
    prometheus.until("the good endpoint runs", lambda: prom.pools(prometheus.process) == wanted | {second}, seconds=60)
    prometheus.wait_quarantined("spec.endpoints[0]", "absent")
    assert prometheus.uids() == before
    prometheus.delete_pod("prometheus-main-0")
    prometheus.until("a new pod runs all", lambda: prom.pools(prometheus.process) == wanted | {second}, seconds=120)

    for number in range(5, COUNT):
        box.kube.delete(SERVICE_MONITOR, box.namespace, f"m{number:04d}")
    few = {f"serviceMonitor/{box.namespace}/m{number:04d}/0" for number in range(5)} | {second}
    prometheus.until("only the few run", lambda: prom.pools(prometheus.process) == few, seconds=180)
    prometheus.wait_live()
    prometheus.until("nothing large is left", lambda: written(prometheus), lambda size: size < MEBIBYTE, 60)
    assert all(restarts == 0 for _, restarts in prometheus.uids().values())
