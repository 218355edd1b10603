"""values.yaml and values.schema.json: checklist items 11 to 15."""

from __future__ import annotations

import copy
import functools
import json
import re
import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from ci.generate.charts import CHARTS, OPERATORS, metadata
from ci.generate.values import Value, parse
from davit_charts_tests import helm
from davit_charts_tests.cases import CASES


def open_at(chart: str) -> set[str]:
    """Maps at the root that may hold more: `global`, and a parent chart's values for a subchart, which has its own schema."""
    return {"global", *(dependency["alias"] for dependency in metadata(chart).get("dependencies", []))}


@functools.cache
def values_of(chart: str) -> tuple[Value, ...]:
    return parse((CHARTS / chart / "values.yaml").read_text())


def all_values(chart: str) -> list[Value]:
    return [value for top in values_of(chart) for value in top.walk()]


@functools.cache
def schema_of(chart: str) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((CHARTS / chart / "values.schema.json").read_text())
    return loaded


def nested(path: tuple[str, ...], value: Any) -> dict[str, Any]:
    for part in reversed(path):
        value = {part: value}
    assert isinstance(value, dict)
    return value


def objects_in(schema: dict[str, Any], path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], dict[str, Any]]]:
    """Every schema of a map with named keys."""
    if "properties" in schema:
        yield path, schema
        for name, below in schema["properties"].items():
            yield from objects_in(below, (*path, name))


def test_schema_is_valid_and_admits_the_defaults(chart: str) -> None:
    """Item 11: and every value set of ours."""
    jsonschema.Draft7Validator.check_schema(schema_of(chart))
    defaults = yaml.safe_load((CHARTS / chart / "values.yaml").read_text())
    jsonschema.validate(defaults, schema_of(chart))


def test_schema_is_strict(chart: str) -> None:
    """Item 11: closed everywhere but `global`, passed-through parts, and maps that go into pods as they are."""
    for path, schema in objects_in(schema_of(chart)):
        if schema.get("additionalProperties") is False:
            continue
        text = ".".join(path)
        assert (
            path[:1] in (("global",), ("resources",), ("podSecurityContext",), ("securityContext",), ("probes",))
            or path[0] in open_at(chart)
            or "spec" in path[:2]
            or text == "strategy.rollingUpdate"
        ), text


@pytest.mark.parametrize("case", ["tpyo", "global", "enabled"])
def test_schema_at_the_root(version: str, chart: str, case: str) -> None:
    """Item 11: an unknown value is refused by name; `enabled` and anything in `global` are not (helm/helm#10392)."""
    values = {"tpyo": 1, "global": {"any": 1}, "enabled": True}
    said = helm.attempt(version, chart, {case: values[case]})
    assert (said.code != 0) == (case == "tpyo"), said.error
    assert case != "tpyo" or "tpyo" in said.error


def test_a_subchart_checks_its_own_values(version: str) -> None:
    """Item 11: what the bundle leaves open, the operator's chart does not."""
    for chart, name in (*(("davit", name) for name in ("etcd", "prometheus", "alertmanager")), ("app-with-etcd", "operator")):
        said = helm.attempt(version, chart, {name: {"enabled": True, "replicaz": 2}})
        assert said.code != 0
        assert "replicaz" in said.error


def test_wrong_types_are_refused(version: str, chart: str) -> None:
    """Item 11: each number and switch that is given as a word."""
    kinds = {bool, int}
    for value in all_values(chart):
        if type(value.default) in kinds and "type" not in value.schema and value.path[0] not in open_at(chart):
            said = helm.attempt(version, chart, nested(value.path, "word"))
            assert said.code != 0, value.path
            assert "schema" in said.error


def test_spec_is_judged_by_the_crd(version: str) -> None:
    """The instance chart refuses what the CRD would, and lets newer fields pass."""
    refused: tuple[dict[str, Any], ...] = (
        {"size": 8}, {"size": "3"}, {"size": None}, {"version": "latest"}, {"version": None},
        {"storage": {"type": "Floppy"}}, {"quota": "much"}, {"nodeSelector": {"a": 1}},
    )  # fmt: skip
    for spec in refused:
        assert helm.attempt(version, "etcd-cluster", {"spec": spec}).code != 0, spec
    spec = helm.pick(helm.template(version, "etcd-cluster", CASES["etcd-cluster"]["newer-field"]), "EtcdCluster")["spec"]
    assert spec == {"size": 3, "version": "3.6.14", "fieldOfTheFuture": {"deep": [1, 2]}}


