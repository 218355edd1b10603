"""The API server calls the webhook by a URL on the loopback: everything but the Service in between is as in a cluster."""

from __future__ import annotations

import asyncio
import base64
import json
import socket
import ssl
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from davit.errors import Blocked, Invalid, Problem, Rejected
from davit.kube.crds import maintain
from davit.kube.http import Connection, KubeClient, path
from davit.kube.kinds import SECRET
from davit.model import Key, Kind, Manifest
from davit.webhook import serving
from davit.webhook.certificates import DAY, blocks
from davit.webhook.registration import CLUSTER_ROLE, CONFIGURATION, Address, Endpoint
from davit.webhook.review import Review, Verdict, allow, reviewer
from davit.webhook.serving import Admission
from davit.webhook.store import Store

from ci.cluster.controlplane import ControlPlane
from ci.errors import CommandFailed
from davit_tests.api.operator import PATIENCE
from davit_tests.api.people import NAMESPACE, ROLE, ROLE_BINDING, SERVICE_ACCOUNT, toy_crd

pytestmark = pytest.mark.api

HOST = "127.0.0.1"
CLUSTER_ROLE_BINDING = Kind(CLUSTER_ROLE.group, "v1", "ClusterRoleBinding", "clusterrolebindings", namespaced=False)
SOLD_OUT = "spec.colour: red is sold out: use blue"


async def check(manifest: Manifest) -> Iterable[str]:
    if manifest["spec"].get("colour") == "red":
        raise Invalid(Problem("spec.colour", "red is sold out: use blue"))
    return ["spec.shape: ignored by toys of this size"] if "shape" in manifest["spec"] else []


class Shop:
    """A namespace with toys, and the webhook that reviews them."""

    def __init__(self, client: KubeClient, toys: Kind, namespace: str) -> None:
        self.client = client
        self.toys = toys
        self.namespace = namespace
        self.seen: list[Review] = []
        self.act: Callable[[Review], Awaitable[Verdict]] = reviewer(check)
        self.secret = Key(namespace, "hooks")
        port = free_port()
        address = Address.local(HOST, port)
        self.admission = Admission("davit-test", namespace, self.secret, address, port=port, host=HOST, namespaces=(namespace,))

    async def review(self, review: Review) -> Verdict:
        self.seen.append(review)
        return await self.act(review)

    @asynccontextmanager
    async def open(
        self, client: KubeClient | None = None, leads: bool = True, clock: Callable[[], float] = time.time, **changed: Any
    ) -> AsyncIterator[None]:
        """One replica; a leader has registered, and the API server asks it, when this is entered."""
        admission, table = replace(self.admission, **changed), (Endpoint((self.toys,), self.review),)
        async with serving.serving(client or self.client, admission, table, lambda: leads, clock=clock):
            if leads:
                await until(self.denies, "the API server does not ask the webhook")
                self.seen.clear()
            yield

    def toy(self, name: str, colour: str, **spec: Any) -> Manifest:
        metadata = {"name": name, "namespace": self.namespace}
        return {"apiVersion": self.toys.api_version, "kind": "Toy", "metadata": metadata, "spec": {"colour": colour, **spec}}

    async def create(self, name: str, colour: str, **spec: Any) -> Manifest:
        return await self.client.create(self.toys, self.toy(name, colour, **spec))

    async def get(self, name: str) -> Manifest:
        found = await self.client.get(self.toys, Key(self.namespace, name))
        assert found is not None
        return found

    async def denies(self) -> bool:
        """Whether a red toy is refused; leaves none behind."""
        try:
            made = await self.create("probe", "red")
        except Rejected:
            return True
        await self.client.delete(self.toys, Key(self.namespace, "probe"), uid=made["metadata"]["uid"])
        return False

    async def configuration(self) -> Manifest:
        found = await self.client.get(CONFIGURATION, Key("", self.namespace))
        assert found is not None
        return found

    async def bundle(self) -> bytes:
        (webhook,) = (await self.configuration())["webhooks"]
        return base64.b64decode(webhook["clientConfig"]["caBundle"])

    async def material(self) -> dict[str, bytes]:
        found = await self.client.get(SECRET, self.secret)
        assert found is not None
        return {name: base64.b64decode(value) for name, value in found["data"].items()}


