"""Parts that both versions of AlertmanagerConfig and the Alertmanager share: HTTP clients, matchers, time intervals, status."""

from __future__ import annotations

from typing import Annotated, Literal

from davit.crd import Model
from davit.monitoring.types import HTTPAuth, Items, SafeTLSConfig, Spec, by, schema
from pydantic import Field

GROUP = "monitoring.coreos.com"

URL = Annotated[str, Field(json_schema_extra={"pattern": "^https?://.+$"})]
Integer = Annotated[int, Field(json_schema_extra={"format": "int64"})]

_DAY = "(?i)(sun|mon|tues|wednes|thurs|fri|satur)day"
_MONTH = "(?i)(january|february|march|april|may|june|july|august|september|october|november|december|1[0-2]|[1-9])"
ClockTime = Annotated[str, Field(json_schema_extra={"pattern": "^(([01][0-9]|2[0-3]):[0-5][0-9]|24:00)$"})]
WeekdayRange = Annotated[str, Field(json_schema_extra={"pattern": f"^{_DAY}(:{_DAY})?$"})]
MonthRange = Annotated[str, Field(json_schema_extra={"pattern": f"^{_MONTH}(:{_MONTH})?$"})]
YearRange = Annotated[str, Field(json_schema_extra={"pattern": r"^2\d{3}(:2\d{3})?$"})]
DayOfMonth = Annotated[int, Field(json_schema_extra={"minimum": -31, "maximum": 31})]


class HTTPConfig(HTTPAuth):
    """How a receiver's HTTP requests are made."""

    tls_config: SafeTLSConfig | None = Field(default=None, description="TLS towards the server.")
    proxy_url_original: str | None = Field(default=None, alias="proxyURL", description="URL of the proxy; wins over proxyUrl.")


class KeyValue(Spec):
    """A key with its value."""

    model_config = schema("key", "value")
    key: str = Field(default="", description="Key.", json_schema_extra={"minLength": 1})
    value: str = Field(default="", description="Value.")


class Matcher(Spec):
    """A condition on one label of an alert."""

    model_config = schema("name")
    name: str = Field(default="", description="Label.")
    value: str = Field(default="", description="Value or regular expression.")
    match_type: Literal["!=", "=", "=~", "!~"] | None = Field(
        default=None, description="How to compare. Default: = , or =~ where regex is true."
    )
    regex: bool | None = Field(default=None, description="True compares by regular expression. Deprecated: use matchType.")


class InhibitRule(Spec):
    """Alerts that mute others while they fire."""

    target_match: Items[Matcher] | None = Field(default=None, description="Which alerts are muted.")
    source_match: Items[Matcher] | None = Field(default=None, description="Which alerts must fire for that.")
    equal: Items[str] | None = Field(default=None, description="Labels that both must have the same value of.")


class TimeRange(Spec):
    """A part of a day."""

    start_time: ClockTime | None = Field(default=None, description="Start, such as 09:00.")
    end_time: ClockTime | None = Field(default=None, description="End, such as 17:00; 24:00 is midnight.")


class DayOfMonthRange(Spec):
    """Days of a month; negative ones count from its end."""

    start: DayOfMonth = Field(default=0, description="First day.")
    end: DayOfMonth = Field(default=0, description="Last day.")


class TimePeriod(Spec):
    """Times that meet every condition that is given."""

    times: Items[TimeRange] | None = Field(default=None, description="Parts of a day, in UTC.")
    weekdays: Items[WeekdayRange] | None = Field(default=None, description="Weekdays, such as monday:friday.")
    days_of_month: Items[DayOfMonthRange] | None = Field(default=None, description="Days of the month.")
    months: Items[MonthRange] | None = Field(default=None, description="Months, such as january:march or 1:3.")
    years: Items[YearRange] | None = Field(default=None, description="Years, such as 2026:2027.")


class TimeInterval(Spec):
    """Periods under one name."""

    model_config = schema("name")
    name: str = Field(default="", description="Name that routes refer to.")
    time_intervals: Items[TimePeriod] | None = Field(default=None, description="The periods, any of which will do.")


class ConditionStatus(Model):
    """A condition in the shape of metav1.Condition."""

    type: str = Field(description="Name of the condition.")
    status: str = Field(description="True, False or Unknown; Available may be Degraded.")
    reason: str | None = Field(default=None, description="A word for machines.")
    message: str | None = Field(default=None, description="A sentence for people.")
    observed_generation: Integer | None = Field(default=None, description="Generation of the spec that this was judged by.")
    last_transition_time: str = Field(description="When the status last changed.", json_schema_extra={"format": "date-time"})


Conditions = Annotated[list[ConditionStatus], Field(json_schema_extra=by("type"))]


class Rejection(Model):
    """A part of a resource that is left out."""

    path: str = Field(description="Which part, such as spec.receivers[0].")
    message: str = Field(description="Why, and what to do about it.")


Rejections = Items[Rejection]
