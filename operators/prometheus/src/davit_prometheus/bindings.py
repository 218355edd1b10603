"""What the operator tells about a monitor or rule: who uses it, what is left out, or why nobody takes it. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from davit.model import Key, Kind, Manifest
from davit.status import Condition, merge

from davit_prometheus.inventory import Report
from davit_prometheus.model import Pool
from davit_prometheus.status import LISTED, describe

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Use:
    """What one Prometheus makes of the object; `report` is None where it has not yet looked at this generation."""

    kind: Kind
    key: Key
    report: Report | None
    pools: Mapping[str, Pool] | None


def binding_status(
    resource: Manifest, uses: Sequence[Use], refusals: Mapping[str, str], *, hint: str, scraped: bool, now: float
) -> Json:
    """The whole status; `refusals` says by Prometheus why it does not take the object, `hint` why there are no targets."""
    generation = resource["metadata"].get("generation", 0)
    old: Json = resource.get("status") or {}
    before = {(one["resource"], one["namespace"], one["name"]): one for one in old.get("bindings") or ()}
    bindings = [
        _binding(use, before.get((use.kind.plural, use.key.namespace, use.key.name)), generation, scraped=scraped, now=now)
        for use in sorted(uses, key=lambda use: (use.kind.plural, use.key))
    ]
    refused = _nearest_first(refusals, resource["metadata"]["namespace"])
    condition = _accepted(uses, refused, hint)
    found: Json = {
        "observedGeneration": generation,
        "conditions": merge(old.get("conditions") or (), [condition], generation, now),
    }
    if bindings:
        found["bindings"] = bindings
    if not uses and refused:
        found["selection"] = refused[:LISTED]
    return found


def _nearest_first(refusals: Mapping[str, str], namespace: str) -> list[str]:
    """Those of the object's own namespace come first: it is more likely meant for them."""
    own = f" {namespace}/"
    return [f"{name}: {why}" for name, why in sorted(refusals.items(), key=lambda one: (own not in one[0], one[0]))]


def _accepted(uses: Sequence[Use], refused: Sequence[str], hint: str) -> Condition:
    """Not called Ready: kstatus waits for that, and an object that nobody selects would hold up every `helm --wait`."""
    if not uses:
        why = "; ".join(refused[:3])
        return Condition("Accepted", "False", "NotSelected", why or "there is no Prometheus that could select it")
    waiting = [use for use in uses if use.report is None]
    if waiting:
        return Condition("Accepted", "Unknown", "NotObserved", f"Prometheus {waiting[0].key} has not looked at it yet")
    faults = [fault for use in uses if use.report for fault in use.report.faults]
    if faults:
        return Condition("Accepted", "False", "Rejected", describe(list(dict.fromkeys(faults))))
    if hint:
        return Condition("Accepted", "True", "NoTargets", hint)
    return Condition("Accepted", "True", "InUse", f"in use by {', '.join(str(use.key) for use in uses[:3])}")


def _binding(use: Use, before: Json | None, generation: int, *, scraped: bool, now: float) -> Json:
    report = use.report
    if report is None:
        condition = Condition("Accepted", "Unknown", "NotObserved", "it was not looked at yet")
    elif report.faults:
        reason = "PartlyAccepted" if report.jobs else "InvalidConfiguration"
        condition = Condition("Accepted", "False", reason, describe(report.faults))
    else:
        condition = Condition("Accepted", "True", "", "")
    found: Json = {
        "group": use.kind.group,
        "resource": use.kind.plural,
        "name": use.key.name,
        "namespace": use.key.namespace,
        "conditions": merge((before or {}).get("conditions") or (), [condition], generation, now),
    }
    if report is None:
        return found
    if report.jobs:
        found["jobs"] = list(report.jobs[:LISTED])
    if scraped and report.jobs and use.pools is not None:
        pools = [use.pools[name] for name in report.jobs if name in use.pools]
        found["targets"] = {"active": sum(pool.active for pool in pools), "up": sum(pool.up for pool in pools)}
    elif scraped and report.jobs and before and "targets" in before:
        # No process has told yet, as after a restart of the operator.
        found["targets"] = before["targets"]
    if report.faults:
        found["rejected"] = [{"path": fault.path, "message": fault.message} for fault in report.faults[:LISTED]]
    if ignored := (*report.ignored, *report.unknown):
        found["ignored"] = list(ignored[:LISTED])
    return found
