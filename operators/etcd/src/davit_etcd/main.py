"""The etcd operator's process: everything put together, and the console script."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import NoReturn

from davit.crd import manifest
from davit.errors import Fatal
from davit.reconcile import Reconciler
from davit.runtime import Controller, Host, Runtime, run

from davit_etcd import __version__
from davit_etcd.api.v1 import CRD, ETCD_CLUSTER
from davit_etcd.client import EtcdClient
from davit_etcd.manifests import OPERATOR
from davit_etcd.operator import EtcdOperator
from davit_etcd.validate import DEFAULT_REPOSITORY
from davit_etcd.watch import WATCHES


@asynccontextmanager
async def controllers(host: Host) -> AsyncIterator[Sequence[Controller]]:
    """The operator's one controller, with an etcd client that is closed at the end.

    DAVIT_ETCD_REPOSITORY: where etcd images come from; DAVIT_ETCD_FIXED_USER: false where the platform gives each
    namespace its own users (OpenShift). Raises `Fatal` for what is neither true nor false.
    """
    repository = os.environ.get("DAVIT_ETCD_REPOSITORY") or DEFAULT_REPOSITORY
    fixed_user = _truth("DAVIT_ETCD_FIXED_USER", "true")
    etcd = EtcdClient()
    try:
        reconciler = Reconciler(EtcdOperator(host.client, etcd, repository, fixed_user), host.client, host.holds_lease)
        yield (Controller(ETCD_CLUSTER, reconciler, WATCHES),)
    finally:
        await etcd.close()


def _truth(variable: str, default: str) -> bool:
    text = (os.environ.get(variable) or default).lower()
    if text not in ("true", "false"):
        raise Fatal(f"{variable}={text!r} is neither true nor false")
    return text == "true"


def main() -> NoReturn:
    """Run until SIGTERM."""
    run(Runtime(OPERATOR, __version__, controllers, lambda: (manifest(CRD),)))


if __name__ == "__main__":
    main()
