"""The sections of prometheus.yaml that concern the process itself: runtime, storage, otlp, tracing. Pure.

Source of the keys, their order and versions: prometheus-operator 0.93 pkg/prometheus/promcfg.go; of what is refused:
Prometheus config/config.go, `OTLPConfig` and `TracingConfig`.
"""

from __future__ import annotations

from davit.monitoring import http
from davit.monitoring.http import Context, Unusable
from davit.monitoring.versions import Gate

from davit_prometheus.api.parts import OTLPConfig
from davit_prometheus.api.prometheus import PrometheusSpec
from davit_prometheus.api.remote import TracingConfig
from davit_prometheus.config.remote import check_headers
from davit_prometheus.config.section import Section, fraction
from davit_prometheus.model import Json

DEFAULT_RETENTION = "24h"
_STRATEGIES = {"NoTranslation": "3.4.0", "UnderscoreEscapingWithoutSuffixes": "3.6.0"}


def runtime(section: Section) -> Json:
    """`runtime`."""
    given = section.scope.spec.runtime
    if given is None or not section.gate.since("2.53.0", "spec.runtime"):
        return {}
    return {"runtime": {} if given.go_gc is None else {"gogc": given.go_gc}}


def server_storage(section: Section, spec: PrometheusSpec) -> Json:
    """`storage`; since 3.11 the retention is part of it, before that it is a matter of flags."""
    config: Json = {}
    if spec.exemplars is not None and spec.exemplars.max_size is not None:
        config["exemplars"] = {"max_exemplars": spec.exemplars.max_size}
    tsdb = _tsdb(section)
    if section.gate.at_least("3.11.0"):
        limits = {"time": retention(spec), "size": spec.retention_size}
        tsdb["retention"] = {key: value for key, value in limits.items() if value}
    if tsdb:
        config["tsdb"] = tsdb
    return {"storage": config} if config else {}


def retention(spec: PrometheusSpec) -> str:
    """How long data is kept, empty when only its size counts."""
    return spec.retention or ("" if spec.retention_size else DEFAULT_RETENTION)


def agent_storage(section: Section) -> Json:
    """`storage` of an agent, which has known it since 2.54."""
    if section.scope.spec.tsdb is None or not section.gate.since("2.54.0", "spec.tsdb"):
        return {}
    tsdb = _tsdb(section)
    return {"storage": {"tsdb": tsdb}} if tsdb else {}


def _tsdb(section: Section) -> Json:
    given, gate = section.scope.spec.tsdb, section.gate
    config: Json = {}
    if given is None:
        return config
    if given.out_of_order_time_window:
        config["out_of_order_time_window"] = given.out_of_order_time_window
    path = "spec.tsdb.staleSeriesCompactionThreshold"
    if given.stale_series_compaction_threshold is not None and gate.since("3.10.0", path):
        threshold = section.entry(path, lambda _: _share(given.stale_series_compaction_threshold, path))
        if threshold is not None:
            config["stale_series_compaction_threshold"] = threshold
    floats = given.chunk_encoding.floats if given.chunk_encoding is not None else None
    path = "spec.tsdb.chunkEncoding.floats"
    if floats and gate.since("3.13.0", path):
        if floats == "Xor" and "st-storage" in (section.scope.spec.enable_features or ()):
            section.fault(path, "Xor can't go with the feature st-storage: remove one of them")
        else:
            config["chunk_encoding"] = {"floats": floats.lower()}
    return config


def _share(value: str | int | float | None, path: str) -> float:
    share = fraction(value or 0)
    if not 0 <= share <= 1:
        raise Unusable(path, f"{value} is not between 0 and 1: write for example 0.5")
    return share


def otlp(section: Section) -> Json:
    """`otlp`, for versions that know it."""
    given = section.scope.spec.otlp
    if given is None or not section.gate.since("2.55.0", "spec.otlp"):
        return {}
    config = section.entry("spec.otlp", lambda _: _otlp(section, given))
    return {"otlp": config} if config else {}


