"""The etcd operator's process: everything put together, and the console script."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import NoReturn

from davit import metrics
from davit.errors import Fatal
from davit.kube.crds import packaged
from davit.reconcile import Reconciler
from davit.runtime import Controller, Host, Runtime, run

from davit_etcd import __version__
from davit_etcd.api.backups import ETCD_BACKUP, ETCD_BACKUP_SCHEDULE
from davit_etcd.api.restores import ETCD_RESTORE
from davit_etcd.api.v1 import ETCD_CLUSTER
from davit_etcd.backup.operator import BackupOperator
from davit_etcd.client import EtcdClient
from davit_etcd.manifests import OPERATOR
from davit_etcd.manifests.jobs import Agent
from davit_etcd.operator import EtcdOperator
from davit_etcd.restore.operator import RestoreOperator
from davit_etcd.schedule.operator import ScheduleOperator
from davit_etcd.validate import DEFAULT_REPOSITORY
from davit_etcd.watch import WATCHES, backup_watches, restore_watches, schedule_watches


@asynccontextmanager
async def controllers(host: Host) -> AsyncIterator[Sequence[Controller]]:
    """A controller for each kind, with an etcd client that is closed at the end.

    DAVIT_ETCD_REPOSITORY: where etcd images come from; DAVIT_ETCD_FIXED_USER: false where the platform gives each
    namespace its own users (OpenShift); DAVIT_AGENT_IMAGE: the operator's own image, in which backups are made;
    DAVIT_AGENT_PULL_SECRETS: names of Secrets to pull it with, with commas between. Raises `Fatal` for what is neither true
    nor false.
    """
    repository = os.environ.get("DAVIT_ETCD_REPOSITORY") or DEFAULT_REPOSITORY
    fixed_user = _truth("DAVIT_ETCD_FIXED_USER", "true")
    agent = _agent()
    etcd = EtcdClient()
    try:
        clusters = EtcdOperator(host.client, etcd, repository, fixed_user, agent)
        metrics.when_gone(ETCD_CLUSTER.kind, clusters.gone)
        backups = BackupOperator(host.client, agent, repository, fixed_user)
        schedules = ScheduleOperator(host.client)
        metrics.when_gone(ETCD_BACKUP.kind, backups.pending.ended)
        restores = RestoreOperator(host.client)
        metrics.when_gone(ETCD_BACKUP_SCHEDULE.kind, schedules.known.ended)
        metrics.when_gone(ETCD_RESTORE.kind, restores.pending.ended)
        yield (
            Controller(ETCD_CLUSTER, Reconciler(clusters, host.client, host.holds_lease), WATCHES),
            Controller(ETCD_BACKUP, Reconciler(backups, host.client, host.holds_lease), backup_watches(backups.pending)),
            Controller(
                ETCD_BACKUP_SCHEDULE, Reconciler(schedules, host.client, host.holds_lease), schedule_watches(schedules.known)
            ),
            Controller(ETCD_RESTORE, Reconciler(restores, host.client, host.holds_lease), restore_watches(restores.pending)),
        )
    finally:
        await etcd.close()


def _agent() -> Agent:
    names = (os.environ.get("DAVIT_AGENT_PULL_SECRETS") or "").split(",")
    return Agent(os.environ.get("DAVIT_AGENT_IMAGE") or "", tuple(name.strip() for name in names if name.strip()))


def _truth(variable: str, default: str) -> bool:
    text = (os.environ.get(variable) or default).lower()
    if text not in ("true", "false"):
        raise Fatal(f"{variable}={text!r} is neither true nor false")
    return text == "true"


def main() -> NoReturn:
    """Run until SIGTERM."""
    run(Runtime(OPERATOR, __version__, controllers, lambda: packaged(__package__)))


if __name__ == "__main__":
    main()
