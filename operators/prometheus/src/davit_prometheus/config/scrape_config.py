"""ScrapeConfig to its scrape job. Pure.

An entry of a service discovery that can't be rendered is left out and the others stay; what concerns the whole job, such
as its relabeling, leaves no job.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from davit.model import Manifest
from davit.monitoring import assets as stored
from davit.monitoring import http
from davit.monitoring.assets import Assets, Ref
from davit.monitoring.faults import Fault
from davit.monitoring.http import Unusable
from davit.monitoring.types import HTTPLogin
from pydantic import ValidationError

from davit_prometheus.api.scrapeconfig import ScrapeConfigSpec
from davit_prometheus.config import limits, relabeling, scrape, sharding
from davit_prometheus.config.discovery.registry import DISCOVERIES
from davit_prometheus.config.discovery.table import Discovery
from davit_prometheus.config.scrape import Work
from davit_prometheus.model import Job, Json, Rendered, Scope

_LISTS = frozenset(discovery.field for discovery in DISCOVERIES)
_ESCAPING = {"AllowUTF8": "allow-utf-8", "Underscores": "underscores", "Dots": "dots", "Values": "values"}


@dataclass(slots=True)
class _Discovered:
    """The service discoveries of one object: `given` counts the entries, also those that were left out."""

    config: Json = field(default_factory=dict)
    files: dict[str, bytes] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)
    given: int = 0


def render(scope: Scope, resource: Manifest, assets: Assets) -> Rendered:
    """The job of a ScrapeConfig; none when all of its service discoveries are at fault."""
    raw = _spec(resource)
    try:
        spec = _settings(raw)
        work = scrape.work(scope, resource, assets, spec.scrape_class)
        own = _own_settings(work, spec)
        steps = {"relabel_configs": _relabeling(work, spec), **_after(work, spec)}
    except (ValidationError, Unusable) as error:
        return Rendered(faults=scrape.faults(error, "spec"))
    found = _discover(work, raw)
    if found.given and not found.config:
        return Rendered(faults=tuple(found.faults), ignored=work.context.gate.ignored)
    name = f"scrapeConfig/{work.namespace}/{work.name}"
    job = Job(name, {"job_name": name, **own, **found.config, **steps})
    return Rendered((job,), tuple(found.faults), work.context.gate.ignored, {**work.context.files, **found.files})


def references(scope: Scope, resource: Manifest) -> frozenset[Ref]:
    """The Secrets and ConfigMaps that it needs."""
    raw, namespace = _spec(resource), resource["metadata"]["namespace"]
    found = scrape.class_references(scope, raw.get("scrapeClass"))
    try:
        found |= stored.references(_settings(raw), namespace)
    except ValidationError:
        return frozenset()
    for discovery, _, entry in _entries(raw):
        try:
            found |= stored.references(discovery.model.model_validate(entry), namespace)
        except ValidationError:
            continue
    return found


def _spec(resource: Manifest) -> Mapping[str, Any]:
    spec = resource.get("spec")
    return spec if isinstance(spec, Mapping) else {}


def _settings(raw: Mapping[str, Any]) -> ScrapeConfigSpec:
    return ScrapeConfigSpec.model_validate({name: value for name, value in raw.items() if name not in _LISTS})


def _entries(raw: Mapping[str, Any]) -> Iterator[tuple[Discovery, str, Any]]:
    for discovery in DISCOVERIES:
        given = raw.get(discovery.field)
        for index, entry in enumerate(given if isinstance(given, list) else ()):
            yield discovery, f"spec.{discovery.field}[{index}]", entry


def _discover(work: Work, raw: Mapping[str, Any]) -> _Discovered:
    found = _Discovered()
    for discovery, path, entry in _entries(raw):
        found.given += 1
        context = replace(work.context, files={})
        try:
            rendered = discovery.render(context, discovery.model.model_validate(entry), path)
        except (ValidationError, Unusable) as error:
            found.faults += scrape.faults(error, path)
        else:
            found.config.setdefault(discovery.key, []).append(rendered)
            found.files |= context.files
    return found


def _own_settings(work: Work, spec: ScrapeConfigSpec) -> Json:
    """How the job scrapes, without its targets."""
    gate = work.context.gate
    login = HTTPLogin(basic_auth=spec.basic_auth, authorization=spec.authorization, oauth2=spec.oauth2)
    config = {
        **_honor(work, spec),
        **_request(work, spec),
        **scrape.timing(work, spec.scrape_interval, spec.scrape_timeout, "spec"),
        **limits.protocols(gate, spec.scrape_protocols),
        **limits.fallback_protocol(gate, spec.fallback_scrape_protocol or work.settings.fallback_scrape_protocol),
        **({"scheme": spec.scheme.lower()} if spec.scheme is not None else {}),
        **http.proxy(work.context, spec, "spec"),
        **http.basic_auth(work.context, spec.basic_auth, "spec.basicAuth"),
        **scrape.authorization(work, login, "spec"),
        **http.oauth2(work.context, spec.oauth2, "spec.oauth2"),
        **scrape.tls(work, spec.tls_config, "spec.tlsConfig"),
        **limits.limits(work.scope, gate, spec),
        **limits.histograms(gate, spec),
        **limits.body_size(work.scope, gate, spec.body_size_limit),
    }
    http.check_client(config, "spec")
    return config


def _honor(work: Work, spec: ScrapeConfigSpec) -> Json:
    config: Json = {}
    # Without a word of the user the override of the Prometheus does not reach a ScrapeConfig, as in prometheus-operator.
    if spec.honor_timestamps is not None:
        config |= scrape.honor_timestamps(work, spec.honor_timestamps, "spec")
    staleness = spec.track_timestamps_staleness
    if staleness is not None and work.context.gate.since("2.48.0", "spec.trackTimestampsStaleness"):
        config["track_timestamps_staleness"] = staleness
    if spec.honor_labels is not None:
        config["honor_labels"] = spec.honor_labels and not work.scope.spec.override_honor_labels
    return config


def _request(work: Work, spec: ScrapeConfigSpec) -> Json:
    config: Json = {}
    if spec.metrics_path is not None:
        config["metrics_path"] = spec.metrics_path
    if spec.params:
        config["params"] = {name: list(values) for name, values in sorted(spec.params.items())}
    if spec.enable_compression is not None and work.context.gate.since("2.49.0", "spec.enableCompression"):
        config["enable_compression"] = spec.enable_compression
    if spec.enable_http2 is not None and work.context.gate.since("2.35.0", "spec.enableHTTP2"):
        config["enable_http2"] = spec.enable_http2
    return config


def _relabeling(work: Work, spec: ScrapeConfigSpec) -> list[Json]:
    scope, scheme = work.scope, spec.name_validation_scheme
    steps = [
        relabeling.first_step(),
        *relabeling.steps(scope, work.settings.relabelings, f"{work.class_path}.relabelings", scheme=scheme),
    ]
    if spec.job_name is not None:
        steps.append({"target_label": "job", "action": "replace", "replacement": spec.job_name})
    if spec.relabelings:
        steps += relabeling.steps(scope, spec.relabelings, "spec.relabelings", scheme=scheme)
        steps += relabeling.enforced(scope, work.kind, work.namespace, work.name)
    hashed = any(step.get("action") == "hashmod" for step in steps)
    return steps if hashed or scope.shards == 1 else [*steps, *sharding.steps(scope)]


def _after(work: Work, spec: ScrapeConfigSpec) -> Json:
    """What happens to samples, and which names they may have."""
    gate, validation, escaping = work.context.gate, spec.name_validation_scheme, spec.name_escaping_scheme
    config = scrape.metric_relabeling(work, spec.metric_relabelings, "spec.metricRelabelings", scheme=validation)
    if validation is not None and gate.since("3.0.0", "spec.nameValidationScheme"):
        config["metric_name_validation_scheme"] = validation.lower()
    if escaping is not None and gate.since("3.4.0", "spec.nameEscapingScheme"):
        if escaping == "AllowUTF8" and (validation or work.scope.spec.name_validation_scheme) == "Legacy":
            raise Unusable("spec.nameEscapingScheme", "AllowUTF8 can't go with legacy names: set nameValidationScheme to UTF8")
        config["metric_name_escaping_scheme"] = _ESCAPING[escaping]
    return config
