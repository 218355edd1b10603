"""Probe to its scrape job. Pure."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from typing import Any

from davit.model import Manifest
from davit.monitoring import assets as stored
from davit.monitoring import http
from davit.monitoring.assets import Assets, Ref
from davit.monitoring.http import Unusable
from davit.monitoring.re2 import regex_problem
from davit.monitoring.types import LabelSelector
from pydantic import ValidationError

from davit_prometheus.api.monitors import IngressTargets, Prober, ProbeSpec, StaticTargets
from davit_prometheus.config import limits, relabeling, scrape, sharding
from davit_prometheus.config.kubernetes_sd import api_server_references, kubernetes_sd, namespaces
from davit_prometheus.config.relabeling import constant, copy
from davit_prometheus.config.scrape import Work
from davit_prometheus.config.selecting import check_operators, selector_steps
from davit_prometheus.model import Job, Json, Rendered, Scope

DEFAULT_PATH = "/probe"
_HOST = re.compile(r"([a-zA-Z0-9_][a-zA-Z0-9_-]{0,62})(\.[a-zA-Z0-9_][a-zA-Z0-9_-]{0,62})*[._]?", re.ASCII)
_LONGEST_HOST = 255
_TARGET = "__param_target"
_INGRESS = "spec.targets.ingress"


def render(scope: Scope, resource: Manifest, assets: Assets) -> Rendered:
    """The job of a Probe."""
    try:
        spec = ProbeSpec.model_validate(resource.get("spec") or {})
        work = scrape.work(scope, resource, assets, spec.scrape_class)
        name = f"probe/{work.namespace}/{work.name}"
        config = _job(work, spec)
        http.check_client(config, "spec")
    except (ValidationError, Unusable) as error:
        return Rendered(faults=scrape.faults(error, "spec"))
    return Rendered((Job(name, {"job_name": name, **config}),), (), work.context.gate.ignored, work.context.files)


def references(scope: Scope, resource: Manifest) -> frozenset[Ref]:
    """The Secrets and ConfigMaps that it needs."""
    try:
        spec = ProbeSpec.model_validate(resource.get("spec") or {})
    except ValidationError:
        return frozenset()
    found = stored.references(spec, resource["metadata"]["namespace"])
    return found | scrape.class_references(scope, spec.scrape_class) | api_server_references(scope)


def _job(work: Work, spec: ProbeSpec) -> Json:
    context, prober = work.context, spec.prober or Prober()
    check_prober(prober.url)
    discovery, steps = _targets(work, spec, prober)
    params = _params(spec)
    return {
        **scrape.honor_timestamps(work, True, "spec"),
        "metrics_path": DEFAULT_PATH if prober.path is None else prober.path,
        **scrape.timing(work, spec.interval, spec.scrape_timeout, "spec"),
        **({"scheme": prober.scheme.lower()} if prober.scheme else {}),
        **({"params": params} if params else {}),
        **scrape.bounds(work, spec),
        **limits.body_size(work.scope, context.gate, None),
        **http.proxy(context, prober, "spec.prober"),
        **http.redirects(context, spec.follow_redirects, spec.enable_http2, "spec"),
        **scrape.tls(work, spec.tls_config, "spec.tlsConfig"),
        **discovery,
        "relabel_configs": [
            relabeling.first_step(),
            *([constant("job", spec.job_name)] if spec.job_name else []),
            *steps,
            *sharding.steps(work.scope, _TARGET),
        ],
        **_bearer_token(work, spec),
        **http.basic_auth(context, spec.basic_auth, "spec.basicAuth"),
        **http.oauth2(context, spec.oauth2, "spec.oauth2"),
        **scrape.authorization(work, spec, "spec"),
        **scrape.metric_relabeling(work, spec.metric_relabelings, "spec.metricRelabelings"),
    }


def _bearer_token(work: Work, spec: ProbeSpec) -> Json:
    if spec.bearer_token_secret is None:
        return {}
    return {"bearer_token": work.context.secret(spec.bearer_token_secret, "spec.bearerTokenSecret")}


def _params(spec: ProbeSpec) -> dict[str, list[str]]:
    given = {param.name: list(param.values or ()) for param in spec.params or ()}
    return {"module": [spec.module], **{k: v for k, v in given.items() if k != "module"}} if spec.module else given


def _targets(work: Work, spec: ProbeSpec, prober: Prober) -> tuple[Json, list[Json]]:
    """Where targets come from, and the steps that hand them to the prober; static targets win."""
    targets = spec.targets
    if targets is not None and targets.static_config is not None:
        if targets.ingress is not None:
            # Without effect, but upstream refuses a Probe for it.
            relabeling.steps(work.scope, targets.ingress.relabeling_configs, f"{_INGRESS}.relabelingConfigs")
        return _static(work, targets.static_config, prober)
    if targets is not None and targets.ingress is not None:
        return _ingress(work, targets.ingress, prober)
    raise Unusable("spec.targets", "are missing: set staticConfig or ingress")


def _static(work: Work, static: StaticTargets, prober: Prober) -> tuple[Json, list[Json]]:
    path = "spec.targets.staticConfig"
    labels = {"namespace": work.namespace, **(static.labels or {})}
    _check_labels(work, labels, f"{path}.labels")
    steps = [
        copy("__address__", _TARGET),
        copy(_TARGET, "instance"),
        constant("__address__", prober.url),
        *scrape.user_steps(work, static.relabeling_configs, f"{path}.relabelingConfigs"),
    ]
    return {"static_configs": [{"targets": list(static.static or ()), "labels": dict(sorted(labels.items()))}]}, steps


def _check_labels(work: Work, labels: Mapping[str, Any], path: str) -> None:
    names = relabeling.label_names(work.scope.version, None)
    for label in labels:
        if not relabeling.valid_label(label, names):
            raise Unusable(f"{path}.{label}", "is not a label name: write letters, digits and _")


def _ingress(work: Work, ingress: IngressTargets, prober: Prober) -> tuple[Json, list[Json]]:
    selector = ingress.selector or LabelSelector()
    check_operators(selector, f"{_INGRESS}.selector")
    chosen = selector_steps(selector, "ingress")
    for step in chosen:
        if problem := regex_problem(step["regex"]):
            raise Unusable(f"{_INGRESS}.selector", problem)
    where = namespaces(work.scope, ingress.namespace_selector, work.namespace)
    steps = [
        *chosen,
        _join(
            ["__meta_kubernetes_ingress_scheme", "__address__", "__meta_kubernetes_ingress_path"],
            ("(.+);(.+);(.+)", "${1}://${2}${3}"),
            _TARGET,
        ),
        copy("__meta_kubernetes_namespace", "namespace"),
        copy("__meta_kubernetes_ingress_name", "ingress"),
        _join(["__address__"], ("(.*)", "$1"), "__tmp_ingress_address"),
        copy(_TARGET, "instance"),
        constant("__address__", prober.url),
        *scrape.user_steps(work, ingress.relabeling_configs, f"{_INGRESS}.relabelingConfigs"),
    ]
    return kubernetes_sd(work.scope, work.context, "ingress", where), steps


def _join(labels: list[str], pattern: tuple[str, str], target: str) -> Json:
    regex, replacement = pattern
    return {
        "source_labels": labels,
        "separator": ";",
        "regex": regex,
        "target_label": target,
        "replacement": replacement,
        "action": "replace",
    }


def check_prober(url: str) -> None:
    """Raise `Unusable` for what is no host or host:port."""
    host, port = _split(url)
    if not _is_host(host) or (port is not None and not (port.isascii() and port.isdigit() and 0 < int(port) < 65536)):
        raise Unusable("spec.prober.url", f"{url!r} is no address: write host or host:port, without a scheme or path")


def _split(url: str) -> tuple[str, str | None]:
    """Host and port; the port is None when there is none, as in a bare IPv6 address."""
    if url.startswith("["):
        host, bracket, port = url[1:].partition("]")
        return (host, port[1:]) if bracket and port.startswith(":") else (url, None)
    host, colon, port = url.partition(":")
    return (host, port) if colon and ":" not in port else (url, None)


def _is_host(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return len(host) <= _LONGEST_HOST and _HOST.fullmatch(host) is not None
    return True
