"""Which module renders which kind. Pure."""

from __future__ import annotations

from collections.abc import Callable

from davit.model import Manifest
from davit.monitoring.assets import Assets, Ref

from davit_prometheus.config import pod_monitor, probe, scrape_config, service_monitor
from davit_prometheus.model import Rendered, Scope

_RENDER: dict[str, Callable[[Scope, Manifest, Assets], Rendered]] = {
    "ServiceMonitor": service_monitor.render,
    "PodMonitor": pod_monitor.render,
    "Probe": probe.render,
    "ScrapeConfig": scrape_config.render,
}
_REFERENCES: dict[str, Callable[[Scope, Manifest], frozenset[Ref]]] = {
    "ServiceMonitor": service_monitor.references,
    "PodMonitor": pod_monitor.references,
    "Probe": probe.references,
    "ScrapeConfig": scrape_config.references,
}


def render(scope: Scope, resource: Manifest, assets: Assets) -> Rendered:
    """The scrape jobs of one object, and what of it is left out; raises KeyError for a kind that has none."""
    return _RENDER[resource["kind"]](scope, resource, assets)


def references(scope: Scope, resource: Manifest) -> frozenset[Ref]:
    """What `render` will ask of the assets."""
    return _REFERENCES[resource["kind"]](scope, resource)
