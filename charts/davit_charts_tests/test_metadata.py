"""Chart.yaml, CRDs, documentation, generated files: checklist items 5 to 8, 10, 21, 40."""

from __future__ import annotations

import re
from typing import Any

import jsonschema
import pytest
import yaml

from ci.generate import charts
from ci.generate.__main__ import main
from ci.generate.kinds import ALERTMANAGER_VERSION, ETCD_VERSION, KINDS, PROMETHEUS_VERSION, of_chart
from ci.generate.outputs import differences
from ci.generate.schema import json_schema
from ci.generate.siblings import copy
from ci.images.table import images
from davit_charts_tests import helm
from davit_charts_tests.cases import CASES

TEXT_TO_VERSIONS = re.compile(r"version: (\d+\.\d+\.\d+)")


def test_kube_version_admits_vendor_versions(chart: str) -> None:
    """Item 5: without `-0`, 1.30.2-gke.100 would be refused."""
    assert charts.metadata(chart)["kubeVersion"] == ">=1.30.0-0"
    assert helm.attempt("helm4", chart, kubernetes="v1.30.2-gke.100").code == 0
    assert helm.attempt("helm4", chart, kubernetes="v1.29.9").code != 0


def test_chart_yaml_is_complete(chart: str) -> None:
    """Item 6: the fields that people and catalogues read."""
    said = charts.metadata(chart)
    for field in ("description", "home", "sources", "icon", "maintainers", "keywords", "appVersion", "version"):
        assert said[field], field
    assert said["apiVersion"] == "v2"
    assert isinstance(said["appVersion"], str)
    assert re.fullmatch(r"\d+\.\d+\.\d+", said["version"])


def test_chart_yaml_is_annotated(chart: str) -> None:
    """Item 40: Artifact Hub's annotations, as YAML in text."""
    notes = charts.metadata(chart)["annotations"]
    assert notes["artifacthub.io/license"] == "Apache-2.0"
    assert {"kind", "description"} <= set(yaml.safe_load(notes["artifacthub.io/changes"])[0])
    if kinds := of_chart(chart):
        assert notes["artifacthub.io/operator"] == "true"
        said = {(crd["name"], crd["kind"], crd["version"]) for crd in yaml.safe_load(notes["artifacthub.io/crds"])}
        assert said == {(kind.name, kind.crd.kind.kind, kind.crd.kind.version) for kind in kinds}
        assert yaml.safe_load(notes["artifacthub.io/crdsExamples"]) == [kind.example for kind in kinds]


def test_dependencies_are_exact_and_vendored(chart: str) -> None:
    """A clone installs without a network; a version range would let a copy lag."""
    for name, folder in charts.vendored(chart):
        (wanted,) = (d for d in charts.metadata(chart)["dependencies"] if d["name"] == name)
        assert re.fullmatch(r"\d+\.\d+\.\d+", wanted["version"])
        assert charts.metadata(name)["version"] == wanted["version"]
        assert yaml.safe_load((folder / "Chart.yaml").read_text())["version"] == wanted["version"]


def test_every_dependency_is_vendored(chart: str, version: str) -> None:
    """`helm dependency list` finds each one unpacked."""
    said = helm.helm(version, "dependency", "list", charts.CHARTS / chart).out
    rows = [line.split() for line in said.splitlines()[1:] if line.strip()]
    assert all(row[-1] == "unpacked" for row in rows)
    assert len(rows) == len(charts.metadata(chart).get("dependencies", []))


def test_generated_files_are_up_to_date() -> None:
    """Items 7 and 40: CRDs, reference, schemas, READMEs and vendored charts equal what the generators make."""
    found = differences()
    assert not found, f"run python -m ci.generate\n{found[:3000]}"


