"""One bad object hurts only itself: each is left out and named, everything else goes live, and correcting it heals.

What admission would refuse is bad here in ways that it can't know: a Secret that is not there, a version that is older.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from e2e.support import alertmanager as am
from e2e.support import monitors
from e2e.support import prometheus as prom
from e2e.support.alertmanager import Alertmanager
from e2e.support.installation import Installation
from e2e.support.kinds import ALERTMANAGER_CONFIG, PROMETHEUS_RULE, SCRAPE_CONFIG, SERVICE_MONITOR
from e2e.support.kube import Json
from e2e.support.prometheus import Prometheus
from e2e.support.sandbox import Sandbox
from e2e.support.settings import Settings

ABSENT: Json = {
    "username": {"name": "absent", "key": "user"},
    "password": {"name": "absent", "key": "password"},
}
NEWER = "vector(5m) > 0"
"""An expression of Prometheus 3 that 2.53 does not parse: a duration for a number."""


@contextmanager
def others_go_live(prometheus: Prometheus, name: str) -> Iterator[None]:
    """Around something bad: what is made after it is live in the process, and nothing was restarted."""
    before = prometheus.uids()
    yield
    monitors.rule(
        prometheus.sandbox, f"{name}-other", **{f"{name}_other": [{"record": "other:a", "expr": f"vector(1) # {name}"}]}
    )
    job = monitors.service_monitor(prometheus.sandbox, f"{name}-other", {"port": "x"}, app="other")
    prometheus.wait_job(job)
    prometheus.until_all("the other rule runs", lambda one: f"{name}_other" in prom.groups(one))
    prometheus.wait_condition("ConfigLive", "True")
    assert prometheus.uids() == before


def rejected(box: Sandbox, kind: object, name: str, path: str, *words: str) -> Json:
    """Until the object's own status names the path and says the words; the binding."""

    def entry(found: Json) -> Json | None:
        for binding in monitors.bindings(box, found).values():
            for one in binding.get("rejected") or []:
                if one["path"].startswith(path) and all(word in one["message"] for word in words):
                    return dict(binding)
        return None

    found = monitors.wait_status(box, kind, name, f"{path} is rejected with {words}", entry)  # type: ignore[arg-type]
    binding = entry(found)
    assert binding is not None
    return binding


@pytest.mark.ci
def test_endpoint_with_a_missing_secret(prometheus: Prometheus) -> None:
    """The endpoint beside it in the same ServiceMonitor goes live; the Secret's arrival heals."""
    box = prometheus.sandbox
    prometheus.create()
    with others_go_live(prometheus, "endpoint"):
        first = monitors.service_monitor(box, "partly", {"port": "good"}, {"port": "bad", "basicAuth": ABSENT})
        prometheus.wait_job(first)
        binding = rejected(box, SERVICE_MONITOR, "partly", "spec.endpoints[1]", "absent", box.namespace)
        assert binding["jobs"] == [first]
        prometheus.wait_quarantined("spec.endpoints[1]", "absent")
    second = first.removesuffix("0") + "1"
    assert second not in prom.jobs(prometheus.process)
    events = [event for event in box.kube.events(box.namespace, "partly") if event["reason"] == "InvalidConfiguration"]
    assert events, "no Event on the ServiceMonitor"
    monitors.secret(box, "absent", user="u", password="p")
    prometheus.wait_job(second)
    prometheus.until("nothing is quarantined", lambda: not prometheus.quarantined())


@pytest.mark.ci
def test_rule_group_that_this_version_can_not_parse(prometheus: Prometheus, settings: Settings) -> None:
    """The good group of the same PrometheusRule runs; the bad one is named; an edit heals."""
    box = prometheus.sandbox
    prometheus.create(version=settings.prometheus[0])
    good = [{"record": "good:a", "expr": "vector(1)"}]
    with others_go_live(prometheus, "rules"):
        monitors.rule(box, "mixed", good=good, bad=[monitors.alert("Dotted", NEWER)])
        prometheus.until_all("the good group runs", lambda one: "good" in prom.groups(one))
        rejected(box, PROMETHEUS_RULE, "mixed", "spec.groups[1]", "Dotted")
        prometheus.wait_quarantined("spec.groups[1]", "Dotted")
    assert "bad" not in prom.groups(prometheus.process)
    monitors.rule(box, "mixed", good=good, bad=[monitors.alert("Dotted", "vector(1) > 0")])
    prometheus.until_all("the corrected group runs", lambda one: "bad" in prom.groups(one))
    prometheus.until("nothing is quarantined", lambda: not prometheus.quarantined())


