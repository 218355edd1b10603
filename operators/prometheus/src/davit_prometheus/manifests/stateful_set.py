"""The StatefulSet of one shard of a Prometheus or PrometheusAgent. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from davit.errors import Invalid, Problem
from davit.model import Manifest
from davit.monitoring import pods, web, workload
from davit.monitoring.units import parse_duration
from davit.monitoring.versions import Gate

from davit_prometheus.manifests import (
    SHARD_LABEL,
    STORAGE_DIR,
    WEB_PORT,
    child_labels,
    governing_service_name,
    metadata,
    shard_selector,
    stateful_set_name,
    thanos,
    volumes,
)
from davit_prometheus.manifests.arguments import arguments
from davit_prometheus.manifests.compaction import Compaction, compaction
from davit_prometheus.model import Instance, Json, Scope

CONTAINER = "prometheus"
CONTAINERS = (CONTAINER, thanos.CONTAINER)
"""The names of our own containers."""
GRACE = 600
"""Seconds to stop: Prometheus writes what it has in memory first."""
_DISCOVERY = 5
"""Seconds that Prometheus takes to discover targets; source: discovery/manager.go and scrape/manager.go, 5 s each at most."""
_ZONE = "topology.kubernetes.io/zone"


@dataclass(frozen=True, slots=True)
class _Built:
    """A StatefulSet, and the sentences about what has no effect in it."""

    manifest: Manifest
    ignored: tuple[str, ...]


def stateful_set(instance: Instance, shard: int, *, rule_config_maps: int = 0, tls_secrets: int = 1) -> Manifest:
    """The StatefulSet of a shard; raises `Invalid` as `problems` says.

    rule_config_maps, tls_secrets: how many there are; up to three and one they make no difference, more restart the pods.
    """
    return _build(instance, shard, rule_config_maps, tls_secrets).manifest


def problems(instance: Instance) -> tuple[Problem, ...]:
    """Why no StatefulSet can be made of the spec: repeated flags, incomplete TLS; each names its field and remedy."""
    try:
        _build(instance, 0, 0, 1)
    except Invalid as error:
        return error.problems
    return ()


def ignored(instance: Instance) -> tuple[str, ...]:
    """What of the spec has no effect in the pods, as sentences for status; raises `Invalid` as `problems` says."""
    return _build(instance, 0, 0, 1).ignored


def _build(instance: Instance, shard: int, rule_config_maps: int, tls_secrets: int) -> _Built:
    spec, gate = pods.as_json(instance.scope.spec), instance.scope.gate()
    if instance.scope.agent:
        # An agent has no sidecar, even if its object says so in a field that its kind does not have.
        spec.pop("thanos", None)
    if found := [*web.problems(spec.get("web")), *pods.problems(spec)]:
        raise Invalid(*found)
    thanos_version = thanos.version(spec)
    sidecar_gate = Gate(thanos_version or gate.version, "Thanos")
    plan = compaction(spec, gate.version, thanos_version)
    storage = volumes.storage(instance.scope, spec)
    data = storage.mount(STORAGE_DIR)
    files = volumes.mounted(instance, spec, shard, data, rule_config_maps=rule_config_maps, tls_secrets=tls_secrets)
    containers = [_container(instance, spec, gate, plan, list(files.mounts))]
    own = list(files.volumes)
    if thanos_version is not None:
        containers.append(thanos.sidecar(instance, spec, sidecar_gate, plan, data))
        own += thanos.volumes(instance, sidecar_gate)
    own += [*storage.volumes, *(spec.get("volumes") or ())]
    body = _pod(instance.scope, spec, shard, containers, own)
    idle = [f"{field} has no effect: Davit reloads without a reloader container" for field in pods.reloader_patches(spec)]
    return _Built(_assemble(instance, spec, shard, body, storage), (*gate.ignored, *sidecar_gate.ignored, *idle))


def _pod(scope: Scope, spec: Json, shard: int, containers: list[Json], own: list[Json]) -> Json:
    spread = pods.topology_spread(spec.get("topologySpreadConstraints") or (), shard_selector(scope, shard), SHARD_LABEL)
    if zone := scope.zone(shard):
        spec = {**spec, "nodeSelector": {**(spec.get("nodeSelector") or {}), _ZONE: zone}}
    merged = pods.merge_containers(containers, spec.get("containers") or ())
    body = pods.pod_spec(spec, merged, own, grace=GRACE, token=True, spread=spread)
    # As prometheus-operator has it: sidecars may rely on it, and a predecessor's setting must not stay.
    return body | {"shareProcessNamespace": spec.get("reloadStrategy") == "ProcessSignal"}


def _assemble(instance: Instance, spec: Json, shard: int, body: Json, storage: workload.Storage) -> Manifest:
    scope, selector = instance.scope, shard_selector(instance.scope, shard)
    given = {"labels": instance.labels, "annotations": instance.annotations}
    labels, annotations = workload.inherited(given, child_labels(scope), selector)
    return workload.stateful_set(
        metadata(instance, stateful_set_name(scope, shard), labels, annotations),
        _patient(instance, spec),
        replicas=scope.replicas,
        service=spec.get("serviceName", governing_service_name(scope)),
        selector=selector,
        template={"metadata": pods.template_metadata(spec, str(scope.version), selector, CONTAINER), "spec": body},
        claims=storage.claims,
    )


def _patient(instance: Instance, spec: Json) -> Json:
    """A pod of several is given the time to discover and scrape everything once before the next one is replaced."""
    if instance.scope.replicas < 2 or "minReadySeconds" in spec:
        return spec
    return {**spec, "minReadySeconds": _DISCOVERY + math.ceil(parse_duration(instance.scrape_interval) / 1000)}


def _container(instance: Instance, spec: Json, gate: Gate, plan: Compaction, mounts: list[Json]) -> Json:
    local = spec.get("listenLocal")
    port = {"name": instance.port_name, "containerPort": WEB_PORT, "protocol": "TCP"}
    container: Json = {
        "name": CONTAINER,
        "image": instance.image,
        "args": arguments(instance, spec, gate, plan),
        "env": [*_environment(instance, spec, gate)],
        "ports": [] if local else [port],
        "volumeMounts": mounts,
        # The last log lines reach the pod's status, where a person looks first.
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "securityContext": pods.container_security(spec),
        **_probes(instance, spec),
    }
    if spec.get("imagePullPolicy"):
        container["imagePullPolicy"] = spec["imagePullPolicy"]
    return container | {name: spec[name] for name in ("resources",) if spec.get(name)}


def _environment(instance: Instance, spec: Json, gate: Gate) -> Iterator[Json]:
    """What Prometheus expands in external labels, and the garbage collector before 2.53 had it in the configuration."""
    yield {"name": "POD_NAME", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}
    percent = (spec.get("runtime") or {}).get("goGC")
    if percent is not None and not instance.scope.agent and not gate.at_least("2.53.0"):
        yield {"name": "GOGC", "value": str(percent)}


def _probes(instance: Instance, spec: Json) -> Json:
    """Ready means that the log was replayed, which may take very long; alive is not asked before."""
    period, failures = _startup(spec.get("maximumStartupDurationSeconds") or 0)
    return {
        "startupProbe": _probe(instance, spec, "ready", periodSeconds=period, failureThreshold=failures),
        "readinessProbe": _probe(instance, spec, "ready", periodSeconds=5, failureThreshold=3),
        "livenessProbe": _probe(instance, spec, "healthy", periodSeconds=5, failureThreshold=6),
    }


def _probe(instance: Instance, spec: Json, page: str, **timing: int) -> Json:
    path = f"{pods.url_prefix(spec.get('routePrefix') or '')}/-/{page}"
    tls = "tlsConfig" in (spec.get("web") or {})
    if spec.get("listenLocal"):
        return pods.local_probe(path, WEB_PORT, tls=tls, timeoutSeconds=3, **timing)
    return pods.http_probe(path, instance.port_name, tls=tls, timeoutSeconds=3, **timing)


def _startup(longest: int) -> tuple[int, int]:
    """Period and number of failures; a quarter of an hour unless the spec says how long."""
    if longest < 60:
        return 2, 450
    failures = math.ceil(longest / 60)
    return math.ceil(longest / failures), failures
