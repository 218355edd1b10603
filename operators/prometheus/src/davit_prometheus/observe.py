"""Reads the world for one Prometheus: children, pods, what it selects and refers to, and what promtool says of it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from davit.errors import Blocked, Transient
from davit.kube.client import Client
from davit.kube.kinds import (
    CONFIG_MAP,
    NETWORK_POLICY,
    PERSISTENT_VOLUME_CLAIM,
    POD,
    POD_DISRUPTION_BUDGET,
    SECRET,
    SERVICE,
    STATEFUL_SET,
)
from davit.model import Key, Kind, Manifest
from davit.monitoring.assets import Assets, Ref
from davit.monitoring.bindings import ObjectId
from davit.monitoring.faults import Fault
from davit.monitoring.live import knock
from davit.monitoring.pods import url_prefix
from davit.monitoring.processes import address_of, container_of
from davit.monitoring.prover import NotReady, Unanswered
from davit.monitoring.rollout import guards, with_dropped
from davit.monitoring.salt import salt_of
from davit.monitoring.sharing import Sharers
from davit.monitoring.sources import Sources, source

from davit_prometheus.api.rules import PROMETHEUS_RULE
from davit_prometheus.assembly import (
    LIVE,
    Block,
    Configuration,
    RuleMap,
    assemble,
    block,
    edition,
    head,
    live_file,
    rule_maps,
    rules_pattern,
)
from davit_prometheus.client import PrometheusClient, PrometheusError
from davit_prometheus.config.server import references, render_server
from davit_prometheus.inventory import MAINS, SCRAPED, Inventory, Live, Memory, Part
from davit_prometheus.judge import Judge, Proved
from davit_prometheus.manifests import (
    CONFIG_KEY,
    MODE_LABEL,
    SHARD_LABEL,
    WEB_PORT,
    child_labels,
    config_secret,
    governing_service_name,
    selector,
)
from davit_prometheus.model import Instance, Pool, Scope, Top
from davit_prometheus.parts import (
    counts,
    homes,
    in_order,
    part,
    part_references,
    quarantined,
    report,
    rule_file,
    total,
    with_rule_files,
)
from davit_prometheus.published import Edition, published
from davit_prometheus.snapshot import Pod, Snapshot
from davit_prometheus.validate import validate

CHILD_KINDS = (STATEFUL_SET, SECRET, CONFIG_MAP, SERVICE)
SHARED_KINDS = (POD_DISRUPTION_BUDGET, NETWORK_POLICY)
"""Kinds whose objects add up: others' of the namespace are looked at as well."""
PATIENCE = 60.0
"""Seconds that a change waits for a prover before it is published unproved."""
TARGETS_EVERY = 30.0
"""Seconds between two looks at the targets, whose number a process tells only as a whole list."""


@dataclass(frozen=True, slots=True)
class _Judged:
    """What was rendered, and what is known to load of it; error: why promtool could not be asked.

    extra: jobs of additionalScrapeConfigs; clashes: those of them whose name a monitor's job has.
    """

    top: Top
    parts: Mapping[ObjectId, Part]
    blocks: Sequence[Block]
    extra: Sequence[Block]
    clashes: Sequence[Block]
    proved: Proved
    error: NotReady | Blocked | None = None


