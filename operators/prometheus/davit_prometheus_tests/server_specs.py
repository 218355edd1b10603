"""Made-up specs of Prometheuses: every field that prometheus.yaml's top level is made of, in any combination that loads."""

from __future__ import annotations

import json
from typing import Any

from davit_prometheus.model import Json
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from davit_prometheus_tests.server_cases import ALERT_METHODS, FILES, RELABELINGS, TLS, WRITE_METHODS
from davit_prometheus_tests.server_made import key

VERSIONS = ("2.45.0", "2.48.1", "2.51.0", "2.53.0", "v2.55.1", "3.0.0", "3.4.0", "3.5.0", "3.6.0", "3.8.1", "3.11.0", "3.13.2")
WORDS = ("a", "on", "010", "1e3", "x y", "", "#", "yes", "$1", "a:b", "~", "ü", '"q"', "it's", "{a}", "- x", "a\nb", "100%", "=")

Specs = SearchStrategy[Json]
DURATION = st.sampled_from(("10s", "1m", "1h30m", "0", "90s", "1d"))
WORD = st.sampled_from(WORDS)
LIMIT = st.sampled_from((0, 1, 5, 1000))
URL = st.sampled_from(("http://x", "https://user:p@x:1/p?q=1", "http://[::1]:80/"))
FLAG = st.booleans()
SIZE = st.sampled_from(("1MB", "10KB", "0", "512MiB", "1.5GB"))
LOG = st.sampled_from(("a.log", "/x/a.log", "./a.log", "x/y.log"))
FRACTION = st.sampled_from(("0.3", "500m", 1, 0, "0.70", "1e-1", "0.25", "0.123456789", "0.1234567891"))
LABEL_NAME = st.sampled_from(("", "a", "zone", "repl", "prometheus"))
HEADERS = st.dictionaries(st.sampled_from(("X-A", "x-b", "on", "1")), WORD, max_size=3)


def some(**optional: SearchStrategy[Any]) -> Specs:
    """A mapping with any of these fields."""
    return st.fixed_dictionaries({}, optional=optional)


def merged(*parts: Specs) -> Specs:
    """All of these mappings in one."""
    return st.tuples(*parts).map(lambda found: {name: value for part in found for name, value in part.items()})


