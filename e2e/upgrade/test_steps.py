"""Versions several releases away, back by one, and releases that do not come up."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from e2e.support import etcd, traffic
from e2e.support.cluster import EtcdCluster
from e2e.support.settings import Settings
from e2e.support.wait import never
from e2e.upgrade.test_etcd_upgrade import Watcher

OLDEST = "3.4.23"
"""Of the oldest line that can be run; ci/images has it."""
GATE = "3.5.16"
"""Too old to leave its line: another patch release comes first."""
MISSING = "3.6.99"
"""Nobody has this image."""


def listen(cluster: EtcdCluster, heard: set[str]) -> Callable[[], dict[str, Any]]:
    """Looks at the status, and keeps what it says of the way."""

    def look() -> dict[str, Any]:
        status = cluster.status()
        message = str(cluster.condition("Ready").get("message", ""))
        heard.add(message.partition(";")[0])
        return status

    return look


def arrived(version: str) -> Callable[[dict[str, Any]], bool]:
    """Whether all members run it."""
    return lambda status: status.get("currentVersion") == version and "targetVersion" not in status


def versions(cluster: EtcdCluster, size: int = 3) -> set[str]:
    """What etcd says that its members run, once they are one healthy cluster."""
    return {member.version for member in etcd.settled(cluster, size).members}


@pytest.mark.parametrize("start", [OLDEST, GATE])
def test_four_release_lines_in_one_edit(cluster: EtcdCluster, settings: Settings, start: str) -> None:
    """One edit, several steps, each told; same members and volumes, never two away, every acknowledged write there."""
    newest, heard = settings.versions[2], set[str]()
    cluster.create(3, version=start)
    before, claims = etcd.settled(cluster, 3), cluster.claims()
    with traffic.running(cluster) as flow, Watcher(cluster) as watcher:
        cluster.edit(version=newest)
        cluster.until(f"all run {newest}", listen(cluster, heard), arrived(newest), seconds=600)
        cluster.wait_ready(seconds=120)
        flow.flow()
    after = etcd.settled(cluster, 3)
    cluster.sandbox.note(f"order {', '.join(watcher.order)}")
    assert {member.version for member in after.members} == {newest}
    assert {m.name: m.id for m in after.members} == {m.name: m.id for m in before.members}
    assert cluster.claims() == claims
    assert watcher.away <= 1
    for step in (1, 2, 3):
        assert any(text.startswith(f"step {step} of 3: ") for text in heard), sorted(heard)
    assert "upgrade" not in cluster.status()


@pytest.mark.parametrize(
    "higher", [pytest.param(1, id="middle-to-oldest", marks=pytest.mark.ci), pytest.param(2, id="newest-to-middle")]
)
def test_back_by_one_release_line_and_up_again(cluster: EtcdCluster, settings: Settings, higher: int) -> None:
    """Under traffic; members and volumes stay, and nothing that was acknowledged is missing."""
    high, low = settings.versions[higher], settings.versions[higher - 1]
    cluster.create(3, version=high)
    before, claims = etcd.settled(cluster, 3), cluster.claims()
    with traffic.running(cluster) as flow:
        for version in (low, high):
            with Watcher(cluster) as watcher:
                cluster.edit(version=version)
                cluster.until(f"all run {version}", cluster.status, arrived(version), seconds=300)
                cluster.wait_ready(seconds=120)
            flow.flow()
            assert versions(cluster) == {version}
            assert watcher.away <= 1
    assert {m.name: m.id for m in etcd.settled(cluster, 3).members} == {m.name: m.id for m in before.members}
    assert cluster.claims() == claims


def test_back_by_two_release_lines_is_refused(cluster: EtcdCluster, settings: Settings) -> None:
    """With the way that there is; nothing restarts."""
    oldest, _, newest = settings.versions
    cluster.create(1, version=newest)
    pods = {name: pod["metadata"]["uid"] for name, pod in cluster.pods().items()}
    cluster.edit(version=oldest)
    refused = cluster.wait_condition("Stalled", "True", "UpgradeRefused", seconds=30)
    assert "more than one minor release" in refused["message"]
    assert {name: pod["metadata"]["uid"] for name, pod in cluster.pods().items()} == pods
    cluster.edit(version=newest)
    cluster.wait_ready(seconds=30)


BAD: dict[str, dict[str, Any]] = {
    "no-image": {"version": MISSING},
    "crash": {"version": "3.6.14", "etcdOptions": {"feature-gates": "Nonsense=true"}},
}


@pytest.mark.parametrize("bad", BAD)
def test_a_release_that_does_not_come_up_is_taken_back(cluster: EtcdCluster, settings: Settings, bad: str) -> None:
    """By itself, with the reason in status, and not tried again until the spec changes; clients notice nothing."""
    oldest, middle, _ = settings.versions
    cluster.create(3, version=oldest)
    claims = cluster.claims()
    with traffic.running(cluster) as flow, Watcher(cluster) as watcher:
        cluster.edit(**BAD[bad])
        stalled = cluster.wait_condition("Stalled", "True", "UpgradeRolledBack", seconds=420)
        assert versions(cluster) == {oldest}
        failed = cluster.status()["upgrade"]
        assert failed["failedVersion"] == BAD[bad]["version"]
        assert failed["member"] in stalled["message"]
        pods = {name: pod["metadata"]["uid"] for name, pod in cluster.pods().items()}
        never(
            "it is tried again",
            lambda: {name: pod["metadata"]["uid"] for name, pod in cluster.pods().items()},
            lambda now: now != pods,
            during=15,
        )
        flow.flow()
        assert set(watcher.order) == {failed["member"]}, "only the member that did not come up was touched"
        cluster.edit(version=middle, etcdOptions=None)
        cluster.wait_ready(seconds=300)
    assert versions(cluster) == {middle}
    assert cluster.claims() == claims
    assert "upgrade" not in cluster.status()


def test_flags_are_said_in_the_words_of_each_release(cluster: EtcdCluster, settings: Settings) -> None:
    """What people wrote for 3.5 runs on 3.7, and what has no equivalent is refused before anything is done."""
    oldest, _, newest = settings.versions
    written = {"experimental-corrupt-check-time": "1h", "experimental-initial-corrupt-check": "true"}
    cluster.create(3, version=oldest, etcdOptions=written)
    cluster.edit(version=newest)
    cluster.until(f"all run {newest}", cluster.status, arrived(newest), seconds=400)
    cluster.wait_ready()
    for pod in cluster.pods().values():
        given = pod["spec"]["containers"][0]["args"]
        assert "--corrupt-check-time=1h" in given
        assert "--feature-gates=InitialCorruptCheck=true" in given
    assert cluster.read()["spec"]["etcdOptions"] == written


def test_a_flag_without_an_equivalent_is_refused_before_the_upgrade(cluster: EtcdCluster, settings: Settings) -> None:
    """Named, with the remedy; nothing restarts."""
    oldest, middle, _ = settings.versions
    cluster.create(1, version=oldest, etcdOptions={"enable-v2": "true"})
    pods = {name: pod["metadata"]["uid"] for name, pod in cluster.pods().items()}
    cluster.edit(version=middle)
    refused = cluster.wait_condition("Stalled", "True", "Invalid", seconds=30)
    assert "spec.etcdOptions.enable-v2" in refused["message"]
    cluster.edit(etcdOptions=None)
    refused = cluster.wait_condition("Stalled", "True", "UpgradeRefused", seconds=30)
    assert "v2 API" in refused["message"]
    assert {name: pod["metadata"]["uid"] for name, pod in cluster.pods().items()} == pods
    cluster.edit(version=oldest)
    cluster.wait_ready()
    cluster.edit(version=middle)
    cluster.until(f"all run {middle}", cluster.status, arrived(middle), seconds=120)
