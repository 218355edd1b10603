from __future__ import annotations

import asyncio
import logging
from copy import deepcopy
from typing import Any

import pytest
from davit.errors import Fatal, Transient
from davit.lease import DURATION, LEASE, RENEW_DEADLINE, RETRY, Acquire, Lease, Renew, Wait, claimed, decide
from davit.model import Key, Manifest
from davit.testing.fake_client import FakeClient

from davit_tests import faketime

KEY = Key("davit", "davit-etcd")
UNIX = 1_795_000_000.5


def lease_of(holder: str, **spec: Any) -> Manifest:
    return {"metadata": {"name": KEY.name, "namespace": KEY.namespace}, "spec": {"holderIdentity": holder, **spec}}


@pytest.mark.parametrize(
    ("lease", "observed_at", "now", "expected"),
    [
        (None, 0.0, 0.0, Acquire()),
        ({"spec": {}}, 0.0, 0.0, Acquire()),
        (lease_of(""), 0.0, 0.0, Acquire()),
        (lease_of("me"), 0.0, 1e6, Renew()),
        (lease_of("other"), 100.0, 100.0 + DURATION - 0.1, Wait("other")),
        (lease_of("other"), 100.0, 100.0 + DURATION, Acquire("other")),
        (lease_of("other", leaseDurationSeconds=60), 100.0, 159.0, Wait("other")),
        (lease_of("other", leaseDurationSeconds=60), 100.0, 160.0, Acquire("other")),
    ],
)
def test_decide(lease: Manifest | None, observed_at: float, now: float, expected: object) -> None:
    assert decide(lease, "me", observed_at, now) == expected


@pytest.mark.parametrize(
    ("holder", "expected"),
    [
        ("davit-1_uid-a_old", Acquire("davit-1_uid-a_old", ended=True)),
        ("davit-1_uid-a_new", Renew()),
        ("davit-1_uid-b_old", Wait("davit-1_uid-b_old")),
        ("davit-1_uid-ab_old", Wait("davit-1_uid-ab_old")),
        ("davit-10_uid-a_old", Wait("davit-10_uid-a_old")),
        ("davit-1_old", Wait("davit-1_old")),
        ("", Acquire()),
    ],
)
def test_only_a_process_of_the_very_same_pod_is_known_to_have_ended(holder: str, expected: object) -> None:
    """A pod that was made anew under its name has another uid, and the old one may still run on a node that is cut off."""
    assert decide(lease_of(holder), "davit-1_uid-a_new", 0.0, 1.0, "davit-1_uid-a_") == expected


def test_an_expired_lease_of_the_same_pod_is_no_reason_to_wait() -> None:
    assert decide(lease_of("davit-1_uid-a_old"), "me", 0.0, 1e6, "davit-1_uid-a_") == Acquire("davit-1_uid-a_old", ended=True)


def test_a_foreign_clock_decides_nothing() -> None:
    ancient = lease_of("other", renewTime="1999-01-01T00:00:00.000000Z")
    assert decide(ancient, "me", 0.0, 1.0) == Wait("other")


def test_a_new_claim_counts_as_a_transition_and_a_renewal_does_not() -> None:
    first = claimed({"metadata": {}}, "me", UNIX)
    assert first["spec"] == {
        "holderIdentity": "me",
        "leaseDurationSeconds": 15,
        "acquireTime": "2026-11-18T11:06:40.500000Z",
        "renewTime": "2026-11-18T11:06:40.500000Z",
        "leaseTransitions": 0,
    }
    renewed = claimed(first, "me", UNIX + 2)
    assert renewed["spec"] == {**first["spec"], "renewTime": "2026-11-18T11:06:42.500000Z"}
    taken = claimed(renewed, "other", UNIX + 30)
    assert taken["spec"]["leaseTransitions"] == 1
    assert taken["spec"]["acquireTime"] == "2026-11-18T11:07:10.500000Z"


def lease(client: FakeClient, identity: str, own: str = "") -> Lease:
    wall = lambda: UNIX + faketime.now()  # noqa: E731
    return Lease(client, KEY.name, KEY.namespace, identity, own=own, clock=faketime.now, wall=wall)


def holder(client: FakeClient) -> str:
    return str(client.objects[LEASE, KEY]["spec"]["holderIdentity"])


