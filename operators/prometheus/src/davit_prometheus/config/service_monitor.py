"""ServiceMonitor to scrape jobs, one for each endpoint. Pure.

Job names, labels and the order of steps are prometheus-operator's, because rules and dashboards rely on them.
"""

from __future__ import annotations

from davit.model import Manifest
from davit.monitoring import http
from davit.monitoring.assets import Assets, Ref
from davit.monitoring.http import Unusable
from davit.monitoring.re2 import regex_problem
from davit.monitoring.types import LabelSelector

from davit_prometheus.api.monitors import Endpoint, ServiceMonitorSpec
from davit_prometheus.config import limits, relabeling, scrape, sharding
from davit_prometheus.config.kubernetes_sd import endpoint_role, kubernetes_sd, namespaces
from davit_prometheus.config.relabeling import constant, copy, copy_filled, drop, keep
from davit_prometheus.config.scrape import Work
from davit_prometheus.config.selecting import selector_steps
from davit_prometheus.model import Json, Rendered, Role, Scope

_SHAPES = ("endpoints", ServiceMonitorSpec, Endpoint)
_PORT = {"endpoints": "__meta_kubernetes_endpoint_port_name", "endpointslice": "__meta_kubernetes_endpointslice_port_name"}
_OWNER = {
    "endpoints": "__meta_kubernetes_endpoint_address_target",
    "endpointslice": "__meta_kubernetes_endpointslice_address_target",
}
NOT_RUNNING = drop(["__meta_kubernetes_pod_phase"], "(Failed|Succeeded)")


def render(scope: Scope, resource: Manifest, assets: Assets) -> Rendered:
    """The jobs of a ServiceMonitor."""
    return scrape.render_each(scope, resource, assets, _SHAPES, _job)


def references(scope: Scope, resource: Manifest) -> frozenset[Ref]:
    """The Secrets and ConfigMaps that they need."""
    return scrape.references_each(scope, resource, _SHAPES)


def _job(work: Work, spec: ServiceMonitorSpec, endpoint: Endpoint, path: str) -> Json:
    scope, context = work.scope, work.context
    role = endpoint_role(scope, spec.service_discovery_role)
    return {
        **scrape.honor(work, endpoint, path),
        **kubernetes_sd(
            scope,
            context,
            role,
            namespaces(scope, spec.namespace_selector, work.namespace),
            attach=scrape.attach_metadata(work, spec, "2.37.0"),
            selectors=scrape.selectors(spec, [role, "service"]),
        ),
        **scrape.timing(work, endpoint.interval, endpoint.scrape_timeout, path),
        **scrape.request(endpoint),
        **http.redirects(context, endpoint.follow_redirects, endpoint.enable_http2, path),
        **http.proxy(context, endpoint, path),
        **http.oauth2(context, endpoint.oauth2, f"{path}.oauth2"),
        **_credentials(work, endpoint, path),
        "relabel_configs": _steps(work, spec, endpoint, role, path),
        **scrape.bounds(work, spec),
        **limits.body_size(scope, context.gate, spec.body_size_limit),
        **scrape.metric_relabeling(work, endpoint.metric_relabelings, f"{path}.metricRelabelings"),
    }


def _credentials(work: Work, endpoint: Endpoint, path: str) -> Json:
    if work.scope.spec.arbitrary_fs_access is not None and work.scope.spec.arbitrary_fs_access.deny:
        _no_files(endpoint, path)
    scrape.need_credentials(work, endpoint, path)
    return {
        **scrape.tls(work, endpoint.tls_config, f"{path}.tlsConfig"),
        **({"bearer_token_file": endpoint.bearer_token_file} if endpoint.bearer_token_file else {}),
        **http.bearer_token(work.context, endpoint.bearer_token_secret, f"{path}.bearerTokenSecret"),
        **http.basic_auth(work.context, endpoint.basic_auth, f"{path}.basicAuth"),
        **scrape.authorization(work, endpoint, path),
    }


def _no_files(endpoint: Endpoint, path: str) -> None:
    """The Prometheus may forbid what would let a tenant read files of its container."""
    tls = endpoint.tls_config
    named = {"bearerTokenFile": endpoint.bearer_token_file}
    if tls is not None:
        named |= {"tlsConfig.caFile": tls.ca_file, "tlsConfig.certFile": tls.cert_file, "tlsConfig.keyFile": tls.key_file}
    for field, file in named.items():
        if file:
            raise Unusable(f"{path}.{field}", "files are forbidden by arbitraryFSAccessThroughSMs: use a Secret")


def _steps(work: Work, spec: ServiceMonitorSpec, endpoint: Endpoint, role: Role, path: str) -> list[Json]:
    cluster_wide = work.scope.spec.pod_target_labels
    return [
        relabeling.first_step(),
        *(selector_steps(spec.selector or LabelSelector(), "service") if spec.selector_mechanism != "RoleSelector" else ()),
        *_port_steps(endpoint, role, path),
        *_place_steps(role),
        *((NOT_RUNNING,) if endpoint.filter_running in (None, True) else ()),
        *scrape.label_steps(work, "service", spec.target_labels, "spec.targetLabels"),
        *scrape.label_steps(work, "pod", spec.pod_target_labels, "spec.podTargetLabels"),
        *scrape.label_steps(work, "pod", cluster_wide, "Prometheus spec.podTargetLabels"),
        *_job_steps(spec, endpoint),
        *scrape.user_steps(work, endpoint.relabelings, f"{path}.relabelings"),
        *sharding.steps(work.scope),
    ]


def _port_steps(endpoint: Endpoint, role: Role, path: str) -> list[Json]:
    if endpoint.port:
        return [keep([_PORT[role]], _regex(endpoint.port, f"{path}.port"))]
    return target_port_steps(endpoint.target_port, f"{path}.targetPort")


def target_port_steps(port: int | str | None, path: str) -> list[Json]:
    """Keep the container's port of that name or number."""
    if not port:
        return []
    if isinstance(port, str):
        return [keep(["__meta_kubernetes_pod_container_port_name"], _regex(port, path))]
    return [keep(["__meta_kubernetes_pod_container_port_number"], port)]


def _regex(text: str, path: str) -> str:
    if problem := regex_problem(text):
        raise Unusable(path, problem)
    return text


def _place_steps(role: Role) -> list[Json]:
    """Where the target runs, as labels."""
    owner = [f"{_OWNER[role]}_kind", f"{_OWNER[role]}_name"]
    found: Json = {"source_labels": owner, "separator": ";"}
    return [
        {**found, "regex": "Node;(.*)", "replacement": "${1}", "target_label": "node"},
        {**found, "regex": "Pod;(.*)", "replacement": "${1}", "target_label": "pod"},
        copy("__meta_kubernetes_namespace", "namespace"),
        copy("__meta_kubernetes_service_name", "service"),
        copy("__meta_kubernetes_pod_name", "pod"),
        copy("__meta_kubernetes_pod_container_name", "container"),
    ]


def _job_steps(spec: ServiceMonitorSpec, endpoint: Endpoint) -> list[Json]:
    """The labels job and endpoint; the Service's name stays when its jobLabel has no value."""
    steps = [{**copy("__meta_kubernetes_service_name", "job"), "replacement": "${1}"}]
    if spec.job_label:
        steps.append(copy_filled(f"__meta_kubernetes_service_label_{relabeling.sanitize(spec.job_label)}", "job"))
    port = endpoint.port or endpoint.target_port
    if port is not None and port != "":
        steps.append(constant("endpoint", str(port)))
    return steps
