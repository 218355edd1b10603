"""What the jobs of ServiceMonitors, PodMonitors and Probes have in common. Pure.

A part that can't be rendered raises `Unusable` or pydantic's ValidationError; it becomes a fault of its endpoint, and the
other endpoints go on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from davit.errors import Problem
from davit.model import Manifest
from davit.monitoring import http
from davit.monitoring.assets import Assets, Ref, references
from davit.monitoring.faults import Fault
from davit.monitoring.http import Context, Unusable
from davit.monitoring.parse import problems
from davit.monitoring.types import (
    Authorization,
    HTTPLogin,
    LabelSelector,
    RelabelConfig,
    SafeTLSConfig,
    TLSConfig,
)
from davit.monitoring.units import parse_duration
from pydantic import ValidationError

from davit_prometheus.api.monitors import Monitored, Scrape, Scraped
from davit_prometheus.api.parts import ScrapeClass
from davit_prometheus.config import limits, relabeling
from davit_prometheus.config.kubernetes_sd import api_server_references, role_selectors
from davit_prometheus.config.selecting import check_selector
from davit_prometheus.model import TLS_ASSETS, Job, Json, Rendered, Scope

_PROMETHEUS_DEFAULT = 60_000
"""Milliseconds; what Prometheus takes a global interval of 0 for."""
_READABLE = 500
M = TypeVar("M", bound=Monitored)
E = TypeVar("E", bound=Scrape)


@dataclass(frozen=True, slots=True)
class Work:
    """One object that is being rendered, for one Prometheus; `settings` is its scrape class."""

    scope: Scope
    kind: str
    namespace: str
    name: str
    context: Context
    settings: ScrapeClass

    @property
    def class_path(self) -> str:
        """Where the settings stand."""
        return f"Prometheus spec.scrapeClasses[{self.settings.name}]"


def work(scope: Scope, resource: Manifest, assets: Assets, scrape_class: str | None) -> Work:
    """What is needed to render the object; raises `Unusable` when its scrape class does not exist."""
    if scrape_class and scrape_class not in scope.scrape_classes:
        known = ", ".join(scope.scrape_classes) or "none"
        raise Unusable(
            "spec.scrapeClass", f"{scrape_class!r} is no scrape class of {scope.namespace}/{scope.name}: it has {known}"
        )
    metadata = resource["metadata"]
    context = Context(scope.gate(), assets, metadata["namespace"], TLS_ASSETS)
    settings = scope.scrape_class(scrape_class) or ScrapeClass()
    return Work(scope, resource["kind"], metadata["namespace"], metadata["name"], context, settings)


def render_each(
    scope: Scope,
    resource: Manifest,
    assets: Assets,
    shapes: tuple[str, type[M], type[E]],
    job: Callable[[Work, M, E, str], Json],
) -> Rendered:
    """One job for each endpoint; `shapes`: the field with the endpoints, the model of the spec, that of an endpoint."""
    field, spec_model, endpoint_model = shapes
    try:
        spec = spec_model.model_validate({key: value for key, value in _spec(resource).items() if key != field})
        common = work(scope, resource, assets, spec.scrape_class)
        _check_selection(common, spec)
    except (ValidationError, Unusable) as error:
        return Rendered(faults=faults(error, "spec"))
    jobs: list[Job] = []
    found: list[Fault] = []
    files: dict[str, bytes] = {}
    for index, path, raw in _endpoints(resource, field):
        context = replace(common.context, files={})
        try:
            config = job(replace(common, context=context), spec, endpoint_model.model_validate(raw), path)
            http.check_client(config, path)
        except (ValidationError, Unusable) as error:
            found += faults(error, path)
        else:
            name = f"{_prefix(common.kind)}/{common.namespace}/{common.name}/{index}"
            jobs.append(Job(name, {"job_name": name, **config}))
            files |= context.files
    return Rendered(tuple(jobs), tuple(found), common.context.gate.ignored, files)


def references_each(scope: Scope, resource: Manifest, shapes: tuple[str, type[M], type[E]]) -> frozenset[Ref]:
    """What `render_each` will ask of the assets."""
    field, _, endpoint_model = shapes
    namespace = resource["metadata"]["namespace"]
    found = class_references(scope, _spec(resource).get("scrapeClass")) | api_server_references(scope)
    for _, _, raw in _endpoints(resource, field):
        try:
            found |= references(endpoint_model.model_validate(raw), namespace)
        except ValidationError:
            continue
    return found


def class_references(scope: Scope, scrape_class: str | None) -> frozenset[Ref]:
    """The Secrets and ConfigMaps of the scrape class, which are the Prometheus' own."""
    return references(scope.scrape_class(scrape_class), scope.namespace)


