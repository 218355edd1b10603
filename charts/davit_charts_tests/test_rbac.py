"""Rights: checklist items 24 to 26."""

from __future__ import annotations

from typing import Any

import pytest

from ci.generate.kinds import KINDS
from davit_charts_tests import helm

Right = tuple[str, str, str]
"""API group, resource, verb."""

NAMESPACED = {"scope": "namespaces", "namespaces": ["blue", "green"]}
WORK: dict[tuple[str, str], str] = {
    ("etcd.davit.dev", "etcdclusters"): "get list watch",
    ("etcd.davit.dev", "etcdclusters/status"): "patch update",
    ("etcd.davit.dev", "etcdclusters/finalizers"): "update",
    ("", "services"): "get list watch create patch delete",
    ("", "persistentvolumeclaims"): "get list watch create patch delete",
    ("", "pods"): "get list watch patch delete",
    ("", "events"): "get list",
    ("apps", "statefulsets"): "get list watch create patch delete",
    ("policy", "poddisruptionbudgets"): "get list watch create patch delete",
    ("events.k8s.io", "events"): "create patch",
}
"""What the operator uses in a namespace that it works in, and nothing else."""


def rules(objects: list[helm.Object], kind: str) -> list[dict[str, Any]]:
    return [rule for o in objects if o["kind"] == kind for rule in o["rules"]]


