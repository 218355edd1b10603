"""Made-up monitors and Prometheuses: mostly right, now and then wrong in one place."""

from __future__ import annotations

from typing import Any

from davit.model import Manifest
from hypothesis import strategies as st

from davit_prometheus_tests.monitors_world import NAMESPACE, document, prometheus

Json = dict[str, Any]
VERSIONS = ("2.45.0", "2.53.0", "2.55.0", "3.0.0", "3.5.0", "3.13.2")

_KEYS = st.sampled_from(["app", "app.kubernetes.io/name", "tier", "a-b", "x"])
_VALUES = st.sampled_from(["web", "a.b", "v1_x", "", "1"])
_DURATIONS = st.sampled_from(["15s", "30s", "1m", "1m30s", "2h"])
_LIMITS = st.sampled_from([0, 1, 10, 1000])
_SIZES = st.sampled_from(["1MB", "512KB", "2GiB", "1024B", "1.5MB"])
_PROTOCOLS = st.sampled_from(
    ["PrometheusProto", "OpenMetricsText0.0.1", "OpenMetricsText1.0.0", "PrometheusText0.0.4", "PrometheusText1.0.0"]
)
_LABELS = st.sampled_from(["a", "job", "__meta_kubernetes_pod_name", "__address__", "instance"])
_SCHEMES = st.sampled_from(["http", "https", "HTTP", "HTTPS"])


def optional(**fields: st.SearchStrategy[Any]) -> st.SearchStrategy[Json]:
    """Each of the fields, or not."""
    return st.fixed_dictionaries({}, optional=fields)


def _secret(key: str, name: str = "auth") -> Json:
    return {"name": name, "key": key}


def selectors() -> st.SearchStrategy[Json]:
    """Label selectors."""
    some = st.lists(_VALUES, min_size=1, max_size=3, unique=True)
    expression = st.one_of(
        st.builds(
            lambda key, how, values: {"key": key, "operator": how, "values": values},
            _KEYS,
            st.sampled_from(["In", "NotIn"]),
            some,
        ),
        st.builds(lambda key, how: {"key": key, "operator": how}, _KEYS, st.sampled_from(["Exists", "DoesNotExist"])),
    )
    return optional(matchLabels=st.dictionaries(_KEYS, _VALUES, max_size=3), matchExpressions=st.lists(expression, max_size=3))


def relabelings() -> st.SearchStrategy[list[Json]]:
    """Relabeling steps, of every action."""
    regex = st.sampled_from(["(.*)", "web|db", "a.+;b", "(?i)x", "__meta_(.+)", "[^a-z]+"])
    sources = st.lists(_LABELS, min_size=1, max_size=2)
    more = {"regex": regex, "separator": st.sampled_from([";", "", ","])}
    target = st.sampled_from(["a", "node", "__tmp_x"])

    def step(action: str, needed: dict[str, st.SearchStrategy[Any]], free: dict[str, st.SearchStrategy[Any]]) -> Any:
        names = st.sampled_from([action, action[0].upper() + action[1:]] if action in ("keep", "drop", "replace") else [action])
        return st.fixed_dictionaries({"action": names, **needed}, optional=free)

    replacement = st.sampled_from(["$1", "${1}-x", "", "plain"])
    kinds = [
        step("keep", {"sourceLabels": sources}, more),
        step("drop", {"sourceLabels": sources}, more),
        step("replace", {"targetLabel": target}, {"sourceLabels": sources, "replacement": replacement, **more}),
        st.fixed_dictionaries({"targetLabel": target}, optional={"sourceLabels": sources, "replacement": replacement, **more}),
        step(
            "hashmod",
            {"sourceLabels": sources, "targetLabel": target, "modulus": st.integers(1, 9)},
            {"separator": more["separator"]},
        ),
        step("labelmap", {"regex": regex}, {"replacement": st.sampled_from(["k_$1", "$1", "${1}"])}),
        step("labeldrop", {"regex": regex}, {}),
        step("LabelKeep", {"regex": regex}, {}),
        step("lowercase", {"sourceLabels": sources, "targetLabel": target}, {}),
        step("Uppercase", {"sourceLabels": sources, "targetLabel": target}, {}),
        step("KeepEqual", {"sourceLabels": sources, "targetLabel": target}, {}),
        step("dropequal", {"sourceLabels": sources, "targetLabel": target}, {}),
    ]
    return st.lists(st.one_of(*kinds), max_size=3)


