"""What kubectl shows: mistakes are refused with their field, what has no effect is warned about, and it fails open."""

from __future__ import annotations

import copy
from dataclasses import dataclass, field

import pytest

from e2e.support import alertmanager as am
from e2e.support import monitors
from e2e.support import prometheus as prom
from e2e.support.alertmanager import Alertmanager
from e2e.support.installation import Installation
from e2e.support.kinds import (
    ALERTMANAGER_CONFIG,
    POD_MONITOR,
    PROBE,
    PROMETHEUS,
    PROMETHEUS_RULE,
    SCRAPE_CONFIG,
    SERVICE_MONITOR,
    Kind,
)
from e2e.support.kube import Json
from e2e.support.kubectl import Kubectl
from e2e.support.prometheus import Prometheus
from e2e.support.sandbox import Sandbox
from e2e.support.wait import until


@dataclass(frozen=True)
class Mistake:
    """A spec that must be refused with all the words; `good` is what makes it right."""

    kind: Kind
    bad: Json
    good: Json
    words: tuple[str, ...] = field(default=())


def rules(expression: str) -> Json:
    """Two groups, the second with the expression."""
    first = {"name": "fine", "rules": [{"record": "a:b", "expr": "vector(1)"}]}
    return {"groups": [first, {"name": "second", "rules": [{"alert": "A", "expr": expression}]}]}


def endpoints(key: str, **endpoint: object) -> Json:
    """One endpoint of a monitor."""
    return {"selector": {}, key: [{"port": "web", **endpoint}]}


RELABEL = {"action": "replace", "sourceLabels": ["a"], "targetLabel": "b"}
MISTAKES = {
    "PromQL": Mistake(PROMETHEUS_RULE, rules("sum(up"), rules("sum(up)"), ("spec.groups[1]", "A", "unclosed left parenthesis")),
    "regex": Mistake(
        SERVICE_MONITOR,
        endpoints("endpoints", relabelings=[{**RELABEL, "regex": "("}]),
        endpoints("endpoints", relabelings=[{**RELABEL, "regex": "(.*)"}]),
        ("spec.endpoints[0].relabelings[0]",),
    ),
    "timeout": Mistake(
        POD_MONITOR,
        endpoints("podMetricsEndpoints", interval="10s", scrapeTimeout="20s"),
        endpoints("podMetricsEndpoints", interval="20s", scrapeTimeout="10s"),
        ("spec.podMetricsEndpoints[0]", "20s", "10s"),
    ),
    "probe": Mistake(
        PROBE,
        {"prober": {"url": "http://with.scheme/"}, "targets": {"staticConfig": {"static": ["x"]}}},
        {"prober": {"url": "without.scheme"}, "targets": {"staticConfig": {"static": ["x"]}}},
        ("spec.prober.url",),
    ),
    "scrape": Mistake(
        SCRAPE_CONFIG,
        {"staticConfigs": [{"targets": ["x:1"]}], "metricRelabelings": [{"action": "hashmod", "targetLabel": "b"}]},
        {"staticConfigs": [{"targets": ["x:1"]}]},
        ("spec.metricRelabelings[0]",),
    ),
    "version": Mistake(
        PROMETHEUS, {"version": "newest", "replicas": 0}, {"version": "v3.13.2", "replicas": 0}, ("spec.version",)
    ),
}


@pytest.mark.ci
@pytest.mark.parametrize("name", MISTAKES)
def test_mistake_is_refused_with_its_field(name: str, prometheus: Prometheus, kubectl_program: Kubectl) -> None:
    """`kubectl apply` fails with field and reason; corrected it is taken."""
    mistake = MISTAKES[name]
    box = prometheus.sandbox
    metadata = {"name": "mistake", "namespace": box.namespace}
    refused = kubectl_program.apply(mistake.kind, {"metadata": metadata, "spec": mistake.bad})
    assert refused.code != 0, refused.out
    missing = [word for word in mistake.words if word not in refused.err]
    assert not missing, f"{refused.err} does not say {missing}"
    taken = kubectl_program.apply(mistake.kind, {"metadata": metadata, "spec": mistake.good})
    assert taken.code == 0, taken.err
    assert "Warning" not in taken.err


