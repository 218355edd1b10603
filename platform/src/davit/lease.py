"""One leader among the replicas, by a `coordination.k8s.io` Lease; the process ends when it loses it.

Rules of client-go's leaderelection: clocks of other machines are never compared; a lease counts as expired when
this process has seen it unchanged for its duration. The renew deadline is shorter than the duration, so that a
leader that was cut off stops before another begins.

One rule more: a container that was killed and restarted takes the lease over from itself at once. Its pod, told by
its uid, runs one container, and the kubelet starts that anew only when the processes of the last one have ended.
"""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from davit.errors import DavitError, Fatal, Transient
from davit.kube.client import Client
from davit.model import Key, Kind, Manifest

log = logging.getLogger(__name__)

LEASE = Kind("coordination.k8s.io", "v1", "Lease", "leases")

DURATION = 15.0
"""Seconds after which a silent leader is replaced."""
RENEW_DEADLINE = 10.0
"""Seconds without a renewal after which a leader no longer counts itself as one."""
RETRY = 2.0
"""Seconds between renewals, and between looks of a standby."""
REQUEST_TIMEOUT = 4.0
"""Seconds for one attempt: a hanging request must leave time for another within the deadline."""


@dataclass(frozen=True, slots=True)
class Acquire:
    """Nobody holds it (any more); `previous` had it, empty if it was given back; `ended` if that process is known to be gone."""

    previous: str = ""
    ended: bool = False


@dataclass(frozen=True, slots=True)
class Renew:
    """It is ours."""


@dataclass(frozen=True, slots=True)
class Wait:
    """`holder` has it, and was heard of not long ago."""

    holder: str


def decide(lease: Manifest | None, identity: str, observed_at: float, now: float, own: str = "") -> Acquire | Renew | Wait:
    """What to do about a lease that looks like this since `observed_at`; both times of the local clock.

    With `own` begin the identities of this process and of those before it in its pod, and no others; empty if unknown.
    """
    spec = (lease or {}).get("spec", {})
    holder = spec.get("holderIdentity") or ""
    if holder == identity:
        return Renew()
    if own and holder.startswith(own):
        return Acquire(holder, ended=True)
    fresh = now - observed_at < spec.get("leaseDurationSeconds", DURATION)
    return Wait(holder) if holder and fresh else Acquire(holder)


def claimed(lease: Manifest, identity: str, unix: float) -> Manifest:
    """The lease as it is written to take or keep it; `unix` is the wall clock, for people to read."""
    spec, stamp = lease.get("spec", {}), _micro_time(unix)
    ours = spec.get("holderIdentity") == identity
    transitions = spec.get("leaseTransitions", 0)
    wanted = {
        "holderIdentity": identity,
        "leaseDurationSeconds": int(DURATION),
        "renewTime": stamp,
        "acquireTime": spec.get("acquireTime", stamp) if ours else stamp,
        "leaseTransitions": transitions if ours or not spec else transitions + 1,
    }
    return {**lease, "spec": {**spec, **wanted}}


class Lease:
    """The asyncio shell: `acquire`, then `hold` for as long as the process leads, at the end `release`."""

    def __init__(
        self,
        client: Client,
        name: str,
        namespace: str,
        identity: str,
        *,
        own: str = "",
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._client = client
        self._key = Key(namespace, name)
        self._identity = identity
        self._own = own
        self._clock = clock
        self._wall = wall
        self._lease: Manifest | None = None
        self._seen: tuple[object, ...] = ()
        self._seen_at = -math.inf
        self._renewed_at = -math.inf
        self._trouble = ""

    def held(self) -> bool:
        """Whether this process leads: only while its last successful renewal is young enough."""
        return self._clock() - self._renewed_at < RENEW_DEADLINE

    async def acquire(self) -> None:
        """Wait until the lease is ours."""
        while True:
            if await self._attempt():
                break
            await asyncio.sleep(RETRY)
        log.info("leading", extra={"lease": str(self._key), "identity": self._identity})

    async def hold(self) -> None:
        """Renew forever; raises `Fatal` as soon as the lease is, or may be, someone else's."""
        while self.held():
            await asyncio.sleep(RETRY)
            await self._attempt()
        raise Fatal(f"the lease {self._key} is lost: {self._trouble or 'it was not renewed in time'}")

    async def release(self) -> None:
        """Give the lease back, so that a standby takes over at once; does nothing when it is not ours."""
        if not self.held() or self._lease is None:
            return
        self._renewed_at = -math.inf
        try:
            async with asyncio.timeout(REQUEST_TIMEOUT):
                try:
                    await self._hand_back(self._lease)
                except Transient:
                    # A renewal that was cut off under way may have been carried out: look at what there is.
                    await self._hand_back(await self._client.get(LEASE, self._key))
        except (DavitError, TimeoutError) as error:
            log.warning("the lease was not given back, a standby waits for it to expire: %s", error)

    async def _hand_back(self, lease: Manifest | None) -> None:
        if lease is not None and lease["spec"].get("holderIdentity") == self._identity:
            await self._client.replace(LEASE, {**lease, "spec": {**lease["spec"], "holderIdentity": ""}})

    async def _attempt(self) -> bool:
        """Take or renew the lease if it is to be had; trouble is logged when it changes, and survived."""
        began = self._clock()
        try:
            async with asyncio.timeout(REQUEST_TIMEOUT):
                held = await self._claim()
        except (DavitError, TimeoutError) as error:
            # Whatever was written meanwhile is not in hand: look afresh next time.
            self._lease = None
            self._report(str(error) or f"no answer within {REQUEST_TIMEOUT:.0f} s")
            return False
        self._renewed_at = began if held else -math.inf
        if held:
            self._trouble = ""
        return held

    async def _claim(self) -> bool:
        if self._lease is None:
            await self._look()
        match decide(self._lease, self._identity, self._seen_at, self._clock(), self._own):
            case Wait(holder):
                self._report(f"{holder} holds it")
                self._lease = None
                return False
            case Acquire(previous, ended=True):
                log.info("taking over from %s, which ran in this pod and has ended", previous)
            case Acquire(previous) if previous:
                log.info("taking over from %s, which has been silent for %.0f s", previous, DURATION)
        await self._write()
        # Nobody of our pod who turns up from now on has ended.
        self._own = ""
        return True

    async def _look(self) -> None:
        self._lease = await self._client.get(LEASE, self._key)
        spec = (self._lease or {}).get("spec", {})
        seen = (self._lease is None, spec.get("holderIdentity"), spec.get("renewTime"))
        if seen != self._seen:
            self._seen, self._seen_at = seen, self._clock()

    async def _write(self) -> None:
        """Create or replace; of two replicas that race, the resourceVersion lets one fail."""
        if self._lease is not None:
            body = claimed(self._lease, self._identity, self._wall())
            self._lease = await self._client.replace(LEASE, body)
            return
        empty: Manifest = {
            "apiVersion": LEASE.api_version,
            "kind": LEASE.kind,
            "metadata": {"name": self._key.name, "namespace": self._key.namespace},
        }
        self._lease = await self._client.create(LEASE, claimed(empty, self._identity, self._wall()))

    def _report(self, trouble: str) -> None:
        if trouble != self._trouble:
            log.info("not leading: %s", trouble, extra={"lease": str(self._key)})
        self._trouble = trouble


def _micro_time(unix: float) -> str:
    return datetime.fromtimestamp(unix, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
