"""Images, pods and what stands around them: checklist items 20 to 23, 27 to 30, 33 to 35, 37."""

from __future__ import annotations

import re
from typing import Any

import pytest
import yaml
from davit.monitoring.selection import matches, parse_selector
from davit_alertmanager import validate as alertmanager
from davit_prometheus.manifests import thanos

from ci.generate import charts
from ci.generate.kinds import ALERTMANAGER_VERSION, ETCD_VERSION, PROMETHEUS_VERSION
from ci.paths import REPO
from davit_charts_tests import helm
from davit_charts_tests.cases import CASES, DIGEST, SELECTOR
from davit_charts_tests.test_names import strings

WITH_PODS = (*charts.OPERATORS, "app-with-etcd")
OPERANDS = {
    "DAVIT_ETCD_REPOSITORY": (ETCD_VERSION,),
    "DAVIT_PROMETHEUS_REPOSITORY": (PROMETHEUS_VERSION,),
    "DAVIT_THANOS_REPOSITORY": (thanos.DEFAULT_VERSION.removeprefix("v"),),
    "DAVIT_ALERTMANAGER_REPOSITORY": (ALERTMANAGER_VERSION, alertmanager.DEFAULT_VERSION.removeprefix("v")),
}
"""Where operators are told to take images from, and the versions that they run if nobody says otherwise."""


IMAGES = {"EtcdCluster": "coreos/etcd", "Prometheus": "prometheus/prometheus", "Alertmanager": "prometheus/alertmanager"}
"""What the resources that an instance chart makes are run with."""


def containers(objects: list[helm.Object]) -> list[helm.Object]:
    return [c for pod in helm.pod_specs(objects) for c in pod["spec"]["containers"]]


def deployment(chart: str, values: dict[str, Any] | None = None, version: str = "helm4", **more: Any) -> helm.Object:
    return helm.pick(helm.template(version, chart, values, **more), "Deployment")


def environment(made: helm.Object) -> dict[str, Any]:
    (container,) = made["spec"]["template"]["spec"]["containers"]
    return {entry["name"]: entry.get("value") for entry in container["env"]}


@pytest.mark.parametrize(
    ("values", "wanted"),
    [
        ({}, "ghcr.io/davit-dev/NAME:0.1.0"),
        ({"image": {"tag": "1.2.3"}}, "ghcr.io/davit-dev/NAME:1.2.3"),
        ({"image": {"registry": "a", "repository": "b/c", "tag": "d"}}, "a/b/c:d"),
        ({"image": {"registry": ""}}, "davit-dev/NAME:0.1.0"),
        ({"image": {"tag": "1.2.3", "digest": DIGEST}}, f"ghcr.io/davit-dev/NAME@{DIGEST}"),
        ({"global": {"imageRegistry": "m:5000"}}, "m:5000/davit-dev/NAME:0.1.0"),
        ({"global": {"imageRegistry": "m/"}, "image": {"registry": "a"}}, "m/davit-dev/NAME:0.1.0"),
    ],
)
@pytest.mark.parametrize("chart", WITH_PODS)
def test_image(version: str, chart: str, values: dict[str, Any], wanted: str) -> None:
    """Item 20: registry, repository, tag, digest; the digest wins; the tag is appVersion; the global registry wins."""
    name = "etcd-operator" if chart == "app-with-etcd" else chart
    assert {c["image"] for c in containers(helm.template(version, chart, values))} == {wanted.replace("NAME", name)}


@pytest.mark.parametrize(
    ("chart", "product", "repository"),
    [
        ("etcd-operator", "etcd", "coreos/etcd"),
        ("prometheus-operator", "prometheus", "prometheus/prometheus"),
        ("prometheus-operator", "thanos", "thanos/thanos"),
        ("alertmanager-operator", "alertmanager", "prometheus/alertmanager"),
    ],
)
def test_the_registry_reaches_operands(version: str, chart: str, product: str, repository: str) -> None:
    """Item 20: operand images go the same way, into the operator's environment."""
    for values, wanted in (
        ({}, f"quay.io/{repository}"),
        ({f"{product}Image": {"registry": "a", "repository": "b"}}, "a/b"),
        ({"global": {"imageRegistry": "m:5000"}}, f"m:5000/{repository}"),
    ):
        assert environment(deployment(chart, values, version))[f"DAVIT_{product.upper()}_REPOSITORY"] == wanted


