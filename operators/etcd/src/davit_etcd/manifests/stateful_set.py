"""The StatefulSet of one member: one replica, so that Kubernetes revives exactly this member and no other."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from davit.model import Manifest

from davit_etcd.flags import GATES_FLAG, gates, translated
from davit_etcd.manifests import (
    CLIENT_PORT,
    METRICS_PORT,
    PEER_PORT,
    common_labels,
    host,
    member_selector,
    metadata,
    peer_url,
    peers_service,
    selector,
    volume_name,
)
from davit_etcd.model import (
    DIGEST_ANNOTATION,
    MEMBER_LABEL,
    PEERS_ANNOTATION,
    RECORD_ANNOTATION,
    ROLE_LABEL,
    VOTER,
    Cluster,
    Inputs,
    Json,
    Record,
)
from davit_etcd.versions import has_livez

DATA = "/var/lib/etcd"
USER = 65532
_CORRUPT_CHECK = "InitialCorruptCheck"

_SPREAD = ("kubernetes.io/hostname", 100), ("topology.kubernetes.io/zone", 50)


def stateful_set(cluster: Cluster, member: str, record: Record, replicas: int) -> Manifest:
    """OnDelete: a changed template waits until the operator deletes the pod, one member at a time."""
    return {
        "apiVersion": "apps/v1",
        "kind": "StatefulSet",
        "metadata": metadata(cluster, member, {RECORD_ANNOTATION: record.to_json()}, **{MEMBER_LABEL: member}),
        "spec": {
            "replicas": replicas,
            "serviceName": peers_service(cluster.key.name),
            "selector": {"matchLabels": member_selector(cluster.key.name, member)},
            "updateStrategy": {"type": "OnDelete"},
            "revisionHistoryLimit": 1,
            "template": _template(cluster, member, record),
        },
    }


def _template(cluster: Cluster, member: str, record: Record) -> Json:
    pod = json.loads(record.inputs.pod)
    given = pod.get("podMetadata") or {}
    role = {ROLE_LABEL: VOTER} if record.voter else {}
    return {
        "metadata": {
            "labels": {**(given.get("labels") or {}), **common_labels(cluster.key.name), MEMBER_LABEL: member, **role},
            "annotations": {
                **(given.get("annotations") or {}),
                DIGEST_ANNOTATION: record.inputs.digest,
                **({PEERS_ANNOTATION: ",".join(record.peers)} if record.peers else {}),
            },
        },
        "spec": {
            "automountServiceAccountToken": False,
            "enableServiceLinks": False,
            "securityContext": {
                "runAsNonRoot": True,
                **({"runAsUser": USER, "runAsGroup": USER, "fsGroup": USER} if record.inputs.fixed_user else {}),
                "fsGroupChangePolicy": "OnRootMismatch",
                "seccompProfile": {"type": "RuntimeDefault"},
            },
            "containers": [_container(cluster, member, record)],
            "volumes": [_data_volume(member, record.inputs)],
            **_scheduling(cluster, pod),
        },
    }


def _scheduling(cluster: Cluster, pod: Mapping[str, Any]) -> Json:
    spec: Json = {"affinity": pod.get("affinity") or _default_affinity(cluster)}
    for ours in ("imagePullSecrets", "nodeSelector", "priorityClassName", "tolerations"):
        if pod.get(ours):
            spec[ours] = pod[ours]
    if pod.get("topologySpread"):
        chosen = {"labelSelector": {"matchLabels": selector(cluster.key.name)}}
        spec["topologySpreadConstraints"] = [chosen | constraint for constraint in pod["topologySpread"]]
    return spec


def _default_affinity(cluster: Cluster) -> Json:
    """Soft, so that a small cluster still schedules."""
    apart = {"matchLabels": selector(cluster.key.name)}
    return {
        "podAntiAffinity": {
            "preferredDuringSchedulingIgnoredDuringExecution": [
                {"weight": weight, "podAffinityTerm": {"topologyKey": topology, "labelSelector": apart}}
                for topology, weight in _SPREAD
            ]
        }
    }


def _data_volume(member: str, inputs: Inputs) -> Json:
    if inputs.memory:
        return {"name": "data", "emptyDir": {"medium": "Memory", "sizeLimit": inputs.memory}}
    return {"name": "data", "persistentVolumeClaim": {"claimName": volume_name(member)}}


def _container(cluster: Cluster, member: str, record: Record) -> Json:
    given = json.loads(record.inputs.pod).get("resources")
    return {
        "name": "etcd",
        "image": record.inputs.image,
        # The official image has a CMD and no entry point, and no shell.
        "command": ["etcd"],
        "args": _arguments(cluster, member, record),
        "ports": [
            {"name": "client", "containerPort": CLIENT_PORT, "protocol": "TCP"},
            {"name": "peer", "containerPort": PEER_PORT, "protocol": "TCP"},
            {"name": "metrics", "containerPort": METRICS_PORT, "protocol": "TCP"},
        ],
        "resources": given or {"requests": {"cpu": "100m", "memory": "128Mi"}},
        "volumeMounts": [{"name": "data", "mountPath": DATA}],
        # The last log lines reach the pod's status, where diagnosis reads them.
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
        **_probes(record.inputs),
    }


def _probes(inputs: Inputs) -> Json:
    """httpGet only: the images are distroless. Liveness never asks for quorum, or losing it would kill every member."""
    livez = has_livez(inputs.version)
    alive = _get("/livez", "metrics") if livez else _get("/version", "client")
    ready = _get("/readyz" if livez else "/health?exclude=NOSPACE", "metrics")
    return {
        # etcd answers only after it has read its log, which may take minutes.
        "startupProbe": {**alive, "periodSeconds": 1, "timeoutSeconds": 3, "failureThreshold": 1800},
        "livenessProbe": {**alive, "periodSeconds": 10, "timeoutSeconds": 5, "failureThreshold": 6},
        "readinessProbe": {**ready, "periodSeconds": 1, "timeoutSeconds": 3, "failureThreshold": 3},
    }


def _get(path: str, port: str) -> Json:
    return {"httpGet": {"path": path, "port": port}}


def _arguments(cluster: Cluster, member: str, record: Record) -> list[str]:
    address = host(cluster, member)
    flags = {
        "name": member,
        "data-dir": f"{DATA}/data",
        "listen-peer-urls": f"http://0.0.0.0:{PEER_PORT}",
        "listen-client-urls": f"http://0.0.0.0:{CLIENT_PORT}",
        "listen-metrics-urls": f"http://0.0.0.0:{METRICS_PORT}",
        "initial-advertise-peer-urls": peer_url(cluster, member),
        "advertise-client-urls": f"http://{address}:{CLIENT_PORT}",
        **_initial(cluster, record),
        **_by_version(record.inputs),
    }
    return [f"--{name}={value}" for name, value in flags.items()]


def _initial(cluster: Cluster, record: Record) -> dict[str, str]:
    """etcd reads these only while its disk is empty.

    An established member is given a member list without itself: should its disk be emptied, it stops with "couldn't
    find local name" instead of voting again under an identity whose votes it has forgotten.
    """
    if record.start == "established":
        return {"initial-cluster": "lost=http://lost.invalid:2380", "initial-cluster-state": "existing"}
    urls = ",".join(f"{peer}={peer_url(cluster, peer)}" for peer in record.peers)
    state = "new" if record.start == "new" else "existing"
    token = f"{cluster.key.namespace}-{cluster.key.name}-{cluster.uid}"
    return {"initial-cluster": urls, "initial-cluster-state": state, "initial-cluster-token": token}


def _by_version(inputs: Inputs) -> dict[str, str]:
    """What people wrote, in the words of the release; a member compares its data with the others' unless they say no."""
    line = inputs.version.line
    given = translated(dict(inputs.flags), line)
    if line >= (3, 6):
        written = given.pop(GATES_FLAG, "")
        ours = "" if _CORRUPT_CHECK in gates(written) else f"{_CORRUPT_CHECK}=true"
        return given | {GATES_FLAG: ",".join(part for part in (ours, written) if part)}
    logger = {"logger": "zap"} if line == (3, 4) else {}
    return given | logger | {"experimental-initial-corrupt-check": given.get("experimental-initial-corrupt-check", "true")}
