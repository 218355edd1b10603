"""Which provider, and what is refused with which remedy."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from ci.cluster import layout, providers, system
from ci.cluster.local import Local
from ci.errors import Refused


@pytest.mark.parametrize(
    ("asked", "running", "existing", "kind", "chosen"),
    [
        ("auto", None, False, False, "local"),
        ("auto", None, False, True, "kind"),
        ("auto", None, True, True, "existing"),
        ("auto", "local", True, True, "local"),
        ("kind", None, True, False, "kind"),
    ],
)
def test_choice(asked: str, running: str | None, existing: bool, kind: bool, chosen: str) -> None:
    assert providers.choose(asked, running, existing, kind) == chosen


def test_another_provider_is_refused_while_one_is_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(providers, "CHOSEN", tmp_path / "provider")
    (tmp_path / "provider").write_text("local\n")
    with pytest.raises(Refused, match="make down"):
        providers.provider("kind")


def test_existing_without_a_file_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DAVIT_KUBECONFIG", "/nonexistent")
    with pytest.raises(Refused, match="set it to a kubeconfig"):
        providers.Existing().check(None)


def test_not_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(Refused, match="remedy: run as root"):
        system.require_root()


def test_little_disk() -> None:
    with pytest.raises(Refused, match="DAVIT_CACHE"):
        system.require_disk(3 * 10**9, Path("/x"))
    system.require_disk(11 * 10**9, Path("/x"))


def test_node_count(tmp_path: Path) -> None:
    for count in (-1, 0, 4):
        with pytest.raises(Refused, match="1 to 3"):
            Local(tmp_path).check(count)


def test_taken_port() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        assert not system.port_free("127.0.0.1", taken.getsockname()[1])
    assert system.port_free("172.30.0.77", 6443), "an address that is not there yet"


def test_missing_packages_only() -> None:
    assert system.missing_packages(lambda _: True) == []
    assert system.missing_packages(lambda program: program != "ip") == ["iproute2"]


def test_kind_config_counts_nodes() -> None:
    nodes = providers.kind_config(layout.MAX_NODES)["nodes"]
    assert isinstance(nodes, list)
    assert [node["role"] for node in nodes] == ["control-plane", "worker", "worker"]
