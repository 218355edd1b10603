"""A Prometheus or PrometheusAgent as written to a frozen, defaulted `Instance`, or `Invalid`. Pure.

What concerns one remote write, one Alertmanager or one additional job is not judged here: the config rooms leave out
that entry alone.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any

from davit.errors import Invalid, Problem
from davit.kube.labels import owner_reference
from davit.model import Key, Manifest
from davit.monitoring import pods
from davit.monitoring.http import Unusable
from davit.monitoring.types import LabelSelector
from davit.monitoring.units import parse_duration
from davit.monitoring.unknown import unknown_fields
from davit.monitoring.versions import Version, version
from pydantic import ValidationError

from davit_prometheus.api.prometheus import PROMETHEUS_AGENT, CommonPrometheusFields, PrometheusAgentSpec, PrometheusSpec
from davit_prometheus.config import relabeling
from davit_prometheus.config.sections import retention
from davit_prometheus.config.selecting import check_operators
from davit_prometheus.manifests import stateful_set, thanos
from davit_prometheus.model import Excluded, Instance, Scope, Selection

DEFAULT_VERSION = "v3.13.2"
REPOSITORY = "quay.io/prometheus/prometheus"
THANOS_REPOSITORY = "quay.io/thanos/thanos"
OLDEST = version("2.45.0")
NEWEST_MAJOR = 3
MAX_STATEFUL_SET = 52
"""So that the controller-revision-hash label of its pods stays within 63 characters."""
PLURALS = {
    "servicemonitors": "ServiceMonitor",
    "podmonitors": "PodMonitor",
    "probes": "Probe",
    "scrapeconfigs": "ScrapeConfig",
    "prometheusrules": "PrometheusRule",
}
_SELECTORS = {
    "ServiceMonitor": "service_monitor",
    "PodMonitor": "pod_monitor",
    "Probe": "probe",
    "ScrapeConfig": "scrape_config",
    "PrometheusRule": "rule",
}
_DEFAULT_INTERVAL = 60_000
"""Milliseconds; what Prometheus takes an interval of 0 for."""


def validate(
    resource: Manifest,
    *,
    repository: str = REPOSITORY,
    thanos_repository: str = THANOS_REPOSITORY,
    pod_topology_labels: bool = False,
) -> Instance:
    """The domain object; raises `Invalid` with every problem found, each naming its field and remedy.

    repository, thanos_repository: images without tag for resources that name none; pod_topology_labels: whether the
    cluster labels pods with their zone.
    """
    agent = resource.get("kind") == PROMETHEUS_AGENT.kind
    model = PrometheusAgentSpec if agent else PrometheusSpec
    raw = resource.get("spec") or {}
    try:
        spec = model.model_validate(raw)
    except ValidationError as error:
        raise Invalid(*(_problem(item) for item in error.errors(include_url=False))) from None
    running, problems = _running(spec)
    images, more = _images(spec, f"v{running}" if running else DEFAULT_VERSION, repository, thanos_repository)
    problems += more
    if running is not None:
        problems += [*_labels(spec, running), *_classes(spec, running)]
    problems += [*_name(resource, spec, agent), *_mode(spec), *_times(spec), *_sharding(spec), *_selector_problems(spec)]
    if problems or running is None:
        raise Invalid(*problems)
    scope = _scope(resource, spec, running, pod_topology_labels)
    instance = _instance(resource, scope, spec, images, tuple(unknown_fields(model, raw)))
    if unbuildable := stateful_set.problems(instance):
        raise Invalid(*unbuildable)
    return replace(instance, ignored=(*instance.ignored, *stateful_set.ignored(instance)))


def _instance(
    resource: Manifest, scope: Scope, spec: CommonPrometheusFields, images: tuple[str, str], unknown: tuple[str, ...]
) -> Instance:
    metadata = resource["metadata"]
    server = spec if isinstance(spec, PrometheusSpec) else None
    return Instance(
        key=Key(metadata["namespace"], metadata["name"]),
        uid=metadata.get("uid", ""),
        generation=metadata.get("generation", 0),
        scope=scope,
        selections=_selections(spec),
        image=images[0],
        thanos_image=images[1],
        paused=bool(spec.paused),
        scrape_interval=scope.scrape_interval,
        evaluation_interval=(server.evaluation_interval if server else None) or "30s",
        retention=retention(server) if server else "",
        retention_size=(server.retention_size if server else None) or "",
        port_name=spec.port_name or "web",
        unknown=unknown,
        ignored=tuple(_ignored(spec)),
        owner=json.dumps(owner_reference(resource), sort_keys=True, separators=(",", ":")),
        labels=MappingProxyType(dict(metadata.get("labels") or {})),
        annotations=MappingProxyType(dict(metadata.get("annotations") or {})),
    )


def _scope(resource: Manifest, spec: CommonPrometheusFields, running: Version, pod_topology_labels: bool) -> Scope:
    metadata, agent = resource["metadata"], isinstance(spec, PrometheusAgentSpec)
    replicas = 1 if spec.replicas is None else spec.replicas
    classes = {given.name: given for given in spec.scrape_classes or ()}
    return Scope(
        namespace=metadata["namespace"],
        name=metadata["name"],
        uid=metadata.get("uid", ""),
        version=running,
        spec=spec,
        agent=agent,
        replicas=replicas if replicas >= 0 else 1,
        shards=max(spec.shards or 1, 1),
        zones=tuple(_zones(spec)),
        retention_policy=not agent,
        pod_topology_labels=pod_topology_labels,
        endpoint_role="endpointslice" if spec.service_discovery_role == "EndpointSlice" else "endpoints",
        scrape_classes=MappingProxyType(classes),
        default_scrape_class=next((given.name for given in classes.values() if given.default), ""),
        enforced_namespace_label=spec.enforced_namespace_label or "",
        excluded=tuple(_excluded(spec)),
    )


def _zones(spec: CommonPrometheusFields) -> list[str]:
    strategy = spec.sharding_strategy
    if strategy is None or strategy.mode != "Topology" or strategy.topology is None:
        return []
    return list(strategy.topology.values or ())


def _excluded(spec: CommonPrometheusFields) -> Iterator[Excluded]:
    for entry in spec.excluded_from_enforcement or ():
        if entry.namespace and entry.resource in PLURALS:
            yield Excluded(PLURALS[entry.resource], entry.namespace, entry.name or "")
    if isinstance(spec, PrometheusSpec):
        for rule in spec.prometheus_rules_excluded_from_enforce or ():
            if rule.rule_namespace and rule.rule_name:
                yield Excluded("PrometheusRule", rule.rule_namespace, rule.rule_name)


def _selections(spec: CommonPrometheusFields) -> Mapping[str, Selection]:
    return MappingProxyType({kind: Selection(labels, namespaces) for kind, labels, namespaces, _ in _selectors(spec)})


def _selectors(spec: CommonPrometheusFields) -> Iterator[tuple[str, LabelSelector | None, LabelSelector | None, str]]:
    """Kind, selector of objects, selector of namespaces, and the name of their fields."""
    for kind, field in _SELECTORS.items():
        if kind != "PrometheusRule" or isinstance(spec, PrometheusSpec):
            name = re.sub(r"_(\w)", lambda found: found[1].upper(), field)
            yield kind, getattr(spec, f"{field}_selector"), getattr(spec, f"{field}_namespace_selector"), f"spec.{name}"


def _problem(error: Any) -> Problem:
    path = "spec"
    for part in error["loc"]:
        path += f"[{part}]" if isinstance(part, int) else f".{part}"
    return Problem(path, str(error["msg"]).removeprefix("Value error, "))


def _running(spec: CommonPrometheusFields) -> tuple[Version | None, list[Problem]]:
    try:
        running = Version.parse((spec.version or "").strip() or DEFAULT_VERSION)
    except Invalid as error:
        return None, list(error.problems)
    if running < OLDEST:
        return None, [
            Problem("spec.version", f"{running} is older than {OLDEST}, the oldest that can be run: choose a later one")
        ]
    if running.major > NEWEST_MAJOR:
        newer = f"{running} is newer than this operator knows ({NEWEST_MAJOR}.x): upgrade the operator first"
        return None, [Problem("spec.version", newer)]
    return running, []


def _images(
    spec: CommonPrometheusFields, tag: str, repository: str, thanos_repository: str
) -> tuple[tuple[str, str], list[Problem]]:
    """Of Prometheus by the version as it is understood, as upstream has it: 3.5.0 is tagged v3.5.0."""
    given = pods.as_json(spec)
    if isinstance(spec, PrometheusAgentSpec):
        given = {key: value for key, value in given.items() if key in ("image", "version")}
    images: list[str] = ["", ""]
    problems: list[Problem] = []
    sidecar = given.get("thanos") if isinstance(spec, PrometheusSpec) else None
    wanted = str((sidecar or {}).get("version") or "").strip() or thanos.DEFAULT_VERSION
    for index, (parts, default, version_tag, path) in enumerate(
        ((given, repository, tag, "spec"), (sidecar, thanos_repository, wanted, "spec.thanos"))
    ):
        if parts is None:
            continue
        try:
            images[index] = pods.image(parts, default, version_tag, path)
        except Invalid as error:
            problems += error.problems
    return (images[0], images[1]), problems


def _labels(spec: CommonPrometheusFields, running: Version) -> Iterator[Problem]:
    """Names of labels that go into every job or everything that leaves; one bad name would stop all of it."""
    names = relabeling.label_names(running, spec.name_validation_scheme)
    strategy = spec.sharding_strategy
    topology = strategy.topology if strategy is not None else None
    given = {
        "spec.replicaExternalLabelName": spec.replica_external_label_name,
        "spec.prometheusExternalLabelName": spec.prometheus_external_label_name,
        "spec.enforcedNamespaceLabel": spec.enforced_namespace_label,
        "spec.shardingStrategy.topology.externalLabelName": topology.external_label_name if topology else None,
        **{f"spec.externalLabels.{name}": name or " " for name in spec.external_labels or ()},
    }
    for path, name in given.items():
        if name and not (name.strip() and relabeling.valid_label(name, names)):
            allowed = "letters, digits and _, not beginning with a digit" if names == "legacy" else "any text that is not empty"
            yield Problem(path, f"{name!r} is not a label name: write {allowed}")


def _classes(spec: CommonPrometheusFields, running: Version) -> Iterator[Problem]:
    names = relabeling.label_names(running, spec.name_validation_scheme)
    seen: set[str] = set()
    default = ""
    for index, given in enumerate(spec.scrape_classes or ()):
        path = f"spec.scrapeClasses[{index}]"
        if not given.name:
            yield Problem(f"{path}.name", "is missing: monitors name the class by it")
        elif given.name in seen:
            yield Problem(f"{path}.name", f"{given.name!r} is taken by an earlier class: choose another name")
        seen.add(given.name)
        if given.default and default:
            yield Problem(f"{path}.default", f"{default!r} is the default already: set it for one class only")
        default = given.name if given.default and not default else default
        for steps, field in ((given.relabelings, "relabelings"), (given.metric_relabelings, "metricRelabelings")):
            try:
                relabeling.check(steps, f"{path}.{field}", running, names)
            except Unusable as error:
                yield Problem(error.path, error.message)


def _name(resource: Manifest, spec: CommonPrometheusFields, agent: bool) -> Iterator[Problem]:
    prefix = f"{'prom-agent' if agent else 'prometheus'}-"
    last = max(spec.shards or 1, 1) - 1
    suffix = f"-shard-{last}" if last else ""
    room = MAX_STATEFUL_SET - len(prefix) - len(suffix)
    if len(resource["metadata"]["name"]) > room:
        yield Problem(
            "metadata.name", f"at most {room} characters, because StatefulSets are named after it: choose a shorter name"
        )


def _mode(spec: CommonPrometheusFields) -> Iterator[Problem]:
    if isinstance(spec, PrometheusAgentSpec) and spec.mode == "DaemonSet":
        yield Problem("spec.mode", "DaemonSet is not supported: set StatefulSet, or remove the field")


def _times(spec: CommonPrometheusFields) -> Iterator[Problem]:
    interval = parse_duration(spec.scrape_interval or "30s") or _DEFAULT_INTERVAL
    if spec.scrape_timeout and parse_duration(spec.scrape_timeout) > interval:
        yield Problem(
            "spec.scrapeTimeout",
            f"{spec.scrape_timeout} is longer than spec.scrapeInterval {spec.scrape_interval or '30s'}: shorten it",
        )


def _sharding(spec: CommonPrometheusFields) -> Iterator[Problem]:
    zones = _zones(spec)
    if zones and max(spec.shards or 1, 1) < len(zones):
        yield Problem("spec.shards", f"must be at least {len(zones)}, the number of zones: raise it, or remove zones")


def _selector_problems(spec: CommonPrometheusFields) -> Iterator[Problem]:
    for _, labels, namespaces, field in _selectors(spec):
        for selector, path in ((labels, f"{field}Selector"), (namespaces, f"{field}NamespaceSelector")):
            if selector is None:
                continue
            try:
                check_operators(selector, path)
            except Unusable as error:
                yield Problem(error.path, error.message)


def _ignored(spec: CommonPrometheusFields) -> Iterator[str]:
    if spec.reload_strategy == "ProcessSignal":
        yield "spec.reloadStrategy is ignored: the operator reloads by HTTP and proves what was loaded"
    for index, entry in enumerate(spec.excluded_from_enforcement or ()):
        path = f"spec.excludedFromEnforcement[{index}]"
        if entry.resource not in PLURALS:
            yield f"{path}.resource {entry.resource!r} excludes nothing: write one of {', '.join(PLURALS)}"
        elif not entry.namespace:
            yield f"{path}.namespace '' excludes nothing: name the namespace of the objects"