def _otlp(section: Section, given: OTLPConfig) -> Json:
    gate, path = section.gate, "spec.otlp"
    _attributes(gate, given, path)
    config: Json = {}
    if given.promote_resource_attributes:
        config["promote_resource_attributes"] = list(given.promote_resource_attributes)
    config |= _strategy(section, given, f"{path}.translationStrategy")
    for key, name, value, minimum in (
        (
            "keep_identifying_resource_attributes",
            "keepIdentifyingResourceAttributes",
            given.keep_identifying_resource_attributes,
            "3.1.0",
        ),
        ("convert_histograms_to_nhcb", "convertHistogramsToNHCB", given.convert_histograms_to_nhcb, "3.4.0"),
        ("promote_all_resource_attributes", "promoteAllResourceAttributes", given.promote_all_resource_attributes, "3.5.0"),
        ("ignore_resource_attributes", "ignoreResourceAttributes", given.ignore_resource_attributes or None, "3.5.0"),
        ("promote_scope_metadata", "promoteScopeMetadata", given.promote_scope_metadata, "3.6.0"),
        (
            "label_name_underscore_sanitization",
            "labelNameUnderscoreSanitization",
            given.label_name_underscore_sanitization,
            "3.8.0",
        ),
        (
            "label_name_preserve_multiple_underscores",
            "labelNamePreserveMultipleUnderscores",
            given.label_name_preserve_multiple_underscores,
            "3.8.0",
        ),
    ):
        if value is not None and gate.since(minimum, f"{path}.{name}"):
            config[key] = value
    return config


def _attributes(gate: Gate, given: OTLPConfig, path: str) -> None:
    names = {"promoteResourceAttributes": given.promote_resource_attributes}
    if gate.at_least("3.5.0"):
        names["ignoreResourceAttributes"] = given.ignore_resource_attributes
    for field, attributes in names.items():
        seen: set[str] = set()
        for index, name in enumerate(text.strip() for text in attributes or ()):
            if not name:
                raise Unusable(f"{path}.{field}[{index}]", "is empty: name an attribute, or remove it")
            if name in seen:
                raise Unusable(f"{path}.{field}[{index}]", f"{name!r} is there twice: remove one of them")
            seen.add(name)
    if not gate.at_least("3.5.0"):
        return
    if given.promote_all_resource_attributes and given.promote_resource_attributes:
        raise Unusable(f"{path}.promoteResourceAttributes", "can't go with promoteAllResourceAttributes: keep one of them")
    if given.ignore_resource_attributes and not given.promote_all_resource_attributes:
        raise Unusable(f"{path}.ignoreResourceAttributes", "goes with promoteAllResourceAttributes: set it, or remove this")


def _strategy(section: Section, given: OTLPConfig, path: str) -> Json:
    strategy = given.translation_strategy
    if not strategy or not section.gate.since(_STRATEGIES.get(strategy, "3.0.0"), path):
        return {}
    if strategy in ("NoUTF8EscapingWithSuffixes", "NoTranslation") and section.scope.spec.name_validation_scheme == "Legacy":
        raise Unusable(path, f"{strategy} can't go with spec.nameValidationScheme Legacy: choose an Underscore strategy")
    return {"translation_strategy": strategy}


def tracing(section: Section) -> Json:
    """`tracing`."""
    given = section.scope.spec.tracing_config
    if given is None:
        return {}
    config = section.entry("spec.tracingConfig", lambda context: _tracing(context, given, "spec.tracingConfig"))
    return {"tracing": config} if config is not None else {}


def _tracing(context: Context, given: TracingConfig, path: str) -> Json:
    if not given.endpoint:
        raise Unusable(f"{path}.endpoint", "is missing: give the host and port to send traces to")
    config: Json = {"endpoint": given.endpoint}
    if given.client_type:
        config["client_type"] = given.client_type.lower()
    if given.sampling_fraction is not None:
        config["sampling_fraction"] = _share(given.sampling_fraction, f"{path}.samplingFraction")
    if given.insecure is not None:
        config["insecure"] = given.insecure
    if given.headers:
        check_headers(given.headers, f"{path}.headers")
        config["headers"] = dict(sorted(given.headers.items()))
    if given.compression:
        config["compression"] = given.compression.lower()
    if given.timeout:
        config["timeout"] = given.timeout
    return config | http.tls_config(context, given.tls_config, f"{path}.tlsConfig")
