"""Bad input: refused with a reason, damages nothing, and taking it back heals."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import pytest

from e2e.support import damage, etcd, traffic
from e2e.support.cluster import EtcdCluster
from e2e.support.errors import ApiError
from e2e.support.kinds import ETCD_CLUSTER, PDB
from e2e.support.settings import Settings
from e2e.support.wait import never

BLOCKED = "registry.invalid/etcd:v0"


@contextmanager
def unharmed(cluster: EtcdCluster) -> Iterator[None]:
    """Around bad input that must not touch running pods or volumes, and whose revert heals at once."""
    pods = {name: pod["metadata"]["uid"] for name, pod in cluster.pods().items()}
    claims = cluster.claims()
    yield
    assert {name: pod["metadata"]["uid"] for name, pod in cluster.pods().items()} == pods
    assert cluster.claims() == claims
    etcd.settled(cluster, len(pods))


@dataclass(frozen=True)
class Bad:
    """An edit that must be refused with `word` in the reason, and how to take it back."""

    edit: dict[str, Any]
    revert: dict[str, Any]
    word: str


def bad_edits(settings: Settings) -> list[Bad]:
    """For a cluster of the middle version with volumes of 1Gi."""
    version = {"version": settings.version}
    return [
        Bad({"storage": {"size": "512Mi"}}, {"storage": {"size": "1Gi"}}, "spec.storage.size"),
        Bad({"version": "3.99.0"}, version, "spec.version"),
        Bad({"version": "3.4.23"}, version, "downgrade"),
        Bad({"etcdOptions": {"data-dir": "/x"}}, {"etcdOptions": None}, "data-dir"),
        Bad({"etcdOptions": {"quota-backend-bytes": "1"}}, {"etcdOptions": None}, "spec.quota"),
        Bad({"podMetadata": {"labels": {"app.kubernetes.io/name": "x"}}}, {"podMetadata": None}, "reserved"),
    ]


@pytest.mark.ci
def test_refused_edits_of_a_running_cluster(cluster: EtcdCluster, settings: Settings) -> None:
    """One after the other on one cluster: condition and Event say why, nothing restarts, the revert is Ready."""
    cluster.create(3)
    with traffic.running(cluster):
        for bad in bad_edits(settings):
            with unharmed(cluster):
                cluster.edit(**bad.edit)
                refused = cluster.wait_condition("Stalled", "True", seconds=30)
                assert bad.word in refused["message"]
                cluster.until(f"a Warning with {bad.word}", lambda: warnings(cluster), partial(any_with, bad.word), 30)
                assert cluster.condition("Available")["status"] == "True"
                cluster.edit(**bad.revert)
                cluster.wait_ready(seconds=30)


def any_with(word: str, messages: list[str]) -> bool:
    """Whether a message has the word."""
    return any(word in message for message in messages)


def warnings(cluster: EtcdCluster) -> list[str]:
    """Messages of Warning Events."""
    return [event["message"] for event in cluster.events() if event.get("type") == "Warning"]


def test_minor_release_can_not_be_skipped(cluster: EtcdCluster, settings: Settings) -> None:
    """The oldest to the newest of three releases with one image is refused with the way to go."""
    oldest, middle, newest = settings.versions
    cluster.create(1, version=oldest)
    with unharmed(cluster):
        cluster.edit(version=newest, image=f"quay.io/coreos/etcd:v{newest}")
        refused = cluster.wait_condition("Stalled", "True", seconds=30)
        assert "skips" in refused["message"]
        assert ".".join(middle.split(".")[:2]) in refused["message"]
        assert any("skips" in message for message in cluster.until("a Warning", lambda: warnings(cluster)))
        cluster.edit(version=oldest, image=None)
        cluster.wait_ready(seconds=30)


@pytest.mark.parametrize(
    ("spec", "word"),
    [
        ({"size": 8}, "size"),
        ({"size": -1}, "size"),
        ({"version": "latest"}, "version"),
        ({"size": 0, "storage": {"type": "Memory"}}, "Memory"),
        ({"storage": {"type": "Tape"}}, "storage"),
        ({"storage": {"size": "big"}}, "size"),
    ],
    ids=["too-large", "negative", "version", "memory-hibernated", "storage-type", "quantity"],
)
def test_schema_refuses_at_the_door(cluster: EtcdCluster, spec: dict[str, Any], word: str) -> None:
    """What the schema or its rules can say is refused by the API server."""
    with pytest.raises(ApiError) as refused:
        cluster.sandbox.kube.create(ETCD_CLUSTER, cluster.manifest(**{"size": 1, **spec}), dry_run=True)
    assert refused.value.status == 422
    assert word in refused.value.message


def test_immutable_storage_is_refused_at_the_door(cluster: EtcdCluster) -> None:
    """Type and class of the storage can't change."""
    cluster.create(1)
    for storage in ({"type": "Memory"}, {"storageClassName": "other"}):
        with pytest.raises(ApiError) as refused:
            cluster.edit(storage={"size": "1Gi", **storage})
        assert refused.value.status == 422
        assert "can't change" in refused.value.message


