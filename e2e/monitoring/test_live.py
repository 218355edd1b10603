"""From an edit to the process that runs it: looked up in the process, and said in status. Times are noted, not asserted."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from ci.cluster.pki import new_authority
from e2e.support import alertmanager as am
from e2e.support import monitors
from e2e.support import prometheus as prom
from e2e.support.alertmanager import Alertmanager
from e2e.support.kinds import ALERTMANAGER_CONFIG, PROMETHEUS_RULE, SERVICE_MONITOR
from e2e.support.kube import Json
from e2e.support.prometheus import Prometheus
from e2e.support.wait import until
from e2e.support.witness import Witness, basic

FAST = 0.02
"""Seconds between looks: the resolution of the times that are noted."""


def timed(prometheus: Prometheus | Alertmanager, what: str, act: Callable[[], object], holds: Callable[[], object]) -> None:
    """Note how long it takes from the act until it holds."""
    start = time.monotonic()
    act()
    box = prometheus.sandbox
    until(f"{what} is live", holds, deadline=box.seconds(30), every=FAST, show=prometheus.picture)
    box.note(f"{what}: live after {time.monotonic() - start:.2f} s")


def judged(found: Json, generation: int) -> bool:
    """Whether every binding of a status has seen this generation and accepts it."""
    conditions = [one for binding in found.get("bindings") or [] for one in binding["conditions"] if one["type"] == "Accepted"]
    return bool(conditions) and all(one["observedGeneration"] == generation and one["status"] == "True" for one in conditions)


@pytest.mark.ci
def test_edits_of_monitors_and_rules_are_live_in_every_process(prometheus: Prometheus) -> None:
    """A ServiceMonitor and a rule, made and edited and removed; status proves what the processes themselves show."""
    box = prometheus.sandbox
    prometheus.create(replicas=2)
    first, second = prometheus.processes()
    job = monitors.service_monitor(box, "self", {"port": "web", "params": {"edition": ["one"]}}, app="x")
    prometheus.wait_job(job)
    for turn in range(3):
        marker = f"edition-{turn}"
        readers = [prom.Reader(first, marker), prom.Reader(second, marker)]
        endpoint = {"port": "web", "params": {"edition": [marker]}}
        timed(
            prometheus,
            "a ServiceMonitor's edit",
            lambda endpoint=endpoint: monitors.service_monitor(box, "self", endpoint, app="x"),  # type: ignore[misc]
            lambda readers=readers: all(reader() for reader in readers),  # type: ignore[misc]
        )
    generation = box.kube.read(SERVICE_MONITOR, box.namespace, "self")["metadata"]["generation"]
    monitors.wait_status(box, SERVICE_MONITOR, "self", "its last edit is accepted", lambda s: judged(s, generation))

    for turn in range(3):
        expression = f"vector({turn})"
        timed(
            prometheus,
            "a rule's edit",
            lambda text=expression: monitors.rule(box, "rules", g=[{"record": "a:b", "expr": text}]),  # type: ignore[misc]
            lambda text=expression: all(text in prom.expressions(one) for one in (first, second)),  # type: ignore[misc]
        )
    live = prometheus.wait_live()
    assert live["status"]["config"]["digest"] in prom.loaded(first)

    box.kube.delete(SERVICE_MONITOR, box.namespace, "self")
    box.kube.delete(PROMETHEUS_RULE, box.namespace, "rules")
    prometheus.wait_job(job, there=False)
    prometheus.until_all("the rule is gone", lambda one: not prom.groups(one))


def test_secret_edit_is_live(prometheus: Prometheus, start_witness: Callable[..., Witness]) -> None:
    """A password is changed: the target that refused is up, without a touch of the monitor or the pod."""
    box = prometheus.sandbox
    start_witness("witness", basic("user", "right"))
    monitors.secret(box, "login", user="user", password="wrong")
    login = {"username": {"name": "login", "key": "user"}, "password": {"name": "login", "key": "password"}}
    job = monitors.service_monitor(box, "witness", {"port": "metrics", "basicAuth": login})
    prometheus.create()
    before = prometheus.uids()

    def health() -> list[str]:
        return [target["lastError"] for target in prom.targets(prometheus.process, job)]

    prometheus.until("the target refuses the wrong password", health, lambda found: any("401" in error for error in found))
    monitors.secret(box, "login", user="user", password="right")
    prometheus.wait_up(job, seconds=20)
    prometheus.wait_live()
    assert prometheus.uids() == before


def test_secret_of_tls_is_live(prometheus: Prometheus) -> None:
    """A monitor trusts the wrong CA, until the Secret is corrected: the target is up, and nothing was restarted."""
    box = prometheus.sandbox
    right, wrong = new_authority("right"), new_authority("wrong")
    pair = right.issue("secure", hosts=["secure.test"])
    monitors.secret(box, "serving", tls__crt=pair.cert.decode(), tls__key=pair.key.decode())
    serving = {"cert": {"secret": {"name": "serving", "key": "tls.crt"}}, "keySecret": {"name": "serving", "key": "tls.key"}}
    secure, nothing = Prometheus(box, prometheus.version, "secure"), {"matchLabels": {"none": "none"}}
    secure.create(live=False, web={"tlsConfig": serving}, serviceMonitorSelector=nothing)
    monitors.secret(box, "trust", ca__crt=wrong.pair.cert.decode())
    tls = {"ca": {"secret": {"name": "trust", "key": "ca.crt"}}, "serverName": "secure.test"}
    selector = {"matchLabels": {"operated-prometheus": "true"}}
    endpoint = {"port": "web", "scheme": "https", "tlsConfig": tls}
    job = monitors.service_monitor(box, "secure", endpoint, selector=selector)
    prometheus.create()
    secure.wait_live()
    before = prometheus.uids()

    def errors() -> list[str]:
        return [target["lastError"] for target in prom.targets(prometheus.process, job)]

    prometheus.until("its certificate is not trusted", errors, lambda found: any("x509" in error for error in found))
    monitors.secret(box, "trust", ca__crt=right.pair.cert.decode())
    prometheus.wait_up(job, seconds=30)
    assert prometheus.uids() == before


@pytest.mark.ci
def test_alertmanager_config_edit_is_live(alertmanager: Alertmanager) -> None:
    """An AlertmanagerConfig is made and edited: each process has it, and both statuses say so."""
    box = alertmanager.sandbox
    alertmanager.create()
    process = alertmanager.process
    for turn in range(3):
        url = f"http://nobody.invalid/edition-{turn}"
        kind, manifest = am.webhook_config(box.namespace, "team", url, groupBy=[f"edition_{turn}"])
        timed(
            alertmanager,
            "an AlertmanagerConfig's edit",
            lambda kind=kind, manifest=manifest: box.kube.apply(kind, manifest),  # type: ignore[misc]
            lambda turn=turn: f"edition_{turn}" in am.loaded(process),  # type: ignore[misc]
        )
    assert f"{box.namespace}/team/hook" in am.receivers(process)
    alertmanager.wait_live()
    generation = box.kube.read(ALERTMANAGER_CONFIG, box.namespace, "team")["metadata"]["generation"]
    monitors.wait_status(box, ALERTMANAGER_CONFIG, "team", "its last edit is accepted", lambda s: judged(s, generation))


def test_alertmanager_secret_edit_is_live(alertmanager: Alertmanager, witness: Witness) -> None:
    """The URL of a webhook is in a Secret: an edit of the Secret changes where notifications go."""
    box = alertmanager.sandbox
    monitors.secret(box, "hook", url=f"{witness.url}/alerts/old")
    spec = {
        "route": {"receiver": "hook", "groupBy": ["alertname"], "groupWait": "1s", "groupInterval": "1s"},
        "receivers": [{"name": "hook", "webhookConfigs": [{"urlSecret": {"name": "hook", "key": "url"}}]}],
    }
    monitors.apply(box, ALERTMANAGER_CONFIG, "team", spec)
    alertmanager.create()
    process = alertmanager.process
    am.post(process, {"labels": {"alertname": "First", "namespace": box.namespace}})
    alertmanager.until("the first alert came to the old place", lambda: witness.alerts("/alerts/old"), seconds=30)
    digest = am.loaded(process)
    monitors.secret(box, "hook", url=f"{witness.url}/alerts/new")
    alertmanager.until("the process has loaded the edit", lambda: am.loaded(process) != digest, seconds=30)
    second = ("Second", "firing")
    am.post(process, {"labels": {"alertname": "Second", "namespace": box.namespace}})
    alertmanager.until("the second came to the new place", lambda: second in witness.alerts("/alerts/new"), seconds=30)
    assert second not in witness.alerts("/alerts/old")


def test_spec_edit_of_the_prometheus_is_live_without_a_restart(prometheus: Prometheus) -> None:
    """External labels and intervals are only configuration: no pod is restarted for them."""
    prometheus.create()
    before = prometheus.uids()
    prometheus.edit(externalLabels={"site": "e2e"}, evaluationInterval="7s")
    prometheus.until_all(
        "the edit is loaded",
        lambda one: (
            prom.config(one)["global"]["external_labels"].get("site") == "e2e"
            and prom.config(one)["global"]["evaluation_interval"] == "7s"
        ),
    )
    prometheus.wait_live()
    assert prometheus.uids() == before
