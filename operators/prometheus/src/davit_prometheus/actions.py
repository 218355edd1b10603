"""Carries out the commands of a plan against Kubernetes and the processes."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass

from davit.errors import Blocked, Transient
from davit.kube.client import Client
from davit.kube.kinds import PERSISTENT_VOLUME_CLAIM, POD, STATEFUL_SET
from davit.model import Action, Key
from davit.monitoring.poke import poke
from davit.monitoring.proof import discreet

from davit_prometheus import metrics
from davit_prometheus.assembly import edition
from davit_prometheus.client import PrometheusClient, PrometheusError, ReloadRefused
from davit_prometheus.commands import Expand, MakeLive, Orphan
from davit_prometheus.inventory import Live, Memory
from davit_prometheus.model import Instance
from davit_prometheus.observe import Observer
from davit_prometheus.snapshot import Pod

log = logging.getLogger(__name__)

STEP, CALM = 0.06, 0.22
"""Seconds from the poke to the first reload, and between two; the longer ones where a reload itself takes long, so that
one in vain costs more than waiting: the kubelet has refreshed the files after 0.1 to 0.2 s mostly."""
LONG = 0.15
"""Seconds that a reload takes of a configuration of some hundred jobs."""
PATIENCE = 10.0
"""Seconds until it is given up for this pass; the kubelet refreshes files at least every 90 s by itself."""
SURE = 3.0
"""Seconds that a process must refuse a configuration before it is believed: until the kubelet has refreshed its files, which
takes another poke now and then, it is the last edition that it refuses."""
AGAIN = 2.0
"""Seconds until the kubelet is poked once more."""


@dataclass(slots=True)
class Actor:
    """`clock` is monotonic, in seconds."""

    kube: Client
    prometheus: PrometheusClient
    observer: Observer
    clock: Callable[[], float] = time.monotonic

    async def execute(self, action: Action, instance: Instance, memory: Memory) -> None:
        """Carry out one action."""
        namespace = instance.key.namespace
        match action:
            case MakeLive():
                await self._make_live(action, instance, memory)
            case Orphan(name=name, uid=uid):
                await self.kube.delete(STATEFUL_SET, Key(namespace, name), uid=uid, orphan=True)
            case Expand(claim=claim, size=size):
                operations = [{"op": "replace", "path": "/spec/resources/requests/storage", "value": size}]
                await self.kube.patch(PERSISTENT_VOLUME_CLAIM, Key(namespace, claim), operations)

    async def _make_live(self, action: MakeLive, instance: Instance, memory: Memory) -> None:
        """All pods at once; what one refuses is not tried on it again until something changes."""
        began = self.clock()
        results = await asyncio.gather(*(self._one(action, instance, memory, pod) for pod in action.pods), return_exceptions=True)
        errors = [result for result in results if isinstance(result, BaseException)]
        memory.live |= {pod.uid: one for pod, one in zip(action.pods, results, strict=True) if isinstance(one, Live)}
        for error in errors:
            if isinstance(error, ReloadRefused):
                for pod in action.pods:
                    # It may have loaded a part of it: what it runs is asked anew.
                    if memory.live.get(pod.uid) not in results:
                        memory.live.pop(pod.uid, None)
                memory.refused[edition(action.configurations, action.rules)] = (discreet(str(error)), self.clock())
                said = f"the process refuses the configuration: {discreet(str(error))}"
                raise Blocked("ReloadRefused", said, retry_after=1.0)
        for error in errors:
            raise error
        memory.good = (action.configurations, action.rules)
        metrics.LIVE_SECONDS.observe(self.clock() - began)

    async def _one(self, action: MakeLive, instance: Instance, memory: Memory, pod: Pod) -> Live:
        wanted = action.configurations[pod.shard]
        limit = self.clock() + PATIENCE
        poked, refused, said = -AGAIN, None, "it was not asked"
        while self.clock() < limit:
            if self.clock() - poked >= AGAIN:
                await poke(self.kube, POD, pod.manifest, f"{wanted.digest}-{int(self.clock() * 1000)}")
                poked = self.clock()
                await asyncio.sleep(CALM if memory.reload_seconds > LONG else STEP)
            try:
                began = self.clock()
                await self.prometheus.reload(pod.url)
                memory.reload_seconds = self.clock() - began
                found = await self.observer.loaded(instance, pod, wanted, action.rules)
            except PrometheusError as error:
                # It may be starting: the configuration is loaded before the API answers.
                found, said = None, str(error)
            except ReloadRefused:
                # Files of several volumes may be refreshed one after the other.
                refused = refused if refused is not None else self.clock()
                if self.clock() - refused >= SURE:
                    raise
                found = None
            else:
                refused, said = None, "the kubelet has not refreshed its files"
            if found is not None:
                return found
            await asyncio.sleep(CALM if memory.reload_seconds > LONG else STEP)
        raise Transient(f"pod {pod.name} does not run the new configuration yet: {said}", retry_after=1.0)
