"""What the status of a selected object says: who uses it, what is left out of it, or why nobody takes it. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from davit.model import Key, Kind, Manifest
from davit.monitoring.faults import Fault, describe
from davit.status import Condition, merge

Json = dict[str, Any]
ObjectId = tuple[Kind, Key]
LISTED = 50
"""Entries of a list in status at most."""


@dataclass(frozen=True, slots=True)
class Report:
    """What a Prometheus or an Alertmanager made of one object.

    generation: the one that it looked at; used: names of the jobs, rule groups or receivers that are in use; ignored:
    sentences about what has no effect.
    """

    generation: int
    used: tuple[str, ...] = ()
    faults: tuple[Fault, ...] = ()
    ignored: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Use:
    """Who takes the object, a `kind` named `key`; `report` is None where it has not yet looked at this generation."""

    kind: Kind
    key: Key
    report: Report | None


U = TypeVar("U", bound=Use)
Details = Callable[[U, Report, Json], Json]
"""What a binding says beside what all say, of a use, its report, and the binding as it was (empty for a new one)."""


def binding_status(
    resource: Manifest,
    uses: Sequence[U],
    refusals: Mapping[ObjectId, str],
    details: Details[U],
    *,
    main: str,
    now: float,
    hint: str = "",
) -> Json:
    """The whole status; `refusals` says who does not take the object, and why.

    main: the kind that could take it, in words; now: Unix time; hint: why nothing comes of it though it is in use, or empty.
    """
    generation = resource["metadata"].get("generation", 0)
    old: Json = resource.get("status") or {}
    before = {(one["resource"], one["namespace"], one["name"]): one for one in old.get("bindings") or ()}
    bindings = [
        _binding(use, before.get((use.kind.plural, use.key.namespace, use.key.name)) or {}, details, generation, now)
        for use in sorted(uses, key=lambda use: (use.kind.plural, use.key))
    ]
    refused = _nearest_first(refusals, resource["metadata"]["namespace"])
    conditions = merge(old.get("conditions") or (), [_accepted(uses, refused, main, hint)], generation, now)
    found: Json = {"observedGeneration": generation, "conditions": conditions}
    if bindings:
        found["bindings"] = bindings
    if not uses and refused:
        found["selection"] = refused[:LISTED]
    return found


def _nearest_first(refusals: Mapping[ObjectId, str], namespace: str) -> list[str]:
    """Those of the object's own namespace come first: it is more likely meant for them."""
    found = sorted((key.namespace != namespace, kind.kind, key, why) for (kind, key), why in refusals.items())
    return [f"{kind} {key}: {why}" for _, kind, key, why in found]


def _accepted(uses: Sequence[Use], refused: Sequence[str], main: str, hint: str) -> Condition:
    """Not called Ready: kstatus waits for that, and an object that nobody selects would hold up every `helm --wait`."""
    if not uses:
        why = "; ".join(refused[:3])
        return Condition("Accepted", "False", "NotSelected", why or f"there is no {main} that could select it")
    waiting = [use for use in uses if use.report is None]
    if waiting:
        return Condition("Accepted", "Unknown", "NotObserved", f"{main} {waiting[0].key} has not looked at it yet")
    faults = [fault for use in uses if use.report for fault in use.report.faults]
    if faults:
        return Condition("Accepted", "False", "Rejected", describe(list(dict.fromkeys(faults))))
    if hint:
        return Condition("Accepted", "True", "NoTargets", hint)
    return Condition("Accepted", "True", "InUse", f"in use by {', '.join(str(use.key) for use in uses[:3])}")


def _binding(use: U, before: Json, details: Details[U], generation: int, now: float) -> Json:
    report = use.report
    if report is None:
        condition = Condition("Accepted", "Unknown", "NotObserved", "it was not looked at yet")
    elif report.faults:
        reason = "PartlyAccepted" if report.used else "InvalidConfiguration"
        condition = Condition("Accepted", "False", reason, describe(report.faults))
    else:
        condition = Condition("Accepted", "True", "", "")
    found: Json = {
        "group": use.kind.group,
        "resource": use.kind.plural,
        "name": use.key.name,
        "namespace": use.key.namespace,
        "conditions": merge(before.get("conditions") or (), [condition], generation, now),
    }
    if report is None:
        return found
    found |= details(use, report, before)
    if report.faults:
        found["rejected"] = [{"path": fault.path, "message": fault.message} for fault in report.faults[:LISTED]]
    if report.ignored:
        found["ignored"] = list(report.ignored[:LISTED])
    return found
