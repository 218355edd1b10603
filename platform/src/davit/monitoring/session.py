"""HTTP with the processes in pods. One that can't be reached is told from one that is slow, and soon."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Mapping
from http import HTTPStatus

import aiohttp

from davit.errors import Transient

CONNECT = 2.0
"""Seconds to connect, TLS included, and for a process that was silent to answer that it is well."""
UNHEARD = 3000
"""Milliseconds for which a kept connection may carry nothing (tcp(7), TCP_USER_TIMEOUT): the peer's kernel acknowledges what it
is sent even while its process is busy for long, so this is the network."""


class Session:
    """To be made within a running event loop; `error` is what it raises when a process does not answer."""

    def __init__(self, error: type[Transient]) -> None:
        # A pod is spoken to by its address, which no certificate names; nothing secret is sent to it.
        tls = ssl.create_default_context()
        tls.check_hostname = False
        tls.verify_mode = ssl.CERT_NONE
        self._error = error
        self._http = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=60.0, ssl=tls, socket_factory=_socket), trust_env=False
        )

    async def close(self) -> None:
        """Close all connections."""
        await self._http.close()

    async def request(self, method: str, url: str, seconds: float, query: Mapping[str, str] | None = None) -> tuple[int, bytes]:
        """Status and body, within so many seconds."""
        timeout = aiohttp.ClientTimeout(total=seconds, sock_connect=CONNECT)
        try:
            async with self._http.request(method, url, params=query, timeout=timeout) as response:
                return response.status, await response.read()
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise self._error(f"{url}: {type(error).__name__} {error}".rstrip()) from error

    async def answers(self, url: str) -> bool:
        """Whether the process at a base URL is there at all; source: the management APIs of Prometheus and Alertmanager."""
        try:
            status, _ = await self.request("GET", f"{url}/-/healthy", CONNECT)
        except Transient:
            return False
        return status == HTTPStatus.OK


def _socket(address: tuple[int, int, int, str, object]) -> socket.socket:
    family, kind, protocol, _, _ = address
    made = socket.socket(family, kind, protocol)
    made.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, UNHEARD)
    return made
