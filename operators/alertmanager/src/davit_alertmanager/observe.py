"""Reads the world for one Alertmanager: children, pods, what processes have loaded, and what they should load."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace

from davit.kube.client import Client
from davit.kube.kinds import (
    NETWORK_POLICY,
    PERSISTENT_VOLUME_CLAIM,
    POD,
    POD_DISRUPTION_BUDGET,
    SECRET,
    SERVICE,
    STATEFUL_SET,
)
from davit.kube.labels import MANAGED_BY, controlled_by
from davit.model import Key, Manifest
from davit.monitoring import workload
from davit.monitoring.live import knock
from davit.monitoring.pods import url_prefix
from davit.monitoring.processes import Pod, address_of, container_of
from davit.monitoring.rollout import guards, with_dropped
from davit.monitoring.salt import salt_of
from davit.monitoring.sharing import Sharers

from davit_alertmanager.api.v1 import ALERTMANAGER
from davit_alertmanager.client import AlertmanagerClient, AlertmanagerError
from davit_alertmanager.draft import Draft, Drafter
from davit_alertmanager.edition import LIMIT, Edition, edition, marked_text, published
from davit_alertmanager.inventory import Inventory, Memory
from davit_alertmanager.manifests import CONFIG_DIR, WEB_PORT, clustered, config_secret, governing_service, selector, tls_secret
from davit_alertmanager.manifests.stateful_set import CONTAINER
from davit_alertmanager.model import CONFIG_FILE, NOBODY, Instance
from davit_alertmanager.snapshot import Live, Snapshot
from davit_alertmanager.validate import validate

CHILD_KINDS = (STATEFUL_SET, SECRET, SERVICE)
SHARED_KINDS = (POD_DISRUPTION_BUDGET, NETWORK_POLICY)
"""Kinds whose objects add up: others' of the namespace are looked at as well."""
PATIENCE = 60.0
"""Seconds that a change waits for a prover before it is published unproved."""
NOBODY_TEXT = marked_text(NOBODY.text) or ""
"""What the first pods start with meanwhile: with a bad configuration they would not start at all."""
LOOK_EVERY, LOOK_SOON, STALE = 20.0, 1.0, 60.0
"""Seconds between two looks at a process, and at one that does not see the whole cluster; until an old look is none."""


