"""PodMonitor to scrape jobs, one for each endpoint. Pure."""

from __future__ import annotations

from davit.model import Manifest
from davit.monitoring import http
from davit.monitoring.assets import Assets, Ref
from davit.monitoring.types import LabelSelector

from davit_prometheus.api.monitors import PodMetricsEndpoint, PodMonitorSpec
from davit_prometheus.config import limits, relabeling, scrape, sharding
from davit_prometheus.config.kubernetes_sd import kubernetes_sd, namespaces
from davit_prometheus.config.relabeling import constant, copy, copy_filled
from davit_prometheus.config.scrape import Work
from davit_prometheus.config.selecting import selector_steps
from davit_prometheus.config.service_monitor import NOT_RUNNING, target_port_steps
from davit_prometheus.model import Json, Rendered, Scope

_SHAPES = ("podMetricsEndpoints", PodMonitorSpec, PodMetricsEndpoint)


def render(scope: Scope, resource: Manifest, assets: Assets) -> Rendered:
    """The jobs of a PodMonitor."""
    return scrape.render_each(scope, resource, assets, _SHAPES, _job)


def references(scope: Scope, resource: Manifest) -> frozenset[Ref]:
    """The Secrets and ConfigMaps that they need."""
    return scrape.references_each(scope, resource, _SHAPES)


def _job(work: Work, spec: PodMonitorSpec, endpoint: PodMetricsEndpoint, path: str) -> Json:
    scope, context = work.scope, work.context
    return {
        **scrape.honor(work, endpoint, path),
        **kubernetes_sd(
            scope,
            context,
            "pod",
            namespaces(scope, spec.namespace_selector, work.namespace),
            attach=scrape.attach_metadata(work, spec, "2.35.0"),
            selectors=scrape.selectors(spec, ["pod"]),
        ),
        **scrape.timing(work, endpoint.interval, endpoint.scrape_timeout, path),
        **scrape.request(endpoint),
        **http.redirects(context, endpoint.follow_redirects, endpoint.enable_http2, path),
        **_credentials(work, endpoint, path),
        "relabel_configs": _steps(work, spec, endpoint, path),
        **scrape.bounds(work, spec),
        **limits.body_size(scope, context.gate, spec.body_size_limit),
        **scrape.metric_relabeling(work, endpoint.metric_relabelings, f"{path}.metricRelabelings"),
    }


def _credentials(work: Work, endpoint: PodMetricsEndpoint, path: str) -> Json:
    scrape.need_credentials(work, endpoint, path)
    return {
        **scrape.tls(work, endpoint.tls_config, f"{path}.tlsConfig"),
        **http.bearer_token(work.context, endpoint.bearer_token_secret, f"{path}.bearerTokenSecret"),
        **http.basic_auth(work.context, endpoint.basic_auth, f"{path}.basicAuth"),
        **http.oauth2(work.context, endpoint.oauth2, f"{path}.oauth2"),
        **http.proxy(work.context, endpoint, path),
        **scrape.authorization(work, endpoint, path),
    }


def _steps(work: Work, spec: PodMonitorSpec, endpoint: PodMetricsEndpoint, path: str) -> list[Json]:
    cluster_wide = work.scope.spec.pod_target_labels
    return [
        relabeling.first_step(),
        *((NOT_RUNNING,) if endpoint.filter_running in (None, True) else ()),
        *(selector_steps(spec.selector or LabelSelector(), "pod") if spec.selector_mechanism != "RoleSelector" else ()),
        *_port_steps(endpoint, path),
        copy("__meta_kubernetes_namespace", "namespace"),
        copy("__meta_kubernetes_pod_container_name", "container"),
        copy("__meta_kubernetes_pod_name", "pod"),
        *scrape.label_steps(work, "pod", spec.pod_target_labels, "spec.podTargetLabels"),
        *scrape.label_steps(work, "pod", cluster_wide, "Prometheus spec.podTargetLabels"),
        *_job_steps(work, spec, endpoint),
        *scrape.user_steps(work, endpoint.relabelings, f"{path}.relabelings"),
        *(() if work.scope.daemon_set else sharding.steps(work.scope)),
    ]


def _port_steps(endpoint: PodMetricsEndpoint, path: str) -> list[Json]:
    for field, port in (("port", endpoint.port), ("portNumber", endpoint.port_number), ("targetPort", endpoint.target_port)):
        if port:
            return target_port_steps(port, f"{path}.{field}")
    return []


def _job_steps(work: Work, spec: PodMonitorSpec, endpoint: PodMetricsEndpoint) -> list[Json]:
    """The labels job and endpoint; the monitor's own name stays when the pod's jobLabel has no value."""
    steps = [constant("job", f"{work.namespace}/{work.name}")]
    if spec.job_label:
        steps.append(copy_filled(f"__meta_kubernetes_pod_label_{relabeling.sanitize(spec.job_label)}", "job"))
    port = endpoint.port or endpoint.target_port
    if port is not None and port != "":
        steps.append(constant("endpoint", str(port)))
    return steps