PROXY: Specs = st.sampled_from(
    (
        {},
        {},
        {"proxyUrl": "http://p:1"},
        {"proxyUrl": "socks5://p", "noProxy": "a,b"},
        {"proxyFromEnvironment": True},
        {"proxyFromEnvironment": False},
        {"proxyUrl": "http://p", "proxyConnectHeader": {"X-B": [key("header"), key("token")], "X-A": [key("id")]}},
    )
)
TLS_CONFIG = merged(
    st.sampled_from(({}, {"ca": TLS["ca"]}, TLS, FILES, {"caFile": "/a", "serverName": "on"})),
    some(insecureSkipVerify=FLAG, serverName=WORD),
)
STEPS = st.lists(
    st.sampled_from(
        (
            *RELABELINGS,
            {"action": "keep", "sourceLabels": ["a"], "regex": "1e3"},
            {"action": "KeepEqual", "sourceLabels": ["a"], "targetLabel": "b"},
            {"action": "lowercase", "sourceLabels": ["a"], "targetLabel": "on"},
            {"action": "labelmap", "regex": "a_(.+)", "replacement": "b_${1}"},
        )
    ),
    max_size=3,
)
WRITE = merged(
    st.fixed_dictionaries({"url": URL}),
    some(
        name=st.sampled_from(("n1", "on", "1", "")),
        messageVersion=st.sampled_from(("V1.0", "V2.0")),
        sendExemplars=FLAG,
        sendNativeHistograms=FLAG,
        remoteTimeout=DURATION,
        headers=HEADERS,
        writeRelabelConfigs=STEPS,
        tlsConfig=TLS_CONFIG,
        followRedirects=FLAG,
        enableHTTP2=FLAG,
        roundRobinDNS=FLAG,
        queueConfig=some(
            capacity=LIMIT,
            minShards=st.sampled_from((0, 1)),
            maxShards=LIMIT,
            maxSamplesPerSend=LIMIT,
            batchSendDeadline=DURATION,
            maxRetries=LIMIT,
            minBackoff=st.just("10ms"),
            maxBackoff=DURATION.filter(lambda text: text != "0"),
            retryOnRateLimit=FLAG,
            sampleAgeLimit=DURATION,
        ),
        metadataConfig=some(send=FLAG, sendInterval=DURATION, maxSamplesPerSend=st.sampled_from((-1, 0, 5))),
    ),
    PROXY,
    st.sampled_from(({}, *WRITE_METHODS.values())),
)
READ = merged(
    st.fixed_dictionaries({"url": URL}),
    some(
        name=st.sampled_from(("n1", "on", "1", "")),
        requiredMatchers=st.dictionaries(st.sampled_from(("b", "a", "on")), WORD, max_size=2),
        remoteTimeout=DURATION,
        headers=HEADERS,
        readRecent=FLAG,
        tlsConfig=TLS_CONFIG,
        followRedirects=FLAG,
        filterExternalLabels=FLAG,
    ),
    PROXY,
    st.sampled_from(({}, *(method for method in WRITE_METHODS.values() if not {"sigv4", "azureAd"} & set(method)))),
)
ALERTMANAGER = merged(
    st.fixed_dictionaries({"name": st.sampled_from(("am", "a.b", "on")), "port": st.sampled_from((9093, "web", "9093", 0))}),
    some(
        namespace=st.sampled_from(("mon", "on")),
        scheme=st.sampled_from(("http", "HTTPS")),
        pathPrefix=WORD,
        timeout=DURATION,
        enableHttp2=FLAG,
        tlsConfig=TLS_CONFIG,
        apiVersion=st.sampled_from(("v1", "V1", "v2", "V2")),
        relabelings=STEPS,
        alertRelabelings=STEPS,
    ),
    PROXY,
    st.sampled_from(tuple(ALERT_METHODS.values())),
)
API_SERVER = merged(
    st.fixed_dictionaries({"host": st.sampled_from(("https://api", "api:6443"))}),
    some(tlsConfig=TLS_CONFIG),
    PROXY,
    st.sampled_from(
        ({}, *(WRITE_METHODS[name] for name in ("basic-auth", "authorization", "bearer-token", "bearer-token-file")))
    ),
)
OTLP = merged(
    st.sampled_from(
        (
            {},
            {"promoteResourceAttributes": ["a", "on"]},
            {"promoteAllResourceAttributes": True},
            {"promoteAllResourceAttributes": True, "ignoreResourceAttributes": ["a"]},
            {"promoteAllResourceAttributes": True, "promoteResourceAttributes": ["a"]},
            {"ignoreResourceAttributes": ["a"]},
        )
    ),
    some(
        translationStrategy=st.sampled_from(
            (
                "NoUTF8EscapingWithSuffixes",
                "UnderscoreEscapingWithSuffixes",
                "NoTranslation",
                "UnderscoreEscapingWithoutSuffixes",
            )
        ),
        keepIdentifyingResourceAttributes=FLAG,
        convertHistogramsToNHCB=FLAG,
        promoteScopeMetadata=FLAG,
        labelNameUnderscoreSanitization=FLAG,
        labelNamePreserveMultipleUnderscores=FLAG,
    ),
)
TRACING = merged(
    st.fixed_dictionaries({"endpoint": st.just("t:4317")}),
    some(
        clientType=st.sampled_from(("http", "GRPC")),
        samplingFraction=FRACTION,
        insecure=FLAG,
        headers=HEADERS,
        compression=st.sampled_from(("gzip", "Gzip")),
        timeout=DURATION,
        tlsConfig=TLS_CONFIG,
    ),
)
TSDB = {
    "outOfOrderTimeWindow": DURATION,
    "staleSeriesCompactionThreshold": FRACTION,
    "chunkEncoding": some(floats=st.sampled_from(("Xor", "Xor2"))),
}
GLOBALS = some(
    scrapeInterval=DURATION.filter(lambda text: text != "0"),
    scrapeTimeout=st.sampled_from(("1s", "10s")),
    scrapeProtocols=st.sampled_from((["PrometheusProto", "PrometheusText1.0.0"], ["OpenMetricsText0.0.1"])),
    externalLabels=st.dictionaries(
        st.sampled_from(("a", "b", "on", "zone", "prometheus")), st.sampled_from((*WORDS, "$(POD_NAME)x", "$(SHARD)")), max_size=3
    ),
    replicaExternalLabelName=LABEL_NAME,
    prometheusExternalLabelName=LABEL_NAME,
    sampleLimit=LIMIT,
    targetLimit=LIMIT,
    labelLimit=LIMIT,
    labelNameLengthLimit=LIMIT,
    labelValueLengthLimit=LIMIT,
    keepDroppedTargets=LIMIT,
    bodySizeLimit=SIZE,
    enforcedSampleLimit=LIMIT,
    enforcedTargetLimit=LIMIT,
    enforcedLabelLimit=LIMIT,
    enforcedLabelNameLengthLimit=LIMIT,
    enforcedLabelValueLengthLimit=LIMIT,
    enforcedKeepDroppedTargets=LIMIT,
    enforcedBodySizeLimit=SIZE,
    scrapeFailureLogFile=LOG,
    nameEscapingScheme=st.sampled_from(("Underscores", "Dots", "Values")),
    nameValidationScheme=st.sampled_from(("UTF8", "Legacy")),
    convertClassicHistogramsToNHCB=FLAG,
    scrapeNativeHistograms=FLAG,
    scrapeClassicHistograms=FLAG,
    runtime=some(goGC=st.sampled_from((-1, 50))),
    enableFeatures=st.sampled_from((["st-storage"], ["expand-external-labels"], [])),
)
SHARDS = st.one_of(
    st.fixed_dictionaries({"shards": st.integers(0, 4)}),
    st.fixed_dictionaries(
        {
            "shards": st.integers(2, 5),
            "shardingStrategy": st.fixed_dictionaries(
                {
                    "mode": st.just("Topology"),
                    "topology": some(values=st.sampled_from((["a"], ["a", "b"], [])), externalLabelName=LABEL_NAME),
                }
            ),
        }
    ),
)
COMMON = merged(
    GLOBALS,
    SHARDS,
    some(
        remoteWrite=st.lists(WRITE, max_size=3, unique_by=lambda one: one.get("name") or str(one)),
        apiserverConfig=API_SERVER,
        serviceDiscoveryRole=st.sampled_from(("Endpoints", "EndpointSlice")),
        otlp=OTLP,
        tracingConfig=TRACING,
        additionalScrapeConfigs=st.just(key("jobs", "generated")),
    ),
)
SERVER = merged(
    COMMON,
    some(
        remoteRead=st.lists(READ, max_size=3, unique_by=lambda one: one.get("name") or str(one)),
        alerting=st.fixed_dictionaries({"alertmanagers": st.lists(ALERTMANAGER, max_size=3)}),
        additionalAlertRelabelConfigs=st.just(key("steps", "generated")),
        additionalAlertManagerConfigs=st.just(key("managers", "generated")),
        retention=DURATION.filter(lambda text: text != "0"),
        retentionSize=SIZE,
        exemplars=some(maxSize=st.sampled_from((-1, 0, 100))),
        evaluationInterval=DURATION.filter(lambda text: text != "0"),
        ruleQueryOffset=DURATION,
        queryLogFile=LOG,
        tsdb=some(**TSDB),
    ),
)
AGENT = merged(
    COMMON,
    # One setting at most: with two, prometheus-operator writes `storage` twice, which Prometheus refuses.
    some(tsdb=st.one_of(*(some(**{name: value}) for name, value in TSDB.items()))),
)

