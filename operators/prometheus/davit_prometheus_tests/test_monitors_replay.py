"""The relabeling of our jobs, replayed on made-up targets: what is scraped, by which shard, and with which labels."""

from __future__ import annotations

from typing import Any

import pytest
from davit.monitoring.selection import matches
from davit.monitoring.types import LabelSelector
from hypothesis import given, settings
from hypothesis import strategies as st

from davit_prometheus_tests.monitors_world import document, ours, prometheus, scope
from davit_prometheus_tests.relabel import Labels, target

Json = dict[str, Any]
KEYS = ("app", "tier", "x")
VALUES = ("a", "b", "c", "")
FEW = settings(max_examples=60, deadline=None)

labels = st.dictionaries(st.sampled_from(KEYS), st.sampled_from(VALUES), max_size=3)
expressions = st.one_of(
    st.builds(
        lambda key, how, values: {"key": key, "operator": how, "values": values},
        st.sampled_from(KEYS),
        st.sampled_from(["In", "NotIn"]),
        st.lists(st.sampled_from(VALUES), min_size=1, max_size=3, unique=True),
    ),
    st.builds(lambda key, how: {"key": key, "operator": how}, st.sampled_from(KEYS), st.sampled_from(["Exists", "DoesNotExist"])),
)
selectors = st.fixed_dictionaries({"matchLabels": labels, "matchExpressions": st.lists(expressions, max_size=2)})


def meta(kind: str, given: Labels) -> Labels:
    """Labels of an object as service discovery spells them."""
    found = {f"__meta_kubernetes_{kind}_label_{name}": value for name, value in given.items()}
    return found | {f"__meta_kubernetes_{kind}_labelpresent_{name}": "true" for name in given}


def discovered(
    address: str = "10.0.0.1:80", service: Labels | None = None, pod: Labels | None = None, more: Labels | None = None
) -> Labels:
    """A target as the role endpoints finds it."""
    return {
        "job": "serviceMonitor/default/m/0",
        "__address__": address,
        "__meta_kubernetes_namespace": "default",
        "__meta_kubernetes_service_name": "svc",
        "__meta_kubernetes_endpoint_port_name": "web",
        "__meta_kubernetes_endpoint_address_target_kind": "Pod",
        "__meta_kubernetes_endpoint_address_target_name": "pod-1",
        "__meta_kubernetes_pod_name": "pod-1",
        "__meta_kubernetes_pod_container_name": "main",
        "__meta_kubernetes_pod_container_port_name": "http",
        "__meta_kubernetes_pod_container_port_number": "8080",
        "__meta_kubernetes_pod_phase": "Running",
        **meta("service", service or {}),
        **meta("pod", pod or {}),
        **(more or {}),
    }


def steps(kind: str, spec: Json, where: Json | None = None) -> list[Json]:
    """The relabeling of the one job."""
    (job,) = ours(scope(prometheus(**(where or {}))), document(kind, "m", spec)).jobs
    found: list[Json] = job.config["relabel_configs"]
    return found


def service_steps(spec: Json | None = None, endpoint: Json | None = None, where: Json | None = None) -> list[Json]:
    return steps("ServiceMonitor", {"selector": {}, **(spec or {}), "endpoints": [{"port": "web", **(endpoint or {})}]}, where)


@FEW
@given(selectors, labels)
def test_exactly_the_services_that_match_the_selector_are_scraped(selector: Json, given: Labels) -> None:
    kept = target(service_steps({"selector": selector}), discovered(service=given)) is not None
    assert kept == matches(LabelSelector.model_validate(selector), given)


@FEW
@given(selectors, labels)
def test_exactly_the_pods_that_match_the_selector_are_scraped(selector: Json, given: Labels) -> None:
    found = steps("PodMonitor", {"selector": selector, "podMetricsEndpoints": [{"port": "http"}]})
    assert (target(found, discovered(pod=given)) is not None) == matches(LabelSelector.model_validate(selector), given)


@FEW
@given(selectors, labels)
def test_exactly_the_ingresses_that_match_the_selector_are_probed(selector: Json, given: Labels) -> None:
    found = steps("Probe", {"prober": {"url": "prober"}, "targets": {"ingress": {"selector": selector}}})
    kept = target(found, ingress(**meta("ingress", given))) is not None
    assert kept == matches(LabelSelector.model_validate(selector), given)


