"""The operator is upgraded, removed and installed again by Helm, above clusters that take no notice."""

from __future__ import annotations

import pytest

from e2e.support import etcd, release, traffic
from e2e.support.cluster import EtcdCluster
from e2e.support.helm import Helm
from e2e.support.installation import Installation
from e2e.support.kinds import CRD, PDB, STATEFUL_SET
from e2e.support.settings import Settings
from e2e.support.wait import until

pytestmark = pytest.mark.serial


@pytest.fixture(autouse=True)
def own_release(settings: Settings) -> None:
    """These tests change the release itself."""
    if settings.mode == "installed":
        pytest.skip("DAVIT_E2E_OPERATOR=installed: the release is not ours to change")


def operands(cluster: EtcdCluster) -> dict[str, object]:
    """What an upgrade of the operator must not change: pods, volumes, and every template's generation."""
    return {
        "pods": {name: pod["metadata"]["uid"] for name, pod in cluster.pods().items()},
        "claims": cluster.claims(),
        "generations": {s["metadata"]["name"]: s["metadata"]["generation"] for s in cluster.all(STATEFUL_SET)},
    }


@pytest.mark.ci
def test_helm_upgrade_restarts_no_operand(
    cluster: EtcdCluster, restored_operator: Installation, helm: Helm, settings: Settings
) -> None:
    """New operator pods by `helm upgrade`: operands keep their pods, nothing of theirs is rewritten, and work goes on."""
    cluster.create(3)
    before, pods = operands(cluster), {pod["metadata"]["uid"] for pod in restored_operator.pods()}
    with traffic.running(cluster) as flow:
        release.install(helm, settings, {"etcd.podAnnotations": {"e2e": "upgraded"}, "etcd.logLevel": "debug"})
        restored_operator.wait_ready()
        assert not pods & {pod["metadata"]["uid"] for pod in restored_operator.pods()}
        cluster.sandbox.kube.delete(PDB, cluster.sandbox.namespace, cluster.name)
        cluster.until("the new operator has seen the cluster", lambda: cluster.all(PDB), seconds=60)
        cluster.wait_ready()
        assert operands(cluster) == before
        cluster.edit(size=5)
        cluster.wait_ready()
        flow.flow()
    etcd.settled(cluster, 5)


def test_uninstall_leaves_operands_and_crds(
    cluster: EtcdCluster, restored_operator: Installation, helm: Helm, settings: Settings
) -> None:
    """`helm uninstall`: clusters serve on, the CRD stays, and the next install takes them over as they are."""
    cluster.create(3)
    before = operands(cluster)
    with traffic.running(cluster) as flow:
        release.uninstall(helm, settings)
        until("the operator's pods are gone", restored_operator.pods, lambda pods: not pods, deadline=60)
        flow.flow()
        assert cluster.sandbox.kube.get(CRD, None, "etcdclusters.etcd.davit.dev")
        assert cluster.find()
        release.install(helm, settings)
        restored_operator.wait_ready()
        cluster.wait_ready()
        flow.flow()
    assert operands(cluster) == before
    cluster.edit(size=1)
    cluster.wait_ready()