def test_spec_is_passed_through(version: str) -> None:
    """Nothing is added to, dropped from or turned round in spec; big numbers stay whole."""
    wanted = CASES["etcd-cluster"]["full"]["spec"]
    made = helm.template(version, "etcd-cluster", CASES["etcd-cluster"]["full"])
    assert helm.pick(made, "EtcdCluster")["spec"] == wanted


def test_every_value_has_a_comment(chart: str) -> None:
    """Item 12: a map may leave it to its keys."""
    assert not [".".join(v.path) for v in all_values(chart) if not v.text and not v.children]


PRODUCTS = re.compile(r"etcd|[Pp]rometheuse?s?|[Aa]lertmanagers?|clusters")


def test_operators_say_the_same_of_the_same_values(operator: str) -> None:
    """Their values are written by hand, three times: what they have in common has one meaning, one default, one schema."""
    first, own = ({value.path: value for value in all_values(chart)} for chart in ("etcd-operator", operator))
    # What depends on the product.
    for name in ("resources.requests.memory", "resources.limits.memory", "networkPolicy.enabled"):
        path = tuple(name.split("."))
        assert first.pop(path).schema == own.pop(path).schema
    missing = {path for path in first if path not in own}
    assert {path[0] for path in missing} <= {"etcdImage", "members"}
    for path, value in first.items():
        if path not in missing and path != ("rbac", "aggregateToUserRoles"):
            assert PRODUCTS.sub("", value.text) == PRODUCTS.sub("", own[path].text), path
            if not value.children and value.default != own[path].default:
                assert (path, own[path].default) == (("image", "repository"), f"davit-dev/{operator}")
            assert value.schema == own[path].schema, path


def test_every_value_is_used(chart: str) -> None:
    """Item 12: each value's name stands in a template of its chart, or its map goes into the object as it is."""
    text = "\n".join(f.read_text() for f in (CHARTS / chart / "templates").rglob("*") if f.is_file())
    subcharts = {d["alias"] for d in metadata(chart).get("dependencies", [])}
    whole = {"probes", "resources", "podSecurityContext", "securityContext", "spec"}
    for value in all_values(chart):
        if value.path[0] in subcharts or whole & set(value.path) or value.path[0] == "global":
            continue
        assert re.search(rf"[.\"]{value.path[-1]}\b", text) or "rollingUpdate" in value.path, value.path


def test_every_used_value_exists(chart: str) -> None:
    """Item 12: nothing reads a value that values.yaml does not have."""
    known = {value.path for value in all_values(chart)}
    for file in (CHARTS / chart / "templates").rglob("*"):
        if file.is_file():
            text = re.sub(r"\(\.Values\.(\w+)\)", r".Values.\1", file.read_text())
            text = re.sub(r"\(\.Values\.(\w+)\.(\w+)\)", r".Values.\1.\2", text)
            for found in re.findall(r"\.Values((?:\.\w+)+)", text):
                path = tuple(found.strip(".").split("."))
                assert path in known or "spec" in path, (file, path)


def attempts(version: str, chart: str, every: list[dict[str, Any]]) -> list[helm.Result]:
    with ThreadPoolExecutor(4) as pool:
        return list(pool.map(lambda values: helm.attempt(version, chart, values), every))


@pytest.mark.parametrize("case", ["default", "everything"])
def test_null_anywhere_renders_or_fails_clearly(version: str, chart: str, case: str) -> None:
    """Item 13: each map set to null, and leaves too: never a nil pointer, and if a failure, one that names a value."""
    base = CASES[chart].get(case, {})
    leaves = version == "helm4" and case == "default"
    paths = [value.path for value in all_values(chart) if leaves or isinstance(value.default, dict)]
    given = [merged(base, nested(path, None)) for path in paths]
    for path, said in zip(paths, attempts(version, chart, given), strict=True):
        if said.code:
            assert "nil pointer" not in said.error, (path, said.error)
            assert re.search(rf"\b{path[-1]}\b|missing propert|required", said.error), (path, said.error)
        else:
            helm.parse(said.out)


