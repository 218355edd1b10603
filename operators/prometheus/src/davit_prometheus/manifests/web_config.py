"""The Secret with the web configuration of a Prometheus. Pure."""

from __future__ import annotations

from davit.model import Manifest
from davit.monitoring import pods, web, workload

from davit_prometheus.manifests import WEB_DIR, metadata, web_secret
from davit_prometheus.model import Instance


def web_config_secret(instance: Instance) -> Manifest:
    """There even for plain HTTP, so that TLS can be switched on without another volume."""
    spec = pods.as_json(instance.scope.spec)
    files = {web.CONFIG_FILE: web.web_config(spec.get("web"), WEB_DIR)}
    return workload.secret(metadata(instance, web_secret(instance.scope)), files)