def test_the_bundles_registry_reaches_everything(version: str) -> None:
    """Item 20: from the top of a bundle and of an app."""
    for chart, switch in (("davit", {}), ("app-with-etcd", {"operator": {"enabled": True}})):
        made = helm.template(version, chart, {"global": {"imageRegistry": "m"}, **switch})
        assert all(c["image"].startswith("m/") for c in containers(made))
        assert "m/coreos/etcd" in str(made)
        assert chart != "davit" or {"m/prometheus/prometheus", "m/thanos/thanos", "m/prometheus/alertmanager"} <= set(
            strings(made)
        )
        assert not re.search(r"quay\.io|ghcr\.io", str(made))


def test_pull_secrets(version: str) -> None:
    """Item 20: global and local, strings and maps, each once, on every pod."""
    values = {"global": {"imagePullSecrets": ["a", {"name": "b"}]}, "imagePullSecrets": [{"name": "a"}, "c"]}
    for chart in WITH_PODS:
        pods = helm.pod_specs(helm.template(version, chart, values))
        assert len(pods) == 2
        for pod in pods:
            assert pod["spec"]["imagePullSecrets"] == [{"name": "a"}, {"name": "b"}, {"name": "c"}]


def test_images_have_a_tag_or_digest(objects: list[helm.Object]) -> None:
    """Item 21: and never `latest`."""
    for container in containers(objects):
        assert re.search(r"(@sha256:[0-9a-f]{64}|:[\w.-]+)$", container["image"])
        assert not container["image"].endswith(":latest")
    assert helm.attempt("helm4", "etcd-operator", {"image": {"tag": "latest"}}).code != 0


def test_list_of_images_is_complete(chart: str) -> None:
    """Item 21: what the chart renders, and what its operators run, is what it announces for air-gapped mirrors."""
    switched_on = {"operator": {"enabled": True}} if chart == "app-with-etcd" else {}
    made = helm.template("helm4", chart, switched_on)
    found = {c["image"] for c in containers(made)}
    for told in (environment(o) for o in made if is_operator(o)):
        found |= {f"{told[name]}:v{version}" for name, versions in OPERANDS.items() if name in told for version in versions}
    if not found:
        found = {f"quay.io/{IMAGES[o['kind']]}:v{o['spec']['version']}" for o in made if o["kind"] in IMAGES}
    assert set(charts.images(chart)) == found
    assert set(charts.images(chart)) <= set(charts.all_images())


def is_operator(made: helm.Object) -> bool:
    labels = made["metadata"]["labels"]
    return bool(made["kind"] == "Deployment" and labels["app.kubernetes.io/component"] == "operator")


def test_restricted(objects: list[helm.Object]) -> None:
    """Item 22: the rules of Pod Security `restricted`, and more; the end-to-end tests ask a real API server too."""
    for pod in helm.pod_specs(objects):
        spec = pod["spec"]
        assert spec["securityContext"]["runAsNonRoot"] is True
        assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert not {"hostNetwork", "hostPID", "hostIPC"} & set(spec)
        assert {next(iter(set(v) - {"name"})) for v in spec.get("volumes", [])} <= {"emptyDir", "configMap", "secret"}
        for container in spec["containers"]:
            context = container["securityContext"]
            assert context["allowPrivilegeEscalation"] is False
            assert context["capabilities"] == {"drop": ["ALL"]}
            assert context["readOnlyRootFilesystem"] is True
            assert "privileged" not in context
            assert not [port for port in container.get("ports", []) if "hostPort" in port]


def test_resources(objects: list[helm.Object]) -> None:
    """Item 22: requests and a limit of memory for each container."""
    for container in containers(objects):
        assert set(container["resources"]["requests"]) == {"cpu", "memory"}
        assert "memory" in container["resources"]["limits"]


def test_tokens_only_where_needed(objects: list[helm.Object]) -> None:
    """Item 22: the operator's pod has a token; ServiceAccounts and other pods say no."""
    for made in objects:
        if made["kind"] == "ServiceAccount":
            assert made["automountServiceAccountToken"] is False
        for pod in helm.pod_specs([made]):
            assert pod["spec"]["automountServiceAccountToken"] is is_operator(made)


