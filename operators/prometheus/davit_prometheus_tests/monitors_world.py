"""What prometheus-operator and we make of the same documents: for the tests of monitors and rules."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Mapping, Sequence
from typing import Any

import yaml
from davit.model import Manifest
from davit.monitoring.assets import Assets, Ref
from davit.monitoring.types import RelabelConfig
from davit.monitoring.versions import Version
from davit_prometheus.api.prometheus import PrometheusAgentSpec, PrometheusSpec
from davit_prometheus.config import pod_monitor, probe, service_monitor
from davit_prometheus.model import Excluded, Rendered, Scope
from pydantic import BaseModel

from ci.tools.table import TOOLS
from davit_prometheus_tests.scrape_config_certificates import CERTIFICATE, KEY

Json = dict[str, Any]
NAMESPACE = "default"
RENDERERS = {"ServiceMonitor": service_monitor, "PodMonitor": pod_monitor, "Probe": probe}
KINDS = {
    "servicemonitors": "ServiceMonitor",
    "podmonitors": "PodMonitor",
    "probes": "Probe",
    "scrapeconfigs": "ScrapeConfig",
    "prometheusrules": "PrometheusRule",
}
SELECT_ALL: Json = {
    f"{kind}{selector}": {}
    for kind in ("serviceMonitor", "podMonitor", "probe", "scrapeConfig", "rule")
    for selector in ("Selector", "NamespaceSelector")
}


def document(kind: str, name: str, spec: Mapping[str, Any], namespace: str = NAMESPACE, **metadata: Any) -> Manifest:
    """An object of monitoring.coreos.com/v1."""
    head = {"name": name, "namespace": namespace, "uid": f"uid-{name}", **metadata}
    return {"apiVersion": "monitoring.coreos.com/v1", "kind": kind, "metadata": head, "spec": dict(spec)}


def prometheus(**spec: Any) -> Manifest:
    """A Prometheus that selects everything."""
    return document("Prometheus", "test", {**SELECT_ALL, **spec})


SECRETS: tuple[Manifest, ...] = tuple(
    {"apiVersion": "v1", "kind": kind, "metadata": {"name": name, "namespace": namespace}, field: dict(data)}
    for namespace in (NAMESPACE, "other")
    for kind, name, field, data in (
        ("Secret", "auth", "stringData", {"user": f"me of {namespace}", "password": "pa$s: #1", "token": "tok", "empty": ""}),
        ("Secret", "tls", "stringData", {"ca": CERTIFICATE, "cert": CERTIFICATE, "key": KEY, "bad": "not a certificate"}),
        ("ConfigMap", "files", "data", {"ca": CERTIFICATE, "id": "client"}),
    )
)


def scope(written: Manifest, *, topology: bool = False, pod_labels: bool = False) -> Scope:
    """The scope of a Prometheus; `topology` and `pod_labels` are the operator's switches."""
    agent = written["kind"] == "PrometheusAgent"
    model: type[BaseModel] = PrometheusAgentSpec if agent else PrometheusSpec
    spec: Any = model.model_validate(written["spec"])
    version = Version.parse(spec.version or "3.13.1")
    zones = ()
    strategy = written["spec"].get("shardingStrategy") or {}
    if topology and strategy.get("mode") == "Topology":
        zones = tuple((strategy.get("topology") or {}).get("values") or ())
    classes = {one.name: one for one in spec.scrape_classes or ()}
    return Scope(
        namespace=written["metadata"]["namespace"],
        name=written["metadata"]["name"],
        uid="uid",
        version=version,
        spec=spec,
        agent=agent,
        daemon_set=agent and written["spec"].get("mode") == "DaemonSet",
        shards=max(spec.shards or 1, 1),
        zones=zones,
        retention_policy=not agent,
        pod_topology_labels=pod_labels,
        endpoint_role="endpointslice" if spec.service_discovery_role == "EndpointSlice" else "endpoints",
        scrape_classes=classes,
        default_scrape_class=next((name for name, one in classes.items() if one.default), ""),
        enforced_namespace_label=spec.enforced_namespace_label or "",
        excluded=tuple(
            Excluded(KINDS[one.resource], one.namespace, one.name or "") for one in spec.excluded_from_enforcement or ()
        ),
    )


def assets(documents: Sequence[Manifest] = SECRETS) -> Assets:
    """What is in the Secrets and ConfigMaps among the documents."""
    found = {}
    for one in documents:
        if one["kind"] in ("Secret", "ConfigMap"):
            head = one["metadata"]
            for key, value in {**one.get("data", {}), **one.get("stringData", {})}.items():
                found[Ref(one["kind"], head["namespace"], head["name"], key)] = value.encode()
    return Assets(found)


