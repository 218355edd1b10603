"""The operator is stopped or upgraded: monitoring goes on, nothing is restarted, nothing is written again."""

from __future__ import annotations

import time
from functools import partial

import pytest

from e2e.support import alertmanager as am
from e2e.support import monitors, quiet, release
from e2e.support import prometheus as prom
from e2e.support.alertmanager import Alertmanager
from e2e.support.helm import Helm
from e2e.support.installation import Installation
from e2e.support.kinds import (
    ALERTMANAGER,
    ALERTMANAGER_CONFIG,
    CONFIG_MAP,
    NETWORK_POLICY,
    PDB,
    POD,
    PROMETHEUS,
    PROMETHEUS_RULE,
    SECRET,
    SERVICE,
    SERVICE_MONITOR,
    STATEFUL_SET,
)
from e2e.support.prometheus import Prometheus
from e2e.support.settings import Settings
from e2e.support.wait import never, steady
from e2e.support.witness import Witness

pytestmark = pytest.mark.serial

WRITTEN = (
    PROMETHEUS, ALERTMANAGER, SERVICE_MONITOR, PROMETHEUS_RULE, ALERTMANAGER_CONFIG, STATEFUL_SET, POD, SECRET, CONFIG_MAP,
    SERVICE, PDB, NETWORK_POLICY,
)  # fmt: skip
"""Everything that the operators write, and what they could touch."""


def monitored(prometheus: Prometheus, alertmanager: Alertmanager, witness: Witness) -> None:
    """A pair of Prometheus processes and three Alertmanagers over one witness, all live."""
    box = prometheus.sandbox
    witness.tell(witness_level=1)
    kind, manifest = am.webhook_config(box.namespace, "team", f"{witness.url}/alerts/team")
    box.kube.apply(kind, manifest)
    job = monitors.service_monitor(box, "m")
    monitors.rule(box, "rules", alerts=[monitors.alert("High", "witness_level > 10")])
    alertmanager.create(replicas=3, live=False)
    prometheus.create(
        replicas=2, alerting={"alertmanagers": [{"name": "alertmanager-operated", "namespace": box.namespace, "port": "web"}]}
    )
    alertmanager.wait_live()
    alertmanager.wait_cluster(3)
    prometheus.wait_up(job)
    prometheus.until_all(
        "three Alertmanagers are found",
        lambda one: len(one.json("/api/v1/alertmanagers")["data"]["activeAlertmanagers"]) == 3,
        count=2,
    )


@pytest.mark.ci
def test_everything_goes_on_without_operators(
    prometheus: Prometheus, alertmanager: Alertmanager, witness: Witness, restored_operators: dict[str, Installation]
) -> None:
    """Scraped, evaluated and notified; pods that die come back as they were; what was missed is caught up."""
    box = prometheus.sandbox
    monitored(prometheus, alertmanager, witness)
    stopped = [restored_operators[product] for product in ("prometheus", "alertmanager")]
    for operator in stopped:
        operator.stop()
    prometheus.delete_pod("prometheus-main-0", grace=0)
    alertmanager.delete_pod("alertmanager-main-0", grace=0)
    alertmanager.wait_cluster(3)
    witness.tell(witness_level=11)
    alertmanager.until("the alert was notified", lambda: ("High", "firing") in witness.alerts(), seconds=60)
    job = monitors.service_monitor(box, "missed", {"port": "x"})
    kind, manifest = am.webhook_config(box.namespace, "missed", "http://nobody.invalid")
    box.kube.apply(kind, manifest)
    before = prometheus.uids(), alertmanager.uids()
    never("somebody loads it", lambda: job in prom.jobs(prometheus.process), bool, during=5, every=1)
    for operator in stopped:
        operator.start()
    prometheus.wait_job(job)
    missed = f"{box.namespace}/missed/hook"
    alertmanager.until("what was missed is loaded", lambda: all(missed in am.receivers(one) for one in alertmanager.processes()))
    assert (prometheus.uids(), alertmanager.uids()) == before
    assert witness.alerts().count(("High", "firing")) == 1


def test_helm_upgrade_restarts_nothing_and_writes_nothing_again(
    prometheus: Prometheus,
    alertmanager: Alertmanager,
    witness: Witness,
    restored_operators: dict[str, Installation],
    helm: Helm,
    settings: Settings,
) -> None:
    """New operators by `helm upgrade`: no pod is replaced, no object of the namespace has another resourceVersion."""
    if settings.mode == "installed":
        pytest.skip("DAVIT_E2E_OPERATOR=installed: the release is not ours to change")
    box = prometheus.sandbox
    monitored(prometheus, alertmanager, witness)
    # Targets are counted now and then: that is the last thing that status learns.
    counted = {"active": 1, "up": 1}
    taken = partial(monitors.bindings, box)
    monitors.wait_status(
        box, SERVICE_MONITOR, "m", "its target is counted", lambda s: taken(s).get("main", {}).get("targets") == counted
    )
    before = steady(
        "resource versions", lambda: quiet.versions(box.kube, box.namespace, WRITTEN), seconds=15, deadline=180, every=3
    )
    pods = prometheus.uids(), alertmanager.uids()
    old = {pod["metadata"]["uid"] for product in ("prometheus", "alertmanager") for pod in restored_operators[product].pods()}
    values = {f"{product}.podAnnotations": {"e2e": str(time.time())} for product in ("prometheus", "alertmanager")}
    release.install(helm, settings, {**values, "prometheus.logLevel": "debug", "alertmanager.logLevel": "debug"})
    for product in ("prometheus", "alertmanager"):
        restored_operators[product].wait_ready()
        assert not old & {pod["metadata"]["uid"] for pod in restored_operators[product].pods()}
    # The new operators have looked at everything before it is compared.
    steady("resource versions", lambda: quiet.versions(box.kube, box.namespace, WRITTEN), seconds=20, deadline=180, every=4)
    assert quiet.changes(before, quiet.versions(box.kube, box.namespace, WRITTEN)) == []
    assert (prometheus.uids(), alertmanager.uids()) == pods
    job = monitors.service_monitor(box, "after", {"port": "x"})
    prometheus.wait_job(job)
    assert (prometheus.uids(), alertmanager.uids()) == pods


def test_operator_that_is_killed_leaves_a_whole_configuration(
    prometheus: Prometheus, restored_operators: dict[str, Installation]
) -> None:
    """SIGKILL again and again amid edits: what runs always is one of the editions, and the last one wins."""
    box = prometheus.sandbox
    prometheus.create()
    operator = restored_operators["prometheus"]
    for turn in range(4):
        for number in range(10):
            monitors.service_monitor(box, f"m{number}", {"port": "x", "params": {"turn": [str(turn)]}})
        operator.kill(box, replace=True)
        operator.wait_ready()
    wanted = {f"serviceMonitor/{box.namespace}/m{number}/0" for number in range(10)}
    prometheus.until_all(
        "the last edition of all ten",
        lambda one: {name for name, job in prom.jobs(one).items() if job.get("params") == {"turn": ["3"]}} == wanted,
    )
    prometheus.wait_live()
    assert all(restarts == 0 for _, restarts in prometheus.uids().values())
