"""Prometheuses, what their Secrets hold, and the top level that is rendered of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from davit.model import Manifest
from davit.monitoring.assets import Assets, Ref
from davit.testing.builders import resource
from davit_prometheus.api.prometheus import PROMETHEUS, PROMETHEUS_AGENT
from davit_prometheus.config.server import render_server
from davit_prometheus.model import Json, Top
from davit_prometheus.validate import validate

from davit_prometheus_tests.scrape_config_certificates import CERTIFICATE, KEY

NAMESPACE = "ns"
UUID = "f47ac10b-58cc-4372-a567-0e02b2c3d479"
SECRET = {
    "user": "jane",
    "password": "p w",
    "token": "t0k",
    "access": "AK",
    "private": "SK",
    "ca": CERTIFICATE,
    "cert": CERTIFICATE,
    "key": KEY,
    "id": "client",
    "secret": "on",
    "header": "010",
}
JOBS = """\
- job_name: one
  scrape_interval: 1m
  honor_labels: on
  static_configs:
  - targets: ['a:1']
    labels: {flag: 'on'}
- job_name: two
  relabel_configs:
  - {source_labels: [__address__], regex: 'a=b', target_label: z}
  - {source_labels: [a], modulus: 4, target_label: x, action: hashmod}
"""
STEPS = "- {action: labeldrop, regex: on}\n- {target_label: x, replacement: y1}\n"
MANAGERS = "- scheme: http\n  timeout: 5s\n  static_configs:\n  - targets: ['am:9093']\n"
ADDITIONAL = {"jobs": JOBS, "steps": STEPS, "managers": MANAGERS}


def key(name: str, secret: str = "s") -> Json:
    """A selector of a Secret."""
    return {"name": secret, "key": name}


def prometheus(spec: Mapping[str, Any] | None = None, *, agent: bool = False, name: str = "k8s") -> Manifest:
    """A Prometheus, or an agent, that takes all ServiceMonitors of its namespace."""
    kind = PROMETHEUS_AGENT if agent else PROMETHEUS
    return resource(kind, name, {"serviceMonitorSelector": {}, **(spec or {})}, namespace=NAMESPACE)


def secrets(**more: Mapping[str, str]) -> list[Manifest]:
    """The Secrets s and additional, and others by name."""
    held = {"s": SECRET, "additional": ADDITIONAL, **more}
    return [
        {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name, "namespace": NAMESPACE}, "stringData": dict(data)}
        for name, data in held.items()
    ]


def assets(objects: list[Manifest]) -> Assets:
    """What is in these Secrets."""
    return Assets(
        {
            Ref("Secret", NAMESPACE, one["metadata"]["name"], name): text.encode()
            for one in objects
            for name, text in one["stringData"].items()
        }
    )


def top(spec: Mapping[str, Any] | None = None, *, agent: bool = False, **more: Mapping[str, str]) -> Top:
    """The top level of a Prometheus with this spec; `more` are Secrets by name."""
    return render_server(validate(prometheus(spec, agent=agent)).scope, assets(secrets(**more)))


def faults(found: Top) -> dict[str, str]:
    """What is left out, by its path."""
    return {fault.path: fault.message for fault in found.faults}
