"""The operator under test, run as a process: writes a line for each pass and does nothing else.

`TOY` in the environment is JSON: group, fields (of the CRD that it maintains), version, patience (seconds for which
a lease lasts), timings. SIGUSR1 lets the watch of toys die as in nolar/kopf#1276: its task ends, and nothing says so.
"""

from __future__ import annotations

import asyncio
import gc
import json
import os
import signal
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

from davit import lease
from davit.kube.kinds import CONFIG_MAP
from davit.model import Key, Kind, Watch
from davit.runtime import Controller, Host, Runtime, Timings, run

from davit_tests.api.people import toy_crd

WISHES: dict[str, Any] = json.loads(os.environ.get("TOY", "{}"))
TOYS = Kind(WISHES.get("group", "toys.davit.dev"), "v1", "Toy", "toys")


def owner(manifest: Mapping[str, Any]) -> tuple[Key]:
    """The toy that a labelled config map belongs to."""
    return (Key(manifest["metadata"]["namespace"], manifest["metadata"]["labels"]["toy"]),)


@asynccontextmanager
async def controllers(host: Host) -> AsyncIterator[Sequence[Controller]]:
    async def reconcile(key: Key) -> None:
        found = await host.client.get(TOYS, key)
        print(json.dumps({"pass": str(key), "spec": found and found["spec"], "leads": host.holds_lease()}), flush=True)

    yield (Controller(TOYS, reconcile, (Watch(CONFIG_MAP, owner, {"part-of": "toys"}),)),)
    print(json.dumps({"closed": True}), flush=True)


def let_watch_die(*_: object) -> None:
    for loop in [found for found in gc.get_objects() if isinstance(found, asyncio.AbstractEventLoop)]:
        for task in asyncio.all_tasks(loop) if loop.is_running() else ():
            if task.get_name().startswith("watcher for toys"):
                loop.call_soon_threadsafe(task.cancel)


def main() -> None:
    signal.signal(signal.SIGUSR1, let_watch_die)
    if patience := WISHES.get("patience"):
        lease.DURATION, lease.RENEW_DEADLINE = patience * 1.5, patience
    crd = toy_crd(TOYS, *WISHES.get("fields", ()))
    runtime = Runtime("davit-toy", WISHES.get("version", "1.0.0"), controllers, lambda: (crd,))
    run(runtime, timings=Timings(**{"discovery": 0.3, **WISHES.get("timings", {})}))


if __name__ == "__main__":
    main()
