"""Decides the next step for one Alertmanager. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from davit.kube.kinds import NETWORK_POLICY, POD_DISRUPTION_BUDGET, SECRET, SERVICE, STATEFUL_SET
from davit.model import Action, Manifest, Notice, Plan
from davit.monitoring.faults import describe
from davit.monitoring.rollout import Orphan, growth, unchangeable
from davit.monitoring.sharing import services

from davit_alertmanager.commands import MakeLive
from davit_alertmanager.manifests import clustered, secrets
from davit_alertmanager.manifests.cluster_tls import cluster_tls_config_secret
from davit_alertmanager.manifests.disruption_budget import disruption_budget
from davit_alertmanager.manifests.network_policy import network_policy
from davit_alertmanager.manifests.services import client, governing
from davit_alertmanager.manifests.stateful_set import stateful_set
from davit_alertmanager.model import OPERATOR, Instance
from davit_alertmanager.snapshot import Snapshot

SOON, LATER = 1.0, 30.0
"""Seconds until the next look: while something is awaited, and at a settled one."""
PRUNED = (STATEFUL_SET, SECRET, SERVICE, POD_DISRUPTION_BUDGET, NETWORK_POLICY)


def plan(instance: Instance, snapshot: Snapshot, now: float) -> Plan:
    """The whole next step; `now` is not needed, everything is decided by what is there."""
    if instance.paused:
        return Plan()
    files = _files(instance, snapshot)
    wanted = stateful_set(instance, _tls_count(snapshot, files))
    live = next((one for one in snapshot.children if one["kind"] == "StatefulSet" and _name(one) == _name(wanted)), None)
    why = unchangeable(wanted, live) if live else ""
    orphans = [Orphan(_name(wanted), live["metadata"]["uid"], why, wanted)] if live and why else []
    # Pods of ours can't start from the files of another operator, whose own go on meanwhile.
    waits_for_files = snapshot.foreign and not files
    sets = [] if orphans or waits_for_files else [wanted]
    risky: list[Action] = [*orphans, *growth([wanted], snapshot.volumes)]
    load = MakeLive(tuple(snapshot.behind), snapshot.edition) if snapshot.edition is not None and snapshot.behind else None
    return Plan(
        files=tuple(files),
        manifests=(*_settings(instance), *_services(instance, snapshot), *sets, *_guards(instance, snapshot, wanted)),
        # Before loading: what a process needs to answer.
        actions=tuple(risky[:1]),
        load=load,
        # What is not among the manifests for a reason must not be pruned.
        prune=() if snapshot.edition is None or orphans or waits_for_files else PRUNED,
        notices=tuple(_notices(snapshot)),
        requeue_after=0.0 if orphans else SOON if waits(instance, snapshot) else LATER,
    )


def waits(instance: Instance, snapshot: Snapshot) -> bool:
    """Whether something is to change soon that no event tells."""
    if snapshot.held or snapshot.refused or snapshot.behind or snapshot.unchecked:
        return True
    running = [pod for pod in snapshot.pods if pod.container]
    return len(running) < instance.replicas or bool(lonely(instance, snapshot)) or snapshot.settling


def lonely(instance: Instance, snapshot: Snapshot) -> dict[str, int]:
    """The running pods that don't see as many members of the cluster as there are, and how many each sees."""
    if not clustered(instance):
        return {}
    seen = {pod.name: live.seen.peers for pod in snapshot.pods if (live := snapshot.live.get(pod.uid)) is not None}
    return {name: peers for name, peers in seen.items() if peers < instance.replicas}


def _files(instance: Instance, snapshot: Snapshot) -> list[Manifest]:
    """What processes read; what is referred to comes before what refers to it."""
    edition = snapshot.edition
    if edition is None:
        return []
    return [*secrets.tls_assets(instance, edition.assets), secrets.config(instance, edition.text, edition.beside, edition.salt)]


def _tls_count(snapshot: Snapshot, files: list[Manifest]) -> int:
    """How many Secrets with TLS assets pods mount; those that are there while nothing is written."""
    found = files or [one for one in snapshot.children if one["kind"] == "Secret"]
    return max(1, sum(1 for one in found if "-tls-assets-" in _name(one)))


def _settings(instance: Instance) -> Iterator[Manifest]:
    yield secrets.web_config(instance)
    if (found := cluster_tls_config_secret(instance)) is not None:
        yield found


def _services(instance: Instance, snapshot: Snapshot) -> Iterator[Manifest]:
    sharers = [one for one in snapshot.sharers if one.key != instance.key]
    own = None if "Service" in snapshot.strangers else client(instance)
    return services(governing([*sharers, instance]), own, snapshot.children, OPERATOR)


def _guards(instance: Instance, snapshot: Snapshot, pods: Manifest) -> Iterator[Manifest]:
    if "PodDisruptionBudget" not in snapshot.strangers and (budget := disruption_budget(instance)) is not None:
        yield budget
    if "NetworkPolicy" not in snapshot.strangers and (policy := network_policy(instance, pods)) is not None:
        yield policy


def _notices(snapshot: Snapshot) -> Iterator[Notice]:
    if snapshot.base:
        yield Notice("InvalidConfiguration", snapshot.base, warning=True)
    if snapshot.nobody:
        yield Notice("NoConfiguration", f"{snapshot.nobody}; until then alerts notify nobody", warning=True)
    if snapshot.faults:
        yield Notice("InvalidConfiguration", describe(snapshot.faults), warning=True)
    for key, faults in sorted(snapshot.quarantined.items())[:3]:
        yield Notice("InvalidConfiguration", f"of AlertmanagerConfig {key} is left out: {describe(faults)}", warning=True)


def _name(manifest: Manifest) -> str:
    return str(manifest["metadata"]["name"])
