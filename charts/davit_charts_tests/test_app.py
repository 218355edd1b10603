"""The example app's program, against a fake of etcd's JSON gateway."""

from __future__ import annotations

import base64
import importlib.util
import json
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import ModuleType
from typing import Any

import pytest

from ci.generate.charts import CHARTS


class Gateway(BaseHTTPRequestHandler):
    """Enough of etcd: put, range, and a transaction on mod_revision."""

    kv: dict[str, tuple[str, int]]
    lock: threading.Lock
    broken: bool

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.broken:
            self._answer(503, {"message": "etcdserver: no leader"})
            return
        with self.lock:
            self._answer(200, getattr(self, self.path.rsplit("/", 1)[1])(body))

    def put(self, body: dict[str, Any]) -> dict[str, Any]:
        self.kv[body["key"]] = (body["value"], len(self.kv) + 1 + self.kv.get(body["key"], ("", 0))[1])
        return {}

    def range(self, body: dict[str, Any]) -> dict[str, Any]:
        found = self.kv.get(body["key"])
        return {"kvs": [{"value": found[0], "mod_revision": str(found[1])}]} if found else {}

    def txn(self, body: dict[str, Any]) -> dict[str, Any]:
        (compare,) = body["compare"]
        if self.kv.get(compare["key"], ("", 0))[1] != int(compare["mod_revision"]):
            return {}
        self.put(body["success"][0]["request_put"])
        return {"succeeded": True}

    def _answer(self, code: int, body: dict[str, Any]) -> None:
        data = json.dumps(body).encode()
        self.send_response(code)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: Any) -> None:
        """Quiet."""


def serve(handler: type[BaseHTTPRequestHandler]) -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def app() -> ModuleType:
    spec = importlib.util.spec_from_file_location("app", CHARTS / "app-with-etcd" / "files" / "app.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def gateway() -> type[Gateway]:
    return type("Fresh", (Gateway,), {"kv": {}, "lock": threading.Lock(), "broken": False})


@pytest.fixture
def etcd(gateway: type[Gateway]) -> Iterator[str]:
    yield from serve(gateway)


@pytest.fixture
def page(app: ModuleType, etcd: str) -> Iterator[str]:
    dead = "http://127.0.0.1:1"
    members = {"etcd": app.Etcd([dead, etcd]), "prefix": "/p/", "pod": "me"}
    yield from serve(type("FreshPage", (app.Page,), members))


def get(url: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def test_counts_exactly(page: str) -> None:
    """However many visit at once, and with the first endpoint dead."""
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(get, [f"{page}/"] * 12))
    counts = sorted(int(text.split()[1]) for _, text in answers)
    assert counts == list(range(1, 13))


def test_ready_means_written_and_read(page: str, gateway: type[Gateway]) -> None:
    """Not ready while etcd does not answer, alive all the time, ready again by itself."""
    assert get(f"{page}/readyz") == (200, "ok\n")
    assert [base64.b64decode(key) for key in gateway.kv] == [b"/p/ready/me"]
    gateway.broken = True
    code, why = get(f"{page}/readyz")
    assert code == 503
    assert "no leader" in why
    assert get(f"{page}/healthz")[0] == 200
    assert get(f"{page}/")[0] == 503
    gateway.broken = False
    assert get(f"{page}/readyz")[0] == 200


def test_unknown_pages(page: str) -> None:
    """404, and no visit is counted."""
    assert get(f"{page}/favicon.ico")[0] == 404
