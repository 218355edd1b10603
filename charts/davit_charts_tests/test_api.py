"""The charts on a real API server, without nodes: checklist items 19, 22, 24, 25, 38 and 39 as far as that goes."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from ci.cluster.controlplane import ControlPlane
from ci.errors import CommandFailed
from ci.generate.charts import CHARTS
from ci.generate.kinds import KINDS
from davit_charts_tests import helm
from davit_charts_tests.cases import CASES

pytestmark = [pytest.mark.api, pytest.mark.timeout(180)]

CRDS = CHARTS / "etcd-operator" / "crds"
ACCOUNT = "system:serviceaccount:team:demo-etcd-operator"


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    with ControlPlane(tmp_path_factory.mktemp("api")) as control:
        for namespace in ("team", "blue", "green", "elsewhere", "data", "tenant"):
            control.kubectl("create", "namespace", namespace)
        control.kubectl("label", "namespace", "team", "pod-security.kubernetes.io/enforce=restricted")
        yield control


@pytest.fixture
def crds(api: ControlPlane) -> None:
    api.kubectl("apply", "--server-side", "--force-conflicts", "-f", str(CRDS))


def known(objects: list[helm.Object]) -> list[helm.Object]:
    """Without third-party kinds, and objects of users that name no namespace."""
    return [o for o in objects if o["kind"] != "ServiceMonitor" and ("Role" in o["kind"] or "namespace" in o["metadata"])]


def apply(api: ControlPlane, objects: list[helm.Object], *more: str) -> list[helm.Object]:
    text = yaml.safe_dump_all(objects)
    made = json.loads(api.kubectl("apply", "--server-side", "-o", "json", *more, "-f", "-", stdin=text))
    return list(made["items"]) if made["kind"] == "List" else [made]


def versions(objects: list[helm.Object]) -> dict[tuple[str, str, str], str]:
    return {helm.key(o): o["metadata"]["resourceVersion"] for o in objects}


@pytest.mark.usefixtures("crds")
def test_applied_twice_changes_nothing(api: ControlPlane, pair: tuple[str, str]) -> None:
    """Item 38: by server-side apply without force: accepted, no conflict, and the second time no write.

    The instance chart lets newer fields pass; the API server refuses a misspelt one, so that it is not lost in silence.
    """
    chart, case = pair
    objects = known(helm.template("helm4", chart, CASES[chart][case], release=f"{case}-x"))
    if case == "newer-field":
        with pytest.raises(CommandFailed, match="fieldOfTheFuture: field not declared in schema"):
            apply(api, objects)
    elif objects:
        apply(api, objects)
        for namespace in {o["metadata"]["namespace"] for o in objects if o["kind"] == "EtcdCluster"}:
            look_at_clusters(api, namespace)
        before = {o: version for o, version in present_all(api).items() if o in set(map(helm.key, objects))}
        assert before
        assert versions(apply(api, objects)) == before


@pytest.mark.parametrize("chart", ["etcd-operator", "app-with-etcd"])
def test_pods_are_admitted_under_restricted(api: ControlPlane, chart: str) -> None:
    """Item 22: Pod Security itself judges each pod, the Job's too."""
    objects = helm.template("helm4", chart)
    account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "default", "namespace": "team"}}
    apply(api, [account, *(o for o in objects if o["kind"] == "ServiceAccount")])
    for number, template in enumerate(helm.pod_specs(objects)):
        pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": f"p{number}", "namespace": "team"}}
        apply(api, [{**pod, "spec": template["spec"]}], "--dry-run=server")


def test_restricted_would_refuse(api: ControlPlane) -> None:
    """Item 22: the judge judges."""
    objects = helm.template("helm4", "etcd-operator", {"securityContext": None})
    template = helm.pick(objects, "Deployment")["spec"]["template"]
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p", "namespace": "team"}, "spec": template["spec"]}
    with pytest.raises(CommandFailed, match=r"violates PodSecurity|forbidden"):
        apply(api, [pod], "--dry-run=server")


def look_at_clusters(api: ControlPlane, namespace: str) -> None:
    """As the operator does at once: the default of a status is stored with the first write after the creation."""
    seen = '{"status": {"observedGeneration": 1}}'
    for name in api.kubectl("get", "etcdclusters", "-n", namespace, "-o", "name").split():
        api.kubectl("patch", name, "-n", namespace, "--subresource=status", "--type=merge", "-p", seen)


def command(api: ControlPlane, version: str, *words: str) -> str:
    said = helm.helm(version, *words, "--kubeconfig", api.kubeconfig)
    assert said.code == 0, said.error
    return said.out


KINDS_MADE = (
    "deployments,services,configmaps,etcdclusters,roles,rolebindings,serviceaccounts,poddisruptionbudgets,jobs,networkpolicies"
)


def present(api: ControlPlane, namespace: str) -> dict[tuple[str, str, str], str]:
    return versions(json.loads(api.kubectl("get", KINDS_MADE, "-n", namespace, "-o", "json"))["items"])