def test_the_first_one_creates_it_and_the_second_waits() -> None:
    async def scenario() -> None:
        client = FakeClient()
        one, two = lease(client, "one"), lease(client, "two")
        assert not one.held()
        await one.acquire()
        holding, waiting = asyncio.create_task(one.hold()), asyncio.create_task(two.acquire())
        await asyncio.sleep(600.0)
        assert one.held()
        assert not waiting.done()
        assert not two.held()
        assert holder(client) == "one"
        for task in (holding, waiting):
            task.cancel()

    faketime.run(scenario())


def test_a_silent_leader_is_replaced_after_the_duration_and_notices() -> None:
    async def scenario() -> None:
        client = FakeClient()
        one, two = lease(client, "one"), lease(client, "two")
        await one.acquire()
        began = faketime.now()
        await two.acquire()
        took = faketime.now() - began
        assert DURATION <= took <= DURATION + RETRY
        assert holder(client) == "two"
        assert not one.held()
        with pytest.raises(Fatal, match="is lost"):
            await one.hold()

    faketime.run(scenario())


def test_a_restarted_container_leads_again_at_once(caplog: pytest.LogCaptureFixture) -> None:
    async def scenario() -> float:
        client = FakeClient()
        await lease(client, "pod_uid_killed", "pod_uid_").acquire()
        began = faketime.now()
        again = lease(client, "pod_uid_restarted", "pod_uid_")
        await again.acquire()
        assert again.held()
        assert holder(client) == "pod_uid_restarted"
        assert client.objects[LEASE, KEY]["spec"]["leaseTransitions"] == 1
        return faketime.now() - began

    with caplog.at_level(logging.INFO):
        assert faketime.run(scenario()) == 0.0
    assert "taking over from pod_uid_killed, which ran in this pod and has ended" in caplog.text


def test_a_restarted_container_does_not_take_the_lease_of_a_standby_that_took_over() -> None:
    async def scenario() -> None:
        client = FakeClient()
        await lease(client, "other_uid2_x", "other_uid2_").acquire()
        waiting = asyncio.create_task(lease(client, "pod_uid_restarted", "pod_uid_").acquire())
        await asyncio.sleep(RENEW_DEADLINE)
        assert not waiting.done()
        assert holder(client) == "other_uid2_x"
        waiting.cancel()

    faketime.run(scenario())


def test_who_has_led_takes_another_process_of_its_pod_for_alive() -> None:
    """Two of the same pod can't be; if somebody brings it about, the later one leads, and they do not take turns."""

    async def scenario() -> None:
        client = FakeClient()
        one, two = lease(client, "pod_uid_one", "pod_uid_"), lease(client, "pod_uid_two", "pod_uid_")
        await one.acquire()
        await two.acquire()
        with pytest.raises(Fatal, match="pod_uid_two holds it"):
            await one.hold()
        assert holder(client) == "pod_uid_two"

    faketime.run(scenario())


def test_the_leader_is_none_before_its_successor_can_be_one() -> None:
    """Cut off from the API server, it stops counting itself as the leader before the lease expires for others."""

    async def scenario() -> None:
        client = FakeClient()
        one = lease(client, "one")
        await one.acquire()
        began = faketime.now()
        while one.held():
            client.fail_write(1, before=True, error=Transient("cut off"))
            await one._attempt()
            await asyncio.sleep(RETRY)
        assert RENEW_DEADLINE <= faketime.now() - began < DURATION

    faketime.run(scenario())


def test_a_hanging_api_server_costs_the_lease_in_time(caplog: pytest.LogCaptureFixture) -> None:
    class Hanging(FakeClient):
        hangs = False

        async def replace(self, kind: Any, manifest: Manifest) -> Manifest:
            if self.hangs:
                await asyncio.Event().wait()
            return await super().replace(kind, manifest)

        async def get(self, kind: Any, key: Key) -> Manifest | None:
            if self.hangs:
                await asyncio.Event().wait()
            return await super().get(kind, key)

    async def scenario() -> float:
        client = Hanging()
        one = lease(client, "one")
        await one.acquire()
        client.hangs = True
        began = faketime.now()
        with pytest.raises(Fatal, match="no answer within"):
            await one.hold()
        return faketime.now() - began

    with caplog.at_level(logging.INFO):
        assert faketime.run(scenario()) < DURATION
    assert [r.getMessage() for r in caplog.records].count("not leading: no answer within 4 s") == 1


