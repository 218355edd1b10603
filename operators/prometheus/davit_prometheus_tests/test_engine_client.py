from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web
from davit.errors import Transient
from davit.monitoring.live import Refused
from davit_prometheus.client import PrometheusClient, PrometheusError
from davit_prometheus.model import Pool


class Server:
    """Answers what the test says and keeps what it was asked."""

    def __init__(self) -> None:
        self.answer: tuple[int, Any] = (200, {"status": "success", "data": {}})
        self.asked: list[tuple[str, str, dict[str, str]]] = []

    async def handle(self, request: web.Request) -> web.Response:
        self.asked.append((request.method, request.path, dict(request.query)))
        status, body = self.answer
        return web.Response(status=status, text=body if isinstance(body, str) else json.dumps(body))

    def says(self, data: Any) -> None:
        self.answer = (200, {"status": "success", "data": data})


@pytest.fixture
async def server() -> Server:
    return Server()


@pytest.fixture
async def url(server: Server) -> AsyncIterator[str]:
    app = web.Application()
    app.router.add_route("*", "/{tail:.*}", server.handle)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}/prefix"
    await runner.cleanup()


@pytest.fixture
async def client() -> AsyncIterator[PrometheusClient]:
    found = PrometheusClient(timeout=2.0)
    yield found
    await found.close()


async def test_a_reload_is_taken_or_refused_in_the_process_own_words(server: Server, url: str, client: PrometheusClient) -> None:
    server.answer = (200, "")
    await client.reload(url)
    assert server.asked == [("POST", "/prefix/-/reload", {})]
    server.answer = (500, "failed to reload config: no\n")
    with pytest.raises(Refused, match=r"^failed to reload config: no$"):
        await client.reload(url)


@pytest.mark.parametrize("status", [403, 404, 503])
async def test_any_other_answer_is_no_refusal(server: Server, url: str, client: PrometheusClient, status: int) -> None:
    server.answer = (status, "starting up")
    with pytest.raises(PrometheusError, match=f"HTTP {status}"):
        await client.reload(url)


async def test_the_loaded_configuration_is_told(server: Server, url: str, client: PrometheusClient) -> None:
    server.says({"yaml": "global: {}\n"})
    assert await client.config(url) == "global: {}\n"
    assert server.asked == [("GET", "/prefix/api/v1/status/config", {})]


async def test_the_limits_of_one_groups_are_told_by_file(server: Server, url: str, client: PrometheusClient) -> None:
    """Servers before 2.51 do not know the query and tell all groups."""
    groups = [
        {"name": "davit-live", "file": "a", "limit": 7},
        {"name": "davit-live", "file": "b"},
        {"name": "x", "file": "a", "limit": 1},
    ]
    server.says({"groups": groups})
    assert await client.loaded_rules(url, "davit-live") == {"a": 7, "b": 0}
    assert server.asked == [("GET", "/prefix/api/v1/rules", {"rule_group[]": "davit-live"})]


METRICS = r"""# TYPE prometheus_sd_discovered_targets gauge
prometheus_sd_discovered_targets{config="config-0",name="notify"} 1
prometheus_sd_discovered_targets{config="a \"quoted\" \\ job\n",name="scrape"} 0
prometheus_sd_discovered_targets{config="serviceMonitor/shop/web/0",name="scrape"} 3
prometheus_sd_last_update_timestamp_seconds{config="gone",name="scrape"} 1.7e+09
"""


async def test_the_jobs_that_are_scraped_and_those_that_are_loaded_are_told(
    server: Server, url: str, client: PrometheusClient
) -> None:
    server.says({"scrapePools": ["a", "b"]})
    assert await client.jobs(url) == {"a", "b"}
    server.says({"scrapePools": None})
    assert await client.jobs(url) == set()
    server.answer = (200, METRICS)
    assert await client.loaded_jobs(url) == {'a "quoted" \\ job\n', "serviceMonitor/shop/web/0"}
    assert [path for _, path, _ in server.asked] == ["/prefix/api/v1/scrape_pools"] * 2 + ["/prefix/metrics"]
    server.answer = (503, "")
    with pytest.raises(PrometheusError, match="HTTP 503"):
        await client.loaded_jobs(url)


async def test_targets_are_counted_by_pool(server: Server, url: str, client: PrometheusClient) -> None:
    targets = [{"scrapePool": "a", "health": "up"}]
    targets += [{"scrapePool": "a", "health": "down", "lastError": f"error {number}"} for number in (3, 1, 2, 4, 1)]
    targets += [{"scrapePool": "b", "health": "unknown", "lastError": ""}]
    server.says({"activeTargets": targets})
    assert await client.pools(url) == {"a": Pool(6, 1, ("error 1", "error 2", "error 3")), "b": Pool(1, 0)}
    server.says(None)
    assert await client.pools(url) == {}


@pytest.mark.parametrize("answer", [(200, "<html>"), (200, {"status": "error", "error": "no"}), (503, {"status": "success"})])
async def test_an_answer_of_something_else_is_an_error(
    server: Server, url: str, client: PrometheusClient, answer: tuple[int, Any]
) -> None:
    server.answer = answer
    with pytest.raises(PrometheusError):
        await client.config(url)


async def test_a_process_that_is_away_is_an_error_that_passes(client: PrometheusClient) -> None:
    with pytest.raises(Transient):
        await client.reload("http://127.0.0.1:9")