def rights(role: helm.Object) -> set[Right]:
    return {
        (group, resource, verb)
        for rule in role["rules"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }


def work() -> set[Right]:
    return {(group, resource, verb) for (group, resource), verbs in WORK.items() for verb in verbs.split()}


def roles(values: dict[str, Any], kind: str, version: str = "helm4") -> dict[tuple[str, str], set[Right]]:
    """Namespace and name of each role, and its rights."""
    made = [o for o in helm.template(version, "etcd-operator", values) if o["kind"] == kind]
    return {helm.key(o)[1:]: rights(o) for o in made}


def test_no_wildcards(objects: list[helm.Object]) -> None:
    """Item 24: and no rights on Secrets, which the operator does not use, nor to escalate."""
    for rule in rules(objects, "ClusterRole") + rules(objects, "Role"):
        assert "*" not in str(rule)
        assert "secrets" not in rule["resources"]
        assert not {"escalate", "bind", "impersonate"} & set(rule["verbs"])
        assert "nonResourceURLs" not in rule


def test_rights_of_a_cluster_wide_operator(version: str) -> None:
    """Item 24: the exact table, its own CRDs by name, its Lease in its own namespace."""
    assert roles({}, "ClusterRole", version)["", "team.demo-etcd-operator"] == work()
    assert roles({}, "Role") == {
        ("team", "demo-etcd-operator-lease"): {
            ("coordination.k8s.io", "leases", verb) for verb in ("get", "create", "update", "patch")
        }
    }


def test_crd_rights_are_for_its_own_crds() -> None:
    """Item 24: restricted by name, creation too, which server-side apply makes possible."""
    made = helm.pick(helm.template("helm4", "etcd-operator"), "ClusterRole", "team.demo-etcd-operator-crds")
    (rule,) = made["rules"]
    assert rule["resourceNames"] == sorted(kind.name for kind in KINDS if kind.chart == "etcd-operator")
    assert set(rule["verbs"]) == {"get", "create", "patch", "update"}


@pytest.mark.parametrize(
    ("values", "namespaces"),
    [(NAMESPACED, {"blue", "green"}), ({"scope": "release"}, {"team"})],
)
def test_rights_shrink_with_scope(version: str, values: dict[str, Any], namespaces: set[str]) -> None:
    """Item 24: one Role in each namespace, the same rights as cluster-wide, and only the CRDs' ClusterRole."""
    found = {place: given for place, given in roles(values, "Role", version).items() if not place[1].endswith("-lease")}
    assert {namespace for namespace, _ in found} == namespaces
    assert all(given == work() for given in found.values())
    assert set(roles(values, "ClusterRole", version)) == {("", "team.demo-etcd-operator-crds")}
    assert not roles({**values, "crds": {"maintain": False}}, "ClusterRole", version)


def test_the_operator_watches_where_it_has_rights(version: str) -> None:
    """Item 24: namespaced means namespaced."""
    for values, watched in (({}, ""), (NAMESPACED, "blue,green"), ({"scope": "release"}, "team")):
        made = helm.pick(helm.template(version, "etcd-operator", values), "Deployment")
        (container,) = made["spec"]["template"]["spec"]["containers"]
        assert {"name": "DAVIT_WATCH_NAMESPACES", "value": watched} in container["env"]


def test_bindings_fit_their_roles(objects: list[helm.Object]) -> None:
    """Item 24: each role but those for users is bound, in its namespace, to the operator's account alone."""
    bound = {}
    for binding in objects:
        if binding["kind"] in ("RoleBinding", "ClusterRoleBinding"):
            kind = binding["kind"].removesuffix("Binding")
            assert binding["roleRef"]["kind"] == kind
            bound[kind, binding["metadata"].get("namespace", ""), binding["roleRef"]["name"]] = binding["subjects"]
    made = {helm.key(o) for o in objects if o["kind"] in ("Role", "ClusterRole") if not for_users(o)}
    assert set(bound) == made
    accounts = {(s["kind"], s["namespace"], s["name"]) for subjects in bound.values() for s in subjects}
    assert len(accounts) <= 1
    assert accounts <= {helm.key(o) for o in objects if o["kind"] == "ServiceAccount"} or not accounts


def for_users(role: helm.Object) -> bool:
    return any(label.startswith("rbac.authorization.k8s.io/aggregate-to-") for label in role["metadata"]["labels"])


def test_rights_for_users() -> None:
    """Item 24: view reads, edit writes, both only on our kinds; switchable; none without cluster scope."""
    made = helm.template("helm4", "etcd-operator")
    users = {o["metadata"]["name"]: rights(o) for o in made if o["kind"] == "ClusterRole" and for_users(o)}
    assert set(users) == {"team.demo-etcd-operator-view", "team.demo-etcd-operator-edit"}
    assert {verb for _, _, verb in users["team.demo-etcd-operator-view"]} == {"get", "list", "watch"}
    assert {group for given in users.values() for group, _, _ in given} == {"etcd.davit.dev"}
    off = helm.template("helm4", "etcd-operator", {"rbac": {"aggregateToUserRoles": False}})
    assert not [o for o in off if o["kind"] == "ClusterRole" and for_users(o)]


def test_a_namespace_admin_can_install(version: str) -> None:
    """Item 25: nothing with cluster scope, nothing in a foreign namespace; also without any role."""
    for values in ({}, {"rbac": {"create": False}}):
        given = {"scope": "release", "crds": {"maintain": False}, **values}
        made = helm.template(version, "etcd-operator", given)
        assert {o["metadata"].get("namespace") for o in made} == {"team"}
        assert values == {} or not [o for o in made if "Role" in o["kind"]]


def test_service_account(version: str) -> None:
    """Item 26: made or given, with a name, annotations and labels."""
    account = helm.pick(
        helm.template(
            version, "etcd-operator", {"serviceAccount": {"name": "me", "annotations": {"a": "b"}, "labels": {"c": "d"}}}
        ),
        "ServiceAccount",
    )
    assert account["metadata"]["name"] == "me"
    assert account["metadata"]["annotations"] == {"a": "b"}
    assert account["metadata"]["labels"]["c"] == "d"
    for values, name in (({"create": False}, "default"), ({"create": False, "name": "theirs"}, "theirs")):
        made = helm.template(version, "etcd-operator", {"serviceAccount": values})
        assert not [o for o in made if o["kind"] == "ServiceAccount"]
        assert helm.pick(made, "Deployment")["spec"]["template"]["spec"]["serviceAccountName"] == name
        subjects = {s["name"] for o in made for s in o.get("subjects", [])}
        assert subjects == {name}
