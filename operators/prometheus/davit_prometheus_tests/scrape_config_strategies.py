"""ScrapeConfigs and Prometheuses at random: any subset of fields, some values of which are wrong."""

from __future__ import annotations

from typing import Any

from davit_prometheus.api.scrapeconfig import ScrapeConfigSpec
from davit_prometheus.config.discovery.table import Discovery
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from davit_prometheus_tests import scrape_config_samples as samples

Json = dict[str, Any]
VERSIONS = ("2.45.0", "2.47.0", "2.48.1", "2.49.0", "2.50.1", "2.52.0", "2.53.5", "2.54.1", "2.55.1",
            "3.0.0", "3.2.1", "3.4.2", "3.5.0", "3.8.0", "3.10.0", "3.11.0", "3.11.2", "3.13.2")  # fmt: skip
LISTS = frozenset(discovery.field for discovery in samples.kinds())
VALUES: dict[str, list[Any]] = {
    "DNSSDConfig.type": ["A", "AAAA", "MX", "NS", "SRV"],
    "port": [1, 9100, 65535],
    "KubernetesSDConfig.role": ["Pod", "Endpoints", "Ingress", "Service", "Node", "EndpointSlice"],
    "AzureSDConfig.authenticationMethod": ["OAuth", "ManagedIdentity", "SDK", "WorkloadIdentity"],
    "OpenStackSDConfig.role": ["Instance", "Hypervisor", "LoadBalancer"],
    "OpenStackSDConfig.availability": ["public", "admin", "internal"],
    "HetznerSDConfig.role": ["hcloud", "Hcloud", "robot", "Robot"],
    "OVHCloudSDConfig.service": ["VPS", "DedicatedServer"],
    "ScalewaySDConfig.role": ["Instance", "Baremetal"],
    "DockerSwarmSDConfig.role": ["Services", "Tasks", "Nodes"],
    "ConsulSDConfig.scheme": ["http", "https", "HTTP", "HTTPS"],
    "ConsulSDConfig.services": [["b", "a"], []],
    "ConsulSDConfig.nodeMeta": [{"z": "1", "a": ""}, {}],
    "HTTPSDConfig.url": ["http://a", "https://a:80/b?c=%20#d", "http://[::1]:80/%zz"],
    "KumaSDConfig.server": ["http://a", "https://a:80/b"],
    "attachMetadata": [{}, {"node": True}, {"node": False}],
    "namespaces": [{}, {"names": ["b", "a"]}, {"ownNamespace": True}, {"ownNamespace": False, "names": []}],
    "selectors": [
        [],
        [{"role": "Pod"}],
        [{"role": "Service", "label": "a=b"}, {"role": "Pod", "field": "a=b"}],
        [{"role": "Node", "label": "!x"}],
        [{"role": "Endpoints", "label": "a in ("}],
        [{"role": "EndpointSlice", "field": "nothing"}],
    ],
    "filters": [[], [{"name": "z", "values": ["1", "2"]}, {"name": "a", "values": ["b"]}]],
    "labels": [{}, {"b": "1", "a": ""}, {"": "x"}, {"a-b": "x"}],
    "scheme": ["http", "HTTPS"],
    "jobName": ["job", "yes"],
    "metricsPath": ["/m", "m?a=b"],
    "scrapeInterval": ["5s", "1m", "1h"],
    "scrapeTimeout": ["4s", "45s"],
    "bodySizeLimit": ["1KB", "2MiB", "0", "1.5MB"],
    "params": [{}, {"b": ["1", "2"], "a": []}],
    "scrapeProtocols": [["PrometheusText1.0.0", "PrometheusProto"], ["OpenMetricsText0.0.1"]],
    "fallbackScrapeProtocol": ["PrometheusText0.0.4", "PrometheusText1.0.0"],
    "nativeHistogramMinBucketFactor": ["1.1", 2, "500m", "1e3", 1.25],
    "nativeHistogramBucketLimit": [0, 160],
    "nameValidationScheme": ["UTF8", "Legacy"],
    "nameEscapingScheme": ["Underscores", "Dots", "Values"],
    "scrapeClass": ["plain", "other", "unknown"],
    "noProxy": ["a.example,10.0.0.0/8"],
    "proxyUrl": ["http://proxy.example:3128", "socks5://p", "http://a b"],
    "proxyFromEnvironment": [True, False],
    "proxyConnectHeader": [{"B": [samples.SECRET], "A": [samples.SECRET]}, {"B": []}, {"B": [{"name": "none", "key": "x"}]}],
    "sampleLimit": [0, 5, 500],
    "targetLimit": [0, 5, 500],
    "labelLimit": [0, 5, 500],
    "labelNameLengthLimit": [0, 5, 500],
    "labelValueLengthLimit": [0, 5, 500],
    "keepDroppedTargets": [0, 5, 500],
    "tokenRef": [samples.SECRET, {"name": "none", "key": "user"}, {"name": "assets", "key": "none"}],
}
RELABELINGS: list[Json] = [
    {"sourceLabels": ["a", "b"], "separator": "", "targetLabel": "c", "regex": "(.*)x", "replacement": "", "action": "replace"},
    {"targetLabel": "c", "action": "Lowercase", "sourceLabels": ["a"]},
    {"targetLabel": "__tmp_hash", "action": "HashMod", "sourceLabels": ["a"], "modulus": 4},
    {"regex": "a.*", "action": "LabelDrop"},
    {"regex": "(", "action": "keep"},
    {"targetLabel": "a-b", "action": "replace"},
    {"sourceLabels": ["x"], "targetLabel": "y"},
    {"action": "hashmod", "targetLabel": "x"},
]


