"""Rights: checklist items 24 to 26."""

from __future__ import annotations

from typing import Any

import pytest

from ci.generate.kinds import of_chart
from davit_charts_tests import helm

Right = tuple[str, str, str]
"""API group, resource, verb."""

NAMESPACED = {"scope": "namespaces", "namespaces": ["blue", "green"]}
READ, OWN = "get list watch", "get list watch create patch delete"
MONITORING = "monitoring.coreos.com"
ETCD = "etcd.davit.dev"
CHILDREN: dict[tuple[str, str], str] = {
    ("", "services"): OWN,
    ("", "secrets"): OWN,
    ("", "pods"): f"{READ} patch",
    ("", "persistentvolumeclaims"): f"{READ} patch",
    ("apps", "statefulsets"): OWN,
    ("policy", "poddisruptionbudgets"): OWN,
    ("networking.k8s.io", "networkpolicies"): OWN,
    ("events.k8s.io", "events"): "create",
}
TAKEN = ("servicemonitors", "podmonitors", "probes", "prometheusrules", "scrapeconfigs")
RUN = ("prometheuses", "prometheusagents")
WORK: dict[str, dict[tuple[str, str], str]] = {
    "etcd-operator": {
        (ETCD, "etcdclusters"): f"{READ} create",
        (ETCD, "etcdbackups"): f"{READ} create delete",
        (ETCD, "etcdbackupschedules"): READ,
        (ETCD, "etcdrestores"): READ,
        **{(ETCD, f"{kind}/status"): "patch" for kind in ("etcdclusters", "etcdbackups", "etcdbackupschedules", "etcdrestores")},
        **{(ETCD, f"{kind}/finalizers"): "update" for kind in ("etcdclusters", "etcdbackups", "etcdbackupschedules")},
        ("batch", "jobs"): f"{READ} create delete",
        ("", "services"): OWN,
        ("", "persistentvolumeclaims"): OWN,
        ("", "pods"): f"{READ} patch delete",
        ("", "events"): "list",
        ("apps", "statefulsets"): OWN,
        ("policy", "poddisruptionbudgets"): OWN,
        ("events.k8s.io", "events"): "create",
    },
    "prometheus-operator": {
        **{(MONITORING, kind): READ for kind in (*RUN, *TAKEN)},
        **{(MONITORING, f"{kind}/status"): "patch" for kind in (*RUN, *TAKEN)},
        **{(MONITORING, f"{kind}/finalizers"): "update" for kind in RUN},
        **CHILDREN,
        ("", "configmaps"): OWN,
    },
    "alertmanager-operator": {
        **{(MONITORING, kind): READ for kind in ("alertmanagers", "alertmanagerconfigs")},
        **{(MONITORING, f"{kind}/status"): "patch" for kind in ("alertmanagers", "alertmanagerconfigs")},
        (MONITORING, "alertmanagers/finalizers"): "update",
        **CHILDREN,
        ("", "configmaps"): READ,
    },
}
"""What each operator uses in a namespace that it works in, and nothing else."""
CLUSTER = {("", "namespaces"): READ, ("storage.k8s.io", "storageclasses"): "get"}
"""What the monitoring operators use beyond namespaces."""
LEASE = {("coordination.k8s.io", "leases"): "get create update"}
PROVER = {
    ("apps", "deployments"): "get list create patch delete",
    ("apps", "deployments/finalizers"): "update",
    ("", "pods"): "get list",
    ("", "pods/exec"): "get create",
}
KEYS = {("", "secrets"): "get create update"}
EXTRA = ("-crds", "-admission")
"""Endings of the ClusterRoles that an operator may have in every scope: for objects that have no namespace, by name."""


def table(rights: dict[tuple[str, str], str]) -> set[Right]:
    return {(group, resource, verb) for (group, resource), verbs in rights.items() for verb in verbs.split()}


def rules(objects: list[helm.Object], kind: str) -> list[dict[str, Any]]:
    return [rule for o in objects if o["kind"] == kind for rule in o["rules"]]


def rights(role: helm.Object) -> set[Right]:
    return {
        (group, resource, verb)
        for rule in role["rules"]
        for group in rule.get("apiGroups", [])
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }


