from __future__ import annotations

from typing import Any, ClassVar

import pytest
from davit import metrics
from davit.crd import manifest
from davit.errors import Fatal
from davit.model import Key, Kind
from davit.reconcile import Reconciler
from davit.routing import Routes, Target
from davit.runtime import Host, Runtime, Settings
from davit.testing.fake_client import FakeClient
from davit_etcd import __version__, main
from davit_etcd.api.backups import BACKUP_CRD, ETCD_BACKUP, ETCD_BACKUP_SCHEDULE, SCHEDULE_CRD
from davit_etcd.api.crds import CRDS
from davit_etcd.api.restores import RESTORE_CRD
from davit_etcd.api.v1 import CRD, ETCD_CLUSTER
from davit_etcd.backup.operator import BackupOperator
from davit_etcd.manifests import OPERATOR
from davit_etcd.manifests.jobs import Agent
from davit_etcd.operator import EtcdOperator
from davit_etcd.validate import DEFAULT_REPOSITORY
from davit_etcd.watch import WATCHES

from davit_etcd_tests.fake_members import FakeEtcd


class Client(FakeEtcd):
    """Notes which ones are open."""

    open: ClassVar[set[int]] = set()

    def __init__(self) -> None:
        super().__init__()
        self.open.add(id(self))

    async def close(self) -> None:
        self.open.remove(id(self))


@pytest.fixture(autouse=True)
def clients(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(main, "EtcdClient", Client)
    monkeypatch.setattr(Client, "open", set())
    for variable in ("DAVIT_ETCD_REPOSITORY", "DAVIT_ETCD_FIXED_USER", "DAVIT_AGENT_IMAGE", "DAVIT_AGENT_PULL_SECRETS"):
        monkeypatch.delenv(variable, raising=False)


def holds() -> bool:
    return True


def host() -> Host:
    return Host(FakeClient(), holds, "davit-system", Settings())  # type: ignore[arg-type]


async def operators() -> dict[Kind, Any]:
    """The operators that the controllers reconcile with."""
    given = host()
    found = {}
    async with main.controllers(given) as controllers:
        assert controllers[0].watches == WATCHES
        for controller in controllers:
            assert controller.required
            reconciler = controller.reconcile
            assert isinstance(reconciler, Reconciler)
            assert reconciler.client is given.client
            assert reconciler.holds_lease is holds
            assert reconciler.operator.kind == controller.kind
            found[controller.kind] = reconciler.operator
        assert Client.open
    assert not Client.open
    return found


async def operator() -> EtcdOperator:
    """The one of EtcdClusters."""
    found = (await operators())[ETCD_CLUSTER]
    assert isinstance(found, EtcdOperator)
    return found


async def test_there_is_a_controller_for_each_kind() -> None:
    found = await operators()
    assert set(found) == {crd.kind for crd in CRDS}
    assert all(operator.name == OPERATOR for operator in found.values())


@pytest.mark.parametrize(("names", "secrets"), [("", ()), ("one", ("one",)), (" one, two,", ("one", "two"))])
async def test_the_environment_says_in_which_image_backups_are_made(
    names: str, secrets: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DAVIT_AGENT_IMAGE", "mirror/davit@sha256:1")
    monkeypatch.setenv("DAVIT_AGENT_PULL_SECRETS", names)
    monkeypatch.setenv("DAVIT_ETCD_REPOSITORY", "mirror/etcd")
    found = (await operators())[ETCD_BACKUP]
    assert isinstance(found, BackupOperator)
    assert found.agent == Agent("mirror/davit@sha256:1", secrets)
    assert found.repository == "mirror/etcd"


async def test_passes_and_watches_share_what_waits() -> None:
    """A change of an EtcdCluster wakes the EtcdBackups and schedules that the passes know to be its own."""
    async with main.controllers(host()) as controllers:
        routes = Routes(controllers)
        by_kind = {controller.kind: controller.reconcile for controller in controllers}
        key = Key("ns", "c")
        backups, schedules = (by_kind[kind].operator for kind in (ETCD_BACKUP, ETCD_BACKUP_SCHEDULE))  # type: ignore[attr-defined]
        backups.pending.open(Key("ns", "b"), key)
        schedules.known.open(Key("ns", "s"), key)
        woken = set(routes.targets(ETCD_CLUSTER, {"metadata": {"namespace": "ns", "name": "c"}}))
        assert {Target(ETCD_BACKUP, Key("ns", "b")), Target(ETCD_BACKUP_SCHEDULE, Key("ns", "s"))} <= woken
        metrics.resource_ready(ETCD_BACKUP.kind, Key("ns", "b"), False)
        metrics.resource_gone(ETCD_BACKUP.kind, Key("ns", "b"))
        assert backups.pending.of({"metadata": {"namespace": "ns", "name": "c"}}) == ()
        clusters = by_kind[ETCD_CLUSTER].operator  # type: ignore[attr-defined]
        clusters.revisions[key] = ("uid/c1", 7)
        metrics.resource_ready(ETCD_CLUSTER.kind, key, True)
        metrics.resource_gone(ETCD_CLUSTER.kind, key)
        assert clusters.revisions == {}


@pytest.mark.parametrize("variable", ["DAVIT_ETCD_REPOSITORY", "DAVIT_ETCD_FIXED_USER"])
async def test_an_empty_environment_and_empty_variables_mean_the_defaults(variable: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(variable, "")
    found = await operator()
    assert found.repository == DEFAULT_REPOSITORY
    assert found.fixed_user is True


async def test_the_environment_says_where_images_come_from_and_whose_users(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DAVIT_ETCD_REPOSITORY", "mirror:5000/etcd")
    monkeypatch.setenv("DAVIT_ETCD_FIXED_USER", "False")
    found = await operator()
    assert found.repository == "mirror:5000/etcd"
    assert found.fixed_user is False


async def test_a_typing_error_ends_the_process_with_a_word(monkeypatch: pytest.MonkeyPatch) -> None:
    """Falling back to the default would restart every member as another user."""
    monkeypatch.setenv("DAVIT_ETCD_FIXED_USER", "no")
    with pytest.raises(Fatal, match="DAVIT_ETCD_FIXED_USER='no' is neither true nor false"):
        await operator()
    assert not Client.open


async def test_the_connections_are_closed_whatever_happens() -> None:
    with pytest.raises(RuntimeError):
        async with main.controllers(host()):
            raise RuntimeError("the lease is lost")
    assert not Client.open


def test_the_process_is_the_one_of_this_operator(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its name is its field manager and its lease: another would leave all that was applied so far in foreign hands."""
    started: list[Runtime] = []

    def run(runtime: Runtime, *_: Any) -> None:
        started.append(runtime)

    monkeypatch.setattr(main, "run", run)
    main.main()
    (runtime,) = started
    assert (runtime.name, runtime.version) == (OPERATOR, __version__) == ("davit-etcd-operator", __version__)
    assert runtime.controllers is main.controllers
    assert list(runtime.crds()) == [manifest(crd) for crd in (CRD, BACKUP_CRD, SCHEDULE_CRD, RESTORE_CRD)]
