from __future__ import annotations

import copy
import json
import re
from typing import Any

import kubernetes_validate
import pytest
from davit.apply import apply_all
from davit.kube.kinds import STATEFUL_SET
from davit.model import Key, Manifest
from davit.testing.fake_client import FakeClient
from davit.testing.restricted import violations
from davit_prometheus.manifests import config_secret, rules_config_map, scrape_secrets, services, thanos, tls_secret
from davit_prometheus.manifests.disruption_budget import disruption_budget
from davit_prometheus.manifests.network_policy import network_policy
from davit_prometheus.manifests.stateful_set import stateful_set
from davit_prometheus.manifests.web_config import web_config_secret
from davit_prometheus.model import Instance

from davit_prometheus_tests.manifests_cases import AGENTS, CASES, CLAIM, CONTEXT, TLS
from davit_prometheus_tests.manifests_made import container, flags, instance, made, mount, pod, volume

EVERY = [pytest.param(spec, False, id=name) for name, spec in CASES.items()]
EVERY += [pytest.param(spec, True, id=name) for name, spec in AGENTS.items()]


def children(one: Instance) -> list[Manifest]:
    sets = [stateful_set(one, shard) for shard in range(one.scope.shards)]
    found = [
        *sets,
        *(disruption_budget(one, shard) for shard in range(one.scope.shards)),
        services.governing([one]),
        services.client(one),
        network_policy(one, sets[0]),
        web_config_secret(one),
        *([thanos.client_secret(one)] if one.thanos_image else ()),
    ]
    return [manifest for manifest in found if manifest is not None]


@pytest.mark.parametrize(("spec", "agent"), EVERY)
def test_the_api_server_takes_every_child(spec: dict[str, Any], agent: bool) -> None:
    for manifest in children(instance(spec, agent=agent)):
        kubernetes_validate.validate(manifest, "1.34", strict=True)


@pytest.mark.parametrize(("spec", "agent"), EVERY)
def test_every_pod_of_ours_passes_pod_security_restricted(spec: dict[str, Any], agent: bool) -> None:
    """But for what the user's own containers and the node's network bring in."""
    ours = {name: value for name, value in spec.items() if name not in ("containers", "initContainers", "hostNetwork")}
    for given in (ours, {name: value for name, value in ours.items() if name != "securityContext"}):
        body = pod(made(given, agent=agent))
        assert violations(body) == []
        assert all(one["securityContext"]["readOnlyRootFilesystem"] for one in body["containers"])


@pytest.mark.parametrize(("spec", "agent"), EVERY)
def test_everything_that_is_mounted_is_there(spec: dict[str, Any], agent: bool) -> None:
    manifest = made(spec, agent=agent)
    names = [one["name"] for one in pod(manifest)["volumes"]]
    names += [one["metadata"]["name"] for one in manifest["spec"].get("volumeClaimTemplates", ())]
    assert len(names) == len(set(names))
    for one in pod(manifest)["containers"]:
        paths = [each["mountPath"] for each in one.get("volumeMounts", ())]
        assert len(paths) == len(set(paths))
        assert {each["name"] for each in one.get("volumeMounts", ())} <= set(names)


@pytest.mark.parametrize(("spec", "agent"), EVERY)
def test_children_are_controlled_by_their_resource_and_found_by_its_labels(spec: dict[str, Any], agent: bool) -> None:
    one = instance(spec, agent=agent)
    for manifest in children(one):
        if manifest["metadata"]["name"].endswith("-operated"):
            continue
        labels = manifest["metadata"]["labels"]
        assert labels["operator.prometheus.io/name"] == "k8s"
        assert labels["operator.prometheus.io/mode"] == ("agent" if agent else "server")
        assert labels["app.kubernetes.io/managed-by"] == "prometheus-operator"
        assert [ref["controller"] for ref in manifest["metadata"]["ownerReferences"]] == [True]