def test_the_operator_can_write_to_tmp(operator: str) -> None:
    """Its root file system is read-only."""
    spec = deployment(operator)["spec"]["template"]["spec"]
    assert {"name": "tmp", "mountPath": "/tmp"} in spec["containers"][0]["volumeMounts"]
    assert "emptyDir" in spec["volumes"][0]


def test_users_can_be_left_out(version: str) -> None:
    """Item 23: OpenShift gives each namespace its own user and group; the operator's members follow."""
    values = CASES["etcd-operator"]["openshift"]
    for chart in WITH_PODS:
        given = values if chart == "etcd-operator" else {"podSecurityContext": values["podSecurityContext"]}
        for pod in helm.pod_specs(helm.template(version, chart, given)):
            assert set(pod["spec"]["securityContext"]) == {"runAsNonRoot", "seccompProfile"}
    assert environment(deployment("etcd-operator", values, version))["DAVIT_ETCD_FIXED_USER"] == "false"
    assert environment(deployment("etcd-operator", {}, version))["DAVIT_ETCD_FIXED_USER"] == "true"


def test_a_restarted_operator_knows_its_pod(operator: str) -> None:
    """Its name for people, its uid to tell that the leader before it was this very pod."""
    (container,) = deployment(operator)["spec"]["template"]["spec"]["containers"]
    fields = {e["name"]: e["valueFrom"]["fieldRef"]["fieldPath"] for e in container["env"] if "valueFrom" in e}
    assert fields == {"POD_NAME": "metadata.name", "POD_UID": "metadata.uid", "POD_NAMESPACE": "metadata.namespace"}


def test_replicas_and_strategy(operator: str) -> None:
    """Item 27: no autoscaler here, so replicas always; several are safe, by the Lease; the strategy is explicit."""
    assert deployment(operator)["spec"]["replicas"] == 1
    assert deployment(operator, {"replicas": 0})["spec"]["replicas"] == 0
    two = deployment(operator, {"replicas": 2})["spec"]
    assert two["replicas"] == 2
    assert two["strategy"]["type"] == "RollingUpdate"
    assert "podAntiAffinity" in two["template"]["spec"]["affinity"]
    assert deployment(operator, {"strategy": {"type": "Recreate"}})["spec"]["strategy"] == {"type": "Recreate"}


def budgets(operator: str, values: dict[str, Any]) -> list[helm.Object]:
    found = helm.template("helm4", operator, values)
    return [o["spec"] for o in found if o["kind"] == "PodDisruptionBudget"]


def test_disruption_budget(operator: str) -> None:
    """Item 28: none for one replica, one of the two bounds, and unready pods never hold up a drain."""
    assert not budgets(operator, {})
    assert not budgets(operator, {"replicas": 2, "podDisruptionBudget": {"enabled": False}})
    (most,) = budgets(operator, {"replicas": 2})
    (least,) = budgets(operator, {"replicas": 2, "podDisruptionBudget": {"minAvailable": "50%"}})
    assert most["maxUnavailable"] == 1
    assert "minAvailable" not in most
    assert least["minAvailable"] == "50%"
    assert "maxUnavailable" not in least
    assert most["unhealthyPodEvictionPolicy"] == least["unhealthyPodEvictionPolicy"] == "AlwaysAllow"


def policy(operator: str, values: dict[str, Any]) -> helm.Object:
    switched = {**values, "networkPolicy": {"enabled": True, **values.get("networkPolicy", {})}}
    return dict(helm.pick(helm.template("helm4", operator, switched), "NetworkPolicy")["spec"])


PORTS = {"etcd-operator": 2379, "prometheus-operator": 9090, "alertmanager-operator": 9093}


