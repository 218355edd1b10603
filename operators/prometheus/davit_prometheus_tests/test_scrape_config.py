"""A ScrapeConfig as one job: its settings, its order, what is left out when something is wrong."""

from __future__ import annotations

from typing import Any

import pytest
from davit.monitoring.assets import Ref
from davit.monitoring.faults import Fault
from davit_prometheus.api.scrapeconfig import ScrapeConfigSpec
from davit_prometheus.config import jobs, scrape_config
from davit_prometheus.config.discovery.registry import DISCOVERIES
from davit_prometheus.model import Rendered

from davit_prometheus_tests import monitors_world, scrape_config_samples
from davit_prometheus_tests.scrape_config_samples import AUTHENTICATIONS, SECRET, example, full, least
from davit_prometheus_tests.scrape_config_world import EVERYTHING, prometheus, rendered

Json = dict[str, Any]
STATIC = {"staticConfigs": [{"targets": ["a:1"]}]}
FIRST = {"source_labels": ["job"], "target_label": "__tmp_prometheus_job_name"}
MISSING = {"name": "none", "key": "user"}
LISTS = {discovery.field for discovery in DISCOVERIES}


def render(spec: Json, **of_prometheus: Any) -> Rendered:
    return rendered(scrape_config_samples.scrape_config(spec), of_prometheus)


def job(spec: Json, **of_prometheus: Any) -> Json:
    """The configuration of the only job, of which nothing is left out."""
    found = render({**STATIC, **spec}, **of_prometheus)
    assert found.faults == ()
    (only,) = found.jobs
    return only.config


def fault(spec: Json, **of_prometheus: Any) -> Fault:
    """The only fault, which leaves no job."""
    found = render({**STATIC, **spec}, **of_prometheus)
    assert found.jobs == ()
    (only,) = found.faults
    return only


def everything(method: str) -> Json:
    """Every setting of a job that goes with one way to authenticate."""
    apart = LISTS | {name for name in AUTHENTICATIONS if name != method}
    spec = {name: value for name, value in example(ScrapeConfigSpec).items() if name not in apart}
    steps = [{"sourceLabels": ["a"], "targetLabel": "b", "action": "Replace"}]
    return spec | {"relabelings": steps, "metricRelabelings": steps, "scrapeInterval": "30s", "scrapeTimeout": "10s",
                   "bodySizeLimit": "1MB", "nativeHistogramMinBucketFactor": "1.1", "scrapeClass": "plain",
                   "nameEscapingScheme": "Underscores"}  # fmt: skip


def test_the_job_is_named_after_the_object() -> None:
    (only,) = render(STATIC).jobs
    assert only.name == only.config["job_name"] == "scrapeConfig/default/one"


def test_the_dispatch_of_kinds_knows_it() -> None:
    resource = scrape_config_samples.scrape_config(STATIC)
    assert jobs.render(monitors_world.scope(prometheus()), resource, EVERYTHING) == render(STATIC)


def test_the_job_label_is_set_by_relabeling() -> None:
    steps = job({"jobName": "mine", "relabelings": [{"targetLabel": "x", "replacement": "y"}]})["relabel_configs"]
    assert steps == [
        FIRST,
        {"target_label": "job", "action": "replace", "replacement": "mine"},
        {"target_label": "x", "replacement": "y"},
    ]


