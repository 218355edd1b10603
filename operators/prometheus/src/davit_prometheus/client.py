"""A thin async client of Prometheus' HTTP API.

Source: prometheus.io/docs/prometheus/latest/querying/api and management_api.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from davit.errors import Transient
from davit.monitoring.live import Refused
from davit.monitoring.session import Session

from davit_prometheus.model import Pool

Json = dict[str, Any]


_DISCOVERED = re.compile(r'^prometheus_sd_discovered_targets\{config="((?:[^"\\]|\\.)*)",name="scrape"\} ', re.MULTILINE)
"""Set for each job by the reload itself; source: discovery/manager.go and discovery/legacymanager/manager.go, ApplyConfig."""
RELOAD_TIMEOUT = 60.0
"""Seconds: the first load of thousands of jobs takes some."""


class PrometheusError(Transient):
    """Prometheus did not answer, or not as it should."""


class PrometheusClient:
    """Speaks to processes by their base URL with route prefix, for example `http://10.0.0.5:9090/prometheus`."""

    def __init__(self, *, timeout: float = 5.0) -> None:
        """Within a running event loop; `timeout` in seconds for a whole request."""
        self._timeout = timeout
        self._http = Session(PrometheusError)

    async def close(self) -> None:
        """Close all connections."""
        await self._http.close()

    async def answers(self, url: str) -> bool:
        """Whether the process is there at all, said soon."""
        return await self._http.answers(url)

    async def reload(self, url: str) -> None:
        """Load the configuration files anew; raises `Refused` with the process' reason."""
        status, body = await self._http.request("POST", f"{url}/-/reload", RELOAD_TIMEOUT)
        if status == HTTPStatus.INTERNAL_SERVER_ERROR:
            raise Refused(body.decode(errors="replace").strip())
        if status != HTTPStatus.OK:
            raise PrometheusError(f"{url}/-/reload: HTTP {status}")

    async def config(self, url: str) -> str:
        """The configuration that the process has loaded, as YAML with its secrets hidden."""
        data = await self._data(f"{url}/api/v1/status/config")
        return str(data.get("yaml", ""))

    async def loaded_rules(self, url: str, group: str) -> dict[str, int]:
        """The `limit` of each loaded rule group of this name, by the file that it comes from."""
        data = await self._data(f"{url}/api/v1/rules", {"rule_group[]": group})
        return {one["file"]: int(one.get("limit", 0)) for one in data.get("groups", ()) if one["name"] == group}

    async def jobs(self, url: str) -> set[str]:
        """Names of the jobs that are scraped: a new one is among them once its targets were discovered, after some seconds."""
        data = await self._data(f"{url}/api/v1/scrape_pools")
        return set(data.get("scrapePools") or ())

    async def loaded_jobs(self, url: str) -> set[str]:
        """Names of the jobs that were loaded, new ones too, and in some versions those that are gone; dear for thousands."""
        status, body = await self._http.request("GET", f"{url}/metrics", self._timeout)
        if status != HTTPStatus.OK:
            raise PrometheusError(f"{url}/metrics: HTTP {status}")
        return {_unescaped(name) for name in _DISCOVERED.findall(body.decode(errors="replace"))}

    async def pools(self, url: str) -> dict[str, Pool]:
        """How many targets each scrape pool has, and how many of them are up; only pools with targets."""
        data = await self._data(f"{url}/api/v1/targets", {"state": "active"})
        found: dict[str, list[Json]] = {}
        for target in data.get("activeTargets", ()):
            found.setdefault(target["scrapePool"], []).append(target)
        return {name: _pool(targets) for name, targets in found.items()}

    async def _data(self, url: str, query: Mapping[str, str] | None = None) -> Json:
        status, body = await self._http.request("GET", url, self._timeout, query)
        try:
            reply = json.loads(body)
        except ValueError as error:
            raise PrometheusError(f"{url}: HTTP {status}, and no JSON") from error
        if status != HTTPStatus.OK or reply.get("status") != "success":
            raise PrometheusError(f"{url}: HTTP {status} {reply.get('error', '')}".rstrip())
        data = reply.get("data")
        return data if isinstance(data, dict) else {}


def _pool(targets: list[Json]) -> Pool:
    down = [target for target in targets if target.get("health") != "up"]
    errors = sorted({str(target["lastError"])[:200] for target in down if target.get("lastError")})
    return Pool(len(targets), len(targets) - len(down), tuple(errors[:3]))


def _unescaped(value: str) -> str:
    """A label's value in the text format of metrics."""
    return re.sub(r"\\(.)", lambda found: "\n" if found[1] == "n" else found[1], value)
