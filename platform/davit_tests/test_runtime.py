from __future__ import annotations

import asyncio
import itertools
import json
import ssl
from asyncio.sslproto import SSLProtocol
from collections.abc import AsyncIterator, Sequence
from typing import Any

import kopf
import pytest
from aiohttp import web
from davit import runtime
from davit.cache import Cache
from davit.kube.http import Connection, Credentials
from davit.kube.kinds import CONFIG_MAP
from davit.model import Key, Kind, Manifest, Watch
from davit.process import Process, Runtime, Timings
from davit.routing import Controller
from davit.runtime import KopfSource, run
from davit.settings import Settings
from davit.testing.fake_client import FakeClient

TOY = Kind("test.davit.dev", "v1", "Toy", "toys")
TOYS, CONFIG_MAPS = "/apis/test.davit.dev/v1/toys", "/api/v1/configmaps"


async def nothing(_: Key) -> None:
    return None


def owner(manifest: Manifest) -> tuple[Key]:
    return (Key(manifest["metadata"]["namespace"], manifest["metadata"]["labels"]["toy"]),)


def process(namespaces: tuple[str, ...] | None = None, controllers: Sequence[Controller] | None = None) -> Process:
    controllers = controllers or [Controller(TOY, nothing, (Watch(CONFIG_MAP, owner, {"b": "2", "a": "1"}),))]
    settings = Settings(namespaces=namespaces)
    runtime = Runtime("toy", "1.0", None, lambda: ())  # type: ignore[arg-type]
    return Process(runtime, settings, Timings(), client=FakeClient(), lease=None, controllers=controllers)  # type: ignore[arg-type]


def connection(address: str) -> Connection:
    credentials = Credentials(lambda: kopf.ConnectionInfo(server=address, token="token"))
    return Connection(address, ssl.create_default_context(), credentials, "home")


class ApiServer:
    """Just enough of one for kopf: discovery, a list of toys, and watches that say what the test puts in."""

    def __init__(self) -> None:
        self.requests: list[web.Request] = []
        self.watched = asyncio.Event()
        self.broken = False

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.requests.append(request)
        if self.broken and request.path == TOYS:
            return web.json_response({"message": "gone", "code": 404}, status=404)
        if request.query.get("watch"):
            return await self._stream(request)
        return web.json_response(DISCOVERY.get(request.path, {"metadata": {"resourceVersion": "5"}, "items": []}))

    async def _stream(self, request: web.Request) -> web.StreamResponse:
        stream = web.StreamResponse()
        await stream.prepare(request)
        if request.path == CONFIG_MAPS:
            metadata = {"name": "c", "namespace": "shop", "uid": "u2", "labels": {"a": "1", "b": "2", "toy": "bear"}}
            await stream.write(event("MODIFIED", {"metadata": metadata}))
            self.watched.set()
        await asyncio.Event().wait()
        return stream


def event(change: str, found: Manifest) -> bytes:
    return json.dumps({"type": change, "object": found}).encode() + b"\n"


def resource(plural: str, kind: str, namespaced: bool = True) -> dict[str, Any]:
    verbs = ["get", "list", "watch", "patch"]
    return {"name": plural, "kind": kind, "singularName": kind.lower(), "namespaced": namespaced, "verbs": verbs}


def group(name: str, version: str = "v1") -> dict[str, Any]:
    found = {"groupVersion": f"{name}/{version}", "version": version}
    return {"name": name, "versions": [found], "preferredVersion": found}


CRDS = resource("customresourcedefinitions", "CustomResourceDefinition", False)
BEAR = {"metadata": {"name": "bear", "namespace": "shop", "uid": "u1", "finalizers": ["kopf.zalando.org/KopfFinalizerMarker"]}}
DISCOVERY: dict[str, Any] = {
    "/api": {"versions": ["v1"]},
    "/apis": {"groups": [group("test.davit.dev"), group("apiextensions.k8s.io")]},
    "/api/v1": {"resources": [resource("configmaps", "ConfigMap"), resource("namespaces", "Namespace", False)]},
    "/apis/test.davit.dev/v1": {"resources": [resource("toys", "Toy")]},
    "/apis/apiextensions.k8s.io/v1": {"resources": [CRDS]},
    TOYS: {"metadata": {"resourceVersion": "5"}, "items": [BEAR]},
}


@pytest.fixture
async def server() -> ApiServer:
    return ApiServer()


@pytest.fixture
async def address(server: ApiServer) -> AsyncIterator[str]:
    app = web.Application()
    app.router.add_route("*", "/{tail:.*}", server.handle)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    await runner.cleanup()