def test_remote_write_with_a_missing_secret(prometheus: Prometheus) -> None:
    """The other destination and all monitors go live; the Secret's arrival adds it."""
    box = prometheus.sandbox
    good, bad = "http://good.invalid/write", "http://bad.invalid/write"
    prometheus.create()
    with others_go_live(prometheus, "write"):
        prometheus.edit(remoteWrite=[{"url": good}, {"url": bad, "basicAuth": ABSENT}])
        prometheus.until_all("the good destination is loaded", lambda one: destinations(prom.config(one)) == [good])
        prometheus.wait_quarantined("spec.remoteWrite[1]", "absent")
    monitors.secret(box, "absent", user="u", password="p")
    prometheus.until_all("both destinations are loaded", lambda one: destinations(prom.config(one)) == [good, bad])


def destinations(config: Json) -> list[str]:
    """Where samples are written to."""
    return [one["url"] for one in config.get("remote_write") or []]


def test_additional_scrape_configs(prometheus: Prometheus) -> None:
    """Missing, then with one bad job, then unparsable: each time all the rest goes live, and the good jobs of it too."""
    box = prometheus.sandbox
    prometheus.create(additionalScrapeConfigs={"name": "more", "key": "jobs.yaml"})
    prometheus.wait_quarantined("spec.additionalScrapeConfigs", "more")
    with others_go_live(prometheus, "missing"):
        pass
    good = "- job_name: additional\n  static_configs:\n  - targets: [localhost:9090]\n"
    with others_go_live(prometheus, "spoilt"):
        monitors.secret(box, "more", jobs__yaml=good + "- job_name: spoilt\n  scrape_interval: never\n")
        prometheus.wait_job("additional")
        prometheus.wait_quarantined("spec.additionalScrapeConfigs", "never")
    prometheus.wait_up("additional")
    assert "spoilt" not in prom.jobs(prometheus.process)
    with others_go_live(prometheus, "garbage"):
        monitors.secret(box, "more", jobs__yaml="- job_name: [\n")
        prometheus.until("the job is gone", lambda: "additional" not in prom.jobs(prometheus.process))
        prometheus.wait_quarantined("spec.additionalScrapeConfigs", "YAML")
    monitors.secret(box, "more", jobs__yaml=good)
    prometheus.wait_job("additional")
    prometheus.until("nothing is quarantined", lambda: not prometheus.quarantined())


def test_scrape_config_with_a_missing_secret(prometheus: Prometheus) -> None:
    """A ScrapeConfig is one job: it is left out as a whole, alone."""
    box = prometheus.sandbox
    prometheus.create()
    spec: Json = {"staticConfigs": [{"targets": ["localhost:9090"]}], "basicAuth": ABSENT}
    with others_go_live(prometheus, "scrape"):
        monitors.apply(box, SCRAPE_CONFIG, "bad", spec)
        rejected(box, SCRAPE_CONFIG, "bad", "spec", "absent")
    monitors.secret(box, "absent", user="u", password="p")
    prometheus.wait_job(f"scrapeConfig/{box.namespace}/bad")


@pytest.mark.ci
def test_receiver_of_an_alertmanager_config(alertmanager: Alertmanager) -> None:
    """A receiver whose Secret is missing is left out with its route; the other of the same object notifies."""
    box = alertmanager.sandbox
    alertmanager.create()
    before = alertmanager.uids()
    slack = {"apiURL": {"name": "absent", "key": "url"}, "channel": "#x"}
    routes = [{"receiver": "bad", "matchers": [{"name": "team", "value": "bad", "matchType": "="}]}]
    spec = {
        "route": {"receiver": "good", "routes": routes},
        "receivers": [
            {"name": "good", "webhookConfigs": [{"url": "http://good.invalid"}]},
            {"name": "bad", "slackConfigs": [slack]},
        ],
    }
    monitors.apply(box, ALERTMANAGER_CONFIG, "team", spec)
    good, bad = (f"{box.namespace}/team/{name}" for name in ("good", "bad"))
    alertmanager.until("the good receiver is loaded", lambda: good in am.receivers(alertmanager.process))
    rejected(box, ALERTMANAGER_CONFIG, "team", "spec.receivers", "absent")
    assert bad not in am.receivers(alertmanager.process)
    kind, manifest = am.webhook_config(box.namespace, "other", "http://other.invalid")
    box.kube.apply(kind, manifest)
    other = f"{box.namespace}/other/hook"
    alertmanager.until("another AlertmanagerConfig goes live", lambda: other in am.receivers(alertmanager.process))
    monitors.secret(box, "absent", url="http://slack.invalid")
    alertmanager.until("the Secret's arrival heals", lambda: bad in am.receivers(alertmanager.process))
    assert alertmanager.uids() == before


