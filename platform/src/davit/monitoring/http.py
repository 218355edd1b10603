"""How a client of Prometheus or Alertmanager authenticates and connects, as its configuration writes it. Pure.

Every function returns the keys that it adds to the client's configuration, in their order, and raises `Unusable` with
the field's path. Source: prometheus/common config/http_config.go, `HTTPClientConfig`; the versions are those of
prometheus-operator's generators.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from davit.crd import Json
from davit.monitoring import urls
from davit.monitoring.assets import Assets, Ref, either, secret
from davit.monitoring.pem import certificate_problem, pair_problem
from davit.monitoring.types import (
    Authorization,
    BasicAuth,
    OAuth2,
    ProxyConfig,
    SafeAuthorization,
    SafeTLSConfig,
    SecretKeySelector,
    SecretOrConfigMap,
    TLSConfig,
)
from davit.monitoring.versions import Gate


class Unusable(ValueError):
    """A part of a resource that can't be rendered: `path` is the field, `message` holds the remedy."""

    def __init__(self, path: str, message: str) -> None:
        super().__init__(f"{path}: {message}")
        self.path = path
        self.message = message


@dataclass(frozen=True, slots=True)
class Support:
    """Since which version a product knows a part of the client configuration."""

    authorization: str
    oauth2: str
    follow_redirects: str
    http2: str
    proxy: str
    """no_proxy, proxy_from_environment and proxy_connect_header."""
    oauth2_client: str
    """TLS and proxy of the token's requests."""
    tls_min: str
    tls_max: str


PROMETHEUS = Support("2.26.0", "2.27.0", "2.26.0", "2.35.0", "2.43.0", "2.43.0", "2.35.0", "2.41.0")
ALERTMANAGER = Support("0.22.0", "0.22.0", "0.22.0", "0.25.0", "0.25.0", "0.25.0", "0.25.0", "0.25.0")


@dataclass(slots=True)
class Context:
    """Whose client is rendered: its version, what its Secrets hold, where its TLS assets are mounted.

    namespace: of the resource that refers to Secrets; files: TLS assets that the rendered client reads, collected here,
    file name -> content.
    """

    gate: Gate
    assets: Assets
    namespace: str
    tls_dir: str = "/etc/prometheus/certs"
    support: Support = PROMETHEUS
    files: dict[str, bytes] = field(default_factory=dict)

    def within(self, namespace: str) -> Context:
        """The same for a resource in another namespace."""
        return Context(self.gate, self.assets, namespace, self.tls_dir, self.support, self.files)

    def text(self, ref: Ref, path: str) -> str:
        """The text of a key."""
        try:
            return self.assets.text(ref)
        except ValueError as error:
            raise Unusable(path, str(error)) from None

    def secret(self, selector: SecretKeySelector | None, path: str) -> str:
        """The text of a key of a Secret."""
        return self.text(secret(selector, self.namespace), path)

    def either(self, selector: SecretOrConfigMap | None, path: str) -> str:
        """The text of a key of a Secret or a ConfigMap, empty for no selector."""
        if selector is None or selector.empty:
            return ""
        _one_source(selector, path)
        return self.text(either(selector, self.namespace), path)

    def mount(self, ref: Ref) -> str:
        """The path of a TLS asset in the container, which is then among `files`."""
        self.files[ref.file] = self.assets.content(ref)
        return f"{self.tls_dir}/{ref.file}"


def basic_auth(context: Context, auth: BasicAuth | None, path: str) -> Json:
    """`basic_auth`."""
    if auth is None:
        return {}
    username = context.secret(auth.username, f"{path}.username")
    return {"basic_auth": {"username": username, "password": context.secret(auth.password, f"{path}.password")}}


def authorization(context: Context, auth: SafeAuthorization | None, path: str) -> Json:
    """`authorization`; credentials are left out when there are none."""
    if auth is None:
        return {}
    kind = (auth.type or "Bearer").strip()
    if kind.lower() == "basic":
        raise Unusable(f"{path}.type", "Basic is not for authorization: use basicAuth")
    config: Json = {"type": kind}
    if auth.credentials is not None:
        config["credentials"] = context.secret(auth.credentials, f"{path}.credentials")
    if isinstance(auth, Authorization) and auth.credentials_file:
        if auth.credentials is not None:
            raise Unusable(path, "has both credentials and credentialsFile: keep one of them")
        config["credentials_file"] = auth.credentials_file
    return {"authorization": config} if context.gate.since(context.support.authorization, path) else {}