def test_name_that_does_not_fit_is_refused(cluster: EtcdCluster) -> None:
    """Pods and Services are named after it."""
    for name in ("a" * 41, "1st", "a.b"):
        manifest = EtcdCluster(cluster.sandbox, cluster.version, name).manifest(1)
        with pytest.raises(ApiError) as refused:
            cluster.sandbox.kube.create(ETCD_CLUSTER, manifest, dry_run=True)
        assert "metadata.name" in refused.value.message


def test_unknown_storage_class_is_said(cluster: EtcdCluster) -> None:
    """The claim can't be bound: the status names the class, and deletion works."""
    cluster.create(1, ready=False, storage={"size": "1Gi", "storageClassName": "no-such-class"})
    cluster.until(
        "the reason is in Ready",
        lambda: cluster.condition("Ready").get("message", ""),
        lambda m: "no-such-class" in m,
    )
    cluster.until("a Warning about it", lambda: [m for m in warnings(cluster) if "no-such-class" in m])
    cluster.delete()


def test_image_that_can_not_be_pulled(cluster: EtcdCluster) -> None:
    """The roll stops at the first member, the others serve on, the status says why; taking it back heals."""
    cluster.create(3)
    claims = cluster.claims()
    leader = etcd.leader(cluster)
    with traffic.running(cluster) as flow:
        cluster.edit(image=BLOCKED)
        cluster.until(
            "the reason is in Ready",
            lambda: cluster.condition("Ready").get("message", ""),
            lambda m: "Pull" in m,
        )
        cluster.until("a Warning about it", lambda: [m for m in warnings(cluster) if "Pull" in m])
        flow.flow()
        images = [pod["spec"]["containers"][0]["image"] for pod in cluster.pods().values()]
        assert images.count(BLOCKED) == 1
        assert etcd.leader(cluster) == leader
        assert cluster.condition("Available")["status"] == "True"
        cluster.edit(image=None)
        cluster.wait_ready()
    assert cluster.claims() == claims
    etcd.settled(cluster, 3)


def test_options_that_etcd_refuses(cluster: EtcdCluster) -> None:
    """A crash loop by configuration is not mistaken for a lost member: one pod crashes, no data is thrown away."""
    cluster.create(3)
    claims, members = cluster.claims(), cluster.members()
    with traffic.running(cluster) as flow:
        cluster.edit(etcdOptions={"heartbeat-interval": "nonsense"})
        cluster.until(
            "the reason is in Ready",
            lambda: cluster.condition("Ready").get("message", ""),
            lambda m: any(word in m for word in ("heartbeat", "flag", "etcdOptions")),
        )
        flow.flow()
        assert cluster.condition("Available")["status"] == "True"
        cluster.edit(etcdOptions=None)
        cluster.wait_ready()
    assert cluster.claims() == claims
    assert cluster.members() == members
    etcd.settled(cluster, 3)


def test_first_image_wrong_then_right(cluster: EtcdCluster) -> None:
    """A cluster that never came up is corrected by an edit, without deleting anything."""
    cluster.create(3, ready=False, image=BLOCKED)
    cluster.until("the reason is in Ready", lambda: cluster.condition("Ready").get("message", ""), lambda m: "Pull" in m)
    cluster.edit(image=None)
    cluster.wait_ready()
    etcd.settled(cluster, 3)


def test_paused_cluster_is_left_alone(cluster: EtcdCluster) -> None:
    """paused: nothing is changed, status is still kept; unpausing catches up."""
    cluster.create(3)
    cluster.edit(paused=True)
    cluster.wait_condition("Paused", "True")
    cluster.edit(size=5)
    cluster.sandbox.kube.delete(PDB, cluster.sandbox.namespace, "db")
    never(
        "the paused cluster is changed",
        lambda: len(cluster.members()) > 3 or bool(cluster.all(PDB)),
        bool,
        during=10,
    )
    member = cluster.members()[0]
    dead = damage.kill(cluster, member)
    damage.wait_revived(cluster, {member: dead})
    cluster.edit(paused=None)
    cluster.wait_ready(5)
    assert cluster.all(PDB)
    assert not cluster.condition("Paused")
    etcd.settled(cluster, 5)
