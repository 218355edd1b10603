"""The objects of an Alertmanager; `test_manifests_differential` compares the StatefulSet with upstream's."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import pytest
import yaml
from davit.model import Manifest
from davit.testing import golden
from davit.testing.restricted import violations
from davit_alertmanager.manifests import cluster_tls, secrets, services
from davit_alertmanager.manifests.disruption_budget import disruption_budget
from davit_alertmanager.manifests.network_policy import network_policy
from davit_alertmanager.manifests.stateful_set import stateful_set
from davit_alertmanager.model import Instance
from davit_alertmanager.validate import validate

from davit_alertmanager_tests.specs import CASES, CLIENT_TLS, SERVER_TLS
from davit_alertmanager_tests.world import HOME, Json, alertmanager

FOLDER = Path(__file__).parent / "manifests_golden"
UNRESTRICTED = {"host network"}
"""What its user asks for is not admitted there."""


def instance(**spec: Any) -> Instance:
    return validate(alertmanager(**spec))


def pod(**spec: Any) -> Json:
    found: Json = stateful_set(instance(**spec))["spec"]["template"]["spec"]
    return found


def container(**spec: Any) -> Json:
    found: Json = pod(**spec)["containers"][0]
    return found


def flags(**spec: Any) -> list[str]:
    return list(container(**spec)["args"])


@pytest.mark.parametrize("case", ["default", "three", "flags", "web", "cluster tls", "claim", "files"])
def test_golden_stateful_set(case: str) -> None:
    golden.check(FOLDER / f"{case.replace(' ', '-')}.yaml", stateful_set(instance(**{"version": "0.33.1", **CASES[case]})))


def test_golden_services() -> None:
    chosen = instance(replicas=3)
    golden.check(FOLDER / "services.yaml", [services.governing([chosen]), services.client(chosen)])


@pytest.mark.parametrize("case", sorted(CASES.keys() - UNRESTRICTED))
def test_pods_are_admitted_where_pods_are_restricted(case: str) -> None:
    found = pod(**CASES[case])
    own = [one for one in found["containers"] if one["name"] == "alertmanager"]
    ours = {**found, "containers": own, "initContainers": []}
    assert not violations(ours)


def test_there_is_no_reloader() -> None:
    found = pod(replicas=3)
    assert [one["name"] for one in found["containers"]] == ["alertmanager"]
    assert found["initContainers"] == []


def test_the_configuration_is_read_where_it_is_mounted() -> None:
    found = container()
    assert found["args"][0] == "--config.file=/etc/alertmanager/config/alertmanager.yaml"
    mounts = {one["name"]: one["mountPath"] for one in found["volumeMounts"]}
    assert mounts["config-volume"] == "/etc/alertmanager/config"
    (volume,) = [one for one in pod()["volumes"] if one["name"] == "config-volume"]
    assert volume["secret"]["secretName"] == "alertmanager-main-generated"


def test_one_replica_does_not_gossip_unless_forced() -> None:
    assert "--cluster.listen-address=" in flags()
    assert "--cluster.listen-address=[$(POD_IP)]:9094" in flags(forceEnableClusterMode=True)
    assert "--cluster.listen-address=[$(POD_IP)]:9094" in flags(replicas=2)


def test_three_replicas_find_each_other_with_no_further_word() -> None:
    peers = [flag for flag in flags(replicas=3) if flag.startswith("--cluster.peer=")]
    assert peers == [f"--cluster.peer=alertmanager-main-{number}.alertmanager-operated:9094" for number in range(3)]


def test_peers_are_named_by_the_given_service() -> None:
    found = flags(replicas=1, serviceName="mine", additionalPeers=["far:9094"])
    assert [flag for flag in found if "cluster.peer=" in flag] == [
        "--cluster.peer=alertmanager-main-0.mine:9094",
        "--cluster.peer=far:9094",
    ]


BY_VERSION = [
    ("0.26.0", "--cluster.label=monitoring/main"),
    ("0.27.0", "--enable-feature=x"),
    ("0.28.0", "--silences.max-silences=0"),
    ("0.30.0", "--cluster.peer-name=$(POD_NAME)"),
    ("0.30.0", "--dispatch.start-delay=5s"),
]


@pytest.mark.parametrize(("since", "flag"), BY_VERSION)
def test_a_flag_is_given_from_its_version_on(since: str, flag: str) -> None:
    spec = {"enableFeatures": ["x"], "limits": {"maxSilences": 0}, "minReadySeconds": 5}
    before = f"0.{int(since.split('.')[1]) - 1}.9"
    assert flag in flags(version=since, **spec)
    assert flag not in flags(version=before, **spec)


def test_nothing_of_the_spec_changes_under_the_builders() -> None:
    resource = alertmanager(**CASES["flags"], containers=[{"name": "alertmanager", "env": [{"name": "A", "value": "b"}]}])
    before = yaml.safe_dump(resource)
    stateful_set(validate(resource))
    assert yaml.safe_dump(resource) == before


def test_a_token_is_mounted_only_for_containers_of_the_users() -> None:
    assert pod()["automountServiceAccountToken"] is False
    assert "automountServiceAccountToken" not in pod(containers=[{"name": "proxy"}])
    assert "automountServiceAccountToken" not in pod(initContainers=[{"name": "first"}])
    assert pod(containers=[{"name": "config-reloader"}])["automountServiceAccountToken"] is False
    assert pod(automountServiceAccountToken=True)["automountServiceAccountToken"] is True


def test_more_tls_assets_are_mounted_in_one_place() -> None:
    found = stateful_set(instance(), 2)["spec"]["template"]["spec"]["volumes"]
    (volume,) = [one for one in found if one["name"] == "tls-assets"]
    assert [one["secret"]["name"] for one in volume["projected"]["sources"]] == [
        f"alertmanager-main-tls-assets-{n}" for n in (0, 1)
    ]


def test_of_two_templates_under_one_key_the_first_is_mounted() -> None:
    templates = [
        {"configMap": {"name": "a", "key": "x"}},
        {"secret": {"name": "b", "key": "x"}},
        {"secret": {"name": "c", "key": "y"}},
    ]
    (volume,) = [
        one
        for one in pod(alertmanagerConfiguration={"name": "base", "templates": templates})["volumes"]
        if one["name"] == "notification-templates"
    ]
    assert [list(one) for one in volume["projected"]["sources"]] == [["configMap"], ["secret"]]


def test_the_configuration_stands_beside_the_users_templates() -> None:
    found = secrets.config(instance(), "route: {}\n", {"alertmanager.yaml": b"theirs", "slack.tmpl": b"x"})
    assert {name: base64.b64decode(text) for name, text in found["data"].items()} == {
        "alertmanager.yaml": b"route: {}\n",
        "slack.tmpl": b"x",
    }


def test_tls_assets_are_spread_as_their_size_needs() -> None:
    assert [one["metadata"]["name"] for one in secrets.tls_assets(instance(), {})] == ["alertmanager-main-tls-assets-0"]
    found = secrets.tls_assets(instance(), {f"f{number}": b"x" * 400_000 for number in range(5)})
    assert [sorted(one["data"]) for one in found] == [["f0", "f1"], ["f2", "f3"], ["f4"]]


def test_the_web_configuration_is_there_even_for_plain_http() -> None:
    assert secrets.web_config(instance())["data"] == {"web-config.yaml": ""}
    found = base64.b64decode(secrets.web_config(instance(web={"tlsConfig": SERVER_TLS}))["data"]["web-config.yaml"])
    assert yaml.safe_load(found)["tls_server_config"]["min_version"] == "TLS12"


def test_cluster_tls_is_written_where_it_is_mounted() -> None:
    given = {"server": SERVER_TLS, "client": CLIENT_TLS}
    found = yaml.safe_load(cluster_tls.cluster_tls_config(given))
    directory = "/etc/alertmanager/cluster_tls_config"
    assert found["tls_client_config"]["cert_file"] == f"{directory}/client_tls/secret/keys-cert/client.crt"
    (volume,) = [one for one in pod(clusterTLS=given)["volumes"] if one["name"] == "cluster-tls-config"]
    paths = [item["path"] for source in volume["projected"]["sources"] for one in source.values() for item in one["items"]]
    for section in found.values():
        for name, path in section.items():
            if name.endswith("_file"):
                assert path.removeprefix(f"{directory}/") in paths
    assert cluster_tls.cluster_tls_config_secret(instance()) is None
    assert cluster_tls.cluster_tls_config_secret(instance(clusterTLS=given)) is not None


def test_a_budget_lets_one_pod_go_at_a_time() -> None:
    assert disruption_budget(instance()) is None
    found = disruption_budget(instance(replicas=3))
    assert found is not None
    assert found["spec"]["maxUnavailable"] == 1


def policy(**spec: Any) -> Manifest:
    chosen = instance(**spec)
    found = network_policy(chosen, stateful_set(chosen))
    assert found is not None
    return found


def test_gossip_is_let_in_from_the_cluster_only() -> None:
    anyone, own = policy(replicas=3)["spec"]["ingress"]
    assert anyone == {"ports": [{"port": 9093, "protocol": "TCP"}]}
    assert own["ports"] == [{"port": 9094, "protocol": "TCP"}, {"port": 9094, "protocol": "UDP"}]
    assert own["from"] == [{"podSelector": {"matchLabels": policy(replicas=3)["spec"]["podSelector"]["matchLabels"]}}]


@pytest.mark.parametrize("spec", [{"additionalPeers": ["far:9094"]}, {"forceEnableClusterMode": True}])
def test_gossip_is_open_to_members_elsewhere(spec: Json) -> None:
    (anyone,) = policy(**spec)["spec"]["ingress"]
    assert len(anyone["ports"]) == 3


def test_a_service_of_the_users_own_needs_no_other() -> None:
    own, other = instance(serviceName="mine"), instance()
    assert services.governing([own]) is None
    found = services.governing([own, other])
    assert found is not None
    assert len(found["metadata"]["ownerReferences"]) == 1
    assert "controller" not in found["metadata"]["ownerReferences"][0]


def test_ports_of_another_name_are_reached_by_number() -> None:
    second = validate(alertmanager("other", portName="http"))
    found = services.governing([instance(), second])
    assert found is not None
    assert found["spec"]["ports"][0] == {"name": "web", "port": 9093, "targetPort": 9093, "protocol": "TCP"}
    assert found["metadata"]["namespace"] == HOME


def test_no_client_reaches_what_listens_on_localhost() -> None:
    assert services.client(instance(listenLocal=True)) is None
    assert "livenessProbe" not in container(listenLocal=True)