@pytest.mark.parametrize("method", AUTHENTICATIONS)
def test_every_setting_is_written_in_upstreams_order(method: str) -> None:
    config = job(everything(method), scrapeClasses=[{"name": "plain"}])
    rank = {
        key: number
        for number, key in enumerate((
            "job_name", "honor_timestamps", "track_timestamps_staleness", "honor_labels", "metrics_path", "params",
            "enable_compression", "enable_http2", "scrape_interval", "scrape_timeout", "scrape_protocols",
            "fallback_scrape_protocol", "scheme", "proxy_url", "no_proxy", "proxy_from_environment", "proxy_connect_header",
            "basic_auth", "authorization",
            "oauth2", "tls_config", "sample_limit", "target_limit", "label_limit", "label_name_length_limit",
            "label_value_length_limit", "keep_dropped_targets", "scrape_native_histograms", "native_histogram_bucket_limit",
            "native_histogram_min_bucket_factor", "always_scrape_classic_histograms", "convert_classic_histograms_to_nhcb",
            "body_size_limit", "static_configs", "relabel_configs", "metric_relabel_configs", "metric_name_validation_scheme",
            "metric_name_escaping_scheme",
        ))
    }  # fmt: skip
    assert list(config) == sorted(config, key=rank.__getitem__)
    assert rank.keys() - config.keys() == {"basic_auth", "authorization", "oauth2"} - {key_of(method)}


def key_of(method: str) -> str:
    return {"basicAuth": "basic_auth"}.get(method, method)


def test_discoveries_are_written_in_upstreams_order() -> None:
    config = job({discovery.field: [least(discovery)] for discovery in reversed(DISCOVERIES)})
    assert [key for key in config if key.endswith("_configs") and "relabel" not in key] == [each.key for each in DISCOVERIES]


@pytest.mark.parametrize("discovery", DISCOVERIES, ids=lambda each: each.field)
def test_a_faulty_entry_is_left_out_and_the_others_stay(discovery: Any) -> None:
    good = full(discovery)
    found = render({discovery.field: [least(discovery), "nonsense", good], **STATIC})
    assert [each.path for each in found.faults] == [f"spec.{discovery.field}[1]"] * (discovery.field != "staticConfigs")
    if discovery.field != "staticConfigs":
        ((only,), config) = found.jobs, found.jobs[0].config
        assert len(config[discovery.key]) == 2
        assert only.config["static_configs"] == [{"targets": ["a:1"], "labels": {}}]


def test_the_fault_of_an_entry_names_its_index_and_only_the_files_of_good_ones_are_mounted() -> None:
    spec = {
        "httpSDConfigs": [
            {"url": "http://a", "tlsConfig": {"ca": {"configMap": {"name": "assets", "key": "ca"}}}, "proxyUrl": "http://a b"},
            {"url": "http://b", "tlsConfig": {"keySecret": {"name": "assets", "key": "key"}}},
            {"url": "http://c", "basicAuth": {"username": MISSING, "password": SECRET}},
            {"url": "http://d"},
        ]
    }
    found = render(spec)
    assert [each.path for each in found.faults] == [
        "spec.httpSDConfigs[0].proxyUrl",
        "spec.httpSDConfigs[1].tlsConfig.cert",
        "spec.httpSDConfigs[2].basicAuth.username",
    ]
    assert found.faults[2].message == "Secret default/none has no key 'user': create it, or correct the name or the key"
    assert found.jobs[0].config["http_sd_configs"] == [{"url": "http://d"}]
    assert found.files == {}


def test_an_object_whose_entries_are_all_at_fault_has_no_job() -> None:
    found = render({"httpSDConfigs": [{"url": "a"}], "dnsSDConfigs": [{"names": []}]})
    assert found.jobs == ()
    assert [each.path for each in found.faults] == ["spec.httpSDConfigs[0].url", "spec.dnsSDConfigs[0].names"]


def test_an_object_without_discoveries_is_a_job_without_targets() -> None:
    (only,) = render({}).jobs
    assert only.config == {"job_name": "scrapeConfig/default/one", "relabel_configs": [FIRST]}


def test_a_wrong_type_in_an_entry_is_a_fault_of_that_entry() -> None:
    found = render({**STATIC, "dnsSDConfigs": [{"names": ["a"], "refreshInterval": "soon"}, {"names": ["b"], "port": "many"}]})
    assert [each.path for each in found.faults] == ["spec.dnsSDConfigs[0].refreshInterval", "spec.dnsSDConfigs[1].port"]
    assert "static_configs" in found.jobs[0].config
    assert "dns_sd_configs" not in found.jobs[0].config


