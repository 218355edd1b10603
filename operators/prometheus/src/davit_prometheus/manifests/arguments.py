"""The flags of the Prometheus process, by version. Pure.

Source: prometheus-operator 0.93 for which field becomes which flag, Prometheus' change log for the versions.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from davit.monitoring import pods, web
from davit.monitoring.pods import Argument
from davit.monitoring.versions import Gate

from davit_prometheus.manifests import CONFIG_DIR, CONFIG_KEY, STORAGE_DIR, WEB_DIR, WEB_PORT, web_secret
from davit_prometheus.manifests.compaction import Compaction
from davit_prometheus.model import Instance, Json

_MESSAGES = {"V1.0": "prometheus.WriteRequest", "V2.0": "io.prometheus.write.v2.Request"}


@dataclass(frozen=True, slots=True)
class _Given:
    """What the flags are made from."""

    instance: Instance
    spec: Json
    gate: Gate = field(compare=False)

    @property
    def major(self) -> int:
        return self.gate.version.major


def arguments(instance: Instance, spec: Json, gate: Gate, compaction: Compaction) -> list[str]:
    """All flags in the order of prometheus-operator's, ours last; raises `Invalid` where spec.additionalArgs repeats one.

    gate collects what the version ignores.
    """
    given = _Given(instance, spec, gate)
    mode = _agent(given) if instance.scope.agent else _server(given)
    (flag, _) = web.mounted(spec.get("web"), WEB_DIR, web_secret(instance.scope))
    ours = [*_common(given), *mode, flag, *compaction.arguments(gate)]
    return pods.arguments(ours, spec.get("additionalArgs") or (), yielding=_own(given))


def _common(given: _Given) -> Iterator[Argument]:
    spec = given.spec
    yield "config.file", f"{CONFIG_DIR}/{CONFIG_KEY}"
    if given.major == 2:
        yield "web.console.templates", "/etc/prometheus/consoles"
        yield "web.console.libraries", "/etc/prometheus/console_libraries"
    if _reloads_by_http(spec):
        yield "web.enable-lifecycle", ""
    settings = spec.get("web") or {}
    if "pageTitle" in settings:
        yield "web.page-title", settings["pageTitle"]
    if "maxConnections" in settings:
        yield "web.max-connections", str(settings["maxConnections"])
    yield from _receivers(given)
    yield from _features(given)
    if spec.get("externalUrl"):
        yield "web.external-url", spec["externalUrl"]
    yield "web.route-prefix", spec.get("routePrefix") or "/"
    if spec.get("logLevel", "") not in ("", "info"):
        yield "log.level", spec["logLevel"]
    if spec.get("logFormat", "") not in ("", "logfmt"):
        yield "log.format", spec["logFormat"]
    if spec.get("listenLocal"):
        yield "web.listen-address", f"127.0.0.1:{WEB_PORT}"


def _reloads_by_http(spec: Json) -> bool:
    """Whether prometheus-operator turns on the endpoints that we always need."""
    return bool(spec.get("reloadStrategy", "HTTP") == "HTTP")


def _receivers(given: _Given) -> Iterator[Argument]:
    spec, gate = given.spec, given.gate
    versions = spec.get("remoteWriteReceiverMessageVersions") or ()
    if spec.get("enableRemoteWriteReceiver"):
        yield "web.enable-remote-write-receiver", ""
        if versions and gate.since("2.54.0", "spec.remoteWriteReceiverMessageVersions"):
            # Once for each: Prometheus takes a list with commas, which prometheus-operator writes, for one unknown word.
            for name in versions:
                yield "web.remote-write-receiver.accepted-protobuf-messages", _MESSAGES.get(name, name)
    if spec.get("enableOTLPReceiver", "otlp" in spec) and given.major >= 3:
        yield "web.enable-otlp-receiver", ""


def _features(given: _Given) -> Iterator[Argument]:
    spec, gate = given.spec, given.gate
    if any(write.get("messageVersion") == "V2.0" for write in spec.get("remoteWrite") or ()):
        # On by itself, and costly, before 3.4 only (prometheus-operator#7889).
        known = gate.since("2.54.0", "spec.remoteWrite[].messageVersion")
        if known and not gate.at_least("3.4.0"):
            yield "enable-feature", "metadata-wal-records"
    if spec.get("enableOTLPReceiver", "otlp" in spec) and given.major < 3 and gate.since("2.47.0", "spec.enableOTLPReceiver"):
        yield "enable-feature", "otlp-write-receiver"
    features = spec.get("enableFeatures") or []
    if features:
        yield "enable-feature", ",".join(features)
    encoding = ((spec.get("tsdb") or {}).get("chunkEncoding") or {}).get("floats")
    if encoding == "Xor2" and "xor2-encoding" not in features and gate.since("3.13.0", "spec.tsdb.chunkEncoding.floats"):
        yield "enable-feature", "xor2-encoding"


def _server(given: _Given) -> Iterator[Argument]:
    spec, gate = given.spec, given.gate
    # From 3.11 on these are in the configuration file.
    if not gate.at_least("3.11.0"):
        if given.instance.retention:
            yield "storage.tsdb.retention.time", given.instance.retention
        if given.instance.retention_size:
            yield "storage.tsdb.retention.size", given.instance.retention_size
    yield "storage.tsdb.path", STORAGE_DIR
    if spec.get("enableAdminAPI"):
        yield "web.enable-admin-api", ""
    alert = (spec.get("rules") or {}).get("alert") or {}
    for name, flag in (
        ("forOutageTolerance", "for-outage-tolerance"),
        ("forGracePeriod", "for-grace-period"),
        ("resendDelay", "resend-delay"),
    ):
        if alert.get(name):
            yield f"rules.alert.{flag}", alert[name]
    query = spec.get("query") or {}
    for name, flag in (
        ("lookbackDelta", "lookback-delta"),
        ("maxSamples", "max-samples"),
        ("maxConcurrency", "max-concurrency"),
        ("timeout", "timeout"),
    ):
        if query.get(name) and not (isinstance(query[name], int) and query[name] < 0):
            yield f"query.{flag}", str(query[name])
    if spec.get("allowOverlappingBlocks"):
        gate.until("2.39.0", "spec.allowOverlappingBlocks")
    yield from _wal_compression(spec, "storage.tsdb.wal-compression")


def _agent(given: _Given) -> Iterator[Argument]:
    if given.major == 2:
        yield "enable-feature", "agent"
    else:
        yield "agent", ""
    yield "storage.agent.path", STORAGE_DIR
    yield from _wal_compression(given.spec, "storage.agent.wal-compression")


def _wal_compression(spec: Json, flag: str) -> Iterator[Argument]:
    if "walCompression" in spec:
        yield flag if spec["walCompression"] else f"no-{flag}", ""


def _own(given: _Given) -> Iterator[Argument]:
    """What prometheus-operator leaves to its reloader: such flags of the user's win."""
    spec = given.spec
    features = spec.get("enableFeatures") or ()
    if not _reloads_by_http(spec):
        yield "web.enable-lifecycle", ""
    if given.major == 2 and "expand-external-labels" not in features:
        yield "enable-feature", "expand-external-labels"
    if spec.get("listenLocal") and given.gate.since("3.0.0", "reloading with spec.listenLocal"):
        if given.gate.at_least("3.12.0"):
            yield "config.auto-reload", ""
        elif "auto-reload-config" not in features:
            yield "enable-feature", "auto-reload-config"
        yield "config.auto-reload-interval", "1s"
