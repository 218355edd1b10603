"""How a client authenticates and connects, as configuration, and what is refused with its field and remedy."""

from __future__ import annotations

from typing import Any

import pytest
from davit.monitoring import http
from davit.monitoring.assets import Assets, Ref
from davit.monitoring.http import ALERTMANAGER, Context, Unusable
from davit.monitoring.types import Authorization, BasicAuth, HTTPAuth, OAuth2, ProxyConfig, SecretKeySelector, TLSConfig
from davit.monitoring.versions import Gate, Version

TOKEN = {"name": "auth", "key": "token"}
FOUND = {
    Ref("Secret", "ns", "auth", "token"): b"tok",
    Ref("Secret", "ns", "auth", "user"): b"me",
    Ref("ConfigMap", "ns", "files", "id"): b"client",
    Ref("Secret", "other", "auth", "token"): b"theirs",
}


def context(version: str = "3.5.0", **more: Any) -> Context:
    return Context(Gate(Version.parse(version)), Assets(FOUND), "ns", **more)


def refusal(call: Any, *arguments: Any) -> tuple[str, str]:
    with pytest.raises(Unusable) as error:
        call(context(), *arguments, "spec.x")
    return error.value.path, error.value.message


def test_nothing_becomes_nothing() -> None:
    empty = context()
    assert http.basic_auth(empty, None, "p") == http.authorization(empty, None, "p") == http.oauth2(empty, None, "p") == {}
    assert (
        http.tls_config(empty, None, "p") == http.proxy(empty, ProxyConfig(), "p") == http.redirects(empty, None, None, "p") == {}
    )
    assert http.bearer_token(empty, SecretKeySelector(key="k"), "p") == {}


def test_a_user_and_a_password_are_read() -> None:
    auth = BasicAuth.model_validate({"username": {"name": "auth", "key": "user"}, "password": TOKEN})
    assert http.basic_auth(context(), auth, "p") == {"basic_auth": {"username": "me", "password": "tok"}}


@pytest.mark.parametrize(("kind", "written"), [(None, "Bearer"), ("", "Bearer"), (" Own ", "Own")])
def test_credentials_have_a_type(kind: str | None, written: str) -> None:
    auth = Authorization.model_validate({"type": kind, "credentials": TOKEN})
    assert http.authorization(context(), auth, "p") == {"authorization": {"type": written, "credentials": "tok"}}


def test_basic_is_no_type_of_authorization() -> None:
    path, message = refusal(http.authorization, Authorization.model_validate({"type": "basic", "credentials": TOKEN}))
    assert (path, message) == ("spec.x.type", "Basic is not for authorization: use basicAuth")


def test_credentials_come_from_one_place() -> None:
    both = Authorization.model_validate({"credentials": TOKEN, "credentialsFile": "/f"})
    assert refusal(http.authorization, both)[0] == "spec.x"


def test_another_namespace_has_other_secrets() -> None:
    auth = Authorization.model_validate({"credentials": TOKEN})
    assert http.authorization(context().within("other"), auth, "p")["authorization"]["credentials"] == "theirs"


def oauth2(**more: Any) -> OAuth2:
    given = {"clientId": {"configMap": {"name": "files", "key": "id"}}, "clientSecret": TOKEN, "tokenUrl": "https://id/t"}
    return OAuth2.model_validate({**given, **more})


def test_an_oauth2_client_is_whole() -> None:
    auth = oauth2(scopes=["a"], endpointParams={"b": "c"}, proxyUrl="http://p", tlsConfig={"serverName": "id"})
    assert http.oauth2(context(), auth, "p") == {
        "oauth2": {
            "client_id": "client",
            "client_secret": "tok",
            "token_url": "https://id/t",
            "scopes": ["a"],
            "endpoint_params": {"b": "c"},
            "proxy_url": "http://p",
            "tls_config": {"server_name": "id"},
        }
    }


@pytest.mark.parametrize(("more", "path"), [({"clientId": {}}, "spec.x.clientId"), ({"tokenUrl": ""}, "spec.x.tokenUrl")])
def test_an_oauth2_client_that_lacks_something_is_refused(more: dict[str, Any], path: str) -> None:
    assert refusal(http.oauth2, oauth2(**more))[0] == path