@pytest.mark.parametrize(
    ("spec", "path", "said"),
    [
        ({"scrapeClass": "none"}, "spec.scrapeClass", "'none' is no scrape class of default/test: it has none"),
        ({"relabelings": [{}, {"action": "keep", "regex": "("}]}, "spec.relabelings[0].targetLabel", "is missing"),
        ({"relabelings": [{"action": "keep", "regex": "("}]}, "spec.relabelings[0].regex", "'('"),
        ({"metricRelabelings": [{"action": "hashmod", "targetLabel": "a"}]}, "spec.metricRelabelings[0].modulus", "is missing"),
        ({"scrapeTimeout": "31s"}, "spec.scrapeTimeout", "31s is longer than the interval of 30s: set at most that"),
        ({"scrapeInterval": "1m", "scrapeTimeout": "2m"}, "spec.scrapeTimeout", "2m is longer than the interval of 1m"),
        ({"scrapeInterval": "1 m"}, "spec.scrapeInterval", "'1 m' is not a duration"),
        ({"basicAuth": {"username": MISSING, "password": SECRET}}, "spec.basicAuth.username", "Secret default/none has no key"),
        ({"authorization": {"type": "Basic", "credentials": SECRET}}, "spec.authorization.type", "Basic is not"),
        ({"oauth2": {"clientId": {"secret": SECRET}}}, "spec.oauth2.tokenUrl", "is missing"),
        ({"tlsConfig": {"cert": {"secret": SECRET}}}, "spec.tlsConfig.keySecret", "is missing: "),
        ({"noProxy": "a"}, "spec.noProxy", "needs a proxy"),
        ({"basicAuth": {"username": SECRET, "password": SECRET}, "authorization": {"type": "X"}},
         "spec.authorization", "can't go with basicAuth"),
        ({"nameValidationScheme": "Legacy", "nameEscapingScheme": "AllowUTF8"}, "spec.nameEscapingScheme", "AllowUTF8"),
        ({"sampleLimit": -1}, "spec.sampleLimit", ""),
        ({"scrapeProtocols": ["Text"]}, "spec.scrapeProtocols[0]", ""),
    ],
    ids=lambda value: str(value)[:50],
)  # fmt: skip
def test_what_concerns_the_whole_job_leaves_none(spec: Json, path: str, said: str) -> None:
    found = fault(spec)
    assert found.path == path
    assert found.message.startswith(said)


def test_escaping_to_utf8_needs_names_that_the_prometheus_takes() -> None:
    assert fault({"nameEscapingScheme": "AllowUTF8"}, nameValidationScheme="Legacy").path == "spec.nameEscapingScheme"
    config = job({"nameEscapingScheme": "AllowUTF8", "nameValidationScheme": "UTF8"}, nameValidationScheme="Legacy")
    assert config["metric_name_escaping_scheme"] == "allow-utf-8"


@pytest.mark.parametrize("field", ["relabelings", "metricRelabelings"])
def test_a_jobs_own_scheme_says_which_labels_its_relabeling_may_write(field: str) -> None:
    """Prometheus' loader takes the job's scheme for both, and the global one where there is none."""
    step = {field: [{"targetLabel": "a-b", "replacement": "x"}]}
    assert fault({**step, "nameValidationScheme": "Legacy"}).path == f"spec.{field}[0].targetLabel"
    assert fault(step, nameValidationScheme="Legacy").path == f"spec.{field}[0].targetLabel"
    assert job({**step, "nameValidationScheme": "UTF8"}, nameValidationScheme="Legacy")


