"""Carries out the commands of a plan against Kubernetes and the processes."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass

from davit.errors import Blocked
from davit.kube.client import Client
from davit.kube.kinds import PERSISTENT_VOLUME_CLAIM
from davit.model import Action, Key
from davit.monitoring.conditions import REFUSED
from davit.monitoring.live import Pace, Refused, complain, each, make_live, taken
from davit.monitoring.renewal import orphan
from davit.monitoring.rollout import Expand, Orphan

from davit_prometheus import metrics
from davit_prometheus.assembly import edition
from davit_prometheus.client import PrometheusClient
from davit_prometheus.commands import MakeLive
from davit_prometheus.files import Files
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
            case Orphan():
                await orphan(self.kube, namespace, action)
            case Expand(claim=claim, size=size):
                operations = [{"op": "replace", "path": "/spec/resources/requests/storage", "value": size}]
                await self.kube.patch(PERSISTENT_VOLUME_CLAIM, Key(namespace, claim), operations)

    async def _make_live(self, action: MakeLive, instance: Instance, memory: Memory) -> None:
        """All pods at once; what one refuses is not tried on it again until something changes."""
        began = self.clock()
        results = await each(action.pods, memory.silent, memory.live, lambda pod: self._one(action, instance, memory, pod))
        errors = [result for result in results if isinstance(result, BaseException)]
        for error in errors:
            if isinstance(error, Refused):
                for pod in action.pods:
                    # It may have loaded a part of it: what it runs is asked anew.
                    if memory.live.get(pod.uid) not in results:
                        memory.live.pop(pod.uid, None)
                memory.refused.add(edition(action.configurations, action.rules), str(error), self.clock())
                raise Blocked(REFUSED, f"the process refuses the configuration: {error}", retry_after=1.0)
        if taken(results):
            memory.good = (action.configurations, action.rules)
            memory.refused.forget(edition(action.configurations, action.rules))
        complain(errors)
        metrics.LIVE_SECONDS.observe(self.clock() - began)

    async def _one(self, action: MakeLive, instance: Instance, memory: Memory, pod: Pod) -> Live:
        wanted = action.configurations[pod.shard]
        pause = CALM if memory.reload_seconds > LONG else STEP
        files = Files(self.prometheus, pod.url, wanted, self.clock)
        await files.before()

        async def reload() -> None:
            began = self.clock()
            await self.prometheus.reload(pod.url)
            memory.reload_seconds = self.clock() - began

        async def loaded() -> Live | None:
            found = await self.observer.loaded(instance, pod, wanted, action.rules)
            return found if found is not None and await files.found() else None

        pace = Pace(first=pause, step=pause)
        return await make_live(self.kube, pod.manifest, wanted.digest, reload, loaded, pace, self.clock)
