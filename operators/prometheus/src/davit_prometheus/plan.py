"""Decides the next step for one Prometheus. Pure."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from davit.kube.kinds import CONFIG_MAP, NETWORK_POLICY, POD_DISRUPTION_BUDGET, SECRET, SERVICE, STATEFUL_SET
from davit.model import Action, Manifest, Plan
from davit.monitoring import workload
from davit.monitoring.rollout import Orphan, growth, unchangeable
from davit.monitoring.salt import ANNOTATION as SALT
from davit.monitoring.sharing import services

from davit_prometheus.assembly import SECRET_LIMIT, Configuration
from davit_prometheus.commands import MakeLive
from davit_prometheus.manifests import CONFIG_KEY, config_secret, metadata, rules_config_map, scrape_secrets, thanos, tls_secret
from davit_prometheus.manifests.disruption_budget import disruption_budget
from davit_prometheus.manifests.network_policy import network_policy
from davit_prometheus.manifests.services import client, governing
from davit_prometheus.manifests.stateful_set import stateful_set
from davit_prometheus.manifests.web_config import web_config_secret
from davit_prometheus.model import OPERATOR, TLS_ASSETS, Instance
from davit_prometheus.snapshot import Pod, Snapshot

ASSETS_LIMIT = 900_000
"""Bytes of TLS assets in one Secret."""
SOON, LATER = 1.0, 30.0
"""Seconds until the next look: while something is awaited, and for the targets of a settled one."""
PRUNED = (STATEFUL_SET, CONFIG_MAP, SECRET, SERVICE, POD_DISRUPTION_BUDGET, NETWORK_POLICY)


@dataclass(frozen=True, slots=True)
class Detail:
    """What the plan found, for the status room."""

    stale: tuple[Pod, ...] = ()
    """Running processes that are not proved to run what is written."""
    silent: tuple[Pod, ...] = ()
    """Running processes that can't be spoken to."""


def plan(instance: Instance, snapshot: Snapshot, now: float) -> Plan:
    """The whole next step; `now` is not needed, everything is decided by what is there."""
    if instance.paused:
        return Plan(detail=Detail())
    children = {(one["kind"], one["metadata"]["name"]): one for one in snapshot.children}
    sets, orphans, leaving = _stateful_sets(instance, snapshot, children)
    files = [] if snapshot.held else [*_files(instance, snapshot, children)]
    sidecar = [thanos.client_secret(instance)] if instance.thanos_image else []
    manifests = [
        web_config_secret(instance),
        *sidecar,
        *_services(instance, snapshot),
        *sets,
        *_guards(instance, snapshot),
    ]
    running = [pod for pod in snapshot.pods if pod.container]
    silent = tuple(pod for pod in running if not pod.url)
    known = () if snapshot.held or snapshot.foreign else tuple(pod for pod in running if pod.shard < len(snapshot.configurations))
    stale = tuple(pod for pod in known if pod.url and not _is_live(snapshot, pod))
    risky: list[Action] = [*orphans, *growth(sets, snapshot.volumes)]
    # Pods that do not run yet are no reason to look again soon: their events wake.
    # What no Secret has room for waits for an edit, and that is an event as well.
    held = bool(snapshot.held) and not any(one.excess for one in snapshot.configurations)
    waits = bool(held or snapshot.refused or stale or leaving)
    return Plan(
        files=tuple(files),
        manifests=tuple(manifests),
        # Before loading: a process whose disk is full may never answer, and waits for its volume to grow.
        actions=tuple(risky[:1]),
        load=MakeLive(stale, snapshot.configurations, snapshot.rules) if stale else None,
        # A StatefulSet that is to be made anew is not among the manifests, and pruning would take its pods.
        prune=()
        if snapshot.held or orphans or leaving
        else tuple(kind for kind in PRUNED if kind != SECRET or not snapshot.foreign),
        requeue_after=0.0 if orphans else SOON if waits else LATER,
        detail=Detail(stale, silent),
    )


def _is_live(snapshot: Snapshot, pod: Pod) -> bool:
    known = snapshot.live.get(pod.uid)
    if known is None:
        return False
    wanted = snapshot.configurations[pod.shard].digest, tuple(one.limit for one in snapshot.rules)
    return known.container == pod.container and (known.digest, known.rules) == wanted


# Files


def _files(instance: Instance, snapshot: Snapshot, children: Mapping[tuple[str, str], Manifest]) -> Iterator[Manifest]:
    """What processes read; what is referred to comes before what refers to it, prometheus.yaml last."""
    scope = instance.scope
    for number, files in enumerate(_spread(_assets(instance, snapshot, children))):
        yield workload.secret(metadata(instance, tls_secret(scope, number)), files)
    for number, rules in enumerate(snapshot.rules):
        head = metadata(instance, rules_config_map(scope, number))
        yield {"apiVersion": "v1", "kind": "ConfigMap", "metadata": head, "data": dict(rules.files)}
    for shard, configuration in enumerate(snapshot.configurations):
        name = config_secret(scope, shard)
        if snapshot.foreign and ("Secret", name) in children:
            continue
        yield from _overflow(instance, shard, configuration, children)
        head = metadata(instance, name, annotations={SALT: snapshot.salt} if snapshot.salt else None)
        yield workload.secret(head, {CONFIG_KEY: configuration.main.encode()})