@dataclass(slots=True)
class Observer:
    """The only reader; `clock` is monotonic, in seconds."""

    kube: Client
    alertmanager: AlertmanagerClient
    inventory: Inventory
    drafter: Drafter
    clock: Callable[[], float] = time.monotonic
    sharers: Sharers[Instance] = field(default_factory=lambda: Sharers(validate))

    async def observe(self, instance: Instance, resource: Manifest) -> Snapshot:
        """See `Snapshot`."""
        await self.inventory.cache.filled()
        memory = self.inventory.memory(ALERTMANAGER, instance.key)
        memory.instance = instance
        (found, strangers), pods, volumes = await asyncio.gather(
            self._children(instance, resource),
            self._pods(instance),
            self.kube.list(PERSISTENT_VOLUME_CLAIM, instance.key.namespace, labels=selector(instance)),
        )
        _forget_pods(memory, pods)
        await knock(pods, memory.silent, self.alertmanager.answers)
        await asyncio.gather(*(self._look(memory, instance, pod) for pod in pods))
        generated = _named(found, config_secret(instance))
        memory.salt = salt_of(generated) or memory.salt
        written = published(generated, _tls(instance, found))
        if written is not None and _all_run(memory, pods, written.digest):
            memory.good = written
        there = bool((generated or {}).get("data"))
        draft = await self.drafter.draft(memory, instance, there=there)
        sharers = self.sharers.within(instance.key.namespace, self.inventory.mains(ALERTMANAGER))
        snapshot = replace(
            self._wanted(memory, draft, written, there=there),
            children=found, pods=tuple(pods), volumes=volumes, live=memory.live, strangers=strangers,
            foreign=there and CONFIG_FILE not in (generated or {})["data"], sharers=tuple(sharers),
        )  # fmt: skip
        memory.is_live = settled(snapshot)
        memory.peers = min((one.seen.peers for one in memory.live.values()), default=0)
        return snapshot

    async def _children(self, instance: Instance, resource: Manifest) -> tuple[list[Manifest], frozenset[str]]:
        """Our children, and the kinds of which somebody else has an object that ours would clash with."""
        namespace, chosen = instance.key.namespace, selector(instance)
        listed = await asyncio.gather(
            *(self.kube.list(kind, namespace, labels=chosen) for kind in (*CHILD_KINDS, *SHARED_KINDS)),
            *(self.kube.list(kind, namespace, unlike={MANAGED_BY: workload.MANAGED_BY}) for kind in SHARED_KINDS),
        )
        governing, client, generated = await asyncio.gather(
            self.kube.get(SERVICE, Key(namespace, governing_service(instance))),
            self.kube.get(SERVICE, Key(namespace, instance.prefix)),
            self.kube.get(SECRET, Key(namespace, config_secret(instance))),
        )
        ours = [manifest for some in listed[: -len(SHARED_KINDS)] for manifest in some]
        known = {one["metadata"]["uid"] for one in ours}
        strangers = {one["kind"] for some in listed[-len(SHARED_KINDS) :] for one in some if guards(one, chosen)}
        if client is not None and client["metadata"]["uid"] not in known:
            strangers.add("Service")
        if governing is not None and governing["metadata"]["uid"] not in known:
            ours.append(governing)
        # prometheus-operator's has no labels of this Alertmanager's own.
        if generated is not None and generated["metadata"]["uid"] not in known and controlled_by(generated, resource):
            ours.append(generated)
        rolling = (instance.spec.get("updateStrategy") or {}).get("rollingUpdate") or {}
        amount = rolling.get("maxUnavailable")
        return [with_dropped(one, amount) if one["kind"] == "StatefulSet" else one for one in ours], frozenset(strangers)

    async def _pods(self, instance: Instance) -> list[Pod]:
        found = await self.kube.list(POD, instance.key.namespace, labels=selector(instance))
        return [_pod(instance, manifest) for manifest in found if "deletionTimestamp" not in manifest["metadata"]]

    # What the processes say

    async def _look(self, memory: Memory, instance: Instance, pod: Pod) -> None:
        """Ask a process what it has loaded and whom it sees, unless it was asked just now."""
        if not pod.url or not pod.container:
            return
        known = memory.live.get(pod.uid)
        if known is not None:
            whole = not clustered(instance) or (known.seen.peers >= instance.replicas and known.seen.cluster != "settling")
            if self.clock() - known.at < (LOOK_EVERY if whole else LOOK_SOON):
                return
        try:
            if pod.uid in memory.silent:
                raise AlertmanagerError("it did not answer just now")
            memory.live[pod.uid] = await self.look(pod)
        except AlertmanagerError:
            if known is not None and self.clock() - known.at > STALE:
                del memory.live[pod.uid]

    async def look(self, pod: Pod) -> Live:
        """What the process says of itself; raises `AlertmanagerError`."""
        return Live(pod.container, await self.alertmanager.look(pod.url), self.clock())

    # What they should say

    def _wanted(self, memory: Memory, draft: Draft, written: Edition | None, *, there: bool) -> Snapshot:
        """What is to be published, in view of what is there."""
        proved, unchecked = draft.proved, draft.unchecked
        if proved is not None and memory.good is not None and proved.edition.digest == memory.good.digest:
            # No checker is a better judge than the processes that run it.
            unchecked = ""
        held = self._held(memory, draft, unchecked if proved is None or proved.edition != written else "")
        if not held or not draft.unchecked:
            # While it is held for want of a checker, less is known than was: after a restart, what amtool had refused.
            memory.reports, memory.looked = draft.reports, True
        snapshot = Snapshot(
            edition=proved.edition if proved and not held else written if there else edition(NOBODY_TEXT, salt=memory.salt),
            base=draft.base,
            nobody=draft.nobody,
            faults=(*draft.faults, *(proved.faults if proved else ())),
            ignored=proved.ignored if proved else (),
            quarantined={key: one.faults for (_, key), one in memory.reports.items() if one.faults and key in memory.parts},
            selected=len(memory.parts),
            held=held,
            unchecked=unchecked,
        )
        return self._without_refused(memory, snapshot)

    def _held(self, memory: Memory, draft: Draft, unchecked: str) -> str:
        """Why what is published stays for now; `unchecked` is empty when there is nothing to check."""
        if not draft.unchecked:
            memory.unchecked_since, memory.suspicious = None, False
        elif memory.unchecked_since is None:
            memory.unchecked_since = self.clock()
        waited = self.clock() - (memory.unchecked_since or 0.0)
        if unchecked and draft.soon and (memory.suspicious or waited < PATIENCE):
            return f"the change is not checked yet: {unchecked}"
        if draft.proved is None:
            return f"what is published stays: {draft.base}"
        if (size := draft.proved.edition.size) > LIMIT:
            return f"the configuration has {size} bytes, and a Secret holds {LIMIT}: select fewer AlertmanagerConfigs"
        return ""

    def _without_refused(self, memory: Memory, snapshot: Snapshot) -> Snapshot:
        """With the last good configuration in the place of one that processes don't take."""
        wanted = snapshot.edition
        if not (said := memory.refused.of(wanted.digest, self.clock()) if wanted else ""):
            return snapshot
        if memory.good is not None and memory.good != wanted:
            return replace(snapshot, edition=memory.good, refused=said)
        return replace(snapshot, edition=None, held=f"the processes refuse what is written: {said}")