def free_port() -> int:
    with socket.create_server((HOST, 0)) as found:
        return int(found.getsockname()[1])


async def until(true: Callable[[], Awaitable[bool]], what: str) -> None:
    end = time.monotonic() + PATIENCE
    while not await true():
        assert time.monotonic() < end, what
        await asyncio.sleep(0.05)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serving, "INTERVAL", 0.2)
    monkeypatch.setattr(serving, "STEP", 0.1)


@pytest.fixture
async def shop(client: KubeClient, toys: Kind, namespace: str) -> AsyncIterator[Shop]:
    assert await maintain(client, [toy_crd(toys, "colour", "shape", "note")], "1.0.0") == []
    yield Shop(client, toys, namespace)
    if found := await client.get(CONFIGURATION, Key("", namespace)):
        await client.delete(CONFIGURATION, Key("", namespace), uid=found["metadata"]["uid"])


async def test_a_denial_reaches_the_client_as_an_invalid_with_field_and_remedy(shop: Shop, control_plane: ControlPlane) -> None:
    async with shop.open():
        with pytest.raises(Rejected, match=f'admission webhook "toys.davit-test.davit.dev" denied the request: {SOLD_OUT}'):
            await shop.create("bear", "red")
        text = yaml.safe_dump(shop.toy("bear", "red"))
        with pytest.raises(CommandFailed, match=f'The Toy "bear" is invalid: {SOLD_OUT}'):
            await asyncio.to_thread(control_plane.kubectl, "apply", "-f", "-", stdin=text)
        await shop.create("bear", "blue")
        assert [review.user for review in shop.seen] == ["kubernetes-admin"] * 3


async def test_warnings_reach_the_client_and_a_dry_run_leaves_nothing(shop: Shop, kubeconfig: Path) -> None:
    connection = Connection.load(str(kubeconfig))
    url = path(shop.toys, Key(shop.namespace, "")).lstrip("/")
    async with shop.open(), connection.session("davit-test") as session:
        for query, dry in (({"dryRun": "All"}, True), ({}, False)):
            async with session.post(url, params=query, json=shop.toy("bear", "blue", shape="round")) as answer:
                assert answer.status == 201
                warnings = answer.headers.getall("Warning")
            assert warnings == ['299 - "spec.shape: ignored by toys of this size"']
            assert shop.seen[-1].dry_run is dry
            assert len(await shop.client.list(shop.toys, shop.namespace)) == (0 if dry else 1)


async def test_a_name_that_the_server_makes_is_known(shop: Shop, kubeconfig: Path) -> None:
    made = shop.toy("", "blue")
    made["metadata"] = {"generateName": "bear-", "namespace": shop.namespace}
    url = path(shop.toys, Key(shop.namespace, "")).lstrip("/")
    async with shop.open(), Connection.load(str(kubeconfig)).session("davit-test") as session:
        async with session.post(url, json=made) as answer:
            created = await answer.json()
        assert [review.key for review in shop.seen] == [Key(shop.namespace, created["metadata"]["name"])]


async def test_an_object_that_is_bad_already_is_held_up_in_nothing_else(shop: Shop) -> None:
    """Status, labels and finalizers, its end too, don't even come to the webhook; another field of its spec may change."""
    key = Key(shop.namespace, "bear")
    bad = shop.toy("bear", "red")
    bad["metadata"]["finalizers"] = ["davit.dev/test"]
    created = await shop.client.create(shop.toys, bad)
    async with shop.open():
        await shop.client.apply(shop.toys, {**shop.toy("bear", "red"), "status": {"ready": False}}, subresource="status")
        await shop.client.patch(shop.toys, key, [{"op": "add", "path": "/metadata/labels", "value": {"a": "b"}}])
        assert shop.seen == []
        await shop.client.patch(shop.toys, key, [{"op": "add", "path": "/spec/note", "value": "x"}])
        assert [review.operation for review in shop.seen] == ["UPDATE"]
        await shop.client.delete(shop.toys, key, uid=created["metadata"]["uid"])
        await shop.client.patch(shop.toys, key, [{"op": "remove", "path": "/metadata/finalizers"}])
        assert await shop.client.get(shop.toys, key) is None
        assert len(shop.seen) == 1


