"""The Prometheus operator's process: everything put together, and the console script."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import NoReturn

from davit.kube.crds import packaged
from davit.kube.schemas import Schemas
from davit.model import Kind
from davit.monitoring.inventory import ours
from davit.monitoring.prover import Prover
from davit.monitoring.sources import Sources
from davit.reconcile import Reconciler
from davit.runtime import Controller, Host, Runtime, run
from davit.webhook.serving import Admission as Serving
from davit.webhook.serving import serving

from davit_prometheus import __version__
from davit_prometheus.actions import Actor
from davit_prometheus.admission import DEFAULT_IMAGE, Admission
from davit_prometheus.client import PrometheusClient
from davit_prometheus.inventory import MAINS, MONITORS, Inventory
from davit_prometheus.judge import IDLE, Judge
from davit_prometheus.model import OPERATOR
from davit_prometheus.monitors import MonitorPasses
from davit_prometheus.observe import Observer
from davit_prometheus.operator import Passes, PrometheusOperator
from davit_prometheus.validate import REPOSITORY, THANOS_REPOSITORY
from davit_prometheus.watch import watches


@asynccontextmanager
async def controllers(host: Host) -> AsyncIterator[Sequence[Controller]]:
    """A controller for each kind, which share what they know.

    DAVIT_INSTANCE_SELECTOR: labels of the Prometheus objects that are ours, all when empty; DAVIT_DEPLOYMENT: the
    operator's own Deployment, with which its provers go; DAVIT_PROMETHEUS_REPOSITORY, DAVIT_THANOS_REPOSITORY: where images
    come from. Raises `Fatal` for a selector that is none.
    """
    repository = os.environ.get("DAVIT_PROMETHEUS_REPOSITORY") or REPOSITORY
    thanos_repository = os.environ.get("DAVIT_THANOS_REPOSITORY") or THANOS_REPOSITORY
    inventory = Inventory(namespaced=host.settings.namespaces is not None, ours=ours(os.environ))
    schemas = Schemas(host.client)
    prover = Prover(host.client, OPERATOR, host.home, os.environ.get("DAVIT_DEPLOYMENT", ""), IDLE)
    judge = Judge(prover)
    async with AsyncExitStack() as stack:
        prometheus = PrometheusClient()
        stack.push_async_callback(prometheus.close)
        observer = Observer(host.client, prometheus, inventory, Sources(host.client, inventory.cache), judge)
        actor = Actor(host.client, prometheus, observer)
        if host.settings.admission_service:
            admission, reviewers = Serving.of(OPERATOR, host.settings, host.home), Admission(judge, inventory.ours).endpoints()
            await stack.enter_async_context(serving(host.client, admission, reviewers, host.holds_lease))

        async def retire(images: Collection[str]) -> None:
            await prover.retire({*images, *([DEFAULT_IMAGE] if host.settings.admission_service else [])})

        def main_controller(kind: Kind) -> Controller:
            operator = PrometheusOperator(kind, observer, actor, inventory, repository, thanos_repository)
            reconciler = Reconciler(operator, host.client, host.holds_lease, fit=schemas.fit)
            passes = Passes(reconciler, kind, inventory, host.wake, retire)
            return Controller(kind, passes, watches(kind, inventory), required=False, cache=inventory.cache)

        def monitor_controller(kind: Kind) -> Controller:
            passes = MonitorPasses(kind, host.client, inventory, host.holds_lease, schemas.fit)
            return Controller(kind, passes, required=False, cache=inventory.cache)

        yield (*map(main_controller, MAINS), *map(monitor_controller, MONITORS))


def main() -> NoReturn:
    """Run until SIGTERM."""
    run(Runtime(OPERATOR, __version__, controllers, lambda: packaged(__package__)))


if __name__ == "__main__":
    main()
