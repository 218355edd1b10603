"""Carries out the commands of a plan against Kubernetes and the processes."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from davit.errors import Blocked
from davit.kube.client import Client
from davit.kube.kinds import PERSISTENT_VOLUME_CLAIM
from davit.model import Action, Key
from davit.monitoring.conditions import REFUSED
from davit.monitoring.live import Pace, Refused, complain, each, make_live, taken
from davit.monitoring.processes import Pod
from davit.monitoring.renewal import orphan
from davit.monitoring.rollout import Expand, Orphan

from davit_alertmanager import metrics
from davit_alertmanager.client import AlertmanagerClient
from davit_alertmanager.commands import MakeLive
from davit_alertmanager.inventory import Memory
from davit_alertmanager.model import Instance
from davit_alertmanager.observe import Observer
from davit_alertmanager.snapshot import Live


@dataclass(slots=True)
class Actor:
    """`clock` is monotonic, in seconds."""

    kube: Client
    alertmanager: AlertmanagerClient
    observer: Observer
    clock: Callable[[], float] = time.monotonic
    pace: Pace = field(default_factory=Pace)

    async def execute(self, action: Action, instance: Instance, memory: Memory) -> None:
        """Carry out one action."""
        namespace = instance.key.namespace
        match action:
            case MakeLive():
                await self._make_live(action, memory)
            case Orphan():
                await orphan(self.kube, namespace, action)
            case Expand(claim=claim, size=size):
                operations = [{"op": "replace", "path": "/spec/resources/requests/storage", "value": size}]
                await self.kube.patch(PERSISTENT_VOLUME_CLAIM, Key(namespace, claim), operations)

    async def _make_live(self, action: MakeLive, memory: Memory) -> None:
        """All pods at once; what one refuses is not tried again for a while."""
        began = self.clock()
        results = await each(action.pods, memory.silent, memory.live, lambda pod: self._one(action, pod))
        errors = [result for result in results if isinstance(result, BaseException)]
        for error in errors:
            if isinstance(error, Refused):
                memory.refused.add(action.edition.digest, str(error), self.clock())
                raise Blocked(REFUSED, f"the processes refuse the configuration: {error}", retry_after=1.0)
        if taken(results):
            memory.good = action.edition
            memory.refused.forget(action.edition.digest)
        complain(errors)
        memory.is_live = True
        metrics.LIVE_SECONDS.observe(self.clock() - began)

    async def _one(self, action: MakeLive, pod: Pod) -> Live:
        async def loaded() -> Live | None:
            found = await self.observer.look(pod)
            return found if found.seen.digest == action.edition.digest else None

        async def reload() -> None:
            await self.alertmanager.reload(pod.url)

        return await make_live(self.kube, pod.manifest, action.edition.digest, reload, loaded, self.pace, self.clock)