def roles(operator: str, values: dict[str, Any], kind: str, version: str = "helm4") -> dict[tuple[str, str], set[Right]]:
    """Namespace and name of each role, and its rights."""
    made = [o for o in helm.template(version, operator, values) if o["kind"] == kind]
    return {helm.key(o)[1:]: rights(o) for o in made}


def monitoring(operator: str) -> bool:
    return operator != "etcd-operator"


def test_no_wildcards(objects: list[helm.Object]) -> None:
    """Item 24: and no rights to escalate, nor to run commands in pods but in the operator's own namespace."""
    for rule in rules(objects, "ClusterRole") + rules(objects, "Role"):
        assert "*" not in str(rule)
        assert not {"escalate", "bind", "impersonate"} & set(rule["verbs"])
    for rule in rules(objects, "ClusterRole"):
        assert "pods/exec" not in rule.get("resources", [])
    for role in objects:
        if role["kind"] == "ClusterRole" and component(role) != "prometheus":
            assert not [rule for rule in role["rules"] if "nonResourceURLs" in rule]


def test_etcd_needs_no_secrets() -> None:
    """Item 24: its operator has no rights on them at all."""
    made = helm.template("helm4", "etcd-operator")
    assert not [rule for kind in ("ClusterRole", "Role") for rule in rules(made, kind) if "secrets" in rule["resources"]]


def test_rights_of_a_cluster_wide_operator(version: str, operator: str) -> None:
    """Item 24: the exact table; in its own namespace its Lease, and for some what they check configurations with."""
    extra = CLUSTER if monitoring(operator) else {}
    assert roles(operator, {}, "ClusterRole", version)["", f"team.demo-{operator}"] == table({**WORK[operator], **extra})
    home = {("team", f"demo-{operator}-home"): table({**PROVER, **KEYS})} if monitoring(operator) else {}
    assert roles(operator, {}, "Role") == {("team", f"demo-{operator}-lease"): table(LEASE), **home}


def test_crd_rights_are_for_its_own_crds(operator: str) -> None:
    """Item 24: restricted by name, creation too, which server-side apply makes possible."""
    made = helm.pick(helm.template("helm4", operator), "ClusterRole", f"team.demo-{operator}-crds")
    (rule,) = made["rules"]
    assert rule["resourceNames"] == sorted(kind.name for kind in of_chart(operator))
    assert set(rule["verbs"]) == {"get", "create", "patch"}


@pytest.mark.parametrize("operator", ["prometheus-operator", "alertmanager-operator"], indirect=True)
def test_what_others_installed_is_read_by_name(operator: str) -> None:
    """Item 24: with crds.maintain off, an operator still learns what a status can hold; and changes no CRD."""
    made = helm.template("helm4", operator, {"crds": {"maintain": False}})
    assert not [o for o in made if o["metadata"]["name"].endswith("-crds")]
    role = helm.pick(made, "ClusterRole", f"team.demo-{operator}")
    (rule,) = (rule for rule in role["rules"] if "customresourcedefinitions" in rule["resources"])
    assert rule["resourceNames"] == sorted(kind.name for kind in of_chart(operator))
    assert rule["verbs"] == ["get"]


@pytest.mark.parametrize("operator", ["prometheus-operator", "alertmanager-operator"], indirect=True)
def test_admission_rights_are_for_its_own_registration(operator: str) -> None:
    """Item 24: by the names that the operator is told; none without admission; the owner is known only if it is made."""
    name = f"team.demo-{operator}-admission"
    made = helm.template("helm4", operator)
    webhook, owner = helm.pick(made, "ClusterRole", name)["rules"]
    assert (webhook["resourceNames"], webhook["verbs"]) == ([name], ["get", "create", "patch"])
    assert (owner["resources"], owner["resourceNames"], owner["verbs"]) == (["clusterroles"], [name], ["get"])
    told = environment(made)
    assert told["DAVIT_WEBHOOK_CONFIGURATION"] == told["DAVIT_WEBHOOK_OWNER"] == name
    (keys,) = (
        r for r in helm.pick(made, "Role", f"demo-{operator}-home")["rules"] if "secrets" in r["resources"] and len(r) == 4
    )
    assert keys["resourceNames"] == [told["DAVIT_WEBHOOK_SECRET"]]
    assert environment(helm.template("helm4", operator, {"rbac": {"create": False}}))["DAVIT_WEBHOOK_OWNER"] == ""
    off = helm.template("helm4", operator, {"admission": {"enabled": False}})
    assert not [o for o in off if "admission" in o["metadata"]["name"] or "webhook" in o["metadata"]["name"]]
    assert rights(helm.pick(off, "Role", f"demo-{operator}-home")) == table(PROVER)


