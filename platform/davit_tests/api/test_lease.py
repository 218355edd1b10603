from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest
from davit import lease
from davit.errors import Fatal
from davit.kube.http import Connection, KubeClient
from davit.lease import LEASE, Lease
from davit.model import Key

pytestmark = pytest.mark.api


async def test_a_lease_changes_hands_between_two_clients(client: KubeClient, kubeconfig: Path, namespace: str) -> None:
    other = Connection.load(str(kubeconfig)).client("other")
    one, two = Lease(client, "toy", namespace, "one"), Lease(other, "toy", namespace, "two")
    await one.acquire()
    waiting = asyncio.create_task(two.acquire())
    await asyncio.sleep(3.0)
    assert one.held()
    assert not waiting.done()
    await one.release()
    began = time.monotonic()
    await asyncio.wait_for(waiting, 10.0)
    assert time.monotonic() - began < 2 * lease.RETRY
    assert two.held()
    assert not one.held()
    live = await client.get(LEASE, Key(namespace, "toy"))
    assert live is not None
    assert (live["spec"]["holderIdentity"], live["spec"]["leaseTransitions"]) == ("two", 1)
    await other.close()


async def test_a_silent_holder_is_replaced_and_learns_of_it(
    client: KubeClient, namespace: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lease, "DURATION", 3.0)
    monkeypatch.setattr(lease, "RENEW_DEADLINE", 2.0)
    monkeypatch.setattr(lease, "RETRY", 0.5)
    one, two = Lease(client, "toy", namespace, "one"), Lease(client, "toy", namespace, "two")
    await one.acquire()
    began = time.monotonic()
    await asyncio.wait_for(two.acquire(), 20.0)
    assert time.monotonic() - began >= 3.0
    assert not one.held()
    assert not await one._attempt()
    with pytest.raises(Fatal, match="is lost"):
        await one.hold()


async def test_of_many_at_once_one_gets_it(client: KubeClient, namespace: str) -> None:
    replicas = [Lease(client, "toy", namespace, str(number)) for number in range(8)]
    tasks = [asyncio.create_task(replica.acquire()) for replica in replicas]
    await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    await asyncio.sleep(1.0)
    assert sum(replica.held() for replica in replicas) == 1
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
