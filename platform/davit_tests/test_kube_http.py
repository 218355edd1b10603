from __future__ import annotations

import json
import logging
import ssl
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import kopf
import pytest
import yaml
from aiohttp import web
from davit import metrics
from davit.errors import Blocked, DavitError, Fatal, Rejected, Transient
from davit.kube.client import Client
from davit.kube.failures import Missing
from davit.kube.http import Connection, Credentials, KubeClient, path
from davit.kube.kinds import CONFIG_MAP, STATEFUL_SET
from davit.model import Key, Kind, Manifest, Notice

NODE = Kind("", "v1", "Node", "nodes", namespaced=False)
ETCD = Kind("etcd.davit.dev", "v1", "EtcdCluster", "etcdclusters")
KEY = Key("shop", "orders")


@dataclass
class Server:
    """An HTTP server that answers what the test says and keeps what it was asked."""

    answers: list[tuple[int, Any, dict[str, str]]] = field(default_factory=list)
    asked: list[tuple[str, str, dict[str, str], Any, dict[str, str]]] = field(default_factory=list)

    def answer(self, body: Any, status: int = 200, **headers: str) -> None:
        self.answers.append((status, body, headers))

    async def handle(self, request: web.Request) -> web.Response:
        text = await request.text()
        body = json.loads(text) if text else None
        self.asked.append((request.method, request.path, dict(request.query), body, dict(request.headers)))
        status, answer, headers = self.answers.pop(0)
        return web.Response(status=status, text=answer if isinstance(answer, str) else json.dumps(answer), headers=headers)

    @property
    def last(self) -> tuple[Any, ...]:
        return self.asked[-1][:4]


@pytest.fixture
def server() -> Server:
    return Server()


@pytest.fixture
async def address(server: Server) -> AsyncIterator[str]:
    app = web.Application()
    app.router.add_route("*", "/{tail:.*}", server.handle)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    await runner.cleanup()


def connection(address: str, token: Path | None = None) -> Connection:
    def login() -> kopf.ConnectionInfo:
        return kopf.ConnectionInfo(server=address, token=token.read_text().strip() if token else None)

    return Connection(address, ssl.create_default_context(), Credentials(login), "davit-system")


@pytest.fixture
async def client(address: str) -> AsyncIterator[KubeClient]:
    found = connection(address).client("davit-etcd", "1.0", "davit-etcd-0")
    yield found
    await found.close()


def test_it_is_a_client() -> None:
    accepted: Callable[[Client], None] = lambda _: None  # noqa: E731
    checked: Callable[[KubeClient], None] = accepted
    assert checked is accepted


@pytest.mark.parametrize(
    ("kind", "key", "subresource", "expected"),
    [
        (CONFIG_MAP, KEY, "", "/api/v1/namespaces/shop/configmaps/orders"),
        (CONFIG_MAP, Key("", ""), "", "/api/v1/configmaps"),
        (STATEFUL_SET, Key("shop", ""), "", "/apis/apps/v1/namespaces/shop/statefulsets"),
        (ETCD, KEY, "status", "/apis/etcd.davit.dev/v1/namespaces/shop/etcdclusters/orders/status"),
        (NODE, Key("", "one"), "", "/api/v1/nodes/one"),
        (NODE, Key("ignored", "one"), "", "/api/v1/nodes/one"),
    ],
)
def test_paths(kind: Kind, key: Key, subresource: str, expected: str) -> None:
    assert path(kind, key, subresource) == expected


async def test_get(client: KubeClient, server: Server) -> None:
    server.answer({"metadata": {"name": "orders"}})
    assert await client.get(ETCD, KEY) == {"metadata": {"name": "orders"}}
    assert server.last == ("GET", "/apis/etcd.davit.dev/v1/namespaces/shop/etcdclusters/orders", {}, None)
    assert server.asked[0][4]["User-Agent"] == "davit-etcd/1.0"
    server.answer({"message": "not found"}, 404)
    assert await client.get(ETCD, KEY) is None