def test_base_configuration_of_an_alertmanager_that_does_not_load(alertmanager: Alertmanager) -> None:
    """The last good one stays in use, in a new pod too, and status says what is wrong with the new one."""
    box = alertmanager.sandbox
    text = "route:\n  receiver: {name}\nreceivers:\n- name: {name}\n"
    monitors.secret(box, "alertmanager-main", alertmanager__yaml=text.format(name="first"))
    alertmanager.create()
    alertmanager.until("it is loaded", lambda: "first" in am.receivers(alertmanager.process))
    monitors.secret(box, "alertmanager-main", alertmanager__yaml="route:\n  receiver: nobody\nreceivers:\n- name: second\n")
    alertmanager.until("status says what is wrong", lambda: "nobody" in str(alertmanager.status()))
    assert am.receivers(alertmanager.process) == {"first"}
    alertmanager.delete_pod("alertmanager-main-0")
    assert am.receivers(alertmanager.process) == {"first"}
    monitors.secret(box, "alertmanager-main", alertmanager__yaml=text.format(name="third"))
    alertmanager.until("the corrected one is loaded", lambda: am.receivers(alertmanager.process) == {"third"})


def spoil_everything(prometheus: Prometheus) -> set[str]:
    """One of each that is bad beside one of each that is good; the jobs that must run."""
    box = prometheus.sandbox
    good = monitors.service_monitor(box, "good", {"port": "good"})
    partly = monitors.service_monitor(box, "partly", {"port": "good"}, {"port": "bad", "basicAuth": ABSENT})
    monitors.rule(box, "mixed", good=[{"record": "good:a", "expr": "vector(1)"}], bad=[monitors.alert("Dotted", NEWER)])
    jobs = "- job_name: additional\n  static_configs:\n  - targets: [localhost:9090]\n- job_name: spoilt\n  nonsense: true\n"
    monitors.secret(box, "more", jobs__yaml=jobs)
    return {good, partly, "additional"}


def runs(prometheus: Prometheus, wanted: set[str]) -> bool:
    """Whether the process runs exactly the good."""
    process = prometheus.process
    return set(prom.jobs(process)) == wanted and set(prom.groups(process)) == {"good"} and not destinations(prom.config(process))


@pytest.mark.serial
def test_last_good_survives_restarts_of_pod_and_operator(
    prometheus: Prometheus, restored_operators: dict[str, Installation], settings: Settings
) -> None:
    """With every kind of fault at once: the pod, then the operator, then the pod without an operator are replaced."""
    write = [{"url": "http://bad.invalid/write", "basicAuth": ABSENT}]
    wanted = spoil_everything(prometheus)
    more = {"name": "more", "key": "jobs.yaml"}
    prometheus.create(version=settings.prometheus[0], remoteWrite=write, additionalScrapeConfigs=more)
    prometheus.until("the good goes live", lambda: runs(prometheus, wanted))
    assert len(prometheus.quarantined()) == 4
    prometheus.delete_pod("prometheus-main-0")
    prometheus.until("it is the same in a new pod", lambda: runs(prometheus, wanted))
    operator, before = restored_operators["prometheus"], prometheus.uids()
    operator.stop()
    operator.start()
    prometheus.wait_live()
    assert runs(prometheus, wanted)
    assert prometheus.uids() == before
    operator.stop()
    prometheus.delete_pod("prometheus-main-0", grace=0)
    prometheus.until("it is the same in a new pod without an operator", lambda: runs(prometheus, wanted))
