"""The web configuration file of a server, and its certificates, from `spec.web`. Pure.

Source: prometheus/exporter-toolkit docs/web-configuration.md for the file; prometheus-operator 0.93 pkg/webconfig for the
paths of the certificates. File and certificates are one projected volume without subPath: the servers read all of them
anew for each connection, so renewed certificates and changed settings are live without a restart.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from davit.errors import Problem
from davit.monitoring import emit
from davit.monitoring.pods import Argument, Json, Mounted

CONFIG_FILE = "web-config.yaml"
VOLUME = "web-config"

_KEY, _CERT, _CA = "key", "cert", "ca"
_SERVER = (
    ("clientAuthType", "client_auth_type"),
    ("minVersion", "min_version"),
    ("maxVersion", "max_version"),
    ("cipherSuites", "cipher_suites"),
    ("preferServerCipherSuites", "prefer_server_cipher_suites"),
    ("curvePreferences", "curve_preferences"),
)
_HEADERS = (
    ("contentSecurityPolicy", "Content-Security-Policy", False),
    ("strictTransportSecurity", "Strict-Transport-Security", False),
    ("xContentTypeOptions", "X-Content-Type-Options", True),
    ("xFrameOptions", "X-Frame-Options", True),
    ("xXSSProtection", "X-XSS-Protection", False),
)
"""Field, header, and whether its value is written in lower case."""


@dataclass(frozen=True, slots=True)
class Asset:
    """One key of a Secret or ConfigMap as a file below the directory of the volume that it is projected into."""

    kind: str
    name: str
    key: str
    use: str

    @property
    def file(self) -> str:
        """Relative to the volume's directory."""
        return f"{self.kind.lower()}/{self.name}-{self.use}/{self.key}"

    def source(self, directory: str = "") -> Json:
        """As a source of a projected volume, in a directory of it."""
        item = {"key": self.key, "path": f"{directory}/{self.file}" if directory else self.file}
        return {"secret" if self.kind == "Secret" else "configMap": {"name": self.name, "items": [item]}}


@dataclass(frozen=True, slots=True)
class Certificates:
    """Key, certificate and the other side's CA of one end of a TLS connection, None where a path is given instead."""

    key: Asset | None = None
    cert: Asset | None = None
    ca: Asset | None = None

    def sources(self, directory: str = "") -> list[Json]:
        """Of a projected volume, files in `directory` of it."""
        return [asset.source(directory) for asset in (self.key, self.cert, self.ca) if asset]


def certificates(tls: Mapping[str, Any], ca: str = "client_ca") -> Certificates:
    """What a TLS section takes from Secrets and ConfigMaps; `ca` is its field for the CA."""
    key = tls.get("keySecret") or {}
    return Certificates(
        Asset("Secret", key["name"], key["key"], _KEY) if key.get("name") else None,
        _either(tls.get("cert"), _CERT),
        _either(tls.get(ca), _CA),
    )


def _either(given: Mapping[str, Any] | None, use: str) -> Asset | None:
    for field, kind in (("secret", "Secret"), ("configMap", "ConfigMap")):
        if given and field in given:
            return Asset(kind, given[field].get("name", ""), given[field].get("key", ""), use)
    return None


def server_tls(tls: Mapping[str, Any], directory: str) -> Json:
    """The `tls_server_config` section, certificates below `directory`."""
    found = certificates(tls)
    files = (
        ("cert_file", tls.get("certFile"), found.cert),
        ("key_file", tls.get("keyFile"), found.key),
        ("client_ca_file", tls.get("clientCAFile"), found.ca),
    )
    section = {name: path or (asset and f"{directory}/{asset.file}") for name, path, asset in files}
    section |= {name: tls.get(field) for field, name in _SERVER}
    order = ("cert_file", "key_file", "client_auth_type", "client_ca_file")
    ordered = {name: section[name] for name in (*order, *section)}
    return {name: value for name, value in ordered.items() if value not in (None, "", [])}


def _http(http: Mapping[str, Any]) -> Json:
    section: Json = {key: http[key] for key in ("http2",) if key in http}
    if (given := http.get("headers")) is not None:
        values = ((header, given.get(field), lower) for field, header, lower in _HEADERS)
        section["headers"] = {header: value.lower() if lower else value for header, value, lower in values if value}
    return section


def web_config(web: Mapping[str, Any] | None, directory: str) -> bytes:
    """The file for a spec.web, empty for a plain HTTP server; `directory` is where `mounted` mounts it."""
    config: Json = {}
    if web and "tlsConfig" in web:
        config["tls_server_config"] = server_tls(web["tlsConfig"], directory)
    if web and "httpConfig" in web:
        config["http_server_config"] = _http(web["httpConfig"])
    return emit.text(config).encode() if config else b""


def mounted(web: Mapping[str, Any] | None, directory: str, secret: str) -> tuple[Argument, Mounted]:
    """The flag for the file and the volume that holds it, from the Secret `secret` made of `web_config`."""
    file: Json = {"secret": {"name": secret, "items": [{"key": CONFIG_FILE, "path": CONFIG_FILE}]}}
    tls = (web or {}).get("tlsConfig")
    sources = [file, *(certificates(tls).sources() if tls else ())]
    volume = {"name": VOLUME, "projected": {"sources": sources}}
    mount = {"name": VOLUME, "mountPath": directory, "readOnly": True}
    return ("web.config.file", f"{directory}/{CONFIG_FILE}"), Mounted((volume,), (mount,))


def problems(web: Mapping[str, Any] | None, path: str = "spec.web") -> tuple[Problem, ...]:
    """What is wrong with a spec.web, each with its field and remedy."""
    tls = (web or {}).get("tlsConfig")
    return () if tls is None else tuple(server_tls_problems(tls, f"{path}.tlsConfig"))


def server_tls_problems(tls: Mapping[str, Any], path: str) -> Iterator[Problem]:
    """What is wrong with the TLS of a server: one key and one certificate, each from one place."""
    pairs = (("keySecret", "keyFile", True), ("cert", "certFile", True), ("client_ca", "clientCAFile", False))
    for asset, file, needed in pairs:
        # Clients in Go write a selector of nothing as {"key": ""}.
        given = any(value not in ("", None) for value in (tls.get(asset) or {}).values())
        if given and tls.get(file):
            yield Problem(f"{path}.{file}", f"{asset} is set too: remove one of the two")
        if needed and not given and not tls.get(file):
            yield Problem(f"{path}.{asset}", f"is missing: set it or {file}")
    for field in ("cert", "client_ca"):
        if len([kind for kind in ("secret", "configMap") if (tls.get(field) or {}).get(kind)]) > 1:
            yield Problem(f"{path}.{field}", "names a Secret and a ConfigMap: remove one of the two")