def _spec(resource: Manifest) -> Mapping[str, Any]:
    spec = resource.get("spec")
    return spec if isinstance(spec, Mapping) else {}


def _endpoints(resource: Manifest, field: str) -> Iterator[tuple[int, str, Any]]:
    given = _spec(resource).get(field)
    for index, raw in enumerate(given if isinstance(given, list) else ()):
        yield index, f"spec.{field}[{index}]", raw


def _prefix(kind: str) -> str:
    return kind[0].lower() + kind[1:]


def faults(error: ValidationError | Unusable, path: str) -> tuple[Fault, ...]:
    """The error as faults below `path`."""
    if isinstance(error, Unusable):
        return (Fault(_clipped(error.path), _clipped(error.message)),)
    found: Sequence[Problem] = problems(error, path)
    return tuple(Fault(_clipped(problem.field), _clipped(problem.message)) for problem in found)


def _clipped(text: str) -> str:
    """Status is no place for a megabyte of somebody's mistake."""
    return text if len(text) <= _READABLE else f"{text[: _READABLE // 2]} ... {text[-_READABLE // 2 :]}"


def _check_selection(common: Work, spec: Monitored) -> None:
    if spec.selector is not None:
        check_selector(spec.selector, "spec.selector")
    if spec.selector_mechanism == "RoleSelector" and not common.context.gate.at_least("2.17.0"):
        raise Unusable("spec.selectorMechanism", "RoleSelector needs Prometheus 2.17.0: write RelabelConfig")


def selectors(spec: Monitored, roles: Sequence[str]) -> list[Json]:
    """What to ask of the API server, nothing when targets are filtered by relabeling."""
    return role_selectors(spec.selector or LabelSelector(), roles) if spec.selector_mechanism == "RoleSelector" else []


def attach_metadata(common: Work, spec: Monitored, since: str) -> Json | None:
    """`attach_metadata` of the discovery; sharding by zone needs the nodes' labels."""
    wanted = spec.attach_metadata or common.settings.attach_metadata
    scope = common.scope
    zoned = scope.sharded_by_zone and not scope.pod_topology_labels
    if wanted is None and not zoned:
        return None
    node = zoned or bool(wanted and wanted.node)
    return {"node": node} if common.context.gate.since(since, "spec.attachMetadata") else None


def honor(common: Work, endpoint: Scrape, path: str) -> Json:
    """`honor_labels`, `honor_timestamps` and `track_timestamps_staleness`."""
    spec, gate = common.scope.spec, common.context.gate
    rendered: Json = {"honor_labels": bool(endpoint.honor_labels) and not spec.override_honor_labels}
    rendered |= honor_timestamps(common, endpoint.honor_timestamps, path)
    staleness = endpoint.track_timestamps_staleness
    if staleness is not None and gate.since("2.48.0", f"{path}.trackTimestampsStaleness"):
        rendered["track_timestamps_staleness"] = staleness
    return rendered


def honor_timestamps(common: Work, wanted: bool | None, path: str) -> Json:
    """`honor_timestamps`, when somebody cares."""
    override = bool(common.scope.spec.override_honor_timestamps)
    if (wanted is None and not override) or not common.context.gate.since("2.9.0", f"{path}.honorTimestamps"):
        return {}
    return {"honor_timestamps": bool(wanted) and not override}


def timing(common: Work, interval: str | None, timeout: str | None, path: str) -> Json:
    """`scrape_interval` and `scrape_timeout`."""
    check_timing(common.scope, interval, timeout, path)
    return {key: value for key, value in (("scrape_interval", interval), ("scrape_timeout", timeout)) if value}


def check_timing(scope: Scope, interval: str | None, timeout: str | None, path: str) -> None:
    """Raise `Unusable` when a scrape might outlast its interval."""
    if not timeout:
        return
    effective = interval if interval and parse_duration(interval) else scope.scrape_interval
    if parse_duration(timeout) > (parse_duration(effective) or _PROMETHEUS_DEFAULT):
        raise Unusable(f"{path}.scrapeTimeout", f"{timeout} is longer than the interval of {effective}: set at most that")


def request(endpoint: Scrape) -> Json:
    """`metrics_path`, `params` and `scheme`."""
    rendered: Json = {}
    if endpoint.path:
        rendered["metrics_path"] = endpoint.path
    if endpoint.params is not None:
        rendered["params"] = {name: list(endpoint.params[name]) for name in sorted(endpoint.params)}
    if endpoint.scheme:
        rendered["scheme"] = endpoint.scheme.lower()
    return rendered


