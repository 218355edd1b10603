"""What the operator says about itself: Prometheus metrics and the health endpoints, on one port."""

from __future__ import annotations

import errno
from collections.abc import Awaitable, Callable, Collection, Sequence

import prometheus_client
from aiohttp import web
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector

from davit.errors import Fatal
from davit.model import Key

REGISTRY = CollectorRegistry()
"""Our own: the default one would carry whatever a library registers at import."""

RECONCILES = Counter(
    "davit_reconcile", "Passes by result.", ["operator", "result"], registry=REGISTRY
)  # exposed as davit_reconcile_total, as the next ones are
RECONCILE_SECONDS = Histogram(
    "davit_reconcile_duration_seconds",
    "How long a pass took.",
    ["operator"],
    buckets=(0.05, 0.25, 1.0, 5.0, 30.0, 120.0),
    registry=REGISTRY,
)
ERRORS = Counter("davit_errors", "Failed passes by error class.", ["class"], registry=REGISTRY)
QUEUE_DEPTH = Gauge("davit_queue_depth", "Resources that wait for a worker.", registry=REGISTRY)
QUEUE_OLDEST = Gauge("davit_queue_oldest_seconds", "How long the longest waiting one has waited.", registry=REGISTRY)
RESOURCE_READY = Gauge(
    "davit_resource_ready",
    "Whether the resource's Ready condition is True.",
    ["namespace", "name", "kind"],
    registry=REGISTRY,
)
KUBE_REQUESTS = Counter(
    "davit_kube_requests",
    "Requests to the API server; code is `error` when there was no answer.",
    ["verb", "code"],
    registry=REGISTRY,
)
WATCH_RESTARTS = Counter("davit_watch_restarts", "How often all watches were begun anew.", registry=REGISTRY)
LEADER = Gauge("davit_leader", "1 while this process holds the lease.", registry=REGISTRY)
BUILD_INFO = Gauge("davit_build_info", "Always 1, labelled with the version.", ["version"], registry=REGISTRY)

ProcessCollector(registry=REGISTRY)
prometheus_client.disable_created_metrics()  # type: ignore[no-untyped-call]

Check = Callable[[], str | None]
"""Says what is wrong, None when nothing is; must not block."""

_ready: dict[str, set[Key]] = {}
"""The resources with a series, by kind: prometheus-client cannot list its labels."""
_followers: dict[str, list[Callable[[Key], object]]] = {}
"""What else ends with a resource, by kind."""


def when_gone(kind: str, forget: Callable[[Key], object]) -> None:
    """Have this called with the key of each resource of the kind that was shown ready or not and is no more."""
    _followers.setdefault(kind, []).append(forget)


def resource_ready(kind: str, key: Key, ready: bool) -> None:
    """Show the resource's readiness from now on; `kind` as in the manifest."""
    _ready.setdefault(kind, set()).add(key)
    RESOURCE_READY.labels(key.namespace, key.name, kind).set(ready)


def resource_gone(kind: str, key: Key) -> None:
    """The resource was deleted: a series that stayed would alert forever."""
    if key in _ready.get(kind, set()):
        _ready[kind].remove(key)
        RESOURCE_READY.remove(key.namespace, key.name, kind)
        for forget in _followers.get(kind, ()):
            forget(key)


def resources_left(kind: str, keys: Collection[Key]) -> None:
    """Forget the resources of this kind that a live list does not have: deletions can be missed."""
    for key in _ready.get(kind, set()).difference(keys):
        resource_gone(kind, key)


async def serve(port: int, live: Sequence[Check], ready: Sequence[Check], host: str | None = None) -> web.AppRunner:
    """Answer /metrics, /healthz and /readyz, on all interfaces by default, until the runner's `cleanup()`.

    Raises `Fatal` when the port is not to be had.
    """
    app = web.Application()
    app.router.add_get("/metrics", _metrics)
    app.router.add_get("/healthz", _verdict(live))
    app.router.add_get("/readyz", _verdict(ready))
    runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=1.0)
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port).start()
    except OSError as error:
        # Where IPv6 is switched off, binding "all interfaces" fails as a whole.
        if host is not None or error.errno != errno.EADDRNOTAVAIL:
            raise Fatal(f"cannot serve metrics and probes: {error}") from error
        await web.TCPSite(runner, "0.0.0.0", port).start()  # noqa: S104 # as the pod's port is meant
    return runner


async def _metrics(_: web.Request) -> web.Response:
    body = prometheus_client.generate_latest(REGISTRY)
    return web.Response(body=body, headers={"Content-Type": prometheus_client.CONTENT_TYPE_LATEST})


def _verdict(checks: Sequence[Check]) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def handle(_: web.Request) -> web.Response:
        wrong = [text for check in checks if (text := check()) is not None]
        return web.Response(status=503 if wrong else 200, text="\n".join(wrong) or "ok")

    return handle
