"""Names, namespaces, labels, two releases side by side: checklist items 16 to 19."""

from __future__ import annotations

import re
from typing import Any

import pytest

from ci.generate.charts import CHARTS, OPERATORS
from davit_charts_tests import helm
from davit_charts_tests.cases import CASES

LONG = "a-release-with-a-name-of-fifty-three-characters-12345"
STANDARD = {
    "app.kubernetes.io/name", "app.kubernetes.io/instance", "app.kubernetes.io/component",
    "app.kubernetes.io/version", "app.kubernetes.io/managed-by", "app.kubernetes.io/part-of", "helm.sh/chart",
}  # fmt: skip
SELECTOR = {"app.kubernetes.io/name", "app.kubernetes.io/instance", "app.kubernetes.io/component"}
RUN = ("EtcdCluster", "Prometheus", "Alertmanager")
"""Kinds after whose objects pods are called."""
CLUSTER_SCOPED = {"ClusterRole", "ClusterRoleBinding"}
FULL: dict[str, dict[str, Any]] = {
    **{chart: {} for chart in CASES},
    "app-with-etcd": {"operator": {"enabled": True}},
}


def own(objects: list[helm.Object]) -> list[helm.Object]:
    """Without what a user adds as extraObjects."""
    return [o for o in objects if not (o["kind"] == "ConfigMap" and o["metadata"]["name"].startswith(("one", "two")))]


def strings(node: Any) -> list[str]:
    if isinstance(node, dict):
        return [s for key, below in node.items() for s in (key, *strings(below))]
    if isinstance(node, list):
        return [s for below in node for s in strings(below)]
    return [node] if isinstance(node, str) else []


@pytest.mark.parametrize("release", [LONG, "x", "1", "a.b.c", "etcd-operator", LONG.replace("-", "."), "9" * 53])
@pytest.mark.parametrize("namespace", ["n", "n" * 63])
def test_names_fit(chart: str, release: str, namespace: str) -> None:
    """Item 16: at most 63 characters, and 40 for what pods are called after, with any release name that Helm takes."""
    assert len(LONG) == 53
    case = CASES[chart].get("everything", {})
    every = (FULL[chart], case, {**case, **FULL[chart]})
    for values in every:
        for made in own(helm.template("helm4", chart, values, release=release, namespace=namespace)):
            name = made["metadata"]["name"]
            dots = "." if "Role" in made["kind"] else ""
            assert re.fullmatch(rf"[a-z]([-{dots}a-z0-9]*[a-z0-9])?", name), name
            assert len(name) <= (40 if made["kind"] in RUN else 63), (made["kind"], name)
            for label in strings(made["metadata"].get("labels", {})):
                assert len(label.rpartition("/")[2]) <= 63


def test_a_service_name_may_start_with_a_letter_only(chart: str) -> None:
    """Item 16: Helm takes a release called `1`, Kubernetes takes no such Service."""
    for made in helm.template("helm4", chart, FULL[chart], release="1"):
        assert made["kind"] not in ("Service", *RUN) or made["metadata"]["name"][0].isalpha()


def test_shortened_names_stay_apart(chart: str) -> None:
    """Item 16: two long releases that differ in the last character."""
    first, second = ({helm.key(o) for o in helm.template("helm4", chart, FULL[chart], release=LONG[:-1] + last)} for last in "ab")
    assert not first & second


def test_one_helper_reads_the_namespace(chart: str) -> None:
    """Item 17: everything else asks that helper."""
    texts = [f.read_text() for f in (CHARTS / chart / "templates").rglob("*") if f.is_file()]
    assert sum(text.count(".Release.Namespace") for text in texts) == (0 if chart == "davit" else 1)


