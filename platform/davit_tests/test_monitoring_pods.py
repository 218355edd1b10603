from __future__ import annotations

from typing import Any

import pytest
from davit.errors import Invalid
from davit.monitoring import pods
from davit.monitoring.merging import merge_container
from davit.monitoring.types import Items, Object, Objects, Spec
from davit.testing.restricted import violations
from hypothesis import given
from hypothesis import strategies as st

REPOSITORY = "quay.io/prometheus/prometheus"


class Inner(Spec):
    paths: Items[str] | None = None
    given: Object | None = None


class Outer(Spec):
    port_name: str | None = None
    number: int | None = 3
    inner: Inner | None = None
    parts: Objects | None = None


def test_json_of_a_spec_is_what_was_given_and_nothing_else() -> None:
    raw = {
        "portName": None,
        "inner": {"given": {"a": None, "b": {"c": None, "d": 0}}},
        "parts": [{"x": None, "y": ""}],
        "unknown": 1,
    }
    found = pods.as_json(Outer.model_validate(raw))
    assert found == {"inner": {"given": {"b": {"d": 0}}}, "parts": [{"y": ""}]}


def test_empty_and_absent_are_told_apart() -> None:
    assert pods.as_json(Outer.model_validate({"inner": {}})) == {"inner": {}}
    assert pods.as_json(Outer.model_validate({"inner": {"given": {}}})) == {"inner": {"given": {}}}
    assert pods.as_json(Outer.model_validate({})) == {}


@pytest.mark.parametrize(
    ("spec", "wanted"),
    [
        ({}, f"{REPOSITORY}:v3.5.0"),
        ({"image": "mine:1", "tag": "x", "sha": "y", "baseImage": "b"}, "mine:1"),
        ({"image": "  "}, f"{REPOSITORY}:v3.5.0"),
        ({"baseImage": "own.io:5000/p"}, "own.io:5000/p:v3.5.0"),
        ({"baseImage": "own.io/p:1", "tag": "2"}, "own.io/p:1"),
        ({"baseImage": f"own.io/p@sha256:{'1' * 64}", "sha": "2"}, f"own.io/p@sha256:{'1' * 64}"),
        ({"baseImage": " "}, f"{REPOSITORY}:v3.5.0"),
        ({"baseImage": "localhost:5000"}, "localhost:5000"),
        ({"baseImage": "Own/p"}, "Own/p:v3.5.0"),
        ({"baseImage": "[::1]:80/a__b"}, "[::1]:80/a__b:v3.5.0"),
        ({"sha": "abc", "tag": "2"}, f"{REPOSITORY}@sha256:abc"),
        ({"tag": "2"}, f"{REPOSITORY}:2"),
        ({"baseImage": "prom/prometheus", "tag": "2"}, "docker.io/prom/prometheus:2"),
        ({"baseImage": "prometheus", "tag": "2"}, "docker.io/library/prometheus:2"),
        ({"baseImage": "localhost/prometheus", "tag": "2"}, "localhost/prometheus:2"),
        ({"baseImage": "prom/prometheus"}, "prom/prometheus:v3.5.0"),
    ],
)
def test_the_image_comes_from_the_first_field_that_says_one(spec: dict[str, str], wanted: str) -> None:
    assert pods.image(spec, REPOSITORY, "v3.5.0") == wanted


@pytest.mark.parametrize(
    ("spec", "field"),
    [
        *(
            ({"baseImage": base}, "spec.thanos.baseImage")
            for base in (
                "Not/Lower",
                "a:",
                "own.io/p@sha256:1",
                "a@",
                "@sha256:1",
                "own.io/a:b c",
                "-.io/a",
                "a//b",
                "a...b",
                " a",
            )
        ),
        ({"tag": "no spaces"}, "spec.thanos.tag"),
    ],
)
def test_an_impossible_image_names_its_field(spec: dict[str, str], field: str) -> None:
    with pytest.raises(Invalid) as caught:
        pods.image(spec, REPOSITORY, "v1.0.0", "spec.thanos")
    assert [problem.field for problem in caught.value.problems] == [field]


def test_arguments_are_ours_then_those_that_yield_then_the_users() -> None:
    found = pods.arguments([("a", "1"), ("b", "")], [{"name": "c", "value": "x=y"}, {"name": "d"}], yielding=[("e", "5")])
    assert found == ["--a=1", "--b", "--e=5", "--c=x=y", "--d"]


@pytest.mark.parametrize("name", ["config.file", "no-config.file"])
def test_a_repeated_flag_is_refused_by_its_place(name: str) -> None:
    with pytest.raises(Invalid) as caught:
        pods.arguments([("config.file", "x")], [{"name": "fine"}, {"name": name}])
    (problem,) = caught.value.problems
    assert problem.field == "spec.additionalArgs[1].name"
    assert name in problem.message