@pytest.mark.parametrize(
    ("version", "spec", "absent", "field"),
    [
        ("2.46.0", {"keepDroppedTargets": 1}, "keep_dropped_targets", "keepDroppedTargets"),
        ("2.47.2", {"trackTimestampsStaleness": True}, "track_timestamps_staleness", "trackTimestampsStaleness"),
        ("2.48.1", {"enableCompression": False}, "enable_compression", "enableCompression"),
        ("2.48.1", {"scrapeProtocols": ["PrometheusProto"]}, "scrape_protocols", "scrapeProtocols"),
        ("2.49.1", {"nativeHistogramMinBucketFactor": 2}, "native_histogram_min_bucket_factor", "nativeHistogramMinBucketFactor"),
        ("2.55.1", {"fallbackScrapeProtocol": "PrometheusProto"}, "fallback_scrape_protocol", "fallbackScrapeProtocol"),
        ("2.55.1", {"nameValidationScheme": "UTF8"}, "metric_name_validation_scheme", "nameValidationScheme"),
        ("3.3.1", {"nameEscapingScheme": "Dots"}, "metric_name_escaping_scheme", "nameEscapingScheme"),
        ("3.7.3", {"scrapeNativeHistograms": True}, "scrape_native_histograms", "scrapeNativeHistograms"),
    ],
)
def test_what_a_version_does_not_know_is_said_and_not_written(version: str, spec: Json, absent: str, field: str) -> None:
    found = render({**STATIC, **spec}, version=version)
    assert absent not in found.jobs[0].config
    assert absent in job(spec, version="3.13.2")
    (sentence,) = found.ignored
    assert sentence.startswith(f"spec.{field} is ignored by Prometheus {version}: needs ")


def test_shards_share_the_targets_unless_the_user_hashes_them() -> None:
    steps = job({}, shards=2)["relabel_configs"]
    assert [step.get("action") for step in steps] == [None, "replace", "keep", "replace", "hashmod", "keep"]
    assert steps[-1] == {"source_labels": ["__tmp_hash", "__tmp_disable_sharding"], "regex": "$(SHARD);|.+;.+", "action": "keep"}
    own = {"relabelings": [{"sourceLabels": ["a"], "targetLabel": "__tmp_hash", "modulus": 2, "action": "HashMod"}]}
    assert len(job(own, shards=2)["relabel_configs"]) == 2
    classes = [{"name": "plain", "default": True, **own}]
    assert len(job({}, shards=2, scrapeClasses=classes)["relabel_configs"]) == 2


def test_a_single_shard_needs_no_sharding() -> None:
    assert job({}, shards=1)["relabel_configs"] == [FIRST]


def test_the_scrape_class_comes_before_the_job_label_and_the_users_relabeling() -> None:
    classes = [
        {"name": "plain", "default": True, "relabelings": [{"targetLabel": "c"}], "metricRelabelings": [{"targetLabel": "d"}]}
    ]
    config = job({"jobName": "x", "relabelings": [{"targetLabel": "e"}], "metricRelabelings": [{"targetLabel": "f"}]},
                 scrapeClasses=classes)  # fmt: skip
    assert [step["target_label"] for step in config["relabel_configs"]] == ["__tmp_prometheus_job_name", "c", "job", "e"]
    assert [step["target_label"] for step in config["metric_relabel_configs"]] == ["d", "f"]


def test_the_scrape_class_fills_in_what_the_user_leaves_open() -> None:
    classes = [{"name": "plain", "tlsConfig": {"caFile": "/ca"}, "authorization": {"credentialsFile": "/token"},
                "fallbackScrapeProtocol": "PrometheusProto"}]  # fmt: skip
    config = job({"scrapeClass": "plain", "tlsConfig": {"serverName": "a"}}, scrapeClasses=classes)
    assert config["tls_config"] == {"server_name": "a", "ca_file": "/ca"}
    assert config["authorization"] == {"type": "Bearer", "credentials_file": "/token"}
    assert config["fallback_scrape_protocol"] == "PrometheusProto"
    own = {"scrapeClass": "plain", "fallbackScrapeProtocol": "PrometheusText0.0.4", "authorization": {"credentials": SECRET}}
    config = job(own, scrapeClasses=classes)
    assert config["authorization"] == {"type": "Bearer", "credentials": "u"}
    assert config["fallback_scrape_protocol"] == "PrometheusText0.0.4"