@dataclass(slots=True)
class Observer:
    """The only reader; `clock` is monotonic, in seconds."""

    kube: Client
    prometheus: PrometheusClient
    inventory: Inventory
    sources: Sources
    judge: Judge
    clock: Callable[[], float] = time.monotonic
    sharers: Mapping[Kind, Sharers[Instance]] = field(default_factory=lambda: {main: Sharers(validate) for main in MAINS})

    async def observe(self, main: Kind, instance: Instance, resource: Manifest) -> Snapshot:
        """See `Snapshot`."""
        await self.inventory.cache.filled()
        memory = self.inventory.memory(main, instance.key)
        memory.instance = instance
        namespace = instance.key.namespace
        reading = asyncio.gather(
            self._children(instance),
            self._pods(instance),
            self.kube.list(PERSISTENT_VOLUME_CLAIM, namespace, labels=selector(instance.scope)),
        )
        try:
            # What takes longest, while the rest is read.
            judged = await self._judged(memory, instance, *await self._rendered(memory, instance))
            (found, strangers), pods, volumes = await reading
        except BaseException:
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)
            raise
        await knock(pods, memory.silent, self.prometheus.answers)
        snapshot = self._wanted(memory, instance, judged, found)
        before = published(instance.scope, len(snapshot.configurations), found) if memory.good is None else None
        editions = [one for one in ((snapshot.configurations, snapshot.rules), before) if one is not None]
        await asyncio.gather(*(self._look(memory, editions, instance, pod) for pod in pods))
        _forget_pods(memory, pods)
        memory.good = next((one for one in editions if _all_run(memory, one, pods)), memory.good)
        if snapshot.refused and snapshot.held and memory.good is not None:
            snapshot = replace(snapshot, configurations=memory.good[0], rules=memory.good[1], held="")
        await self._targets(memory, pods)
        memory.is_live = (
            bool(pods) and not snapshot.held and not snapshot.refused and all(_proved(memory, snapshot, pod) for pod in pods)
        )
        return replace(
            snapshot, children=found, pods=tuple(pods), volumes=volumes, live=memory.live, strangers=strangers,
            sharers=tuple(self.sharers[main].within(namespace, self.inventory.mains(main))),
        )  # fmt: skip

    async def _children(self, instance: Instance) -> tuple[list[Manifest], frozenset[str]]:
        """Our children, and the kinds of which somebody else has an object that ours would clash with."""
        scope, namespace = instance.scope, instance.key.namespace
        listed = await asyncio.gather(
            *(self.kube.list(kind, namespace, labels=child_labels(scope)) for kind in (*CHILD_KINDS, *SHARED_KINDS)),
            *(self.kube.list(kind, namespace, unlike={MODE_LABEL: child_labels(scope)[MODE_LABEL]}) for kind in SHARED_KINDS),
        )
        ours = [manifest for some in listed[: -len(SHARED_KINDS)] for manifest in some]
        others = [manifest for some in listed[-len(SHARED_KINDS) :] for manifest in some]
        governing = await self.kube.get(SERVICE, Key(namespace, governing_service_name(scope)))
        client = await self.kube.get(SERVICE, Key(namespace, scope.prefix))
        strangers = {one["kind"] for one in others if guards(one, selector(scope))}
        if client is not None and not any(_same(client, one) for one in ours):
            strangers.add("Service")
        ours = [with_dropped(one, _unavailable(instance)) if one["kind"] == "StatefulSet" else one for one in ours]
        return [*ours, *([governing] if governing else [])], frozenset(strangers)

    async def _pods(self, instance: Instance) -> list[Pod]:
        found = await self.kube.list(POD, instance.key.namespace, labels=selector(instance.scope))
        return [_pod(instance, manifest) for manifest in found if "deletionTimestamp" not in manifest["metadata"]]

    # What it selects

    async def _rendered(self, memory: Memory, instance: Instance) -> tuple[Top, dict[ObjectId, Part]]:
        """Render what changed since the last pass, and nothing else."""
        scope = instance.scope
        chosen = {(kind, key): manifest for kind in SCRAPED for key, manifest in self.inventory.selected(instance, kind)}
        if not scope.agent:
            chosen |= {(PROMETHEUS_RULE, key): one for key, one in self.inventory.selected(instance, PROMETHEUS_RULE)}
        memory.chosen = frozenset(chosen)
        base = (instance.uid, instance.generation)
        refs: dict[ObjectId, frozenset[Ref]] = {}
        for one, manifest in chosen.items():
            known = memory.parts.get(one)
            edition = (manifest["metadata"]["uid"], manifest["metadata"].get("generation"), base)
            refs[one] = known.refs if known and known.stamp[:3] == edition else part_references(instance, one[0], manifest)
        memory.top_refs = references(scope.spec, instance.key.namespace)
        memory.sources = frozenset(source(ref) for some in (memory.top_refs, *refs.values()) for ref in some)
        self.sources.keep({one for memory in self.inventory.memories.values() for one in memory.sources})

        parts: dict[ObjectId, Part] = {}
        stale: list[tuple[ObjectId, Manifest, tuple[Any, ...]]] = []
        for one, manifest in chosen.items():
            stamp = (manifest["metadata"]["uid"], manifest["metadata"].get("generation"), base, self.sources.stamp(refs[one]))
            rendered = memory.parts.get(one)
            if rendered is not None and rendered.stamp == stamp:
                parts[one] = rendered
            else:
                stale.append((one, manifest, stamp))
        wanted = memory.top_refs.union(*(refs[one] for one, _, _ in stale))
        assets = Assets(await self.sources.fetch(wanted))
        for count, (one, manifest, stamp) in enumerate(stale):
            parts[one] = part(instance, one[0], manifest, assets, stamp=stamp, refs=refs[one])
            if count % 20 == 19:
                # Thousands at once must not keep the lease and the health endpoints waiting.
                await asyncio.sleep(0)
        memory.parts = {one: parts[one] for one in chosen}
        return render_server(scope, assets, rule_files=()), memory.parts

    # What promtool says

    async def _judged(self, memory: Memory, instance: Instance, top: Top, parts: Mapping[ObjectId, Part]) -> _Judged:
        scope = instance.scope
        extra = [block(job) for job in top.jobs]
        taken = {one.name for part in parts.values() for one in part.blocks}
        clashes = [one for one in extra if one.name in taken]
        extra = [one for one in extra if one.name not in taken]
        blocks = in_order(parts, extra, agent=scope.agent)
        groups = {digest: group for part in parts.values() for _, group, digest in part.groups}
        try:
            proved = await self.judge.prove(memory, scope, instance.image, head(top), blocks=blocks, groups=groups)
        except (NotReady, Blocked) as error:
            return _Judged(top, parts, blocks, extra, clashes, self.judge.remembered(memory, head(top)), error)
        return _Judged(top, parts, blocks, extra, clashes, proved)

    def _wanted(self, memory: Memory, instance: Instance, judged: _Judged, found: Sequence[Manifest]) -> Snapshot:
        """What is to be published, in view of what is there."""
        scope, top, parts, blocks, proved = instance.scope, judged.top, judged.parts, judged.blocks, judged.proved
        unchecked = held = ""
        if judged.error is None:
            memory.unchecked_since, memory.suspicious = None, False
        else:
            memory.suspicious = memory.suspicious or isinstance(judged.error, Unanswered)
            now = self.clock()
            memory.unchecked_since = now if memory.unchecked_since is None else memory.unchecked_since
            unchecked = str(judged.error)
            waits = isinstance(judged.error, NotReady) and (memory.suspicious or now - memory.unchecked_since < PATIENCE)
            if waits and _published(instance, found):
                held = f"the change is not checked yet: {judged.error}"
            elif waits:
                # The pods start with what can't be wrong, and get the rest a moment later: a bad one would not start.
                proved = Proved({key: value for key, value in proved.top.items() if key == "global"})
                blocks, parts = [], {}
        if not unchecked or not held:
            # While held, what is running was made of what is not known any more after a restart.
            memory.reports = {one: report(one, some, proved) for one, some in parts.items()}
            memory.looked = bool(parts or not memory.chosen)
        files = {some.file: text for some in parts.values() if (text := rule_file(some, proved.complaints))}
        maps = rule_maps(files, homes(scope.prefix, found)) if not scope.agent else []
        top_level = dict(proved.top)
        if maps:
            top_level = with_rule_files(top_level, [rules_pattern(scope.prefix, number) for number in range(len(maps))])
        good = [one for one in blocks if one.digest not in proved.complaints]
        assets = {name: content for part in parts.values() for name, content in part.rendered.files.items()} | dict(top.files)
        memory.salt = next((known for one in found if (known := _salt(scope, one))), memory.salt)
        count = _shards(instance, found)
        shards = tuple(assemble(scope, shard, top_level, assets, good, salt=memory.salt) for shard in range(count))
        held = held or next((excess for one in shards if (excess := one.excess)), "")
        refused = memory.refused.of(edition(shards, maps), self.clock())
        if refused and memory.good is None:
            held = f"the processes refuse what is written: {refused}"
        elif refused and memory.good is not None:
            shards, maps = memory.good[0], list(memory.good[1])
        extra_faults = [
            Fault("spec.additionalScrapeConfigs", f"job {one.name}: a monitor has a job of this name: choose another one")
            for one in judged.clashes
        ]
        extra_faults += [
            Fault("spec.additionalScrapeConfigs", f"job {one.name}: {proved.complaints[one.digest]}")
            for one in judged.extra
            if one.digest in proved.complaints
        ]
        return Snapshot(
            configurations=shards, rules=tuple(maps), assets=assets, faults=(*top.faults, *proved.faults, *extra_faults),
            ignored=top.ignored, quarantined=quarantined(parts, proved), selected=counts(parts), held=held, unchecked=unchecked,
            refused=refused, salt=memory.salt, foreign=instance.unmanaged and _published(instance, found),
        )  # fmt: skip

    # What the processes say

    async def _look(self, memory: Memory, editions: Sequence[Edition], instance: Instance, pod: Pod) -> None:
        """Ask a container that started since the last look which of the editions it has loaded."""
        known = memory.live.get(pod.uid)
        if not pod.url or pod.uid in memory.silent or (known is not None and known.container == pod.container):
            return
        for configurations, maps in editions:
            if pod.shard >= len(configurations):
                continue
            wanted = configurations[pod.shard]
            try:
                found = await self.loaded(instance, pod, wanted, maps)
                if found is not None and wanted.buckets and wanted.lacks(await self.prometheus.jobs(pod.url)):
                    return
            except PrometheusError:
                return
            if found is not None:
                memory.live[pod.uid] = found
                return

    async def loaded(self, instance: Instance, pod: Pod, wanted: Configuration, maps: Sequence[RuleMap]) -> Live | None:
        """What the process has loaded, if that is what is wanted; raises `PrometheusError` when it does not answer.

        Whether it found the files that prometheus.yaml names is another question: see `davit_prometheus.files`.
        """
        if wanted.marker not in await self.prometheus.config(pod.url):
            return None
        if maps:
            found = await self.prometheus.loaded_rules(pod.url, LIVE)
            limits = tuple(found.get(live_file(instance.scope.prefix, number), -1) for number in range(len(maps)))
            if limits != tuple(one.limit for one in maps):
                return None
        return Live(pod.container, wanted.digest, tuple(one.limit for one in maps))

    async def _targets(self, memory: Memory, pods: Sequence[Pod]) -> None:
        """Count the targets now and then, on one process of each shard."""
        now = self.clock()
        if now - memory.pools_at < TARGETS_EVERY:
            return
        asked = {pod.shard: pod for pod in pods if pod.uid in memory.live and pod.uid not in memory.silent}
        if not asked:
            return
        memory.pools_at = now
        found: dict[str, list[Pool]] = {}
        for pod in asked.values():
            try:
                for name, pool in (await self.prometheus.pools(pod.url)).items():
                    found.setdefault(name, []).append(pool)
            except Transient:
                return
        memory.pools = {name: total(pools) for name, pools in found.items()}


