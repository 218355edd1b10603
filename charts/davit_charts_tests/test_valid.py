"""Lint, validity, determinism: checklist items 1 to 4, 9, and both Helms alike."""

from __future__ import annotations

import base64
import gzip
import json
import re
import subprocess
import tarfile
from pathlib import Path

import pytest
import yaml

from ci.generate.charts import CHARTS
from ci.generate.kinds import KINDS
from davit_charts_tests import helm, kube
from davit_charts_tests.cases import CASES

FORBIDDEN = re.compile(
    r"\b(randAlpha\w*|randNumeric|randAscii|randBytes|genCA\w*|genSelfSigned\w*|genSigned\w*|genPrivateKey|"
    r"now|date|uuidv4|lookup|derivePassword|htpasswd|getHostByName)\b"
)


def test_lint_is_clean(version: str, chart: str, tmp_path: Path) -> None:
    """Item 1: `helm lint --strict` says nothing at all, with any value set."""
    for case, values in CASES[chart].items():
        file = tmp_path / f"{case}.yaml"
        file.write_text(yaml.safe_dump(values))
        words = ("lint", "--strict", "--kube-version", helm.HIGHEST, "--values", file)
        said = helm.helm(version, *words, CHARTS / chart)
        assert said.code == 0, (case, said.out, said.error)
        assert not re.search(r"\[(WARNING|ERROR|INFO)\]", said.out), (case, said.out)


@pytest.mark.parametrize("kubernetes", [helm.LOWEST, helm.HIGHEST])
def test_valid_for_kubernetes(kubernetes: str, schemas: Path) -> None:
    """Item 2: kubeconform, strictly, against the lowest and the highest supported Kubernetes."""
    manifests = [
        helm.attempt("helm4", chart, values, kubernetes=kubernetes, flags=("--include-crds",)).out
        for chart, cases in CASES.items()
        for values in cases.values()
    ]
    words = ["-strict", "-output", "json", "-summary", "-kubernetes-version", kubernetes]
    done = subprocess.run(
        [helm.binary("kubeconform"), *words, "-schema-location", f"{schemas}/{kube.LOCATION}", "-"],
        input="\n---\n".join(manifests), capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    verdict = json.loads(done.stdout)
    assert verdict["summary"]["valid"] > 100
    assert not verdict["resources"], verdict["resources"]


def test_kubeconform_would_notice(schemas: Path) -> None:
    """Item 2: a field that does not exist is refused, so the schemas do judge."""
    wrong = "apiVersion: v1\nkind: Service\nmetadata: {name: x}\nspec: {portz: []}\n"
    words = ["-strict", "-kubernetes-version", helm.LOWEST, "-schema-location", f"{schemas}/{kube.LOCATION}", "-"]
    done = subprocess.run([helm.binary("kubeconform"), *words], input=wrong, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "portz" in done.stdout


def test_renders_the_same_twice(version: str, chart: str) -> None:
    """Item 3: byte-identical."""
    for values in CASES[chart].values():
        again = helm.run.__wrapped__(helm.Render(version, chart, json.dumps(values, sort_keys=True)))
        assert again == helm.attempt(version, chart, values)


def test_nothing_random_in_templates() -> None:
    """Item 3: no template function that gives something else each time or asks the cluster."""
    for file in CHARTS.glob("*/templates/**/*"):
        if file.is_file():
            actions = re.findall(r"\{\{-?(?!/\*)(.*?)-?\}\}", re.sub(r'"[^"]*"', "", file.read_text()), re.DOTALL)
            assert not [a for a in actions if FORBIDDEN.search(a)], file


def test_api_versions_change_nothing(version: str, chart: str) -> None:
    """Item 4: no object depends on which kinds the cluster knows; third-party kinds are switched on by value."""
    flags = ("--api-versions", "monitoring.coreos.com/v1", "--api-versions", "etcd.davit.dev/v1/EtcdCluster")
    for values in CASES[chart].values():
        plain = helm.attempt(version, chart, values)
        assert helm.attempt(version, chart, values, flags=flags).out == plain.out
    for file in CHARTS.glob(f"{chart}/templates/**/*"):
        assert not file.is_file() or "Capabilities" not in file.read_text()


def test_both_helms_make_the_same(pair: tuple[str, str]) -> None:
    """Helm 3 and Helm 4 differ in nothing but empty lines."""
    chart, case = pair
    three, four = (helm.template(version, chart, CASES[chart][case]) for version in helm.VERSIONS)
    assert three == four


def test_null_in_a_rendered_object_means_nothing(objects: list[helm.Object]) -> None:
    """Server-side apply would take a null for a wish to own the field."""
    assert not [o for o in objects if "null" in re.findall(r"\bnull\b", json.dumps(o))]


SECRET_LIMIT = 1024 * 1024
"""Bytes of data in a Secret (Kubernetes, MaxSecretSize)."""


def test_release_payload_is_small(version: str, chart: str, tmp_path: Path) -> None:
    """Item 9: the release Secret, as Helm makes it of the chart and its manifest, is below half of its limit."""
    package = helm.helm(version, "package", CHARTS / chart, "--destination", tmp_path)
    assert package.code == 0, package.error
    (archive,) = tmp_path.glob("*.tgz")
    assert archive.stat().st_size < 250_000
    assert len(payload(archive, helm.attempt(version, chart).out)) < SECRET_LIMIT / 2


def payload(archive: Path, manifest: str) -> bytes:
    """The value in a release Secret: files are base64 in JSON, which is compressed, and base64 again (helm pkg/storage)."""
    with tarfile.open(archive) as tar:
        files = [(member.name, tar.extractfile(member)) for member in tar if member.isfile()]
        chart = [{"name": name, "data": base64.b64encode(file.read()).decode()} for name, file in files if file]
    return base64.b64encode(gzip.compress(json.dumps({"chart": chart, "manifest": manifest}).encode(), 9))


def test_crds_are_small() -> None:
    """Item 9: each is below what a client-side apply could hold in its annotation, which is compact JSON."""
    sizes = {kind.name: len(json.dumps(kind.manifest, separators=(",", ":"))) for kind in KINDS}
    assert sizes
    assert max(sizes.values()) < 256_000, sizes