_STEP = st.sampled_from(
    (
        {"source_labels": ["__address__"], "regex": "a=b", "target_label": "z", "replacement": "010"},
        {"action": "hashmod", "modulus": 4, "source_labels": ["a"], "target_label": "x"},
        {"action": "labeldrop", "regex": "on"},
    )
)
_JOB = st.fixed_dictionaries(
    {"job_name": st.sampled_from(("a", "on", "1", "x y", "j/k"))},
    optional={
        "honor_labels": FLAG,
        "scrape_interval": st.sampled_from(("5m", "1h")),
        "params": st.just({"module": ["http_2xx", "on", "1e3"]}),
        "static_configs": st.just([{"targets": ["a:1", "b:2"], "labels": {"x": "on", "z": "1"}}]),
        "sample_limit": LIMIT,
        "relabel_configs": st.lists(_STEP, max_size=3),
        "metric_relabel_configs": st.lists(_STEP, max_size=2),
    },
)
_MANAGER = st.fixed_dictionaries({"static_configs": st.just([{"targets": ["am:9093"]}])}, optional={"timeout": DURATION})
GENERATED: SearchStrategy[dict[str, str]] = st.fixed_dictionaries(
    {
        "jobs": st.lists(_JOB, max_size=3, unique_by=lambda job: job["job_name"]).map(json.dumps),
        "steps": st.lists(_STEP, max_size=2).map(json.dumps),
        "managers": st.lists(_MANAGER, max_size=2).map(json.dumps),
    }
)
"""What the Secret `generated` holds."""
