"""A real kube-apiserver and etcd as processes, without nodes; shared, so each test keeps to names of its own."""

from __future__ import annotations

import itertools
import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from davit.kube.http import Connection, KubeClient
from davit.model import Kind

from ci.cluster.controlplane import ControlPlane
from davit_tests.api.operator import Operator
from davit_tests.api.people import NAMESPACE

_serial = itertools.count(1)


@pytest.fixture(scope="session")
def control_plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    with ControlPlane(tmp_path_factory.mktemp("control-plane"), controllers=False) as plane:
        yield plane


@pytest.fixture(scope="session")
def kubeconfig(control_plane: ControlPlane) -> Path:
    return control_plane.kubeconfig


@pytest.fixture
async def client(kubeconfig: Path) -> AsyncIterator[KubeClient]:
    found = Connection.load(str(kubeconfig)).client("davit-test")
    yield found
    await found.close()


@pytest.fixture
async def namespace(client: KubeClient) -> str:
    """A namespace that no other test has."""
    name = f"test-{os.getpid()}-{next(_serial)}"
    await client.create(NAMESPACE, {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
    return name


@pytest.fixture
def toys(namespace: str) -> Kind:
    """A kind that no other test has; its CRD is not installed yet."""
    return Kind(f"{namespace}.davit.dev", "v1", "Toy", "toys")


@pytest.fixture
def operator(kubeconfig: Path, namespace: str, toys: Kind, tmp_path: Path) -> Iterator[Operator]:
    """A toy operator's process, not started yet; ended with the test."""
    made = Operator(kubeconfig, namespace, toys, tmp_path / "operator")
    yield made
    made.kill()