@pytest.mark.parametrize("shard", [0, 2])
def test_an_existing_set_can_be_taken_over_with_its_data(shard: int) -> None:
    """Selector, service, order of pods and claim templates can't change; the names of claims come from the rest."""
    manifest = made({"shards": 3, "storage": CLAIM}, shard=shard)
    assert manifest["metadata"]["name"] == ("prometheus-k8s-shard-2" if shard else "prometheus-k8s")
    spec = manifest["spec"]
    assert spec["selector"]["matchLabels"] == {
        "app.kubernetes.io/instance": "k8s",
        "app.kubernetes.io/managed-by": "prometheus-operator",
        "app.kubernetes.io/name": "prometheus",
        "operator.prometheus.io/name": "k8s",
        "operator.prometheus.io/shard": str(shard),
        "prometheus": "k8s",
    }
    assert (spec["serviceName"], spec["podManagementPolicy"]) == ("prometheus-operated", "Parallel")
    (claim,) = spec["volumeClaimTemplates"]
    assert claim["metadata"] == {"name": "prometheus-k8s-db"}
    assert not set(claim) & {"apiVersion", "kind"}
    assert mount(manifest, "prometheus-k8s-db") == {
        "name": "prometheus-k8s-db",
        "mountPath": "/prometheus",
        "subPath": "prometheus-db",
    }


def test_nothing_of_a_reloader_stays_when_a_set_is_taken_over() -> None:
    """What is absent from a manifest would stay: an init container that waits for a file that nobody writes."""
    manifest = made()
    assert pod(manifest)["initContainers"] == []
    assert pod(manifest)["shareProcessNamespace"] is False
    assert "reloader" not in json.dumps(manifest)


def predecessor(manifest: Manifest) -> Manifest:
    """The same set as prometheus-operator leaves it."""
    before = copy.deepcopy(manifest)
    body = pod(before)
    reloader = {"image": "reloader:1", "volumeMounts": [{"name": "config-out", "mountPath": "/etc/prometheus/config_out"}]}
    body["initContainers"] = [{"name": "init-config-reloader", **reloader}]
    body["containers"].append({"name": "config-reloader", **reloader})
    body["containers"][0]["volumeMounts"][0] = {"name": "config-out", "mountPath": "/etc/prometheus/config_out"}
    body["containers"][0]["args"][0] = "--config.file=/etc/prometheus/config_out/prometheus.env.yaml"
    body["volumes"][0] = {"name": "config", "secret": {"secretName": "prometheus-k8s"}}
    body["volumes"].insert(1, {"name": "config-out", "emptyDir": {"medium": "Memory"}})
    body["shareProcessNamespace"] = True
    return before


async def test_apply_turns_a_predecessors_set_into_ours() -> None:
    """Apply alone would merge lists by name: two sources in one volume, and a reloader without its file."""
    one = instance({"storage": CLAIM})
    wanted, client = stateful_set(one, 0), FakeClient()
    client.put(STATEFUL_SET, predecessor(wanted))
    owner = {"apiVersion": "monitoring.coreos.com/v1", "kind": "Prometheus", "metadata": {"name": "k8s", "uid": one.uid}}
    await apply_all(client, client.manager, owner, [], [wanted])
    live = client.objects[STATEFUL_SET, Key("ns", "prometheus-k8s")]
    assert live["spec"] == wanted["spec"]


def test_an_agents_set_has_its_own_names() -> None:
    manifest = made({"storage": CLAIM, "shards": 2}, agent=True, shard=1)
    assert manifest["metadata"]["name"] == "prom-agent-k8s-shard-1"
    assert manifest["spec"]["serviceName"] == "prometheus-agent-operated"
    labels = manifest["spec"]["selector"]["matchLabels"]
    assert labels["app.kubernetes.io/name"] == "prometheus-agent"
    assert "prometheus" not in labels
    assert manifest["spec"]["volumeClaimTemplates"][0]["metadata"]["name"] == "prom-agent-k8s-db"
    assert not [one for one in pod(manifest)["volumes"] if "configMap" in one]