def ours(where: Scope, written: Manifest, found: Assets | None = None) -> Rendered:
    """What we make of a monitor, with nothing but the assets that we said we would read."""
    module = RENDERERS[written["kind"]]
    everything = found or assets()
    wanted = module.references(where, written)
    rendered: Rendered = module.render(
        where, written, Assets({ref: everything.content(ref) for ref in wanted if ref in everything})
    )
    return rendered


class Upstream:
    """A running promdiff, asked line by line."""

    def __init__(self) -> None:
        program = os.environ.get("DAVIT_PROMDIFF") or TOOLS["prometheus-operator"].folder / "promdiff"
        self._process = subprocess.Popen([program, "-batch"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def ask(self, documents: Sequence[Manifest], expressions: Sequence[str] = (), **options: bool) -> Json:
        """What prometheus-operator generates; `expressions` come back as Prometheus' parser prints them."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps({"documents": documents, "options": options, "expressions": expressions}) + "\n")
        self._process.stdin.flush()
        answer: Json = json.loads(self._process.stdout.readline())
        return answer

    def close(self) -> None:
        """End the program."""
        self._process.communicate()
        if self._process.stdout is not None:
            self._process.stdout.close()


class _Loader(yaml.SafeLoader):
    """As Go's YAML: a lone = is a string."""


_Loader.add_constructor("tag:yaml.org,2002:value", lambda _, node: node.value)


def jobs(answer: Json) -> dict[str, Json]:
    """The scrape jobs of an answer, by name."""
    config = yaml.load(answer["config"], _Loader)
    return {job["job_name"]: job for job in config["scrape_configs"] or ()}


def meaning(job: Mapping[str, Any]) -> Json:
    """A job with what means the same spelt the same."""
    found = {key: value for key, value in job.items() if value != {}}
    for key in ("relabel_configs", "metric_relabel_configs"):
        if key in found:
            found[key] = [step_meaning(step) for step in found[key]]
    return found


def step_meaning(step: Mapping[str, Any]) -> Json:
    """A relabeling step with its defaults filled in."""
    defaults = {"action": "replace", "separator": ";", "regex": "(.*)", "replacement": "$1"}
    return {**defaults, **step, "regex": str(step.get("regex", "(.*)"))}


def relabeling(**fields: Any) -> RelabelConfig:
    """A step as users write it."""
    return RelabelConfig.model_validate(fields)


def compare(upstream: Upstream, where: Manifest, monitor: Manifest, more: Sequence[Manifest] = SECRETS, **options: bool) -> str:
    """In a few words what differs between upstream's jobs of the monitor and ours: same, who refuses it, or which keys."""
    topology, pod_labels = options.get("topologySharding", False), options.get("podTopologyLabels", False)
    answer = upstream.ask([where, monitor, *more], (), **options)
    rendered = ours(scope(where, topology=topology, pod_labels=pod_labels), monitor, assets(more))
    refused = bool(answer["rejected"] or answer.get("error"))
    if refused or rendered.faults:
        return {(True, True): "both refuse", (True, False): "upstream refuses", (False, True): "we refuse"}[
            refused, bool(rendered.faults)
        ]
    theirs, mine = jobs(answer), {job.name: job.config for job in rendered.jobs}
    if list(theirs) != list(mine):
        return f"jobs: {list(theirs)} {list(mine)}"
    return _differing(theirs, mine) or "same"


def _differing(theirs: Mapping[str, Json], mine: Mapping[str, Json]) -> str:
    found = []
    for name, job in theirs.items():
        one, two = loadable(meaning(job)), meaning(mine[name])
        found += [f"{name} {key}: {one.get(key)} {two.get(key)}" for key in {**one, **two} if one.get(key) != two.get(key)]
        if not found and list(one) != list(two):
            found.append(f"{name}: order of keys {list(one)} {list(two)}")
    return "\n".join(found)


def loadable(job: Json) -> Json:
    """Upstream's job without what keeps Prometheus from loading anything.

    Upstream adds the authorization of a scrape class beside an endpoint's own login; we leave it out there.
    """
    if any(key in job for key in ("basic_auth", "oauth2", "bearer_token", "bearer_token_file")):
        return {key: value for key, value in job.items() if key != "authorization"}
    return job


def without_own_secrets(where: Manifest) -> Manifest:
    """The Prometheus without references of its own.

    For monitors of other namespaces upstream looks them up there, where they are not: it writes empty passwords, and TLS
    files that nothing mounts. We read them where the Prometheus is.
    """
    spec = dict(where["spec"])
    if '"name"' in json.dumps(spec.get("apiserverConfig")):
        del spec["apiserverConfig"]
    classes = [
        {
            field: value
            for field, value in one.items()
            if field not in ("tlsConfig", "authorization") or '"name"' not in json.dumps(value)
        }
        for one in spec.get("scrapeClasses", ())
    ]
    return {**where, "spec": {**spec, "scrapeClasses": classes}}
