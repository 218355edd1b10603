"""The status of what a Prometheus selects: monitors, probes, scrape configurations and rules."""

from __future__ import annotations

from typing import Annotated, Literal

from davit.crd import Column
from davit.monitoring.types import Items, Spec, by
from pydantic import Field


class Condition(Spec):
    """A condition in the shape of metav1.Condition."""

    type: str = Field(description="Name of the condition.")
    status: Literal["True", "False", "Unknown"] = Field(description="True, False or Unknown.")
    reason: str = Field(default="", description="A word for machines.")
    message: str = Field(default="", description="A sentence for people.")
    observed_generation: int | None = Field(default=None, description="The generation of the spec that this was judged by.")
    last_transition_time: str = Field(description="When the status last changed.", json_schema_extra={"format": "date-time"})


Conditions = Annotated[list[Condition], Field(json_schema_extra=by("type"))]


class Rejection(Spec):
    """A part that is left out."""

    path: str = Field(description="The field, such as spec.endpoints[1].tlsConfig.ca.")
    message: str = Field(description="What is wrong and what to do about it.")


class Targets(Spec):
    """The targets of all jobs, in all shards."""

    active: int = Field(default=0, description="Targets that are scraped.")
    up: int = Field(default=0, description="Targets whose last scrape succeeded.")


class Binding(Spec):
    """What one Prometheus made of the resource."""

    group: str = Field(description="API group of the Prometheus.")
    resource: str = Field(description="prometheuses or prometheusagents.")
    name: str = Field(description="Name of the Prometheus.")
    namespace: str = Field(description="Namespace of the Prometheus.")
    conditions: Conditions | None = Field(default=None, description="Accepted: whether all of the resource is in use.")
    jobs: Items[str] | None = Field(default=None, description="Names of the scrape jobs, or of the rule groups.")
    targets: Targets | None = Field(default=None, description="Targets of the jobs.")
    rejected: Items[Rejection] | None = Field(default=None, description="What is left out and why; the rest is in use.")
    ignored: Items[str] | None = Field(default=None, description="What has no effect in the version that runs.")


class ConfigResourceStatus(Spec):
    """Who uses the resource, or why nobody does."""

    observed_generation: int | None = Field(default=None, description="The generation of the spec that was judged.")
    conditions: Conditions | None = Field(default=None, description="Accepted: used by every Prometheus that selects it.")
    bindings: Annotated[list[Binding], Field(json_schema_extra=by("group", "resource", "name", "namespace"))] | None = Field(
        default=None, description="Each Prometheus and PrometheusAgent that selects the resource."
    )
    selection: Items[str] | None = Field(
        default=None, description="Why others don't select it: which label or namespace differs."
    )


COLUMNS = (
    Column(
        "Accepted", '.status.conditions[?(@.type=="Accepted")].status', description="Used by every Prometheus that selects it"
    ),
    Column("Used by", ".status.bindings[*].name", priority=1),
    Column("Message", '.status.conditions[?(@.type=="Accepted")].message', priority=1),
    Column("Age", ".metadata.creationTimestamp", "date"),
)
