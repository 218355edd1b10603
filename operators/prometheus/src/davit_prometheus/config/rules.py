"""PrometheusRule to rule groups, each judged for itself. Pure.

What only Prometheus can judge, PromQL and templates, is proved by promtool afterwards. Source: Prometheus
model/rulefmt/rulefmt.go, `RuleGroups.Validate`; the file's name is prometheus-operator's.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from davit.model import Manifest
from davit.monitoring.faults import Fault
from davit.monitoring.http import Unusable
from davit.monitoring.promql import confine
from davit.monitoring.units import parse_duration
from davit.monitoring.versions import Gate
from pydantic import ValidationError

from davit_prometheus.api.rules import Rule, RuleGroup
from davit_prometheus.config.relabeling import Names, names_of, valid_label
from davit_prometheus.config.scrape import faults
from davit_prometheus.model import Json, Rendered, Scope

_METRIC = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*", re.ASCII)
_NAME = "__name__"


@dataclass(frozen=True, slots=True)
class RenderedRules:
    """The file of a PrometheusRule, and its groups with where they stand; `rendered` has faults and what is ignored."""

    file: str
    groups: tuple[tuple[str, Json], ...] = ()
    rendered: Rendered = field(default_factory=Rendered)


def file_name(resource: Manifest) -> str:
    """Unique through the uid: foo-bar/fred and foo/bar-fred must not meet."""
    metadata = resource["metadata"]
    return f"{metadata['namespace']}-{metadata['name']}-{metadata.get('uid', '')}.yaml"


def render(scope: Scope, resource: Manifest) -> RenderedRules:
    """The groups that can be used; a bad one is a fault and leaves the others alone."""
    gate = scope.gate()
    found: list[Fault] = []
    groups: list[tuple[str, Json]] = []
    taken: set[str] = set()
    given = (resource.get("spec") or {}).get("groups") or ()
    for index, raw in enumerate(given):
        path = f"spec.groups[{index}]"
        try:
            group = RuleGroup.model_validate(raw)
            _check_name(group, taken, path)
            groups.append((path, _Group(scope, resource, gate, path).render(group)))
            taken.add(group.name)
        except (ValidationError, Unusable) as error:
            found += faults(error, path)
    return RenderedRules(file_name(resource), tuple(groups), Rendered(faults=tuple(found), ignored=gate.ignored))


def _check_name(group: RuleGroup, taken: set[str], path: str) -> None:
    if not group.name:
        raise Unusable(f"{path}.name", "is missing: give the group a name")
    if group.name in taken:
        raise Unusable(
            f"{path}.name", f"{group.name!r} is the name of an earlier group of this PrometheusRule: choose another one"
        )


class _Group:
    def __init__(self, scope: Scope, resource: Manifest, gate: Gate, path: str) -> None:
        metadata = resource["metadata"]
        self.namespace, self.gate, self.path = metadata["namespace"], gate, path
        self.names: Names = names_of(scope)
        enforced = scope.enforces_namespace("PrometheusRule", self.namespace, metadata["name"])
        self.tenant = scope.enforced_namespace_label if enforced else ""

    def render(self, group: RuleGroup) -> Json:
        """The group as Prometheus reads it."""
        rendered: Json = {"name": group.name}
        if group.labels and self.gate.since("3.0.0", f"{self.path}.labels"):
            self.check_labels(group.labels, f"{self.path}.labels")
            rendered["labels"] = dict(group.labels)
        if group.interval:
            rendered["interval"] = group.interval
        if group.query_offset and self.gate.since("2.53.0", f"{self.path}.query_offset"):
            rendered["query_offset"] = group.query_offset
        if group.rules:
            rendered["rules"] = [self.rule(rule, f"{self.path}.rules[{number}]") for number, rule in enumerate(group.rules)]
        if group.limit is not None and self.gate.since("2.31.0", f"{self.path}.limit"):
            rendered["limit"] = group.limit
        if group.partial_response_strategy:
            self.gate.ignore(f"{self.path}.partial_response_strategy", "only ThanosRuler has it")
        return rendered

    def rule(self, rule: Rule, path: str) -> Json:
        """One rule; raises `Unusable`."""
        for part, problem in _problems(rule, self.names):
            raise Unusable(f"{path}.{part}", problem)
        self.check_labels(rule.labels or {}, f"{path}.labels")
        rendered: Json = {"record": rule.record} if rule.record else {"alert": rule.alert}
        rendered["expr"] = self.expression(rule.expr, f"{path}.expr")
        if rule.hold:
            rendered["for"] = rule.hold
        if rule.keep_firing_for and self.gate.since("2.42.0", f"{path}.keep_firing_for"):
            rendered["keep_firing_for"] = rule.keep_firing_for
        labels = {**(rule.labels or {}), **({self.tenant: self.namespace} if self.tenant else {})}
        if labels:
            rendered["labels"] = labels
        if rule.annotations:
            rendered["annotations"] = dict(rule.annotations)
        return rendered

    def expression(self, written: int | str | None, path: str) -> int | str | None:
        """The expression, confined to the namespace where that is enforced."""
        if not self.tenant or not isinstance(written, str):
            return written
        try:
            return confine(written, self.tenant, self.namespace)
        except ValueError as error:
            raise Unusable(path, str(error)) from None

    def check_labels(self, labels: Mapping[str, Any], path: str) -> None:
        """Raise `Unusable` for a name that is none of a label."""
        for name in labels:
            if name == _NAME or not valid_label(name, self.names):
                raise Unusable(f"{path}.{name}", "is not a label name: write letters, digits and _, not beginning with a digit")


def _problems(rule: Rule, names: Names) -> Iterator[tuple[str, str]]:
    if bool(rule.record) == bool(rule.alert):
        yield "record", "and alert: set exactly one of them"
    if rule.expr in (None, ""):
        yield "expr", "is missing: write a PromQL expression"
    if rule.record:
        yield from _record_problems(rule, names)
    for name in rule.annotations or ():
        if not valid_label(name, names):
            yield f"annotations.{name}", "is not the name of an annotation: write letters, digits and _"


def _record_problems(rule: Rule, names: Names) -> Iterator[tuple[str, str]]:
    record = rule.record or ""
    valid = _METRIC.fullmatch(record) if names == "legacy" else valid_label(record, names)
    if not valid or "{" in record or "}" in record:
        yield "record", f"{record!r} is not the name of a series: write letters, digits, _ and :, for example job:up:sum"
    only_alerts = {
        "for": rule.hold and parse_duration(rule.hold),
        "keep_firing_for": rule.keep_firing_for and parse_duration(rule.keep_firing_for),
        "annotations": rule.annotations,
    }
    for part, value in only_alerts.items():
        if value:
            yield part, "has no place in a recording rule: remove it, or write alert instead of record"
