#!/usr/bin/env python3
"""A pod for tests: serves the metrics that it is told, and keeps the notifications that it is sent.

GET /metrics: the text that was last PUT there, at first `witness_up 1`; with $WITNESS_AUTHORIZATION only to requests
with exactly that Authorization header. POST /alerts or below it keeps a notification; GET /alerts gives all of them,
oldest first, as JSON: {"received": Unix seconds, "path", "authorization", "body"}; DELETE /alerts forgets them.
It listens on $WITNESS_PORT, 8080 by default.
"""

from __future__ import annotations

import json
import os
import threading
import time
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

TEXT = "text/plain; version=0.0.4; charset=utf-8"


@dataclass
class Kept:
    """What all requests share."""

    metrics: str = "# TYPE witness_up gauge\nwitness_up 1\n"
    authorization: str | None = None
    alerts: list[dict[str, Any]] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)


class Handler(BaseHTTPRequestHandler):
    """Methods are named by http.server."""

    protocol_version = "HTTP/1.1"
    kept: Kept

    def do_GET(self) -> None:
        """Metrics or notifications; anything else is for probes."""
        if self.path.startswith("/alerts"):
            with self.kept.lock:
                self._answer(HTTPStatus.OK, json.dumps(self.kept.alerts), "application/json")
        elif not self.path.startswith("/metrics"):
            self._answer(HTTPStatus.OK, "ok\n")
        elif self.kept.authorization in (None, self.headers["Authorization"]):
            self._answer(HTTPStatus.OK, self.kept.metrics)
        else:
            self._answer(HTTPStatus.UNAUTHORIZED, "wrong Authorization header\n")

    def do_POST(self) -> None:
        """A notification; on standard output too, so that it outlives the pod in its log."""
        alert = {
            "received": time.time(),
            "path": self.path,
            "authorization": self.headers["Authorization"],
            "body": json.loads(self._body() or "null"),
        }
        with self.kept.lock:
            self.kept.alerts.append(alert)
        print(json.dumps(alert), flush=True)
        self._answer(HTTPStatus.OK, "")

    def do_PUT(self) -> None:
        """New metrics."""
        self.kept.metrics = self._body()
        self._answer(HTTPStatus.OK, "")

    def do_DELETE(self) -> None:
        """Begin anew."""
        with self.kept.lock:
            self.kept.alerts.clear()
        self._answer(HTTPStatus.OK, "")

    def _body(self) -> str:
        return self.rfile.read(int(self.headers["Content-Length"] or 0)).decode()

    def _answer(self, code: HTTPStatus, text: str, kind: str = TEXT) -> None:
        data = text.encode()
        self.send_response(code)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: object) -> None:
        """Quiet: the log holds notifications alone."""


def server(port: int, kept: Kept) -> ThreadingHTTPServer:
    """Bound, and not yet serving."""
    return ThreadingHTTPServer(("", port), type("Bound", (Handler,), {"kept": kept}))


if __name__ == "__main__":
    kept = Kept(authorization=os.environ.get("WITNESS_AUTHORIZATION"))
    server(int(os.environ.get("WITNESS_PORT", "8080")), kept).serve_forever()