def test_network_policy(operator: str) -> None:
    """Item 29: one switch, both directions, DNS, API server and operands; narrowed to the namespaces in scope."""
    assert not [o for o in helm.template("helm4", operator) if o["kind"] == "NetworkPolicy"]
    spec = policy(operator, {})
    assert spec["policyTypes"] == ["Ingress", "Egress"]
    web, *reviews = spec["ingress"]
    assert web == {"ports": [{"port": "http", "protocol": "TCP"}]}
    assert reviews == ([] if operator == "etcd-operator" else [{"ports": [{"port": "webhook", "protocol": "TCP"}]}])
    assert [[p["port"] for p in rule["ports"]] for rule in spec["egress"]] == [[53, 53], [443, 6443], [PORTS[operator]]]
    assert spec["egress"][2]["to"] == [{"namespaceSelector": {}}]
    narrow = policy(operator, {"scope": "namespaces", "namespaces": ["b", "a"]})["egress"][2]["to"][0]
    assert narrow["namespaceSelector"]["matchExpressions"][0]["values"] == ["a", "b"]
    closed = policy(operator, CASES[operator]["everything"])
    assert len(closed["ingress"][0]["from"]) == 2
    assert closed["egress"][1]["to"] == [{"ipBlock": {"cidr": "10.0.0.1/32"}}]


def test_probes_are_distinct() -> None:
    """Item 30: three probes on a named port; being ready is more than being alive."""
    for chart in WITH_PODS:
        made = deployment(chart)
        (container,) = made["spec"]["template"]["spec"]["containers"]
        probes = [container[f"{name}Probe"] for name in ("startup", "liveness", "readiness")]
        assert [p["httpGet"]["path"] for p in probes] == ["/healthz", "/healthz", "/readyz"]
        assert {p["httpGet"]["port"] for p in probes} == {"http"}
        assert probes[0] != probes[1]
        assert {"name": "http", "containerPort": 8080, "protocol": "TCP"} in container["ports"]


def test_service_monitor(version: str, operator: str) -> None:
    """Item 30: a Service always, a ServiceMonitor on wish, with labels, interval and relabelings, for that Service alone."""
    everything = helm.template(version, operator, CASES[operator]["everything"])
    monitor = helm.pick(everything, "ServiceMonitor")
    assert monitor["metadata"]["labels"]["release"] == "prometheus"
    (endpoint,) = monitor["spec"]["endpoints"]
    assert set(endpoint) == {"port", "path", "interval", "scrapeTimeout", "relabelings", "metricRelabelings"}
    wanted = monitor["spec"]["selector"]["matchLabels"].items()
    (service,) = (o for o in everything if o["kind"] == "Service" and wanted <= o["metadata"]["labels"].items())
    (port,) = service["spec"]["ports"]
    assert endpoint["port"] == port["name"]


@pytest.mark.parametrize("operator", ["prometheus-operator", "alertmanager-operator"], indirect=True)
def test_the_webhook_is_behind_a_service(version: str, operator: str) -> None:
    """Item 31: on the port that the operator is told, by the name that it is told; the registration is the operator's work."""
    made = helm.template(version, operator)
    told = environment(deployment(operator))
    service = helm.pick(made, "Service", told["DAVIT_WEBHOOK_SERVICE"])
    (container,) = deployment(operator)["spec"]["template"]["spec"]["containers"]
    (port,) = (port for port in container["ports"] if port["name"] == service["spec"]["ports"][0]["targetPort"])
    assert service["spec"]["ports"][0]["port"] == 443
    assert str(port["containerPort"]) == told["DAVIT_WEBHOOK_PORT"]
    assert "caBundle" not in str(made)
    assert not [o for o in made if o["kind"] in ("Secret", "ValidatingWebhookConfiguration")]


@pytest.mark.parametrize("operator", ["prometheus-operator", "alertmanager-operator"], indirect=True)
def test_admission_can_be_switched_off(operator: str) -> None:
    """Item 32: nothing of it is left: no Service, port, nor setting."""
    made = helm.template("helm4", operator, {"admission": {"enabled": False}})
    assert len([o for o in made if o["kind"] == "Service"]) == 1
    assert "webhook" not in str(made).lower()


def test_hooks(objects: list[helm.Object]) -> None:
    """Items 33 and 37: none but the Job of `helm test`, which cleans up and is done within a minute."""
    hooks = [o for o in objects if "helm.sh/hook" in o["metadata"].get("annotations", {})]
    for hook in hooks:
        notes = hook["metadata"]["annotations"]
        assert (hook["kind"], notes["helm.sh/hook"]) == ("Job", "test")
        assert notes["helm.sh/hook-delete-policy"] == "before-hook-creation,hook-succeeded"
        assert hook["spec"]["ttlSecondsAfterFinished"]
        assert hook["spec"]["activeDeadlineSeconds"] < 60


