"""Admission in an operator's process: `serving` is a context for its `controllers`.

Each replica looks at the Secret, and the leader at the registration, twice a minute: as cheap as a watch at that rate,
and unlike one it sees what happened while it was cut off. Trouble is logged and tried again; it never ends the process,
for admission fails open and the operator works without.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from prometheus_client import Gauge

from davit.errors import Blocked, Transient
from davit.kube.client import Client
from davit.metrics import REGISTRY
from davit.model import Key
from davit.settings import Settings
from davit.webhook.registration import Address, Endpoint, Registrar, Registration, owner
from davit.webhook.server import Server, frames
from davit.webhook.store import Store
from davit.webhook.tls import Identity

log = logging.getLogger(__name__)

INTERVAL = 30.0
"""Seconds between looks."""
FIRST = 5.0
"""Seconds for which a start waits for the certificate: a pod that is ready should answer reviews."""
STEP = 1.0
"""Seconds until a new leader begins."""

EXPIRY = Gauge(
    "davit_admission_certificate_expiry_timestamp_seconds",
    "Unix time at which the webhook's serving certificate ends; 0 without one.",
    registry=REGISTRY,
)


@dataclass(frozen=True, slots=True)
class Admission:
    """What differs between installations.

    operator: the field manager; configuration: name of the ValidatingWebhookConfiguration; secret: Key of the keys'
    Secret; address: where the API server finds us; port: to listen on, at `host`, None for all interfaces; owner: the
    ClusterRole with which configuration and Secret go, empty to leave them; namespaces: those served, None for all;
    selector: a label selector for the objects that are ours, empty for all.
    """

    operator: str
    configuration: str
    secret: Key
    address: Address
    port: int = 9443
    host: str | None = None
    owner: str = ""
    namespaces: tuple[str, ...] | None = None
    selector: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, operator: str, settings: Settings, home: str) -> Admission:
        """Of a process whose own namespace is `home`."""
        return cls(
            operator,
            settings.admission_configuration,
            Key(home, settings.admission_secret),
            Address.service(settings.admission_service, home),
            port=settings.admission_port,
            owner=settings.admission_owner,
            namespaces=settings.namespaces,
        )

    def registration(self, endpoints: tuple[Endpoint, ...]) -> Registration:
        """What the API server is told of this table."""
        return Registration(self.configuration, self.operator, self.address, endpoints, self.namespaces, self.selector)


@asynccontextmanager
async def serving(
    client: Client,
    admission: Admission,
    endpoints: Sequence[Endpoint],
    leads: Callable[[], bool],
    *,
    clock: Callable[[], float] = time.time,
) -> AsyncIterator[None]:
    """Answer reviews, and be asked for them while `leads`; raises `Fatal` when the port is taken."""
    identity = Identity()
    runner = await Server(endpoints).start(admission.port, identity.context, admission.host)
    store = Store(client, admission.secret, admission.address.host, admission.operator, clock=clock)
    keeper = _Keeper(client, admission, identity, leads=leads, store=store, table=tuple(endpoints))
    task = asyncio.create_task(keeper.run())
    try:
        with suppress(TimeoutError):
            async with asyncio.timeout(FIRST):
                await keeper.tried.wait()
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await runner.cleanup()


class _Keeper:
    """Keeps certificate and registration as they should be."""

    def __init__(
        self,
        client: Client,
        admission: Admission,
        identity: Identity,
        *,
        leads: Callable[[], bool],
        store: Store,
        table: tuple[Endpoint, ...],
    ) -> None:
        self.tried = asyncio.Event()
        self._client = client
        self._owner = admission.owner
        self._identity = identity
        self._leads = leads
        self._store = store
        self._registrar = Registrar(client, admission.registration(table))
        self._led = False
        self._trouble = ""

    async def run(self) -> None:
        """Look again and again."""
        delay = STEP
        while True:
            trouble = await self._try()
            self.tried.set()
            if trouble and trouble != self._trouble:
                log.warning("admission is not in order, what comes may be let in unreviewed: %s", trouble)
            self._trouble = trouble
            delay = min(delay * 2, INTERVAL) if trouble else STEP
            await self._pause(delay if trouble else INTERVAL * random.uniform(0.9, 1.1))  # noqa: S311 # jitter

    async def _try(self) -> str:
        """One look; says what went wrong."""
        try:
            await self._look()
        except (Transient, Blocked) as error:
            return str(error)
        except Exception as error:
            return f"{type(error).__name__}\n{frames(error)}"
        return ""

    async def _look(self) -> None:
        # Before anything else, so that a leader of a moment later looks again.
        self._led = self._leads()
        owners = [await owner(self._client, self._owner)] if self._owner else []
        held = await self._store.current(owners)
        if self._identity.use(held.material):
            EXPIRY.set(held.facts.serving_until)
            log.info("serving reviews with a certificate", extra={"until": held.facts.serving_until})
        if self._led:
            await self._registrar.ensure(held.material.authorities, owners)

    async def _pause(self, seconds: float) -> None:
        """Wait this long, or until this replica leads."""
        for _ in range(max(1, round(seconds / STEP))):
            if self._leads() and not self._led:
                return
            await asyncio.sleep(STEP)
