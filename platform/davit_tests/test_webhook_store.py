from __future__ import annotations

import asyncio
import base64
import logging
from collections.abc import Mapping
from typing import Any

import pytest
from davit.errors import Blocked, Rejected, Transient
from davit.kube.kinds import SECRET
from davit.model import Key, Manifest
from davit.testing.fake_client import FakeClient
from davit.webhook import authority, maker
from davit.webhook.certificates import DAY, blocks
from davit.webhook.store import Store

KEY = Key("davit", "hooks")
OWNER = {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "name": "hooks", "uid": "role-1"}


class Clock:
    """Begins now, for OpenSSL is not asked to judge times but everything else is real."""

    def __init__(self) -> None:
        self.now = 1_790_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def client() -> FakeClient:
    return FakeClient()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store(client: FakeClient, clock: Clock) -> Store:
    return Store(client, KEY, "hooks.davit.svc", "toy-operator", clock=clock)


def secret(client: FakeClient) -> Manifest:
    return client.objects[SECRET, KEY]


def data(client: FakeClient) -> dict[str, bytes]:
    return {name: base64.b64decode(value) for name, value in secret(client)["data"].items()}


def spoil(client: FakeClient, data: Mapping[str, Any] | None) -> None:
    client.put(SECRET, {**secret(client), "data": data})


async def test_the_first_makes_the_secret_and_everybody_else_reads_it(client: FakeClient, store: Store, clock: Clock) -> None:
    made = await store.current([OWNER])
    found = secret(client)
    assert found["type"] == "kubernetes.io/tls"
    assert found["metadata"]["labels"] == {"app.kubernetes.io/managed-by": "toy-operator", "app.kubernetes.io/part-of": "davit"}
    assert found["metadata"]["ownerReferences"] == [OWNER]
    assert data(client) == {
        "ca.crt": made.material.authorities,
        "ca.key": made.material.authority_key,
        "tls.crt": made.material.certificate,
        "tls.key": made.material.key,
    }
    other = Store(client, KEY, "hooks.davit.svc", "toy-operator", clock=clock)
    assert await other.current([OWNER]) == made
    assert await store.current([OWNER]) == made
    assert [write.verb for write in client.writes] == ["create"]


async def test_of_many_at_once_one_wins_and_all_agree(client: FakeClient, clock: Clock) -> None:
    stores = [Store(client, KEY, "hooks.davit.svc", "toy-operator", clock=clock) for _ in range(5)]
    held = await asyncio.gather(*(store.current([]) for store in stores))
    assert {one.material for one in held} == {held[0].material}
    assert secret(client)["metadata"]["generation"] == 1


async def test_the_certificate_is_renewed_once_by_whoever_sees_it_first(client: FakeClient, clock: Clock) -> None:
    stores = [Store(client, KEY, "hooks.davit.svc", "toy-operator", clock=clock) for _ in range(3)]
    first = await stores[0].current([])
    clock.now += 59 * DAY
    assert await stores[1].current([]) == first
    clock.now += 2 * DAY
    renewed = await asyncio.gather(*(store.current([]) for store in stores))
    assert len({one.material for one in renewed}) == 1
    assert renewed[0].material.authorities == first.material.authorities
    assert renewed[0].facts.serving_until == clock.now + 90 * DAY
    assert secret(client)["metadata"]["generation"] == 2