async def test_a_good_object_can_neither_be_made_bad_nor_by_way_of_apply(shop: Shop) -> None:
    async with shop.open():
        created = await shop.create("bear", "blue")
        with pytest.raises(Rejected, match=SOLD_OUT):
            await shop.client.replace(shop.toys, {**created, "spec": {"colour": "red"}})
        with pytest.raises(Rejected, match=SOLD_OUT):
            await shop.client.apply(shop.toys, shop.toy("bear", "red"))
        assert (await shop.get("bear"))["spec"] == {"colour": "blue"}


async def test_an_object_as_large_as_the_server_takes_is_reviewed(shop: Shop) -> None:
    """The conditions of the registration have a cost limit, beyond which an object would pass unseen."""
    async with shop.open():
        created = await shop.create("bear", "blue", note="x" * 1_400_000)
        edited = {**created, "spec": {**created["spec"], "colour": "red"}}
        with pytest.raises(Rejected, match=SOLD_OUT):
            await shop.client.replace(shop.toys, edited)


async def test_other_namespaces_are_not_ours_to_review(shop: Shop) -> None:
    other = f"{shop.namespace}-other"
    await shop.client.create(NAMESPACE, {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": other}})
    async with shop.open():
        bad = shop.toy("bear", "red")
        await shop.client.create(shop.toys, {**bad, "metadata": {"name": "bear", "namespace": other}})
        assert shop.seen == []


async def test_without_the_webhook_everything_comes_in_and_a_restart_reviews_again(shop: Shop) -> None:
    async with shop.open():
        before = await shop.material()
    await shop.create("one", "red")
    async with shop.open():
        with pytest.raises(Rejected, match=SOLD_OUT):
            await shop.create("two", "red")
        assert await shop.material() == before


async def test_a_reviewer_that_fails_or_hangs_lets_in_with_a_warning(shop: Shop, kubeconfig: Path) -> None:
    async def broken(_: Review) -> Verdict:
        raise RuntimeError

    async def hanging(_: Review) -> Verdict:
        await asyncio.sleep(60)
        return allow()

    url = path(shop.toys, Key(shop.namespace, "")).lstrip("/")
    async with shop.open(), Connection.load(str(kubeconfig)).session("davit-test") as session:
        for name, act, said in (("one", broken, "the operator failed (RuntimeError)"), ("two", hanging, "too busy")):
            shop.act = act
            async with session.post(url, json=shop.toy(name, "red")) as answer:
                assert answer.status == 201
                (warning,) = answer.headers.getall("Warning")
            assert said in warning


async def test_two_replicas_that_start_at_once_agree_on_one_authority(shop: Shop, kubeconfig: Path) -> None:
    clients = [Connection.load(str(kubeconfig)).client("davit-test") for _ in range(6)]
    stores = [Store(client, shop.secret, HOST, "davit-test") for client in clients]
    held = await asyncio.gather(*(store.current([]) for store in stores))
    assert len({one.material for one in held}) == 1
    assert held[0].material.authorities == (await shop.material())["ca.crt"]
    assert held[0].material.key == (await shop.material())["tls.key"]
    other = replace(shop.admission, port=free_port())
    async with shop.open(clients[0]), shop.open(clients[1], leads=False, port=other.port):
        assert await served(shop.admission.port) == await served(other.port) == held[0].material.certificate
    for client in clients:
        await client.close()


async def served(port: int) -> bytes:
    return (await asyncio.to_thread(ssl.get_server_certificate, (HOST, port))).encode()


async def test_no_request_slips_through_while_certificates_are_rotated(shop: Shop) -> None:
    """A new authority, its first certificate, and the Secret deleted, while red toys knock at the door."""
    now = time.time()
    clock = Clock(now - 65 * DAY - 3284.5 * DAY)
    await Store(shop.client, shop.secret, HOST, "davit-test", clock=clock).current([])
    clock.now = now - 65 * DAY  # the certificate ended years ago, and the authority has half a day more than a year
    stopped = asyncio.Event()
    async with shop.open(clock=clock):
        knocking = [asyncio.create_task(knock(shop, stopped)) for _ in range(3)]
        looking = asyncio.create_task(shake_hands(shop, stopped))
        seen = [await shop.material()]
        clock.now = now - 64 * DAY  # a new authority, and a certificate by the old one
        seen.append(await rotated(shop, seen[-1]))
        clock.now = now  # a certificate by the new one
        seen.append(await rotated(shop, seen[-1]))
        found = await shop.client.get(SECRET, shop.secret)
        assert found is not None
        await shop.client.delete(SECRET, shop.secret, uid=found["metadata"]["uid"])
        seen.append(await rotated(shop, seen[-1]))
        await asyncio.sleep(1.0)
        stopped.set()
        denied = sum([await task for task in knocking])
        shaken = await looking
    assert [len(blocks(one["ca.crt"])) for one in seen] == [1, 2, 2, 2]
    assert len({one["ca.key"] for one in seen}) == 3
    assert denied > 20
    assert shaken > 20
    assert await shop.client.list(shop.toys, shop.namespace) == []


class Clock:
    def __init__(self, now: float) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


async def rotated(shop: Shop, before: dict[str, bytes]) -> dict[str, bytes]:
    """Wait until another certificate is served and registered."""

    async def changed() -> bool:
        found = await shop.client.get(SECRET, shop.secret)
        return found is not None and base64.b64decode(found["data"]["tls.crt"]) != before["tls.crt"]

    await until(changed, "the Secret is not renewed")
    after = await shop.material()

    async def settled() -> bool:
        return await served(shop.admission.port) == after["tls.crt"] and await shop.bundle() == after["ca.crt"]

    await until(settled, "the new certificate is not served")
    return after


async def knock(shop: Shop, stopped: asyncio.Event) -> int:
    """Each red toy must be refused: one that comes in is a review that failed."""
    denied = 0
    while not stopped.is_set():
        with pytest.raises(Rejected, match=SOLD_OUT):
            await shop.create("knock", "red")
        denied += 1
    return denied


async def shake_hands(shop: Shop, stopped: asyncio.Event) -> int:
    """A new connection each time, as an API server that trusts what is registered; the other ones are kept open."""
    shaken = 0
    while not stopped.is_set():
        trust = ssl.create_default_context(cadata=(await shop.bundle()).decode())
        _, writer = await asyncio.open_connection(HOST, shop.admission.port, ssl=trust)
        writer.close()
        await writer.wait_closed()
        shaken += 1
    return shaken


@pytest.mark.parametrize(
    "edit",
    [
        {"op": "replace", "path": "/webhooks/0/clientConfig/caBundle", "value": ""},
        {"op": "replace", "path": "/webhooks/0/failurePolicy", "value": "Fail"},
        {"op": "add", "path": "/webhooks/0/objectSelector/matchLabels", "value": {"a": "b"}},
        {"op": "add", "path": "/webhooks/0/matchConditions/-", "value": {"name": "never", "expression": "false"}},
        {"op": "remove", "path": "/webhooks/0"},
        {"op": "remove", "path": "/metadata/labels"},
    ],
)
async def test_the_registration_is_put_right_whatever_is_edited(shop: Shop, edit: dict[str, Any]) -> None:
    async with shop.open():
        right = (await shop.configuration())["webhooks"]
        await shop.client.patch(CONFIGURATION, Key("", shop.namespace), [edit])

        async def mended() -> bool:
            found = await shop.configuration()
            return bool(found.get("webhooks") == right and found["metadata"].get("labels"))

        await until(mended, "the edit stays")


async def test_a_deleted_registration_comes_back_and_a_settled_one_is_not_written(shop: Shop) -> None:
    async with shop.open():
        first = await shop.configuration()
        await shop.client.delete(CONFIGURATION, Key("", shop.namespace), uid=first["metadata"]["uid"])

        async def back() -> bool:
            return await shop.client.get(CONFIGURATION, Key("", shop.namespace)) is not None

        await until(back, "the registration does not come back")
        found, secret = await shop.configuration(), await shop.client.get(SECRET, shop.secret)
        assert found["webhooks"] == first["webhooks"]
        await asyncio.sleep(1.5)
        assert await shop.configuration() == found
        assert await shop.client.get(SECRET, shop.secret) == secret
    async with shop.open():
        assert await shop.configuration() == found


async def test_a_few_rights_suffice(shop: Shop, control_plane: ControlPlane, kubeconfig: Path, tmp_path: Path) -> None:
    """Exactly those that a chart grants: creating a Secret cannot be restricted by name, everything else is."""
    owner = await grant(shop)
    token = control_plane.kubectl("create", "token", "hooks", "--namespace", shop.namespace).strip()
    config = yaml.safe_load(kubeconfig.read_text())
    config["users"] = [{"name": config["users"][0]["name"], "user": {"token": token}}]
    (tmp_path / "kubeconfig").write_text(json.dumps(config))
    client = Connection.load(str(tmp_path / "kubeconfig")).client("davit-test")
    async with shop.open(client, owner=owner["metadata"]["name"]):
        for made in (await shop.configuration(), await client.get(SECRET, shop.secret)):
            assert made is not None
            assert [one["uid"] for one in made["metadata"]["ownerReferences"]] == [owner["metadata"]["uid"]]
        edit = {"op": "add", "path": "/webhooks/0/matchConditions/-", "value": {"name": "never", "expression": "false"}}
        await shop.client.patch(CONFIGURATION, Key("", shop.namespace), [edit])
        await until(shop.denies, "the edit stays")
        clock = time.time() + 70 * DAY
        await Store(client, shop.secret, HOST, "davit-test", clock=lambda: clock).current([])
    with pytest.raises(Blocked):
        await client.list(SECRET, shop.namespace)
    with pytest.raises(Blocked):
        await client.get(CONFIGURATION, Key("", "another"))
    await client.close()


async def grant(shop: Shop) -> Manifest:
    """A service account with the rights of the webhook; returns the ClusterRole."""
    name = shop.namespace
    configurations = {
        "apiGroups": [CONFIGURATION.group],
        "resources": [CONFIGURATION.plural],
        "resourceNames": [name],
        "verbs": ["get", "create", "patch"],
    }
    roles = {"apiGroups": [CLUSTER_ROLE.group], "resources": ["clusterroles"], "resourceNames": [name], "verbs": ["get"]}
    made = await apply(shop, CLUSTER_ROLE, {"name": name}, rules=[configurations, roles])
    home = {"name": "hooks", "namespace": shop.namespace}
    create = {"apiGroups": [""], "resources": ["secrets"], "verbs": ["create"]}
    renew = {"apiGroups": [""], "resources": ["secrets"], "resourceNames": [shop.secret.name], "verbs": ["get", "update"]}
    await apply(shop, ROLE, home, rules=[create, renew])
    await apply(shop, SERVICE_ACCOUNT, home)
    subjects = [{"kind": "ServiceAccount", **home}]
    for kind, metadata, role in ((ROLE_BINDING, home, ROLE), (CLUSTER_ROLE_BINDING, {"name": name}, CLUSTER_ROLE)):
        reference = {"apiGroup": role.group, "kind": role.kind, "name": metadata["name"]}
        await apply(shop, kind, metadata, roleRef=reference, subjects=subjects)
    return made


async def apply(shop: Shop, kind: Kind, metadata: dict[str, str], **more: Any) -> Manifest:
    return await shop.client.apply(kind, {"apiVersion": kind.api_version, "kind": kind.kind, "metadata": metadata, **more})


async def test_uninstalling_takes_certificate_and_registration_along(tmp_path: Path) -> None:
    """The garbage collector follows a ClusterRole to what it owns, namespaced or not."""
    toys = Kind("gone.davit.dev", "v1", "Toy", "toys")
    with ControlPlane(tmp_path, controllers=True) as plane:
        client = Connection.load(str(plane.kubeconfig)).client("davit-test")
        await client.create(NAMESPACE, {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "gone"}})
        await maintain(client, [toy_crd(toys, "colour")], "1.0.0")
        shop = Shop(client, toys, "gone")
        role = await apply(shop, CLUSTER_ROLE, {"name": "gone-admission"}, rules=[])
        async with shop.open(owner="gone-admission"):
            assert await client.delete(CLUSTER_ROLE, Key("", "gone-admission"), uid=role["metadata"]["uid"])

            async def gone() -> bool:
                left = (await client.get(SECRET, shop.secret), await client.get(CONFIGURATION, Key("", "gone")))
                return left == (None, None)

            await until(gone, "they stay")
            await asyncio.sleep(1.0)
            assert await gone()
        await client.close()
