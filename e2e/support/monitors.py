"""Monitors and rules as users write them."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

from e2e.support.kinds import (
    NAMESPACE,
    POD_MONITOR,
    PROMETHEUS_RULE,
    SECRET,
    SERVICE_MONITOR,
    Kind,
)
from e2e.support.kube import Json
from e2e.support.sandbox import LABEL, RESTRICTED, Sandbox
from e2e.support.wait import until
from e2e.support.witness import PORT_NAME


def apply(box: Sandbox, kind: Kind, name: str, spec: Json, *, namespace: str = "", labels: Json | None = None) -> None:
    """Create or change an object of the sandbox as a whole."""
    metadata = {"name": name, "namespace": namespace or box.namespace, "labels": labels or {}}
    box.kube.apply(kind, {"metadata": metadata, "spec": spec})


def service_monitor(box: Sandbox, name: str, *endpoints: Json, app: str = "witness", namespace: str = "",
                    labels: Json | None = None, **spec: Any) -> str:  # fmt: skip
    """A ServiceMonitor of the Services with a label `app`; the name of its first job."""
    full = {"selector": {"matchLabels": {"app": app}}, "endpoints": list(endpoints) or [{"port": PORT_NAME}], **spec}
    apply(box, SERVICE_MONITOR, name, full, namespace=namespace, labels=labels)
    return f"serviceMonitor/{namespace or box.namespace}/{name}/0"


def pod_monitor(box: Sandbox, name: str, *endpoints: Json, app: str = "witness", **spec: Any) -> str:
    """A PodMonitor of the pods with a label `app`; the name of its first job."""
    full = {"selector": {"matchLabels": {"app": app}}, "podMetricsEndpoints": list(endpoints) or [{"port": PORT_NAME}], **spec}
    apply(box, POD_MONITOR, name, full)
    return f"podMonitor/{box.namespace}/{name}/0"


def rule(box: Sandbox, name: str, **groups: list[Json]) -> None:
    """A PrometheusRule with its groups by name."""
    listed = [{"name": group, "rules": rules} for group, rules in groups.items()]
    apply(box, PROMETHEUS_RULE, name, {"groups": listed})


def alert(name: str, expression: str, **labels: str) -> Json:
    """An alerting rule that fires at once."""
    return {"alert": name, "expr": expression, "labels": labels}


def secret(box: Sandbox, name: str, **values: str) -> None:
    """A Secret; the dots in keys are written as two underscores."""
    data = {key.replace("__", "."): value for key, value in values.items()}
    box.kube.apply(SECRET, {"metadata": {"name": name, "namespace": box.namespace}, "stringData": data})


def status(box: Sandbox, kind: Kind, name: str, namespace: str = "") -> Json:
    """What the operator says of an object."""
    return box.kube.read(kind, namespace or box.namespace, name).get("status") or {}


def bindings(box: Sandbox, found: Json) -> dict[str, Json]:
    """The bindings of a status by the name of the sandbox's Prometheus or Alertmanager; others' may take it too."""
    return {one["name"]: one for one in found.get("bindings") or [] if one["namespace"] == box.namespace}


def wait_status(box: Sandbox, kind: Kind, name: str, what: str, ready: Any, *, namespace: str = "", seconds: float = 60) -> Json:
    """Until the status of an object is as wanted."""
    found: Json = until(
        f"{kind.kind} {name}: {what}",
        lambda: status(box, kind, name, namespace),
        ready,
        deadline=box.seconds(seconds),
    )
    return found


def says(found: Json, *words: str) -> bool:
    """Whether the message of a condition has all the words."""
    return any(all(word in one["message"] for word in words) for one in found.get("conditions") or [])


def further_namespace(box: Sandbox, suffix: str, **labels: str) -> str:
    """Another namespace of the test, deleted with the first."""
    name = f"{box.namespace}-{suffix}"
    box.kube.create(NAMESPACE, {"metadata": {"name": name, "labels": {LABEL: "true", **RESTRICTED, **labels}}})
    box.namespaces.append(name)
    return name


def many(box: Sandbox, count: int, endpoint: Json | None = None) -> None:
    """ServiceMonitors m0000, m0001 ... that match no Service, made at once by several threads."""

    def make(number: int) -> None:
        service_monitor(box, f"m{number:04d}", endpoint or {"port": "x"}, app="none")

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(make, range(count)))
