"""A way to an S3 store with faults that are switched on and off; runs in a pod.

It ends TLS and opens its own to the store. Requests pass unchanged, Host included, so that their signatures hold. One
fault at a time holds, for the requests that it names; the control port takes and shows it:

PUT /fault {"mode": ..., "methods": [...], "path": part of the path or query, and what the mode needs}; {"mode": "pass"} ends it
  answer    with `status`, `code` and `message` as S3 says errors, after the body was read
  slow      bodies both ways at `rate` bytes/s
  cut       connections end once `upload` bytes of requests' bodies, or `download` bytes of answers' have passed since it began
  hang      the request is read and never answered, until the fault changes
  refuse    nothing listens, and open connections end
GET /log    the last requests: {"method", "path", "status" (0: none was given), "sent", "received"} in bytes of bodies
"""

from __future__ import annotations

import argparse
import contextlib
import http.client
import json
import socket
import ssl
import threading
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

CHUNK = 64 * 1024
HOP = {"connection", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade"}
MODES = ("pass", "answer", "slow", "cut", "hang", "refuse")


@dataclass(frozen=True)
class Fault:
    """What is done to the requests that it names; none named means all."""

    mode: str = "pass"
    methods: tuple[str, ...] = ()
    path: str = ""
    status: int = 403
    code: str = "AccessDenied"
    message: str = "by the test"
    rate: int = 64 * 1024
    upload: int | None = None
    download: int | None = None

    @classmethod
    def of(cls, said: dict[str, Any]) -> Fault:
        """From JSON; ValueError for an unknown mode, TypeError for an unknown field."""
        if said.get("mode", "pass") not in MODES:
            raise ValueError(f"mode {said.get('mode')!r}: one of {', '.join(MODES)}")
        return cls(**{**said, "methods": tuple(said.get("methods", ()))})

    def hits(self, method: str, path: str) -> bool:
        """Whether it is about this request."""
        return self.mode != "pass" and (not self.methods or method in self.methods) and self.path in path

    def error(self) -> bytes:
        """The body of an S3 error."""
        return f"<?xml version='1.0'?><Error><Code>{self.code}</Code><Message>{self.message}</Message></Error>".encode()


@dataclass
class Entry:
    """One request in the log."""

    method: str
    path: str
    status: int = 0
    sent: int = 0
    received: int = 0


@dataclass
class State:
    """What all connections share."""

    upstream: str
    trust: ssl.SSLContext | None
    fault: Fault = Fault()
    passed: dict[str, int] = field(default_factory=lambda: {"upload": 0, "download": 0})
    """Bytes of bodies since the fault began, of the requests that it hits."""
    log: deque[Entry] = field(default_factory=lambda: deque(maxlen=2000))
    changed: threading.Condition = field(default_factory=threading.Condition)

    def switch(self, fault: Fault) -> None:
        """From now on; whoever hangs is let go."""
        with self.changed:
            self.fault, self.passed = fault, {"upload": 0, "download": 0}
            self.changed.notify_all()

    def allowed(self, fault: Fault, way: str, size: int) -> int:
        """How many of so many bytes may pass; fewer means that the connection is to end."""
        limit = {"upload": fault.upload, "download": fault.download}[way]
        if fault.mode != "cut" or limit is None:
            return size
        with self.changed:
            allowed = min(size, max(0, limit - self.passed[way]))
            self.passed[way] += allowed
            return allowed

    def hang(self, fault: Fault) -> None:
        """Until another fault, or none, holds."""
        with self.changed:
            self.changed.wait_for(lambda: self.fault is not fault)


class Cut(Exception):
    """The connection is to end here."""


class Handler(BaseHTTPRequestHandler):
    """One client connection, with one of its own to the store."""

    protocol_version = "HTTP/1.1"
    timeout = 300
    state: State

    def setup(self) -> None:
        super().setup()
        self.upstream: http.client.HTTPConnection | None = None

    def finish(self) -> None:
        self.drop()
        with contextlib.suppress(OSError):
            super().finish()

    def drop(self) -> None:
        """Close the connection to the store."""
        if self.upstream is not None:
            self.upstream.close()
        self.upstream = None

    def serve(self) -> None:
        """One request, through the fault that holds for it when it comes."""
        fault = self.state.fault if self.state.fault.hits(self.command, self.path) else Fault()
        entry = Entry(self.command, self.path)
        self.state.log.append(entry)
        try:
            self.answer(fault, entry) if fault.mode == "answer" else self.forward(fault, entry)
        except (Cut, OSError, http.client.HTTPException):
            self.close_connection = True
            self.drop()
            with contextlib.suppress(OSError):
                self.connection.shutdown(socket.SHUT_RDWR)

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = serve

    def answer(self, fault: Fault, entry: Entry) -> None:
        """An error of S3's, without asking the store."""
        for piece in self.body(Fault(), entry):
            del piece
        error = fault.error()
        entry.status = fault.status
        self.reply(fault.status, [("Content-Type", "application/xml"), ("Content-Length", str(len(error)))])
        if self.command != "HEAD":
            self.wfile.write(error)

    def forward(self, fault: Fault, entry: Entry) -> None:
        """Ask the store and give its answer back, both in pieces."""
        upstream = self.connected()
        upstream.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
        for name, value in self.headers.items():
            if name.lower() not in HOP:
                upstream.putheader(name, value)
        upstream.endheaders()
        for piece in self.body(fault, entry):
            upstream.send(piece)
        if fault.mode == "hang":
            self.state.hang(fault)
            raise Cut
        found = upstream.getresponse()
        self.give(found, fault, entry)
        if found.will_close:
            self.drop()

    def give(self, found: http.client.HTTPResponse, fault: Fault, entry: Entry) -> None:
        """The store's answer; one without a length is read whole before."""
        headers = [(name, value) for name, value in found.getheaders() if name.lower() not in HOP]
        whole = None
        if self.command != "HEAD" and found.length is None:
            whole = found.read()
            headers.append(("Content-Length", str(len(whole))))
        entry.status = found.status
        self.reply(found.status, headers)
        for piece in [whole] if whole is not None else self.pieces(found):
            pace(fault, len(piece))
            allowed = self.state.allowed(fault, "download", len(piece))
            entry.received += allowed
            self.wfile.write(piece[:allowed])
            if allowed < len(piece):
                raise Cut

    def pieces(self, found: http.client.HTTPResponse) -> Iterator[bytes]:
        """An answer's body."""
        while piece := found.read(CHUNK):
            yield piece

    def body(self, fault: Fault, entry: Entry) -> Iterator[bytes]:
        """The request's body, which has a length: S3 clients send none without."""
        left = int(self.headers.get("Content-Length") or 0)
        while left:
            piece = self.rfile.read(min(CHUNK, left))
            if not piece:
                raise Cut
            left -= len(piece)
            pace(fault, len(piece))
            allowed = self.state.allowed(fault, "upload", len(piece))
            entry.sent += allowed
            yield piece[:allowed]
            if allowed < len(piece):
                raise Cut

    def reply(self, status: int, headers: list[tuple[str, str]]) -> None:
        """Head of an answer, with nothing of our own in it."""
        self.send_response_only(status)
        for name, value in headers:
            self.send_header(name, value)
        self.end_headers()

    def connected(self) -> http.client.HTTPConnection:
        """To the store, kept for the client's next request."""
        if self.upstream is None:
            parts = urlsplit(self.state.upstream)
            host, port = parts.hostname or "", parts.port
            if parts.scheme == "https":
                self.upstream = http.client.HTTPSConnection(host, port, timeout=300, context=self.state.trust)
            else:
                self.upstream = http.client.HTTPConnection(host, port, timeout=300)
        return self.upstream

    def log_message(self, format: str, *args: object) -> None:
        """Headers hold signatures, so nothing is printed."""


def pace(fault: Fault, size: int) -> None:
    """Take as long for so many bytes as the fault wants."""
    if fault.mode == "slow":
        time.sleep(size / fault.rate)


class Front:
    """The listening socket, which can be taken away and put back."""

    def __init__(self, port: int, state: State, context: ssl.SSLContext | None) -> None:
        self.port, self.state, self.context = port, state, context
        self.server: ThreadingHTTPServer | None = None
        self.thread: threading.Thread | None = None
        self.open_sockets: set[socket.socket] = set()

    def open(self) -> None:
        """Listen, unless it does."""
        if self.server is not None:
            return
        front = self

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            allow_reuse_address = True

            def get_request(self) -> tuple[Any, Any]:
                raw, address = super().get_request()
                # The handshake is left to the connection's own thread: a silent client must not hold up the others.
                wrapped = (
                    front.context.wrap_socket(raw, server_side=True, do_handshake_on_connect=False) if front.context else raw
                )
                front.open_sockets.add(wrapped)
                return wrapped, address

            def shutdown_request(self, request: Any) -> None:
                front.open_sockets.discard(request)
                super().shutdown_request(request)

            def handle_error(self, request: Any, client_address: Any) -> None:
                """A client that goes away is what these tests are about."""

        handler = type("Bound", (Handler,), {"state": self.state})
        self.server = Server(("", self.port), handler)
        self.port = self.server.server_port
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        self.thread.start()

    def close(self) -> None:
        """Listen no more, and end what is open."""
        if self.server is None or self.thread is None:
            return
        self.server.shutdown()
        self.server.socket.close()
        self.thread.join()
        self.server = self.thread = None
        for one in list(self.open_sockets):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)


