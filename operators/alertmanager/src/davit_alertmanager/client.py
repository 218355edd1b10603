"""A thin async client of Alertmanager's HTTP API.

Source: api/v2/openapi.yaml of Alertmanager and prometheus.io/docs/alerting/latest/management_api.
"""

from __future__ import annotations

import json
from http import HTTPStatus

from davit.errors import Transient
from davit.monitoring.live import Refused
from davit.monitoring.session import Session

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
        self._timeout = timeout
        self._http = Session(AlertmanagerError)

    async def close(self) -> None:
        """Close all connections."""
        await self._http.close()

    async def answers(self, url: str) -> bool:
        """Whether the process is there at all, said soon."""
        return await self._http.answers(url)

    async def reload(self, url: str) -> None:
        """Load the configuration and its templates anew; raises `Refused` with the process' reason."""
        status, body = await self._http.request("POST", f"{url}/-/reload", self._timeout)
        if status == HTTPStatus.INTERNAL_SERVER_ERROR:
            said = " ".join(body.decode(errors="replace").split())
            raise Refused(said.removeprefix("failed to reload config: "))
        if status != HTTPStatus.OK:
            raise AlertmanagerError(f"{url}/-/reload: HTTP {status}")

    async def look(self, url: str) -> Seen:
        """What the process has loaded, and how many members of the cluster it sees, itself included."""
        where = f"{url}/api/v2/status"
        status, body = await self._http.request("GET", where, LOOK)
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
