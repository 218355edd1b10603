"""A real MinIO over TLS on loopback, and a proxy in front of it that makes trouble."""

from __future__ import annotations

import secrets
import socket
import socketserver
import threading
import time
from pathlib import Path
from types import TracebackType
from typing import Any

import urllib3
from davit.backup.model import Ca, Store
from davit.backup.s3 import S3Store, Timeouts
from davit.webhook.authority import make
from minio import Minio, MinioAdmin
from minio.credentials.providers import StaticProvider

from ci.cluster.process import Processes
from ci.progress import wait_for
from ci.tools.build import ensure, path

QUICK = Timeouts(connect=5, read=5, retries=2, pause=0.05)


class MinioServer:
    """One process with one drive; `root` and `password` are its administrator."""

    def __init__(self, state: Path) -> None:
        self.state, self.processes = state, Processes(state)
        self.root, self.password = "administrator", secrets.token_hex(16)
        self.port, self.console = free_ports(2)
        self.endpoint = f"https://127.0.0.1:{self.port}"

    def __enter__(self) -> MinioServer:
        ensure(["minio"])
        material = make("127.0.0.1", time.time())
        for name, content in (
            ("certs/public.crt", material.certificate),
            ("certs/private.key", material.key),
            ("ca/ca.crt", material.authorities),
        ):
            file = self.state / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content)
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.stop()

    @property
    def ca(self) -> Path:
        """The folder with ca.crt, as it is mounted."""
        return self.state / "ca"

    def start(self) -> None:
        """Returns when it serves."""
        settings = {
            "MINIO_ROOT_USER": self.root,
            "MINIO_ROOT_PASSWORD": self.password,
            "MINIO_UPDATE": "off",
            "MINIO_BROWSER": "off",
            "HOME": str(self.state),
        }
        self.processes.start(
            "minio",
            [
                "env", *(f"{name}={value}" for name, value in settings.items()), path("minio"), "server",
                "--address", f"127.0.0.1:{self.port}", "--console-address", f"127.0.0.1:{self.console}",
                "--certs-dir", self.state / "certs", self.state / "data",
            ],
            dies_with_us=True,
        )  # fmt: skip
        wait_for(self._not_ready, 60)

    def stop(self) -> None:
        """End it; the data stays."""
        self.processes.stop("minio")

    def store(self, bucket: str, prefix: str = "", endpoint: str = "", **more: Any) -> Store:
        """The way to a bucket here."""
        return Store(
            bucket=bucket, secret="minio-key", prefix=prefix, endpoint=endpoint or self.endpoint,
            path_style=True, ca=Ca("Secret", "minio-ca", "ca.crt"), **more,
        )  # fmt: skip

    def s3(self, store: Store, timeouts: Timeouts = QUICK, key: tuple[str, str] | None = None) -> S3Store:
        """The adapter to be tested, with the administrator's key pair or another one."""
        return S3Store(store, str(self.credentials(*(key or (self.root, self.password)))), str(self.ca), timeouts)

    def credentials(self, access: str, secret: str) -> Path:
        """A folder as the Secret is mounted."""
        folder = self.state / "credentials" / secrets.token_hex(4)
        folder.mkdir(parents=True)
        (folder / "AWS_ACCESS_KEY_ID").write_text(access + "\n")
        (folder / "AWS_SECRET_ACCESS_KEY").write_text(secret + "\n")
        return folder

    def client(self) -> Minio:
        """Minio's own client, as the administrator."""
        return Minio(
            self.endpoint.removeprefix("https://"), self.root, self.password, region="us-east-1", http_client=self._pool()
        )

    def admin(self) -> MinioAdmin:
        """For users and policies."""
        host = self.endpoint.removeprefix("https://")
        return MinioAdmin(
            endpoint=host, credentials=StaticProvider(self.root, self.password), region="us-east-1", http_client=self._pool()
        )

    def _pool(self) -> urllib3.PoolManager:
        return urllib3.PoolManager(ca_certs=str(self.ca / "ca.crt"), retries=urllib3.Retry(3))

    def _not_ready(self) -> str | None:
        self.processes.require_alive("minio")
        try:
            response = self._pool().request("GET", f"{self.endpoint}/minio/health/ready", timeout=2, retries=False)
        except urllib3.exceptions.HTTPError as error:
            return f"MinIO ({type(error).__name__})"
        return None if response.status == 200 else f"MinIO (HTTP {response.status})"


def free_ports(count: int) -> list[int]:
    """Ports that nobody uses at this moment."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [found.getsockname()[1] for found in sockets]
    for found in sockets:
        found.close()
    return ports


class Proxy:
    """TCP to the server, unless told otherwise.

    sent, received: bytes to and from the server until now; cut_sent, cut_received: how many of each may pass until every
    connection breaks, `cuts` times; stalled: while set, nothing passes.
    """

    def __init__(self, port: int) -> None:
        self._target = port
        self.cut_sent = self.cut_received = float("inf")
        self.cuts = 0
        self.sent = self.received = 0
        self.stalled = threading.Event()
        self._lock = threading.Lock()
        self._closing = threading.Event()
        outer = self

        class Handler(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                outer._serve(self.request)

        class Server(socketserver.ThreadingTCPServer):
            allow_reuse_address = True
            daemon_threads = True
            block_on_close = False

        self._server = Server(("127.0.0.1", 0), Handler)
        self.port = int(self._server.server_address[1])
        self.endpoint = f"https://127.0.0.1:{self.port}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)

    def __enter__(self) -> Proxy:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._closing.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def cut(self, *, sent: float = float("inf"), received: float = float("inf"), times: int = 1) -> None:
        """Break every connection when so many more bytes have passed, so many times."""
        with self._lock:
            self.sent = self.received = 0
            self.cut_sent, self.cut_received, self.cuts = sent, received, times

    def _serve(self, client: socket.socket) -> None:
        with socket.create_connection(("127.0.0.1", self._target)) as server:
            other = threading.Thread(target=self._copy, args=(server, client, False), daemon=True)
            other.start()
            self._copy(client, server, True)
            other.join()

    def _copy(self, source: socket.socket, target: socket.socket, sending: bool) -> None:
        try:
            while data := source.recv(65536):
                while self.stalled.is_set() and not self._closing.is_set():
                    self._closing.wait(0.05)
                if self._over(len(data), sending):
                    break
                target.sendall(data)
        except OSError:
            pass
        for end in (source, target):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue

    def _over(self, count: int, sending: bool) -> bool:
        with self._lock:
            self.sent += count if sending else 0
            self.received += 0 if sending else count
            if self.cuts and (self.sent > self.cut_sent or self.received > self.cut_received):
                self.cuts -= 1
                self.sent = self.received = 0
                return True
            return False
