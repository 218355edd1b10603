from __future__ import annotations

from typing import Any, ClassVar

import pytest
from davit.crd import manifest
from davit.errors import Fatal
from davit.reconcile import Reconciler
from davit.runtime import Host, Runtime, Settings
from davit.testing.fake_client import FakeClient
from davit_etcd import __version__, main
from davit_etcd.api.v1 import CRD, ETCD_CLUSTER
from davit_etcd.manifests import OPERATOR
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
    for variable in ("DAVIT_ETCD_REPOSITORY", "DAVIT_ETCD_FIXED_USER"):
        monkeypatch.delenv(variable, raising=False)


def holds() -> bool:
    return True


def host() -> Host:
    return Host(FakeClient(), holds, "davit-system", Settings())  # type: ignore[arg-type]


async def operator() -> EtcdOperator:
    """The operator that the one controller reconciles with."""
    given = host()
    async with main.controllers(given) as (controller,):
        assert controller.kind == ETCD_CLUSTER
        assert controller.watches == WATCHES
        assert controller.required
        reconciler = controller.reconcile
        assert isinstance(reconciler, Reconciler)
        assert reconciler.client is given.client
        assert reconciler.holds_lease is holds
        assert Client.open
        found = reconciler.operator
    assert isinstance(found, EtcdOperator)
    assert not Client.open
    return found


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
    assert list(runtime.crds()) == [manifest(CRD)]
