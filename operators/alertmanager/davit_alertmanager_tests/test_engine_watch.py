"""Which changes wake which Alertmanager, and that nothing else does."""

from __future__ import annotations

from typing import Any

from davit.kube.kinds import CONFIG_MAP, NAMESPACE, SECRET, STATEFUL_SET
from davit.model import Key, Kind, Manifest
from davit_alertmanager.api.v1alpha1 import ALERTMANAGER_CONFIG
from davit_alertmanager.watch import watches

from davit_alertmanager_tests.engine_world import BASE, MAIN, Cluster, team
from davit_alertmanager_tests.world import base_secret, config, secret


def woken(cluster: Cluster, kind: Kind, manifest: Manifest) -> list[Key]:
    [row] = [row for row in watches(cluster.inventory) if row.kind == kind]
    return list(row.to_keys(manifest))


def seen(cluster: Cluster, manifest: Manifest) -> list[Key]:
    """As the watch does it: the cache first."""
    cluster.inventory.cache.note(ALERTMANAGER_CONFIG, "MODIFIED", manifest)
    return woken(cluster, ALERTMANAGER_CONFIG, manifest)


async def test_a_selected_config_wakes_once_for_each_edit_and_not_for_its_status() -> None:
    cluster = Cluster(base_secret(BASE), config(**team()))
    await cluster.settle()
    edited = cluster.put(config(**team({"inhibitRules": []})))
    assert seen(cluster, edited) == [MAIN]
    assert seen(cluster, {**edited, "status": {"observedGeneration": 2}}) == []


async def test_a_config_that_is_no_longer_selected_still_wakes() -> None:
    cluster = Cluster(base_secret(BASE), config(**team()), alertmanagerConfigSelector={"matchLabels": {"team": "a"}})
    await cluster.settle()
    labelled = config(**team())
    labelled["metadata"]["labels"] = {"team": "a"}
    assert seen(cluster, cluster.put(labelled)) == [MAIN]
    await cluster.run()
    assert seen(cluster, cluster.put(config(**team()))) == [MAIN]
    await cluster.run()
    assert seen(cluster, cluster.put(config(**team({"inhibitRules": []})))) == []


async def test_new_labels_of_a_namespace_wake_whoever_selects_by_them() -> None:
    by_label, own = Cluster(base_secret(BASE)), Cluster(base_secret(BASE), alertmanagerConfigNamespaceSelector=None)
    for cluster, expected in ((by_label, [MAIN]), (own, [])):
        await cluster.settle()
        assert woken(cluster, NAMESPACE, cluster.client.objects[NAMESPACE, Key("", "shop")]) == expected


async def test_only_secrets_that_are_read_wake() -> None:
    cluster = Cluster(base_secret(BASE), config(**team()))
    await cluster.settle()
    assert woken(cluster, SECRET, base_secret(BASE)) == [MAIN]
    assert woken(cluster, SECRET, secret("other")) == []
    assert woken(cluster, CONFIG_MAP, secret("other")) == []


async def test_a_missing_secret_wakes_when_it_comes() -> None:
    spec: dict[str, Any] = team(
        {"receivers": [{"name": "hook", "webhookConfigs": [{"urlSecret": {"name": "later", "key": "a"}}]}]}
    )
    cluster = Cluster(base_secret(BASE), config(**spec))
    await cluster.settle()
    assert cluster.receivers() == ["all"]
    assert woken(cluster, SECRET, secret("later", a="https://x")) == [MAIN]
    cluster.put(secret("later", a="https://example.com"))
    await cluster.run()
    assert cluster.receivers() == ["all", "shop/team/hook"]


async def test_children_and_pods_wake_their_own() -> None:
    cluster = Cluster(base_secret(BASE))
    await cluster.settle()
    for (kind, _), manifest in cluster.client.objects.items():
        if kind in (STATEFUL_SET, SECRET) and "ownerReferences" in manifest["metadata"]:
            assert woken(cluster, kind, manifest) == [MAIN]
    stranger = {"metadata": {"name": "x", "namespace": "n", "labels": {"app.kubernetes.io/managed-by": "prometheus-operator"}}}
    assert woken(cluster, STATEFUL_SET, stranger) == []