@pytest.mark.parametrize(
    ("chart", "values"),
    [
        *((chart, {"namespaceOverride": "elsewhere"}) for chart in OPERATORS),
        *((chart, {"namespaceOverride": "elsewhere", "scope": "release"}) for chart in OPERATORS),
        ("davit", {name: {"namespaceOverride": "elsewhere"} for name in ("etcd", "prometheus", "alertmanager")}),
        ("etcd-cluster", {"namespaceOverride": "elsewhere"}),
        ("monitoring", {"namespaceOverride": "elsewhere"}),
        ("app-with-etcd", {"namespaceOverride": "elsewhere"}),
        ("app-with-etcd", {"namespaceOverride": "elsewhere", "operator": {"enabled": True, "namespaceOverride": "elsewhere"}}),
    ],
)
def test_namespace_override_reaches_everything(chart: str, values: dict[str, Any]) -> None:
    """Item 17: each namespaced object, and the subjects of bindings."""
    for made in helm.template("helm4", chart, values, namespace="not-here"):
        if made["kind"] not in CLUSTER_SCOPED:
            assert made["metadata"]["namespace"] == "elsewhere", helm.key(made)
        for subject in made.get("subjects", []):
            assert subject["namespace"] == "elsewhere"
        assert "not-here" not in str(made.get("spec"))


def test_every_namespaced_object_says_its_namespace(objects: list[helm.Object]) -> None:
    """Item 17: `helm template | kubectl apply` must not depend on the current context."""
    for made in own(objects):
        assert made["kind"] in CLUSTER_SCOPED or made["metadata"].get("namespace"), helm.key(made)


def test_standard_labels(objects: list[helm.Object]) -> None:
    """Item 18: on each object and pod template."""
    for made in own(objects):
        assert set(made["metadata"]["labels"]) >= STANDARD, helm.key(made)
        if "template" in made.get("spec", {}):
            assert set(made["spec"]["template"]["metadata"]["labels"]) >= STANDARD


def test_selectors(objects: list[helm.Object]) -> None:
    """Item 18: exactly name, instance and component; the pods carry them."""
    deployments = [o for o in objects if o["kind"] == "Deployment"]
    pods = [d["spec"]["template"]["metadata"]["labels"] for d in deployments]
    for made in objects:
        spec = made.get("spec", {})
        found = spec.get("podSelector") or spec.get("selector")
        if made["kind"] == "EtcdCluster" or not found:
            continue
        labels = found if made["kind"] == "Service" else found["matchLabels"]
        assert set(labels) == SELECTOR, helm.key(made)
        assert [pod for pod in pods if labels.items() <= pod.items()], helm.key(made)


def test_common_labels_reach_everything(version: str) -> None:
    """Item 18: pods too, and no selector."""
    for chart in (*OPERATORS, "app-with-etcd", "etcd-cluster", "monitoring"):
        for made in helm.template(version, chart, {"commonLabels": {"team": "storage"}}):
            assert made["metadata"]["labels"]["team"] == "storage"
            for pod in helm.pod_specs([made]):
                assert pod["metadata"]["labels"]["team"] == "storage"
            assert "team" not in str(made.get("spec", {}).get("selector"))


@pytest.mark.parametrize(
    ("one", "other"),
    [(("a", "n"), ("b", "n")), (("a", "n"), ("a", "m")), (("a-b", "n"), ("b", "n-a")), (("a", "n" * 63), ("a", "m" * 63))],
)
@pytest.mark.parametrize("values", [{}, {"scope": "namespaces", "namespaces": ["shared"]}, {"scope": "release"}])
def test_two_releases_do_not_clash(operator: str, one: tuple[str, str], other: tuple[str, str], values: dict[str, Any]) -> None:
    """Item 19: in one namespace or two, cluster-scoped objects and those in shared namespaces included."""
    first, second = (
        {helm.key(o) for o in helm.template("helm4", operator, values, release=release, namespace=namespace)}
        for release, namespace in (one, other)
    )
    assert not first & second


def test_template_names_carry_the_charts_name(chart: str) -> None:
    """Template names are global to a release: two charts that define the same overwrite each other."""
    for file in (CHARTS / chart / "templates").rglob("*"):
        if file.is_file():
            for name in re.findall(r'define "([^"]+)"', file.read_text()):
                assert name.startswith(f"{chart}."), (file, name)


def test_an_alias_changes_no_selector(operator: str) -> None:
    """The bundle calls the operator `etcd`, for example; its pods are labelled as when it is installed alone."""
    alone, bundled = (
        helm.pick(helm.template("helm4", chart, release="davit"), "Deployment", f"davit-{operator}")["spec"]["selector"]
        for chart in (operator, "davit")
    )
    assert alone == bundled
