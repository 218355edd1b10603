"""The objects around the pods of a Prometheus or an Alertmanager: StatefulSet, Services, budget and policy. Pure.

Names, labels and selectors are parameters: each operator gives those that existing users have.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from davit.kube import labels
from davit.model import Manifest
from davit.monitoring.pods import Json

MANAGED_BY = "prometheus-operator"
"""The value of the managed-by labels: it stands in the immutable selector of every StatefulSet that is to be adopted."""
OWNED = {"managed-by": MANAGED_BY, labels.MANAGED_BY: MANAGED_BY}
"""Labels of every child object."""
_KUBECTL = "kubectl.kubernetes.io/"


@dataclass(frozen=True, slots=True)
class Storage:
    """The data volume: its name, what makes it (a volume of the pod or a claim template), and the directory in it."""

    name: str
    volumes: tuple[Json, ...] = ()
    claims: tuple[Json, ...] = ()
    sub_path: str = ""

    def mount(self, path: str) -> Json:
        """How a container sees it."""
        return {"name": self.name, "mountPath": path} | ({"subPath": self.sub_path} if self.sub_path else {})


def storage(given: Mapping[str, Any] | None, name: str, sub_path: str) -> Storage:
    """From `spec.storage`: emptyDir, else ephemeral, else volumeClaimTemplate; an emptyDir when there is no `storage`.

    name: of the volume, which is also what the claims' names begin with, unless the template has one.
    """
    if given is None:
        return Storage(name, ({"name": name, "emptyDir": {}},))
    inside = "" if given.get("disableMountSubPath") else sub_path
    for kind in ("emptyDir", "ephemeral"):
        if kind in given:
            return Storage(name, ({"name": name, kind: given[kind]},), sub_path=inside)
    claim = _claim(given.get("volumeClaimTemplate") or {}, name)
    return Storage(claim["metadata"]["name"], claims=(claim,), sub_path=inside)


def _claim(template: Mapping[str, Any], name: str) -> Json:
    """Without apiVersion and kind, which the API server would take for a forbidden change (kubernetes#87583)."""
    given = template.get("metadata") or {}
    metadata = {key: given[key] for key in ("labels", "annotations") if given.get(key)}
    spec = dict(template.get("spec") or {})
    return {
        "metadata": {"name": given.get("name") or name, **metadata},
        "spec": {**spec, "accessModes": spec.get("accessModes") or ["ReadWriteOnce"]},
    }


def head(
    name: str,
    namespace: str,
    owners: Sequence[Mapping[str, Any]],
    more: Mapping[str, str] | None = None,
    annotations: Mapping[str, str] | None = None,
) -> Json:
    """Metadata of a child; `more` are labels beside those of every child, `owners` its owner references."""
    metadata: Json = {
        "name": name,
        "namespace": namespace,
        "labels": {**OWNED, **(more or {})},
        "ownerReferences": [dict(owner) for owner in owners],
    }
    return metadata | ({"annotations": dict(annotations)} if annotations else {})


def inherited(metadata: Mapping[str, Any], *more: Mapping[str, str]) -> tuple[Json, Json]:
    """Labels and annotations of a StatefulSet: those of the custom resource, under `more` labels.

    Without kubectl's annotations, or `kubectl apply --prune` on the resource would delete the StatefulSet.
    """
    marks = {key: value for key, value in (metadata.get("annotations") or {}).items() if not key.startswith(_KUBECTL)}
    chosen: Json = dict(metadata.get("labels") or {})
    for layer in more:
        chosen |= layer
    return chosen, marks


def stateful_set(
    metadata: Json,
    spec: Mapping[str, Any],
    *,
    replicas: int,
    service: str,
    selector: Mapping[str, str],
    template: Json,
    claims: Sequence[Json] = (),
) -> Manifest:
    """A StatefulSet; podManagementPolicy, updateStrategy, minReadySeconds and claim retention come from the spec."""
    body: Json = {
        "serviceName": service,
        "replicas": replicas,
        # Parallel, or one pod that never gets ready would hold up the repair of all (kubernetes#60164).
        "podManagementPolicy": spec.get("podManagementPolicy", "Parallel"),
        "updateStrategy": _update_strategy(spec.get("updateStrategy")),
        "selector": {"matchLabels": dict(selector)},
        "template": template,
    }
    if spec.get("minReadySeconds"):
        body["minReadySeconds"] = spec["minReadySeconds"]
    if claims:
        body["volumeClaimTemplates"] = list(claims)
    if "persistentVolumeClaimRetentionPolicy" in spec:
        body["persistentVolumeClaimRetentionPolicy"] = spec["persistentVolumeClaimRetentionPolicy"]
    return {"apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": metadata, "spec": body}


def _update_strategy(given: Mapping[str, Any] | None) -> Json:
    if given is None:
        return {"type": "RollingUpdate"}
    rolling = given.get("rollingUpdate")
    amount = {key: rolling[key] for key in ("maxUnavailable",) if key in rolling} if rolling is not None else {}
    return {"type": given.get("type") or "RollingUpdate"} | ({"rollingUpdate": amount} if amount else {})


def service_port(name: str, port: int, target: str | int | None = None, protocol: str = "TCP") -> Json:
    """A port of a Service, by default to the container port of the same name."""
    return {"name": name, "port": port, "targetPort": name if target is None else target, "protocol": protocol}


def headless_service(
    metadata: Json, selector: Mapping[str, str], ports: Sequence[Json], *, publish_not_ready: bool = False
) -> Manifest:
    """Gives the pods of a StatefulSet their names."""
    spec: Json = {"clusterIP": "None", "selector": dict(selector), "ports": list(ports)}
    if publish_not_ready:
        spec["publishNotReadyAddresses"] = True
    return {"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": spec}


def client_service(metadata: Json, selector: Mapping[str, str], ports: Sequence[Json]) -> Manifest:
    """Reaches the ready pods. A client stays with one of them, since replicas differ in what they have scraped."""
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": metadata,
        "spec": {"type": "ClusterIP", "sessionAffinity": "ClientIP", "selector": dict(selector), "ports": list(ports)},
    }