def tls(files: bool) -> st.SearchStrategy[Json]:
    """TLS configurations, with files in the container or not."""
    ca = st.sampled_from(
        [
            {"ca": {"secret": _secret("ca", "tls")}},
            {"ca": {"configMap": {"name": "files", "key": "ca"}}},
            {"ca": {}, "cert": {}},
            {},
            *([{"caFile": "/ca.crt"}] if files else []),
        ]
    )
    pair = st.sampled_from(
        [
            {"cert": {"secret": _secret("cert", "tls")}, "keySecret": _secret("key", "tls")},
            {},
            *([{"certFile": "/tls.crt", "keyFile": "/tls.key"}] if files else []),
        ]
    )
    more = optional(
        serverName=st.sampled_from(["example.org", ""]),
        insecureSkipVerify=st.booleans(),
        minVersion=st.sampled_from(["TLS10", "TLS12"]),
        maxVersion=st.sampled_from(["TLS12", "TLS13"]),
    )
    return st.builds(lambda one, two, three: {**one, **two, **three}, ca, pair, more)


def proxies() -> st.SearchStrategy[Json]:
    """Proxy fields."""
    header = {"X-Token": [_secret("token"), _secret("user")], "A": [_secret("user")]}
    return st.sampled_from(
        [
            {},
            {"proxyUrl": "http://proxy:3128"},
            {"proxyUrl": "socks5://proxy", "noProxy": "10.0.0.0/8,example.org"},
            {"proxyFromEnvironment": True},
            {"proxyFromEnvironment": False, "proxyUrl": "https://proxy"},
            {"proxyUrl": "http://proxy", "proxyConnectHeader": header},
            {"proxyUrl": ""},
        ]
    )


def logins() -> st.SearchStrategy[Json]:
    """At most one way to authenticate."""
    identity = st.sampled_from([{"secret": _secret("user")}, {"configMap": {"name": "files", "key": "id"}}])
    oauth2 = st.builds(
        lambda client, more, via, safe: {
            "clientId": client, "clientSecret": _secret("password"), "tokenUrl": "https://id/token", **more, **via, **safe,
        },
        identity,
        optional(scopes=st.just(["a", "b"]), endpointParams=st.just({"z": "1", "a": "2"})),
        proxies(),
        st.one_of(st.just({}), tls(False).map(lambda config: {"tlsConfig": config})),
    )  # fmt: skip
    return st.one_of(
        st.just({}),
        st.just({"basicAuth": {"username": _secret("user"), "password": _secret("password")}}),
        st.sampled_from(["", "Bearer", " Custom "]).map(
            lambda kind: {"authorization": {"type": kind, "credentials": _secret("token")}}
        ),
        st.just({"authorization": {"credentials": _secret("token")}}),
        st.just({"bearerTokenSecret": _secret("token")}),
        oauth2.map(lambda config: {"oauth2": config}),
    )


def clients(files: bool) -> st.SearchStrategy[Json]:
    """How an endpoint is reached."""
    redirects = optional(followRedirects=st.booleans(), enableHttp2=st.booleans())
    nothing: Json = {}
    safe = st.one_of(st.just(nothing), tls(files).map(lambda config: {"tlsConfig": config}))
    return st.builds(lambda *parts: {k: v for part in parts for k, v in part.items()}, logins(), redirects, safe)


def endpoints(kind: str) -> st.SearchStrategy[Json]:
    """Endpoints of a ServiceMonitor or a PodMonitor."""
    timing = st.sampled_from(
        [
            {},
            {"interval": "1m"},
            {"interval": "1m", "scrapeTimeout": "30s"},
            {"scrapeTimeout": "5s"},
            {"interval": "30s", "scrapeTimeout": "30s"},
        ]
    )
    number = {"portNumber": st.sampled_from([8080, 1])} if kind == "PodMonitor" else {}
    own = optional(
        port=st.sampled_from(["web", "", "metrics"]),
        targetPort=st.sampled_from(["http", 9090, 0, ""]),
        path=st.sampled_from(["/m", ""]),
        scheme=_SCHEMES,
        params=st.sampled_from([{}, {"a": ["1", "2"], "0": ["x"]}]),
        honorLabels=st.booleans(),
        honorTimestamps=st.booleans(),
        trackTimestampsStaleness=st.booleans(),
        relabelings=relabelings(),
        metricRelabelings=relabelings(),
        filterRunning=st.booleans(),
        **number,
    )
    return st.builds(
        lambda *parts: {k: v for part in parts for k, v in part.items()},
        own,
        timing,
        clients(kind == "ServiceMonitor"),
        proxies(),
    )


