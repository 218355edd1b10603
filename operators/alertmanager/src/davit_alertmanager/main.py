"""The Alertmanager operator's process: everything put together, and the console script."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import NoReturn

from davit.kube.crds import packaged
from davit.kube.schemas import Schemas
from davit.monitoring.inventory import ours
from davit.monitoring.prover import Prover
from davit.monitoring.sources import Sources
from davit.reconcile import Reconciler
from davit.runtime import Controller, Host, Runtime, run
from davit.webhook.serving import Admission, serving

from davit_alertmanager import __version__
from davit_alertmanager.actions import Actor
from davit_alertmanager.admission import endpoints
from davit_alertmanager.api.v1 import ALERTMANAGER
from davit_alertmanager.api.v1alpha1 import ALERTMANAGER_CONFIG
from davit_alertmanager.client import AlertmanagerClient
from davit_alertmanager.configs import ConfigPasses
from davit_alertmanager.draft import Drafter
from davit_alertmanager.inventory import Inventory
from davit_alertmanager.judge import IDLE, Judge
from davit_alertmanager.model import OPERATOR
from davit_alertmanager.observe import Observer
from davit_alertmanager.operator import AlertmanagerOperator, Passes
from davit_alertmanager.validate import REPOSITORY
from davit_alertmanager.watch import watches


@asynccontextmanager
async def controllers(host: Host) -> AsyncIterator[Sequence[Controller]]:
    """A controller for each kind, which share what they know.

    DAVIT_INSTANCE_SELECTOR: labels of the Alertmanagers that are ours, all when empty; DAVIT_DEPLOYMENT: the operator's own
    Deployment, with which its provers go; DAVIT_ALERTMANAGER_REPOSITORY: where images come from. Raises `Fatal` for a selector
    that is none.
    """
    repository = os.environ.get("DAVIT_ALERTMANAGER_REPOSITORY") or REPOSITORY
    inventory = Inventory(namespaced=host.settings.namespaces is not None, ours=ours(os.environ))
    schemas = Schemas(host.client)
    prover = Prover(host.client, OPERATOR, host.home, os.environ.get("DAVIT_DEPLOYMENT", ""), IDLE)
    judge = Judge(prover)
    async with AsyncExitStack() as stack:
        alertmanager = AlertmanagerClient()
        stack.push_async_callback(alertmanager.close)
        drafter = Drafter(host.client, inventory, Sources(host.client, inventory.cache), judge)
        observer = Observer(host.client, alertmanager, inventory, drafter)
        operator = AlertmanagerOperator(observer, Actor(host.client, alertmanager, observer), inventory, repository)
        reconciler = Reconciler(operator, host.client, host.holds_lease, fit=schemas.fit)
        passes = Passes(reconciler, ALERTMANAGER, inventory, host.wake, prover.retire)
        configs = ConfigPasses(ALERTMANAGER_CONFIG, host.client, inventory, host.holds_lease, schemas.fit)
        if host.settings.admission_service:
            admission = Admission.of(OPERATOR, host.settings, host.home)
            await stack.enter_async_context(serving(host.client, admission, endpoints(inventory.ours), host.holds_lease))
        yield (
            Controller(ALERTMANAGER, passes, watches(inventory), required=False, cache=inventory.cache),
            Controller(ALERTMANAGER_CONFIG, configs, required=False, cache=inventory.cache),
        )


def main() -> NoReturn:
    """Run until SIGTERM."""
    run(Runtime(OPERATOR, __version__, controllers, lambda: packaged(__package__)))


if __name__ == "__main__":
    main()
