"""`global`: intervals, external labels, limits. Pure.

Source of the keys, their order and versions: prometheus-operator 0.93 pkg/prometheus/promcfg.go; of the expansion of
external labels: Prometheus config/config.go, `Load`.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Mapping

from davit_prometheus.api.prometheus import PrometheusSpec
from davit_prometheus.config.limits import protocols
from davit_prometheus.config.section import Section
from davit_prometheus.model import INZONE_SHARD, POD_NAME, SHARD, TOPOLOGY_ZONE, Json, Scope

LOGS = "/var/log/prometheus"
"""Where log files with a bare name go: a volume of the operator's making."""
REPLICA_LABEL = "prometheus_replica"
EXPAND = "expand-external-labels"
"""The feature by which a version before 3 expands external labels; given to every such version."""
_ESCAPING = {"AllowUTF8": "allow-utf-8", "Underscores": "underscores", "Dots": "dots", "Values": "values"}
_PLACES = {f"$({name})" for name in ("POD_NAME",)} | {SHARD, INZONE_SHARD, TOPOLOGY_ZONE}
_DOLLAR = re.compile(r"\$\([A-Z_]+\)|\$")


def global_config(section: Section) -> Json:
    """What holds for all jobs; of an agent without what concerns rules and queries."""
    spec, gate = section.scope.spec, section.gate
    config: Json = {"scrape_interval": section.scope.scrape_interval}
    if spec.scrape_timeout:
        config["scrape_timeout"] = spec.scrape_timeout
    config |= protocols(gate, spec.scrape_protocols)
    config["external_labels"] = external_labels(section.scope)
    for name in sorted(set(spec.external_labels or ()) & set(_own_labels(section.scope))):
        gate.ignore(f"spec.externalLabels.{name}", "the operator sets this label itself")
    config |= _limits(section)
    if spec.scrape_failure_log_file and gate.since("2.55.0", "spec.scrapeFailureLogFile"):
        config["scrape_failure_log_file"] = log_file(spec.scrape_failure_log_file)
    config |= _names(section)
    for key, name, value, minimum in (
        (
            "convert_classic_histograms_to_nhcb",
            "convertClassicHistogramsToNHCB",
            spec.convert_classic_histograms_to_nhcb,
            "3.4.0",
        ),
        ("always_scrape_classic_histograms", "scrapeClassicHistograms", spec.scrape_classic_histograms, "3.5.0"),
        ("scrape_native_histograms", "scrapeNativeHistograms", spec.scrape_native_histograms, "3.8.0"),
    ):
        if value is not None and gate.since(minimum, f"spec.{name}"):
            config[key] = value
    return config | (_evaluation(section, spec) if isinstance(spec, PrometheusSpec) else {})


def _evaluation(section: Section, spec: PrometheusSpec) -> Json:
    config: Json = {"evaluation_interval": spec.evaluation_interval or "30s"}
    if spec.rule_query_offset and section.gate.since("2.53.0", "spec.ruleQueryOffset"):
        config["rule_query_offset"] = spec.rule_query_offset
    if spec.query_log_file:
        config["query_log_file"] = log_file(spec.query_log_file)
    return config


def log_file(name: str) -> str:
    """The path of a log file: one without a directory goes to `LOGS`."""
    bare = posixpath.normpath(posixpath.dirname(name) or ".") == "."
    return posixpath.normpath(f"{LOGS}/{name}") if bare else name


def _names(section: Section) -> Json:
    spec, gate = section.scope.spec, section.gate
    config: Json = {}
    if spec.name_validation_scheme is not None and gate.since("3.0.0", "spec.nameValidationScheme"):
        config["metric_name_validation_scheme"] = spec.name_validation_scheme.lower()
    if spec.name_escaping_scheme is not None and gate.since("3.4.0", "spec.nameEscapingScheme"):
        config["metric_name_escaping_scheme"] = _ESCAPING[spec.name_escaping_scheme]
    return config


def _limits(section: Section) -> Json:
    spec = section.scope.spec
    config: Json = {}
    if size := spec.body_size_limit or spec.enforced_body_size_limit:
        config["body_size_limit"] = size
    for key, given, enforced in (
        ("sample_limit", spec.sample_limit, spec.enforced_sample_limit),
        ("target_limit", spec.target_limit, spec.enforced_target_limit),
        ("label_limit", spec.label_limit, spec.enforced_label_limit),
        ("label_name_length_limit", spec.label_name_length_limit, spec.enforced_label_name_length_limit),
        ("label_value_length_limit", spec.label_value_length_limit, spec.enforced_label_value_length_limit),
        ("keep_dropped_targets", spec.keep_dropped_targets, spec.enforced_keep_dropped_targets),
    ):
        limit = min((value for value in (given, enforced) if value), default=0)
        if limit and (key != "keep_dropped_targets" or section.gate.since("2.47.0", "spec.keepDroppedTargets")):
            config[key] = limit
    return config


def external_labels(scope: Scope) -> Json:
    """The labels of everything that leaves this Prometheus, sorted; `POD_NAME` is expanded by Prometheus itself.

    The shards' placeholders stay. A literal $ is doubled where nothing but our own feature flag makes Prometheus expand
    labels, so that it stays what it is with prometheus-operator.
    """
    own = _own_labels(scope)
    expanded = scope.version.major >= 3 or EXPAND in (scope.spec.enable_features or ())
    given = {name: _expandable(value, expanded) for name, value in (scope.spec.external_labels or {}).items()}
    return dict(sorted({**given, **own}.items()))


def _own_labels(scope: Scope) -> Mapping[str, str]:
    spec = scope.spec
    own: dict[str, str] = {}
    name = spec.prometheus_external_label_name
    own["prometheus" if name is None else name] = f"{scope.namespace}/{scope.name}"
    own[replica_label(scope)] = POD_NAME
    strategy = spec.sharding_strategy
    if strategy is not None and strategy.mode == "Topology" and strategy.topology is not None:
        label = strategy.topology.external_label_name
        own["zone" if label is None else label] = TOPOLOGY_ZONE
    own.pop("", None)
    return own


def replica_label(scope: Scope) -> str:
    """The external label that tells replicas apart, empty for none."""
    given = scope.spec.replica_external_label_name
    return REPLICA_LABEL if given is None else given


def _expandable(value: str, expanded: bool) -> str:
    def place(found: re.Match[str]) -> str:
        if found[0] == "$(POD_NAME)":
            return POD_NAME
        if found[0] in _PLACES or expanded:
            return found[0]
        return found[0].replace("$", "$$", 1)

    return _DOLLAR.sub(place, value)