def ingress(**more: str) -> Labels:
    return {
        "job": "probe/default/m",
        "__address__": "example.org",
        "__meta_kubernetes_namespace": "default",
        "__meta_kubernetes_ingress_name": "front",
        "__meta_kubernetes_ingress_scheme": "https",
        "__meta_kubernetes_ingress_path": "/a",
        **more,
    }


@FEW
@given(st.integers(1, 7), st.text(min_size=1, max_size=12))
def test_each_target_is_scraped_by_exactly_one_shard(shards: int, address: str) -> None:
    found = service_steps(where={"shards": shards})
    kept = [shard for shard in range(10) if target(found, discovered(address), shard) is not None]
    assert len(kept) == 1
    assert kept[0] < shards


def test_a_target_that_asks_for_it_is_scraped_by_every_active_shard() -> None:
    everywhere = [{"targetLabel": "__tmp_disable_sharding", "replacement": "yes"}]
    found = service_steps(endpoint={"relabelings": everywhere}, where={"shards": 3})
    assert [shard for shard in range(5) if target(found, discovered(), shard) is not None] == [0, 1, 2]


def test_targets_are_spread_by_what_the_user_says() -> None:
    by_pod = [{"sourceLabels": ["__meta_kubernetes_pod_name"], "targetLabel": "__tmp_hash"}]
    found = service_steps(endpoint={"relabelings": by_pod}, where={"shards": 5})
    homes = {
        shard for port in range(20) for shard in range(5) if target(found, discovered(f"10.0.0.1:{port}"), shard) is not None
    }
    assert len(homes) == 1


ZONES = {"mode": "Topology", "topology": {"values": ["a", "b"]}}


@FEW
@given(st.integers(1, 3), st.sampled_from(["a", "b"]), st.text(min_size=1, max_size=8), st.booleans())
def test_each_target_is_scraped_by_one_shard_of_its_zone(per_zone: int, zone: str, address: str, sliced: bool) -> None:
    where = scope(prometheus(shards=2 * per_zone, shardingStrategy=ZONES), topology=True)
    (job,) = ours(where, document("ServiceMonitor", "m", {"selector": {}, "endpoints": [{"port": "web"}]})).jobs
    label = "topology_kubernetes_io_zone"
    node = {f"__meta_kubernetes_node_label_{label}": zone, f"__meta_kubernetes_node_labelpresent_{label}": "true"}
    found = discovered(address, more={"__meta_kubernetes_endpointslice_endpoint_zone": zone} if sliced else node)
    kept = [shard for shard in range(where.shards) if _in_zone(job.config["relabel_configs"], found, where, shard)]
    assert len(kept) == 1
    assert where.zone(kept[0]) == zone


def _in_zone(found: list[Json], given: Labels, where: Any, shard: int) -> bool:
    own = {"$(TOPOLOGY_ZONE)": where.zone(shard), "$(INZONE_SHARD)": str(where.inzone_shard(shard)), "$(SHARD)": str(shard)}
    placed = []
    for step in found:
        text = dict(step)
        for placeholder, value in own.items():
            text = {key: item.replace(placeholder, value) if isinstance(item, str) else item for key, item in text.items()}
        placed.append(text)
    return target(placed, given) is not None


def test_a_target_of_a_service_has_the_labels_that_dashboards_rely_on() -> None:
    assert target(service_steps(), discovered()) == {
        "job": "svc",
        "namespace": "default",
        "service": "svc",
        "pod": "pod-1",
        "container": "main",
        "endpoint": "web",
    }


def test_a_target_on_a_node_is_labelled_with_it() -> None:
    on_node = {"__meta_kubernetes_endpoint_address_target_kind": "Node", "__meta_kubernetes_endpoint_address_target_name": "n1"}
    pods = {"__meta_kubernetes_pod_name": "", "__meta_kubernetes_pod_container_name": ""}
    found = target(service_steps(), discovered(more={**on_node, **pods}))
    assert found == {"job": "svc", "namespace": "default", "service": "svc", "node": "n1", "endpoint": "web"}


@pytest.mark.parametrize(("given", "job"), [({"app": "shop"}, "shop"), ({}, "svc"), ({"app": ""}, "svc")])
def test_the_job_is_the_label_s_value_or_the_service(given: Labels, job: str) -> None:
    found = target(service_steps({"jobLabel": "app"}), discovered(service=given))
    assert found is not None
    assert found["job"] == job