def test_the_resources_labels_and_annotations_reach_the_set() -> None:
    labels = {"team": "a", "app.kubernetes.io/managed-by": "Helm", "operator.prometheus.io/mode": "x"}
    annotations = {"kubectl.kubernetes.io/last-applied-configuration": "x", "note": "y"}
    head = made(labels=labels, annotations=annotations)["metadata"]
    assert head["labels"]["team"] == "a"
    assert head["labels"]["app.kubernetes.io/managed-by"] == "prometheus-operator"
    assert head["labels"]["operator.prometheus.io/mode"] == "server"
    assert head["annotations"] == {"note": "y"}


def test_nothing_of_the_operators_version_is_in_a_template() -> None:
    """Or an upgrade of the operator would restart every Prometheus."""
    import davit_prometheus

    text = json.dumps(made(CASES["kube-prometheus"])["spec"]["template"])
    assert not re.search(rf"(?<![\d.]){re.escape(davit_prometheus.__version__)}(?![\d.])", text)
    labels = made(CASES["kube-prometheus"])["spec"]["template"]["metadata"]["labels"]
    assert labels["app.kubernetes.io/version"] == "3.13.1"


def test_the_template_does_not_depend_on_replicas_shards_or_the_resources_metadata() -> None:
    """Scaling and labelling must not restart anything."""
    before = made()["spec"]["template"]
    assert made({"replicas": 5, "shards": 4}, labels={"a": "b"}, generation=9)["spec"]["template"] == before


def test_the_configuration_comes_from_several_secrets_into_one_directory() -> None:
    one = instance({"shards": 2})
    manifest = stateful_set(one, 1)
    first, *more = volume(manifest, "config")["projected"]["sources"]
    assert first["secret"] == {
        "name": config_secret(one.scope, 1),
        "items": [{"key": "prometheus.yaml", "path": "prometheus.yaml"}],
    }
    assert [source["secret"] for source in more] == [{"name": name, "optional": True} for name in scrape_secrets(one.scope, 1)]
    assert scrape_secrets(one.scope, 1)[0] == "prometheus-k8s-shard-1-scrape-0"
    assert mount(manifest, "config") == {"name": "config", "mountPath": "/etc/prometheus/config", "readOnly": True}
    assert flags(manifest)["config.file"] == ["/etc/prometheus/config/prometheus.yaml"]


def test_rules_can_grow_to_three_config_maps_without_a_restart() -> None:
    one = instance()
    sets = [stateful_set(one, 0, rule_config_maps=count) for count in (0, 1, 3)]
    assert sets[0] == sets[1] == sets[2]
    fourth = stateful_set(one, 0, rule_config_maps=4)
    name = rules_config_map(one.scope, 3)
    assert volume(fourth, name)["configMap"] == {"name": "prometheus-k8s-rulefiles-3", "optional": True}
    assert mount(fourth, name)["mountPath"] == "/etc/prometheus/rules/prometheus-k8s-rulefiles-3"


def test_certificates_of_targets_may_be_in_several_secrets_or_none() -> None:
    one = instance()
    assert stateful_set(one, 0, tls_secrets=0) == stateful_set(one, 0, tls_secrets=1)
    sources = volume(stateful_set(one, 0, tls_secrets=2), "tls-assets")["projected"]["sources"]
    assert [source["secret"] for source in sources] == [
        {"name": tls_secret(one.scope, index), "optional": True} for index in range(2)
    ]


def test_external_labels_can_name_the_pod() -> None:
    source = {"fieldRef": {"fieldPath": "metadata.name"}}
    assert container(made())["env"] == [{"name": "POD_NAME", "valueFrom": source}]
    old = container(made({"version": "2.52.0", "runtime": {"goGC": 0}}))["env"]
    assert old[1:] == [{"name": "GOGC", "value": "0"}]
    assert len(container(made({"version": "2.53.0", "runtime": {"goGC": 50}}))["env"]) == 1
    assert len(container(made({"version": "2.52.0", "runtime": {"goGC": 50}}, agent=True))["env"]) == 1


