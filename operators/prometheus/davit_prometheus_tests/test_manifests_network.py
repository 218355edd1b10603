from __future__ import annotations

import base64
from typing import Any

import yaml
from davit_prometheus.manifests import services, web_secret
from davit_prometheus.manifests.disruption_budget import disruption_budget
from davit_prometheus.manifests.network_policy import network_policy
from davit_prometheus.manifests.stateful_set import stateful_set
from davit_prometheus.manifests.web_config import web_config_secret

from davit_prometheus_tests.manifests_cases import TLS
from davit_prometheus_tests.manifests_made import flags, instance, made, volume

WEB = "/etc/prometheus/web_config"


def test_what_the_web_configuration_names_is_in_its_volume() -> None:
    one = instance({"web": {"tlsConfig": TLS}})
    secret = web_config_secret(one)
    assert secret["metadata"]["name"] == web_secret(one.scope) == "prometheus-k8s-web-config"
    config = yaml.safe_load(base64.b64decode(secret["data"]["web-config.yaml"]))
    sources = volume(stateful_set(one, 0), "web-config")["projected"]["sources"]
    paths = {f"{WEB}/{item['path']}" for source in sources for part in source.values() for item in part["items"]}
    assert {path for name, path in config["tls_server_config"].items() if name.endswith("_file")} < paths
    assert flags(stateful_set(one, 0))["web.config.file"] == [f"{WEB}/web-config.yaml"]
    assert web_config_secret(instance())["data"] == {"web-config.yaml": ""}


def test_all_prometheus_objects_of_a_namespace_share_one_governing_service() -> None:
    """In the same words, whoever is reconciled, or they would fight over it."""
    one = instance(name="a", uid="ua")
    two = instance({"thanos": {}}, name="b", uid="ub")
    service = services.governing([one, two])
    assert service == services.governing([two, one])
    assert service is not None
    assert service["metadata"]["name"] == "prometheus-operated"
    assert [ref["uid"] for ref in service["metadata"]["ownerReferences"]] == ["ua", "ub"]
    assert not [ref for ref in service["metadata"]["ownerReferences"] if ref.get("controller")]
    assert service["spec"]["selector"] == {"app.kubernetes.io/name": "prometheus"}
    assert [(port["name"], port["targetPort"]) for port in service["spec"]["ports"]] == [("web", "web"), ("grpc", "grpc")]


def test_pods_that_call_the_port_differently_are_all_found() -> None:
    service = services.governing([instance({"portName": "http"}, name="a"), instance(name="b")])
    assert service is not None
    assert [(port["name"], port["targetPort"]) for port in service["spec"]["ports"]] == [("http", 9090)]


def test_a_set_with_a_service_of_the_users_needs_none_of_ours() -> None:
    own = instance({"serviceName": "own"}, name="a")
    assert services.governing([own]) is None
    assert made({"serviceName": "own"})["spec"]["serviceName"] == "own"
    shared = services.governing([own, instance(name="b", uid="ub")])
    assert shared is not None
    assert [ref["uid"] for ref in shared["metadata"]["ownerReferences"]] == ["ub"]


def test_agents_share_another_one() -> None:
    service = services.governing([instance(agent=True)])
    assert service is not None
    assert service["metadata"]["name"] == "prometheus-agent-operated"
    assert service["spec"]["selector"] == {"app.kubernetes.io/name": "prometheus-agent"}


def test_clients_reach_the_pods_of_every_shard() -> None:
    one = instance({"shards": 2, "thanos": {}, "portName": "http"})
    service = services.client(one)
    assert service is not None
    assert service["metadata"]["name"] == "prometheus-k8s"
    for shard in range(2):
        template = stateful_set(one, shard)["spec"]["template"]
        assert service["spec"]["selector"].items() <= template["metadata"]["labels"].items()
    assert [port["name"] for port in service["spec"]["ports"]] == ["http", "grpc"]
    assert services.client(instance({"listenLocal": True})) is None


def test_a_drain_takes_one_replica_of_a_shard_and_is_never_held_up_by_a_single_one() -> None:
    one = instance({"replicas": 2, "shards": 2})
    budget = disruption_budget(one, 1)
    assert budget is not None
    assert budget["spec"]["selector"] == stateful_set(one, 1)["spec"]["selector"]
    assert budget["metadata"]["name"] == "prometheus-k8s-shard-1"
    assert disruption_budget(instance(), 0) is None


def test_the_policy_opens_what_is_declared_and_breaks_no_sidecar() -> None:
    def ports(spec: dict[str, Any]) -> Any:
        one = instance(spec)
        policy = network_policy(one, stateful_set(one, 0))
        return policy and [port["port"] for rule in policy["spec"]["ingress"] for port in rule["ports"]]

    assert ports({}) == [9090]
    assert ports({"thanos": {}}) == [9090, 10901, 10902]
    assert ports({"containers": [{"name": "s", "image": "s", "ports": [{"containerPort": 8080}]}]}) == [8080, 9090]
    assert ports({"containers": [{"name": "s", "image": "s"}]}) is None
    assert ports({"listenLocal": True}) == []
    assert ports({"hostNetwork": True}) is None