@pytest.mark.parametrize(("given", "job"), [({"app": "shop"}, "shop"), ({}, "default/m")])
def test_the_job_of_pods_is_the_label_s_value_or_the_monitor(given: Labels, job: str) -> None:
    found = steps("PodMonitor", {"selector": {}, "jobLabel": "app", "podMetricsEndpoints": [{"port": "http"}]})
    assert target(found, discovered(pod=given)) == {
        "job": job,
        "namespace": "default",
        "pod": "pod-1",
        "container": "main",
        "endpoint": "http",
    }


def test_labels_of_service_and_pod_come_along_when_they_are_asked_for() -> None:
    spec = {"targetLabels": ["team.example/name"], "podTargetLabels": ["version"]}
    given = discovered(service={"team_example_name": "red"}, pod={"version": "1", "cluster": "c"})
    found = target(service_steps(spec, where={"podTargetLabels": ["cluster"]}), given)
    assert found is not None
    assert (found["team_example_name"], found["version"], found["cluster"]) == ("red", "1", "c")


@pytest.mark.parametrize(
    ("endpoint", "kept"),
    [
        ({"port": "web"}, True),
        ({"port": "other"}, False),
        ({"port": "", "targetPort": "http"}, True),
        ({"port": "", "targetPort": "web"}, False),
        ({"port": "", "targetPort": 8080}, True),
        ({"port": "", "targetPort": 80}, False),
        ({"port": "web", "targetPort": 80}, True),
        ({"port": ""}, True),
    ],
)
def test_only_the_port_that_is_asked_for_is_scraped(endpoint: Json, kept: bool) -> None:
    assert (target(service_steps(endpoint=endpoint), discovered()) is not None) == kept


@pytest.mark.parametrize("phase", ["Failed", "Succeeded"])
def test_pods_that_do_not_run_are_scraped_only_when_asked_for(phase: str) -> None:
    ended = discovered(more={"__meta_kubernetes_pod_phase": phase})
    assert target(service_steps(), ended) is None
    assert target(service_steps(endpoint={"filterRunning": False}), ended) is not None


def test_no_relabeling_of_a_tenant_gets_round_the_enforced_label() -> None:
    lie = [{"targetLabel": "tenant", "replacement": "other"}]
    where = {"enforcedNamespaceLabel": "tenant"}
    monitor = document("ServiceMonitor", "m", {"selector": {}, "endpoints": [{"relabelings": lie, "metricRelabelings": lie}]})
    (job,) = ours(scope(prometheus(**where)), monitor).jobs
    for key in ("relabel_configs", "metric_relabel_configs"):
        found = target(job.config[key], discovered())
        assert found is not None
        assert found["tenant"] == "default"


def test_the_job_s_own_name_stays_readable_for_relabelings() -> None:
    kept = [{"sourceLabels": ["__tmp_prometheus_job_name"], "targetLabel": "monitor"}]
    found = target(service_steps(endpoint={"relabelings": kept}), discovered())
    assert found is not None
    assert found["monitor"] == "serviceMonitor/default/m/0"


def test_a_static_target_is_handed_to_the_prober() -> None:
    spec = {"jobName": "outside", "prober": {"url": "prober:9115"}, "targets": {"staticConfig": {"static": ["https://a/b"]}}}
    found = steps("Probe", spec)
    given = {"job": "probe/default/m", "__address__": "https://a/b", "namespace": "default"}
    assert target(found, given) == {"job": "outside", "namespace": "default", "instance": "https://a/b"}


def test_every_path_of_an_ingress_is_handed_to_the_prober() -> None:
    found = steps("Probe", {"prober": {"url": "prober"}, "targets": {"ingress": {}}})
    assert target(found, ingress()) == {
        "job": "probe/default/m",
        "namespace": "default",
        "ingress": "front",
        "instance": "https://example.org/a",
    }


@FEW
@given(st.integers(1, 5), st.text(min_size=1, max_size=10))
def test_each_static_target_is_probed_by_exactly_one_shard(shards: int, address: str) -> None:
    spec = {"prober": {"url": "prober"}, "targets": {"staticConfig": {"static": [address]}}}
    found = steps("Probe", spec, {"shards": shards})
    given = {"job": "probe/default/m", "__address__": address}
    assert len([shard for shard in range(shards) if target(found, given, shard) is not None]) == 1
