"""A page that counts its visits in etcd: what an app needs to know of an etcd, and no more.

It speaks etcd's JSON gateway with the standard library alone. It starts without etcd and is ready, and works, as soon
as one endpoint answers; every try goes through all endpoints, so it outlives the loss of any one.
"""

from __future__ import annotations

import base64
import json
import os
import ssl
import sys
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.error import HTTPError

TIMEOUT = 3
CONFLICTS = 20


class EtcdError(Exception):
    """No endpoint gave an answer."""


class Etcd:
    """Put, get and compare-and-swap on the first endpoint that answers."""

    def __init__(self, endpoints: list[str], tls: ssl.SSLContext | None = None) -> None:
        self._endpoints = endpoints
        handlers = [urllib.request.HTTPSHandler(context=tls)] if tls else []
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), *handlers)

    def put(self, key: str, value: str) -> None:
        """Write a key."""
        self._call("put", {"key": _encode(key), "value": _encode(value)})

    def get(self, key: str) -> tuple[str | None, int]:
        """The value, read through the quorum, and the revision at which it was written (0 for none)."""
        found = self._call("range", {"key": _encode(key)}).get("kvs", [])
        if not found:
            return None, 0
        return base64.b64decode(found[0].get("value", "")).decode(), int(found[0]["mod_revision"])

    def swap(self, key: str, value: str, revision: int) -> bool:
        """Write a key if nobody has written it since `revision`."""
        unchanged = {"key": _encode(key), "target": "MOD", "result": "EQUAL", "mod_revision": str(revision)}
        write = {"request_put": {"key": _encode(key), "value": _encode(value)}}
        return bool(self._call("txn", {"compare": [unchanged], "success": [write]}).get("succeeded"))

    def _call(self, method: str, body: dict[str, Any]) -> dict[str, Any]:
        why = ["no endpoints"]
        for endpoint in self._endpoints:
            request = urllib.request.Request(f"{endpoint}/v3/kv/{method}", json.dumps(body).encode())  # noqa: S310
            try:
                with self._opener.open(request, timeout=TIMEOUT) as answer:
                    result: dict[str, Any] = json.load(answer)
                    return result
            except HTTPError as error:
                why.append(f"{endpoint}: {error.read().decode(errors='replace')[:200]}")
            except (OSError, ValueError) as error:
                why.append(f"{endpoint}: {error}")
        raise EtcdError("; ".join(why[1:] or why))


def _encode(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def count(etcd: Etcd, key: str) -> int:
    """One visit more, counted exactly however many pods count at once."""
    for _ in range(CONFLICTS):
        value, revision = etcd.get(key)
        visits = int(value or 0) + 1
        if etcd.swap(key, str(visits), revision):
            return visits
    raise EtcdError(f"{key}: written by others {CONFLICTS} times in a row")


def prove(etcd: Etcd, key: str) -> None:
    """Raise EtcdError unless what is written now can be read back."""
    nonce = os.urandom(8).hex()
    etcd.put(key, nonce)
    if etcd.get(key)[0] != nonce:
        raise EtcdError(f"{key}: read back something else than was written")


class Page(BaseHTTPRequestHandler):
    """/ counts a visit, /readyz proves a write and a read, /healthz says that the process lives."""

    etcd: Etcd
    prefix: str
    pod: str

    def do_GET(self) -> None:
        """Answer, with 503 and the reason while etcd does not."""
        try:
            self._answer(200, self._body())
        except KeyError:
            self._answer(404, "not found")
        except EtcdError as error:
            print(f"etcd: {error}", file=sys.stderr, flush=True)
            self._answer(503, f"etcd: {error}")

    def _body(self) -> str:
        if self.path == "/healthz":
            return "ok"
        if self.path == "/readyz":
            prove(self.etcd, f"{self.prefix}ready/{self.pod}")
            return "ok"
        if self.path == "/":
            return f"visits: {count(self.etcd, self.prefix + 'visits')}\npod: {self.pod}"
        raise KeyError(self.path)

    def _answer(self, code: int, text: str) -> None:
        body = f"{text}\n".encode()
        self.send_response(code)
        self.send_header("Content-Type", "text/plain; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Probes would fill the log."""


def tls_context(folder: Path) -> ssl.SSLContext | None:
    """From a mounted Secret of `ca.crt`, `tls.crt` and `tls.key`; None when there is none."""
    if not folder.is_dir():
        return None
    authority, certificate = folder / "ca.crt", folder / "tls.crt"
    context = ssl.create_default_context(cafile=str(authority) if authority.exists() else None)
    if certificate.exists():
        context.load_cert_chain(certificate, folder / "tls.key")
    return context


def main() -> None:
    """Serve until stopped."""
    endpoints = [url.strip().rstrip("/") for url in os.environ["ETCD_ENDPOINTS"].split(",") if url.strip()]
    Page.etcd = Etcd(endpoints, tls_context(Path(os.environ.get("ETCD_TLS", "/etc/etcd-client"))))
    Page.prefix = os.environ.get("ETCD_PREFIX", "/app-with-etcd/")
    Page.pod = os.environ.get("POD_NAME", "nobody")
    print(f"serving on 8080, etcd at {', '.join(endpoints)}", flush=True)
    ThreadingHTTPServer(("", int(os.environ.get("PORT", "8080"))), Page).serve_forever()


if __name__ == "__main__":
    main()