def disruption_budget(metadata: Json, selector: Mapping[str, str], replicas: int) -> Manifest | None:
    """One pod at a time; None for a single replica, which must never hold up a drain."""
    if replicas <= 1:
        return None
    spec = {
        "maxUnavailable": 1,
        "selector": {"matchLabels": dict(selector)},
        "unhealthyPodEvictionPolicy": "AlwaysAllow",
    }
    return {"apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": metadata, "spec": spec}


def network_policy(
    metadata: Json,
    selector: Mapping[str, str],
    pod: Mapping[str, Any],
    ours: Iterable[str],
    peers_only: Sequence[int] = (),
) -> Manifest | None:
    """Lets in what a pod's containers declare, from anywhere; None when that can't be known or has no effect.

    pod: the pod spec; ours: names of the operator's own containers. A container of the user's that declares no port may
    listen on any, so then there is no policy; nor for pods on the host's network, where policies do not apply.
    peers_only: port numbers that only the selected pods themselves reach.
    """
    sidecars = [item for item in pod.get("initContainers") or () if item.get("restartPolicy") == "Always"]
    containers = [*pod["containers"], *sidecars]
    declared = {item["name"]: item.get("ports") or [] for item in containers}
    if pod.get("hostNetwork") or any(not ports and name not in {*ours} for name, ports in declared.items()):
        return None
    found = {(port["containerPort"], port.get("protocol", "TCP")) for ports in declared.values() for port in ports}
    anyone = sorted(port for port in found if port[0] not in peers_only)
    peers = sorted(port for port in found if port[0] in peers_only)
    own = [{"podSelector": {"matchLabels": dict(selector)}}]
    rules = [{"ports": _policy_ports(anyone)}] * bool(anyone) + [{"from": own, "ports": _policy_ports(peers)}] * bool(peers)
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": metadata,
        "spec": {"podSelector": {"matchLabels": dict(selector)}, "policyTypes": ["Ingress"], "ingress": rules},
    }


def _policy_ports(ports: Iterable[tuple[int, str]]) -> list[Json]:
    return [{"port": number, "protocol": protocol} for number, protocol in ports]


def secret(metadata: Json, files: Mapping[str, bytes]) -> Manifest:
    """A Secret of these files, name -> content."""
    data = {name: base64.b64encode(content).decode() for name, content in files.items()}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "type": "Opaque", "data": data}
