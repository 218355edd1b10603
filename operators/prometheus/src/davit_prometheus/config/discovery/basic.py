"""Discovery without a registry: written down, from files, over HTTP, from DNS. Pure."""

from __future__ import annotations

import re
from typing import Any

from davit.monitoring.http import Context, Unusable

from davit_prometheus.api.discovery.basic import DNSSDConfig, FileSDConfig, HTTPSDConfig, StaticConfig
from davit_prometheus.config.discovery.table import (
    REDIRECTS,
    Discovery,
    authorization,
    basic_auth,
    every,
    oauth2,
    proxy,
    put,
    required,
    tls,
    url,
)
from davit_prometheus.config.relabeling import label_names, valid_label
from davit_prometheus.model import Json

_FILE = re.compile(r"[^*]*(\*[^/]*)?\.(json|yml|yaml|JSON|YML|YAML)")
_RECORDS = {"NS": "2.49.0", "MX": "2.38.0", "A": "", "AAAA": "", "SRV": ""}
"""Record types and the versions that brought them."""


def _static(context: Context, entry: Any, path: str) -> Json:
    labels = dict(sorted((entry.labels or {}).items()))
    names = label_names(context.gate.version, None)
    for name in labels:
        if not valid_label(name, names):
            raise Unusable(f"{path}.labels", f"{name!r} is not a label name: write letters, digits and _")
    return {"targets": entry.targets or [], "labels": labels}


def _files(_: Context, entry: Any, path: str) -> Json:
    for index, name in enumerate(entry.files or ()):
        if not _FILE.fullmatch(name):
            raise Unusable(
                f"{path}.files[{index}]",
                f"{name!r} is no path of targets: end it in .json, .yml or .yaml, with at most one * in its last part",
            )
    return {}


def _dns_type(context: Context, entry: Any, path: str) -> Json:
    kind = (entry.type or "SRV").upper()
    if kind not in _RECORDS:
        raise Unusable(f"{path}.type", f"{entry.type!r} is unknown: write one of {', '.join(sorted(_RECORDS))}")
    if kind != "SRV" and not entry.port:
        raise Unusable(f"{path}.port", f"is missing: {kind} records have none, give the port to scrape")
    known = entry.type is not None and (not _RECORDS[kind] or context.gate.since(_RECORDS[kind], f"{path}.type"))
    return {"type": entry.type} if known else {}


STATIC = Discovery("staticConfigs", "static_configs", StaticConfig, (_static,))
FILE = Discovery("fileSDConfigs", "file_sd_configs", FileSDConfig, (required("files"), _files, every()))
HTTP = Discovery(
    "httpSDConfigs",
    "http_sd_configs",
    HTTPSDConfig,
    (basic_auth, authorization, tls, proxy, oauth2, url("url", "http", "https"), every(), REDIRECTS),
    since="2.28.0",
)
DNS = Discovery("dnsSDConfigs", "dns_sd_configs", DNSSDConfig, (required("names"), every(), _dns_type, put("port")))
