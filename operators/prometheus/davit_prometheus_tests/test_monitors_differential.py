"""ServiceMonitors, PodMonitors and Probes: our jobs against prometheus-operator's own, compared by meaning.

Each deliberate difference is a case of its own, with its reason.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from davit.model import Manifest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from davit_prometheus_tests import monitors_strategies as made
from davit_prometheus_tests.monitors_world import Upstream, compare, document, ours, prometheus, scope, without_own_secrets
from davit_prometheus_tests.promtools import NEWEST, every_release, promtool

pytestmark = pytest.mark.differential

Json = dict[str, Any]
MANY = settings(max_examples=400, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck), database=None)
PASSWORD = {"username": {"name": "auth", "key": "user"}, "password": {"name": "auth", "key": "password"}}
TOKEN = {"name": "auth", "key": "token"}


@pytest.fixture(scope="module")
def upstream() -> Iterator[Upstream]:
    program = Upstream()
    yield program
    program.close()


def check(upstream: Upstream, where: Manifest, monitor: Manifest, topology: bool, pod_labels: bool) -> None:
    own = where if monitor["metadata"]["namespace"] == "default" else without_own_secrets(where)
    assert compare(upstream, own, monitor, topologySharding=topology, podTopologyLabels=pod_labels) == "same"


@MANY
@given(made.prometheuses(), made.monitors("ServiceMonitor"), st.booleans(), st.booleans())
def test_made_up_service_monitors_give_the_same_jobs(
    upstream: Upstream, where: Manifest, monitor: Manifest, topology: bool, pod_labels: bool
) -> None:
    check(upstream, where, monitor, topology, pod_labels)


@MANY
@given(made.prometheuses(), made.monitors("PodMonitor"), st.booleans(), st.booleans())
def test_made_up_pod_monitors_give_the_same_jobs(
    upstream: Upstream, where: Manifest, monitor: Manifest, topology: bool, pod_labels: bool
) -> None:
    check(upstream, where, monitor, topology, pod_labels)


@MANY
@given(made.prometheuses(), made.probes(), st.booleans(), st.booleans())
def test_made_up_probes_give_the_same_jobs(
    upstream: Upstream, where: Manifest, monitor: Manifest, topology: bool, pod_labels: bool
) -> None:
    check(upstream, where, monitor, topology, pod_labels)


@settings(MANY, max_examples=150)
@given(
    made.prometheuses(("2.30.1", "2.36.0", "2.41.0", "2.44.0", "3.0.0-rc.0", "3.8.0")),
    st.one_of(made.monitors("ServiceMonitor"), made.monitors("PodMonitor"), made.probes()),
)
def test_older_and_odd_versions_know_the_same_fields(upstream: Upstream, where: Manifest, monitor: Manifest) -> None:
    assert compare(upstream, without_own_secrets(unrelabeled(where)), unrelabeled(monitor)) == "same"


def unrelabeled(part: Any) -> Any:
    """Without relabeling, some of whose actions are younger than these versions."""
    if isinstance(part, dict):
        return {key: unrelabeled(value) for key, value in part.items() if "relabeling" not in key.lower()}
    return [unrelabeled(item) for item in part] if isinstance(part, list) else part


def service_monitor(endpoint: Json | None = None, **spec: Any) -> Manifest:
    parts = [{"port": "web", **(endpoint or {})}]
    return document("ServiceMonitor", "a", {"selector": {"matchLabels": {"app": "a"}}, "endpoints": parts, **spec})


def pod_monitor(endpoint: Json | None = None, **spec: Any) -> Manifest:
    return document("PodMonitor", "a", {"selector": {}, "podMetricsEndpoints": [{"port": "web", **(endpoint or {})}], **spec})


def probe(**spec: Any) -> Manifest:
    static = {"static": ["example.org"]}
    return document("Probe", "a", {"prober": {"url": "prober:9115"}, "targets": {"staticConfig": static}, **spec})


def relabeled(**step: Any) -> Manifest:
    return service_monitor({"relabelings": [step]})


def agent(**spec: Any) -> Manifest:
    selecting = {key: value for key, value in prometheus()["spec"].items() if not key.startswith("rule")}
    return document("PrometheusAgent", "test", {**selecting, **spec}) | {"apiVersion": "monitoring.coreos.com/v1alpha1"}


ZEROS: Json = {
    "basicAuth": None,
    "tlsConfig": {"ca": {}, "cert": {}},
    "bearerTokenSecret": {"key": ""},
    "targetPort": None,
    "port": "",
}
SAME = {
    "what a client in Go leaves empty": (prometheus(), service_monitor(ZEROS, namespaceSelector={}, attachMetadata=None)),
    "no endpoints at all": (prometheus(), document("ServiceMonitor", "a", {"selector": {}, "endpoints": []})),
    "null endpoints": (prometheus(), document("PodMonitor", "a", {"selector": {}, "podMetricsEndpoints": None})),
    "an agent": (agent(shards=2), service_monitor({"interval": "5s"})),
    "an agent on every node": (agent(mode="DaemonSet", shards=3), pod_monitor(attachMetadata={"node": True})),
    "an agent on every node that asks by selector": (agent(mode="DaemonSet"), pod_monitor(selectorMechanism="RoleSelector")),
    "a port of every kind": (prometheus(), pod_monitor({"port": "", "portNumber": 80, "targetPort": "named"})),
    "a target port that looks like a number": (prometheus(), service_monitor({"port": "", "targetPort": "8080"})),
    "keys that sort": (
        prometheus(),
        service_monitor(
            selectorMechanism="RoleSelector",
            selector={
                "matchLabels": {"z": "1", "a": "", "m/x": "y"},
                "matchExpressions": [
                    {"key": "m", "operator": "In", "values": ["b", "a"]},
                    {"key": "a", "operator": "Exists"},
                    {"key": "b", "operator": "DoesNotExist"},
                ],
            },
        ),
    ),
    "the default scrape class": (
        prometheus(scrapeClasses=[{"name": "x", "default": True, "relabelings": [{"targetLabel": "a", "replacement": "b"}]}]),
        probe(scrapeClass=""),
    ),
    "a utf-8 label": (prometheus(version="3.5.0"), relabeled(targetLabel="a.b", sourceLabels=["ü"])),
    "any name of what is read, under the legacy scheme": (
        prometheus(nameValidationScheme="Legacy"),
        relabeled(targetLabel="a", sourceLabels=["a.b"]),
    ),
    "any name of a static label, under the legacy scheme": (
        prometheus(nameValidationScheme="Legacy"),
        probe(targets={"staticConfig": {"static": ["a"], "labels": {"a.b": "c"}}}),
    ),
    "a tls version without the other": (prometheus(), pod_monitor({"tlsConfig": {"maxVersion": "TLS10"}})),
    "an interval of an agent's own": (agent(scrapeInterval="10s"), probe(scrapeTimeout="10s")),
    "a probe of a port 65535": (prometheus(), probe(prober={"url": "a:65535", "path": ""})),
    "bytes in the spelling of either": (prometheus(enforcedBodySizeLimit="1MB"), service_monitor(bodySizeLimit="1MiB")),
    "a lower bound of zero": (prometheus(enforcedSampleLimit=0), service_monitor(sampleLimit=0)),
    "an older version that needs the bound in each job": (prometheus(version="2.44.0", enforcedSampleLimit=3), service_monitor()),
    "an enforced label of a probe": (prometheus(enforcedNamespaceLabel="ns"), probe(metricRelabelings=[])),
    "endpoint slices before they were known": (
        prometheus(version="2.20.0"),
        service_monitor(serviceDiscoveryRole="EndpointSlice"),
    ),
}


@pytest.mark.parametrize("case", SAME)
def test_corner_cases_give_the_same_jobs(upstream: Upstream, case: str) -> None:
    assert compare(upstream, *SAME[case]) == "same"


BOTH_REFUSE = {
    "a selector of an unknown operator": service_monitor(selector={"matchExpressions": [{"key": "a", "operator": "Is"}]}),
    "a selector without values": pod_monitor(selector={"matchExpressions": [{"key": "a", "operator": "In"}]}),
    "a selector with values for Exists": pod_monitor(
        selector={"matchExpressions": [{"key": "a", "operator": "Exists", "values": ["x"]}]}
    ),
    "a label that is none": service_monitor(selector={"matchLabels": {"a b": "c"}}),
    "a label's value that is none": service_monitor(selector={"matchLabels": {"a": "b c"}}),
    "a missing Secret": service_monitor({"basicAuth": {**PASSWORD, "password": {"name": "no", "key": "x"}}}),
    "a missing key": pod_monitor({"authorization": {"credentials": {"name": "auth", "key": "no"}}}),
    "a basic auth without a password": pod_monitor({"basicAuth": {"username": PASSWORD["username"]}}),
    "a missing bearer token": service_monitor({"bearerTokenSecret": {"name": "no", "key": "x"}}),
    "a missing ConfigMap": service_monitor({"tlsConfig": {"ca": {"configMap": {"name": "no", "key": "ca"}}}}),
    "a ca that is none": service_monitor({"tlsConfig": {"ca": {"secret": {"name": "tls", "key": "bad"}}}}),
    "a key that is none": pod_monitor(
        {"tlsConfig": {"cert": {"secret": {"name": "tls", "key": "cert"}}, "keySecret": {"name": "tls", "key": "bad"}}}
    ),
    "a certificate without a key": service_monitor({"tlsConfig": {"cert": {"secret": {"name": "tls", "key": "cert"}}}}),
    "a key without a certificate": service_monitor({"tlsConfig": {"keySecret": {"name": "tls", "key": "key"}}}),
    "a ca from two places": service_monitor({"tlsConfig": {"caFile": "/ca", "ca": {"secret": {"name": "tls", "key": "ca"}}}}),
    "tls versions the wrong way round": pod_monitor({"tlsConfig": {"minVersion": "TLS13", "maxVersion": "TLS10"}}),
    "two ways to authenticate": service_monitor({"basicAuth": PASSWORD, "authorization": {"credentials": TOKEN}}),
    "an authorization that is basic": service_monitor({"authorization": {"type": " BASIC ", "credentials": TOKEN}}),
    "an authorization without credentials": pod_monitor({"authorization": {"type": "Bearer"}}),
    "an oauth2 without a token url": pod_monitor(
        {"oauth2": {"clientId": {"secret": TOKEN}, "clientSecret": TOKEN, "tokenUrl": ""}}
    ),
    "an oauth2 without a client": pod_monitor({"oauth2": {"clientId": {}, "clientSecret": TOKEN, "tokenUrl": "http://a"}}),
    "an oauth2 with two clients": pod_monitor(
        {
            "oauth2": {
                "clientId": {"secret": TOKEN, "configMap": {"name": "files", "key": "id"}},
                "clientSecret": TOKEN,
                "tokenUrl": "http://a",
            }
        }
    ),
    "a proxy and the environment's": service_monitor({"proxyUrl": "http://p", "proxyFromEnvironment": True}),
    "no proxy to exclude from": service_monitor({"noProxy": "x"}),
    "headers for no proxy": pod_monitor({"proxyConnectHeader": {"a": [TOKEN]}}),
    "a header without a value": pod_monitor({"proxyUrl": "http://p", "proxyConnectHeader": {"a": []}}),
    "a timeout beyond the interval": service_monitor({"interval": "10s", "scrapeTimeout": "11s"}),
    "a timeout beyond the global interval": probe(scrapeTimeout="31s"),
    "a scrape class that does not exist": probe(scrapeClass="no"),
    "a regex that does not compile": relabeled(targetLabel="a", regex="("),
    "a look-ahead": relabeled(action="keep", regex="(?=a)b"),
    "a hashmod without modulus": relabeled(action="hashmod", targetLabel="a"),
    "a replace without target": relabeled(replacement="x"),
    "a lowercase without target": relabeled(action="Lowercase"),
    "a keepequal with a regex": relabeled(action="keepequal", targetLabel="a", regex="b"),
    "a labeldrop with sources": relabeled(action="labeldrop", regex="a", sourceLabels=["b"]),
    "a labelkeep with a separator": relabeled(action="LabelKeep", regex="a", separator="-"),
    "an uppercase with a replacement": relabeled(action="uppercase", targetLabel="a", replacement="b"),
    "a probe of nothing": probe(targets={}),
    "a prober with a scheme": probe(prober={"url": "http://prober:9115"}),
    "a prober with a path": probe(prober={"url": "prober/metrics"}),
    "a prober on a port that is none": probe(prober={"url": "prober:70000"}),
    "a probe's missing token": probe(bearerTokenSecret={"key": ""}),
    "a probe's bad relabeling": probe(targets={"staticConfig": {"static": ["a"], "relabelingConfigs": [{"action": "replace"}]}}),
    "a bad relabeling of an ingress beside static targets": probe(
        targets={"staticConfig": {"static": ["a"]}, "ingress": {"relabelingConfigs": [{"action": "replace"}]}}
    ),
    "a probe's bad metric relabeling": probe(metricRelabelings=[{"action": "hashmod", "targetLabel": "a"}]),
}
OLD_REFUSES = {
    "an action that came later": relabeled(action="Lowercase", targetLabel="a"),
    "an utf-8 label": relabeled(targetLabel="a.b"),
    "an utf-8 label for labelmap": relabeled(action="labelmap", regex="(.+)", replacement="a.$1"),
    "an utf-8 label of a probe": probe(targets={"staticConfig": {"static": ["a"], "labels": {"a.b": "c"}}}),
}


@pytest.mark.parametrize("case", BOTH_REFUSE)
def test_what_upstream_refuses_is_refused(upstream: Upstream, case: str) -> None:
    assert compare(upstream, prometheus(), BOTH_REFUSE[case]) == "both refuse"


@pytest.mark.parametrize("case", OLD_REFUSES)
def test_what_upstream_refuses_of_an_old_version_is_refused(upstream: Upstream, case: str) -> None:
    assert compare(upstream, prometheus(version="2.35.0"), OLD_REFUSES[case]) == "both refuse"


def test_files_are_refused_where_the_prometheus_denies_them(upstream: Upstream) -> None:
    where = prometheus(arbitraryFSAccessThroughSMs={"deny": True})
    for endpoint in (
        {"bearerTokenFile": "/f"},
        {"tlsConfig": {"caFile": "/f"}},
        {"tlsConfig": {"certFile": "/f", "keyFile": "/g"}},
    ):
        assert compare(upstream, where, service_monitor(endpoint)) == "both refuse"


REGEXES = (
    *("a)(b", "a**", "(?i)x", "(?P<a>x)(?P<a>y)", "(?<n>x)", "[a-z", "[z-a]", "a{2,1}", "x{1001}", "x{1000}", "é+", "(?!x)"),
    *(
        r"\1",
        r"\12",
        r"\_",
        r"\pL",
        r"\p{Greek}",
        r"\Qa*\E+",
        r"\E",
        r"\x{10}",
        r"\x1",
        r"\C",
        r"\z",
        r"\Z",
        r"\07",
        r"\08",
        "\\",
    ),
    *("[[:alpha:]]", "[[:foo:]]", "[[:^space:]]", r"[\d-z]", "[]a]", "[^]]", r"[\b]", r"[a-\d]", "[a-]", "[-a]", "a||b", "(|a)*"),
    *("a(?i)*", "*", "a|*", "()*", "a)", "(a", "", "(?)", "(?i-s:x)", "(?z)", "(?P<>x)", "(?P<a-b>x)", "x(?#c)", "(?s).*"),
    *("{", "a{", "a{,5}", "x{2}{3}", "a*?", "a*??", "a+?b", "^*", "$+", r"\b*"),
)


@pytest.mark.parametrize("regex", REGEXES)
def test_the_same_regular_expressions_compile(upstream: Upstream, regex: str) -> None:
    assert compare(upstream, prometheus(), relabeled(action="keep", regex=regex)) in ("same", "both refuse")


HOSTS = [
    "a", "a.b", "a_b.c", "-a", "a-", "1", "1.2.3.4", "1.2.3.4.5", "::1", "[::1]", "[::1]:80", "[a]:80", "a:", "a:0", "a:1",
    "a:65536", "a:b", ":80", "", "a..b", "a.", "a b", "ü", "a:80/x", "http://a", "a:080", "1::2:80",
]  # fmt: skip


@pytest.mark.parametrize("host", HOSTS)
def test_the_same_addresses_are_probers(upstream: Upstream, host: str) -> None:
    assert compare(upstream, prometheus(), probe(prober={"url": host})) in ("same", "both refuse")


PROXIES = [
    "http://a", "http://a:80:80", "http://a:99999", "http://a-${zone}:80", "http://u:p@a", "http://u{@a", "http://%41", "http://a/%zz",
    "http://[::1]:80", "http://[1.2.3.4]", "http://[fe80::1%25eth0]", "http://[fe80::1%eth0]", "1http://a", "a:80", "socks5://a",
    "http://a|b", "http://a#%zz", " http://a",
]  # fmt: skip


@pytest.mark.parametrize("proxy", PROXIES)
def test_the_same_urls_are_proxies(upstream: Upstream, proxy: str) -> None:
    assert compare(upstream, prometheus(), service_monitor({"proxyUrl": proxy})) in ("same", "both refuse")


WE_REFUSE = {
    "Prometheus loads no client with two logins, and then nothing at all": probe(
        basicAuth=PASSWORD, authorization={"credentials": TOKEN}
    ),
    "the same of a token file, which upstream does not look at": service_monitor(
        {"basicAuth": PASSWORD, "bearerTokenFile": "/f"}
    ),
    "an oauth2 of a probe without a token URL is refused by upstream only where it looks": probe(
        basicAuth=PASSWORD, bearerTokenSecret=TOKEN
    ),
    "a port is a regex, and Prometheus refuses one that does not compile": service_monitor({"port": "("}),
    "the same of a container's port": pod_monitor({"port": "", "targetPort": "a{2,1}"}),
    "an operator that is none would select too much": probe(
        targets={"ingress": {"selector": {"matchExpressions": [{"key": "a", "operator": "Is"}]}}}
    ),
    "an empty target label is refused by Prometheus": service_monitor(podTargetLabels=[""]),
    "the API server's enum, which promdiff does not check": service_monitor({"scheme": "ftp"}),
    "an empty ca": service_monitor({"tlsConfig": {"ca": {"secret": {"name": "auth", "key": "empty"}}}}),
}


@pytest.mark.parametrize("reason", WE_REFUSE)
def test_deliberately_refused(upstream: Upstream, reason: str) -> None:
    assert compare(upstream, prometheus(), WE_REFUSE[reason]) == "we refuse"


def test_a_source_label_that_2_x_can_not_load_is_refused(upstream: Upstream) -> None:
    assert compare(upstream, prometheus(version="2.55.0"), relabeled(sourceLabels=["a.b"], targetLabel="x")) == "we refuse"


def test_a_target_label_that_2_x_can_not_load_is_refused(upstream: Upstream) -> None:
    assert compare(upstream, prometheus(version="2.55.0"), service_monitor(targetLabels=["1a"])) == "we refuse"


def test_legacy_names_are_asked_for_where_the_prometheus_has_them(upstream: Upstream) -> None:
    assert compare(upstream, prometheus(nameValidationScheme="Legacy"), relabeled(targetLabel="a.b")) == "we refuse"


UPSTREAM_REFUSES = {
    "2.x takes a target label with a group in it": (
        prometheus(version="2.53.0"),
        relabeled(targetLabel="a_${1}", sourceLabels=["b"]),
    ),
    "an empty selector of a token beside another login is none": (
        prometheus(),
        service_monitor({"basicAuth": PASSWORD, "bearerTokenSecret": {"key": ""}}),
    ),
    "an interval of 0 is the global one to Prometheus": (
        prometheus(),
        service_monitor({"interval": "0s", "scrapeTimeout": "5s"}),
    ),
    "the scrape class has the credentials": (
        prometheus(scrapeClasses=[{"name": "c", "default": True, "authorization": {"credentials": TOKEN}}]),
        service_monitor({"authorization": {"type": "Own"}}),
    ),
}


@pytest.mark.parametrize("reason", UPSTREAM_REFUSES)
def test_deliberately_accepted(upstream: Upstream, reason: str) -> None:
    assert compare(upstream, *UPSTREAM_REFUSES[reason]) == "upstream refuses"


def test_protocols_that_none_is_left_of_are_left_out(upstream: Upstream) -> None:
    """Upstream writes an empty list, which Prometheus refuses."""
    outcome = compare(upstream, prometheus(version="2.53.0"), service_monitor(scrapeProtocols=["PrometheusText1.0.0"]))
    assert outcome == "serviceMonitor/default/a/0 scrape_protocols: [] None"


def loads(release: str, jobs: list[Json]) -> str:
    """What promtool says of a configuration with these jobs, empty when it loads."""
    return promtool(release, yaml.safe_dump({"scrape_configs": jobs}, allow_unicode=True))


@every_release
@settings(MANY, max_examples=25)
@given(
    data=st.data(),
    monitors=st.lists(
        st.one_of(made.monitors("ServiceMonitor"), made.monitors("PodMonitor"), made.probes()), min_size=20, max_size=20
    ),
)
def test_made_up_jobs_load_in_prometheus(release: str, data: st.DataObject, monitors: list[Manifest]) -> None:
    where = data.draw(made.prometheuses((release,)))
    rendered = [ours(scope(where), monitor) for monitor in monitors]
    jobs = [{**job.config, "job_name": f"{number}"} for number, job in enumerate(job for one in rendered for job in one.jobs)]
    assert loads(release, jobs) == ""


@pytest.mark.parametrize(
    "golden", sorted((Path(__file__).parent / "monitors_golden").glob("*[!n].yaml")), ids=lambda path: path.stem
)
def test_goldens_load_in_prometheus(golden: Path) -> None:
    jobs = yaml.safe_load(golden.read_text())["jobs"]
    assert loads(NEWEST, [{key: value for key, value in job.items() if key != "scrape_classic_histograms"} for job in jobs]) == ""