def settled(snapshot: Snapshot) -> bool:
    """Whether all running processes run what is to be published, and that is what was asked for."""
    doubtful = snapshot.behind or snapshot.held or snapshot.refused or snapshot.base
    return not doubtful and any(snapshot.runs(pod) for pod in snapshot.pods)


def _pod(instance: Instance, manifest: Manifest) -> Pod:
    found = container_of(manifest, CONTAINER)
    if found is None or not _reads_ours(manifest):
        return Pod(manifest, "", "")
    return Pod(manifest, found.get("containerID", ""), _url(instance, address_of(manifest, found)))


def _reads_ours(manifest: Manifest) -> bool:
    """False for a pod of prometheus-operator's that is about to be replaced: it reads what a reloader wrote."""
    wanted = f"--config.file={CONFIG_DIR}/{CONFIG_FILE}"
    containers = manifest.get("spec", {}).get("containers", ())
    return any(one["name"] == CONTAINER and wanted in (one.get("args") or ()) for one in containers)


def _url(instance: Instance, address: str) -> str:
    """Where the process' API is, empty when it listens for nobody outside of its pod."""
    if not address or instance.spec.get("listenLocal"):
        return ""
    scheme = "https" if (instance.spec.get("web") or {}).get("tlsConfig") is not None else "http"
    return f"{scheme}://{address}:{WEB_PORT}{url_prefix(instance.route_prefix)}"


def _forget_pods(memory: Memory, pods: Sequence[Pod]) -> None:
    alive = {pod.uid: pod.container for pod in pods}
    for uid in [uid for uid, live in memory.live.items() if alive.get(uid) != live.container]:
        del memory.live[uid]


def _all_run(memory: Memory, pods: Sequence[Pod], digest: str) -> bool:
    running = [pod for pod in pods if pod.container and pod.url and pod.uid not in memory.silent]
    return bool(running) and all((live := memory.live.get(pod.uid)) and live.seen.digest == digest for pod in running)


def _named(children: Iterable[Manifest], name: str) -> Manifest | None:
    return next((one for one in children if one["kind"] == "Secret" and one["metadata"]["name"] == name), None)


def _tls(instance: Instance, children: Sequence[Manifest]) -> list[Manifest]:
    """The Secrets with TLS assets, without gaps."""
    found: list[Manifest] = []
    while (one := _named(children, tls_secret(instance, len(found)))) is not None:
        found.append(one)
    return found
