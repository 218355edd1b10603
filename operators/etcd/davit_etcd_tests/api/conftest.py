"""A real kube-apiserver, once for all tests, with the operator's CRDs; each test gets a namespace."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from davit.crd import manifest
from davit.errors import Transient
from davit.kube.http import Connection, KubeClient
from davit.model import Key, Kind
from davit_etcd.api.crds import CRDS
from davit_etcd.manifests import OPERATOR

from ci.cluster.controlplane import ControlPlane
from ci.tools.build import ensure

NAMESPACE = Kind("", "v1", "Namespace", "namespaces", namespaced=False)
CUSTOM_RESOURCE_DEFINITION = Kind(
    "apiextensions.k8s.io", "v1", "CustomResourceDefinition", "customresourcedefinitions", namespaced=False
)


@pytest.fixture(scope="session")
def kubeconfig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Of an API server that lives as long as the session."""
    ensure(("kubernetes", "etcd36"))
    with ControlPlane(tmp_path_factory.mktemp("controlplane"), controllers=False) as plane:
        yield plane.kubeconfig


@pytest.fixture
async def kube(kubeconfig: Path) -> AsyncIterator[KubeClient]:
    """A client as the operator has it, on an API server that serves the operator's kinds."""
    client = Connection.load(str(kubeconfig)).client(OPERATOR)
    for crd in CRDS:
        await client.apply(CUSTOM_RESOURCE_DEFINITION, manifest(crd))
    for crd in CRDS:
        while not await _served(client, crd.kind):
            pass
    yield client
    await client.close()


async def _served(client: KubeClient, kind: Kind) -> bool:
    """Established, and past the moment in which its storage answers 429 "(re)initializing"."""
    name = f"{kind.plural}.{kind.group}"
    crd = await client.get(CUSTOM_RESOURCE_DEFINITION, Key("", name)) or {}
    conditions = (crd.get("status") or {}).get("conditions") or []
    if not any(c["type"] == "Established" and c["status"] == "True" for c in conditions):
        return False
    try:
        await client.list(kind, None)
    except Transient:
        return False
    return True


@pytest.fixture
async def namespace(kube: KubeClient) -> str:
    """A name of the test's own."""
    name = f"test-{uuid.uuid4().hex[:8]}"
    await kube.create(NAMESPACE, {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
    return name
