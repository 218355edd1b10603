from __future__ import annotations

import errno
from collections.abc import AsyncIterator

import aiohttp
import pytest
from aiohttp import web
from davit import metrics
from davit.errors import Fatal
from davit.model import Key


class Checks:
    """What the probes are told; changed by the tests."""

    live: str | None = None
    ready: str | None = None


@pytest.fixture
async def checks() -> Checks:
    return Checks()


@pytest.fixture
async def base(checks: Checks) -> AsyncIterator[str]:
    quiet = lambda: None  # noqa: E731
    runner = await metrics.serve(0, [quiet, lambda: checks.live], [lambda: checks.ready], host="127.0.0.1")
    yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    await runner.cleanup()


async def fetch(url: str) -> tuple[int, str]:
    async with aiohttp.ClientSession() as session, session.get(url) as response:
        return response.status, await response.text()


async def test_probes_say_what_is_wrong(base: str, checks: Checks) -> None:
    assert await fetch(f"{base}/healthz") == (200, "ok")
    assert await fetch(f"{base}/readyz") == (200, "ok")
    checks.live = "the watch of pods is dead"
    assert await fetch(f"{base}/healthz") == (503, "the watch of pods is dead")
    assert await fetch(f"{base}/readyz") == (200, "ok")
    checks.live, checks.ready = None, "waiting"
    assert await fetch(f"{base}/healthz") == (200, "ok")
    assert await fetch(f"{base}/readyz") == (503, "waiting")


async def test_a_taken_port_is_fatal_and_explained() -> None:
    runner = await metrics.serve(0, [], [])
    port = runner.addresses[0][1]
    with pytest.raises(Fatal, match=r"cannot serve metrics and probes: .*address already in use"):
        await metrics.serve(port, [], [])
    await runner.cleanup()


async def test_without_ipv6_it_listens_on_ipv4(monkeypatch: pytest.MonkeyPatch) -> None:
    start = web.TCPSite.start

    async def without_ipv6(site: web.TCPSite) -> None:
        if site._host is None:
            raise OSError(errno.EADDRNOTAVAIL, "cannot assign requested address")
        await start(site)

    monkeypatch.setattr(web.TCPSite, "start", without_ipv6)
    runner = await metrics.serve(0, [], [])
    assert await fetch(f"http://127.0.0.1:{runner.addresses[0][1]}/healthz") == (200, "ok")
    await runner.cleanup()


async def test_the_exposition_has_every_metric_by_its_name(base: str) -> None:
    metrics.RECONCILES.labels("naming", "success").inc()
    metrics.ERRORS.labels("Naming").inc()
    metrics.RECONCILE_SECONDS.labels("naming").observe(0.3)
    metrics.KUBE_REQUESTS.labels("get", "200").inc()
    metrics.resource_ready("Naming", Key("a", "b"), True)
    metrics.BUILD_INFO.labels("1.2.3").set(1)
    status, text = await fetch(f"{base}/metrics")
    assert status == 200
    for line in (
        'davit_reconcile_total{operator="naming",result="success"} 1.0',
        'davit_reconcile_duration_seconds_bucket{le="0.25",operator="naming"} 0.0',
        'davit_reconcile_duration_seconds_bucket{le="1.0",operator="naming"} 1.0',
        'davit_errors_total{class="Naming"} 1.0',
        'davit_kube_requests_total{code="200",verb="get"}',
        'davit_resource_ready{kind="Naming",name="b",namespace="a"} 1.0',
        'davit_build_info{version="1.2.3"} 1.0',
        "davit_queue_depth ",
        "davit_queue_oldest_seconds ",
        "davit_leader ",
        "davit_watch_restarts_total ",
        "process_resident_memory_bytes ",
    ):
        assert f"\n{line}" in text, line
    assert "_created" not in text
    metrics.resource_gone("Naming", Key("a", "b"))


def shown(kind: str) -> dict[str, float]:
    samples = next(iter(metrics.RESOURCE_READY.collect())).samples
    return {sample.labels["name"]: sample.value for sample in samples if sample.labels["kind"] == kind}


def test_readiness_follows_the_resource_and_goes_with_it() -> None:
    metrics.resource_ready("Following", Key("a", "x"), False)
    metrics.resource_ready("Following", Key("a", "x"), True)
    metrics.resource_ready("Following", Key("a", "y"), False)
    assert shown("Following") == {"x": 1.0, "y": 0.0}
    metrics.resource_gone("Following", Key("a", "x"))
    metrics.resource_gone("Following", Key("a", "never seen"))
    assert shown("Following") == {"y": 0.0}


def test_a_live_list_clears_what_was_deleted_unseen() -> None:
    for name in ("x", "y", "z"):
        metrics.resource_ready("Listed", Key("a", name), True)
    metrics.resource_ready("Unlisted", Key("a", "x"), True)
    metrics.resources_left("Listed", {Key("a", "y"), Key("a", "new")})
    metrics.resources_left("Never", set())
    assert shown("Listed") == {"y": 1.0}
    assert shown("Unlisted") == {"x": 1.0}


def test_what_follows_a_resource_goes_with_it_once() -> None:
    gone: list[Key] = []
    metrics.when_gone("Follower", gone.append)
    one, other = Key("ns", "one"), Key("ns", "other")
    metrics.resource_gone("Follower", one)
    assert gone == [], "it was never shown"
    for key in (one, other):
        metrics.resource_ready("Follower", key, True)
    metrics.resource_ready("Leader", one, True)
    metrics.resource_gone("Leader", one)
    metrics.resource_gone("Follower", one)
    metrics.resource_gone("Follower", one)
    assert gone == [one]
    metrics.resources_left("Follower", {one})
    assert gone == [one, other]