def test_older_versions_do_without_what_they_do_not_know() -> None:
    old = context("2.42.0")
    client = HTTPAuth.model_validate({"proxyUrl": "http://p", "noProxy": "a"})
    assert http.proxy(old, client, "spec") == {"proxy_url": "http://p"}
    assert "tls_config" not in http.oauth2(old, oauth2(tlsConfig={}), "spec.oauth2")["oauth2"]
    assert http.redirects(context("2.30.0"), False, False, "spec") == {"follow_redirects": False}
    assert [sentence.split()[0] for sentence in old.gate.ignored] == ["spec.noProxy", "spec.oauth2.tlsConfig"]


def test_alertmanager_has_versions_of_its_own() -> None:
    manager = Context(Gate(Version.parse("0.24.0"), "Alertmanager"), Assets(FOUND), "ns", support=ALERTMANAGER)
    assert http.redirects(manager, True, True, "spec") == {"follow_redirects": True}
    assert manager.gate.ignored == ("spec.enableHttp2 is ignored by Alertmanager 0.24.0: needs 0.25.0",)


@pytest.mark.parametrize(
    ("fields", "part"),
    [
        ({"noProxy": "a"}, "noProxy"),
        ({"proxyUrl": "http://p", "proxyFromEnvironment": True}, "proxyFromEnvironment"),
        ({"proxyFromEnvironment": True, "noProxy": "a"}, "proxyFromEnvironment"),
        ({"proxyConnectHeader": {"a": [TOKEN]}}, "proxyConnectHeader"),
        ({"proxyUrl": "http://p", "proxyConnectHeader": {"a": []}}, "proxyConnectHeader.a"),
        ({"proxyUrl": "http://p:x"}, "proxyUrl"),
        ({"proxyUrl": "http://a b"}, "proxyUrl"),
        ({"proxyUrl": "http://a\n"}, "proxyUrl"),
        ({"proxyUrl": "http://proxy-${zone}:80"}, "proxyUrl"),
    ],
)
def test_a_proxy_that_prometheus_would_not_load_is_refused(fields: dict[str, Any], part: str) -> None:
    assert refusal(http.proxy, ProxyConfig.model_validate(fields))[0] == f"spec.x.{part}"


def test_headers_for_the_proxy_are_read() -> None:
    given = {"proxyFromEnvironment": True, "proxyConnectHeader": {"b": [TOKEN, {"name": "auth", "key": "user"}], "a": [TOKEN]}}
    rendered = http.proxy(context(), ProxyConfig.model_validate(given), "p")
    assert rendered == {"proxy_from_environment": True, "proxy_connect_header": {"a": ["tok"], "b": ["tok", "me"]}}


def test_files_of_the_container_are_named_after_the_rest() -> None:
    tls = TLSConfig.model_validate(
        {"insecureSkipVerify": False, "caFile": "/ca", "certFile": "/c", "keyFile": "/k", "minVersion": "TLS12"}
    )
    assert http.tls_config(context(), tls, "p") == {
        "tls_config": {
            "insecure_skip_verify": False,
            "min_version": "TLS12",
            "ca_file": "/ca",
            "cert_file": "/c",
            "key_file": "/k",
        }
    }


@pytest.mark.parametrize(
    ("fields", "part"),
    [
        ({"certFile": "/c"}, "keySecret"),
        ({"keyFile": "/k"}, "cert"),
        ({"caFile": "/c", "ca": {"secret": TOKEN}}, "caFile"),
        ({"keyFile": "/k", "certFile": "/c", "keySecret": TOKEN}, "keyFile"),
        ({"ca": {"secret": TOKEN, "configMap": TOKEN}}, "ca"),
        ({"ca": {"secret": TOKEN}}, "ca"),
        ({"ca": {"configMap": TOKEN}}, "ca"),
        ({"minVersion": "TLS13", "maxVersion": "TLS12"}, "maxVersion"),
    ],
)
def test_tls_that_prometheus_would_not_load_is_refused(fields: dict[str, Any], part: str) -> None:
    assert refusal(http.tls_config, TLSConfig.model_validate(fields))[0] == f"spec.x.{part}"


def test_a_client_has_one_way_to_authenticate() -> None:
    http.check_client({"basic_auth": {}, "authorization": {"type": "Bearer"}}, "spec")
    with pytest.raises(Unusable, match="keep one way"):
        http.check_client({"basic_auth": {"username": "a"}, "bearer_token": "b"}, "spec")