@pytest.mark.parametrize(
    "name", ["../../other/secrets/x", "..", ".", "a/b", "a%2Fb", "a?watch=1", "a#b", "a\n", "-a", "", "é", "a" * 254]
)
async def test_a_name_that_nothing_can_have_is_never_asked_for(client: KubeClient, server: Server, name: str) -> None:
    assert await client.get(CONFIG_MAP, Key("shop", name)) is None
    assert await client.delete(CONFIG_MAP, Key("shop", name), uid="1") is False
    with pytest.raises(Missing):
        await client.patch(CONFIG_MAP, Key("shop", name), [])
    with pytest.raises(Missing):
        await client.apply(CONFIG_MAP, {"metadata": {"namespace": "shop", "name": name}})
    if name:
        assert await client.get(CONFIG_MAP, Key(name, "orders")) is None
        assert await client.list(CONFIG_MAP, name) == []
        assert [one async for one in client.each(CONFIG_MAP, name, names=True)] == []
    assert server.asked == []


async def test_list_reads_all_pages_and_names_the_kind_of_each_item(client: KubeClient, server: Server) -> None:
    server.answer({"metadata": {"continue": "more"}, "items": [{"metadata": {"name": "a"}}]})
    server.answer({"metadata": {}, "items": [{"metadata": {"name": "b"}}]})
    found = await client.list(CONFIG_MAP, "shop", labels={"a": "b", "c/d": "e"}, fields={"metadata.name": "x"})
    assert found == [{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}} for name in ("a", "b")]
    query = {"limit": "500", "labelSelector": "a=b,c/d=e", "fieldSelector": "metadata.name=x"}
    first, second = (asked[1:3] for asked in server.asked)
    assert first == ("/api/v1/namespaces/shop/configmaps", query)
    assert second == ("/api/v1/namespaces/shop/configmaps", {**query, "continue": "more"})


async def test_list_of_all_namespaces_and_of_an_unknown_kind(client: KubeClient, server: Server) -> None:
    server.answer("404 page not found", 404)
    assert await client.list(ETCD, None) == []
    assert server.last == ("GET", "/apis/etcd.davit.dev/v1/etcdclusters", {"limit": "500"}, None)


async def test_keys_asks_for_metadata_only(client: KubeClient, server: Server) -> None:
    server.answer({"metadata": {}, "items": [{"metadata": {"name": "a", "namespace": "x"}}, {"metadata": {"name": "b"}}]})
    assert await client.keys(ETCD, None) == {Key("x", "a"), Key("", "b")}
    assert "PartialObjectMetadataList" in server.asked[0][4]["Accept"]
    server.answer({"metadata": {}, "items": None})
    assert await client.keys(ETCD, None) == set()


@pytest.mark.parametrize(
    ("answer", "status", "expected"),
    [
        ({"resources": [{"name": "etcdclusters/status"}, {"name": "etcdclusters"}]}, 200, True),
        ({"resources": [{"name": "etcdbackups"}]}, 200, False),
        ({"message": "no"}, 404, False),
    ],
)
async def test_serves(client: KubeClient, server: Server, answer: Any, status: int, expected: bool) -> None:
    server.answer(answer, status)
    assert await client.serves(ETCD) is expected
    assert server.last[1] == "/apis/etcd.davit.dev/v1"


MANIFEST: Manifest = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "orders", "namespace": "shop"}}
ONE = "/api/v1/namespaces/shop/configmaps/orders"


async def test_writes(client: KubeClient, server: Server) -> None:
    for _ in range(5):
        server.answer({"written": True})
    assert await client.create(CONFIG_MAP, MANIFEST) == {"written": True}
    assert server.last == ("POST", "/api/v1/namespaces/shop/configmaps", {}, MANIFEST)
    await client.replace(CONFIG_MAP, MANIFEST)
    assert server.last == ("PUT", ONE, {}, MANIFEST)
    await client.apply(CONFIG_MAP, MANIFEST)
    assert server.last == ("PATCH", ONE, {"fieldManager": "davit-etcd", "force": "true"}, MANIFEST)
    assert server.asked[-1][4]["Content-Type"] == "application/apply-patch+yaml"
    await client.apply(CONFIG_MAP, MANIFEST, subresource="status")
    assert server.last == ("PATCH", f"{ONE}/status", {"fieldManager": "davit-etcd-status", "force": "true"}, MANIFEST)
    operations: list[dict[str, Any]] = [{"op": "replace", "path": "/data", "value": {}}]
    await client.patch(CONFIG_MAP, KEY, operations)
    sent: tuple[Any, ...] = ("PATCH", ONE, {"fieldManager": "davit-etcd"}, operations)
    assert server.last == sent
    assert server.asked[-1][4]["Content-Type"] == "application/json-patch+json"