def bearer_token(context: Context, selector: SecretKeySelector | None, path: str) -> Json:
    """`bearer_token`, for a selector that names a Secret."""
    if selector is None or not selector.name:
        return {}
    return {"bearer_token": context.secret(selector, path)}


def oauth2(context: Context, auth: OAuth2 | None, path: str) -> Json:
    """`oauth2`."""
    if auth is None:
        return {}
    if auth.client_id is None or auth.client_id.empty:
        raise Unusable(f"{path}.clientId", "is missing: name the Secret or ConfigMap that holds the client ID")
    if not auth.token_url:
        raise Unusable(f"{path}.tokenUrl", "is missing: give the URL to fetch tokens from")
    if not context.gate.since(context.support.oauth2, path):
        return {}
    config: Json = {
        "client_id": context.either(auth.client_id, f"{path}.clientId"),
        "client_secret": context.secret(auth.client_secret, f"{path}.clientSecret"),
        "token_url": auth.token_url,
    }
    if auth.scopes:
        config["scopes"] = list(auth.scopes)
    if auth.endpoint_params:
        config["endpoint_params"] = dict(auth.endpoint_params)
    via, safe = proxy(context, auth, path), safe_tls(context, auth.tls_config, f"{path}.tlsConfig")
    if (via or safe) and context.gate.since(context.support.oauth2_client, f"{path}.{'proxyUrl' if via else 'tlsConfig'}"):
        config |= {**via, **safe}
    return {"oauth2": config}


def proxy(context: Context, config: ProxyConfig, path: str) -> Json:
    """`proxy_url` and what goes with it."""
    for part, problem in _proxy_problems(config):
        raise Unusable(f"{path}.{part}", problem)
    rendered: Json = {}
    if config.proxy_url is not None:
        rendered["proxy_url"] = config.proxy_url
    since = context.support.proxy
    if config.no_proxy is not None and context.gate.since(since, f"{path}.noProxy"):
        rendered["no_proxy"] = config.no_proxy
    if config.proxy_from_environment is not None and context.gate.since(since, f"{path}.proxyFromEnvironment"):
        rendered["proxy_from_environment"] = config.proxy_from_environment
    if config.proxy_connect_header is not None and context.gate.since(since, f"{path}.proxyConnectHeader"):
        rendered["proxy_connect_header"] = _connect_header(context, config.proxy_connect_header, f"{path}.proxyConnectHeader")
    return rendered


def _connect_header(context: Context, headers: Mapping[str, list[SecretKeySelector]], path: str) -> Json:
    return {
        name: [context.secret(selector, f"{path}.{name}[{index}]") for index, selector in enumerate(headers[name])]
        for name in sorted(headers)
    }


def _proxy_problems(config: ProxyConfig) -> Iterator[tuple[str, str]]:
    headers = config.proxy_connect_header or {}
    if headers and not config.proxy_url and not config.proxy_from_environment:
        yield "proxyConnectHeader", "needs a proxy: set proxyUrl or proxyFromEnvironment"
    if config.proxy_from_environment and config.proxy_url:
        yield "proxyFromEnvironment", "can't go with proxyUrl: keep one of them"
    if config.proxy_from_environment and config.no_proxy:
        yield "proxyFromEnvironment", "can't go with noProxy: set NO_PROXY in the container instead"
    if config.no_proxy and not config.proxy_url:
        yield "noProxy", "needs a proxy: set proxyUrl"
    for name, values in headers.items():
        if not values:
            yield f"proxyConnectHeader.{name}", "is empty: name a key of a Secret, or remove the header"
    if config.proxy_url and (problem := url_problem(config.proxy_url)):
        yield "proxyUrl", problem


def url_problem(text: str) -> str:
    """Why a text is no URL to Prometheus, empty when it is one."""
    try:
        urls.parse(text)
    except urls.NotAUrl as error:
        return f"{text!r} is not a URL ({error}): write for example http://proxy.example:3128"
    return ""


def redirects(context: Context, follow_redirects: bool | None, enable_http2: bool | None, path: str) -> Json:
    """`follow_redirects` and `enable_http2`."""
    rendered: Json = {}
    if follow_redirects is not None and context.gate.since(context.support.follow_redirects, f"{path}.followRedirects"):
        rendered["follow_redirects"] = follow_redirects
    if enable_http2 is not None and context.gate.since(context.support.http2, f"{path}.enableHttp2"):
        rendered["enable_http2"] = enable_http2
    return rendered


