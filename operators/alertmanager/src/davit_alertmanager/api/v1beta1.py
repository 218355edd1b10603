"""`monitoring.coreos.com/v1beta1` AlertmanagerConfig: served from what is stored as v1alpha1.

The API server converts by name only (strategy None), because a webhook that is down would make every AlertmanagerConfig
unreadable. So both versions accept both spellings of the two fields that differ (`timeIntervals` for
`muteTimeIntervals`, `matchType` for `regex`), each reads back as it was written, and the operator understands either.
"""

from __future__ import annotations

from davit.crd import Crd, Json, manifest, without_descriptions
from davit.model import Kind, Manifest
from davit.monitoring.types import Items
from pydantic import Field

from davit_alertmanager.api import v1alpha1
from davit_alertmanager.api.parts import GROUP, TimeInterval
from davit_alertmanager.api.v1alpha1 import COLUMNS, AlertmanagerConfigStatus, ConfigSpec

ALERTMANAGER_CONFIG = Kind(GROUP, "v1beta1", "AlertmanagerConfig", "alertmanagerconfigs")


class AlertmanagerConfigSpec(ConfigSpec):
    """Routes, receivers and inhibitions that are merged into an Alertmanager's configuration."""

    time_intervals: Items[TimeInterval] | None = Field(default=None, description="Time intervals that routes refer to.")
    mute_time_intervals: Items[TimeInterval] | None = Field(default=None, description="The same, as v1alpha1 spells it.")


CRD = Crd(
    kind=ALERTMANAGER_CONFIG,
    spec=AlertmanagerConfigSpec,
    status=AlertmanagerConfigStatus,
    description=v1alpha1.CRD.description,
    short_names=v1alpha1.CRD.short_names,
    columns=COLUMNS,
)


def crd_manifest() -> Manifest:
    """The CustomResourceDefinition that serves both versions and stores v1alpha1, as upstream's default install does."""
    stored, served = manifest(v1alpha1.CRD), manifest(CRD)
    versions = [*stored["spec"]["versions"], {**served["spec"]["versions"][0], "storage": False}]
    slim = [{**version, "schema": _slim(version["schema"])} for version in versions]
    return {**stored, "spec": {**stored["spec"], "versions": slim, "conversion": {"strategy": "None"}}}


_SELECTOR = {"name", "key", "optional"}


def _slim(schema: Json) -> Json:
    """Without the texts inside of clients and selectors, which are there dozens of times and would exceed the size limits."""
    return {name: _slim_part(name, part) if isinstance(part, dict) else part for name, part in schema.items()}


def _slim_part(name: str, part: Json) -> Json:
    if name in ("httpConfig", "tlsConfig") or set(part.get("properties", ())) == _SELECTOR:
        return {**without_descriptions(part), "description": part["description"]}
    return _slim(part)
