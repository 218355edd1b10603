"""The Thanos sidecar of a Prometheus. Pure. Source: thanos.io/tip/components/sidecar.md for the flags and their versions."""

from __future__ import annotations

from collections.abc import Iterator

from davit.model import Manifest
from davit.monitoring import emit, pods, workload
from davit.monitoring.pods import Argument
from davit.monitoring.versions import Gate, Version

from davit_prometheus.manifests import GRPC_PORT, THANOS_HTTP_PORT, WEB_PORT, metadata
from davit_prometheus.manifests.compaction import Compaction, uploads
from davit_prometheus.model import Instance, Json

DEFAULT_VERSION = "v0.42.2"
CONTAINER = "thanos-sidecar"
CLIENT_DIR = "/etc/thanos/config"
CLIENT_FILE = "prometheus.http-client-file.yaml"
CLIENT_VOLUME = "thanos-prometheus-http-client-file"

_TLS_VERSIONS = {"TLS10": "1.0", "TLS11": "1.1", "TLS12": "1.2", "TLS13": "1.3"}


def version(spec: Json) -> Version | None:
    """Of the sidecar, None without one; raises `Invalid` that names spec.thanos.version."""
    if "thanos" not in spec:
        return None
    return Version.parse(spec["thanos"].get("version") or DEFAULT_VERSION, "spec.thanos.version")


def client_secret_name(instance: Instance) -> str:
    """Name of the Secret with the file by which the sidecar speaks to Prometheus."""
    return f"{instance.scope.prefix}-{CLIENT_VOLUME}"


def client_secret(instance: Instance) -> Manifest:
    """Both are in one pod, and no certificate names localhost."""
    content = emit.text({"tls_config": {"insecure_skip_verify": True}}).encode()
    return workload.secret(metadata(instance, client_secret_name(instance)), {CLIENT_FILE: content})


def volumes(instance: Instance, gate: Gate) -> tuple[Json, ...]:
    """What the sidecar mounts of its own; gate is that of its version."""
    if not _has_client_file(gate):
        return ()
    return ({"name": CLIENT_VOLUME, "secret": {"secretName": client_secret_name(instance)}},)


def _has_client_file(gate: Gate) -> bool:
    return gate.at_least("0.24.0")


def sidecar(instance: Instance, spec: Json, gate: Gate, compaction: Compaction, data: Json) -> Json:
    """The container; `data` is the mount of Prometheus' storage, gate that of the sidecar's version.

    Raises `Invalid` where spec.thanos.additionalArgs repeats a flag.
    """
    given = spec["thanos"]
    ours = [*_addresses(spec), *_tls(given.get("grpcServerTlsConfig") or {}, gate), *_store(given, data, compaction)]
    ours += [*_tracing(given), *_settings(spec, gate)]
    mounts = [*(given.get("volumeMounts") or ()), *([data] if uploads(given) else ())]
    if _has_client_file(gate):
        ours.append(("prometheus.http-client-file", f"{CLIENT_DIR}/{CLIENT_FILE}"))
        mounts.append({"name": CLIENT_VOLUME, "mountPath": CLIENT_DIR})
    flags = pods.arguments(ours, given.get("additionalArgs") or (), path="spec.thanos.additionalArgs")
    container: Json = {
        "name": CONTAINER,
        "image": instance.thanos_image,
        "args": ["sidecar", *flags],
        "env": [*_environment(given)],
        "ports": [
            {"name": "http", "containerPort": THANOS_HTTP_PORT, "protocol": "TCP"},
            {"name": "grpc", "containerPort": GRPC_PORT, "protocol": "TCP"},
        ],
        "volumeMounts": mounts,
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "securityContext": pods.container_security(spec),
    }
    if spec.get("imagePullPolicy"):
        container["imagePullPolicy"] = spec["imagePullPolicy"]
    return container | {name: given[name] for name in ("resources",) if given.get(name)}


def _addresses(spec: Json) -> Iterator[Argument]:
    given = spec["thanos"]
    scheme = "https" if "tlsConfig" in (spec.get("web") or {}) else "http"
    yield (
        "prometheus.url",
        f"{scheme}://localhost:{WEB_PORT}{pods.clean_path(pods.url_prefix(spec.get('routePrefix') or '') or '/')}",
    )
    for protocol, port in (("grpc", GRPC_PORT), ("http", THANOS_HTTP_PORT)):
        local = given.get("listenLocal") or given.get(f"{protocol}ListenLocal")
        yield f"{protocol}-address", f"{'127.0.0.1' if local else ''}:{port}"


def _tls(given: Json, gate: Gate) -> Iterator[Argument]:
    path = "spec.thanos.grpcServerTlsConfig"
    for field, flag in (("certFile", "cert"), ("keyFile", "key"), ("caFile", "client-ca")):
        if given.get(field):
            yield f"grpc-server-tls-{flag}", given[field]
    least = _TLS_VERSIONS.get(given.get("minVersion", ""))
    if least and gate.since("0.37.0", f"{path}.minVersion"):
        yield "grpc-server-tls-min-version", least
    for field, flag in (("cipherSuites", "ciphers"), ("curves", "curves")):
        if given.get(field) and gate.since("0.42.0", f"{path}.{field}"):
            yield f"grpc-server-tls-{flag}", ",".join(given[field])


def _store(given: Json, data: Json, compaction: Compaction) -> Iterator[Argument]:
    if not uploads(given):
        return
    if "objectStorageConfigFile" in given:
        yield "objstore.config-file", given["objectStorageConfigFile"]
    else:
        yield "objstore.config", "$(OBJSTORE_CONFIG)"
    yield "tsdb.path", data["mountPath"]
    yield from compaction.sidecar_arguments


def _tracing(given: Json) -> Iterator[Argument]:
    if given.get("tracingConfigFile"):
        yield "tracing.config-file", given["tracingConfigFile"]
    elif "tracingConfig" in given:
        yield "tracing.config", "$(TRACING_CONFIG)"


def _environment(given: Json) -> Iterator[Json]:
    if "objectStorageConfig" in given and "objectStorageConfigFile" not in given:
        yield {"name": "OBJSTORE_CONFIG", "valueFrom": {"secretKeyRef": given["objectStorageConfig"]}}
    if "tracingConfig" in given and not given.get("tracingConfigFile"):
        yield {"name": "TRACING_CONFIG", "valueFrom": {"secretKeyRef": given["tracingConfig"]}}


def _settings(spec: Json, gate: Gate) -> Iterator[Argument]:
    given = spec["thanos"]
    for field, flag in (("logLevel", "log.level"), ("logFormat", "log.format")):
        if given.get(field) or spec.get(field):
            yield flag, given.get(field) or spec[field]
    if given.get("minTime"):
        yield "min-time", given["minTime"]
    if given.get("readyTimeout"):
        yield "prometheus.ready_timeout", given["readyTimeout"]
    for field, flag in (("getConfigTimeout", "get_config_timeout"), ("getConfigInterval", "get_config_interval")):
        if given.get(field) and gate.since("0.29.0", f"spec.thanos.{field}"):
            yield f"prometheus.{flag}", given[field]
