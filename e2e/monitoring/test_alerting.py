"""From a series to a person: alerts reach a webhook through Alertmanager, once, whoever of three dies."""

from __future__ import annotations

import time
from collections import Counter

import pytest

from e2e.support import alertmanager as am
from e2e.support import monitors
from e2e.support.alertmanager import Alertmanager
from e2e.support.errors import ApiError, Unreachable
from e2e.support.kinds import PDB, POD, SERVICE
from e2e.support.kube import Json
from e2e.support.process import Process
from e2e.support.prometheus import Prometheus
from e2e.support.sandbox import Sandbox
from e2e.support.wait import never
from e2e.support.witness import Witness


def notify(box: Sandbox, witness: Witness, **route: object) -> None:
    """All alerts of the namespace go to the witness."""
    kind, manifest = am.webhook_config(box.namespace, "team", f"{witness.url}/alerts/team", **route)
    box.kube.apply(kind, manifest)


def wait_notified(alertmanager: Alertmanager, witness: Witness, name: str, status: str = "firing", seconds: float = 60) -> None:
    """Until the witness has it."""
    what = f"{name} was notified as {status}"
    alertmanager.until(what, witness.alerts, lambda found: (name, status) in found, seconds)


@pytest.mark.ci
def test_alert_reaches_the_webhook_and_is_resolved(prometheus: Prometheus, alertmanager: Alertmanager, witness: Witness) -> None:
    """A Prometheus finds the Alertmanager by its name; firing and resolved come once each, with all labels."""
    box = prometheus.sandbox
    witness.tell(witness_level=1)
    notify(box, witness)
    monitors.service_monitor(box, "m")
    monitors.rule(box, "rules", alerts=[monitors.alert("High", "witness_level > 10", severity="page")])
    alertmanager.create()
    prometheus.create(alerting={"alertmanagers": [{"name": "alertmanager-operated", "namespace": box.namespace, "port": "web"}]})
    prometheus.until(
        "the Alertmanager is found",
        lambda: len(prometheus.process.json("/api/v1/alertmanagers")["data"]["activeAlertmanagers"]),
        lambda count: count == 1,
    )
    witness.tell(witness_level=11)
    wait_notified(alertmanager, witness, "High")
    witness.tell(witness_level=1)
    wait_notified(alertmanager, witness, "High", "resolved", seconds=120)
    (labels,) = {tuple(sorted(alert["labels"].items())) for one in witness.received() for alert in one["body"]["alerts"]}
    found = dict(labels)
    assert (found["severity"], found["pod"], found["prometheus"]) == ("page", "witness", f"{box.namespace}/main")
    assert "prometheus_replica" not in found
    assert witness.alerts() == [("High", "firing"), ("High", "resolved")]


def test_other_namespaces_alerts_are_not_sent_here(alertmanager: Alertmanager, witness: Witness) -> None:
    """An AlertmanagerConfig gets the alerts of its own namespace, and no others."""
    box = alertmanager.sandbox
    notify(box, witness)
    alertmanager.create()
    alertmanager.until("it is loaded", lambda: f"{box.namespace}/team/hook" in am.receivers(alertmanager.process))
    process = alertmanager.process
    am.post(process, {"labels": {"alertname": "Foreign", "namespace": "elsewhere"}})
    am.post(process, {"labels": {"alertname": "Own", "namespace": box.namespace}})
    wait_notified(alertmanager, witness, "Own")
    never("a foreign alert arrives", witness.alerts, lambda found: any(name == "Foreign" for name, _ in found), during=5)


def everywhere(alertmanager: Alertmanager, *alerts: Json) -> None:
    """Send alerts to every process, as a Prometheus does."""
    for process in alertmanager.processes():
        am.post(process, *alerts)


@pytest.mark.ci
def test_one_of_three_is_killed_and_every_alert_is_notified_once(alertmanager: Alertmanager, witness: Witness) -> None:
    """`replicas: 3` is a cluster with no further word: nothing lost and nothing twice, before, while and after."""
    box = alertmanager.sandbox
    notify(box, witness, groupBy=["..."])
    alertmanager.create(replicas=3)
    alertmanager.wait_cluster(3)
    alertmanager.until(
        "all have the route",
        lambda: [f"{box.namespace}/team/hook" in am.receivers(process) for process in alertmanager.processes()],
        lambda found: found == [True] * 3,
    )
    names = [f"Alert{number}" for number in range(9)]

    def fire(some: list[str]) -> None:
        everywhere(alertmanager, *({"labels": {"alertname": name, "namespace": box.namespace}} for name in some))
        for name in some:
            wait_notified(alertmanager, witness, name)

    fire(names[:3])
    before = box.kube.read(POD, box.namespace, "alertmanager-main-0")["metadata"]["uid"]
    # The first is the one that notifies while it lives; the others wait for it.
    box.kube.delete(POD, box.namespace, "alertmanager-main-0", grace=0)
    killed = time.monotonic()
    fire(names[3:6])
    box.note(f"alerts while one of three is away: notified {time.monotonic() - killed:.1f} s after it was killed")
    alertmanager.until("there is a new pod", lambda: alertmanager.uids().get("alertmanager-main-0", (before,))[0] != before)
    alertmanager.wait_cluster(3, seconds=120)
    fire(names[6:])
    never(
        "an alert is notified twice", lambda: Counter(witness.alerts()), lambda found: max(found.values()) > 1, during=20, every=1
    )
    assert Counter(witness.alerts()) == {(name, "firing"): 1 for name in names}