def tls(common: Work, wanted: SafeTLSConfig | None, path: str) -> Json:
    """`tls_config` of the endpoint, completed or replaced by the scrape class'."""
    own, settings = common.context.within(common.scope.namespace), common.settings.tls_config
    nothing = wanted is None or (not isinstance(wanted, TLSConfig) and not _filled(wanted))
    if nothing:
        return http.tls_config(own, settings, f"{common.class_path}.tlsConfig")
    assert wanted is not None
    rendered = http.tls_config(common.context, wanted, path)
    if settings is not None:
        config = rendered["tls_config"]
        files = {"ca_file": settings.ca_file, "cert_file": settings.cert_file, "key_file": settings.key_file}
        config |= {key: file for key, file in files.items() if file and key not in config}
    return rendered


def _filled(wanted: SafeTLSConfig) -> bool:
    given = (wanted.key_secret, wanted.server_name, wanted.insecure_skip_verify, wanted.min_version, wanted.max_version)
    sources = (wanted.ca, wanted.cert)
    return any(value is not None for value in given) or any(source is not None and not source.empty for source in sources)


def authorization(common: Work, client: HTTPLogin, path: str) -> Json:
    """`authorization` of the endpoint at `path`, completed or replaced by the scrape class'."""
    wanted, path = client.authorization, f"{path}.authorization"
    # A class' authorization beside the endpoint's own basicAuth would keep Prometheus from loading anything.
    settings = None if _logs_in(client) else common.settings.authorization
    own, class_path = common.context.within(common.scope.namespace), f"{common.class_path}.authorization"
    if wanted is None or not (wanted.type or wanted.credentials):
        return http.authorization(own, settings, class_path)
    if wanted.credentials is not None or settings is None:
        return http.authorization(common.context, wanted, path)
    merged = Authorization(type=wanted.type, credentials=settings.credentials, credentials_file=settings.credentials_file)
    return http.authorization(own, merged, path)


def _logs_in(client: HTTPLogin) -> bool:
    token = client.bearer_token_secret is not None and bool(client.bearer_token_secret.name)
    return token or client.basic_auth is not None or client.oauth2 is not None or bool(getattr(client, "bearer_token_file", None))


def need_credentials(common: Work, client: HTTPLogin, path: str) -> None:
    """Raise `Unusable` for an authorization that would send nothing."""
    wanted = client.authorization
    if wanted is not None and wanted.credentials is None and common.settings.authorization is None:
        raise Unusable(f"{path}.authorization.credentials", "are missing: name the Secret and the key that hold them")


def label_steps(common: Work, kind: str, labels: Sequence[str] | None, path: str) -> list[Json]:
    """Copy labels of the Service or pod to the target."""
    names = relabeling.names_of(common.scope)
    steps = []
    for index, label in enumerate(labels or ()):
        target = relabeling.sanitize(label)
        if not relabeling.valid_label(target, names):
            raise Unusable(f"{path}[{index}]", f"{label!r} can't become a label: write one that begins with a letter")
        steps.append(relabeling.copy_filled(f"__meta_kubernetes_{kind}_label_{target}", target))
    return steps


def user_steps(common: Work, configs: Sequence[RelabelConfig] | None, path: str) -> list[Json]:
    """The relabeling of the scrape class, of the user, and the enforced namespace label."""
    scope = common.scope
    return [
        *relabeling.steps(scope, common.settings.relabelings, f"{common.class_path}.relabelings"),
        *relabeling.steps(scope, configs, path),
        *relabeling.enforced(scope, common.kind, common.namespace, common.name),
    ]


def metric_relabeling(common: Work, configs: Sequence[RelabelConfig] | None, path: str, *, scheme: str | None = None) -> Json:
    """`metric_relabel_configs`, if there are any; `scheme`: the name validation scheme of a job that has its own."""
    scope = common.scope
    steps = [
        *relabeling.steps(scope, common.settings.metric_relabelings, f"{common.class_path}.metricRelabelings", scheme=scheme),
        *relabeling.steps(scope, configs, path, scheme=scheme),
        *relabeling.enforced(scope, common.kind, common.namespace, common.name),
    ]
    return {"metric_relabel_configs": steps} if steps else {}


def bounds(common: Work, spec: Scraped) -> Json:
    """Limits, histograms and protocols."""
    gate = common.context.gate
    fallback = spec.fallback_scrape_protocol or common.settings.fallback_scrape_protocol
    return {
        **limits.limits(common.scope, gate, spec),
        **limits.histograms(gate, spec),
        **limits.protocols(gate, spec.scrape_protocols),
        **limits.fallback_protocol(gate, fallback),
    }