def test_a_scrape_class_does_not_get_in_the_way_of_the_users_password() -> None:
    classes = [{"name": "plain", "default": True, "authorization": {"credentialsFile": "/token"}}]
    config = job({"basicAuth": {"username": SECRET, "password": SECRET}}, scrapeClasses=classes)
    assert config["basic_auth"] == {"username": "u", "password": "u"}
    assert "authorization" not in config


def test_the_namespace_is_enforced_on_samples_and_after_the_users_relabeling() -> None:
    """As upstream does: without relabelings of its own the target's labels are left alone."""
    enforced = {"target_label": "ns", "replacement": "default"}
    config = job({"relabelings": [{"targetLabel": "ns", "replacement": "other"}]}, enforcedNamespaceLabel="ns")
    assert config["relabel_configs"][-1] == enforced
    assert config["metric_relabel_configs"] == [enforced]
    config = job({}, enforcedNamespaceLabel="ns")
    assert config["relabel_configs"] == [FIRST]
    assert config["metric_relabel_configs"] == [enforced]
    excluded = [{"group": "monitoring.coreos.com", "resource": "scrapeconfigs", "namespace": "default", "name": "one"}]
    assert "metric_relabel_configs" not in job({}, enforcedNamespaceLabel="ns", excludedFromEnforcement=excluded)


def test_limits_are_the_lower_of_the_users_and_the_enforced_ones() -> None:
    config = job({"sampleLimit": 5, "targetLimit": 50, "bodySizeLimit": "2MB"},
                 enforcedSampleLimit=10, enforcedTargetLimit=10, enforcedBodySizeLimit="1MB")  # fmt: skip
    assert (config["sample_limit"], config["target_limit"], config["body_size_limit"]) == (5, 10, "1MB")


def test_overrides_reach_only_what_the_user_set() -> None:
    overridden = {"overrideHonorLabels": True, "overrideHonorTimestamps": True}
    config = job({"honorLabels": True, "honorTimestamps": True}, **overridden)
    assert (config["honor_labels"], config["honor_timestamps"]) == (False, False)
    assert not {"honor_labels", "honor_timestamps"} & job({}, **overridden).keys()


def test_parameters_are_lists_and_an_empty_list_is_kept() -> None:
    assert job({"params": {"b": ["1", "2"], "a": []}})["params"] == {"a": [], "b": ["1", "2"]}
    assert "params" not in job({"params": {}})


def test_references_are_all_that_rendering_asks_for() -> None:
    spec = {
        "consulSDConfigs": [{"server": "a", "tokenRef": SECRET}, "nonsense"],
        "basicAuth": {"username": MISSING, "password": SECRET},
    }
    classes = [{"name": "plain", "default": True, "authorization": {"credentials": {"name": "class", "key": "token"}}}]
    where = monitors_world.scope(prometheus({"scrapeClasses": classes}))
    assert scrape_config.references(where, scrape_config_samples.scrape_config(spec, namespace="apps")) == {
        Ref("Secret", "apps", "assets", "user"),
        Ref("Secret", "apps", "none", "user"),
        Ref("Secret", "default", "class", "token"),
    }


def test_secrets_of_another_namespace_are_out_of_reach() -> None:
    resource = scrape_config_samples.scrape_config({"consulSDConfigs": [{"server": "a", "tokenRef": SECRET}]}, namespace="apps")
    (only,) = rendered(resource).faults
    assert only == Fault(
        "spec.consulSDConfigs[0].tokenRef", "Secret apps/assets has no key 'user': create it, or correct the name or the key"
    )


@pytest.mark.parametrize("spec", [None, {}, {"staticConfigs": None}, {"staticConfigs": {}}])
def test_an_empty_object_harms_nobody(spec: Any) -> None:
    resource = scrape_config_samples.scrape_config({}) | {"spec": spec}
    assert [one.name for one in rendered(resource).jobs] == ["scrapeConfig/default/one"]