def test_check_names_the_command(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """A person whose check fails reads what to run."""
    monkeypatch.setattr("ci.generate.__main__.differences", lambda: "--- a\n+++ b\n")
    assert main(["--check"]) == 1
    said = capsys.readouterr()
    assert "+++ b" in said.out
    assert "python -m ci.generate" in said.err


def test_crds_are_in_crds_alone(version: str, chart: str) -> None:
    """Item 7, Davit's way: in crds/, so that a first release may hold custom resources, and Helm never deletes them."""
    for values in CASES[chart].values():
        assert not [o for o in helm.template(version, chart, values) if o["kind"] == "CustomResourceDefinition"]
    for file in charts.CHARTS.glob(f"{chart}/templates/**/*"):
        assert not file.is_file() or "kind: CustomResourceDefinition" not in file.read_text()


@pytest.mark.parametrize(
    ("chart", "values", "there"),
    [
        *((operator, {}, {operator}) for operator in charts.OPERATORS),
        ("davit", {}, set(charts.OPERATORS)),
        ("davit", {"etcd": {"enabled": False}}, {"prometheus-operator", "alertmanager-operator"}),
        ("davit", {"prometheus": {"enabled": False}, "alertmanager": {"enabled": False}}, {"etcd-operator"}),
        ("app-with-etcd", {}, set()),
        ("app-with-etcd", {"operator": {"enabled": True}}, {"etcd-operator"}),
    ],
)
def test_crds_come_with_the_operator(version: str, chart: str, values: dict[str, object], there: set[str]) -> None:
    """Item 10, Davit's way: a custom resource and its kind may be in one release, the kind first."""
    objects = helm.template(version, chart, values, flags=("--include-crds",))
    found = {o["metadata"]["name"] for o in objects if o["kind"] == "CustomResourceDefinition"}
    assert found == {kind.name for operator in there for kind in of_chart(operator)}


def test_crd_files_carry_their_names() -> None:
    """The operator chart takes the names that its rights are restricted to from the files' names."""
    for file in charts.CHARTS.glob("*/crds/*.yaml"):
        assert yaml.safe_load(file.read_text())["metadata"]["name"] == file.stem


@pytest.mark.parametrize(
    ("chart", "kind", "below"),
    [("etcd-cluster", "EtcdCluster", ""), ("app-with-etcd", "EtcdCluster", "etcd"),
     ("monitoring", "Prometheus", ""), ("monitoring", "Alertmanager", "")],
)  # fmt: skip
def test_what_holds_data_can_be_kept(chart: str, kind: str, below: str) -> None:
    """Item 8: volumes are the operator's and stay; the resource itself stays if wished."""
    plain = helm.pick(helm.template("helm4", chart), kind)
    assert "annotations" not in plain["metadata"]
    wish = {"keepOnUninstall": True}
    kept = helm.pick(helm.template("helm4", chart, {below: wish} if below else wish), kind)
    assert kept["metadata"]["annotations"] == {"helm.sh/resource-policy": "keep"}


def test_versions_in_texts_are_the_current_one() -> None:
    """Notes, READMEs and annotations name the versions that the charts run, which ci.images has too."""
    current = {ETCD_VERSION, PROMETHEUS_VERSION, ALERTMANAGER_VERSION}
    refs = {image.ref for image in images().values()}
    assert {f"quay.io/prometheus/prometheus:v{PROMETHEUS_VERSION}", f"quay.io/coreos/etcd:v{ETCD_VERSION}"} <= refs
    assert f"quay.io/prometheus/alertmanager:v{ALERTMANAGER_VERSION}" in refs
    for name in ("README.in.md", "templates/NOTES.txt", "values.yaml", "Chart.yaml"):
        for file in charts.CHARTS.glob(f"*/{name}"):
            text = "\n".join(line for line in file.read_text().splitlines() if not line.startswith("version:"))
            found = re.findall(r"^ +version: (\d+\.\d+\.\d+)$", text.replace("    version: 0.1.0\n", ""), re.MULTILINE)
            assert set(found) <= current, file


def test_texts_name_fields_that_exist() -> None:
    """READMEs, notes and comments lag behind a renamed field otherwise, and templates would read nothing."""
    (kind,) = (kind for kind in of_chart("etcd-operator") if kind.instance_chart == "etcd-cluster")
    spec = kind.manifest["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]
    for chart in ("etcd-operator", "etcd-cluster", "app-with-etcd"):
        for file in (
            f for name in ("README.in.md", "values.yaml", "templates/*.*") for f in charts.CHARTS.glob(f"{chart}/{name}")
        ):
            text = file.read_text().replace("(.Values.spec)", "spec").replace("(spec.storage)", "spec.storage")
            for path in re.findall(r"\bspec\.(storage\.\w+|size|version|paused)\b", text):
                below = spec
                for part in path.split("."):
                    assert part in below["properties"], (file, path)
                    below = below["properties"][part]


def test_conditions_are_those_of_the_crd() -> None:
    """The reference explains each condition that the CRD announces."""
    for kind in KINDS:
        status = kind.manifest["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["status"]
        said = status["properties"]["conditions"]["description"]
        assert not [name for name in kind.conditions if name not in said]


def test_examples_are_of_fields_that_exist() -> None:
    """What pages and catalogues show can be applied: each example is what the CRD's schema admits, without unknown fields."""
    for kind in KINDS:
        schema = kind.manifest["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]
        # Not `validate`, which also reads patterns: those are Go's.
        errors = list(jsonschema.Draft7Validator(strict(schema)).iter_errors(kind.example["spec"]))
        assert not errors, (kind.name, errors)


def strict(schema: dict[str, Any]) -> dict[str, Any]:
    """JSON Schema of a structural one in which every field must be declared."""
    made: dict[str, Any] = json_schema(schema)
    close(made)
    return made


def close(schema: dict[str, Any]) -> None:
    if "properties" in schema:
        schema["additionalProperties"] = False
    for below in (*schema.get("properties", {}).values(), schema.get("items"), schema.get("additionalProperties")):
        if isinstance(below, dict):
            close(below)


def test_copied_templates_name_their_own_chart(operator: str) -> None:
    """A chart made from another's templates never speaks of the other, but where it says which file to edit."""
    others = {name for name in charts.OPERATORS if name != operator}
    for file in (charts.CHARTS / operator / "templates").rglob("*"):
        if file.is_file():
            text = re.sub(r"^\{\{- /\* A copy from .*$", "", file.read_text(), flags=re.MULTILINE)
            said = {name for name in others if f'"{name}.' in text or f"charts/{name}" in text}
            assert not said, (file, said)


def test_a_copy_differs_in_names_alone() -> None:
    """The rule itself, on a text that has every case."""
    text = '{{ define "etcd-operator.x" }}{{ printf "etcd-%s" . }} etcd'
    assert copy(text, "etcd-operator", "my-operator") == '{{ define "my-operator.x" }}{{ printf "my-%s" . }} etcd'
