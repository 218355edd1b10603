"""What the operator tells about an AlertmanagerConfig: who uses it, what is left out, or why nobody takes it. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from davit.model import Key, Manifest
from davit.monitoring.faults import Fault
from davit.status import Condition, merge

from davit_alertmanager.api.v1 import ALERTMANAGER

Json = dict[str, Any]
LISTED = 50
"""Entries of a list in status at most."""


@dataclass(frozen=True, slots=True)
class Report:
    """What an Alertmanager made of one AlertmanagerConfig; receivers: those that are in use."""

    generation: int
    receivers: tuple[str, ...] = ()
    faults: tuple[Fault, ...] = ()
    ignored: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Use:
    """An Alertmanager that takes the object; `report` is None where it has not yet looked at this generation."""

    key: Key
    report: Report | None


def binding_status(resource: Manifest, uses: Sequence[Use], refusals: Mapping[Key, str], *, now: float) -> Json:
    """The whole status; `refusals` says by Alertmanager why it does not take the object."""
    generation = resource["metadata"].get("generation", 0)
    old: Json = resource.get("status") or {}
    before = {(one["namespace"], one["name"]): one for one in old.get("bindings") or ()}
    bindings = [
        _binding(use, before.get((use.key.namespace, use.key.name)), generation, now)
        for use in sorted(uses, key=lambda use: use.key)
    ]
    refused = _nearest_first(refusals, resource["metadata"]["namespace"])
    conditions = merge(old.get("conditions") or (), [_accepted(uses, refused)], generation, now)
    found: Json = {"observedGeneration": generation, "conditions": conditions}
    if bindings:
        found["bindings"] = bindings
    if not uses and refused:
        found["selection"] = refused[:LISTED]
    return found


def _nearest_first(refusals: Mapping[Key, str], namespace: str) -> list[str]:
    """Those of the object's own namespace come first: it is more likely meant for them."""
    found = sorted(refusals.items(), key=lambda one: (one[0].namespace != namespace, one[0]))
    return [f"Alertmanager {key}: {why}" for key, why in found]


def _accepted(uses: Sequence[Use], refused: Sequence[str]) -> Condition:
    """Not called Ready: kstatus waits for that, and an object that nobody selects would hold up every `helm --wait`."""
    if not uses:
        why = "; ".join(refused[:3])
        return Condition("Accepted", "False", "NotSelected", why or "there is no Alertmanager that could select it")
    waiting = [use for use in uses if use.report is None]
    if waiting:
        return Condition("Accepted", "Unknown", "NotObserved", f"Alertmanager {waiting[0].key} has not looked at it yet")
    faults = [fault for use in uses if use.report for fault in use.report.faults]
    if faults:
        return Condition("Accepted", "False", "Rejected", describe(list(dict.fromkeys(faults))))
    return Condition("Accepted", "True", "InUse", f"in use by {', '.join(str(use.key) for use in uses[:3])}")


def _binding(use: Use, before: Json | None, generation: int, now: float) -> Json:
    report = use.report
    if report is None:
        condition = Condition("Accepted", "Unknown", "NotObserved", "it was not looked at yet")
    elif report.faults:
        reason = "PartlyAccepted" if report.receivers else "InvalidConfiguration"
        condition = Condition("Accepted", "False", reason, describe(report.faults))
    else:
        condition = Condition("Accepted", "True", "", "")
    found: Json = {
        "group": ALERTMANAGER.group,
        "resource": ALERTMANAGER.plural,
        "name": use.key.name,
        "namespace": use.key.namespace,
        "conditions": merge((before or {}).get("conditions") or (), [condition], generation, now),
    }
    if report is None:
        return found
    found["accepted"] = not report.faults
    if report.receivers:
        found["receivers"] = list(report.receivers[:LISTED])
    if report.faults:
        found["rejected"] = [{"path": fault.path, "message": fault.message} for fault in report.faults[:LISTED]]
    if report.ignored:
        found["ignored"] = list(report.ignored[:LISTED])
    return found


def describe(faults: Sequence[Fault]) -> str:
    """Faults in one sentence, for conditions and events."""
    more = f" (and {len(faults) - 3} more)" if len(faults) > 3 else ""
    return "; ".join(str(fault) for fault in faults[:3]) + more
