"""Specs that together set every field that the top level of prometheus.yaml is made of."""

from __future__ import annotations

from davit_prometheus.model import Json

from davit_prometheus_tests.server_made import UUID, key

TLS: Json = {
    "ca": {"secret": key("ca")},
    "cert": {"secret": key("cert")},
    "keySecret": key("key"),
    "serverName": "x",
    "insecureSkipVerify": False,
    "minVersion": "TLS12",
    "maxVersion": "TLS13",
}
FILES: Json = {"caFile": "/a", "certFile": "/b", "keyFile": "/c", "insecureSkipVerify": True}
BASIC: Json = {"username": key("user"), "password": key("password")}
OAUTH2: Json = {
    "clientId": {"secret": key("id")},
    "clientSecret": key("secret"),
    "tokenUrl": "https://x/t",
    "scopes": ["a", "b"],
    "endpointParams": {"z": "1", "a": "on"},
    "tlsConfig": TLS,
    "proxyUrl": "http://p:1",
    "noProxy": "a,b",
    "proxyConnectHeader": {"X-A": [key("header")]},
}
SIGV4: Json = {
    "region": "r",
    "accessKey": key("access"),
    "secretKey": key("private"),
    "profile": "p",
    "roleArn": "arn",
    "externalId": "e",
    "useFIPSSTSEndpoint": True,
}
RELABELINGS: list[Json] = [
    {"sourceLabels": ["a", "b"], "separator": "", "targetLabel": "x", "regex": "(.*)", "replacement": "", "action": "Replace"},
    {"action": "HashMod", "modulus": 5, "sourceLabels": ["a"], "targetLabel": "h"},
    {"action": "labeldrop", "regex": "on"},
    {"targetLabel": "q", "replacement": "010"},
]
REMOTE_WRITE: Json = {
    "url": "http://rw/1",
    "name": "one",
    "messageVersion": "V2.0",
    "sendExemplars": True,
    "sendNativeHistograms": False,
    "remoteTimeout": "30s",
    "headers": {"X-B": "1e3", "X-A": "on"},
    "writeRelabelConfigs": RELABELINGS,
    "proxyUrl": "http://p:1",
    "noProxy": "x",
    "followRedirects": False,
    "enableHTTP2": False,
    "roundRobinDNS": True,
    "tlsConfig": TLS,
    "queueConfig": {
        "capacity": 10,
        "minShards": 1,
        "maxShards": 3,
        "maxSamplesPerSend": 5,
        "batchSendDeadline": "5s",
        "maxRetries": 3,
        "minBackoff": "1s",
        "maxBackoff": "2s",
        "retryOnRateLimit": True,
        "sampleAgeLimit": "1h",
    },
    "metadataConfig": {"send": True, "sendInterval": "1m", "maxSamplesPerSend": -1},
}
WRITE_METHODS: dict[str, Json] = {
    "basic-auth": {"basicAuth": BASIC},
    "oauth2": {"oauth2": OAUTH2},
    "authorization": {"authorization": {"credentials": key("token")}},
    "authorization-file": {"authorization": {"type": " Foo ", "credentialsFile": "/x"}},
    "bearer-token": {"bearerToken": "abc"},
    "bearer-token-file": {"bearerTokenFile": "/token"},
    "sigv4": {"sigv4": SIGV4},
    "sigv4-empty": {"sigv4": {}},
    "azure-identity": {"azureAd": {"cloud": "AzureChina", "managedIdentity": {"clientId": UUID}, "scope": "https://x/.default"}},
    "azure-oauth": {"azureAd": {"oauth": {"clientId": UUID, "clientSecret": key("secret"), "tenantId": "t-1"}}},
    "azure-sdk": {"azureAd": {"sdk": {"tenantId": "x"}}},
    "azure-sdk-empty": {"azureAd": {"sdk": {}}},
    "azure-workload": {"azureAd": {"workloadIdentity": {"clientId": UUID, "tenantId": UUID}}},
    "azure-system": {"azureAd": {"managedIdentity": {}}},
}
REMOTE_READ: Json = {
    "url": "http://rr",
    "name": "n",
    "requiredMatchers": {"b": "1", "a": "on"},
    "remoteTimeout": "1m",
    "headers": {"X": "y"},
    "readRecent": True,
    "followRedirects": True,
    "filterExternalLabels": False,
    "tlsConfig": TLS,
    "proxyFromEnvironment": True,
}
ALERTMANAGER: Json = {
    "namespace": "mon",
    "name": "alertmanager-main",
    "port": "web",
    "scheme": "HTTPS",
    "pathPrefix": "/am",
    "timeout": "10s",
    "enableHttp2": True,
    "tlsConfig": TLS,
    "proxyUrl": "http://p",
    "apiVersion": "V2",
    "relabelings": RELABELINGS,
    "alertRelabelings": RELABELINGS,
}
ALERTMANAGERS: list[Json] = [
    {"name": "b", "port": 9093},
    {"name": "c", "port": 0, "apiVersion": "v1"},
    {"name": "d.e", "port": "9093", "scheme": "http"},
]
ALERT_METHODS: dict[str, Json] = {
    "basic-auth": {"basicAuth": BASIC},
    "authorization": {"authorization": {"credentials": key("token")}},
    "authorization-empty": {"authorization": {}},
    "bearer-token-file": {"bearerTokenFile": "/x"},
    "sigv4": {"sigv4": SIGV4},
    "none": {},
}
GLOBAL: Json = {
    "scrapeInterval": "15s",
    "scrapeTimeout": "10s",
    "evaluationInterval": "1m",
    "scrapeProtocols": ["PrometheusProto", "PrometheusText1.0.0"],
    "externalLabels": {"prometheus": "taken", "cluster": "a$b", "pod": "$(POD_NAME)", "shard": "$(SHARD)", "on": "off"},
    "sampleLimit": 10,
    "enforcedSampleLimit": 5,
    "targetLimit": 3,
    "enforcedTargetLimit": 30,
    "labelLimit": 0,
    "enforcedLabelLimit": 7,
    "labelNameLengthLimit": 0,
    "labelValueLengthLimit": 9,
    "keepDroppedTargets": 4,
    "enforcedKeepDroppedTargets": 2,
    "bodySizeLimit": "10MB",
    "enforcedBodySizeLimit": "1MB",
    "scrapeFailureLogFile": "f.log",
    "queryLogFile": "/x/y.log",
    "ruleQueryOffset": "1m",
    "nameValidationScheme": "Legacy",
    "nameEscapingScheme": "Dots",
    "convertClassicHistogramsToNHCB": True,
    "scrapeClassicHistograms": False,
    "scrapeNativeHistograms": True,
    "runtime": {"goGC": 50},
}
STORAGE: Json = {
    "retention": "3d",
    "retentionSize": "10GB",
    "exemplars": {"maxSize": -1},
    "tsdb": {
        "outOfOrderTimeWindow": "10m",
        "staleSeriesCompactionThreshold": "0.3",
        "chunkEncoding": {"floats": "Xor2"},
    },
}
OTLP: Json = {
    "promoteResourceAttributes": ["a", "b"],
    "translationStrategy": "UnderscoreEscapingWithSuffixes",
    "keepIdentifyingResourceAttributes": True,
    "convertHistogramsToNHCB": False,
    "promoteScopeMetadata": True,
    "labelNameUnderscoreSanitization": False,
    "labelNamePreserveMultipleUnderscores": True,
}
TRACING: Json = {
    "endpoint": "t:4317",
    "clientType": "HTTP",
    "samplingFraction": "500m",
    "insecure": False,
    "headers": {"a": "on", "b": "2"},
    "compression": "Gzip",
    "timeout": "5s",
    "tlsConfig": FILES,
}
MORE: Json = {
    "additionalScrapeConfigs": key("jobs", "additional"),
    "additionalAlertRelabelConfigs": key("steps", "additional"),
    "additionalAlertManagerConfigs": key("managers", "additional"),
}
EVERYTHING: Json = {
    **GLOBAL,
    **STORAGE,
    **MORE,
    "ruleSelector": {},
    "otlp": OTLP,
    "tracingConfig": TRACING,
    "remoteWrite": [REMOTE_WRITE, {"url": "http://x", **WRITE_METHODS["sigv4"]}],
    "remoteRead": [{**REMOTE_READ, "basicAuth": BASIC}],
    "alerting": {"alertmanagers": [ALERTMANAGER, *ALERTMANAGERS]},
    "apiserverConfig": {"host": "https://api", "authorization": {"credentials": key("token")}},
}
_AGENT = (
    "externalLabels",
    "scrapeInterval",
    "runtime",
    "tsdb",
    "otlp",
    "tracingConfig",
    "remoteWrite",
    "additionalScrapeConfigs",
)
CASES: dict[str, Json] = {
    "least": {},
    "everything": EVERYTHING,
    "writes": {"remoteWrite": [{"url": "http://y", "metadataConfig": {}, "queueConfig": {}, "tlsConfig": FILES}]},
    **{f"write-{name}": {"remoteWrite": [{"url": "http://x", **method}]} for name, method in WRITE_METHODS.items()},
    **{
        f"read-{name}": {"remoteRead": [{**REMOTE_READ, **method}, {"url": "http://z", "readRecent": False}]}
        for name, method in list(WRITE_METHODS.items())[:6]
    },
    **{
        f"alert-{name}": {"alerting": {"alertmanagers": [{**ALERTMANAGER, **method}, *ALERTMANAGERS]}}
        for name, method in ALERT_METHODS.items()
    },
    "slices": {"alerting": {"alertmanagers": ALERTMANAGERS}, "serviceDiscoveryRole": "EndpointSlice"},
    "api-server": {
        "alerting": {"alertmanagers": ALERTMANAGERS},
        "apiserverConfig": {"host": "h", "basicAuth": BASIC, "tlsConfig": TLS, "proxyUrl": "http://q"},
    },
    "no-alertmanagers": {"alerting": {"alertmanagers": []}},
    "unlabelled": {
        "alerting": {"alertmanagers": []},
        "replicaExternalLabelName": "",
        "prometheusExternalLabelName": "",
    },
    "one-label": {"replicaExternalLabelName": "a_b", "prometheusExternalLabelName": "a_b", "externalLabels": {"a_b": "x"}},
    "zones": {"shards": 4, "shardingStrategy": {"mode": "Topology", "topology": {"values": ["a", "b"]}}, **MORE},
    "named-zones": {
        "shards": 2,
        "shardingStrategy": {"mode": "Topology", "topology": {"values": ["a"], "externalLabelName": "where"}},
        **MORE,
    },
    "no-zones": {"shards": 2, "shardingStrategy": {"mode": "Topology", "topology": {"externalLabelName": ""}}},
    "shards": {"shards": 3, **MORE},
    "by-size": {"enforcedBodySizeLimit": "1MB", "runtime": {}, "retentionSize": "1GB", "exemplars": {}, "tsdb": {}},
    "logs": {"queryLogFile": "q.log", "scrapeFailureLogFile": "./a/../b.log"},
    "storage": STORAGE,
    "promote-all": {"otlp": {"promoteAllResourceAttributes": True, "ignoreResourceAttributes": ["a"]}},
    "utf8-suffixes": {"otlp": {"translationStrategy": "NoUTF8EscapingWithSuffixes"}},
    "no-translation": {"otlp": {"translationStrategy": "NoTranslation"}},
    "tracing-tls": {"tracingConfig": {"endpoint": "t:4317", "samplingFraction": "0.7", "tlsConfig": TLS}},
    "additional": MORE,
    "optional": {"additionalScrapeConfigs": {**key("k", "nowhere"), "optional": True}},
}
AGENTS: dict[str, Json] = {
    "least": {},
    "everything": {name: value for name, value in EVERYTHING.items() if name in _AGENT},
    "shards": {"shards": 3, "additionalScrapeConfigs": key("jobs", "additional")},
    **{f"write-{name}": {"remoteWrite": [{"url": "http://x", **method}]} for name, method in WRITE_METHODS.items()},
}
