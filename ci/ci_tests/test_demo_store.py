"""The demo's store is what docs/samples refer to, and keeps its keys over repetitions."""

from __future__ import annotations

import base64
import json

import yaml

from ci import demo_store, store
from ci.paths import REPO


def test_the_samples_refer_to_what_the_demo_makes() -> None:
    cluster = yaml.safe_load((REPO / "docs/samples/etcd.yaml").read_text())
    said = cluster["spec"]["objectStore"]
    assert said["endpoint"] == store.endpoint(demo_store.NAMESPACE)
    assert said["bucket"] == demo_store.BUCKET
    login, trust = demo_store._of_users("demo", store.Login("user", "secret-key"), "PEM")
    assert login["kind"] == "Secret"
    assert said["credentialsSecret"] == {"name": login["metadata"]["name"]}
    assert said["ca"] == {"kind": trust["kind"], "name": trust["metadata"]["name"]}
    assert "ca.crt" in trust["data"]
    schedule = yaml.safe_load((REPO / "docs/samples/backup.yaml").read_text())
    assert schedule["spec"]["cluster"] == cluster["metadata"]["name"]
    assert schedule["spec"]["verify"] == "restore"


def test_no_key_is_the_same_twice_and_the_authoritys_is_not_kept() -> None:
    one, other = demo_store._new_keys(), demo_store._new_keys()
    assert not set(one.values()) & set(other.values())
    assert set(one) == {"user", "password", "public.crt", "private.key", "ca.crt"}


def test_keys_are_found_again() -> None:
    held = {"user": "u", "password": "p"}

    def kubectl(*words: str, stdin: str | None = None) -> str:
        assert stdin is None
        found = {"data": {key: base64.b64encode(value.encode()).decode() for key, value in held.items()}}
        return json.dumps(found) if words[2:5] == ("-n", "here", "login") else ""

    assert demo_store._secret(kubectl, "here", "login") == held
    assert demo_store._secret(kubectl, "there", "login") is None


def test_keys_are_given_to_kubectl_by_standard_input_alone() -> None:
    said: list[tuple[tuple[str, ...], str | None]] = []

    def kubectl(*words: str, stdin: str | None = None) -> str:
        said.append((words, stdin))
        return ""

    demo_store.apply(kubectl, *demo_store._of_users("demo", store.Login("user", "secret-key"), "PEM"))
    ((words, stdin),) = said
    assert not [word for word in words if "secret-key" in word]
    assert stdin
    assert "secret-key" in stdin
