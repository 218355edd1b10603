from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from davit.kube.kinds import POD, SECRET
from davit.model import Key, Kind, Manifest, Watch
from davit.routing import Controller, Routes, Target

CLUSTER = Kind("etcd.davit.dev", "v1", "EtcdCluster", "etcdclusters")
BACKUP = Kind("etcd.davit.dev", "v1", "EtcdBackup", "etcdbackups")


async def nothing(_: Key) -> None:
    return None


def by_label(label: str) -> Any:
    def keys(manifest: Manifest) -> Iterator[Key]:
        for name in manifest["metadata"].get("labels", {}).get(label, "").split():
            yield Key(manifest["metadata"]["namespace"], name)

    return keys


def broken(manifest: Manifest) -> Iterator[Key]:
    yield Key("", "first")
    yield Key("", manifest["nowhere"])


def secret(**labels: str) -> Manifest:
    return {"metadata": {"name": "s", "namespace": "shop", "labels": labels}}


ROUTES = Routes(
    [
        Controller(
            CLUSTER,
            nothing,
            (
                Watch(POD, by_label("cluster"), {"managed": "us", "tier": "etcd"}),
                Watch(SECRET, broken),
                Watch(SECRET, by_label("cluster"), {"managed": "us"}),
            ),
        ),
        Controller(BACKUP, nothing, (Watch(POD, by_label("backup"), {"managed": "us"}),), required=False),
    ]
)


def test_every_kind_is_watched_and_the_required_ones_are_told() -> None:
    assert ROUTES.kinds() == {CLUSTER, BACKUP, POD, SECRET}
    assert ROUTES.required == {CLUSTER, POD, SECRET}


@pytest.mark.parametrize(("kind", "selector"), [(CLUSTER, ""), (POD, "managed=us"), (SECRET, "")])
def test_the_server_filters_by_what_all_rows_share(kind: Kind, selector: str) -> None:
    assert ROUTES.selector(kind) == selector


def test_a_main_kind_wakes_itself() -> None:
    found = {"metadata": {"name": "orders", "namespace": "shop"}}
    assert list(ROUTES.targets(CLUSTER, found)) == [Target(CLUSTER, Key("shop", "orders"))]
    assert list(ROUTES.targets(BACKUP, found)) == [Target(BACKUP, Key("shop", "orders"))]


def test_one_object_can_wake_several() -> None:
    pod = secret(managed="us", tier="etcd", cluster="orders", backup="nightly")
    assert list(ROUTES.targets(POD, pod)) == [
        Target(CLUSTER, Key("shop", "orders")),
        Target(BACKUP, Key("shop", "nightly")),
    ]


def test_one_row_can_wake_several() -> None:
    shared = secret(managed="us", tier="etcd", cluster="orders bills")
    assert list(ROUTES.targets(POD, shared)) == [Target(CLUSTER, Key("shop", name)) for name in ("orders", "bills")]


@pytest.mark.parametrize("labels", [{}, {"cluster": "orders"}, {"managed": "them", "cluster": "orders"}, {"managed": "us"}])
def test_strangers_wake_nobody(labels: dict[str, str]) -> None:
    assert list(ROUTES.targets(POD, secret(**labels))) == []


def test_a_row_that_fails_spoils_no_other(caplog: pytest.LogCaptureFixture) -> None:
    found = list(ROUTES.targets(SECRET, secret(managed="us", cluster="orders")))
    assert found == [Target(CLUSTER, Key("shop", "orders"))]
    assert "no key for Secret shop/s" in caplog.text
    assert "KeyError" in caplog.text


def test_targets_of_two_kinds_with_one_name_are_two() -> None:
    key = Key("shop", "orders")
    assert Target(CLUSTER, key) != Target(BACKUP, key)
    assert str(Target(CLUSTER, key)) == "EtcdCluster shop/orders"


def test_content_is_watched_where_one_row_wants_it() -> None:
    lean, full = Watch(SECRET, by_label("x"), metadata_only=True), Watch(SECRET, by_label("x"))
    assert Routes([Controller(CLUSTER, nothing, (lean,))]).metadata_only(SECRET)
    assert not Routes([Controller(CLUSTER, nothing, (lean,)), Controller(BACKUP, nothing, (full,))]).metadata_only(SECRET)
    assert not ROUTES.metadata_only(CLUSTER)
