"""`monitoring.coreos.com/v1alpha1` AlertmanagerConfig, the version that is stored, and its status."""

from __future__ import annotations

from typing import Annotated

from davit.crd import Column, Crd, Model
from davit.model import Kind
from davit.monitoring.types import Duration, Items, Objects, Spec, by
from pydantic import Field

from davit_alertmanager.api.parts import GROUP, Conditions, InhibitRule, Integer, Matcher, Rejections, TimeInterval
from davit_alertmanager.api.receivers import Receiver

ALERTMANAGER_CONFIG = Kind(GROUP, "v1alpha1", "AlertmanagerConfig", "alertmanagerconfigs")

Receivers = Annotated[list[Receiver], Field(json_schema_extra=by("name"))]


class Route(Spec):
    """A node of the routing tree."""

    receiver: str | None = Field(default=None, description="Receiver to notify; the parent's when absent.")
    group_by: Items[str] | None = Field(default=None, description="Labels by which alerts are grouped; '...' alone for all.")
    group_wait: Duration | None = Field(default=None, description="How long to wait before the first notification.")
    group_interval: Duration | None = Field(default=None, description="How long to wait before news of the group.")
    repeat_interval: Duration | None = Field(default=None, description="How long to wait before the same again.")
    matchers: Items[Matcher] | None = Field(default=None, description="Conditions that alerts must meet.")
    continue_: bool | None = Field(
        default=None, alias="continue", description="Whether later siblings are asked too; always so for the first level."
    )
    routes: Objects | None = Field(default=None, description="Routes below, of the same shape.")
    mute_time_intervals: Items[str] | None = Field(default=None, description="Time intervals in which nobody is notified.")
    active_time_intervals: Items[str] | None = Field(
        default=None, description="Time intervals outside of which nobody is notified."
    )


class ConfigSpec(Spec):
    """What both versions say alike."""

    route: Route | None = Field(default=None, description="Where alerts go; by default only those of the own namespace.")
    receivers: Receivers | None = Field(default=None, description="Who can be notified.")
    inhibit_rules: Items[InhibitRule] | None = Field(default=None, description="Alerts that mute others while they fire.")


class AlertmanagerConfigSpec(ConfigSpec):
    """Routes, receivers and inhibitions that are merged into an Alertmanager's configuration."""

    mute_time_intervals: Items[TimeInterval] | None = Field(default=None, description="Time intervals that routes refer to.")
    time_intervals: Items[TimeInterval] | None = Field(default=None, description="The same, as v1beta1 spells it.")


class Binding(Model):
    """What one Alertmanager made of the resource."""

    group: str = Field(description="API group of the Alertmanager.")
    resource: str = Field(description="alertmanagers.")
    name: str = Field(description="Name of the Alertmanager.")
    namespace: str = Field(description="Namespace of the Alertmanager.")
    conditions: Conditions | None = Field(default=None, description="Accepted: whether all of the resource is in use.")
    accepted: bool | None = Field(default=None, description="Whether all of the resource is in use.")
    receivers: Items[str] | None = Field(default=None, description="Receivers of the resource that are in use.")
    rejected: Rejections | None = Field(default=None, description="What is left out and why; the rest is in use.")
    ignored: Items[str] | None = Field(default=None, description="What has no effect in the version that runs.")


class AlertmanagerConfigStatus(Model):
    """Who uses the resource, or why nobody does."""

    observed_generation: Integer | None = Field(default=None, description="Generation of the spec that was judged.")
    conditions: Conditions | None = Field(default=None, description="Accepted: used by every Alertmanager that selects it.")
    bindings: Annotated[list[Binding], Field(json_schema_extra=by("group", "resource", "name", "namespace"))] | None = Field(
        default=None, description="Each Alertmanager that selects the resource."
    )
    selection: Items[str] | None = Field(
        default=None, description="Why others don't select it: which label or namespace differs."
    )


COLUMNS = (
    Column(
        "Accepted", '.status.conditions[?(@.type=="Accepted")].status', description="Used by every Alertmanager that selects it"
    ),
    Column("Used by", ".status.bindings[*].name", priority=1),
    Column("Message", '.status.conditions[?(@.type=="Accepted")].message', priority=1),
    Column("Age", ".metadata.creationTimestamp", "date"),
)

CRD = Crd(
    kind=ALERTMANAGER_CONFIG,
    spec=AlertmanagerConfigSpec,
    status=AlertmanagerConfigStatus,
    description="Routes, receivers and inhibitions of a team, merged into the Alertmanagers that select it.",
    short_names=("amcfg",),
    columns=COLUMNS,
)