OPTIONS = {
    "apiVersion": "v1",
    "kind": "DeleteOptions",
    "preconditions": {"uid": "u1"},
    "propagationPolicy": "Background",
}


async def test_delete_names_the_uid(client: KubeClient, server: Server) -> None:
    server.answer({})
    assert await client.delete(CONFIG_MAP, KEY, uid="u1")
    assert server.last == ("DELETE", ONE, {}, OPTIONS)
    server.answer({})
    assert await client.delete(CONFIG_MAP, KEY, uid="u1", grace_seconds=0)
    assert server.last == ("DELETE", ONE, {}, {**OPTIONS, "gracePeriodSeconds": 0})


async def test_delete_of_what_is_gone_or_another(client: KubeClient, server: Server) -> None:
    server.answer({"message": "gone"}, 404)
    assert not await client.delete(CONFIG_MAP, KEY, uid="u1")
    server.answer({"message": "precondition"}, 409)
    server.answer({"metadata": {"uid": "u2"}})
    assert not await client.delete(CONFIG_MAP, KEY, uid="u1")
    server.answer({"message": "precondition"}, 409)
    server.answer({}, 404)
    assert not await client.delete(CONFIG_MAP, KEY, uid="u1")


async def test_delete_conflict_about_the_right_object_is_no_success(client: KubeClient, server: Server) -> None:
    server.answer({"message": "busy"}, 409)
    server.answer({"metadata": {"uid": "u1"}})
    with pytest.raises(Transient, match="busy"):
        await client.delete(CONFIG_MAP, KEY, uid="u1")


@pytest.mark.parametrize(
    ("status", "headers", "error", "retry_after"),
    [
        (400, {}, Rejected, 60.0),
        (422, {}, Rejected, 60.0),
        (413, {}, Rejected, 60.0),
        (401, {}, Blocked, 30.0),
        (403, {}, Blocked, 30.0),
        (404, {}, Transient, None),
        (409, {}, Transient, 0.5),
        (410, {}, Transient, None),
        (429, {"Retry-After": "7"}, Transient, 7.0),
        (429, {}, Transient, None),
        (500, {}, Transient, None),
        (503, {"Retry-After": "2"}, Transient, 2.0),
        (503, {"Retry-After": "Wed, 21 Oct 2026 07:28:00 GMT"}, Transient, None),
    ],
)
async def test_errors_by_status(
    client: KubeClient,
    server: Server,
    status: int,
    headers: dict[str, str],
    error: type[DavitError],
    retry_after: float | None,
) -> None:
    server.answer({"kind": "Status", "message": "the server's words"}, status, **headers)
    with pytest.raises(error) as caught:
        await client.apply(STATEFUL_SET, {"metadata": {"name": "orders", "namespace": "shop"}})
    assert type(caught.value) is error or error is Transient
    assert getattr(caught.value, "retry_after") == retry_after  # noqa: B009
    assert str(caught.value) == "apply statefulsets.apps orders in namespace shop: the server's words"


@pytest.mark.parametrize(
    "words",
    [
        "failed to create typed patch object (shop/x; apps/v1, Kind=StatefulSet): .spec.template: expected map, got &{x}",
        "failed to convert new object (shop/x; apps/v1, Kind=StatefulSet) to proper version: quantities must match",
    ],
)
async def test_an_object_of_the_wrong_shape_is_the_askers_fault_whatever_the_status(
    client: KubeClient, server: Server, words: str
) -> None:
    server.answer({"kind": "Status", "message": words}, 500)
    with pytest.raises(Rejected, match="Kind=StatefulSet"):
        await client.apply(STATEFUL_SET, {"metadata": {"name": "orders", "namespace": "shop"}})


async def test_a_schema_that_lags_behind_is_waited_for(client: KubeClient, server: Server) -> None:
    said = "failed to create typed patch object (shop/x; a/v1, Kind=X): .spec.new: field not declared in schema"
    server.answer({"kind": "Status", "message": said}, 500)
    with pytest.raises(Transient, match="not declared"):
        await client.apply(STATEFUL_SET, {"metadata": {"name": "orders", "namespace": "shop"}})


async def test_forbidden_names_verb_resource_and_namespace(client: KubeClient, server: Server) -> None:
    server.answer("<html>", 403)
    with pytest.raises(Blocked) as caught:
        await client.list(ETCD, "shop")
    assert caught.value.reason == "Forbidden"
    assert str(caught.value) == "list etcdclusters.etcd.davit.dev in namespace shop: status 403"


