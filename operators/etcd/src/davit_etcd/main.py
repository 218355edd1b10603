"""The etcd operator's process: everything put together, and the console script."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import NoReturn

from davit.crd import manifest
from davit.kube.client import Client
from davit.reconcile import Reconciler
from davit.runtime import Controller, Runtime, run

from davit_etcd import __version__
from davit_etcd.api.v1 import CRD, ETCD_CLUSTER
from davit_etcd.client import EtcdClient
from davit_etcd.manifests import OPERATOR
from davit_etcd.operator import EtcdOperator
from davit_etcd.validate import DEFAULT_REPOSITORY
from davit_etcd.watch import WATCHES


@asynccontextmanager
async def controllers(kube: Client, holds_lease: Callable[[], bool]) -> AsyncIterator[Sequence[Controller]]:
    """The operator's one controller, with an etcd client that is closed at the end."""
    etcd = EtcdClient()
    try:
        repository = os.environ.get("DAVIT_ETCD_REPOSITORY") or DEFAULT_REPOSITORY
        reconciler = Reconciler(EtcdOperator(kube, etcd, repository), kube, holds_lease)
        yield (Controller(ETCD_CLUSTER, reconciler, WATCHES),)
    finally:
        await etcd.close()


def main() -> NoReturn:
    """Run until SIGTERM."""
    run(Runtime(OPERATOR, __version__, controllers, lambda: (manifest(CRD),)))


if __name__ == "__main__":
    main()