def present_all(api: ControlPlane) -> dict[tuple[str, str, str], str]:
    kinds = f"{KINDS_MADE},clusterroles,clusterrolebindings"
    return versions(json.loads(api.kubectl("get", kinds, "-A", "-o", "json"))["items"])


def test_one_release_of_operator_etcd_and_app(api: ControlPlane, version: str) -> None:
    """Items 38 and 39: on a cluster that lacks the kind; upgrades change nothing; uninstalling keeps the kind."""
    api.kubectl("delete", "crd", "--all")
    where = ("app", str(CHARTS / "app-with-etcd"), "--namespace", f"one-{version}")
    values = ("--set", "operator.enabled=true")
    command(api, version, "install", *where, "--create-namespace", *values)
    look_at_clusters(api, f"one-{version}")
    first = present(api, f"one-{version}")
    assert ("EtcdCluster", f"one-{version}", "app-etcd") in first
    command(api, version, "upgrade", *where, *values)
    command(api, version, "upgrade", *where, "--reuse-values")
    command(api, version, "upgrade", *where, "--reset-then-reuse-values")
    assert present(api, f"one-{version}") == first
    command(api, version, "uninstall", "app", "--namespace", f"one-{version}")
    left = {key for key in present(api, f"one-{version}") if key[2] not in ("default", "kube-root-ca.crt")}
    assert not left
    assert [name for kind in KINDS for name in api.kubectl("get", "crd", "-o", "name").split() if kind.name in name]


@pytest.mark.usefixtures("crds")
def test_helm_4_upgrades_what_helm_3_installed(api: ControlPlane) -> None:
    """Item 38: for those who change Helm on the way."""
    where = ("old", str(CHARTS / "app-with-etcd"), "--namespace", "two-helms")
    command(api, "helm3", "install", *where, "--create-namespace")
    command(api, "helm4", "upgrade", *where, "--set", "etcd.spec.size=5")
    size = api.kubectl("get", "etcdcluster", "old-etcd", "-n", "two-helms", "-o", "jsonpath={.spec.size}")
    assert size == "5"


@pytest.mark.usefixtures("crds")
def test_new_resources_are_in_progress(api: ControlPlane) -> None:
    """`helm install --wait` of Helm 4 must not take a resource that nobody has looked at for ready."""
    apply(api, helm.template("helm4", "etcd-cluster", release="new"))
    made = json.loads(api.kubectl("get", "etcdcluster", "new", "-n", "team", "-o", "json"))
    assert made["status"]["observedGeneration"] != made["metadata"]["generation"]


def as_account(api: ControlPlane, crd: dict[str, Any]) -> None:
    api.kubectl("apply", "--server-side", f"--as={ACCOUNT}", "-f", "-", stdin=yaml.safe_dump(crd))


def test_the_operator_may_apply_its_own_crds_alone(api: ControlPlane) -> None:
    """Item 24: make and change those of its chart; no others, although `create` is a right without names elsewhere."""
    apply(api, known(helm.template("helm4", "etcd-operator")))
    api.kubectl("delete", "crd", "--all")
    for kind in KINDS:
        as_account(api, kind.manifest)
        as_account(api, kind.manifest)
        other = json.loads(json.dumps(kind.manifest).replace(kind.crd.kind.plural, "others"))
        with pytest.raises(CommandFailed, match="forbidden"):
            as_account(api, other)


def readme_role() -> helm.Object:
    """The ClusterRole that the README asks an administrator for."""
    blocks = re.findall(r"```yaml\n(.*?)```", (CHARTS / "etcd-operator" / "README.md").read_text(), re.DOTALL)
    return next(made for made in map(yaml.safe_load, blocks) if made["kind"] == "ClusterRole")


@pytest.mark.usefixtures("crds")
@pytest.mark.parametrize("chart", ["etcd-operator", "app-with-etcd"])
def test_a_namespace_admin_installs(api: ControlPlane, version: str, chart: str) -> None:
    """Item 25: as a person who is only `admin` of one namespace, with the README's one addition to that role."""
    # Without controllers nobody aggregates roles, so the parts of `admin` are bound one by one.
    parts = [f"system:aggregate-to-{name}" for name in ("admin", "edit", "view")]
    for role in (*parts, readme_role()["metadata"]["name"]):
        binding = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role}
        person = {"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "tenant"}
        bound: helm.Object = {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "RoleBinding",
            "metadata": {"name": role.replace(":", "-"), "namespace": "tenant"},
            "roleRef": binding,
            "subjects": [person],
        }
        apply(api, [readme_role(), bound])
    flags = ("--namespace", "tenant", "--skip-crds", "--kube-as-user", "tenant")
    below = "" if chart == "etcd-operator" else "operator."
    values = f"{below}enabled=true,{below}scope=release,{below}crds.maintain=false"
    command(api, version, "install", "mine", str(CHARTS / chart), *flags, "--set", values)
    command(api, version, "uninstall", "mine", "--namespace", "tenant", "--kube-as-user", "tenant")
