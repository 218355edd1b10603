"""Our StatefulSets against those of prometheus-operator 0.93, by meaning: without its reloaders and what only they need."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from davit.apply import apply_all
from davit.errors import Invalid
from davit.kube.kinds import STATEFUL_SET
from davit.model import Key, Manifest
from davit.testing.fake_client import FakeClient
from davit.testing.monitoring import bare, meaning
from davit_prometheus.manifests.stateful_set import stateful_set
from davit_prometheus.validate import validate
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ci.tools.table import TOOLS
from davit_prometheus_tests.manifests_cases import AGENTS, CASES, CONTEXT, TLS
from davit_prometheus_tests.monitors_world import Upstream

pytestmark = pytest.mark.differential
Json = dict[str, Any]
Ask = Callable[[Manifest], Json]
WEB = "/etc/prometheus/web_config"
OURS = {
    "--enable-feature=expand-external-labels",
    "--enable-feature=auto-reload-config",
    "--config.auto-reload",
    "--config.auto-reload-interval=1s",
}


@pytest.fixture(scope="module")
def upstream() -> Iterator[Ask]:
    """What prometheus-operator answers to a Prometheus."""
    program = Upstream()
    yield lambda resource: program.ask([resource], statefulSet=True, topologySharding=True)
    program.close()


def document(spec: Json, *, agent: bool = False, **metadata: Any) -> Manifest:
    kind, version = ("PrometheusAgent", "v1alpha1") if agent else ("Prometheus", "v1")
    head = {"name": "k8s", "namespace": "ns", "uid": "u", **metadata}
    return {
        "apiVersion": f"monitoring.coreos.com/{version}",
        "kind": kind,
        "metadata": head,
        "spec": {"version": "v3.5.0", **spec},
    }


def common(manifest: Json) -> Json:
    """What both have, in one shape."""
    made = bare(manifest)
    head, spec = made["metadata"], made["spec"]
    for claim in spec.get("volumeClaimTemplates") or ():
        # The operator drops what it must not send (its SanitizeSTS), after the function that we ask.
        for name in ("status", "apiVersion", "kind"):
            claim.pop(name, None)
    pod = spec["template"]["spec"]
    own = ("config", "config-out")
    volumes = [one for one in pod["volumes"] if one["name"] not in own and not one["name"].startswith("web-config")]
    pod["volumes"] = sorted(volumes, key=lambda one: str(one["name"]))
    for one in pod["containers"]:
        one["args"] = sorted(arg for arg in _arguments(one) if not arg.startswith("--config.file=") and arg not in OURS)
        mounts = one.get("volumeMounts") or ()
        mounts = [each for each in mounts if each["name"] not in own and not each["mountPath"].startswith(WEB)]
        one["volumeMounts"] = sorted(mounts, key=lambda each: str(each["mountPath"]))
        for port in one.get("ports") or ():
            port.setdefault("protocol", "TCP")
        if (startup := one.get("startupProbe") or {}).get("periodSeconds") in (2, 15):
            # We ask more often, and are as patient on the whole.
            startup["failureThreshold"] *= startup.pop("periodSeconds")
    result: Json = {"metadata": meaning(head), "spec": meaning(spec)}
    return result


def _arguments(container: Json) -> Iterator[str]:
    """Theirs lists in one flag what Prometheus takes in several only."""
    for argument in container.get("args") or ():
        flag, _, value = argument.partition("=")
        listed = flag.endswith("accepted-protobuf-messages")
        yield from (f"{flag}={part}" for part in value.split(",")) if listed else (argument,)


def theirs(manifest: Json) -> Json:
    return common(manifest)


def ours(manifest: Json) -> Json:
    """Without what Davit adds on purpose."""
    made = common(manifest)
    pod = made["spec"]["template"]["spec"]
    for one in pod["containers"]:
        one["env"] = [each for each in one.get("env") or () if each["name"] != "POD_NAME"]
        if not one["env"]:
            del one["env"]
        if one["name"] in ("prometheus", "thanos-sidecar"):
            for name in ("seccompProfile", "runAsNonRoot"):
                one["securityContext"].pop(name, None)
    for volume in pod["volumes"]:
        if volume["name"] == "tls-assets":
            for source in volume["projected"]["sources"]:
                del source["secret"]["optional"]
    return made


def compare(upstream: Ask, resource: Manifest) -> None:
    answer = upstream(resource)
    assert not answer.get("error"), answer["error"]
    one = validate(resource)
    assert len(answer["statefulSets"]) == one.scope.shards
    for shard, wanted in enumerate(answer["statefulSets"]):
        mine = ours(stateful_set(one, shard))
        if one.scope.replicas > 1 and "minReadySeconds" not in resource["spec"]:
            # On purpose: the next pod waits until this one has scraped.
            del mine["spec"]["minReadySeconds"]
        assert mine == theirs(wanted)


SAME = [name for name in CASES if name not in ("default", "local")]


@pytest.mark.parametrize("case", SAME)
def test_a_set_is_as_prometheus_operator_makes_it(upstream: Ask, case: str) -> None:
    labels = {"team": "a", "app.kubernetes.io/managed-by": "Helm"}
    annotations = {"kubectl.kubernetes.io/x": "y", "note": "z"}
    compare(upstream, document(CASES[case], labels=labels, annotations=annotations))


@pytest.mark.parametrize("case", AGENTS)
def test_an_agents_set_is_as_prometheus_operator_makes_it(upstream: Ask, case: str) -> None:
    compare(upstream, document(AGENTS[case], agent=True))


VERSIONS = [
    "2.45.0",
    "2.46.0",
    "2.47.2",
    "2.52.0",
    "2.53.4",
    "2.54.0",
    "2.55.1",
    "3.0.0",
    "3.3.1",
    "3.4.0",
    "3.8.1",
    "3.9.0",
    "3.11.0",
    "3.13.1",
]


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("case", ["flags", "thanos-delayed", "two-forty-five", "kube-prometheus"])
def test_every_release_gets_its_own_flags(upstream: Ask, case: str, version: str) -> None:
    compare(upstream, document({**CASES[case], "version": f"v{version}"}))


async def test_apply_takes_over_what_prometheus_operator_made(upstream: Ask) -> None:
    resource = document({**CASES["thanos-delayed"], "reloadStrategy": "ProcessSignal"})
    wanted, client = stateful_set(validate(resource), 0), FakeClient()
    live = upstream(resource)["statefulSets"][0]
    live["metadata"]["namespace"] = "ns"
    client.put(STATEFUL_SET, live)
    await apply_all(client, client.manager, resource, [], [wanted])
    found = client.objects[STATEFUL_SET, Key("ns", "prometheus-k8s")]["spec"]
    assert found["template"]["spec"] == wanted["spec"]["template"]["spec"]
    for fixed in ("selector", "serviceName", "podManagementPolicy"):
        assert found[fixed] == live["spec"][fixed]
    names = [[claim["metadata"]["name"] for claim in one["volumeClaimTemplates"]] for one in (found, live["spec"])]
    assert names == [["prometheus-k8s-db"]] * 2


@pytest.mark.parametrize("spelling", ["v3.5.1", "3.5.1", " 3.5.1 ", "3.5", "v3", "3.0.0-rc.1"])
def test_the_image_is_tagged_as_images_are_however_the_version_is_spelt(upstream: Ask, spelling: str) -> None:
    resource = document({**CONTEXT, "version": spelling})
    (wanted, *_) = upstream(resource)["statefulSets"][0]["spec"]["template"]["spec"]["containers"]
    assert validate(resource).image == wanted["image"]


def test_without_a_security_context_only_that_differs(upstream: Ask) -> None:
    resource = document({})
    answer, one = upstream(resource), validate(resource)
    mine = ours(stateful_set(one, 0))
    assert mine["spec"]["template"]["spec"].pop("securityContext")["runAsNonRoot"] is True
    assert mine == theirs(answer["statefulSets"][0])


def test_listening_on_localhost_differs_in_the_words_of_its_probes(upstream: Ask) -> None:
    resource = document(CASES["local"])
    mine, other = ours(stateful_set(validate(resource), 0)), theirs(upstream(resource)["statefulSets"][0])
    for made in (mine, other):
        for one in made["spec"]["template"]["spec"]["containers"]:
            for name in ("startupProbe", "livenessProbe", "readinessProbe"):
                assert "http://localhost:9090/x/-/" in one[name].pop("exec")["command"][2]
    assert mine == other


def test_arguments_stay_beside_remote_write_messages_that_a_version_does_not_know(upstream: Ask) -> None:
    """Deliberate: prometheus-operator drops every argument that it adds by version after them."""
    writes = [{"url": "http://a", "messageVersion": "V2.0"}]
    resource = document(
        {**CONTEXT, "version": "v2.53.0", "remoteWrite": writes, "enableFeatures": ["b"], "enableOTLPReceiver": True}
    )
    mine, other = ours(stateful_set(validate(resource), 0)), theirs(upstream(resource)["statefulSets"][0])
    args, fewer = (made["spec"]["template"]["spec"]["containers"][0].pop("args") for made in (mine, other))
    assert mine == other
    assert set(args) - set(fewer) == {"--enable-feature=b", "--enable-feature=otlp-write-receiver"}
    assert set(fewer) < set(args)


def test_a_query_log_has_its_volume_wherever_scrape_failures_are_logged(upstream: Ask) -> None:
    """Deliberate: prometheus-operator forgets it, and Prometheus may not write anywhere else."""
    logs = {"queryLogFile": "query.log", "scrapeFailureLogFile": "/elsewhere/scrape.log"}
    resource = document({**CONTEXT, **logs})
    pods = [
        made["spec"]["template"]["spec"]
        for made in (ours(stateful_set(validate(resource), 0)), theirs(upstream(resource)["statefulSets"][0]))
    ]
    assert [any(one["name"] == "log-file" for one in pod["volumes"]) for pod in pods] == [True, False]


REFUSED: dict[str, Json] = {
    "repeated": {"additionalArgs": [{"name": "config.file", "value": "x"}]},
    "negated": {"additionalArgs": [{"name": "no-web.enable-lifecycle"}]},
    "features": {"enableFeatures": ["a"], "additionalArgs": [{"name": "enable-feature", "value": "b"}]},
    "sidecar": {"thanos": {"additionalArgs": [{"name": "http-address", "value": "x"}]}},
    "thanos": {"thanos": {"version": "main"}},
    "tls": {"web": {"tlsConfig": {}}},
    "tls twice": {"web": {"tlsConfig": {**TLS, "keyFile": "/x"}}},
    "image": {"baseImage": "Upper/Case"},
    "tag of an image": {"baseImage": "example.com/a:"},
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_prometheus_operator_refuses_is_refused(upstream: Ask, case: str) -> None:
    resource = document(REFUSED[case])
    assert upstream(resource)["error"]
    with pytest.raises(Invalid):
        validate(resource)


ACCEPTED: dict[str, Json] = {
    "lifecycle": {"reloadStrategy": "ProcessSignal", "additionalArgs": [{"name": "web.enable-lifecycle"}]},
    "features": {"version": "v2.53.0", "additionalArgs": [{"name": "enable-feature", "value": "b"}]},
}


@pytest.mark.parametrize("case", ACCEPTED)
def test_what_prometheus_operator_accepts_is_accepted(upstream: Ask, case: str) -> None:
    compare(upstream, document({**CONTEXT, **ACCEPTED[case]}))


TEXT = st.sampled_from(["", "a", "b"])
NAMES = st.sampled_from(["X", "Y", "Z"])
PATHS = st.sampled_from(["/prometheus", "/etc/prometheus/certs", "/n"])
AMOUNTS = st.dictionaries(st.sampled_from(["cpu", "memory"]), st.just("1"), max_size=2)


def some(required: dict[str, Any], **optional: Any) -> Any:
    """An object with these fields, some of them perhaps."""
    return st.fixed_dictionaries(required, optional=optional)


def items(key: str, item: Any) -> Any:
    """A list whose items are told apart by a field."""
    return st.lists(item, max_size=3, unique_by=lambda one: one[key])


PROBE = some(
    {},
    httpGet=some({"port": st.just(1)}, path=TEXT, scheme=TEXT),
    tcpSocket=st.just({"port": 2}),
    exec=some({}, command=st.lists(TEXT, max_size=2)),
    periodSeconds=st.integers(0, 2),
    failureThreshold=st.integers(0, 2),
    terminationGracePeriodSeconds=st.integers(0, 2),
)
PATCH = some(
    {"name": st.just("prometheus")},
    image=TEXT,
    args=st.lists(TEXT, max_size=2),
    command=st.lists(TEXT, max_size=2),
    workingDir=TEXT,
    env=items("name", some({"name": NAMES, "value": TEXT})),
    ports=items("containerPort", some({"containerPort": st.sampled_from([9090, 1]), "name": TEXT})),
    volumeMounts=items(
        "mountPath", some({"name": st.sampled_from(["m", "n"]), "mountPath": PATHS}, readOnly=st.booleans(), subPath=TEXT)
    ),
    resources=some({}, limits=AMOUNTS, requests=AMOUNTS),
    securityContext=some(
        {},
        readOnlyRootFilesystem=st.booleans(),
        runAsUser=st.integers(0, 1),
        capabilities=some({}, add=st.just(["A"]), drop=st.lists(TEXT, max_size=1)),
    ),
    livenessProbe=PROBE,
    readinessProbe=PROBE,
    startupProbe=PROBE,
    tty=st.booleans(),
    imagePullPolicy=st.sampled_from(["", "Always"]),
)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(patch=PATCH)
def test_containers_are_patched_as_prometheus_operator_does(upstream: Ask, patch: Json) -> None:
    same = {**CONTEXT, "resources": {"limits": {"cpu": "2"}}, "maximumStartupDurationSeconds": 600}
    compare(upstream, document({**same, "containers": [patch]}))


RUNNABLE = {name: (spec, False) for name, spec in CASES.items()} | {name: (spec, True) for name, spec in AGENTS.items()}


@pytest.mark.parametrize("case", RUNNABLE)
def test_prometheus_itself_understands_every_flag(case: str, tmp_path: Path) -> None:
    """Without its configuration it stops, but not before it has read its flags."""
    tool = TOOLS["prometheus3"]
    spec, agent = RUNNABLE[case]
    one = validate(document({**spec, "version": tool.release}, agent=agent))
    (container, *_) = stateful_set(one, 0)["spec"]["template"]["spec"]["containers"]
    directory = f"{tmp_path}/etc/prometheus"
    flags = [
        flag.replace("=/etc/prometheus", f"={directory}").replace("=/prometheus", f"={tmp_path}") for flag in container["args"]
    ]
    done = subprocess.run(
        [tool.folder / "prometheus", *flags], capture_output=True, text=True, cwd=tmp_path, timeout=60, check=False
    )
    assert "prometheus.yaml" in done.stderr
    assert "command line" not in done.stderr
    assert done.returncode == 2