class Control(BaseHTTPRequestHandler):
    """The port that tests speak to."""

    protocol_version = "HTTP/1.1"
    state: State
    front: Front

    def do_GET(self) -> None:
        """The log, the fault, or a word for probes."""
        found: object = "ok"
        if self.path == "/log":
            found = [asdict(entry) for entry in list(self.state.log)]
        elif self.path == "/fault":
            found = asdict(self.state.fault)
        self.say(200, found)

    def do_PUT(self) -> None:
        """Another fault."""
        try:
            fault = Fault.of(json.loads(self.rfile.read(int(self.headers.get("Content-Length") or 0))))
        except (ValueError, TypeError) as wrong:
            self.say(400, str(wrong))
            return
        self.state.switch(fault)
        if fault.mode == "refuse":
            self.front.close()
        else:
            self.front.open()
        self.say(200, asdict(fault))

    def say(self, status: int, found: object) -> None:
        """Answer with JSON."""
        data = json.dumps(found).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: object) -> None:
        """Quiet."""


def control(port: int, state: State, front: Front) -> ThreadingHTTPServer:
    """The control server, to be served by the caller."""
    return ThreadingHTTPServer(("", port), type("Bound", (Control,), {"state": state, "front": front}))


def main() -> None:
    """Serve until killed. The certs folder has tls.crt and tls.key of its own, and ca.crt that signed the store's."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("upstream")
    parser.add_argument("--port", type=int, default=9000)
    parser.add_argument("--control", type=int, default=8080)
    parser.add_argument("--certs", default="/etc/proxy")
    asked = parser.parse_args()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(f"{asked.certs}/tls.crt", f"{asked.certs}/tls.key")
    state = State(asked.upstream, ssl.create_default_context(cafile=f"{asked.certs}/ca.crt"))
    front = Front(asked.port, state, context)
    front.open()
    control(asked.control, state, front).serve_forever()


if __name__ == "__main__":
    main()
