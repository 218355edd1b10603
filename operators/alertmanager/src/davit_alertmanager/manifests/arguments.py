"""The arguments of the alertmanager container, by version. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from davit.monitoring import pods
from davit.monitoring.pods import Argument
from davit.monitoring.units import parse_byte_size

from davit_alertmanager.manifests import (
    CLUSTER_TLS_DIR,
    CONFIG_DIR,
    MESH_PORT,
    STORAGE_DIR,
    WEB_PORT,
    clustered,
    governing_service,
)
from davit_alertmanager.manifests.cluster_tls import CONFIG_FILE as CLUSTER_TLS_FILE
from davit_alertmanager.model import CONFIG_FILE, Instance


def arguments(instance: Instance, web_file: Argument) -> list[str]:
    """All of them, in upstream's order; `web_file` is the flag for the web configuration.

    Raises `Invalid` when additionalArgs repeat one.
    """
    spec, gate = instance.spec, instance.scope.gate()
    ours = [*_general(instance), *_web(instance), *_limits(instance)]
    delay = spec.get("minReadySeconds")
    yielding = [("dispatch.start-delay", f"{delay}s")] if delay is not None and gate.at_least("0.30.0") else []
    ours += [*_logs(instance), *_cluster(instance), web_file]
    if "clusterTLS" in spec:
        ours.append(("cluster.tls-config", f"{CLUSTER_TLS_DIR}/{CLUSTER_TLS_FILE}"))
    return pods.arguments(ours, spec.get("additionalArgs") or (), yielding=yielding)


def _general(instance: Instance) -> Iterator[Argument]:
    yield "config.file", f"{CONFIG_DIR}/{CONFIG_FILE}"
    yield "storage.path", STORAGE_DIR
    yield "data.retention", instance.retention
    # Empty switches the cluster off; the flag without a value would be an error.
    yield ("cluster.listen-address", f"[$(POD_IP)]:{MESH_PORT}") if clustered(instance) else ("cluster.listen-address=", "")


def _web(instance: Instance) -> Iterator[Argument]:
    spec, web = instance.spec, instance.spec.get("web") or {}
    yield "web.listen-address", f"{'127.0.0.1' if spec.get('listenLocal') else ''}:{WEB_PORT}"
    if spec.get("externalUrl"):
        yield "web.external-url", spec["externalUrl"]
    if spec.get("enableFeatures") and instance.scope.gate().at_least("0.27.0"):
        yield "enable-feature", ",".join(spec["enableFeatures"])
    yield "web.route-prefix", instance.route_prefix
    for field, flag in (("getConcurrency", "web.get-concurrency"), ("timeout", "web.timeout")):
        if web.get(field) is not None:
            yield flag, str(web[field])


def _limits(instance: Instance) -> Iterator[Argument]:
    limits = instance.spec.get("limits") or {}
    if not instance.scope.gate().at_least("0.28.0"):
        return
    if limits.get("maxSilences") is not None:
        yield "silences.max-silences", str(limits["maxSilences"])
    if limits.get("maxPerSilenceBytes"):
        yield "silences.max-per-silence-bytes", str(parse_byte_size(limits["maxPerSilenceBytes"]))


def _logs(instance: Instance) -> Iterator[Argument]:
    for field, flag, default in (("logLevel", "log.level", "info"), ("logFormat", "log.format", "logfmt")):
        if (value := instance.spec.get(field)) and value != default:
            yield flag, value


def _cluster(instance: Instance) -> Iterator[Argument]:
    spec, gate = instance.spec, instance.scope.gate()
    for field, flag in (
        ("clusterAdvertiseAddress", "cluster.advertise-address"),
        ("clusterGossipInterval", "cluster.gossip-interval"),
        ("clusterPushpullInterval", "cluster.pushpull-interval"),
        ("clusterPeerTimeout", "cluster.peer-timeout"),
    ):
        if spec.get(field):
            yield flag, spec[field]
    if gate.at_least("0.30.0"):
        yield "cluster.peer-name", "$(POD_NAME)"
    if gate.at_least("0.26.0"):
        # Pod addresses are used again: without a label, clusters could merge.
        yield "cluster.label", spec.get("clusterLabel", str(instance.key))
    for number in range(instance.replicas):
        yield "cluster.peer", f"{instance.prefix}-{number}.{governing_service(instance)}:{MESH_PORT}"
    for peer in spec.get("additionalPeers") or ():
        yield "cluster.peer", peer
    # The default of six hours would keep replaced pods in the cluster for that long.
    yield "cluster.reconnect-timeout", "5m"
