"""The switch from prometheus-operator: its own resources, CRDs and volumes, taken over with all data."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from e2e.support import alertmanager as am
from e2e.support import monitors, release
from e2e.support import prometheus as prom
from e2e.support.alertmanager import Alertmanager
from e2e.support.helm import Helm
from e2e.support.installation import Installation
from e2e.support.kinds import PROMETHEUS, SERVICE_MONITOR
from e2e.support.peer import SECURE, Peer, upstream_crds
from e2e.support.prometheus import Prometheus
from e2e.support.settings import Settings
from e2e.support.witness import Witness

pytestmark = [
    pytest.mark.serial,
    # While a CRD is replaced the API server says so to whoever watches.
    pytest.mark.expected_log(r"storage is \(re\)initializing"),
]

DISK = {"volumeClaimTemplate": {"spec": {"resources": {"requests": {"storage": "1Gi"}}}}}
RELOADER = "config-reloader"
SLOW = 180
"""Seconds for what prometheus-operator makes live: the kubelet refreshes Secrets when it is not asked to."""


@pytest.fixture
def peer(prometheus: Prometheus, settings: Settings) -> Iterator[Peer]:
    """prometheus-operator, not installed yet; removed afterwards."""
    found = Peer(prometheus.sandbox.kube, f"{prometheus.sandbox.namespace}-op", settings.patience)
    yield found
    found.remove()


@pytest.fixture
def upstreams(prometheus: Prometheus) -> Iterator[None]:
    """The cluster's CRDs are upstream's while the test runs."""
    with upstream_crds(prometheus.sandbox.kube):
        yield


@pytest.fixture
def divided(restored_operators: dict[str, Installation], helm: Helm, settings: Settings) -> Iterator[dict[str, Installation]]:
    """Ours looks after Prometheuses with the label operator=davit only."""
    if settings.mode == "installed":
        pytest.skip("DAVIT_E2E_OPERATOR=installed: the release is not ours to change")
    field = "prometheus.instanceSelector"
    release.install(helm, settings, {field: "operator=davit"})
    restored_operators["prometheus"].wait_ready()
    yield restored_operators
    # Not by leaving it out: an upgrade without any values keeps those of the last.
    release.install(helm, settings, {field: ""})


def containers(prometheus: Prometheus | Alertmanager) -> set[str]:
    """The names of the containers in its pods."""
    return {one["name"] for pod in prometheus.pods().values() for one in pod["spec"]["containers"]}


def stop(operators: dict[str, Installation]) -> None:
    """Neither of our monitoring operators runs."""
    for product in ("prometheus", "alertmanager"):
        operators[product].stop()


def test_adopts_what_prometheus_operator_made_and_keeps_the_data(
    prometheus: Prometheus,
    witness: Witness,
    peer: Peer,
    upstreams: None,
    restored_operators: dict[str, Installation],
) -> None:
    """Same claims and volumes, old samples answer, same jobs and labels, one pod of two away at a time, no reloader left."""
    box = prometheus.sandbox
    stop(restored_operators)
    peer.install(f"--namespaces={box.namespace}")
    witness.tell(witness_level=7)
    job = monitors.service_monitor(box, "m")
    monitors.rule(box, "rules", recorded=[{"record": "a:b", "expr": "witness_level"}])
    prometheus.create(live=False, replicas=2, storage=DISK, **SECURE)
    prometheus.until("two pods of prometheus-operator's", lambda: len(prometheus.processes()), lambda count: count == 2, SLOW)
    assert containers(prometheus) == {"prometheus", RELOADER}
    prometheus.until_all("both scrape", lambda one: prom.query(one, "a:b"), seconds=SLOW, count=2)
    before, labels = prometheus.claims(), prom.targets(prometheus.process, job)[0]["labels"]
    planted = time.time()
    peer.scale(0)

    begun = time.monotonic()
    restored_operators["prometheus"].start()
    serving = []

    def taken_over() -> bool:
        serving.append(len(prometheus.processes()))
        return containers(prometheus) == {"prometheus"}

    prometheus.until("pods without a reloader", taken_over, seconds=300)
    prometheus.until("two serve", lambda: len(prometheus.processes()), lambda count: count == 2, 120)
    prometheus.wait_live(upstream=True)
    box.note(f"a pair of prometheus-operator's taken over in {time.monotonic() - begun:.0f} s")
    assert len(before) == 2
    assert prometheus.claims() == before
    assert min(serving) >= 1, "both were away at once"
    prometheus.until_all("both scrape again", lambda one: prom.query(one, "a:b"), seconds=60, count=2)
    # What the query above found may be from before: the targets are discovered some seconds later.
    assert prometheus.wait_up(job)[0]["labels"] == labels
    for process in prometheus.processes():
        old = prom.values(process, "witness_level", planted - 30, planted)
        assert old, f"{process.pod} has lost what was stored before the switch"
        assert {value for _, value in old} == {7.0}
    found = monitors.wait_status(box, SERVICE_MONITOR, "m", "says who takes it", lambda s: "main" in monitors.bindings(box, s))
    assert "targets" not in monitors.bindings(box, found)["main"], "upstream's schema can't hold it"
    monitors.service_monitor(box, "m", {"port": "metrics", "params": {"after": ["switch"]}})
    prometheus.until_all("edits go live", lambda one: prom.jobs(one)[job].get("params") == {"after": ["switch"]}, count=2)


def test_adopts_an_alertmanager_with_its_silences(
    alertmanager: Alertmanager, witness: Witness, peer: Peer, upstreams: None, restored_operators: dict[str, Installation]
) -> None:
    """Three members on volumes: the silence that was set before is there after."""
    box = alertmanager.sandbox
    stop(restored_operators)
    peer.install(f"--namespaces={box.namespace}")
    kind, manifest = am.webhook_config(box.namespace, "team", f"{witness.url}/alerts/team")
    box.kube.apply(kind, manifest)
    alertmanager.create(live=False, replicas=3, storage=DISK, **SECURE)
    alertmanager.until("three pods", lambda: len(alertmanager.processes()), lambda count: count == 3, SLOW)
    alertmanager.wait_cluster(3)
    number = am.silence(alertmanager.process, alertname="Quiet")
    alertmanager.until("all know it", lambda: all(number in am.silences(one) for one in alertmanager.processes()))
    before = alertmanager.claims()
    peer.scale(0)
    restored_operators["alertmanager"].start()
    alertmanager.until("pods without a reloader", lambda: containers(alertmanager) == {"alertmanager"}, seconds=300)
    alertmanager.wait_live(180, upstream=True)
    alertmanager.wait_cluster(3)
    assert alertmanager.claims() == before
    assert all(number in am.silences(one) for one in alertmanager.processes())
    assert all(f"{box.namespace}/team/hook" in am.receivers(one) for one in alertmanager.processes())


def test_two_operators_side_by_side_by_instance_selector(
    prometheus: Prometheus, witness: Witness, peer: Peer, divided: dict[str, Installation]
) -> None:
    """Each leaves the other's alone, both scrape by the same monitors, and a label moves one over with its data."""
    box = prometheus.sandbox
    peer.install(f"--namespaces={box.namespace}", "--prometheus-instance-selector=operator!=davit")
    job = monitors.service_monitor(box, "m")
    ours = Prometheus(box, prometheus.version, "ours")
    theirs = Prometheus(box, prometheus.version, "theirs")
    # Upstream's CRD would fill in what the peer does without here.
    theirs.create(live=False, storage=DISK, portName="web", **SECURE)
    ours.create(labels={"operator": "davit"})
    ours.wait_up(job)
    theirs.until("it runs", lambda: len(theirs.processes()), lambda count: count == 1, SLOW)
    theirs.wait_up(job, seconds=SLOW)
    assert containers(ours) == {"prometheus"}
    assert containers(theirs) == {"prometheus", RELOADER}
    before, uids = theirs.claims(), ours.uids()
    planted = time.time()

    box.kube.patch(PROMETHEUS, box.namespace, "theirs", {"metadata": {"labels": {"operator": "davit"}}})
    theirs.until("it is ours now", lambda: containers(theirs) == {"prometheus"}, seconds=300)
    theirs.wait_live(180)
    assert theirs.claims() == before
    assert prom.values(theirs.process, "witness_up", planted - 20, planted)
    assert ours.uids() == uids