async def test_a_life_of_twelve_years_never_leaves_the_trusted(
    store: Store, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every certificate is signed by an authority of the bundle of the day before."""
    monkeypatch.setattr(maker, "make", authority.make)
    before, authorities = await store.current([]), set[bytes]()
    for _ in range(12 * 365 // 10):
        clock.now += 10 * DAY
        held = await store.current([])
        assert held.facts.serving_until - clock.now >= 20 * DAY
        if held.material != before.material:
            assert set(blocks(held.material.authorities)) & set(blocks(before.material.authorities))
        authorities |= set(blocks(held.material.authorities))
        before = held
    assert len(authorities) == 2
    assert len(blocks(before.material.authorities)) == 1


async def test_a_deleted_secret_is_followed_up_so_that_no_request_fails(client: FakeClient, store: Store) -> None:
    first = await store.current([])
    client.remove(SECRET, KEY)
    second = await store.current([])
    new, old = blocks(second.material.authorities)
    assert [old] == blocks(first.material.authorities)
    assert second.material.authority_key != first.material.authority_key
    assert second.material.key != first.material.key
    assert new != old


async def test_a_deleted_secret_that_nobody_remembers_is_made_anew(client: FakeClient, store: Store, clock: Clock) -> None:
    first = await store.current([])
    client.remove(SECRET, KEY)
    second = await Store(client, KEY, "hooks.davit.svc", "toy-operator", clock=clock).current([])
    assert len(blocks(second.material.authorities)) == 1
    assert second.material.authorities != first.material.authorities


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (None, "it has no ca.crt, ca.key, tls.crt, tls.key"),
        ({"ca.crt": "", "ca.key": "", "tls.crt": "", "tls.key": ""}, ""),
        ({"ca.crt": "a", "ca.key": "a", "tls.crt": "a", "tls.key": "a"}, "it is not base64"),
    ],
)
async def test_a_spoilt_secret_is_mended(
    client: FakeClient, store: Store, fault: dict[str, str] | None, said: str, caplog: pytest.LogCaptureFixture
) -> None:
    first = await store.current([OWNER])
    spoil(client, fault)
    second = await store.current([OWNER])
    assert blocks(second.material.authorities)[1:] == blocks(first.material.authorities)
    assert data(client)["tls.crt"] == second.material.certificate
    assert f"the Secret davit/hooks is made anew: {said}" in caplog.text


async def test_a_lost_authority_key_is_noticed_at_the_next_renewal(client: FakeClient, store: Store, clock: Clock) -> None:
    await store.current([])
    junk = base64.b64encode(b"junk").decode()
    spoil(client, {**secret(client)["data"], "ca.key": junk})
    clock.now += 61 * DAY
    held = await store.current([])
    assert held.facts.authority_until == clock.now + 3650 * DAY


async def test_after_ten_years_in_a_drawer_all_is_new(store: Store, clock: Clock) -> None:
    first = await store.current([])
    clock.now += 3700 * DAY
    held = await store.current([])
    assert held.facts.serving_until == clock.now + 90 * DAY
    assert not set(blocks(held.material.authorities)) & set(blocks(first.material.authorities))


async def test_a_strangers_secret_is_left_alone(client: FakeClient, store: Store) -> None:
    client.put(SECRET, {"metadata": {"name": "hooks", "namespace": "davit"}, "data": {"tls.key": "eA=="}})
    with pytest.raises(Blocked, match=r"davit/hooks is not ours.*give the webhook's Secret another name"):
        await store.current([])
    assert client.writes == []


async def test_a_renewal_that_fails_leaves_the_old_certificate_in_use(
    client: FakeClient, store: Store, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    first = await store.current([])
    clock.now += 61 * DAY
    client.fail_write(1, before=True, error=Rejected("no"))
    assert await store.current([]) == first
    assert "the Secret davit/hooks is not renewed: no" in caplog.text
    assert (await store.current([])).material != first.material


async def test_without_anything_to_serve_trouble_is_raised(client: FakeClient, store: Store, clock: Clock) -> None:
    client.fail_write(1, before=True, error=Blocked("Forbidden", "no"))
    with pytest.raises(Blocked, match="no"):
        await store.current([])
    await store.current([])
    clock.now += 91 * DAY
    client.fail_write(1, before=True, error=Blocked("Forbidden", "no"))
    with pytest.raises(Blocked, match="no"):
        await store.current([])


async def test_a_write_that_took_effect_unheard_is_found(client: FakeClient, store: Store) -> None:
    client.fail_write(1, before=False, error=Transient("the connection broke"))
    held = await store.current([])
    assert data(client)["tls.crt"] == held.material.certificate
    assert len(client.writes) == 1


async def test_the_secret_follows_its_owner_and_keeps_strangers(client: FakeClient, store: Store) -> None:
    first = await store.current([OWNER])
    stranger = {"apiVersion": "v1", "kind": "ConfigMap", "name": "x", "uid": "x-1"}
    metadata = {**secret(client)["metadata"], "ownerReferences": [OWNER, stranger]}
    client.put(SECRET, {**secret(client), "metadata": metadata})
    heir = {**OWNER, "uid": "role-2"}
    assert await store.current([heir]) == first
    assert secret(client)["metadata"]["ownerReferences"] == [stranger, heir]
    assert await store.current([heir]) == first
    assert [write.verb for write in client.writes] == ["create", "update"]


async def test_no_key_gets_into_the_log(client: FakeClient, store: Store, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        held = await store.current([])
        spoil(client, {**secret(client)["data"], "tls.crt": base64.b64encode(held.material.key).decode()})
        await store.current([])
    assert "made anew" in caplog.text
    assert "PRIVATE" not in caplog.text + repr(held)
    assert held.material.key.splitlines()[1].decode() not in caplog.text