async def test_kopf_lists_and_watches_and_does_nothing_else(server: ApiServer, address: str) -> None:
    found = process()
    seen: list[tuple[Kind, str | None, str]] = []

    def note(kind: Kind, change: str | None, manifest: Manifest) -> None:
        seen.append((kind, change, manifest["metadata"]["name"]))

    found.seen = note  # type: ignore[method-assign]
    found.pulse.expect({TOYS: "toys", CONFIG_MAPS: "configmaps"})
    watching = asyncio.create_task(KopfSource(found, connection(address)).watch([TOY, CONFIG_MAP]))
    await asyncio.wait_for(server.watched.wait(), 5)
    while len(seen) < 2 or found.pulse.pending():
        await asyncio.sleep(0.01)
    assert set(seen) == {(TOY, None, "bear"), (CONFIG_MAP, "MODIFIED", "c")}
    assert {request.method for request in server.requests} == {"GET"}
    assert {request.headers["Authorization"] for request in server.requests} == {"Bearer token"}
    assert {request.headers["User-Agent"] for request in server.requests} == {"toy/1.0"}
    queries = {
        (request.path, request.query.get("watch")): dict(request.query)
        for request in server.requests
        if request.path in (TOYS, CONFIG_MAPS)
    }
    watch = {"watch": "true", "allowWatchBookmarks": "true", "resourceVersion": "5", "timeoutSeconds": "240"}
    assert queries == {
        (TOYS, None): {"limit": "100"},
        (TOYS, "true"): watch,
        (CONFIG_MAPS, None): {"limit": "100", "labelSelector": "a=1,b=2"},
        (CONFIG_MAPS, "true"): {**watch, "labelSelector": "a=1,b=2"},
    }
    touched = {request.path for request in server.requests} - set(DISCOVERY) - {CONFIG_MAPS}
    assert touched == set()
    watching.cancel()
    await asyncio.wait({watching}, timeout=3)
    assert watching.cancelled()


async def test_a_namespaced_source_watches_each_namespace(server: ApiServer, address: str) -> None:
    found = process(("shop", "bank"))
    watching = asyncio.create_task(KopfSource(found, connection(address)).watch([TOY]))
    expected = {f"/apis/test.davit.dev/v1/namespaces/{name}/toys" for name in ("shop", "bank")}
    while not expected <= {request.path for request in server.requests if request.query.get("watch")}:
        await asyncio.sleep(0.01)
    assert "/api/v1/namespaces" not in {request.path for request in server.requests}
    watching.cancel()
    await asyncio.wait({watching}, timeout=3)


async def test_a_kopf_that_cannot_go_on_is_reported(server: ApiServer, address: str) -> None:
    server.broken = True
    with pytest.raises(RuntimeError, match="kopf ended") as caught:
        await asyncio.wait_for(KopfSource(process(), connection(address)).watch([TOY]), 4)
    assert caught.value.__cause__ is not None


async def test_the_settings_keep_kopf_off_the_objects() -> None:
    settings = KopfSource(process(), connection("http://x"))._settings([TOY, CONFIG_MAP])
    assert settings.scanning.disabled
    assert not settings.posting.enabled
    assert settings.persistence.finalizer != kopf.OperatorSettings().persistence.finalizer
    timeouts = (settings.watching.server_timeout, settings.watching.client_timeout, settings.watching.connect_timeout)
    assert timeouts == (240, 300.0, 10.0)
    backoffs = settings.networking.error_backoffs
    assert not isinstance(backoffs, float)
    for _ in range(2):
        assert list(itertools.islice(backoffs, 5)) == [0.5, 1.0, 2.0, 5.0, 5.0]


def test_run_reads_flags_and_the_environment(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("sys.argv", ["toy", "--workers", "none"])
    with pytest.raises(SystemExit) as caught:
        run(Runtime("toy", "1.0", None))  # type: ignore[arg-type]
    assert caught.value.code == 2
    assert "usage: toy" in capsys.readouterr().err


def test_a_tls_connection_of_an_operator_holds_little(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(SSLProtocol, "max_size", SSLProtocol.max_size)
    monkeypatch.setattr("davit.logs.setup", lambda _: None)
    with pytest.raises(SystemExit):
        run(Runtime("toy", "1.0", None), Settings(kubeconfig="/nowhere"))  # type: ignore[arg-type]
    with asyncio.Runner() as runner:
        waiter: asyncio.Future[None] = asyncio.Future(loop=runner.get_loop())
        made: Any = SSLProtocol(runner.get_loop(), asyncio.Protocol(), ssl.create_default_context(), waiter)
        made._get_app_transport()._closed = True
        assert len(made._ssl_buffer) == runtime.TLS_BUFFER


@pytest.mark.parametrize(("context", "level"), [({"asyncgen": None}, "INFO"), ({}, "ERROR")])
async def test_only_a_watch_that_is_cut_off_at_the_end_is_no_error(
    context: dict[str, Any], level: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level("INFO"):
        runtime._complain(asyncio.get_running_loop(), {"message": "trouble", "exception": RuntimeError("x"), **context})
    assert [record.levelname for record in caplog.records] == [level]


async def test_a_kind_of_which_only_names_are_wanted_is_asked_for_without_content(server: ApiServer, address: str) -> None:
    cache = Cache((), names=(CONFIG_MAP,))
    row = Watch(CONFIG_MAP, owner, {"b": "2", "a": "1"}, metadata_only=True)
    found = process(controllers=[Controller(TOY, nothing, (row,), cache=cache)])
    relisted: list[str] = []
    found.relisted = relisted.append  # type: ignore[method-assign, assignment]
    watching = asyncio.create_task(KopfSource(found, connection(address)).watch([TOY, CONFIG_MAP]))
    await asyncio.wait_for(server.watched.wait(), 5)
    while len(relisted) < 2:
        await asyncio.sleep(0.01)
    accepted = {
        (request.path, request.query.get("watch")): "PartialObjectMetadata" in request.headers["Accept"]
        for request in server.requests
        if request.path in (TOYS, CONFIG_MAPS)
    }
    assert accepted == {(TOYS, None): False, (TOYS, "true"): False, (CONFIG_MAPS, None): True, (CONFIG_MAPS, "true"): True}
    assert sorted(relisted) == [CONFIG_MAPS, TOYS]
    watching.cancel()
    await asyncio.wait({watching}, timeout=3)