async def test_no_answer_and_a_broken_answer_are_transient(client: KubeClient, server: Server) -> None:
    server.answer("not JSON")
    with pytest.raises(Transient, match="get configmaps orders in namespace shop: JSONDecodeError"):
        await client.get(CONFIG_MAP, KEY)
    nobody = connection("http://127.0.0.1:1").client("x")
    counted = metrics.KUBE_REQUESTS.labels("get", "error")
    before = counted._value.get()
    with pytest.raises(Transient, match="ClientConnectorError"):
        await nobody.get(CONFIG_MAP, KEY)
    assert counted._value.get() == before + 1
    await nobody.close()


async def test_requests_are_counted(client: KubeClient, server: Server) -> None:
    counted = metrics.KUBE_REQUESTS.labels("list", "418")
    server.answer({}, 418)
    with pytest.raises(Rejected):
        await client.list(CONFIG_MAP, None)
    assert counted._value.get() == 1


REGARDING = {"apiVersion": "etcd.davit.dev/v1", "kind": "EtcdCluster", "metadata": {"name": "orders", "namespace": "shop"}}


async def test_an_event_is_posted_once(client: KubeClient, server: Server) -> None:
    server.answer({}, 201)
    notice = Notice("MemberAdded", "orders-1 joined")
    await client.event(REGARDING, notice)
    await client.event(REGARDING, notice)
    ((method, url, _, body, _),) = server.asked
    assert (method, url) == ("POST", "/apis/events.k8s.io/v1/namespaces/shop/events")
    assert (body["note"], body["reportingInstance"]) == ("orders-1 joined", "davit-etcd-0")


@pytest.mark.parametrize(("status", "warned"), [(403, True), (422, True), (500, True), (409, False)])
async def test_an_event_never_fails_a_pass(
    client: KubeClient, server: Server, caplog: pytest.LogCaptureFixture, status: int, warned: bool
) -> None:
    server.answer({"message": "no"}, status)
    with caplog.at_level(logging.WARNING):
        await client.event(REGARDING, Notice("MemberAdded", "x"))
    assert ("MemberAdded" in caplog.text) is warned


async def test_a_base_path_is_kept(address: str, server: Server) -> None:
    behind = connection(f"{address}/k8s/clusters/c-1/").client("x")
    server.answer({})
    await behind.get(CONFIG_MAP, KEY)
    assert server.last[1] == f"/k8s/clusters/c-1{ONE}"
    await behind.close()


async def test_a_rotated_token_is_read_again_after_a_401(address: str, server: Server, tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("old\n")
    client = connection(address, token).client("x")
    server.answer({})
    await client.get(CONFIG_MAP, KEY)
    token.write_text("new\n")
    server.answer({"message": "expired"}, 401)
    server.answer({})
    await client.replace(CONFIG_MAP, MANIFEST)
    server.answer({})
    await client.get(CONFIG_MAP, KEY)
    assert [asked[4]["Authorization"] for asked in server.asked] == ["Bearer old", "Bearer old", "Bearer new", "Bearer new"]
    assert [asked[3] for asked in server.asked[1:3]] == [MANIFEST, MANIFEST]
    await client.close()


async def test_a_token_that_stays_refused_is_forbidden(address: str, server: Server) -> None:
    client = connection(address, Path("/nowhere")).client("x")
    with pytest.raises(Transient, match="no credentials"):
        await client.get(CONFIG_MAP, KEY)
    await client.close()


def test_a_kubeconfig_is_read(tmp_path: Path) -> None:
    config = tmp_path / "config"
    contexts = [{"name": "c", "context": {"cluster": "c", "user": "u", "namespace": "home"}}]
    clusters = [{"name": "c", "cluster": {"server": "https://example:6443", "insecure-skip-tls-verify": True}}]
    users = [{"name": "u", "user": {"token": "secret"}}]
    config.write_text(yaml.safe_dump({"current-context": "c", "contexts": contexts, "clusters": clusters, "users": users}))
    found = Connection.load(str(config))
    assert (found.server, found.namespace) == ("https://example:6443", "home")
    assert found.tls.verify_mode == ssl.CERT_NONE
    assert found.credentials.token() == "secret"


def test_no_way_to_the_server_is_fatal(tmp_path: Path) -> None:
    with pytest.raises(Fatal, match="no way to the API server"):
        Connection.load(str(tmp_path / "missing"))