def test_silence_set_on_one_is_on_all_and_outlives_their_restart(alertmanager: Alertmanager, witness: Witness) -> None:
    """By gossip; a member that starts anew has it from the others."""
    box = alertmanager.sandbox
    notify(box, witness)
    alertmanager.create(replicas=3)
    alertmanager.wait_cluster(3)
    number = am.silence(alertmanager.process, alertname="Quiet")

    def known() -> list[bool]:
        return [number in am.silences(process) for process in alertmanager.processes()]

    alertmanager.until("all three know it", known, lambda found: found == [True] * 3, 30)
    alertmanager.delete_pod("alertmanager-main-0", grace=0)
    alertmanager.wait_cluster(3)
    alertmanager.until("all three know it again", known, lambda found: found == [True] * 3, 60)
    alertmanager.until(
        "the route is loaded", lambda: all("team/hook" in str(am.receivers(one)) for one in alertmanager.processes())
    )
    everywhere(alertmanager, *({"labels": {"alertname": name, "namespace": box.namespace}} for name in ("Quiet", "Loud")))
    wait_notified(alertmanager, witness, "Loud")
    never("a silenced alert is notified", witness.alerts, lambda found: any(name == "Quiet" for name, _ in found), during=5)


def test_alertmanagers_are_replaced_one_at_a_time_with_nothing_lost(alertmanager: Alertmanager, witness: Witness) -> None:
    """A rolling update of three: a silence stays, and what fires meanwhile is notified once."""
    box = alertmanager.sandbox
    notify(box, witness, groupBy=["..."])
    alertmanager.create(replicas=3)
    alertmanager.wait_cluster(3)
    number = am.silence(alertmanager.process, alertname="Quiet")
    before = alertmanager.uids()
    alertmanager.edit(podMetadata={"annotations": {"e2e": "rolled"}})
    fired: list[str] = []
    away = 0
    limit = time.monotonic() + box.seconds(180)
    while set(alertmanager.uids().items()) & set(before.items()) or len(alertmanager.processes()) < 3:
        assert time.monotonic() < limit, "the pods were not replaced within 180 s"
        ready: list[Process] = alertmanager.processes()
        away = max(away, 3 - len(ready))
        name = f"Alert{len(fired)}"
        sent = [accepted(process, {"labels": {"alertname": name, "namespace": box.namespace}}) for process in ready]
        if any(sent):
            fired.append(name)
        time.sleep(1)
    alertmanager.wait_cluster(3)
    for name in fired:
        # Whoever alone has it may wait for the gossip to settle (22 s), 30 s for its peers, give up, and wait for them again.
        wait_notified(alertmanager, witness, name, seconds=150)
    assert away <= 1, f"{away} of three were away at once"
    box.note(f"{len(fired)} alerts fired while three were replaced, all notified")
    assert all(number in am.silences(process) for process in alertmanager.processes())
    assert Counter(witness.alerts()) == {(name, "firing"): 1 for name in fired}


def accepted(process: Process, alert: Json) -> bool:
    """Send an alert to a process that may be on its way out."""
    try:
        am.post(process, alert)
    except (ApiError, Unreachable):
        return False
    return True


def test_cluster_comes_with_services_and_budget(alertmanager: Alertmanager) -> None:
    """Governing and client Service, and a budget that lets one of three go."""
    box = alertmanager.sandbox
    alertmanager.create(replicas=3)
    names = {one["metadata"]["name"] for one in box.kube.all(SERVICE, box.namespace)}
    assert {"alertmanager-operated", "alertmanager-main"} <= names
    (budget,) = box.kube.all(PDB, box.namespace)
    alertmanager.until(
        "one pod may be disrupted",
        lambda: box.kube.read(PDB, box.namespace, budget["metadata"]["name"])["status"].get("disruptionsAllowed"),
        lambda count: count == 1,
    )
