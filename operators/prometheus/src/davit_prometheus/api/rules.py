"""`monitoring.coreos.com/v1` PrometheusRule: groups of recording and alerting rules."""

from __future__ import annotations

from typing import Annotated

from davit.crd import Crd
from davit.model import Kind
from davit.monitoring.types import Duration, IntOrString, Items, Spec, Strings, by, schema
from pydantic import Field

from davit_prometheus.api.bindings import COLUMNS, ConfigResourceStatus

PROMETHEUS_RULE = Kind("monitoring.coreos.com", "v1", "PrometheusRule", "prometheusrules")


class Rule(Spec):
    """A recording or an alerting rule."""

    model_config = schema("expr")
    record: str | None = Field(default=None, description="Name of the series to record.")
    alert: str | None = Field(default=None, description="Name of the alert.")
    expr: IntOrString | None = Field(default=None, description="The PromQL expression.")
    hold: Duration | None = Field(default=None, alias="for", description="How long the alert must hold before it fires.")
    keep_firing_for: Duration | None = Field(
        default=None,
        alias="keep_firing_for",
        description="How long the alert goes on firing after it held (2.42).",
        json_schema_extra={"minLength": 1},
    )
    labels: Strings | None = Field(default=None, description="Labels to add or replace.")
    annotations: Strings | None = Field(default=None, description="Annotations of the alert.")


class RuleGroup(Spec):
    """Rules that are evaluated one after the other."""

    model_config = schema("name")
    name: str = Field(default="", description="Name of the group.", json_schema_extra={"minLength": 1})
    labels: Strings | None = Field(default=None, description="Labels for all rules of the group (3.0).")
    interval: Duration | None = Field(default=None, description="How often to evaluate; as the Prometheus says when absent.")
    query_offset: Duration | None = Field(
        default=None, alias="query_offset", description="How far in the past to evaluate (2.53)."
    )
    limit: int | None = Field(default=None, description="Most alerts or series that a rule may produce (2.31).")
    partial_response_strategy: str | None = Field(
        default=None,
        alias="partial_response_strategy",
        description="Has no effect: for ThanosRuler only.",
        json_schema_extra={"pattern": "^(?i)(abort|warn)?$"},
    )
    rules: Items[Rule] | None = Field(default=None, description="The rules.")


class PrometheusRuleSpec(Spec):
    """Groups of rules."""

    groups: Annotated[list[RuleGroup], Field(json_schema_extra=by("name"))] | None = Field(
        default=None, description="Groups of rules; a bad group is left out alone."
    )


CRD = Crd(
    kind=PROMETHEUS_RULE,
    spec=PrometheusRuleSpec,
    status=ConfigResourceStatus,
    description="Recording and alerting rules.",
    short_names=("promrule",),
    columns=COLUMNS,
)
