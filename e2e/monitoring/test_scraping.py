"""What Prometheus really scrapes and evaluates: targets up, with the labels that dashboards and rules rely on."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest

from e2e.support import monitors
from e2e.support import prometheus as prom
from e2e.support.kinds import PROBE, SCRAPE_CONFIG, SERVICE_MONITOR
from e2e.support.kube import Json
from e2e.support.prometheus import Prometheus
from e2e.support.witness import PORT, Witness, basic

StartWitness = Callable[..., Witness]


def series(prometheus: Prometheus, selector: str) -> Json:
    """The labels of the only series of a selector, once it is there."""
    found = prometheus.until(f"{selector} has a sample", lambda: prom.query(prometheus.process, selector))
    assert len(found) == 1, found
    return {name: value for name, value in found[0]["metric"].items() if name != "__name__"}


@pytest.mark.ci
def test_labels_of_service_monitor_pod_monitor_probe_and_scrape_config(prometheus: Prometheus, witness: Witness) -> None:
    """One target each, up, with exactly the labels that prometheus-operator gives it."""
    box = prometheus.sandbox
    namespace, address = box.namespace, witness.address
    prober = {"url": f"witness.{namespace}.svc:{PORT}", "path": "/metrics"}
    monitors.service_monitor(box, "by-service")
    monitors.pod_monitor(box, "by-pod")
    static = {"staticConfig": {"static": ["example.invalid"]}}
    monitors.apply(box, PROBE, "by-probe", {"prober": prober, "module": "x", "targets": static})
    host = f"witness.{namespace}.svc:{PORT}"
    monitors.apply(box, SCRAPE_CONFIG, "by-address", {"staticConfigs": [{"targets": [host], "labels": {"site": "e2e"}}]})
    prometheus.create()
    where = {"namespace": namespace, "pod": "witness", "container": "witness", "endpoint": "metrics"}
    service, pod = f"serviceMonitor/{namespace}/by-service/0", f"podMonitor/{namespace}/by-pod/0"
    probe, address_job = f"probe/{namespace}/by-probe", f"scrapeConfig/{namespace}/by-address"
    wanted = {
        service: {**where, "job": "witness", "service": "witness", "instance": address},
        pod: {**where, "job": f"{namespace}/by-pod", "instance": address},
        probe: {"job": probe, "namespace": namespace, "instance": "example.invalid"},
        address_job: {"job": address_job, "site": "e2e", "instance": host},
    }
    for pool in wanted:
        prometheus.wait_up(pool)
    assert {target["scrapePool"]: target["labels"] for target in prom.targets(prometheus.process)} == wanted
    witness.tell(witness_level=42)
    prometheus.until(
        "what the witness tells is stored under each",
        lambda: {(one["metric"]["job"], one["value"][1]) for one in prom.query(prometheus.process, "witness_level")},
        lambda seen: seen == {(labels["job"], "42") for labels in wanted.values()},
    )


def test_job_label_target_labels_and_relabelings(prometheus: Prometheus, start_witness: StartWitness) -> None:
    """jobLabel, targetLabels, podTargetLabels, relabelings and metricRelabelings, from the Service and pod to the sample."""
    box = prometheus.sandbox
    witness = start_witness(labels={"app.kubernetes.io/component": "api", "tier": "gold"})
    witness.tell(witness_kept=1, witness_dropped=2)
    endpoint = {
        "port": "metrics",
        "relabelings": [{"targetLabel": "site", "replacement": "e2e"}],
        "metricRelabelings": [{"action": "drop", "sourceLabels": ["__name__"], "regex": "witness_dropped"}],
    }
    job = monitors.service_monitor(
        box, "m", endpoint, jobLabel="app.kubernetes.io/component", targetLabels=["tier"], podTargetLabels=["app"]
    )
    prometheus.create()
    prometheus.wait_up(job)
    labels = series(prometheus, "witness_kept")
    assert {name: labels[name] for name in ("job", "tier", "app", "site")} == {
        "job": "api", "tier": "gold", "app": "witness", "site": "e2e",
    }  # fmt: skip
    assert not prom.query(prometheus.process, "witness_dropped")
    assert prom.query(prometheus.process, "witness_kept")


def test_logins_reach_the_target(prometheus: Prometheus, start_witness: StartWitness) -> None:
    """basicAuth and a bearer token from Secrets, on two endpoints of one monitor."""
    box = prometheus.sandbox
    start_witness("by-basic", basic("user", "word"))
    start_witness("by-token", "Bearer token-1")
    monitors.secret(box, "login", user="user", password="word", token="token-1")

    def key(name: str) -> Json:
        return {"name": "login", "key": name}

    basic_auth = {"port": "metrics", "basicAuth": {"username": key("user"), "password": key("password")}}
    token = {"port": "metrics", "authorization": {"type": "Bearer", "credentials": key("token")}}
    first = monitors.service_monitor(box, "basic", basic_auth, app="by-basic")
    second = monitors.service_monitor(box, "token", token, app="by-token")
    prometheus.create()
    prometheus.wait_up(first)
    prometheus.wait_up(second)


def test_tenant_can_not_read_other_namespaces(prometheus: Prometheus, witness: Witness) -> None:
    """A monitor names a Secret by name alone, and a file not at all when files are denied: neither becomes a job."""
    box = prometheus.sandbox
    other = monitors.further_namespace(box, "tenant")
    monitors.secret(box, "private", token="not for tenants")
    prometheus.allow(other)
    both = {"matchExpressions": [{"key": "kubernetes.io/metadata.name", "operator": "In", "values": [box.namespace, other]}]}
    prometheus.create(live=False, serviceMonitorNamespaceSelector=both, arbitraryFSAccessThroughSMs={"deny": True})
    stolen = {"port": "metrics", "authorization": {"credentials": {"name": "private", "key": "token"}}}
    file = {"port": "metrics", "bearerTokenFile": "/var/run/secrets/kubernetes.io/serviceaccount/token"}
    seen = {"matchNames": [box.namespace]}
    job = monitors.service_monitor(box, "thief", stolen, file, {"port": "metrics"}, namespace=other, namespaceSelector=seen)
    third = job.removesuffix("0") + "2"
    prometheus.wait_live()
    prometheus.wait_up(third)
    assert {name for name in prom.jobs(prometheus.process) if "thief" in name} == {third}
    found = monitors.bindings(box, monitors.status(box, SERVICE_MONITOR, "thief", other))["main"]["rejected"]
    assert {one["path"].split(".")[1] for one in found} == {"endpoints[0]", "endpoints[1]"}
    assert "not for tenants" not in str(found)


@pytest.mark.ci
def test_rules_are_evaluated(prometheus: Prometheus, witness: Witness) -> None:
    """A recording rule stores, an alerting rule fires with the labels of its series, and stops."""
    box = prometheus.sandbox
    witness.tell(witness_level=1)
    monitors.service_monitor(box, "m")
    record = {"record": "namespace:witness_level:sum", "expr": "sum by (namespace) (witness_level)"}
    monitors.rule(box, "rules", recorded=[record], alerts=[monitors.alert("High", "witness_level > 10", severity="page")])
    prometheus.create()
    assert series(prometheus, record["record"]) == {"namespace": box.namespace}
    witness.tell(witness_level=11)
    labels = series(prometheus, 'ALERTS{alertname="High", alertstate="firing"}')
    assert (labels["severity"], labels["pod"], labels["namespace"]) == ("page", "witness", box.namespace)
    witness.tell(witness_level=1)
    prometheus.until("the alert is over", lambda: not prom.query(prometheus.process, 'ALERTS{alertstate="firing"}'))


@pytest.mark.ci
def test_old_prometheus_scrapes_and_evaluates(prometheus: Prometheus, witness: Witness) -> None:
    """The same of a Prometheus 2: what we write for it loads and works."""
    box = prometheus.sandbox
    old = Prometheus(box, "v2.53.3")
    job = monitors.service_monitor(box, "m")
    monitors.rule(box, "rules", g=[{"record": "a:b", "expr": "vector(1)"}])
    old.create()
    old.wait_up(job)
    assert series(old, "a:b") == {}
    assert old.process.json("/api/v1/status/buildinfo")["data"]["version"].startswith("2.53.3")


def counts(number: int, pods: Json) -> bool:
    """Whether there are so many."""
    return len(pods) == number


def test_shards_share_the_targets(prometheus: Prometheus, start_witness: StartWitness) -> None:
    """Three shards of one replica: each target on exactly one, none lost when there are two, then one again."""
    box = prometheus.sandbox
    names = [f"witness-{number}" for number in range(6)]
    for name in names:
        start_witness(name, labels={"all": "yes"})
    job = monitors.service_monitor(box, "m", selector={"matchLabels": {"all": "yes"}})
    prometheus.create(shards=3)

    def placed() -> list[list[str]]:
        ups = [[one for one in prom.targets(process, job) if one["health"] == "up"] for process in prometheus.processes()]
        return [[target["labels"]["pod"] for target in some] for some in ups]

    def once_each(found: list[list[str]]) -> bool:
        return sorted(name for some in found for name in some) == names

    for shards in (3, 2, 1):
        prometheus.edit(shards=shards)
        prometheus.until(f"there are {shards} pods", prometheus.pods, partial(counts, shards), 120)
        found = prometheus.until(f"{shards} shards have all targets once", placed, once_each, 60)
        box.note(f"targets on {shards} shards: {[len(some) for some in found]}")
    prometheus.wait_live()
    assert [one["metadata"]["name"] for one in prometheus.stateful_sets()] == ["prometheus-main"]