@pytest.mark.parametrize(
    ("longest", "period", "failures"), [(None, 2, 450), (0, 2, 450), (60, 60, 1), (61, 31, 2), (1000, 59, 17), (3600, 60, 60)]
)
def test_the_replay_of_the_log_may_take_as_long_as_the_spec_says(longest: int | None, period: int, failures: int) -> None:
    probe = container(made({"maximumStartupDurationSeconds": longest} if longest else {}))["startupProbe"]
    assert (probe["periodSeconds"], probe["failureThreshold"]) == (period, failures)
    assert period * failures >= (longest or 900)


def test_probes_follow_prefix_port_and_scheme() -> None:
    one = container(made({"routePrefix": "/x/", "portName": "http", "web": {"tlsConfig": TLS}}))
    assert one["livenessProbe"]["httpGet"] == {"path": "/x/-/healthy", "port": "http", "scheme": "HTTPS"}
    assert one["readinessProbe"]["httpGet"] == {"path": "/x/-/ready", "port": "http", "scheme": "HTTPS"}
    assert one["ports"] == [{"name": "http", "containerPort": 9090, "protocol": "TCP"}]
    local = container(made({"listenLocal": True, "web": {"tlsConfig": TLS}}))
    assert "https://localhost:9090/-/ready" in local["readinessProbe"]["exec"]["command"][2]
    assert local["ports"] == []


@pytest.mark.parametrize(
    ("spec", "mounted"),
    [
        ({}, False),
        ({"queryLogFile": "q.log"}, True),
        ({"queryLogFile": "./q.log"}, True),
        ({"queryLogFile": "/var/q.log"}, False),
        ({"scrapeFailureLogFile": "s.log"}, True),
        ({"scrapeFailureLogFile": "/x/s.log", "queryLogFile": "q.log"}, True),
        ({"scrapeFailureLogFile": "s.log", "queryLogFile": "q.log"}, True),
    ],
)
def test_log_files_without_a_directory_have_a_place_to_go(spec: dict[str, Any], mounted: bool) -> None:
    found = [one for one in container(made(spec))["volumeMounts"] if one["name"] == "log-file"]
    assert found == ([{"name": "log-file", "mountPath": "/var/log/prometheus"}] if mounted else [])


def test_shards_go_to_their_zones() -> None:
    spec = CASES["shards"]
    zones = [pod(made(spec, shard=shard))["nodeSelector"]["topology.kubernetes.io/zone"] for shard in range(3)]
    assert zones == ["a", "b", "a"]
    assert pod(made(spec))["nodeSelector"]["kubernetes.io/os"] == "linux"
    assert "nodeSelector" not in pod(made({"shards": 2}))


def test_building_changes_nothing_that_it_is_given() -> None:
    one = instance(copy.deepcopy(CASES["patched"]))
    before = one.scope.spec.model_dump()
    assert stateful_set(one, 0) == stateful_set(one, 0)
    assert one.scope.spec.model_dump() == before


def test_no_default_that_the_user_did_not_ask_for_takes_memory() -> None:
    assert "resources" not in container(made(CONTEXT))
    given = {"requests": {"memory": "1Gi"}}
    assert container(made({"resources": given}))["resources"] == given


@pytest.mark.parametrize(
    ("given", "seconds"),
    [
        ({}, None),
        ({"replicas": 2}, 35),
        ({"replicas": 2, "scrapeInterval": "1s"}, 6),
        ({"replicas": 2, "minReadySeconds": 0}, None),
    ],
)
def test_the_next_of_several_pods_waits_until_the_last_has_scraped(given: dict[str, Any], seconds: int | None) -> None:
    assert made(given)["spec"].get("minReadySeconds") == seconds