def test_helm_test_uses_the_same_image() -> None:
    """Items 34 and 37: no image that the values do not show; another one on wish."""
    for chart in WITH_PODS:
        images = {c["image"] for c in containers(helm.template("helm4", chart))}
        assert len(images) == 1
    for chart in charts.OPERATORS:
        job = helm.pick(helm.template("helm4", chart, {"tests": {"image": "own/image:1"}}), "Job")
        assert containers([job])[0]["image"] == "own/image:1"
        off = helm.template("helm4", chart, {"tests": {"enabled": False}})
        assert not [o for o in off if o["kind"] == "Job"]


def test_helm_test_asks_the_service(operator: str) -> None:
    """Item 37: by the name and port that the Service has."""
    made = helm.template("helm4", operator)
    service = helm.pick(made, "Service", f"demo-{operator}")
    url = containers([helm.pick(made, "Job")])[0]["command"][-1]
    name, namespace = service["metadata"]["name"], service["metadata"]["namespace"]
    assert url == f"http://{name}.{namespace}.svc:{service['spec']['ports'][0]['port']}/readyz"


def test_extras_arrive(operator: str) -> None:
    """Item 35: everything that a site may want to add to a pod, and objects of its own."""
    values = CASES[operator]["everything"]
    made = helm.template("helm4", operator, values)
    pod = helm.pick(made, "Deployment")["spec"]["template"]
    for name in (
        "priorityClassName", "runtimeClassName", "hostUsers", "nodeSelector", "tolerations", "affinity",
        "topologySpreadConstraints",
    ):  # fmt: skip
        assert pod["spec"][name] == values[name], name
    (container,) = pod["spec"]["containers"]
    assert container["args"] == values["extraArgs"]
    assert container["env"][-1] == values["extraEnv"][0]
    assert container["volumeMounts"][-1] == values["extraVolumeMounts"][0]
    assert pod["spec"]["volumes"][-1] == values["extraVolumes"][0]
    assert pod["metadata"]["labels"]["pod"] == "label"
    assert pod["metadata"]["annotations"]["pod"] == "annotation"
    assert helm.pick(made, "ConfigMap", "one")["metadata"]["namespace"] == "team"
    assert helm.pick(made, "ConfigMap", "two-demo")


OWN: dict[str, dict[str, str]] = {
    "etcd-operator": {
        "DAVIT_ETCD_REPOSITORY": "quay.io/coreos/etcd",
        "DAVIT_ETCD_FIXED_USER": "true",
        "DAVIT_AGENT_IMAGE": "ghcr.io/davit-dev/etcd-operator:0.1.0",
        "DAVIT_AGENT_PULL_SECRETS": "",
    },
    "prometheus-operator": {
        "DAVIT_PROMETHEUS_REPOSITORY": "quay.io/prometheus/prometheus",
        "DAVIT_THANOS_REPOSITORY": "quay.io/thanos/thanos",
    },
    "alertmanager-operator": {"DAVIT_ALERTMANAGER_REPOSITORY": "quay.io/prometheus/alertmanager"},
}


PULLING = {"global": {"imageRegistry": "m:5000", "imagePullSecrets": ["a", {"name": "b"}]}}


@pytest.mark.parametrize(
    ("chart", "values"),
    [
        ("etcd-operator", {}),
        ("etcd-operator", {"image": {"tag": "1.2.3", "digest": DIGEST}, "imagePullSecrets": ["c"]}),
        ("etcd-operator", {**PULLING, "imagePullSecrets": ["c", "a"]}),
        ("app-with-etcd", {**PULLING, "operator": {"enabled": True}}),
        ("davit", PULLING),
    ],
)
def test_backups_are_made_in_the_operators_own_image(version: str, chart: str, values: dict[str, Any]) -> None:
    """Item 20: whatever registry, digest and pull secrets it has, in whatever bundle it comes."""
    told = [(environment(o), o["spec"]["template"]["spec"]) for o in helm.template(version, chart, values) if is_operator(o)]
    ((given, spec),) = [(given, spec) for given, spec in told if "DAVIT_ETCD_REPOSITORY" in given]
    assert given["DAVIT_AGENT_IMAGE"] == spec["containers"][0]["image"]
    names = [secret["name"] for secret in spec.get("imagePullSecrets", [])]
    assert given["DAVIT_AGENT_PULL_SECRETS"] == ",".join(names)
    assert bool(names) == ("imagePullSecrets" in str(values))


