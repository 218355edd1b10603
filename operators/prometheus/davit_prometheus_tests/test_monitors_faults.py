"""What is wrong with one endpoint hurts that endpoint only, and every refusal names its field and the remedy."""

from __future__ import annotations

from typing import Any

import pytest
from davit.model import Manifest
from davit.monitoring.assets import Assets, Ref
from davit_prometheus.config import service_monitor

from davit_prometheus_tests.monitors_world import assets, document, ours, prometheus, scope
from davit_prometheus_tests.scrape_config_certificates import CERTIFICATE

Json = dict[str, Any]
TLS = {
    "ca": {"configMap": {"name": "files", "key": "ca"}},
    "cert": {"secret": {"name": "tls", "key": "cert"}},
    "keySecret": {"name": "tls", "key": "key"},
}


def monitor(*endpoints: Any, **spec: Any) -> Manifest:
    return document("ServiceMonitor", "m", {"selector": {}, "endpoints": list(endpoints), **spec})


BAD = {
    "a missing Secret": (
        {"bearerTokenSecret": {"name": "no", "key": "x"}},
        "spec.endpoints[1].bearerTokenSecret",
        "Secret default/no has no key 'x'",
    ),
    "a missing key of a Secret": (
        {"basicAuth": {"username": {"name": "auth", "key": "user"}, "password": {"name": "auth", "key": "no"}}},
        "spec.endpoints[1].basicAuth.password",
        "Secret default/auth has no key 'no'",
    ),
    "a Secret without a name": (
        {"basicAuth": {"username": {"name": "auth", "key": "user"}}},
        "spec.endpoints[1].basicAuth.password",
        "the name of the Secret is missing",
    ),
    "an interval that is none": ({"interval": "5 min"}, "spec.endpoints[1].interval", "write for example 30s"),
    "a timeout beyond the interval": (
        {"interval": "5s", "scrapeTimeout": "10s"},
        "spec.endpoints[1].scrapeTimeout",
        "longer than the interval of 5s",
    ),
    "a regex that does not compile": (
        {"relabelings": [{"targetLabel": "a"}, {"action": "keep", "regex": "("}]},
        "spec.endpoints[1].relabelings[1].regex",
        "a ) is missing",
    ),
    "a step without a target": (
        {"metricRelabelings": [{"sourceLabels": ["a"]}]},
        "spec.endpoints[1].metricRelabelings[0].targetLabel",
        "is missing",
    ),
    "a scheme that is none": ({"scheme": "ftp"}, "spec.endpoints[1].scheme", "must be 'http'"),
    "what is no endpoint": ("web", "spec.endpoints[1]", "must be a valid dictionary"),
    "a port that is neither": ({"targetPort": []}, "spec.endpoints[1].targetPort", "must be a valid"),
    "a certificate that is none": (
        {"tlsConfig": {"ca": {"secret": {"name": "tls", "key": "bad"}}}},
        "spec.endpoints[1].tlsConfig.ca",
        "-----BEGIN CERTIFICATE-----",
    ),
    "a key of another certificate": (
        {"tlsConfig": {**TLS, "keySecret": {"name": "tls", "key": "bad"}}},
        "spec.endpoints[1].tlsConfig.keySecret",
        "no private key in PEM",
    ),
    "two ways to authenticate": (
        {"authorization": {"credentials": {"name": "auth", "key": "token"}}, "bearerTokenFile": "/f"},
        "spec.endpoints[1].bearerTokenFile",
        "keep one way",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_a_bad_endpoint_leaves_the_others_and_their_numbers_alone(case: str) -> None:
    endpoint, path, words = BAD[case]
    rendered = ours(scope(prometheus()), monitor({"port": "a"}, endpoint, {"port": "c"}))
    assert [job.name for job in rendered.jobs] == ["serviceMonitor/default/m/0", "serviceMonitor/default/m/2"]
    (fault,) = rendered.faults
    assert fault.path == path
    assert words in fault.message


@pytest.mark.parametrize(
    ("spec", "path"),
    [
        ({"selector": {"matchLabels": {"a": "b c"}}}, "spec.selector.matchLabels.a"),
        ({"selector": {"matchExpressions": [{"key": "a", "operator": "In"}]}}, "spec.selector.matchExpressions[0].values"),
        ({"sampleLimit": -1}, "spec.sampleLimit"),
        ({"scrapeClass": "no"}, "spec.scrapeClass"),
        ({"bodySizeLimit": "1 MB"}, "spec.bodySizeLimit"),
    ],
)
def test_a_fault_of_the_whole_object_leaves_no_jobs(spec: Json, path: str) -> None:
    rendered = ours(scope(prometheus()), monitor({"port": "a"}, **spec))
    assert not rendered.jobs
    assert [fault.path for fault in rendered.faults] == [path]


def test_a_limit_by_the_scrape_class_names_those_that_there_are() -> None:
    where = scope(prometheus(scrapeClasses=[{"name": "one"}, {"name": "two"}]))
    (fault,) = ours(where, monitor({"port": "a"}, scrapeClass="three")).faults
    assert "one, two" in fault.message


def test_tls_assets_of_what_is_rendered_are_to_be_mounted() -> None:
    rendered = ours(scope(prometheus()), monitor({"tlsConfig": TLS}, {"tlsConfig": TLS, "interval": "bad"}))
    assert rendered.jobs[0].config["tls_config"] == {
        "ca_file": "/etc/prometheus/certs/1_default_files_ca",
        "cert_file": "/etc/prometheus/certs/0_default_tls_cert",
        "key_file": "/etc/prometheus/certs/0_default_tls_key",
    }
    assert rendered.files["1_default_files_ca"] == CERTIFICATE.encode()
    assert set(rendered.files) == {"1_default_files_ca", "0_default_tls_cert", "0_default_tls_key"}


def test_tls_assets_of_an_endpoint_that_is_left_out_are_not_mounted() -> None:
    rendered = ours(scope(prometheus()), monitor({"tlsConfig": TLS, "relabelings": [{"action": "replace"}]}))
    assert rendered.faults
    assert not rendered.files


def test_secrets_of_a_scrape_class_are_those_of_the_prometheus() -> None:
    token = {"name": "auth", "key": "token"}
    where = scope(prometheus(scrapeClasses=[{"name": "c", "default": True, "authorization": {"credentials": token}}]))
    elsewhere = document("ServiceMonitor", "m", {"selector": {}, "endpoints": [{"port": "a"}]}, "other")
    assert service_monitor.references(where, elsewhere) == {Ref("Secret", "default", "auth", "token")}
    (job,) = ours(where, elsewhere).jobs
    assert job.config["authorization"] == {"type": "Bearer", "credentials": "tok"}


def test_a_monitor_reads_secrets_of_its_own_namespace_only() -> None:
    elsewhere = document(
        "ServiceMonitor", "m", {"selector": {}, "endpoints": [{"bearerTokenSecret": {"name": "auth", "key": "user"}}]}, "other"
    )
    where = scope(prometheus())
    assert service_monitor.references(where, elsewhere) == {Ref("Secret", "other", "auth", "user")}
    assert ours(where, elsewhere).jobs[0].config["bearer_token"] == "me of other"


def test_what_is_rendered_asks_for_no_more_than_it_said() -> None:
    where = scope(prometheus())
    written = monitor({"tlsConfig": TLS})
    assert service_monitor.render(where, written, Assets()).faults
    assert service_monitor.references(where, written) == {
        Ref("ConfigMap", "default", "files", "ca"),
        Ref("Secret", "default", "tls", "cert"),
        Ref("Secret", "default", "tls", "key"),
    }
    assert not service_monitor.render(where, written, assets()).faults


def test_the_authorization_of_a_class_does_not_join_an_endpoint_s_own_login() -> None:
    where = scope(prometheus(scrapeClasses=[{"name": "c", "default": True, "authorization": {"credentialsFile": "/token"}}]))
    own = {"basicAuth": {"username": {"name": "auth", "key": "user"}, "password": {"name": "auth", "key": "token"}}}
    one, two = ours(where, monitor(own, {"port": "a"})).jobs
    assert "authorization" not in one.config
    assert two.config["authorization"] == {"type": "Bearer", "credentials_file": "/token"}


GATED: dict[str, tuple[Json, str, str]] = {
    "keepDroppedTargets": ({"keepDroppedTargets": 1}, "2.46.0", "needs 2.47.0"),
    "scrapeProtocols": ({"scrapeProtocols": ["PrometheusProto"]}, "2.48.1", "needs 2.49.0"),
    "nativeHistogramMinBucketFactor": ({"nativeHistogramMinBucketFactor": "1.1"}, "2.49.0", "needs 2.50.0"),
    "fallbackScrapeProtocol": ({"fallbackScrapeProtocol": "PrometheusText0.0.4"}, "2.55.0", "needs 3.0.0"),
    "convertClassicHistogramsToNHCB": ({"convertClassicHistogramsToNHCB": True}, "2.55.0", "needs 3.0.0"),
    "scrapeNativeHistograms": ({"scrapeNativeHistograms": True}, "3.7.0", "needs 3.8.0"),
}


@pytest.mark.parametrize("field", GATED)
def test_what_the_version_does_not_know_is_left_out_and_said(field: str) -> None:
    spec, version, words = GATED[field]
    old = ours(scope(prometheus(version=version)), monitor({"port": "a"}, **spec))
    new = ours(scope(prometheus(version=words.removeprefix("needs "))), monitor({"port": "a"}, **spec))
    assert old.ignored == (f"spec.{field} is ignored by Prometheus {version}: {words}",)
    assert not new.ignored
    assert len(new.jobs[0].config) == len(old.jobs[0].config) + 1


def test_a_field_of_an_endpoint_is_named_with_its_place() -> None:
    rendered = ours(scope(prometheus(version="2.45.0")), monitor({"port": "a"}, {"trackTimestampsStaleness": True}))
    assert rendered.ignored == ("spec.endpoints[1].trackTimestampsStaleness is ignored by Prometheus 2.45.0: needs 2.48.0",)


def test_classic_histograms_are_asked_for_in_the_words_of_the_version() -> None:
    written = monitor({"port": "a"}, scrapeClassicHistograms=True)
    (old,), (new,) = (ours(scope(prometheus(version=version)), written).jobs for version in ("2.55.0", "3.5.0"))
    assert old.config["scrape_classic_histograms"] is True
    assert new.config["always_scrape_classic_histograms"] is True


@pytest.mark.parametrize(
    ("user", "bound", "version", "limit"),
    [
        (5, 3, "3.5.0", 3),
        (3, 5, "3.5.0", 3),
        (5, None, "3.5.0", 5),
        (None, 5, "3.5.0", None),
        (0, 5, "3.5.0", None),
        (0, None, "3.5.0", 0),
        (5, 0, "3.5.0", 5),
        (None, 5, "2.44.0", 5),
    ],
)
def test_no_limit_is_above_the_enforced_one(user: int | None, bound: int | None, version: str, limit: int | None) -> None:
    where = prometheus(version=version, enforcedSampleLimit=bound)
    (job,) = ours(scope(where), monitor({"port": "a"}, sampleLimit=user)).jobs
    assert job.config.get("sample_limit") == limit


@pytest.mark.parametrize(("user", "bound", "size"), [("2MB", "1MiB", "1MiB"), ("512KB", "1MB", "512KB"), (None, "1MB", "1MB")])
def test_no_answer_is_larger_than_the_enforced_size(user: str | None, bound: str, size: str) -> None:
    (job,) = ours(scope(prometheus(enforcedBodySizeLimit=bound)), monitor({"port": "a"}, bodySizeLimit=user)).jobs
    assert job.config["body_size_limit"] == size


@pytest.mark.parametrize(
    "step",
    [
        {"targetLabel": "a" * 100_000 + "-"},
        {"targetLabel": "$a" * 50_000 + "-"},
        {"targetLabel": "a", "action": "labelmap", "replacement": "${a}" * 20_000 + "-"},
        {"targetLabel": "a", "regex": "(a|" * 30_000},
    ],
)
def test_no_relabeling_keeps_the_operator_busy_or_fills_the_status(step: Json) -> None:
    (fault,) = ours(scope(prometheus(version="2.53.0")), monitor({"relabelings": [step]})).faults
    assert len(str(fault)) < 1000


def test_no_selector_keeps_the_operator_busy() -> None:
    labels = {"a" * 100_000 + "-/x": "b", "x/" + "a" * 100_000: "c"}
    assert ours(scope(prometheus()), monitor({"port": "a"}, selector={"matchLabels": labels})).faults


def test_a_probe_is_refused_for_the_relabeling_of_an_ingress_though_static_targets_win() -> None:
    targets = {"staticConfig": {"static": ["a"]}, "ingress": {"relabelingConfigs": [{"sourceLabels": ["a"]}]}}
    found = ours(scope(prometheus()), document("Probe", "p", {"prober": {"url": "prober"}, "targets": targets}))
    assert [fault.path for fault in found.faults] == ["spec.targets.ingress.relabelingConfigs[0].targetLabel"]


def test_what_is_read_of_a_target_may_have_any_name_from_3_0_on() -> None:
    """Prometheus applies its name validation scheme to what is written only."""
    for version, fine in (("3.5.0", True), ("2.55.0", False)):
        where = scope(prometheus(version=version, nameValidationScheme="Legacy"))
        step = {"sourceLabels": ["a.b"], "targetLabel": "c"}
        assert (not ours(where, monitor({"relabelings": [step]})).faults) is fine
        static = {"static": ["a"], "labels": {"a.b": "c"}}
        spec = {"prober": {"url": "prober"}, "targets": {"staticConfig": static}}
        assert (not ours(where, document("Probe", "p", spec)).faults) is fine
