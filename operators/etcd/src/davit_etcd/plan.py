"""Decides the next step of one etcd cluster. Pure.

An ordered list of policies, each of which looks at the whole snapshot and either names the next step or passes on. At
most one risky action comes out of a pass; the next pass looks at the world anew.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from davit.kube.kinds import POD_DISRUPTION_BUDGET, SERVICE
from davit.kube.quantity import parse_quantity
from davit.model import Manifest, Notice, Plan

from davit_etcd import layout
from davit_etcd.commands import DiscardMember, RemoveMember
from davit_etcd.diagnosis import complaint
from davit_etcd.manifests.jobs import Agent
from davit_etcd.manifests.volume import requested
from davit_etcd.model import Cluster, Member, Snapshot, rolled_back
from davit_etcd.policies.forming import forming
from davit_etcd.policies.guards import hibernating, mistaken, settled, waiting, without_quorum
from davit_etcd.policies.healing import bury, disarm, leftover, rescue
from davit_etcd.policies.resizing import grow, label, shrink, teach
from davit_etcd.policies.restoring import recovering, restoring
from davit_etcd.policies.rolling import expand, roll
from davit_etcd.policies.upgrading import beyond, progress, retreat, stay_up
from davit_etcd.policies.view import NO_AGENT, SETTLED, Step, View, view_of, wanted_inputs
from davit_etcd.versions import Version


@dataclass(frozen=True, slots=True)
class Detail:
    """The plan's findings for the status room."""

    step: Step
    problems: tuple[Step, ...] = ()
    initial: tuple[str, ...] = ()
    target: Version | None = None
    """The version of the spec, None while it is refused."""
    upgrade: Mapping[str, Any] = field(default_factory=dict)
    """What `status.upgrade` is to say."""


def plan(cluster: Cluster, snapshot: Snapshot, now: float, agent: Agent = NO_AGENT) -> Plan:
    """The next step; `now` is Unix time in seconds, for deadlines: every other wait is for a condition.

    agent: the image in which backups are read.
    """
    view = view_of(cluster, snapshot, now, agent)
    if cluster.paused:
        described = _describe(view)
        return Plan(detail=Detail(described, initial=view.initial, upgrade=progress(view, described)), requeue_after=SETTLED)
    step = _candid(view, next(step for policy in POLICIES if (step := policy(view)) is not None))
    problems = tuple(_problems(view))
    return Plan(
        manifests=() if step.frozen else _manifests(view, step),
        prune=() if step.frozen else (SERVICE, POD_DISRUPTION_BUDGET),
        actions=(step.action,) if step.action else (),
        intent={**_intent(view), **step.intent},
        notices=tuple(_notices(view, (step, *problems))),
        requeue_after=0.0 if step.action else step.wait,
        detail=Detail(step, problems, view.initial, None if view.refusal else cluster.inputs.version, progress(view, step)),
    )


def _manifests(view: View, step: Step) -> tuple[Manifest, ...]:
    rolling = next((m for m in view.snapshot.members if m.name == step.rolling), None)
    return layout.manifests(
        view.cluster,
        view.snapshot,
        initial=view.initial,
        inputs=view.joining,
        rolling=step.rolling,
        target=wanted_inputs(view, rolling) if rolling else None,
        leaving=step.action.member if isinstance(step.action, RemoveMember | DiscardMember) else "",
        stopped=step.stop,
    )


def _candid(view: View, step: Step) -> Step:
    """While a pass can only wait, what it waits for is the reason to show, if that is unlikely to end by itself."""
    if step.action or step.stalled or step.settled:
        return step
    hard = next((reason for member in _sick(view) if (reason := complaint(member).reason)), "")
    return replace(step, reason=hard) if hard else step


def _notices(view: View, steps: Iterable[Step]) -> Iterable[Notice]:
    for step in steps:
        if step.tell is not None:
            yield step.tell
        if step.stalled:
            yield Notice(step.reason, step.message, warning=True)
    for member in _sick(view):
        if (said := complaint(member)).reason:
            yield Notice(said.reason, f"{member.name}: {said.message}", warning=True)


def _sick(view: View) -> list[Member]:
    """Members that should be healthy and are not."""
    if not view.cluster.size:
        return []
    return [m for m in view.snapshot.members if not m.healthy and (m.etcd is not None or m.name in view.initial)]


def _intent(view: View) -> dict[str, Any]:
    if view.snapshot.formed or view.snapshot.status.get("initialMembers") or not view.initial:
        return {}
    return {"initialMembers": list(view.initial)}


POLICIES: tuple[Callable[[View], Step | None], ...] = (
    restoring,
    forming,
    mistaken,
    hibernating,
    retreat,
    rescue,
    recovering,
    without_quorum,
    disarm,
    leftover,
    label,
    bury,
    teach,
    grow,
    shrink,
    beyond,
    stay_up,
    roll,
    expand,
    waiting,
    settled,
)
"""The order is the design: never touch what is not understood, heal before resizing, resize before rolling."""


def _problems(view: View) -> Iterable[Step]:
    """What the spec asks for and can't have; everything else goes on."""
    if view.cluster.held:
        return
    if view.refusal:
        failed = rolled_back(view.cluster, view.snapshot.status)
        yield Step("UpgradeRolledBack" if failed else "UpgradeRefused", view.refusal, stalled=True)
    for member in view.snapshot.members:
        if view.cluster.storage.memory or member.volume is None or member.etcd is None:
            continue
        if parse_quantity(requested(member.volume)) > view.cluster.storage.bytes:
            has = requested(member.volume)
            yield Step(
                "StorageShrink",
                f"spec.storage.size {view.cluster.storage.size} is less than the {has} of {member.name}: volumes can't shrink, "
                f"set it to {has} or more",
                stalled=True,
            )
            return
    if "" in view.snapshot.orphaned_alarms:
        yield Step(
            "DataDisagrees",
            "etcd raised a CORRUPT alarm without saying for which member, and refuses writes: compare `etcdctl endpoint "
            "hashkv --cluster`, delete the volume of the odd one out, then `etcdctl alarm disarm`",
            stalled=True,
        )
    if view.snapshot.no_space:
        yield Step(
            "NoSpace",
            "the database reached its quota and refuses writes: raise spec.quota, or compact, defragment and disarm the alarm",
            stalled=True,
        )


def _describe(view: View) -> Step:
    """For a paused cluster: what is, without what would be done. As long as it serves, nobody need wait for it."""
    if not view.snapshot.formed:
        return Step("Creating", "not formed yet", settled=not view.cluster.size)
    lame = None if not view.cluster.size else without_quorum(view)
    return lame or replace(hibernating(view) or waiting(view) or settled(view), settled=True)