def surroundings(operator: str) -> dict[str, str]:
    """What a monitoring operator is told of the objects around it."""
    return {
        "DAVIT_INSTANCE_SELECTOR": "",
        "DAVIT_DEPLOYMENT": f"demo-{operator}",
        "DAVIT_WEBHOOK_PORT": "9443",
        "DAVIT_WEBHOOK_SERVICE": f"demo-{operator}-webhook",
        "DAVIT_WEBHOOK_SECRET": f"demo-{operator}-webhook",
        "DAVIT_WEBHOOK_CONFIGURATION": f"team.demo-{operator}-admission",
        "DAVIT_WEBHOOK_OWNER": f"team.demo-{operator}-admission",
    }


def test_the_operators_environment(operator: str) -> None:
    """The contract with the operator's settings."""
    assert environment(deployment(operator)) == {
        "POD_NAME": None,
        "POD_UID": None,
        "POD_NAMESPACE": None,
        "DAVIT_WATCH_NAMESPACES": "",
        "DAVIT_CRDS_MAINTAIN": "true",
        "DAVIT_LOG_LEVEL": "info",
        "DAVIT_WORKERS": "8",
        **OWN[operator],
        **(surroundings(operator) if operator != "etcd-operator" else {}),
    }
    changed = environment(deployment(operator, {"logLevel": "debug", "workers": 2, "crds": {"maintain": False}}))
    assert (changed["DAVIT_LOG_LEVEL"], changed["DAVIT_WORKERS"], changed["DAVIT_CRDS_MAINTAIN"]) == ("debug", "2", "false")


def test_the_operator_reads_what_it_is_told(operator: str) -> None:
    """Each variable stands in the library's settings or in the operator's own code: a value without effect helps nobody."""
    folders = (REPO / "platform" / "src", REPO / "operators" / operator.removesuffix("-operator") / "src")
    code = "".join(file.read_text() for folder in folders for file in folder.rglob("*.py"))
    told = {name for name in environment(deployment(operator)) if name.startswith("DAVIT_")}
    assert not {name for name in told if f'"{name}"' not in code}


@pytest.mark.parametrize("operator", ["prometheus-operator", "alertmanager-operator"], indirect=True)
def test_operators_share_a_cluster_by_labels(operator: str) -> None:
    """The selector reaches the operator as it was written, and is one that it understands."""
    told = environment(deployment(operator, {"instanceSelector": SELECTOR}))["DAVIT_INSTANCE_SELECTOR"]
    assert told == SELECTOR
    selector = parse_selector(told)
    assert matches(selector, {"team": "storage", "env": "dev"})
    assert not matches(selector, {"team": "storage", "env": "live"})


def test_etcd_starts_the_app_not_the_other_way_round() -> None:
    """The app has no init container and no hook that a missing etcd could fail a release with."""
    made = helm.template("helm4", "app-with-etcd", {"operator": {"enabled": True}})
    spec = helm.pick(made, "Deployment", "demo")["spec"]["template"]["spec"]
    assert "initContainers" not in spec
    cluster = helm.pick(made, "EtcdCluster")["metadata"]
    (container,) = spec["containers"]
    settings = {entry["name"]: entry.get("value") for entry in container["env"]}
    assert settings["ETCD_ENDPOINTS"] == f"http://{cluster['name']}-client.{cluster['namespace']}.svc:2379"


def test_annotations_hold_yaml(chart: str) -> None:
    """Item 21: the list is in the annotation that catalogues read."""
    text = charts.metadata(chart)["annotations"]["artifacthub.io/images"]
    assert all({"name", "image"} == set(entry) for entry in yaml.safe_load(text))