def safe_tls(context: Context, tls: SafeTLSConfig | None, path: str) -> Json:
    """`tls_config` from Secrets and ConfigMaps; files of a `TLSConfig` are added by `tls_config`."""
    if tls is None:
        return {}
    _tls_complete(tls, path)
    config: Json = {}
    if tls.insecure_skip_verify is not None:
        config["insecure_skip_verify"] = tls.insecure_skip_verify
    config |= _tls_assets(context, tls, path)
    if tls.server_name:
        config["server_name"] = tls.server_name
    if tls.min_version is not None and context.gate.since(context.support.tls_min, f"{path}.minVersion"):
        config["min_version"] = tls.min_version
    if tls.max_version is not None and context.gate.since(context.support.tls_max, f"{path}.maxVersion"):
        config["max_version"] = tls.max_version
    return {"tls_config": config}


def tls_config(context: Context, tls: TLSConfig | SafeTLSConfig | None, path: str) -> Json:
    """`tls_config` from Secrets, ConfigMaps and files in the container."""
    rendered = safe_tls(context, tls, path)
    if isinstance(tls, TLSConfig):
        for name, file in (("ca_file", tls.ca_file), ("cert_file", tls.cert_file), ("key_file", tls.key_file)):
            if file:
                rendered["tls_config"][name] = file
    return rendered


def _tls_assets(context: Context, tls: SafeTLSConfig, path: str) -> Json:
    config: Json = {}
    if tls.ca is not None and not tls.ca.empty:
        text = context.either(tls.ca, f"{path}.ca")
        if context.assets.seen and (problem := certificate_problem(text)):
            raise Unusable(f"{path}.ca", f"{either(tls.ca, context.namespace)}: {problem}")
        config["ca_file"] = context.mount(either(tls.ca, context.namespace))
    certificate = tls.cert if tls.cert is not None and not tls.cert.empty else None
    if certificate is not None and tls.key_secret is not None:
        key = context.secret(tls.key_secret, f"{path}.keySecret")
        text = context.either(certificate, f"{path}.cert")
        if context.assets.seen and (problem := pair_problem(text, key)):
            raise Unusable(f"{path}.keySecret" if "the key" in problem else f"{path}.cert", problem)
    if certificate is not None:
        context.either(certificate, f"{path}.cert")
        config["cert_file"] = context.mount(either(certificate, context.namespace))
    if tls.key_secret is not None:
        context.secret(tls.key_secret, f"{path}.keySecret")
        config["key_file"] = context.mount(secret(tls.key_secret, context.namespace))
    return config


def _tls_complete(tls: SafeTLSConfig, path: str) -> None:
    files = tls if isinstance(tls, TLSConfig) else TLSConfig()
    for name, chosen, file in (("ca", tls.ca, files.ca_file), ("cert", tls.cert, files.cert_file)):
        if chosen is not None and not chosen.empty:
            _one_source(chosen, f"{path}.{name}")
            if file:
                raise Unusable(f"{path}.{name}File", f"can't go with {name}: keep one of them")
    if tls.key_secret is not None and files.key_file:
        raise Unusable(f"{path}.keyFile", "can't go with keySecret: keep one of them")
    certificate = bool(files.cert_file) or (tls.cert is not None and not tls.cert.empty)
    key = bool(files.key_file) or tls.key_secret is not None
    if certificate and not key:
        raise Unusable(f"{path}.keySecret", "is missing: a client certificate needs its key")
    if key and not certificate:
        raise Unusable(f"{path}.cert", "is missing: a client key needs its certificate")
    if tls.min_version and tls.max_version and tls.max_version < tls.min_version:
        raise Unusable(f"{path}.maxVersion", f"is older than minVersion: set {tls.min_version} or a newer one")


def _one_source(selector: SecretOrConfigMap, path: str) -> None:
    if selector.secret is not None and selector.config_map is not None:
        raise Unusable(path, "names both a Secret and a ConfigMap: keep one of them")


_METHODS = {
    "basic_auth": "basicAuth",
    "authorization": "authorization",
    "oauth2": "oauth2",
    "bearer_token": "bearerTokenSecret",
    "bearer_token_file": "bearerTokenFile",
}


def check_client(config: Mapping[str, Any], path: str) -> None:
    """Raise `Unusable` when a rendered client has two ways to authenticate, which no version loads."""
    given = [name for key, name in _METHODS.items() if config.get(key)]
    if len(given) > 1:
        raise Unusable(f"{path}.{given[1]}", f"can't go with {given[0]}: keep one way to authenticate")
