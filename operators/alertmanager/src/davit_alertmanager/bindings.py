"""What the operator tells about an AlertmanagerConfig, beside what `davit.monitoring.bindings` says of every object. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from davit.model import Manifest
from davit.monitoring import bindings
from davit.monitoring.bindings import LISTED, ObjectId, Report, Use

Json = dict[str, Any]


def binding_status(resource: Manifest, uses: Sequence[Use], refusals: Mapping[ObjectId, str], *, now: float) -> Json:
    """The whole status."""
    return bindings.binding_status(resource, uses, refusals, _details, main="Alertmanager", now=now)


def _details(use: Use, report: Report, before: Json) -> Json:
    return {"accepted": not report.faults, **({"receivers": list(report.used[:LISTED])} if report.used else {})}
