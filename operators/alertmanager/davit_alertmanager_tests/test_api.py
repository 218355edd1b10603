"""The CustomResourceDefinitions: what they accept, serve and keep, and how large they are."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from davit.crd import dump, manifest
from davit.model import Manifest
from davit_alertmanager.api import v1, v1beta1
from davit_alertmanager.api.convert import VERSIONS, convert
from hypothesis import given, settings
from hypothesis import strategies as st

from davit_alertmanager_tests import strategies
from davit_alertmanager_tests.world import Json, config

CRDS = {"Alertmanager": manifest(v1.CRD), "AlertmanagerConfig": v1beta1.crd_manifest()}
LIMIT = 250_000
ALPHA, BETA = sorted(VERSIONS)


def schemas(crd: Manifest) -> Iterator[Json]:
    for version in crd["spec"]["versions"]:
        yield version["schema"]["openAPIV3Schema"]


def nodes(schema: Json, path: str = "") -> Iterator[tuple[str, Json]]:
    yield path, schema
    for name, below in schema.get("properties", {}).items():
        yield from nodes(below, f"{path}.{name}")
    for part in ("items", "additionalProperties"):
        if isinstance(schema.get(part), dict):
            yield from nodes(schema[part], f"{path}[]")


ALL = [(kind, path, node) for kind, crd in CRDS.items() for schema in schemas(crd) for path, node in nodes(schema)]


@pytest.mark.parametrize("kind", CRDS)
def test_a_definition_is_small_enough_for_client_side_apply(kind: str) -> None:
    assert len(json.dumps(CRDS[kind], separators=(",", ":"))) < LIMIT


def test_old_yaml_loaders_read_the_operator_of_a_matcher() -> None:
    """YAML 1.1 has a type of its own for a lone equals sign."""
    found = [node for _, path, node in ALL if path.endswith(".matchType")]
    assert found
    assert list(yaml.safe_load_all(dump(found))) == found


def test_the_equals_sign_is_a_way_to_compare() -> None:
    found = [node["enum"] for _, path, node in ALL if path.endswith("matchers[].matchType")]
    assert found
    assert all(enum == ["!=", "=", "=~", "!~"] for enum in found)


@pytest.mark.parametrize("pairs", ["emailConfigs[].headers", "opsgenieConfigs[].details", "victoropsConfigs[].customFields"])
def test_what_is_paired_with_a_value_has_a_name(pairs: str) -> None:
    found = [node for _, path, node in ALL if path.endswith(f"{pairs}[].key")]
    assert [node.get("minLength") for node in found] == [1, 1]


def test_a_flag_has_a_name() -> None:
    (found,) = [node for _, path, node in ALL if path.endswith("additionalArgs[].name")]
    assert found["minLength"] == 1


def test_both_versions_are_served_and_the_older_is_stored() -> None:
    versions = CRDS["AlertmanagerConfig"]["spec"]["versions"]
    assert [(one["name"], one["served"], one["storage"]) for one in versions] == [
        ("v1alpha1", True, True),
        ("v1beta1", True, False),
    ]
    assert CRDS["AlertmanagerConfig"]["spec"]["conversion"] == {"strategy": "None"}


def test_every_list_says_how_it_merges() -> None:
    lists = [(path, node) for _, path, node in ALL if node.get("type") == "array"]
    assert lists
    for path, node in lists:
        assert node["x-kubernetes-list-type"] in ("atomic", "map", "set"), path
        for key in node.get("x-kubernetes-list-map-keys", ()):
            assert key in node["items"]["required"], path


def test_unknown_fields_are_kept_wherever_there_are_fields() -> None:
    for _, path, node in ALL:
        if path.startswith(".spec") and "properties" in node:
            assert node.get("x-kubernetes-preserve-unknown-fields") is True, path


def test_only_one_default_for_ever() -> None:
    assert {path for _, path, node in ALL if "default" in node} == {".status"}


def test_every_field_of_the_first_levels_is_explained() -> None:
    for _, path, node in ALL:
        if 1 <= path.count(".") <= 3 and not path.endswith("[]") and path not in (".apiVersion", ".kind", ".metadata"):
            assert node.get("description"), path


def test_the_scale_of_an_alertmanager_can_be_changed() -> None:
    (version,) = CRDS["Alertmanager"]["spec"]["versions"]
    known = {path for kind, path, _ in ALL if kind == "Alertmanager"}
    assert set(version["subresources"]["scale"].values()) <= known


def test_time_intervals_have_another_name_in_the_other_version() -> None:
    one = config(muteTimeIntervals=[{"name": "a"}], timeIntervals=[{"name": "b"}])
    assert convert(one, BETA)["spec"] == {"timeIntervals": [{"name": "a"}, {"name": "b"}]}
    assert convert(convert(one, BETA), ALPHA)["spec"] == {"muteTimeIntervals": [{"name": "a"}, {"name": "b"}]}


def test_matchers_say_how_they_compare_in_the_newer_version() -> None:
    matchers = [{"name": "a"}, {"name": "b", "regex": True}, {"name": "c", "matchType": "!=", "regex": True}, "odd"]
    one = config(
        route={"matchers": matchers, "routes": [{"matchers": matchers[1:2]}, "odd"]}, inhibitRules=[{"sourceMatch": matchers}]
    )
    found = [{"name": "a", "matchType": "="}, {"name": "b", "matchType": "=~"}, {"name": "c", "matchType": "!="}, "odd"]
    spec = convert(one, BETA)["spec"]
    assert spec["route"] == {"matchers": found, "routes": [{"matchers": found[1:2]}, "odd"]}
    assert spec["inhibitRules"] == [{"sourceMatch": found}]


def test_what_is_no_object_is_converted_as_it_is() -> None:
    assert convert({**config(), "spec": None}, BETA) == {**config(), "apiVersion": BETA, "spec": None}
    assert convert(config(route="odd", inhibitRules="odd"), BETA)["spec"] == {"route": "odd", "inhibitRules": "odd"}


def test_there_is_no_third_version() -> None:
    with pytest.raises(ValueError, match=r"v1alpha1, .*v1beta1"):
        convert(config(), "monitoring.coreos.com/v1")


@settings(max_examples=30, deadline=None)
@given(strategies.specs(), st.sampled_from([ALPHA, BETA]))
def test_conversion_loses_nothing(spec: Json, through: str) -> None:
    one = config(**spec)
    back = convert(convert(one, through), ALPHA)
    assert without_comparisons(back["spec"]) == without_comparisons(one["spec"])


def without_comparisons(value: Any) -> Any:
    """Without the fields that say the same in two ways."""
    if isinstance(value, dict):
        return {key: without_comparisons(below) for key, below in value.items() if key not in ("matchType", "regex")}
    return [without_comparisons(item) for item in value] if isinstance(value, list) else value