@pytest.mark.ci
def test_alertmanager_config_with_an_unknown_receiver_is_refused(alertmanager: Alertmanager, kubectl_program: Kubectl) -> None:
    """The route's field and the receiver that is missing are named."""
    kind, manifest = am.webhook_config(alertmanager.sandbox.namespace, "mistake", "http://x.invalid")
    bad = copy.deepcopy(manifest)
    bad["spec"]["route"]["receiver"] = "nobody"
    refused = kubectl_program.apply(kind, bad)
    assert refused.code != 0
    assert "spec.route" in refused.err
    assert "nobody" in refused.err
    assert kubectl_program.apply(kind, manifest).code == 0


@pytest.mark.ci
def test_what_has_no_effect_is_warned_about(prometheus: Prometheus, kubectl_program: Kubectl) -> None:
    """A misspelt field, and one that the asked-for version does not know: kubectl prints warnings, the object is taken."""
    metadata = {"name": "odd", "namespace": prometheus.sandbox.namespace}
    spec = {"selector": {}, "endpoints": [{"port": "web", "scrapeTimout": "1s"}]}
    done = kubectl_program.apply(SERVICE_MONITOR, {"metadata": metadata, "spec": spec})
    assert done.code == 0, done.err
    assert "Warning" in done.err
    assert "spec.endpoints[0].scrapeTimout" in done.err
    old = {"version": "v2.53.3", "replicas": 0, "nameEscapingScheme": "Dots"}
    done = kubectl_program.apply(PROMETHEUS, {"metadata": metadata, "spec": old})
    assert done.code == 0, done.err
    assert "Warning" in done.err
    assert "spec.nameEscapingScheme" in done.err


def test_object_of_another_version_is_judged_too(alertmanager: Alertmanager, kubectl_program: Kubectl) -> None:
    """AlertmanagerConfig v1beta1, where the cluster serves it."""
    newer = Kind(ALERTMANAGER_CONFIG.group, "v1beta1", ALERTMANAGER_CONFIG.kind, ALERTMANAGER_CONFIG.plural)
    _, manifest = am.webhook_config(alertmanager.sandbox.namespace, "mistake", "http://x.invalid")
    manifest["spec"]["route"]["receiver"] = "nobody"
    refused = kubectl_program.apply(newer, manifest)
    assert refused.code != 0
    assert "nobody" in refused.err


def settled(box: Sandbox, program: Kubectl) -> None:
    """Until a returned operator reviews again."""
    manifest = {"metadata": {"name": "canary", "namespace": box.namespace}, "spec": rules("sum(")}
    until(
        "reviews are answered again",
        lambda: program.apply(PROMETHEUS_RULE, manifest, "--dry-run=server").code,
        deadline=box.seconds(60),
        every=1,
    )


@pytest.mark.ci
@pytest.mark.serial
def test_fails_open_while_the_operator_is_away_and_nothing_breaks(
    prometheus: Prometheus, kubectl_program: Kubectl, restored_operators: dict[str, Installation]
) -> None:
    """A bad rule is taken while nobody reviews: its good group runs all the same, it may be edited, not made worse."""
    box = prometheus.sandbox
    prometheus.create()
    operator, before = restored_operators["prometheus"], prometheus.uids()
    operator.stop()
    metadata = {"name": "bad", "namespace": box.namespace}
    taken = kubectl_program.apply(PROMETHEUS_RULE, {"metadata": metadata, "spec": rules("sum(up")})
    assert taken.code == 0, taken.err
    operator.start()
    prometheus.until_all("the good group runs", lambda one: set(prom.groups(one)) == {"fine"})
    prometheus.wait_quarantined("spec.groups[1]", "unclosed left parenthesis")
    monitors.wait_status(
        box, PROMETHEUS_RULE, "bad", "says what is wrong", lambda s: monitors.says(s, "spec.groups[1]", "unclosed")
    )
    settled(box, kubectl_program)
    spec = rules("sum(up")
    spec["groups"][0]["interval"] = "7s"
    edited = kubectl_program.apply(PROMETHEUS_RULE, {"metadata": metadata, "spec": spec})
    assert edited.code == 0, edited.err
    assert "Warning" in edited.err
    spec["groups"][0]["rules"][0]["expr"] = "vector("
    worse = kubectl_program.apply(PROMETHEUS_RULE, {"metadata": metadata, "spec": spec})
    assert worse.code != 0
    assert "spec.groups[0]" in worse.err
    assert prometheus.uids() == before
