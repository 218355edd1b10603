"""The StatefulSet of an Alertmanager. Pure."""

from __future__ import annotations

from typing import Any

from davit.errors import Invalid, Problem
from davit.model import Manifest
from davit.monitoring import pods, web, workload
from davit.monitoring.pods import Argument, Mounted

from davit_alertmanager.manifests import (
    CONFIG_DIR,
    MESH_PORT,
    MESH_TCP,
    MESH_UDP,
    STORAGE_DIR,
    WEB_DIR,
    WEB_PORT,
    cluster_tls,
    config_secret,
    governing_service,
    metadata,
    selector,
    tls_secret,
    web_secret,
)
from davit_alertmanager.manifests.arguments import arguments
from davit_alertmanager.model import TEMPLATES, TLS_ASSETS, Instance, Json

CONTAINER = "alertmanager"
GRACE = 120
"""Seconds to stop: notifications under way are finished first."""


def stateful_set(instance: Instance, tls_secrets: int = 1) -> Manifest:
    """The StatefulSet; `tls_secrets` says how many Secrets hold TLS assets. Raises `Invalid` as `problems` says."""
    spec = dict(instance.spec)
    storage = workload.storage(spec.get("storage"), f"{instance.prefix}-db", "alertmanager-db")
    web_file, files = _files(instance, spec, tls_secrets)
    data = storage.mount(STORAGE_DIR)
    container = _container(instance, spec, web_file, [data, *files.mounts, *(spec.get("volumeMounts") or ())])
    body = pods.pod_spec(
        spec,
        pods.merge_containers([container], spec.get("containers") or ()),
        [*files.volumes, *storage.volumes, *(spec.get("volumes") or ())],
        grace=GRACE,
        token=None if _others(spec) else False,
        spread=spec.get("topologySpreadConstraints") or (),
    )
    chosen = selector(instance)
    labels, annotations = workload.inherited({"labels": instance.labels, "annotations": instance.annotations}, chosen)
    return workload.stateful_set(
        metadata(instance, instance.prefix, labels, annotations),
        spec,
        replicas=instance.replicas,
        service=governing_service(instance),
        selector=chosen,
        template={"metadata": pods.template_metadata(spec, str(instance.scope.version), chosen, CONTAINER), "spec": body},
        claims=storage.claims,
    )


def problems(instance: Instance) -> tuple[Problem, ...]:
    """Why no StatefulSet can be made of the spec: repeated flags; each names its field and remedy."""
    try:
        stateful_set(instance)
    except Invalid as error:
        return error.problems
    return ()


def _others(spec: Json) -> bool:
    """Whether there are containers of the user's, which may need the ServiceAccount's token as Alertmanager does not."""
    return any(
        item.get("name") not in (CONTAINER, *pods.RELOADERS)
        for item in (*_list(spec, "containers"), *_list(spec, "initContainers"))
    )


def _list(spec: Json, field: str) -> list[Any]:
    return list(spec.get(field) or ())


def _files(instance: Instance, spec: Json, tls_secrets: int) -> tuple[Argument, Mounted]:
    """Everything but the data, and the flag for the web configuration."""
    assets = [{"secret": {"name": tls_secret(instance, index)}} for index in range(max(1, tls_secrets))]
    config = Mounted(
        (
            {"name": "config-volume", "secret": {"secretName": config_secret(instance)}},
            {"name": "tls-assets", "projected": {"sources": assets}},
        ),
        (
            {"name": "config-volume", "mountPath": CONFIG_DIR, "readOnly": True},
            {"name": "tls-assets", "mountPath": TLS_ASSETS, "readOnly": True},
        ),
    )
    web_file, web_files = web.mounted(spec.get("web"), WEB_DIR, web_secret(instance))
    given = pods.given_files(spec, "/etc/alertmanager")
    return web_file, config + _templates(spec) + given + web_files + cluster_tls.mounted(instance)


def _templates(spec: Json) -> Mounted:
    """Of spec.alertmanagerConfiguration; of two under one key the first counts."""
    sources: dict[str, Json] = {}
    for one in (spec.get("alertmanagerConfiguration") or {}).get("templates") or ():
        for kind in ("configMap", "secret"):
            if chosen := one.get(kind):
                key = chosen.get("key", "")
                sources.setdefault(key, {kind: {"name": chosen.get("name", ""), "items": [{"key": key, "path": key}]}})
    if not sources:
        return Mounted()
    return Mounted(
        ({"name": "notification-templates", "projected": {"sources": list(sources.values())}},),
        ({"name": "notification-templates", "mountPath": TEMPLATES, "readOnly": True},),
    )


def _container(instance: Instance, spec: Json, web_file: Argument, mounts: list[Json]) -> Json:
    web_port = {"name": instance.port_name, "containerPort": WEB_PORT, "protocol": "TCP"}
    mesh = [
        {"name": MESH_TCP, "containerPort": MESH_PORT, "protocol": "TCP"},
        {"name": MESH_UDP, "containerPort": MESH_PORT, "protocol": "UDP"},
    ]
    container: Json = {
        "name": CONTAINER,
        "image": instance.image,
        "args": arguments(instance, web_file),
        "env": _environment(instance),
        "ports": mesh if spec.get("listenLocal") else [web_port, *mesh],
        "volumeMounts": mounts,
        "resources": _resources(spec),
        # The last log lines reach the pod's status, where a person looks first.
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "securityContext": pods.container_security(spec),
        **_probes(instance, spec),
    }
    if spec.get("imagePullPolicy"):
        container["imagePullPolicy"] = spec["imagePullPolicy"]
    return container


def _environment(instance: Instance) -> list[Json]:
    fields = [("POD_IP", "status.podIP")]
    if instance.scope.gate().at_least("0.30.0"):
        fields.append(("POD_NAME", "metadata.name"))
    return [{"name": name, "valueFrom": {"fieldRef": {"fieldPath": path}}} for name, path in fields]


def _resources(spec: Json) -> Json:
    given = dict(spec.get("resources") or {})
    return {**given, "requests": {"memory": "200Mi", **(given.get("requests") or {})}}


def _probes(instance: Instance, spec: Json) -> Json:
    """None when Alertmanager listens on localhost only."""
    if spec.get("listenLocal"):
        return {}
    tls, prefix = "tlsConfig" in (spec.get("web") or {}), pods.url_prefix(instance.route_prefix)
    return {
        "livenessProbe": pods.http_probe(
            f"{prefix}/-/healthy", instance.port_name, tls=tls, timeoutSeconds=3, failureThreshold=10
        ),
        "readinessProbe": pods.http_probe(
            f"{prefix}/-/ready",
            instance.port_name,
            tls=tls,
            initialDelaySeconds=3,
            timeoutSeconds=3,
            periodSeconds=5,
            failureThreshold=10,
        ),
    }
