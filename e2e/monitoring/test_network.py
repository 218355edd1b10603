"""A replica is cut off: the other goes live, status names who is not, and it follows once the network is back."""

from __future__ import annotations

from e2e.support import monitors, network
from e2e.support import prometheus as prom
from e2e.support.prometheus import Prometheus
from e2e.support.wait import never
from e2e.support.witness import Witness


def test_edit_while_one_of_two_is_cut_off(prometheus: Prometheus, witness: Witness) -> None:
    """What is not proved is not said; nothing is restarted."""
    box = prometheus.sandbox
    witness.tell(witness_level=7)
    monitors.service_monitor(box, "m")
    prometheus.create(replicas=2)
    before = prometheus.uids()
    away, other = sorted(before)
    with network.cut(box, box.namespace, away):
        late = monitors.service_monitor(box, "late")
        (process,) = (one for one in prometheus.processes() if one.pod == other)
        prometheus.until("the edit is live in the other", lambda: late in prom.jobs(process), seconds=60)
        found = prometheus.until(
            "status names who is not live",
            lambda: prometheus.condition("ConfigLive"),
            lambda one: one.get("status") != "True" and away in one.get("message", ""),
        )
        box.note(f"ConfigLive: {found['reason']}: {found['message']}")
        never("it is said to be live", lambda: prometheus.condition("ConfigLive"), lambda one: one["status"] == "True", during=10)
    prometheus.wait_live(seconds=90)
    prometheus.until_all("the edit is live in both", lambda one: late in prom.jobs(one), count=2)
    assert prometheus.uids() == before