def test_a_flag_without_a_name_is_refused_by_its_place() -> None:
    with pytest.raises(Invalid, match=r"spec\.thanos\.additionalArgs\[1\]\.name: is missing"):
        pods.arguments([], [{"name": "fine"}, {"name": ""}], path="spec.thanos.additionalArgs")


@pytest.mark.parametrize(
    ("spec", "field"),
    [
        ({"containers": [{"name": "a"}, {"name": "b", "env": "x"}]}, "spec.containers[1].env"),
        ({"initContainers": [{"name": "a", "volumeMounts": [1]}]}, "spec.initContainers[0].volumeMounts"),
        ({"containers": [{"name": 1}]}, "spec.containers[0].name"),
        ({"containers": [{"name": "a", "env": [{"name": {}}]}]}, "spec.containers[0].env[0].name"),
        (
            {"containers": [{"name": "a", "ports": [{"containerPort": "x"}, {"containerPort": []}]}]},
            "spec.containers[0].ports[1].containerPort",
        ),
        ({"containers": [{"name": "a", "readinessProbe": 1}]}, "spec.containers[0].readinessProbe"),
        ({"resources": {"requests": "x"}}, "spec.resources.requests"),
        ({"volumeMounts": [{"mountPath": []}]}, "spec.volumeMounts[0].mountPath"),
        ({"topologySpreadConstraints": [{}, {"labelSelector": "x"}]}, "spec.topologySpreadConstraints[1].labelSelector"),
        (
            {"topologySpreadConstraints": [{"labelSelector": {"matchLabels": "x"}}]},
            "spec.topologySpreadConstraints[0].labelSelector.matchLabels",
        ),
        ({"storage": {"volumeClaimTemplate": {"spec": "10Gi"}}}, "spec.storage.volumeClaimTemplate.spec"),
        ({"storage": {"volumeClaimTemplate": {"metadata": []}}}, "spec.storage.volumeClaimTemplate.metadata"),
    ],
)
def test_parts_of_pods_that_are_no_such_parts_are_named(spec: dict[str, Any], field: str) -> None:
    (problem,) = pods.problems(spec)
    assert problem.field == field


def test_parts_of_pods_may_be_absent_or_empty() -> None:
    probe = {"name": "b", "readinessProbe": {}, "ports": [{"containerPort": 1}]}
    claim: dict[str, Any] = {"metadata": {}, "spec": {"resources": {}}}
    given = {"containers": [{"name": "a", "env": [], "ports": None}, probe], "storage": {"volumeClaimTemplate": claim}}
    assert list(pods.problems(given)) == list(pods.problems({})) == list(pods.problems({"storage": {"emptyDir": {}}})) == []


@pytest.mark.parametrize(("text", "wanted"), [("", ""), ("/", ""), ("x", "/x"), ("/x/", "/x"), ("/x/y", "/x/y")])
def test_a_prefix_begins_with_a_slash_and_ends_with_none(text: str, wanted: str) -> None:
    assert pods.url_prefix(text) == wanted


def test_the_negation_of_a_negated_flag_is_refused_too() -> None:
    with pytest.raises(Invalid):
        pods.arguments([("no-compress", "")], [{"name": "compress"}])


def test_flags_that_yield_give_way_but_features_add_up() -> None:
    soft = [("web.lifecycle", ""), ("enable-feature", "x")]
    found = pods.arguments([], [{"name": "no-web.lifecycle"}, {"name": "enable-feature", "value": "y"}], yielding=soft)
    assert found == ["--enable-feature=x", "--no-web.lifecycle", "--enable-feature=y"]


@given(st.from_regex(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,200}[a-zA-Z0-9])?", fullmatch=True))
def test_every_object_name_gives_a_volume_name_that_kubernetes_takes(name: str) -> None:
    label = pods.volume_label("secret", name)
    assert len(label) <= 63
    assert label.startswith("secret-")
    assert not label.endswith("-")
    assert set(label) <= set("abcdefghijklmnopqrstuvwxyz0123456789-")


def test_given_secrets_and_config_maps_are_mounted_by_their_own_names() -> None:
    found = pods.given_files({"secrets": ["A.b"], "configMaps": ["c"]}, "/etc/x")
    assert found.volumes == (
        {"name": "secret-a-b", "secret": {"secretName": "A.b"}},
        {"name": "configmap-c", "configMap": {"name": "c"}},
    )
    assert [(one["mountPath"], one["readOnly"]) for one in found.mounts] == [
        ("/etc/x/secrets/A.b", True),
        ("/etc/x/configmaps/c", True),
    ]


