"""A thin async client of Alertmanager's HTTP API.

Source: api/v2/openapi.yaml of Alertmanager and prometheus.io/docs/alerting/latest/management_api.
"""

from __future__ import annotations

import json
import ssl
from http import HTTPStatus

import aiohttp
from davit.errors import Transient
from davit.monitoring.live import Refused
from davit.monitoring.proof import discreet

from davit_alertmanager.edition import loaded
from davit_alertmanager.snapshot import Seen

LOOK = 1.5
"""Seconds for a look, which must not hold up what is done about the others."""


class AlertmanagerError(Transient):
    """Alertmanager did not answer, or not as it should."""


class AlertmanagerClient:
    """Speaks to processes by their base URL with route prefix, for example `http://10.0.0.5:9093/alerts`."""

    def __init__(self, *, timeout: float = 5.0) -> None:
        """Within a running event loop; `timeout` in seconds for a whole request."""
        # A pod is spoken to by its address, which no certificate names; nothing secret is sent to it.
        tls = ssl.create_default_context()
        tls.check_hostname = False
        tls.verify_mode = ssl.CERT_NONE
        self._timeout = timeout
        self._http = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=60.0, ssl=tls), trust_env=False
        )

    async def close(self) -> None:
        """Close all connections."""
        await self._http.close()

    async def reload(self, url: str) -> None:
        """Load the configuration and its templates anew; raises `Refused` with the process' reason."""
        status, body = await self._request("POST", f"{url}/-/reload", self._timeout)
        if status == HTTPStatus.INTERNAL_SERVER_ERROR:
            said = " ".join(body.decode(errors="replace").split())
            raise Refused(discreet(said.removeprefix("failed to reload config: "))[:1000])
        if status != HTTPStatus.OK:
            raise AlertmanagerError(f"{url}/-/reload: HTTP {status}")

    async def look(self, url: str) -> Seen:
        """What the process has loaded, and how many members of the cluster it sees, itself included."""
        where = f"{url}/api/v2/status"
        status, body = await self._request("GET", where, LOOK)
        if status != HTTPStatus.OK:
            raise AlertmanagerError(f"{where}: HTTP {status}")
        try:
            reply = json.loads(body)
            cluster = reply.get("cluster") or {}
            return Seen(
                digest=loaded(str(reply["config"]["original"])),
                cluster=str(cluster.get("status", "")),
                peers=len(cluster.get("peers") or ()),
            )
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise AlertmanagerError(f"{where}: is no status of an Alertmanager") from error

    async def _request(self, method: str, url: str, seconds: float) -> tuple[int, bytes]:
        try:
            async with self._http.request(method, url, timeout=aiohttp.ClientTimeout(total=seconds)) as response:
                return response.status, await response.read()
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise AlertmanagerError(f"{url}: {type(error).__name__} {error}".rstrip()) from error
