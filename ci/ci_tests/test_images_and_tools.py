"""Images and tools are rebuilt when, and only when, their inputs change."""

from __future__ import annotations

import io
import json
import re
import tarfile
from dataclasses import replace
from pathlib import Path

import pytest

from ci.cluster.local import operands
from ci.images import table
from ci.images.build import Archive, build_command
from ci.images.renew import outdated
from ci.images.table import digest, images, loadable, operators
from ci.paths import CI, REPO
from ci.tools.build import GO_AT_LEAST, default_program, is_built
from ci.tools.table import TOOLS, Tool, go_name, prometheus_release, required_version


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    """A repo with one operator."""
    files = {
        "operators/etcd/Containerfile": "FROM x",
        "operators/etcd/pyproject.toml": '[project]\nversion = "1.2.3"\n',
        "operators/etcd/src/davit_etcd/main.py": "print(1)",
        "operators/etcd/davit_etcd_tests/test_x.py": "pass",
        "platform/src/davit/errors.py": "pass",
        "platform/pyproject.toml": "",
        "ci/requirements/etcd.txt": "kopf==1",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


def operator_digest(repo: Path) -> str:
    """The digest of the repo's operator image."""
    known = images(repo)
    return digest(known["etcd-operator"], known)


def test_operator_image_is_tagged_with_its_version(repo: Path) -> None:
    assert images(repo)["etcd-operator"].ref == "ghcr.io/davit-dev/etcd-operator:1.2.3"


@pytest.mark.parametrize(
    "changed",
    [
        "operators/etcd/src/davit_etcd/main.py",
        "operators/etcd/Containerfile",
        "platform/src/davit/errors.py",
        "ci/requirements/etcd.txt",
    ],
)
def test_a_changed_input_changes_the_digest(repo: Path, changed: str) -> None:
    before = operator_digest(repo)
    (repo / changed).write_text("FROM y")
    assert operator_digest(repo) != before


def test_tests_and_caches_do_not(repo: Path) -> None:
    before = operator_digest(repo)
    (repo / "operators/etcd/davit_etcd_tests/test_x.py").write_text("other")
    cached = repo / "platform/src/davit/__pycache__/errors.pyc"
    cached.parent.mkdir()
    cached.write_text("x")
    assert operator_digest(repo) == before


def test_operands_have_upstream_names_of_several_versions() -> None:
    known = images()
    refs = {known[name].ref for name in operands()}
    assert {"quay.io/coreos/etcd:v3.4.23", "quay.io/coreos/etcd:v3.5.16"} <= refs
    assert f"quay.io/coreos/etcd:{TOOLS['etcd37'].version}" in refs
    for product in ("prometheus", "alertmanager"):
        assert len([ref for ref in refs if ref.startswith(f"quay.io/prometheus/{product}:v")]) == 2
    store = {ref for ref in refs if ref.startswith("quay.io/minio/minio:RELEASE.")}
    assert len(store) == 1
    assert all(re.match(r"quay\.io/(coreos/etcd|prometheus/(prometheus|alertmanager)):v\d", ref) for ref in refs - store)


def test_prometheus_is_tagged_as_people_know_it() -> None:
    """Its module counts otherwise: v0.313.2 is 3.13.2."""
    known = images()
    tool = TOOLS["prometheus3"]
    assert tool.version.startswith("v0.3")
    assert known[f"prometheus-{tool.release}"].ref == f"quay.io/prometheus/prometheus:{tool.release}"
    assert prometheus_release("v0.313.2") == "v3.13.2"
    assert prometheus_release("v0.53.5") == "v2.53.5"
    assert TOOLS["alertmanager"].release == TOOLS["alertmanager"].version


def test_prometheus_and_alertmanager_say_their_version_without_a_v() -> None:
    for name in ("prometheus3", "alertmanager"):
        version = TOOLS[name].release.removeprefix("v")
        assert f"-X github.com/prometheus/common/version.Version={version}" in TOOLS[name].ldflags


def test_minio_is_tagged_as_people_know_it_and_says_so() -> None:
    """Its module has pseudo-versions only; a release is named after the time of its commit."""
    tool = TOOLS["minio"]
    at, commit = re.fullmatch(r"v0\.0\.0-(\d{14})-([0-9a-f]{12})", tool.version).groups()  # type: ignore[union-attr]
    assert re.sub(r"\D", "", tool.release) == at
    assert re.fullmatch(r"RELEASE\.\d{4}-\d\d-\d\dT\d\d-\d\d-\d\dZ", tool.release)
    assert images()["minio"].ref == f"quay.io/minio/minio:{tool.release}"
    said = dict(flag.split("=", 1) for flag in tool.ldflags.split() if "=" in flag)
    assert said["github.com/minio/minio/cmd.ReleaseTag"] == tool.release
    assert said["github.com/minio/minio/cmd.CommitID"] == commit
    assert said["github.com/minio/minio/cmd.Version"].replace(":", "-") == tool.release.removeprefix("RELEASE.")


def test_the_store_is_laid_out_as_upstream_and_runs_as_nobody() -> None:
    text = (CI / "images/minio/Containerfile").read_text()
    assert 'ENTRYPOINT ["/usr/bin/minio"]' in text
    assert "USER 65534:65534\n" in text
    assert "MINIO_UPDATE=off" in text


def test_images_of_prometheus_are_laid_out_as_upstream() -> None:
    for product, tool in (("prometheus", "promtool"), ("alertmanager", "amtool")):
        for kind in ("static", "debian"):
            text = (CI / "images" / f"{product}-{kind}" / "Containerfile").read_text()
            assert f'ENTRYPOINT ["/bin/{product}"]' in text
            assert f"WORKDIR /{product}\nUSER 65534:65534\n" in text
            assert tool in text


def test_the_toolbox_is_built_again_when_its_script_changes() -> None:
    known = images()
    changed = replace(known["toolbox"], inputs=())
    assert digest(known["toolbox"], known) != digest(changed, known)
    assert [file.name for file in known["toolbox"].inputs] == ["witness.py"]


def test_bases_are_never_loaded() -> None:
    names = loadable(images())
    assert not {"python", "debian-trixie", "debian-bookworm"} & set(names)
    assert set(table.SYSTEM) <= set(names)


def test_every_image_can_be_built_from_another_base() -> None:
    for file in CI.glob("images/*/Containerfile"):
        text = file.read_text()
        assert "ARG BASE_IMAGE=" in text
        assert "FROM ${BASE_IMAGE}" in text


def test_build_command_names_base_and_arguments() -> None:
    known = images()
    command = build_command(known["etcd-v3.5.16"], known)
    assert f"BASE_IMAGE=localhost/davit/debian:trixie-{digest(known['debian-trixie'], known)}" in command
    assert "ETCD_VERSION=3.5.16" in command


def test_archive_digests(tmp_path: Path) -> None:
    """Of the manifest, by which nodes know an image, and of the config, by which pods do."""
    files = {
        "index.json": {"manifests": [{"digest": "sha256:abc"}]},
        "blobs/sha256/abc": {"config": {"digest": "sha256:def"}},
    }
    with tarfile.open(tmp_path / "a.tar", "w") as tar:
        for name, content in files.items():
            data = json.dumps(content).encode()
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            tar.addfile(entry, io.BytesIO(data))
    archive = Archive("x", tmp_path / "a.tar")
    assert (archive.digest, archive.config) == ("sha256:abc", "sha256:def")


def test_pods_of_an_older_build_of_the_same_tag_are_found() -> None:
    def pod(name: str, image: str, running: str) -> dict[str, object]:
        status = {"containerStatuses": [{"image": image, "imageID": running}]}
        return {"metadata": {"namespace": "n", "name": name}, "status": status}

    pods = [
        pod("old", "a:1", "sha256:1"),
        pod("new", "a:1", "sha256:2"),
        pod("other", "b:1", "sha256:1"),
        pod("starting", "a:1", ""),
    ]
    assert list(outdated(pods, {"a:1": "sha256:2"})) == [("n", "old")]


def test_required_version_in_both_spellings() -> None:
    assert required_version("require a.b/c v1.2.3\n", "a.b/c") == "v1.2.3"
    assert required_version("require (\n\ta.b/c/v3 v3.0.1\n)\n", "a.b/c/v3") == "v3.0.1"
    assert required_version("module a.b/c\n", "a.b/c") is None


def test_every_tool_is_pinned() -> None:
    for tool in TOOLS.values():
        assert (tool.version == "v0") == (tool.name == "pause")
        if tool.module:
            assert (tool.source / "go.sum").exists()


def test_every_module_builds_with_the_go_that_is_asked_for() -> None:
    for file in CI.glob("tools/*/go.mod"):
        text = file.read_text()
        found = re.search(r"^go (\d+)\.(\d+)", text, re.MULTILINE)
        assert found, file
        assert (int(found[1]), int(found[2])) <= GO_AT_LEAST, file
        assert not re.search(r"^toolchain", text, re.MULTILINE), file


def test_each_operator_has_its_locked_requirements() -> None:
    for image in operators(REPO):
        (lock,) = (file for file in image.inputs if file.suffix == ".txt")
        own = lock.with_suffix(".in").read_text()
        assert "-r operator.in" in own
        assert f"COPY ci/requirements/{lock.name} " in image.containerfile.read_text()
        pins = set(re.findall(r"^([\w.-]+==\S+)", lock.read_text(), re.MULTILINE))
        assert pins
        assert pins <= set(re.findall(r"^([\w.-]+==\S+)", (lock.parent / "dev.txt").read_text(), re.MULTILINE))


def test_a_tool_of_our_own_is_built_again_when_a_command_changes(tmp_path: Path) -> None:
    tool = Tool("x", "a.b/c", {"c": "a.b/c"}, home=tmp_path)
    (tool.source / "cmd/c").mkdir(parents=True)
    (tool.source / "go.mod").write_text("require a.b/c v1.0.0\n")
    (tool.source / "cmd/c/main.go").write_text("package main")
    before = tool.digest()
    (tool.source / "cmd/c/main.go").write_text("package main // changed")
    assert tool.digest() != before


def test_kubernetes_knows_its_version_in_all_places() -> None:
    flags = TOOLS["kubernetes"].ldflags
    assert "-X k8s.io/component-base/version.gitVersion=v1.34.4" in flags
    assert "-X k8s.io/client-go/pkg/version.gitMinor=34" in flags


def test_helm3_assumes_the_kubernetes_of_its_client() -> None:
    flags = TOOLS["helm3"].ldflags
    assert "-X helm.sh/helm/v3/pkg/chartutil.k8sVersionMajor=1" in flags
    assert "chartutil.k8sVersionMinor=20" not in flags
    assert "k8sVersion" not in TOOLS["helm4"].ldflags


def test_go_names_skip_the_major_version() -> None:
    assert go_name("go.etcd.io/etcd/server/v3") == "server"
    assert go_name("helm.sh/helm/v4/cmd/helm") == "helm"
    assert default_program(TOOLS["etcd36"]) == "etcd"


def test_a_tool_is_built_again_when_its_module_changes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DAVIT_CACHE", str(tmp_path / "cache"))
    tool = Tool("x", "a.b/c", {"c": "a.b/c"}, home=tmp_path)
    tool.source.mkdir()
    (tool.source / "go.mod").write_text("require a.b/c v1.0.0\n")
    assert not is_built(tool)
    tool.folder.mkdir(parents=True)
    (tool.folder / ".digest").write_text(tool.digest())
    assert is_built(tool)
    (tool.source / "go.sum").write_text("changed")
    assert not is_built(tool)


def test_no_registry_host_is_committed() -> None:
    # Spelled in parts, because this file is committed too.
    hosts = ["proxy." + "golang", "deb." + "debian.org", "pypi." + "org", "pythonhosted" + "."]
    for file in CI.rglob("*"):
        if file.is_file() and "__pycache__" not in file.parts:
            assert not [host for host in hosts if host in file.read_text(errors="replace")], file


def test_the_peer_is_built_from_the_module_of_the_differential_tests_and_only_when_named() -> None:
    peer, own = TOOLS["prometheus-operator-peer"], TOOLS["prometheus-operator"]
    assert peer.source == own.source
    assert peer.version == own.version
    assert peer.folder != own.folder
    assert f"quay.io/prometheus-operator/prometheus-operator:{peer.version}" == table.PEER
    assert not {"prometheus-operator-peer", "prometheus-config-reloader"} & set(loadable(images()))
