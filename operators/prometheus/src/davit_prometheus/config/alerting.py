"""`alerting`: which Alertmanagers get which alerts. Pure.

Source of the keys, their order and versions: prometheus-operator 0.93 pkg/prometheus/promcfg.go; of what is refused:
Prometheus config/config.go, `AlertmanagerConfig`.
"""

from __future__ import annotations

import re
from functools import partial

from davit.monitoring import http
from davit.monitoring.http import Context, Unusable

from davit_prometheus.api.prometheus import PrometheusSpec
from davit_prometheus.api.remote import AlertmanagerEndpoints
from davit_prometheus.config import additional, cloud
from davit_prometheus.config.globals import replica_label
from davit_prometheus.config.kubernetes_sd import kubernetes_sd
from davit_prometheus.config.relabeling import keep
from davit_prometheus.config.section import Section, steps
from davit_prometheus.model import Json

_SPECIAL = re.compile(r"[\\.+*?()|\[\]{}^$]")
_PORT_NAME = {"endpoints": "__meta_kubernetes_endpoint_port_name", "endpointslice": "__meta_kubernetes_endpointslice_port_name"}


def alerting(section: Section, spec: PrometheusSpec) -> Json:
    """`alerting`, when anything is said about alerts."""
    more_steps = additional.alert_relabelings(section, spec.additional_alert_relabel_configs)
    more = additional.alertmanagers(section, spec.additional_alert_manager_configs)
    if spec.alerting is None and more_steps is None and more is None:
        return {}
    managers = []
    given = spec.alerting.alertmanagers if spec.alerting is not None else None
    for index, endpoints in enumerate(given or ()):
        path = f"spec.alerting.alertmanagers[{index}]"
        config = section.entry(path, partial(_alertmanager, section, endpoints, path))
        if config is not None:
            managers.append(config)
    return {
        "alerting": {
            "alert_relabel_configs": [*_without_replica(section), *(more_steps or ())],
            "alertmanagers": [*managers, *(more or ())],
        }
    }


def _without_replica(section: Section) -> list[Json]:
    """Alertmanager takes alerts of all replicas for one only if no label tells them apart."""
    label = replica_label(section.scope)
    return [{"action": "labeldrop", "regex": quoted(label)}] if label else []


def quoted(text: str) -> str:
    """A regular expression of RE2 that matches the text itself, as Go's regexp.QuoteMeta writes it."""
    return _SPECIAL.sub(r"\\\g<0>", text)


def _alertmanager(section: Section, given: AlertmanagerEndpoints, path: str, context: Context) -> Json:
    scope, gate = section.scope, section.gate
    if not given.name:
        raise Unusable(f"{path}.name", "is missing: name the Service of the Alertmanager, such as alertmanager-operated")
    config: Json = {}
    if given.scheme:
        config["scheme"] = given.scheme.lower()
    if given.path_prefix is not None:
        config["path_prefix"] = given.path_prefix
    if given.timeout:
        config["timeout"] = given.timeout
    config |= http.redirects(context, None, given.enable_http2, path)
    config |= http.tls_config(context, given.tls_config, f"{path}.tlsConfig")
    config |= http.proxy(context, given, path)
    config |= kubernetes_sd(scope, context, scope.endpoint_role, [given.namespace or scope.namespace])
    config |= _credentials(context, given, path)
    version = (given.api_version or "").lower()
    # 3.0 and its release candidates speak v2 only, and refuse to load v1.
    if version == "v1" and gate.version.major >= 3:
        gate.ignore(f"{path}.apiVersion", "gone since 3.0.0")
    elif version in ("v1", "v2"):
        config["api_version"] = version
    config["relabel_configs"] = [*_relabelings(section, given), *steps(scope, given.relabelings or (), f"{path}.relabelings")]
    if given.alert_relabelings:
        own = steps(scope, given.alert_relabelings, f"{path}.alertRelabelings")
        if gate.since("2.51.0", f"{path}.alertRelabelings"):
            config["alert_relabel_configs"] = own
    return config


def _credentials(context: Context, given: AlertmanagerEndpoints, path: str) -> Json:
    config: Json = {"bearer_token_file": given.bearer_token_file} if given.bearer_token_file else {}
    config |= http.basic_auth(context, given.basic_auth, f"{path}.basicAuth")
    config |= http.authorization(context, given.authorization, f"{path}.authorization")
    signing = cloud.sigv4(context, given.sigv4, f"{path}.sigv4")
    if len({**config, **signing}) > 1:
        raise Unusable(path, "has more than one of basicAuth, authorization, bearerTokenFile and sigv4: keep one of them")
    if signing and context.gate.since("2.48.0", f"{path}.sigv4"):
        config |= signing
    return config


def _relabelings(section: Section, given: AlertmanagerEndpoints) -> list[Json]:
    """Of all endpoints in the namespace, those of the Service and its port."""
    found = [keep(["__meta_kubernetes_service_name"], given.name)]
    if isinstance(given.port, str) and given.port:
        found.append(keep([_PORT_NAME[section.scope.endpoint_role]], given.port))
    elif given.port:
        found.append(keep(["__meta_kubernetes_pod_container_port_number"], str(given.port)))
    return found
