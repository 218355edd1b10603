"""Status answers "why is it not scraped?": who selects it or which label differs, what it matches, what is ignored."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from e2e.support import alertmanager as am
from e2e.support import monitors
from e2e.support.alertmanager import Alertmanager
from e2e.support.kinds import ALERTMANAGER_CONFIG, POD_MONITOR, PROMETHEUS_RULE, SERVICE_MONITOR
from e2e.support.kube import Json
from e2e.support.prometheus import EVERYTHING, Prometheus
from e2e.support.sandbox import Sandbox
from e2e.support.settings import Settings
from e2e.support.witness import Witness

TEAM: Json = {"matchLabels": {"team": "a"}}


def selected_by(box: Sandbox, name: str) -> Callable[[Json], bool]:
    """Whether a Prometheus or Alertmanager of this name has taken it."""
    return lambda found: name in monitors.bindings(box, found)


def saying(*words: str) -> Callable[[Json], bool]:
    """Whether it says all the words."""
    return lambda found: monitors.says(found, *words)


@pytest.mark.ci
def test_label_that_differs_is_named(prometheus: Prometheus, nobody_takes_all: None) -> None:
    """Not selected: the selector's field, the label, and what it is instead; a corrected label is taken at once."""
    box = prometheus.sandbox
    prometheus.create(serviceMonitorSelector=TEAM, ruleSelector=TEAM)
    monitors.service_monitor(box, "none")
    monitors.service_monitor(box, "wrong", labels={"team": "b"})
    monitors.rule(box, "rules", g=[{"record": "a:b", "expr": "vector(1)"}])
    words = ("spec.serviceMonitorSelector", "label team must be 'a'", f"{box.namespace}/main")
    monitors.wait_status(box, SERVICE_MONITOR, "none", "says why", saying(*words, "it is missing"))
    wrong = monitors.wait_status(box, SERVICE_MONITOR, "wrong", "says why", saying(*words, "it is 'b'"))
    assert not wrong.get("bindings")
    assert any("'b'" in one for one in wrong["selection"])
    monitors.wait_status(box, PROMETHEUS_RULE, "rules", "says why", saying("spec.ruleSelector", "label team must be 'a'"))
    monitors.service_monitor(box, "wrong", labels={"team": "a"})
    monitors.wait_status(box, SERVICE_MONITOR, "wrong", "is taken", selected_by(box, "main"))


def test_selector_that_is_not_set_is_named(prometheus: Prometheus, nobody_takes_all: None) -> None:
    """Without a selector nothing is selected: the status says so, and the remedy."""
    box = prometheus.sandbox
    prometheus.create(serviceMonitorSelector=None)
    monitors.service_monitor(box, "m")
    monitors.wait_status(box, SERVICE_MONITOR, "m", "says why", saying("spec.serviceMonitorSelector is not set", "{}"))


def test_namespace_that_differs_is_named(prometheus: Prometheus, nobody_takes_all: None) -> None:
    """In another namespace: without a selector of namespaces, and with one that does not match."""
    box = prometheus.sandbox
    other = monitors.further_namespace(box, "other", tenant="b")
    prometheus.create()
    monitors.service_monitor(box, "m", namespace=other)
    says = saying("spec.serviceMonitorNamespaceSelector is not set", box.namespace)
    monitors.wait_status(box, SERVICE_MONITOR, "m", "says why", says, namespace=other)
    prometheus.edit(serviceMonitorNamespaceSelector={"matchLabels": {"tenant": "a"}})
    says = saying("spec.serviceMonitorNamespaceSelector does not match", "label tenant must be 'a', it is 'b'")
    monitors.wait_status(box, SERVICE_MONITOR, "m", "says why", says, namespace=other)
    prometheus.edit(serviceMonitorNamespaceSelector={"matchLabels": {"tenant": "b"}})
    monitors.wait_status(box, SERVICE_MONITOR, "m", "is taken", selected_by(box, "main"), namespace=other)


