"""What the operator tells about a monitor or rule, beside what `davit.monitoring.bindings` says of every object. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from davit.model import Manifest
from davit.monitoring import bindings
from davit.monitoring.bindings import LISTED, ObjectId, Report

from davit_prometheus.model import Pool

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Use(bindings.Use):
    """What one Prometheus makes of the object; `pools` are its targets, None where they are not known."""

    pools: Mapping[str, Pool] | None


def binding_status(
    resource: Manifest, uses: Sequence[Use], refusals: Mapping[ObjectId, str], *, hint: str, scraped: bool, now: float
) -> Json:
    """The whole status; `hint` says why there are no targets, `scraped` whether there could be any."""

    def details(use: Use, report: Report, before: Json) -> Json:
        found: Json = {"jobs": list(report.used[:LISTED])} if report.used else {}
        if scraped and report.used and use.pools is not None:
            pools = [use.pools[name] for name in report.used if name in use.pools]
            found["targets"] = {"active": sum(pool.active for pool in pools), "up": sum(pool.up for pool in pools)}
        elif scraped and report.used and "targets" in before:
            # No process has told yet, as after a restart of the operator.
            found["targets"] = before["targets"]
        return found

    return bindings.binding_status(resource, uses, refusals, details, main="Prometheus", hint=hint, now=now)