def environment(made: list[helm.Object]) -> dict[str, Any]:
    (container,) = helm.pick(made, "Deployment")["spec"]["template"]["spec"]["containers"]
    return {entry["name"]: entry.get("value") for entry in container["env"]}


@pytest.mark.parametrize(
    ("values", "namespaces"),
    [(NAMESPACED, {"blue", "green"}), ({"scope": "release"}, {"team"})],
)
def test_rights_shrink_with_scope(version: str, operator: str, values: dict[str, Any], namespaces: set[str]) -> None:
    """Item 24: one Role in each namespace, the same rights as cluster-wide, and ClusterRoles only for what has no namespace."""
    found = {
        place: given
        for place, given in roles(operator, values, "Role", version).items()
        if not place[1].endswith(("-lease", "-home"))
    }
    assert {namespace for namespace, _ in found} == namespaces
    assert all(given == table(WORK[operator]) for given in found.values())
    wide = {name for _, name in roles(operator, values, "ClusterRole", version)}
    assert wide == {f"team.demo-{operator}{end}" for end in (EXTRA if monitoring(operator) else EXTRA[:1])}
    assert not roles(operator, {**values, **without_cluster_roles(operator)}, "ClusterRole", version)


def without_cluster_roles(operator: str) -> dict[str, Any]:
    off = {"admission": {"enabled": False}} if monitoring(operator) else {}
    return {"crds": {"maintain": False}, **off}


def test_the_operator_watches_where_it_has_rights(version: str, operator: str) -> None:
    """Item 24: namespaced means namespaced."""
    for values, watched in (({}, ""), (NAMESPACED, "blue,green"), ({"scope": "release"}, "team")):
        assert environment(helm.template(version, operator, values))["DAVIT_WATCH_NAMESPACES"] == watched


def test_bindings_fit_their_roles(objects: list[helm.Object]) -> None:
    """Item 24: each role but those for others is bound, in its namespace, to its operator's account alone."""
    bound = {}
    for binding in objects:
        if binding["kind"] in ("RoleBinding", "ClusterRoleBinding") and component(binding) == "operator":
            kind = binding["kind"].removesuffix("Binding")
            assert binding["roleRef"]["kind"] == kind
            bound[kind, binding["metadata"].get("namespace", ""), binding["roleRef"]["name"]] = binding
    made = {helm.key(o): o for o in objects if o["kind"] in ("Role", "ClusterRole") and component(o) == "operator"}
    assert set(bound) == set(made)
    for chart in {name(o) for o in made.values()}:
        its = [binding["subjects"] for key, binding in bound.items() if name(made[key]) == chart]
        accounts = {(s["kind"], s["namespace"], s["name"]) for subjects in its for s in subjects}
        assert len(accounts) == 1
        assert accounts <= {helm.key(o) for o in objects if o["kind"] == "ServiceAccount" and name(o) == chart}


def component(made: helm.Object) -> str:
    return str(made["metadata"]["labels"]["app.kubernetes.io/component"])


def name(made: helm.Object) -> str:
    return str(made["metadata"]["labels"]["app.kubernetes.io/name"])


def for_users(role: helm.Object) -> bool:
    return any(label.startswith("rbac.authorization.k8s.io/aggregate-to-") for label in role["metadata"]["labels"])