def _pod(instance: Instance, manifest: Manifest) -> Pod:
    shard, found = _shard(manifest), container_of(manifest, "prometheus")
    if found is None:
        return Pod(manifest, "", "", shard)
    return Pod(manifest, found.get("containerID", ""), _url(instance, address_of(manifest, found)), shard)


def _url(instance: Instance, address: str) -> str:
    """Where the process' API is, empty when it listens for nobody outside of its pod."""
    spec = instance.scope.spec
    if not address or spec.listen_local:
        return ""
    scheme = "https" if spec.web is not None and spec.web.tls_config is not None else "http"
    return f"{scheme}://{address}:{WEB_PORT}{url_prefix(spec.route_prefix or '')}"


def _all_run(memory: Memory, edition: Edition, pods: Iterable[Pod]) -> bool:
    """Whether every process that answers, and there is one, has loaded an edition: one that is silent never did refuse it."""
    configurations, maps = edition
    limits = tuple(one.limit for one in maps)
    answering = [pod for pod in pods if pod.url and pod.uid not in memory.silent and pod.shard < len(configurations)]
    found = [(memory.live.get(pod.uid), configurations[pod.shard].digest) for pod in answering]
    return bool(found) and all(live is not None and (live.digest, live.rules) == (digest, limits) for live, digest in found)


