"""Our StatefulSet against that of prometheus-operator 0.93, by meaning: without its reloaders and what only they need."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
import yaml
from davit.errors import Invalid
from davit.model import Manifest
from davit.monitoring import web
from davit.testing.monitoring import bare, meaning
from davit_alertmanager.manifests import WEB_DIR, services
from davit_alertmanager.manifests.cluster_tls import cluster_tls_config
from davit_alertmanager.manifests.stateful_set import stateful_set
from davit_alertmanager.validate import validate
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from davit_alertmanager_tests import upstream
from davit_alertmanager_tests.specs import CASES, CONTEXT, SERVER_TLS
from davit_alertmanager_tests.strategies import VERSIONS
from davit_alertmanager_tests.upstream import Upstream, differences
from davit_alertmanager_tests.world import Json, alertmanager

pytestmark = pytest.mark.differential
REPLACED = ("config-volume", "config-out", "web-config", "cluster-tls")
"""Volumes that hold the same files in another way."""


@pytest.fixture(scope="module")
def ask() -> Iterator[Upstream]:
    """prometheus-operator."""
    with upstream.upstream() as running:
        yield running


def common(manifest: Json) -> Json:
    """What both have, in one shape."""
    made = bare(manifest)
    head, spec = made["metadata"], made["spec"]
    for claim in spec.get("volumeClaimTemplates") or ():
        claim.pop("status", None)
    pod = spec["template"]["spec"]
    pod["volumes"] = sorted(
        (one for one in pod["volumes"] if not one["name"].startswith(REPLACED)), key=lambda one: str(one["name"])
    )
    for one in pod["containers"]:
        one["args"] = sorted(arg for arg in one.get("args") or () if not arg.startswith("--config.file="))
        mounts = [each for each in one.get("volumeMounts") or () if not each["name"].startswith(REPLACED)]
        one["volumeMounts"] = sorted(mounts, key=lambda each: str(each["mountPath"]))
    return {"metadata": meaning(head), "spec": meaning(spec)}


def ours(manifest: Json) -> Json:
    """Without what Davit adds on purpose."""
    made = common(manifest)
    for one in made["spec"]["template"]["spec"]["containers"]:
        if one["name"] == "alertmanager":
            for name in ("seccompProfile", "runAsNonRoot"):
                one.get("securityContext", {}).pop(name, None)
    return made


def theirs_of(answer: Json) -> Json:
    """For `version: 0.29.0` prometheus-operator names the image `alertmanager:0.29.0`, and only `v0.29.0` was ever published."""
    made = common(answer["statefulSet"])
    for one in made["spec"]["template"]["spec"]["containers"]:
        if "image" in one:
            one["image"] = re.sub(r"(quay.io/prometheus/alertmanager):(?=\d)", r"\1:v", one["image"])
    return made


def compare(ask: Upstream, resource: Manifest) -> None:
    answer = ask([resource])
    assert not answer.get("error"), answer["error"]
    one = validate(resource)
    assert not differences(ours(stateful_set(one)), theirs_of(answer))
    theirs = yaml.safe_load(answer.get("clusterTLS", ""))
    assert (yaml.safe_load(cluster_tls_config(one.spec.get("clusterTLS"))) or None) == theirs
    assert yaml.safe_load(web.web_config(one.spec.get("web"), WEB_DIR)) == yaml.safe_load(answer.get("webConfig", ""))


@pytest.mark.parametrize("case", CASES)
def test_a_set_is_as_prometheus_operator_makes_it(ask: Upstream, case: str) -> None:
    resource = alertmanager(**{**CONTEXT, **CASES[case]})
    resource["metadata"]["labels"] = {"team": "a", "app.kubernetes.io/managed-by": "Helm"}
    resource["metadata"]["annotations"] = {"kubectl.kubernetes.io/x": "y", "note": "z"}
    compare(ask, resource)


@pytest.mark.parametrize("version", [*VERSIONS, "0.26.0", "0.29.0", "0.30.0", "v0.34.2"])
def test_every_release_gets_its_own_flags(ask: Upstream, version: str) -> None:
    compare(ask, alertmanager(**{**CONTEXT, **CASES["flags"], "version": version}))


def test_without_a_security_context_only_that_differs(ask: Upstream) -> None:
    resource = alertmanager(version="0.33.1")
    mine, theirs = ours(stateful_set(validate(resource))), theirs_of(ask([resource]))
    assert mine["spec"]["template"]["spec"].pop("securityContext")["runAsNonRoot"] is True
    assert not differences(mine, theirs)


def test_the_governing_service_is_as_prometheus_operator_makes_it(ask: Upstream) -> None:
    resource = alertmanager(portName="http")
    theirs, mine = ask([resource])["service"], services.governing([validate(resource)])
    assert mine is not None
    assert meaning(mine["spec"]) == meaning(theirs["spec"])
    assert mine["metadata"]["labels"] == theirs["metadata"]["labels"]
    assert mine["metadata"]["ownerReferences"] == theirs["metadata"]["ownerReferences"]


REFUSED: dict[str, Json] = {
    "repeated": {"additionalArgs": [{"name": "config.file", "value": "x"}]},
    "negated": {"additionalArgs": [{"name": "no-storage.path"}]},
    "tls": {"web": {"tlsConfig": {}}},
    "tls twice": {"web": {"tlsConfig": {**SERVER_TLS, "keyFile": "/x"}}},
    "cluster tls without certificate": {"clusterTLS": {"server": SERVER_TLS, "client": {}}},
    "image": {"baseImage": "Upper/Case"},
    "version": {"version": "main"},
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_prometheus_operator_refuses_is_refused(ask: Upstream, case: str) -> None:
    resource = alertmanager(**REFUSED[case])
    assert ask([resource])["error"]
    with pytest.raises(Invalid):
        stateful_set(validate(resource))


PATCH = st.fixed_dictionaries(
    {"name": st.sampled_from(["alertmanager", "proxy"])},
    optional={
        "image": st.just("other"),
        "args": st.just(["--x"]),
        "env": st.just([{"name": "A", "value": "1"}, {"name": "B", "value": "2"}]),
        "ports": st.just([{"containerPort": 9093, "name": "other"}, {"containerPort": 1, "name": "new", "protocol": "TCP"}]),
        "volumeMounts": st.just([{"name": "m", "mountPath": "/alertmanager"}, {"name": "n", "mountPath": "/n"}]),
        "resources": st.just({"limits": {"cpu": "1"}}),
        "readinessProbe": st.just({"tcpSocket": {"port": 1}, "periodSeconds": 1}),
        "securityContext": st.just({"readOnlyRootFilesystem": False, "runAsUser": 1}),
    },
)


@settings(
    max_examples=100,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(patches=st.lists(PATCH, max_size=2, unique_by=lambda one: str(one["name"])))
def test_containers_are_patched_as_prometheus_operator_does(ask: Upstream, patches: list[Json]) -> None:
    compare(ask, alertmanager(**CONTEXT, containers=patches))