def bounds() -> st.SearchStrategy[Json]:
    """What all kinds limit."""
    return optional(
        sampleLimit=_LIMITS,
        targetLimit=_LIMITS,
        labelLimit=_LIMITS,
        labelNameLengthLimit=_LIMITS,
        labelValueLengthLimit=_LIMITS,
        keepDroppedTargets=_LIMITS,
        scrapeProtocols=st.lists(_PROTOCOLS, max_size=5, unique=True).filter(lambda names: names != ["PrometheusText1.0.0"]),
        fallbackScrapeProtocol=_PROTOCOLS,
        scrapeClass=st.sampled_from(["one", "two"]),
        scrapeNativeHistograms=st.booleans(),
        scrapeClassicHistograms=st.booleans(),
        nativeHistogramBucketLimit=_LIMITS,
        nativeHistogramMinBucketFactor=st.sampled_from(["1.1", "1", "0.3", "1500m", 2]),
        convertClassicHistogramsToNHCB=st.booleans(),
    )


def _namespace_selectors() -> st.SearchStrategy[Json]:
    return st.sampled_from(
        [{}, {"any": True}, {"matchNames": ["b", "a"]}, {"any": True, "matchNames": ["a"]}, {"matchNames": []}]
    )


def monitors(kind: str) -> st.SearchStrategy[Manifest]:
    """A ServiceMonitor or PodMonitor."""
    names = st.lists(st.sampled_from(["team", "app.kubernetes.io/part-of", "x-y"]), max_size=2)
    field = "endpoints" if kind == "ServiceMonitor" else "podMetricsEndpoints"
    service = {"targetLabels": names, "serviceDiscoveryRole": st.sampled_from(["Endpoints", "EndpointSlice"])}
    own = st.fixed_dictionaries(
        {"selector": selectors(), field: st.lists(endpoints(kind), max_size=2)},
        optional={
            "selectorMechanism": st.sampled_from(["RelabelConfig", "RoleSelector"]),
            "namespaceSelector": _namespace_selectors(),
            "jobLabel": st.sampled_from(["", "app.kubernetes.io/name"]),
            "podTargetLabels": names,
            "attachMetadata": st.sampled_from([{}, {"node": True}, {"node": False}]),
            "bodySizeLimit": _SIZES,
            **(service if kind == "ServiceMonitor" else {}),
        },
    )
    return st.builds(lambda one, two, where: document(kind, "made", {**two, **one}, where), own, bounds(), _places())


def _places() -> st.SearchStrategy[str]:
    return st.sampled_from([NAMESPACE, NAMESPACE, "other"])


def probes() -> st.SearchStrategy[Manifest]:
    """A Probe."""
    static = st.fixed_dictionaries(
        {"static": st.lists(st.sampled_from(["example.org", "http://a/b?c=d"]), max_size=2)},
        optional={
            "labels": st.sampled_from([{"env": "x"}, {"namespace": "mine", "a": "$b"}]),
            "relabelingConfigs": relabelings(),
        },
    )
    ingress = optional(selector=selectors(), namespaceSelector=_namespace_selectors(), relabelingConfigs=relabelings())
    targets = st.one_of(
        static.map(lambda found: {"staticConfig": found}),
        ingress.map(lambda found: {"ingress": found}),
        st.builds(lambda one, two: {"staticConfig": one, "ingress": two}, static, ingress),
    )
    urls = st.sampled_from(["prober.ns.svc:9115", "prober", "10.0.0.1:80", "::1", "[::1]:9115", "a_b.c:1"])
    prober = st.builds(
        lambda url, more, via: {"url": url, **more, **via},
        urls,
        optional(scheme=_SCHEMES, path=st.sampled_from(["/p", "/probe"])),
        proxies(),
    )
    params = st.sampled_from(
        [[{"name": "a", "values": ["1", "2"]}], [{"name": "module", "values": ["x"]}, {"name": "b", "values": ["c"]}]]
    )
    own = st.fixed_dictionaries(
        {"prober": prober, "targets": targets},
        optional={
            "jobName": st.sampled_from(["", "j"]),
            "module": st.sampled_from(["", "http_2xx"]),
            "params": params,
            "metricRelabelings": relabelings(),
            "interval": st.just("1m"),
            "scrapeTimeout": st.sampled_from(["10s", "30s"]),
        },
    )
    loose = st.one_of(logins(), st.sampled_from([{"authorization": {}}, {"authorization": {"type": "Custom"}}]))
    client = st.builds(lambda one, two: {**two, **one}, loose, clients(False).map(lambda c: {k: c[k] for k in c if k in _CLIENT}))
    return st.builds(
        lambda one, two, three, where: document("Probe", "made", {**two, **three, **one}, where), own, bounds(), client, _places()
    )


