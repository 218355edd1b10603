"""remote_write and remote_read. Pure.

Source of the keys, their order and versions: prometheus-operator 0.93 pkg/prometheus/promcfg.go; of what is refused:
Prometheus config/config.go, `RemoteWriteConfig` and `RemoteReadConfig`, and storage/remote/azuread.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import partial
from typing import Any

from davit.monitoring import http
from davit.monitoring.http import Context, Unusable

from davit_prometheus.api.remote import MetadataConfig, QueueConfig, RemoteReadSpec, RemoteWriteSpec
from davit_prometheus.config import cloud
from davit_prometheus.config.section import Section, steps
from davit_prometheus.model import Json

PROTOBUF = {"V1.0": "prometheus.WriteRequest", "V2.0": "io.prometheus.write.v2.Request"}
_RESERVED = {
    "host", "content-encoding", "content-length", "content-type", "user-agent", "connection", "keep-alive",
    "proxy-authenticate", "proxy-authorization", "www-authenticate", "accept-encoding", "x-prometheus-remote-write-version",
    "x-prometheus-remote-read-version", "x-amz-date", "x-amz-security-token", "x-amz-content-sha256",
}  # fmt: skip


def remote_write(section: Section, specs: Iterable[RemoteWriteSpec]) -> list[Json]:
    """The entries of remote_write that can be loaded."""
    return _each(section, "spec.remoteWrite", specs, _write)


def remote_read(section: Section, specs: Iterable[RemoteReadSpec]) -> list[Json]:
    """The entries of remote_read that can be loaded."""
    return _each(section, "spec.remoteRead", specs, _read)


def _each(section: Section, path: str, specs: Iterable[Any], render: Any) -> list[Json]:
    """Entry by entry; Prometheus refuses two of one name."""
    rendered: list[Json] = []
    names: set[str] = set()
    for index, spec in enumerate(specs):
        where = f"{path}[{index}]"
        if spec.name and spec.name in names:
            section.fault(f"{where}.name", f"{spec.name!r} is taken by an earlier entry: choose another name")
            continue
        config = section.entry(where, partial(render, section, spec, where))
        if config is not None:
            rendered.append(config)
            names.add(spec.name or "")
    return rendered


def _write(section: Section, spec: RemoteWriteSpec, path: str, context: Context) -> Json:
    gate = context.gate
    config = _common(spec, path)
    if spec.message_version is not None and gate.since("2.54.0", f"{path}.messageVersion"):
        config["protobuf_message"] = PROTOBUF[spec.message_version]
    if spec.send_exemplars is not None:
        config["send_exemplars"] = spec.send_exemplars
    if spec.send_native_histograms is not None:
        config["send_native_histograms"] = spec.send_native_histograms
    if spec.write_relabel_configs:
        config["write_relabel_configs"] = steps(section.scope, spec.write_relabel_configs, f"{path}.writeRelabelConfigs")
    config |= _client(context, spec, path)
    config |= cloud.sigv4(context, spec.sigv4, f"{path}.sigv4")
    config |= cloud.azuread(context, spec.azure_ad, f"{path}.azureAd")
    _one_method(config, path)
    config |= http.redirects(context, spec.follow_redirects, spec.enable_http2, path)
    if spec.queue_config is not None:
        config["queue_config"] = _queue(context, spec.queue_config, f"{path}.queueConfig")
    if spec.metadata_config is not None:
        config["metadata_config"] = _metadata(spec.metadata_config, spec.message_version == "V2.0")
    if spec.round_robin_dns is not None and gate.since("3.1.0", f"{path}.roundRobinDNS"):
        config["round_robin_dns"] = spec.round_robin_dns
    return config


def _read(section: Section, spec: RemoteReadSpec, path: str, context: Context) -> Json:
    config = _common(spec, path)
    if spec.required_matchers:
        config["required_matchers"] = dict(sorted(spec.required_matchers.items()))
    if spec.read_recent:
        config["read_recent"] = True
    config |= _client(context, spec, path)
    _one_method(config, path)
    config |= http.redirects(context, spec.follow_redirects, None, path)
    if spec.filter_external_labels is not None:
        config["filter_external_labels"] = spec.filter_external_labels
    return config


def _common(spec: RemoteWriteSpec | RemoteReadSpec, path: str) -> Json:
    if not spec.url:
        raise Unusable(f"{path}.url", "is missing: give the URL of the endpoint")
    if problem := http.url_problem(spec.url):
        raise Unusable(f"{path}.url", problem)
    config: Json = {"url": spec.url}
    if spec.remote_timeout:
        config["remote_timeout"] = spec.remote_timeout
    if spec.headers:
        check_headers(spec.headers, f"{path}.headers")
        config["headers"] = dict(sorted(spec.headers.items()))
    if spec.name:
        config["name"] = spec.name
    return config


def check_headers(headers: Mapping[str, str], path: str) -> None:
    """Raise `Unusable` for a header that Prometheus sets itself."""
    for name in headers:
        if name.lower() == "authorization":
            raise Unusable(f"{path}.{name}", "is not for headers: use authorization, basicAuth or oauth2")
        if name.lower() in _RESERVED:
            raise Unusable(f"{path}.{name}", "is set by Prometheus itself: remove it")


def _client(context: Context, spec: RemoteWriteSpec | RemoteReadSpec, path: str) -> Json:
    config = http.basic_auth(context, spec.basic_auth, f"{path}.basicAuth")
    if spec.bearer_token:
        config["bearer_token"] = spec.bearer_token
    if spec.bearer_token_file:
        config["bearer_token_file"] = spec.bearer_token_file
    config |= http.oauth2(context, spec.oauth2, f"{path}.oauth2")
    config |= http.tls_config(context, spec.tls_config, f"{path}.tlsConfig")
    config |= http.authorization(context, spec.authorization, f"{path}.authorization")
    return config | http.proxy(context, spec, path)


_METHODS = {
    "basic_auth": "basicAuth",
    "authorization": "authorization",
    "bearer_token": "bearerToken",
    "bearer_token_file": "bearerTokenFile",
    "oauth2": "oauth2",
    "sigv4": "sigv4",
    "azuread": "azureAd",
}


def _one_method(config: Json, path: str) -> None:
    given = [name for key, name in _METHODS.items() if key in config]
    if len(given) > 1:
        raise Unusable(f"{path}.{given[1]}", f"can't go with {given[0]}: keep one way to authenticate")


def _queue(context: Context, queue: QueueConfig, path: str) -> Json:
    """Whether the numbers go together is for Prometheus to say: only versions from 3.11 on care."""
    config: Json = {
        "capacity": queue.capacity,
        "min_shards": queue.min_shards,
        "max_shards": queue.max_shards,
        "max_samples_per_send": queue.max_samples_per_send,
        "batch_send_deadline": queue.batch_send_deadline,
        "min_backoff": queue.min_backoff,
        "max_backoff": queue.max_backoff,
        "retry_on_http_429": queue.retry_on_rate_limit,
    }
    if queue.max_retries:
        context.gate.until("2.11.0", f"{path}.maxRetries")
    if queue.sample_age_limit and context.gate.since("2.50.0", f"{path}.sampleAgeLimit"):
        config["sample_age_limit"] = queue.sample_age_limit
    return {key: value for key, value in config.items() if value}


def _metadata(metadata: MetadataConfig, second_version: bool) -> Json:
    """The second version of the protocol carries metadata with the samples, so that sending them apart is off."""
    config: Json = {"send": bool(metadata.send) and not second_version}
    if metadata.send_interval:
        config["send_interval"] = metadata.send_interval
    if metadata.max_samples_per_send is not None:
        config["max_samples_per_send"] = metadata.max_samples_per_send
    return config
