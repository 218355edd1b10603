"""The charts under Helm 4: `--wait` ends when the cluster serves, not before."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from e2e.support import etcd, kstatus, release
from e2e.support.cluster import SMALL, EtcdCluster
from e2e.support.helm import Helm, HelmFailed
from e2e.support.kinds import POD
from e2e.support.settings import Settings


def values(settings: Settings, **more: Any) -> dict[str, Any]:
    """A small cluster by the chart's values, which hold the spec as it is."""
    spec = {"size": 3, "version": settings.version, "storage": {"size": "1Gi"}, "resources": SMALL, **more}
    return {"name": "db", "spec": spec}


@pytest.mark.ci
def test_helm_wait_waits_until_the_cluster_is_ready(cluster: EtcdCluster, helm: Helm, settings: Settings) -> None:
    """`helm install --wait` of charts/etcd-cluster, an upgrade to another size, and an uninstall."""
    namespace = cluster.sandbox.namespace
    cluster.sandbox.client()
    helm.install("db", release.CLUSTER_CHART, namespace, values=values(settings))
    assert kstatus.verdict(cluster.read()) == kstatus.CURRENT
    assert cluster.status()["readyMembers"] == 3
    etcd.settled(cluster, 3, seconds=5)
    etcd.put(cluster, planted="before")

    helm.install("db", release.CLUSTER_CHART, namespace, values=values(settings, size=5))
    assert cluster.status()["readyMembers"] == 5
    etcd.settled(cluster, 5, seconds=5)

    helm.uninstall("db", namespace)
    cluster.until("its pods are gone", lambda: cluster.all(POD), lambda pods: not pods)
    assert len(cluster.claims()) == 5


def test_helm_wait_fails_on_a_refused_spec(cluster: EtcdCluster, helm: Helm, settings: Settings) -> None:
    """A release whose cluster can't become ready is a failed release, and says so before its time-out."""
    bad = values(settings, etcdOptions={"data-dir": "/tmp/x"})
    with pytest.raises(HelmFailed):
        helm.install("db", release.CLUSTER_CHART, cluster.sandbox.namespace, values=bad, timeout=60)
    assert "data-dir" in cluster.condition("Stalled").get("message", "")


def test_chart_renders_the_same_twice(helm: Helm, settings: Settings) -> None:
    """GitOps tools would otherwise report differences for ever."""
    given = f"spec.size=3,spec.version={settings.version}"
    argv = ["template", "db", str(release.CLUSTER_CHART), "--set", given]
    first, second = (list(yaml.safe_load_all(helm.run(*argv))) for _ in range(2))
    assert first == second
    assert any(item and item["kind"] == "EtcdCluster" for item in first)
