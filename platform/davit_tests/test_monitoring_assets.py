"""Which Secrets and ConfigMaps a resource refers to, and what is in them."""

from __future__ import annotations

import pytest
from davit.monitoring.assets import Assets, MissingAsset, Ref, Unseen, either, references, secret
from davit.monitoring.types import BasicAuth, HTTPAuth, OAuth2, SafeTLSConfig, SecretKeySelector, SecretOrConfigMap

USER = Ref("Secret", "ns", "auth", "user")


def test_every_selector_is_found_wherever_it_stands() -> None:
    client = HTTPAuth.model_validate(
        {
            "basicAuth": {"username": {"name": "auth", "key": "user"}},
            "oauth2": {
                "clientId": {"configMap": {"name": "c", "key": "id"}},
                "tlsConfig": {"keySecret": {"name": "t", "key": "k"}},
            },
            "proxyConnectHeader": {"a": [{"name": "h", "key": "1", "optional": True}, {"name": "h", "key": "2"}]},
        }
    )
    assert references(client, "ns") == {
        USER,
        Ref("ConfigMap", "ns", "c", "id"),
        Ref("Secret", "ns", "t", "k"),
        Ref("Secret", "ns", "h", "1"),
        Ref("Secret", "ns", "h", "2"),
    }


def test_selectors_without_a_name_refer_to_nothing() -> None:
    assert references(BasicAuth(username=SecretKeySelector(key="user")), "ns") == frozenset()
    assert references(None, "ns") == frozenset()


def test_whether_absence_is_harmless_tells_no_two_references_apart() -> None:
    assert Ref("Secret", "ns", "auth", "user", optional=True) == USER
    assert Ref("Secret", "ns", "auth", "user", optional=True) in Assets({USER: b"me"})


def test_a_key_is_read_as_text() -> None:
    assert Assets({USER: "mé".encode()}).text(USER) == "mé"


def test_a_missing_key_is_named_with_what_to_do() -> None:
    with pytest.raises(MissingAsset, match="Secret ns/auth has no key 'user': create it") as error:
        Assets().text(USER)
    assert error.value.ref == USER


@pytest.mark.parametrize(("ref", "word"), [(secret(None, "ns"), "name"), (Ref("ConfigMap", "ns", "c", ""), "key")])
def test_a_reference_that_names_nothing_says_what_is_missing(ref: Ref, word: str) -> None:
    with pytest.raises(MissingAsset, match=f"the {word} of the {ref.kind} is missing"):
        Assets().content(ref)


def test_what_is_no_text_is_refused() -> None:
    with pytest.raises(ValueError, match="UTF-8"):
        Assets({USER: b"\xff"}).text(USER)


def test_files_are_named_as_prometheus_operator_names_them() -> None:
    assert Ref("Secret", "ns", "tls", "ca.crt").file == "0_ns_tls_ca.crt"
    assert Ref("ConfigMap", "ns", "tls", "ca.crt").file == "1_ns_tls_ca.crt"


def test_the_secret_wins_where_both_are_named() -> None:
    both = SecretOrConfigMap.model_validate({"secret": {"name": "s", "key": "k"}, "configMap": {"name": "c", "key": "k"}})
    assert either(both, "ns").kind == "Secret"
    assert either(SecretOrConfigMap.model_validate({"configMap": {"name": "c", "key": "k"}}), "ns").kind == "ConfigMap"


def test_models_that_refer_to_nothing_have_no_references() -> None:
    assert references(OAuth2(token_url="http://a", tls_config=SafeTLSConfig(server_name="b")), "ns") == frozenset()


def test_what_is_not_looked_at_is_there_once_it_is_named() -> None:
    unseen = Unseen()
    assert Ref("Secret", "a", "b", "c") in unseen
    assert unseen.text(Ref("Secret", "a", "b", "c"))
    with pytest.raises(MissingAsset, match="the key of the Secret is missing"):
        unseen.content(Ref("Secret", "a", "b", ""))
