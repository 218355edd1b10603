from __future__ import annotations

import asyncio
import logging
import socket
import ssl
import time
from collections.abc import Callable
from typing import Any

import pytest
from davit.errors import Blocked, Fatal, Transient
from davit.kube.kinds import SECRET
from davit.metrics import REGISTRY
from davit.model import Key, Kind, Manifest
from davit.settings import Settings
from davit.testing.fake_client import FakeClient
from davit.webhook import serving
from davit.webhook.certificates import DAY
from davit.webhook.registration import CLUSTER_ROLE, CONFIGURATION, Address, Endpoint
from davit.webhook.review import Review, Verdict, allow
from davit.webhook.serving import Admission

TOY = Kind("test.davit.dev", "v1", "Toy", "toys")
HOST = "127.0.0.1"
CONFIGURED = (CONFIGURATION, Key("", "toy-hooks"))


async def yes(_: Review) -> Verdict:
    return allow()


TABLE = (Endpoint((TOY,), yes),)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serving, "INTERVAL", 0.04)
    monkeypatch.setattr(serving, "STEP", 0.02)


@pytest.fixture
def client() -> FakeClient:
    return FakeClient()


@pytest.fixture
def admission() -> Admission:
    with socket.create_server((HOST, 0)) as found:
        port = found.getsockname()[1]
    return Admission("davit-test", "toy-hooks", Key("davit", "hooks"), Address.local(HOST, port), port, HOST)


def test_a_process_is_asked_through_the_service_of_its_own_namespace() -> None:
    settings = Settings(
        namespaces=("shop",), admission_service="hooks", admission_configuration="toy-hooks", admission_secret="keys",
        admission_owner="role", admission_port=1,
    )  # fmt: skip
    found = Admission.of("davit-test", settings, "davit")
    address = Address.service("hooks", "davit")
    assert found == Admission(
        "davit-test", "toy-hooks", Key("davit", "keys"), address, port=1, owner="role", namespaces=("shop",)
    )  # fmt: skip


async def until(true: Callable[[], Any], what: str) -> None:
    end = time.monotonic() + 4.0
    while not true():
        assert time.monotonic() < end, what
        await asyncio.sleep(0.01)


async def served(admission: Admission) -> str:
    return await asyncio.to_thread(ssl.get_server_certificate, (HOST, admission.port))


def bundle(client: FakeClient) -> str:
    found: str = client.objects[CONFIGURED]["webhooks"][0]["clientConfig"]["caBundle"]
    return found


def secret(client: FakeClient) -> Manifest:
    return client.objects[SECRET, Key("davit", "hooks")]


async def test_a_standby_serves_and_only_the_leader_registers(client: FakeClient, admission: Admission) -> None:
    leads = False
    async with serving.serving(client, admission, TABLE, lambda: leads):
        assert "BEGIN CERTIFICATE" in await served(admission)
        await asyncio.sleep(0.1)
        assert CONFIGURED not in client.objects
        leads = True
        await until(lambda: CONFIGURED in client.objects, "the new leader registers nothing")
        assert bundle(client) == secret(client)["data"]["ca.crt"]
    with pytest.raises(ConnectionError):
        await served(admission)


async def test_a_new_leader_does_not_wait_for_the_next_look(
    client: FakeClient, admission: Admission, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serving, "INTERVAL", 600.0)
    leads = False
    async with serving.serving(client, admission, TABLE, lambda: leads):
        leads = True
        await until(lambda: CONFIGURED in client.objects, "the new leader waits")


async def test_a_start_waits_for_the_certificate_so_that_ready_means_serving(client: FakeClient, admission: Admission) -> None:
    async with serving.serving(client, admission, TABLE, lambda: True):
        assert "BEGIN CERTIFICATE" in await served(admission)
        value = REGISTRY.get_sample_value("davit_admission_certificate_expiry_timestamp_seconds")
        assert value == pytest.approx(time.time() + 90 * DAY, abs=10.0)


async def test_a_renewed_certificate_is_served_and_its_bundle_registered(client: FakeClient, admission: Admission) -> None:
    ahead = 0.0
    async with serving.serving(client, admission, TABLE, lambda: True, clock=lambda: time.time() + ahead):
        first, known = await served(admission), bundle(client)
        ahead = 3300 * DAY
        await until(lambda: bundle(client) != known, "the new authority is not registered")
        assert await served(admission) != first
        assert bundle(client) == secret(client)["data"]["ca.crt"]


async def test_edits_are_put_right_and_a_settled_state_writes_nothing(client: FakeClient, admission: Admission) -> None:
    async with serving.serving(client, admission, TABLE, lambda: True):
        client.remove(*CONFIGURED)
        await until(lambda: CONFIGURED in client.objects, "the registration does not come back")
        writes = len(client.writes)
        await asyncio.sleep(0.2)
        assert len(client.writes) == writes


async def test_trouble_is_said_once_and_survived(
    client: FakeClient, admission: Admission, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    trouble: Exception | None = Blocked("Forbidden", "get secrets: not allowed")
    get = client.get

    async def failing(kind: Kind, key: Key) -> Manifest | None:
        if trouble:
            raise trouble
        return await get(kind, key)

    monkeypatch.setattr(client, "get", failing)
    async with serving.serving(client, admission, TABLE, lambda: True):
        await asyncio.sleep(0.2)
        assert caplog.text.count("get secrets: not allowed") == 1
        trouble = RuntimeError("hunter2")
        await until(lambda: "RuntimeError" in caplog.text, "a bug is not logged")
        trouble = Transient("away")
        await until(lambda: "away" in caplog.text, "the next trouble is not logged")
        trouble = None
        await until(lambda: CONFIGURED in client.objects, "it does not go on")
    assert "hunter2" not in caplog.text


async def test_a_start_goes_on_when_the_secret_is_not_to_be_had(
    client: FakeClient, admission: Admission, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def hanging(kind: Kind, key: Key) -> Manifest | None:
        await asyncio.sleep(60)
        return None

    monkeypatch.setattr(client, "get", hanging)
    monkeypatch.setattr(serving, "FIRST", 0.05)
    async with serving.serving(client, admission, TABLE, lambda: True):
        assert client.objects == {}


async def test_nothing_is_made_while_the_release_is_being_removed(
    client: FakeClient, admission: Admission, caplog: pytest.LogCaptureFixture
) -> None:
    owned = Admission(admission.operator, "toy-hooks", admission.secret, admission.address, admission.port, HOST, "role")
    with caplog.at_level(logging.WARNING):
        async with serving.serving(client, owned, TABLE, lambda: True):
            await asyncio.sleep(0.1)
            assert client.objects == {}
            assert caplog.text.count("the ClusterRole role") == 1
            role = client.put(CLUSTER_ROLE, {"metadata": {"name": "role"}})
            await until(lambda: CONFIGURED in client.objects, "the owner is not noticed")
    for made in (client.objects[CONFIGURED], secret(client)):
        assert [one["uid"] for one in made["metadata"]["ownerReferences"]] == [role["metadata"]["uid"]]


async def test_a_taken_port_is_fatal(client: FakeClient, admission: Admission) -> None:
    with socket.create_server((HOST, admission.port)), pytest.raises(Fatal, match="cannot serve admission reviews"):
        async with serving.serving(client, admission, TABLE, lambda: True):
            pass
    assert client.objects == {}