def value(model: str, name: str, sample: Any) -> SearchStrategy[Any]:
    """Values of a field."""
    for key in (f"{model}.{name}", name):
        if key in VALUES:
            return st.sampled_from(VALUES[key])
    if name == "tlsConfig":
        return tls()
    if name == "basicAuth":
        return st.sampled_from(
            [sample, {"username": samples.SECRET}, {"username": samples.SECRET, "password": {"name": "none", "key": "k"}}]
        )
    if name == "authorization":
        return st.sampled_from(
            [{}, {"type": " Token "}, {"credentials": samples.SECRET}, sample, {"type": "basic", "credentials": samples.SECRET}]
        )
    if name == "oauth2":
        return oauth2(sample)
    return st.booleans() if isinstance(sample, bool) else st.just(sample)


@st.composite
def subset(draw: st.DrawFn, model: str, everything: Json, always: tuple[str, ...] = ()) -> Json:
    """Some of the fields."""
    chosen = draw(st.sets(st.sampled_from(sorted(everything)))) | set(always)
    return {name: draw(value(model, name, everything[name])) for name in sorted(chosen)}


def tls() -> SearchStrategy[Json]:
    pair = {"cert": samples.tls()["cert"], "keySecret": samples.tls()["keySecret"]}
    rest = {name: part for name, part in samples.tls().items() if name not in pair}
    some = st.sets(st.sampled_from(sorted(rest))).map(lambda names: {name: rest[name] for name in sorted(names)})
    return st.tuples(some, st.sampled_from([{}, pair, {"cert": pair["cert"]}])).map(lambda parts: {**parts[0], **parts[1]})


@st.composite
def oauth2(draw: st.DrawFn, sample: Json) -> Json:
    required = ("clientId", "clientSecret", "tokenUrl")
    everything = {**sample, "scopes": ["a", "b"], "endpointParams": {"z": "1", "a": "2"}}
    return draw(subset("OAuth2", everything, required))


def alone(entry: Json, method: str) -> Json:
    """The entry with at most one way to authenticate: what the API server lets through."""
    return {name: part for name, part in entry.items() if name not in samples.AUTHENTICATIONS or name == method}


@st.composite
def entries(draw: st.DrawFn, discovery: Discovery) -> Json:
    """An entry of a service discovery."""
    extra = discovery.model.model_config.get("json_schema_extra")
    required = extra.get("required", []) if isinstance(extra, dict) else []
    assert isinstance(required, list)
    everything = samples.example(discovery.model)
    entry = draw(subset(discovery.model.__name__, everything, tuple(map(str, required))))
    if discovery.field == "ionosSDConfigs":
        return entry
    return alone(entry, draw(st.sampled_from(samples.AUTHENTICATIONS)))


@st.composite
def jobs(draw: st.DrawFn) -> Json:
    """A ScrapeConfig's spec without service discoveries."""
    everything = {name: part for name, part in samples.example(ScrapeConfigSpec).items() if name not in LISTS}
    for name in ("relabelings", "metricRelabelings"):
        everything[name] = []
    spec = draw(subset("ScrapeConfigSpec", everything))
    for name in ("relabelings", "metricRelabelings"):
        if name in spec:
            spec[name] = draw(st.lists(st.sampled_from(RELABELINGS), min_size=1, max_size=3))
    return alone(spec, draw(st.sampled_from(samples.AUTHENTICATIONS)))


@st.composite
def prometheuses(draw: st.DrawFn) -> Json:
    """What of a Prometheus reaches a ScrapeConfig."""
    classes = [
        {"name": "plain"},
        {
            "name": "other",
            "default": draw(st.booleans()),
            "relabelings": draw(st.sampled_from([[], RELABELINGS[:1], RELABELINGS[2:3]])),
            "metricRelabelings": RELABELINGS[3:4],
            "fallbackScrapeProtocol": "PrometheusProto",
            "tlsConfig": draw(
                st.sampled_from([{}, {"caFile": "/ca", "certFile": "/cert", "keyFile": "/key"}, {"caFile": "/ca"}])
            ),
            "authorization": draw(st.sampled_from([{"credentialsFile": "/token"}, {"type": "X", "credentials": samples.SECRET}])),
        },
    ]
    everything = {
        "shards": 3,
        "scrapeClasses": classes,
        "enforcedSampleLimit": 50,
        "enforcedTargetLimit": 50,
        "enforcedLabelLimit": 50,
        "enforcedLabelNameLengthLimit": 50,
        "enforcedLabelValueLengthLimit": 50,
        "enforcedKeepDroppedTargets": 50,
        "enforcedBodySizeLimit": "1MB",
        "overrideHonorLabels": True,
        "overrideHonorTimestamps": True,
        "enforcedNamespaceLabel": "ns",
        "scrapeInterval": "40s",
    }
    names = draw(st.sets(st.sampled_from(sorted(everything))))
    spec = {name: everything[name] for name in sorted(names)}
    if draw(st.booleans()):
        spec["excludedFromEnforcement"] = [
            {"group": "monitoring.coreos.com", "resource": "scrapeconfigs", "namespace": samples.NAMESPACE}
        ]
    return {"version": draw(st.sampled_from(VERSIONS)), **spec}