def test_rights_for_users(operator: str) -> None:
    """Item 24: view reads, edit writes, both only on our kinds, all of them; switchable; none without cluster scope."""
    made = helm.template("helm4", operator)
    users = {o["metadata"]["name"]: rights(o) for o in made if o["kind"] == "ClusterRole" and for_users(o)}
    assert set(users) == {f"team.demo-{operator}-view", f"team.demo-{operator}-edit"}
    view, edit = (users[f"team.demo-{operator}-{role}"] for role in ("view", "edit"))
    assert {verb for _, _, verb in view} == {"get", "list", "watch"}
    kinds = of_chart(operator)
    assert {group for group, _, _ in view | edit} == {kind.crd.kind.group for kind in kinds}
    scaled = {f"{kind.crd.kind.plural}/scale" for kind in kinds if kind.crd.scale}
    for given, more in ((view, "/status"), (edit, None)):
        resources = {resource for _, resource, _ in given}
        assert {kind.crd.kind.plural for kind in kinds} <= resources
        assert {r for r in resources if r.endswith("/scale")} == scaled
        assert more is None or {scale.replace("/scale", more) for scale in scaled} <= resources
    off = helm.template("helm4", operator, {"rbac": {"aggregateToUserRoles": False}})
    assert not [o for o in off if o["kind"] == "ClusterRole" and for_users(o)]


def test_a_namespace_admin_can_install(version: str, operator: str) -> None:
    """Item 25: nothing with cluster scope, nothing in a foreign namespace; also without any role."""
    for values in ({}, {"rbac": {"create": False}}):
        given = {"scope": "release", **without_cluster_roles(operator), **values}
        made = helm.template(version, operator, given)
        assert {o["metadata"].get("namespace") for o in made} == {"team"}
        assert values == {} or not [o for o in made if "Role" in o["kind"]]


def test_service_account(version: str, operator: str) -> None:
    """Item 26: made or given, with a name, annotations and labels."""
    account = helm.pick(
        helm.template(version, operator, {"serviceAccount": {"name": "me", "annotations": {"a": "b"}, "labels": {"c": "d"}}}),
        "ServiceAccount",
    )
    assert account["metadata"]["name"] == "me"
    assert account["metadata"]["annotations"] == {"a": "b"}
    assert account["metadata"]["labels"]["c"] == "d"
    for values, named in (({"create": False}, "default"), ({"create": False, "name": "theirs"}, "theirs")):
        made = helm.template(version, operator, {"serviceAccount": values})
        assert not [o for o in made if o["kind"] == "ServiceAccount"]
        assert helm.pick(made, "Deployment")["spec"]["template"]["spec"]["serviceAccountName"] == named
        subjects = {s["name"] for o in made for s in o.get("subjects", [])}
        assert subjects == {named}


def test_a_prometheus_may_discover_and_scrape() -> None:
    """The ClusterRole for Prometheuses' own accounts reads, and is bound to those that are named; for `cluster` only."""
    values = {"prometheusRole": {"serviceAccounts": [{"name": "prometheus", "namespace": "monitoring"}]}}
    made = helm.template("helm4", "prometheus-operator", values)
    role = helm.pick(made, "ClusterRole", "team.demo-prometheus-operator-prometheus")
    assert {verb for rule in role["rules"] for verb in rule["verbs"]} == {"get", "list", "watch"}
    resources = {resource for rule in role["rules"] for resource in rule.get("resources", [])}
    assert resources == {"nodes", "nodes/metrics", "services", "endpoints", "endpointslices", "pods", "ingresses"}
    assert [rule for rule in role["rules"] if "/metrics" in rule.get("nonResourceURLs", [])]
    binding = helm.pick(made, "ClusterRoleBinding", role["metadata"]["name"])
    assert binding["subjects"] == [{"kind": "ServiceAccount", "name": "prometheus", "namespace": "monitoring"}]
    for off in ({"prometheusRole": {"create": False}}, {"scope": "release"}, {"rbac": {"create": False}}):
        assert not [o for o in helm.template("helm4", "prometheus-operator", {**values, **off}) if component(o) == "prometheus"]
    plain = helm.template("helm4", "prometheus-operator")
    assert not [o for o in plain if o["kind"] == "ClusterRoleBinding" and component(o) == "prometheus"]