def _forget_pods(memory: Memory, pods: Sequence[Pod]) -> None:
    alive = {pod.uid: pod.container for pod in pods}
    for uid in [uid for uid, live in memory.live.items() if alive.get(uid) != live.container]:
        del memory.live[uid]


def _published(instance: Instance, children: Iterable[Manifest]) -> bool:
    """Whether a configuration is there already, which a doubtful one must not replace."""
    name = instance.scope.prefix
    return any(
        one["kind"] == "Secret" and one["metadata"]["name"] == name and CONFIG_KEY in (one.get("data") or {}) for one in children
    )


def _unavailable(instance: Instance) -> Any:
    strategy = instance.scope.spec.update_strategy
    return strategy.rolling_update.max_unavailable if strategy is not None and strategy.rolling_update is not None else None


def _salt(scope: Scope, child: Manifest) -> str:
    return salt_of(child) if child["kind"] == "Secret" and child["metadata"]["name"] == config_secret(scope, 0) else ""


def _same(one: Manifest, other: Manifest) -> bool:
    return bool(one["metadata"]["uid"] == other["metadata"]["uid"])


def _shards(instance: Instance, children: Iterable[Manifest]) -> int:
    """How many shards are kept: also those that were scaled away, where their data is to be kept until it is too old."""
    policy = instance.server.shard_retention_policy if instance.server else None
    if policy is None or policy.when_scaled != "Retain":
        return instance.scope.shards
    numbers = [_shard(one) for one in children if one["kind"] == "StatefulSet"]
    return max([instance.scope.shards, *(number + 1 for number in numbers)])


def _shard(manifest: Manifest) -> int:
    number = (manifest["metadata"].get("labels") or {}).get(SHARD_LABEL, "0")
    return int(number) if number.isdigit() else 0


def _proved(memory: Memory, snapshot: Snapshot, pod: Pod) -> bool:
    known = memory.live.get(pod.uid)
    return known is not None and any(known.digest == one.digest for one in snapshot.configurations)
