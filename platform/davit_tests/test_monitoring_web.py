from __future__ import annotations

from typing import Any

import pytest
import yaml
from davit.monitoring import web
from davit.monitoring.pods import Mounted

DIR = "/etc/x/web_config"
SECRET = {"secret": {"name": "pair", "key": "tls.crt"}}
MINIMAL: dict[str, Any] = {"keySecret": {"name": "pair", "key": "tls.key"}, "cert": SECRET}


def config(**spec: Any) -> Any:
    return yaml.safe_load(web.web_config(spec, DIR))


def mounted(**spec: Any) -> Mounted:
    flag, found = web.mounted(spec, DIR, "x-web-config")
    assert flag == ("web.config.file", f"{DIR}/web-config.yaml")
    return found


def files(found: Mounted) -> set[str]:
    """Where the files of the volume are in the container."""
    (volume,), (mount,) = found.volumes, found.mounts
    return {
        f"{mount['mountPath']}/{item['path']}"
        for source in volume["projected"]["sources"]
        for part in source.values()
        for item in part["items"]
    }


@pytest.mark.parametrize("spec", [None, {}, {"pageTitle": "x"}])
def test_plain_http_is_an_empty_file(spec: Any) -> None:
    assert web.web_config(spec, DIR) == b""


def test_certificates_are_where_prometheus_operator_has_them() -> None:
    found = config(tlsConfig={**MINIMAL, "client_ca": {"configMap": {"name": "ca", "key": "ca.crt"}}})
    assert found == {
        "tls_server_config": {
            "cert_file": f"{DIR}/secret/pair-cert/tls.crt",
            "key_file": f"{DIR}/secret/pair-key/tls.key",
            "client_ca_file": f"{DIR}/configmap/ca-ca/ca.crt",
        }
    }


def test_every_file_that_the_configuration_names_is_mounted() -> None:
    tls = {**MINIMAL, "client_ca": {"configMap": {"name": "ca", "key": "ca.crt"}}}
    named = {value for key, value in config(tlsConfig=tls)["tls_server_config"].items() if key.endswith("_file")}
    assert files(mounted(tlsConfig=tls)) == named | {f"{DIR}/web-config.yaml"}


def test_nothing_is_mounted_by_sub_path_and_so_everything_can_be_renewed() -> None:
    found = mounted(tlsConfig=MINIMAL)
    assert len(found.volumes) == len(found.mounts) == 1
    assert "subPath" not in found.mounts[0]
    assert found.mounts[0]["readOnly"] is True


def test_given_paths_win_and_need_no_volume() -> None:
    tls = {"keyFile": "/k", "certFile": "/c", "clientCAFile": "/ca"}
    assert config(tlsConfig=tls)["tls_server_config"] == {"cert_file": "/c", "key_file": "/k", "client_ca_file": "/ca"}
    assert files(mounted(tlsConfig=tls)) == {f"{DIR}/web-config.yaml"}


def test_every_setting_of_tls_arrives() -> None:
    tls = {
        **MINIMAL,
        "clientAuthType": "RequireAnyClientCert",
        "minVersion": "TLS12",
        "maxVersion": "TLS13",
        "cipherSuites": ["a", "b"],
        "preferServerCipherSuites": False,
        "curvePreferences": ["X25519"],
    }
    found = config(tlsConfig=tls)["tls_server_config"]
    assert {key: value for key, value in found.items() if not key.endswith("_file")} == {
        "client_auth_type": "RequireAnyClientCert",
        "min_version": "TLS12",
        "max_version": "TLS13",
        "cipher_suites": ["a", "b"],
        "prefer_server_cipher_suites": False,
        "curve_preferences": ["X25519"],
    }


def test_every_setting_of_http_arrives_spelled_as_servers_take_it() -> None:
    headers = {
        "contentSecurityPolicy": "default-src 'self'",
        "strictTransportSecurity": "max-age=1",
        "xContentTypeOptions": "NoSniff",
        "xFrameOptions": "SameOrigin",
        "xXSSProtection": "1; mode=block",
    }
    assert config(httpConfig={"http2": False, "headers": headers}) == {
        "http_server_config": {
            "http2": False,
            "headers": {
                "Content-Security-Policy": "default-src 'self'",
                "Strict-Transport-Security": "max-age=1",
                "X-Content-Type-Options": "nosniff",
                "X-Frame-Options": "sameorigin",
                "X-XSS-Protection": "1; mode=block",
            },
        }
    }
    assert config(httpConfig={"headers": {}}) == {"http_server_config": {"headers": {}}}
    assert config(httpConfig={}) == {"http_server_config": {}}


def test_both_ends_of_a_connection_can_share_a_volume() -> None:
    server = web.certificates(MINIMAL)
    client = web.certificates({"keySecret": {"name": "c", "key": "k"}, "cert": SECRET, "ca": SECRET}, ca="ca")
    paths = [
        item["path"] for one in (*server.sources("server_tls"), *client.sources("client_tls")) for item in one["secret"]["items"]
    ]
    assert paths == [
        "server_tls/secret/pair-key/tls.key",
        "server_tls/secret/pair-cert/tls.crt",
        "client_tls/secret/c-key/k",
        "client_tls/secret/pair-cert/tls.crt",
        "client_tls/secret/pair-ca/tls.crt",
    ]


@pytest.mark.parametrize(
    ("tls", "fields"),
    [
        (MINIMAL, []),
        ({"keyFile": "/k", "certFile": "/c"}, []),
        ({}, ["keySecret", "cert"]),
        ({"keySecret": {}, "cert": {}}, ["keySecret", "cert"]),
        ({"keySecret": {"key": ""}, "cert": {}, "client_ca": {}}, ["keySecret", "cert"]),
        ({"keySecret": {"key": ""}, "keyFile": "/k", "cert": {}, "certFile": "/c", "client_ca": {}, "clientCAFile": "/x"}, []),
        ({**MINIMAL, "keyFile": "/k", "certFile": "/c"}, ["keyFile", "certFile"]),
        ({**MINIMAL, "client_ca": SECRET, "clientCAFile": "/x"}, ["clientCAFile"]),
        ({**MINIMAL, "cert": {**SECRET, "configMap": {"name": "x", "key": "y"}}}, ["cert"]),
    ],
)
def test_what_is_wrong_with_tls_names_its_field(tls: Any, fields: list[str]) -> None:
    assert [one.field for one in web.problems({"tlsConfig": tls})] == [f"spec.web.tlsConfig.{field}" for field in fields]


def test_no_tls_is_no_problem() -> None:
    assert web.problems(None) == web.problems({}) == ()