_CLIENT = ("followRedirects", "enableHttp2", "tlsConfig")


def scrape_classes() -> st.SearchStrategy[list[Json]]:
    """Two scrape classes, one of them the default or not."""

    def one(name: str) -> st.SearchStrategy[Json]:
        return optional(
            fallbackScrapeProtocol=_PROTOCOLS,
            tlsConfig=st.sampled_from(
                [
                    {"caFile": "/class/ca"},
                    {"caFile": "/class/ca", "certFile": "/class/cert", "keyFile": "/class/key", "insecureSkipVerify": True},
                    {"ca": {"secret": _secret("ca", "tls")}},
                ]
            ),
            authorization=st.sampled_from([{"credentialsFile": "/token"}, {"type": "Own", "credentials": _secret("token")}]),
            relabelings=relabelings(),
            metricRelabelings=relabelings(),
            attachMetadata=st.sampled_from([{"node": True}, {}]),
        ).map(lambda fields: {"name": name, **fields})

    return st.builds(
        lambda first, second, default: [{**first, **({"default": True} if default else {})}, second],
        one("one"),
        one("two"),
        st.booleans(),
    )


def prometheuses(versions: tuple[str, ...] = VERSIONS) -> st.SearchStrategy[Manifest]:
    """A Prometheus with whatever changes its monitors' jobs."""
    excluded = [
        {"resource": "servicemonitors", "namespace": NAMESPACE, "name": "made"},
        {"group": "monitoring.coreos.com", "resource": "podmonitors", "namespace": "other"},
    ]
    api = st.builds(
        lambda login, safe, via: {"host": "https://api:6443", **login, **safe, **via},
        st.sampled_from(
            [
                {},
                {"basicAuth": {"username": _secret("user"), "password": _secret("password")}},
                {"bearerToken": "t"},
                {"bearerTokenFile": "/f"},
                {"authorization": {"credentialsFile": "/f"}},
                {"authorization": {"type": "X", "credentials": _secret("token")}},
            ]
        ),
        st.one_of(st.just({}), tls(True).map(lambda config: {"tlsConfig": config})),
        proxies(),
    )
    fields = st.fixed_dictionaries(
        {"version": st.sampled_from(versions).map(lambda text: f"v{text}"), "scrapeClasses": scrape_classes()},
        optional={
            "shards": st.sampled_from([0, 1, 2, 5]),
            "scrapeInterval": _DURATIONS.filter(lambda text: text != "15s"),
            "serviceDiscoveryRole": st.sampled_from(["Endpoints", "EndpointSlice"]),
            "podTargetLabels": st.just(["team", "cluster/wide"]),
            "overrideHonorLabels": st.booleans(),
            "overrideHonorTimestamps": st.booleans(),
            "ignoreNamespaceSelectors": st.booleans(),
            "enforcedNamespaceLabel": st.just("tenant"),
            "excludedFromEnforcement": st.lists(st.sampled_from(excluded), max_size=2),
            "enforcedBodySizeLimit": _SIZES,
            "apiserverConfig": api,
            "shardingStrategy": st.sampled_from(
                [
                    {"mode": "Address"},
                    {"mode": "Topology", "topology": {"values": ["a", "b"]}},
                    {"mode": "Topology", "topology": {"values": ["a", "b", "c"], "externalLabelName": "az"}},
                ]
            ),
            **{
                f"enforced{name}": _LIMITS
                for name in (
                    "SampleLimit",
                    "TargetLimit",
                    "LabelLimit",
                    "LabelNameLengthLimit",
                    "LabelValueLengthLimit",
                    "KeepDroppedTargets",
                )
            },
        },
    )
    return fields.map(lambda spec: prometheus(**spec))
