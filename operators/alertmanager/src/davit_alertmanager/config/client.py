"""The HTTP client of a receiver: http_config as upstream writes it. Pure.

What upstream leaves out although its CRD has it (TLS towards an OAuth 2.0 token server) is left out too, and said.
"""

from __future__ import annotations

from davit.monitoring import http
from davit.monitoring.http import Context, Support, Unusable
from davit.monitoring.types import HTTPAuth, SafeTLSConfig

from davit_alertmanager.api.parts import HTTPConfig
from davit_alertmanager.api.v1 import GlobalHTTPConfig
from davit_alertmanager.model import Json

SUPPORT = Support("0.22.0", "0.22.0", "0.22.0", "0.25.0", "0.26.0", "0.25.0", "0.25.0", "0.25.0")
UPSTREAM = "prometheus-operator 0.93 leaves it out too"
_METHODS = ("authorization", "basic_auth", "oauth2", "bearer_token_secret")
_NAMES = {"basic_auth": "basicAuth", "bearer_token_secret": "bearerTokenSecret"}


def client(context: Context, given: HTTPConfig | GlobalHTTPConfig | None, path: str) -> Json:
    """`http_config`, empty only for None: an empty one is kept, since it replaces the global one."""
    if given is None:
        return {}
    _one_method(given, path)
    rendered: Json = {
        **_authorization(context, given, path),
        **_basic_auth(context, given, path),
        **_oauth2(context, given, path),
        **_bearer_token(context, given, path),
        **tls(context, given.tls_config, f"{path}.tlsConfig"),
        **http.redirects(context, given.follow_redirects, given.enable_http2, path),
        **_proxy(context, given, path),
    }
    return {"http_config": {key: value for key, value in rendered.items() if value not in ("", None)}}


def tls(context: Context, given: SafeTLSConfig | None, path: str) -> Json:
    """`tls_config`; whether the server is verified stands in it in any case, as upstream has it."""
    if given is None:
        return {}
    rendered = http.safe_tls(context, given, path)["tls_config"]
    kept = {name: value for name, value in rendered.items() if value}
    return {"tls_config": {**kept, "insecure_skip_verify": bool(given.insecure_skip_verify)}}


def _one_method(given: HTTPAuth, path: str) -> None:
    chosen = [method for method in _METHODS if getattr(given, method) is not None]
    if len(chosen) > 1:
        first, second = (_NAMES.get(method, method) for method in chosen[:2])
        raise Unusable(f"{path}.{second}", f"can't go with {first}: keep one way to authenticate")


def _authorization(context: Context, given: HTTPAuth, path: str) -> Json:
    if given.authorization is None:
        return {}
    path = f"{path}.authorization"
    if given.authorization.credentials is None:
        raise Unusable(f"{path}.credentials", "is missing: name the key of a Secret that holds the credentials")
    rendered = http.authorization(context, given.authorization, path)
    return rendered if rendered["authorization"]["credentials"] else {}


def _basic_auth(context: Context, given: HTTPAuth, path: str) -> Json:
    rendered = http.basic_auth(context, given.basic_auth, f"{path}.basicAuth")
    kept = {key: value for key, value in rendered.get("basic_auth", {}).items() if value}
    return {"basic_auth": kept} if kept else {}


def _oauth2(context: Context, given: HTTPAuth, path: str) -> Json:
    if given.oauth2 is None:
        return {}
    path = f"{path}.oauth2"
    rendered: Json = dict(http.oauth2(context, given.oauth2, path)["oauth2"])
    if "tls_config" in rendered:
        del rendered["tls_config"]
        context.gate.ignore(f"{path}.tlsConfig", UPSTREAM)
    if not rendered["client_id"]:
        raise Unusable(f"{path}.clientId", "is empty: put the client ID under the key that it names")
    return {"oauth2": {key: value for key, value in rendered.items() if value or key == "client_secret"}}


def _bearer_token(context: Context, given: HTTPAuth, path: str) -> Json:
    if given.bearer_token_secret is None:
        return {}
    return {"bearer_token": context.secret(given.bearer_token_secret, f"{path}.bearerTokenSecret")}


def _proxy(context: Context, given: HTTPAuth, path: str) -> Json:
    """The older proxyURL wins, but as upstream has it what goes with a proxy needs proxyUrl."""
    rendered = http.proxy(context, given, path)
    if original := getattr(given, "proxy_url_original", None):
        if rendered.get("proxy_from_environment"):
            raise Unusable(f"{path}.proxyFromEnvironment", "can't go with proxyURL: keep one of them")
        if problem := http.url_problem(original):
            raise Unusable(f"{path}.proxyURL", problem)
        rendered["proxy_url"] = original
    return {key: value for key, value in rendered.items() if value}