def test_one_failed_renewal_is_survived() -> None:
    async def scenario() -> None:
        client = FakeClient()
        one = lease(client, "one")
        await one.acquire()
        client.fail_write(2, before=False, error=Transient("the answer was lost"))
        holding = asyncio.create_task(one.hold())
        await asyncio.sleep(60.0)
        assert not holding.done()
        assert one.held()
        holding.cancel()

    faketime.run(scenario())


def test_taken_by_force_it_is_lost_at_once() -> None:
    async def scenario() -> float:
        client = FakeClient()
        one = lease(client, "one")
        await one.acquire()
        stolen = client.objects[LEASE, KEY]
        await client.replace(LEASE, {**stolen, "spec": {**stolen["spec"], "holderIdentity": "thief"}})
        began = faketime.now()
        with pytest.raises(Fatal, match="thief holds it"):
            await one.hold()
        return faketime.now() - began

    assert faketime.run(scenario()) <= 2 * RETRY


def test_given_back_even_if_a_renewal_was_cut_off_under_way() -> None:
    """Its answer was not read, but the API server may have carried it out: the resourceVersion in hand is old."""

    async def scenario() -> None:
        client = FakeClient()
        one = lease(client, "one")
        await one.acquire()
        written = deepcopy(client.objects[LEASE, KEY])
        written["spec"]["renewTime"] = "2026-11-21T10:00:00.000000Z"
        await client.replace(LEASE, written)
        await one.release()
        assert holder(client) == ""

    faketime.run(scenario())


def test_given_back_it_is_free_at_once() -> None:
    async def scenario() -> None:
        client = FakeClient()
        one, two = lease(client, "one"), lease(client, "two")
        await one.acquire()
        await one.release()
        assert not one.held()
        assert holder(client) == ""
        began = faketime.now()
        await two.acquire()
        assert faketime.now() == began
        assert client.objects[LEASE, KEY]["spec"]["leaseTransitions"] == 1

    faketime.run(scenario())


def test_only_a_holder_gives_back() -> None:
    async def scenario() -> None:
        client = FakeClient()
        one, two = lease(client, "one"), lease(client, "two")
        await one.acquire()
        await two.release()
        assert holder(client) == "one"

    faketime.run(scenario())


def test_one_that_expired_is_not_given_back() -> None:
    async def scenario() -> None:
        client = FakeClient()
        one = lease(client, "one")
        await one.acquire()
        await asyncio.sleep(RENEW_DEADLINE)
        written = len(client.writes)
        await one.release()
        assert len(client.writes) == written

    faketime.run(scenario())


def test_a_renewal_counts_from_when_it_was_sent() -> None:
    class Slow(FakeClient):
        async def create(self, kind: Any, manifest: Manifest) -> Manifest:
            await asyncio.sleep(3.0)
            return await super().create(kind, manifest)

    async def scenario() -> None:
        one = lease(Slow(), "one")
        await one.acquire()
        await asyncio.sleep(RENEW_DEADLINE - 3.1)
        assert one.held()
        await asyncio.sleep(0.1)
        assert not one.held()

    faketime.run(scenario())


def test_trouble_at_the_end_is_no_reason_to_fail(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    async def gone(*_: object) -> None:
        raise Transient("gone")

    async def scenario() -> None:
        client = FakeClient()
        one = lease(client, "one")
        await one.acquire()
        client.fail_write(1, before=True, error=Transient("gone"))
        monkeypatch.setattr(client, "get", gone)
        await one.release()

    faketime.run(scenario())
    assert "was not given back" in caplog.text


def test_of_two_that_race_one_leads() -> None:
    async def scenario() -> None:
        client = FakeClient()
        replicas = [lease(client, str(number)) for number in range(5)]
        tasks = [asyncio.create_task(replica.acquire()) for replica in replicas]
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        await asyncio.sleep(0)
        assert sum(replica.held() for replica in replicas) == 1
        for task in tasks:
            task.cancel()

    faketime.run(scenario())
