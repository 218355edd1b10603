"""The charts on a real API server, without nodes: checklist items 19, 22, 24, 25, 38 and 39 as far as that goes."""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections.abc import Iterable, Iterator
from functools import partial
from typing import Any

import pytest
import yaml
from davit.kube.crds import maintain
from davit.kube.http import Connection

from ci.cluster.controlplane import ControlPlane
from ci.errors import CommandFailed
from ci.generate.charts import CHARTS, OPERATORS
from ci.generate.kinds import KINDS, of_chart
from ci.progress import wait_for
from davit_charts_tests import helm
from davit_charts_tests.cases import CASES

pytestmark = [pytest.mark.api, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    with ControlPlane(tmp_path_factory.mktemp("api")) as control:
        for namespace in ("team", "blue", "green", "elsewhere", "data", *map(tenant, OPERATORS)):
            control.kubectl("create", "namespace", namespace)
        control.kubectl("label", "namespace", "team", "pod-security.kubernetes.io/enforce=restricted")
        yield control


@pytest.fixture
def crds(api: ControlPlane) -> None:
    there = api.kubectl("get", "crd", "-o", "name")
    for chart in OPERATORS:
        if not all(kind.name in there for kind in of_chart(chart)):
            api.kubectl("apply", "--server-side", "--force-conflicts", "-f", str(CHARTS / chart / "crds"))
            # Established comes a moment before the kind is in discovery.
            wait_for(partial(trouble, api, "get", ",".join(kind.name for kind in of_chart(chart)), "-A"), 60)


def trouble(api: ControlPlane, *words: str) -> str | None:
    try:
        api.kubectl(*words)
    except CommandFailed as error:
        return str(error)
    return None


def forget(api: ControlPlane, operator: str) -> None:
    """Make it a cluster that lacks the operator's kinds.

    While the storage of a kind begins anew, as after each change of it, the API server fails to clean up, some times within
    milliseconds, and then tries again after minutes, or when the definition changes.
    """
    names = [kind.name for kind in of_chart(operator)]
    api.kubectl("delete", "crd", "--ignore-not-found", "--wait=false", *names)

    def left() -> str | None:
        there = api.kubectl("get", "crd", "-o", "name").split()
        found = [name for name in names if any(one.endswith(f"/{name}") for one in there)]
        if found:
            trouble(api, "annotate", "crd", "--overwrite", f"davit.dev/again={time.monotonic()}", *found)
        return f"{', '.join(found)} to be gone" if found else None

    wait_for(left, 150, every=2)


def known(objects: list[helm.Object]) -> list[helm.Object]:
    """Without objects of users that name no namespace."""
    return [o for o in objects if "Role" in o["kind"] or "namespace" in o["metadata"]]


def apply(api: ControlPlane, objects: list[helm.Object], *more: str) -> list[helm.Object]:
    text = yaml.safe_dump_all(objects)
    made = json.loads(api.kubectl("apply", "--server-side", "-o", "json", *more, "-f", "-", stdin=text))
    return list(made["items"]) if made["kind"] == "List" else [made]


def versions(objects: list[helm.Object]) -> dict[tuple[str, str, str], str]:
    return {helm.key(o): o["metadata"]["resourceVersion"] for o in objects}


@pytest.mark.usefixtures("crds")
def test_applied_twice_changes_nothing(api: ControlPlane, pair: tuple[str, str]) -> None:
    """Item 38: by server-side apply without force: accepted, no conflict, and the second time no write.

    The instance chart lets newer fields pass; the API server refuses a misspelt one of an EtcdCluster, so that it is not
    lost in silence. The kinds that others define too keep such fields.
    """
    chart, case = pair
    objects = known(helm.template("helm4", chart, CASES[chart][case], release=f"{case}-{chart}"))
    if case == "newer-field":
        with pytest.raises(CommandFailed, match="fieldOfTheFuture: field not declared in schema"):
            apply(api, objects)
    elif objects:
        apply(api, objects)
        for namespace in {o["metadata"]["namespace"] for o in objects if o["kind"] in OURS}:
            look(api, namespace)
        before = {o: version for o, version in present_all(api).items() if o in set(map(helm.key, objects))}
        assert before
        assert versions(apply(api, objects)) == before


@pytest.mark.parametrize("chart", [*OPERATORS, "app-with-etcd"])
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


MADE = ("EtcdCluster", "ServiceMonitor", "Prometheus", "Alertmanager")
OURS = {kind.crd.kind.kind: kind.name for kind in KINDS if kind.crd.kind.kind in MADE}
"""The custom resources that the charts make."""


def look(api: ControlPlane, namespace: str) -> None:
    """As the operator does at once: the default of a status is stored with the first write after the creation."""
    seen = '{"status": {"observedGeneration": 1}}'
    there = api.kubectl("get", "crd", "-o", "name")
    for kind in (kind for kind in OURS.values() if kind in there):
        for name in api.kubectl("get", kind, "-n", namespace, "-o", "name").split():
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
    kinds = f"{KINDS_MADE},{','.join(OURS.values())},clusterroles,clusterrolebindings"
    return versions(json.loads(api.kubectl("get", kinds, "-A", "-o", "json"))["items"])


def test_one_release_of_operator_etcd_and_app(api: ControlPlane, version: str) -> None:
    """Items 38 and 39: on a cluster that lacks the kind; upgrades change nothing; uninstalling keeps the kind."""
    forget(api, "etcd-operator")
    where = ("app", str(CHARTS / "app-with-etcd"), "--namespace", f"one-{version}")
    values = ("--set", "operator.enabled=true")
    command(api, version, "install", *where, "--create-namespace", *values)
    look(api, f"one-{version}")
    first = present(api, f"one-{version}")
    assert ("EtcdCluster", f"one-{version}", "app-etcd") in first
    command(api, version, "upgrade", *where, *values)
    command(api, version, "upgrade", *where, "--reuse-values")
    command(api, version, "upgrade", *where, "--reset-then-reuse-values")
    assert present(api, f"one-{version}") == first
    command(api, version, "uninstall", "app", "--namespace", f"one-{version}")
    left = {key for key in present(api, f"one-{version}") if key[2] not in ("default", "kube-root-ca.crt")}
    assert not left
    assert all(kind.name in api.kubectl("get", "crd", "-o", "name") for kind in of_chart("etcd-operator"))


async def written_by_an_operator(api: ControlPlane, crds: Iterable[helm.Object]) -> None:
    """As an operator of any release keeps its CRDs current."""
    client = Connection.load(str(api.kubeconfig)).client("davit-etcd-operator")
    try:
        assert not await maintain(client, crds, "99.0.0")
    finally:
        await client.close()


def test_a_release_is_installed_where_an_operator_of_another_had_brought_its_kinds(api: ControlPlane, version: str) -> None:
    """Helm 4 applies CRDs server-side and gives up at a conflict; uninstalling keeps them."""
    forget(api, "etcd-operator")
    texts = (json.dumps(kind.manifest) for kind in of_chart("etcd-operator"))
    others = [json.loads(text.replace('"description": "', '"description": "Then: ')) for text in texts]
    asyncio.run(written_by_an_operator(api, others))
    where = ("again", str(CHARTS / "etcd-operator"), "--namespace", f"again-{version}")
    command(api, version, "install", *where, "--create-namespace")
    command(api, version, "uninstall", "again", "--namespace", f"again-{version}")


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


def as_account(api: ControlPlane, operator: str, made: dict[str, Any]) -> None:
    account = f"system:serviceaccount:team:demo-{operator}"
    api.kubectl("apply", "--server-side", f"--as={account}", "-f", "-", stdin=yaml.safe_dump(made))


def test_the_operator_may_apply_its_own_crds_alone(api: ControlPlane, operator: str) -> None:
    """Item 24: make and change those of its chart; no others, although `create` is a right without names elsewhere."""
    apply(api, known(helm.template("helm4", operator)))
    forget(api, operator)
    for kind in of_chart(operator):
        as_account(api, operator, kind.manifest)
        as_account(api, operator, kind.manifest)
        other = json.loads(json.dumps(kind.manifest).replace(kind.crd.kind.plural, "others"))
        with pytest.raises(CommandFailed, match="forbidden"):
            as_account(api, operator, other)


@pytest.mark.parametrize("operator", ["prometheus-operator", "alertmanager-operator"], indirect=True)
def test_the_operator_may_register_its_own_webhook_alone(api: ControlPlane, operator: str) -> None:
    """Item 24: make and change the registration that the chart names, and no other."""
    objects = known(helm.template("helm4", operator))
    apply(api, objects)
    (container,) = helm.pick(objects, "Deployment")["spec"]["template"]["spec"]["containers"]
    told = {entry["name"]: entry.get("value") for entry in container["env"]}
    registration: helm.Object = {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingWebhookConfiguration",
        "metadata": {"name": told["DAVIT_WEBHOOK_CONFIGURATION"]},
    }
    as_account(api, operator, registration)
    as_account(api, operator, {**registration, "metadata": {**registration["metadata"], "labels": {"a": "b"}}})
    with pytest.raises(CommandFailed, match="forbidden"):
        as_account(api, operator, {**registration, "metadata": {"name": "others"}})
    account = f"--as=system:serviceaccount:team:demo-{operator}"
    api.kubectl("get", "clusterrole", str(told["DAVIT_WEBHOOK_OWNER"]), account)
    with pytest.raises(CommandFailed, match="forbidden"):
        api.kubectl("get", "clusterrole", "admin", account)
    allowed = ("auth", "can-i", account, "-n")
    assert api.kubectl(*allowed, "team", "update", f"secrets/{told['DAVIT_WEBHOOK_SECRET']}").strip() == "yes"
    assert api.kubectl(*allowed, "team", "create", "pods", "--subresource=exec").strip() == "yes"
    for words in (("update", "secrets/others"), ("create", "deployments.apps")):
        with pytest.raises(CommandFailed):
            api.kubectl(*allowed, "blue", *words)
    with pytest.raises(CommandFailed):
        api.kubectl(*allowed, "blue", "create", "pods", "--subresource=exec")


def tenant(chart: str) -> str:
    """A namespace of somebody who may do nothing elsewhere."""
    return f"tenant-{chart}"


def readme_role(chart: str) -> helm.Object:
    """The ClusterRole that the README asks an administrator for."""
    blocks = re.findall(r"```yaml\n(.*?)```", (CHARTS / chart / "README.md").read_text(), re.DOTALL)
    return next(made for made in map(yaml.safe_load, blocks) if made.get("kind") == "ClusterRole")


@pytest.mark.usefixtures("crds")
@pytest.mark.parametrize("chart", [*OPERATORS, "app-with-etcd"])
def test_a_namespace_admin_installs(api: ControlPlane, version: str, chart: str) -> None:
    """Item 25: as a person who is only `admin` of one namespace, with the README's one addition to that role."""
    operator, below = ("etcd-operator", "operator.") if chart == "app-with-etcd" else (chart, "")
    namespace = tenant(operator)
    addition = readme_role(operator)
    # Without controllers nobody aggregates roles, so the parts of `admin` are bound one by one.
    parts = [f"system:aggregate-to-{name}" for name in ("admin", "edit", "view")]
    for role in (*parts, addition["metadata"]["name"]):
        binding = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role}
        person = {"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": namespace}
        bound: helm.Object = {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "RoleBinding",
            "metadata": {"name": role.replace(":", "-"), "namespace": namespace},
            "roleRef": binding,
            "subjects": [person],
        }
        apply(api, [addition, bound])
    flags = ("--namespace", namespace, "--skip-crds", "--kube-as-user", namespace)
    values = f"{below}enabled=true,{below}scope=release,{below}crds.maintain=false"
    values += "" if operator == "etcd-operator" else ",admission.enabled=false"
    command(api, version, "install", "mine", str(CHARTS / chart), *flags, "--set", values)
    command(api, version, "uninstall", "mine", "--namespace", namespace, "--kube-as-user", namespace)