@pytest.mark.ci
def test_targets_are_counted_or_it_is_said_what_does_not_match(prometheus: Prometheus, witness: Witness) -> None:
    """A good one counts its targets; a wrong label or port is said with the nearest Service, and the ports that exist."""
    box = prometheus.sandbox
    prometheus.create()
    monitors.service_monitor(box, "good")
    monitors.service_monitor(box, "label", app="witnes")
    monitors.service_monitor(box, "port", {"port": "metric"})
    monitors.pod_monitor(box, "pods", app="witnes")

    def up(found: Json) -> bool:
        return selected_by(box, "main")(found) and monitors.bindings(box, found)["main"].get("targets") == {"active": 1, "up": 1}

    monitors.wait_status(box, SERVICE_MONITOR, "good", "one target is up", up, seconds=90)
    says = saying("no Service", "spec.selector", "label app must be 'witnes', it is 'witness'")
    monitors.wait_status(box, SERVICE_MONITOR, "label", "says why", says, seconds=90)
    says = saying("none has a port named metric", "there is metrics")
    monitors.wait_status(box, SERVICE_MONITOR, "port", "says why", says, seconds=90)
    monitors.wait_status(box, POD_MONITOR, "pods", "says why", saying("no Pod", "label app must be 'witnes'"), seconds=90)


def test_what_the_version_ignores_is_said(prometheus: Prometheus, settings: Settings) -> None:
    """A field that an old Prometheus does not know, and one that nobody knows: both are kept and named."""
    box = prometheus.sandbox
    prometheus.create(version=settings.prometheus[0])
    monitors.service_monitor(box, "new", fallbackScrapeProtocol="PrometheusText0.0.4", spelling="mistake")

    def ignored(*words: str) -> Callable[[Json], Any]:
        return lambda found: all(
            any(word in said for said in monitors.bindings(box, found).get("main", {}).get("ignored") or []) for word in words
        )

    found = monitors.wait_status(box, SERVICE_MONITOR, "new", "both are named", ignored("fallbackScrapeProtocol", "spelling"))
    assert any("3.0" in said for said in monitors.bindings(box, found)["main"]["ignored"])
    assert box.kube.read(SERVICE_MONITOR, box.namespace, "new")["spec"]["spelling"] == "mistake"


def test_every_prometheus_that_takes_it_is_listed(prometheus: Prometheus) -> None:
    """Two take it, a third does not: two bindings; when one goes, its binding goes."""
    box = prometheus.sandbox
    second = Prometheus(box, prometheus.version, "second")
    third = Prometheus(box, prometheus.version, "third")
    prometheus.create(live=False)
    second.create(live=False)
    third.create(live=False, **dict.fromkeys(EVERYTHING))
    monitors.service_monitor(box, "m")
    both = {"main", "second"}
    monitors.wait_status(box, SERVICE_MONITOR, "m", "two bindings", lambda found: set(monitors.bindings(box, found)) == both)
    box.kube.delete(prometheus.KIND, box.namespace, "second")
    monitors.wait_status(box, SERVICE_MONITOR, "m", "one binding", lambda found: set(monitors.bindings(box, found)) == {"main"})


@pytest.mark.ci
def test_alertmanager_config_that_nobody_takes(alertmanager: Alertmanager, nobody_takes_all: None) -> None:
    """Which label differs; a corrected label is taken."""
    box = alertmanager.sandbox
    alertmanager.create(alertmanagerConfigSelector=TEAM)
    kind, manifest = am.webhook_config(box.namespace, "team", "http://nobody.invalid")
    box.kube.apply(kind, manifest)
    words = ("spec.alertmanagerConfigSelector", "label team must be 'a'", "it is missing")
    monitors.wait_status(box, ALERTMANAGER_CONFIG, "team", "says why", saying(*words))
    manifest["metadata"]["labels"] = {"team": "a"}
    box.kube.apply(kind, manifest)
    monitors.wait_status(box, ALERTMANAGER_CONFIG, "team", "is taken", selected_by(box, "main"))