@pytest.mark.parametrize(
    ("path", "wanted"), [("//-/ready", "/-/ready"), ("/p//-/ready", "/p/-/ready"), ("/p/", "/p"), ("/", "/"), ("p/-/x", "p/-/x")]
)
def test_paths_are_cleaned(path: str, wanted: str) -> None:
    assert pods.clean_path(path) == wanted


def test_probes_follow_the_servers_scheme() -> None:
    assert pods.http_probe("/x", "web", periodSeconds=1) == {"httpGet": {"path": "/x", "port": "web"}, "periodSeconds": 1}
    assert pods.http_probe("/x", "web", tls=True)["httpGet"]["scheme"] == "HTTPS"
    (_, _, plain) = pods.local_probe("/x", 1)["exec"]["command"]
    (_, _, secure) = pods.local_probe("/x", 1, tls=True)["exec"]["command"]
    assert plain.count("http://localhost:1/x") == 2
    assert secure.count("https://localhost:1/x") == 2
    assert "--insecure" in secure
    assert "--insecure" not in plain


@pytest.mark.parametrize(
    "spec",
    [
        {},
        {"securityContext": {"runAsNonRoot": True, "runAsUser": 1000, "fsGroup": 2000}},
        {"securityContext": {"runAsUser": 1000}},
        {"securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "Localhost", "localhostProfile": "x"}}},
    ],
)
def test_our_containers_pass_restricted_whatever_the_pods_context_leaves_out(spec: dict[str, Any]) -> None:
    body = pods.pod_spec(spec, [{"name": "a", "securityContext": pods.container_security(spec)}], [], grace=1)
    assert violations(body) == []
    assert body["containers"][0]["securityContext"]["readOnlyRootFilesystem"] is True


def test_a_given_security_context_is_kept_as_it_is() -> None:
    """An empty one too: OpenShift gives each namespace its own user."""
    assert pods.pod_security({"securityContext": {}}) == {}
    assert pods.pod_security({"securityContext": {"runAsUser": 0}}) == {"runAsUser": 0}
    own = {"securityContext": {"runAsUser": 1, "runAsNonRoot": False, "seccompProfile": {"type": "Unconfined"}}}
    assert not {"runAsNonRoot", "seccompProfile"} & set(pods.container_security(own))
    assert "runAsNonRoot" not in pods.container_security({"securityContext": {}})


OURS: dict[str, Any] = {
    "name": "prometheus",
    "image": "i",
    "args": ["--a"],
    "env": [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}],
    "ports": [{"name": "web", "containerPort": 9090}],
    "volumeMounts": [{"name": "data", "mountPath": "/data", "readOnly": True}],
    "resources": {"limits": {"cpu": "1"}},
    "securityContext": {"readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]}},
    "livenessProbe": {"httpGet": {"path": "/", "port": "web"}, "periodSeconds": 5},
}


def patched(**patch: Any) -> dict[str, Any]:
    (found,) = pods.merge_containers([OURS], [{"name": "prometheus", **patch}])
    return found


def test_a_patch_of_nothing_changes_nothing() -> None:
    empty: dict[str, Any] = {"args": [], "image": "", "tty": False, "livenessProbe": None, "resources": {}, "env": None}
    assert patched() == OURS
    assert patched(**empty) == {**OURS}
    assert patched(**{"$patch": "delete"}) == OURS


@pytest.mark.parametrize(
    ("patch", "wanted"),
    [
        ({"image": "mine"}, {"image": "mine"}),
        ({"args": ["--b"]}, {"args": ["--b"]}),
        ({"resources": {"limits": {"memory": "1Gi"}}}, {"resources": {"limits": {"cpu": "1", "memory": "1Gi"}}}),
        ({"resources": {"limits": {"cpu": 0}}}, {"resources": {"limits": {"cpu": 0}}}),
        ({"ports": [{"name": "x", "containerPort": 9090}]}, {"ports": [{"name": "x", "containerPort": 9090}]}),
        (
            {"volumeMounts": [{"name": "other", "mountPath": "/data", "readOnly": False}]},
            {"volumeMounts": [{"name": "other", "mountPath": "/data", "readOnly": True}]},
        ),
        (
            {"securityContext": {"readOnlyRootFilesystem": False, "capabilities": {"add": ["X"]}}},
            {"securityContext": {"readOnlyRootFilesystem": False, "capabilities": {"drop": ["ALL"], "add": ["X"]}}},
        ),
        (
            {"livenessProbe": {"periodSeconds": 9, "httpGet": {"path": "/x"}}},
            {"livenessProbe": {"httpGet": {"path": "/x", "port": "web"}, "periodSeconds": 9}},
        ),
        ({"livenessProbe": {"exec": {"command": ["x"]}}}, {"livenessProbe": {"exec": {"command": ["x"]}, "periodSeconds": 5}}),
        ({"command": ["sh"]}, {"command": ["sh"]}),
    ],
)
def test_patches_merge_as_kubernetes_does(patch: dict[str, Any], wanted: dict[str, Any]) -> None:
    assert patched(**patch) == {**OURS, **wanted}


def test_an_environment_variable_never_has_a_value_and_a_source() -> None:
    source = {"fieldRef": {"fieldPath": "metadata.name"}}
    (found, _) = patched(env=[{"name": "A", "valueFrom": source}])["env"]
    assert found == {"name": "A", "valueFrom": source}
    back = merge_container({"name": "c", "env": [found]}, {"name": "c", "env": [{"name": "A", "value": "3"}]})
    assert back["env"] == [{"name": "A", "value": "3"}]


def test_new_variables_come_before_ours_that_may_refer_to_them() -> None:
    assert [one["name"] for one in patched(env=[{"name": "N", "value": "x"}])["env"]] == ["N", "A", "B"]
    both = [{"name": "B", "value": "9"}, {"name": "N", "value": "x"}]
    assert [(one["name"], one["value"]) for one in patched(env=both)["env"]] == [("A", "1"), ("B", "9"), ("N", "x")]


def test_the_users_own_containers_follow_ours() -> None:
    found = pods.merge_containers([OURS], [{"name": "side", "image": "s", "args": None}])
    assert found == [OURS, {"name": "side", "image": "s"}]


def test_patches_for_reloaders_have_no_object_and_are_told() -> None:
    spec: dict[str, Any] = {
        "containers": [{"name": "side"}, {"name": "config-reloader", "resources": {}}],
        "initContainers": [{"name": "init-config-reloader"}],
    }
    assert [one["name"] for one in pods.merge_containers([OURS], spec["containers"])] == ["prometheus", "side"]
    assert pods.reloader_patches(spec) == ["spec.containers[1]", "spec.initContainers[0]"]


def test_selected_labels_of_pods_can_not_be_taken_away() -> None:
    given = {"podMetadata": {"labels": {"name": "theirs", "team": "a"}, "annotations": {pods.DEFAULT_CONTAINER: "side"}}}
    found = pods.template_metadata(given, "3.5.0", {"name": "ours"}, "prometheus")
    assert found["labels"] == {pods.VERSION: "3.5.0", "name": "ours", "team": "a"}
    assert found["annotations"] == {pods.DEFAULT_CONTAINER: "side"}


def test_everything_that_a_spec_says_of_pods_arrives() -> None:
    spec: dict[str, Any] = {
        "affinity": {"nodeAffinity": {}},
        "automountServiceAccountToken": False,
        "dnsConfig": {"nameservers": ["1.1.1.1"]},
        "dnsPolicy": "Default",
        "enableServiceLinks": False,
        "hostAliases": [{"ip": "1.1.1.1", "hostnames": ["a"]}],
        "hostNetwork": True,
        "hostUsers": False,
        "imagePullSecrets": [{"name": "s"}],
        "initContainers": [{"name": "i", "image": "i"}],
        "nodeSelector": {"a": "b"},
        "priorityClassName": "p",
        "schedulerName": "s",
        "serviceAccountName": "sa",
        "terminationGracePeriodSeconds": 0,
        "tolerations": [{"operator": "Exists"}],
    }
    body = pods.pod_spec(spec, [], [], grace=600, token=True)
    assert {name: body[name] for name in spec} == spec


def test_what_a_spec_does_not_say_is_left_to_kubernetes() -> None:
    body = pods.pod_spec({"hostNetwork": False, "nodeSelector": {}, "schedulerName": ""}, [], [], grace=600)
    assert set(body) == {"containers", "initContainers", "volumes", "securityContext", "terminationGracePeriodSeconds"}
    assert pods.pod_spec({"hostNetwork": True}, [], [], grace=1)["dnsPolicy"] == "ClusterFirstWithHostNet"
    assert pods.pod_spec({}, [], [], grace=1, token=True)["automountServiceAccountToken"] is True


def test_init_containers_of_a_predecessor_are_cleared() -> None:
    """An absent list would leave them where they are."""
    assert pods.pod_spec({}, [], [], grace=1)["initContainers"] == []


def test_spread_constraints_get_the_pods_own_labels_on_wish() -> None:
    labels = {"name": "k8s", "shard": "1"}
    plain = {"topologyKey": "z", "labelSelector": {"matchExpressions": [{"key": "x", "operator": "Exists"}]}}
    whole, shard, untouched = pods.topology_spread(
        [{**plain, "additionalLabelSelectors": "OnResource"}, {"additionalLabelSelectors": "OnShard"}, plain], labels, "shard"
    )
    assert whole["labelSelector"] == {**plain["labelSelector"], "matchLabels": {"name": "k8s"}}  # type: ignore[dict-item]
    assert shard == {"labelSelector": {"matchLabels": labels}}
    assert untouched == plain