def merged(base: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    result = copy.deepcopy(base)
    for name, value in over.items():
        below = result.get(name)
        result[name] = merged(below, value) if isinstance(below, dict) and isinstance(value, dict) else value
    return result


def test_renders_without_any_defaults(version: str, chart: str, tmp_path: Path) -> None:
    """Item 14: a new key may be missing altogether under `--reuse-values`, so no template may count on a default.

    There is no earlier release to take values from yet: previous/<version>/<chart>.yaml holds 0.1.0's, for 0.2.0.
    """
    bare = tmp_path / chart
    shutil.copytree(CHARTS / chart, bare)
    (bare / "values.yaml").write_text("")
    spec, image = {"size": 1, "version": "3.6.14"}, {"image": {"repository": "r"}}
    needed: dict[str, dict[str, Any]] = {
        "etcd-operator": {**image, "etcdImage": {"repository": "e"}},
        "prometheus-operator": {**image, "prometheusImage": {"repository": "p"}, "thanosImage": {"repository": "t"}},
        "alertmanager-operator": {**image, "alertmanagerImage": {"repository": "a"}},
        "davit": {"etcd": {"enabled": True}},
        "etcd-cluster": {"spec": spec},
        "monitoring": {"prometheus": {"enabled": True, "spec": spec}, "alertmanager": {"enabled": True, "spec": spec}},
        "app-with-etcd": {"etcd": {"create": True, "spec": spec}, "image": {"repository": "r"}},
    }
    assert helm.template(version, str(bare), needed[chart])


def test_previous_releases_values_render(version: str, chart: str, tmp_path: Path) -> None:
    """Item 14: each recorded release's defaults as the chart's only values, as `--reuse-values` makes them."""
    for number, previous in enumerate(sorted((Path(__file__).parent / "previous").glob(f"*/{chart}.yaml"))):
        aged = tmp_path / f"{number}" / chart
        shutil.copytree(CHARTS / chart, aged)
        shutil.copy(previous, aged / "values.yaml")
        assert helm.template(version, str(aged))


@pytest.mark.parametrize(
    ("chart", "values", "said"),
    [
        *((chart, {"scope": "namespaces"}, "namespaces: must list at least one") for chart in OPERATORS),
        *((chart, {"namespaces": ["a"]}, "namespaces: has an effect only when scope is namespaces") for chart in OPERATORS),
        *((chart, {"image": None}, "image.repository: must be set") for chart in OPERATORS),
        ("etcd-operator", {"etcdImage": None}, "etcdImage.repository: must be set"),
        ("prometheus-operator", {"thanosImage": None}, "thanosImage.repository: must be set"),
        ("alertmanager-operator", {"alertmanagerImage": None}, "alertmanagerImage.repository: must be set"),
        ("etcd-cluster", {"spec": None}, "spec: must be set"),
        ("monitoring", {"prometheus": {"spec": None}}, "prometheus.spec: must be set"),
        ("monitoring", {"alertmanager": {"spec": None}}, "alertmanager.spec: must be set"),
        ("app-with-etcd", {"etcd": {"create": False}}, "etcd.existing: exactly one of"),
        ("app-with-etcd", {"etcd": {"existing": {"cluster": "x"}}}, "etcd.existing: has an effect only"),
        (
            "app-with-etcd",
            {"etcd": {"create": False, "existing": {"cluster": "x", "configMap": "y"}}},
            "etcd.existing: exactly one of",
        ),
    ],
)
def test_contradictions_fail_with_the_values_path(version: str, chart: str, values: dict[str, Any], said: str) -> None:
    """Item 15: and no value has been renamed or removed yet; one that is must fail here with its new name."""
    result = helm.attempt(version, chart, values)
    assert result.code != 0
    assert said in result.error