def _assets(instance: Instance, snapshot: Snapshot, children: Mapping[tuple[str, str], Manifest]) -> dict[str, bytes]:
    """The certificates, and those that the written configuration or one that is put back still reads."""
    scope, found = instance.scope, dict(snapshot.assets)
    names = [name for kind, name in children if kind == "Secret" and name.startswith(f"{scope.prefix}-tls-assets-")]
    live = {file: content for name in names for file, content in (children["Secret", name].get("data") or {}).items()}
    left = set(live) - set(found)
    if not left:
        return found
    texts = [part for one in snapshot.configurations for part in (one.main, *(lines for _, lines in one.buckets.values()))]
    for shard in range(len(snapshot.configurations)):
        for name in (config_secret(scope, shard), *scrape_secrets(scope, shard)):
            data = (children.get(("Secret", name)) or {}).get("data") or {}
            texts += [base64.b64decode(content).decode() for key, content in data.items() if key.endswith(".yaml")]
    kept = {file: base64.b64decode(live[file]) for file in left if any(f"{TLS_ASSETS}/{file}" in text for text in texts)}
    # Another Secret would be another template, and restart the pods.
    return found | kept if len(_spread(found | kept)) == len(_spread(found)) else found


def _overflow(
    instance: Instance, shard: int, configuration: Configuration, children: Mapping[tuple[str, str], Manifest]
) -> Iterator[Manifest]:
    """Files that the written prometheus.yaml reads stay until it reads others: a restart must find them."""
    written = _written(children.get(("Secret", config_secret(instance.scope, shard))))
    for number, name in enumerate(scrape_secrets(instance.scope, shard)):
        files = {file: text.encode() for file, text in [configuration.buckets[number]]} if number in configuration.buckets else {}
        live = (children.get(("Secret", name)) or {}).get("data") or {}
        for file, content in live.items():
            if file in written and written != configuration.main:
                kept = base64.b64decode(content)
                if sum(map(len, files.values())) + len(kept) <= SECRET_LIMIT:
                    files.setdefault(file, kept)
        if files:
            yield workload.secret(metadata(instance, name), files)


def _written(secret: Manifest | None) -> str:
    return base64.b64decode(((secret or {}).get("data") or {}).get(CONFIG_KEY, "")).decode()


def _spread(files: Mapping[str, bytes]) -> list[dict[str, bytes]]:
    """Files over Secrets of a size that the API server takes; there is always one."""
    places: list[dict[str, bytes]] = [{}]
    size = 0
    for name in sorted(files):
        if size + len(files[name]) > ASSETS_LIMIT and places[-1]:
            places.append({})
            size = 0
        places[-1][name] = files[name]
        size += len(files[name])
    return places


# Pods and what guards them


def _stateful_sets(
    instance: Instance, snapshot: Snapshot, children: Mapping[tuple[str, str], Manifest]
) -> tuple[list[Manifest], list[Orphan], bool]:
    """One for each shard; where a live one differs in what can't be changed, an order to make it anew instead.

    The last is whether one is on its way out, which the garbage collector must finish first.
    """
    if snapshot.held:
        # What is not written is not to be mounted.
        counts = {"rule_config_maps": _written_as(instance, children, "ConfigMap", "rulefiles"),
                  "tls_secrets": _written_as(instance, children, "Secret", "tls-assets")}  # fmt: skip
    else:
        counts = {"rule_config_maps": len(snapshot.rules), "tls_secrets": len(_spread(snapshot.assets))}
    sets, orphans, leaving = [], [], False
    for shard in range(len(snapshot.configurations)):
        wanted = stateful_set(instance, shard, **counts)
        live = children.get(("StatefulSet", wanted["metadata"]["name"]))
        why = unchangeable(wanted, live) if live else ""
        if live and "deletionTimestamp" in live["metadata"]:
            leaving = True
        elif live and why:
            orphans.append(Orphan(wanted["metadata"]["name"], live["metadata"]["uid"], why, wanted))
        else:
            sets.append(wanted)
    return sets, orphans, leaving


def _written_as(instance: Instance, children: Mapping[tuple[str, str], Manifest], kind: str, part: str) -> int:
    """How many children of a kind there are of one part of the files."""
    return sum(of == kind and name.startswith(f"{instance.scope.prefix}-{part}-") for of, name in children)


def _services(instance: Instance, snapshot: Snapshot) -> Iterator[Manifest]:
    sharers = [one for one in snapshot.sharers if one.key != instance.key]
    own = None if "Service" in snapshot.strangers else client(instance)
    return services(governing([*sharers, instance]), own, snapshot.children, OPERATOR)


def _guards(instance: Instance, snapshot: Snapshot) -> Iterator[Manifest]:
    if "PodDisruptionBudget" not in snapshot.strangers:
        for shard in range(len(snapshot.configurations)):
            if (budget := disruption_budget(instance, shard)) is not None:
                yield budget
    if "NetworkPolicy" not in snapshot.strangers:
        policy = network_policy(instance, stateful_set(instance, 0))
        if policy is not None:
            yield policy
