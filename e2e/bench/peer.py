"""The peer: what one would write without an operator, a parallel StatefulSet with a static member list."""

from __future__ import annotations

from e2e.support.cluster import SMALL
from e2e.support.kinds import POD, SERVICE, STATEFUL_SET
from e2e.support.kube import Json, pod_ready
from e2e.support.sandbox import USER, Sandbox
from e2e.support.wait import until

NAME = "bare"


def create(sandbox: Sandbox, version: str, size: int = 3, repository: str = "quay.io/coreos/etcd") -> None:
    """Both Services and the StatefulSet; returns at once."""
    for suffix, ports, spec in (
        ("client", 2379, {}),
        ("peers", 2380, {"clusterIP": "None", "publishNotReadyAddresses": True}),
    ):
        service = {"selector": {"app": NAME}, "ports": [{"name": suffix, "port": ports}], **spec}
        metadata = {"name": f"{NAME}-{suffix}", "namespace": sandbox.namespace}
        sandbox.kube.create(SERVICE, {"metadata": metadata, "spec": service})
    sandbox.kube.create(STATEFUL_SET, stateful_set(sandbox.namespace, f"{repository}:v{version}", size))


def wait_ready(sandbox: Sandbox, size: int = 3, besides: tuple[str, ...] = (), every: float = 0.1) -> None:
    """Until so many of its pods are ready, those with the uids in `besides` not counted."""

    def ready() -> int:
        pods = sandbox.kube.all(POD, sandbox.namespace, {"app": NAME})
        return sum(pod_ready(pod) and pod["metadata"]["uid"] not in besides for pod in pods)

    until(
        f"{size} pods of the bare StatefulSet ready",
        ready,
        lambda n: n >= size,
        deadline=sandbox.seconds(180),
        every=every,
    )


def stateful_set(namespace: str, image: str, size: int) -> Json:
    """As hardened and probed as the operator's own, so that the comparison is of the way and not of the pods."""
    initial = ",".join(f"{NAME}-{n}=http://{NAME}-{n}.{NAME}-peers.{namespace}.svc:2380" for n in range(size))
    probe = {"httpGet": {"path": "/readyz", "port": "metrics"}, "timeoutSeconds": 3}
    container = {
        "name": "etcd",
        "image": image,
        "command": ["etcd"],
        "args": [
            "--name=$(POD_NAME)",
            "--data-dir=/var/lib/etcd/data",
            "--listen-peer-urls=http://0.0.0.0:2380",
            "--listen-client-urls=http://0.0.0.0:2379",
            "--listen-metrics-urls=http://0.0.0.0:2381",
            f"--initial-advertise-peer-urls=http://$(POD_NAME).{NAME}-peers.{namespace}.svc:2380",
            f"--advertise-client-urls=http://$(POD_NAME).{NAME}-peers.{namespace}.svc:2379",
            f"--initial-cluster={initial}",
            "--initial-cluster-state=new",
        ],
        "env": [{"name": "POD_NAME", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}],
        "ports": [{"name": "client", "containerPort": 2379}, {"name": "metrics", "containerPort": 2381}],
        "resources": SMALL,
        "startupProbe": {
            **probe,
            "httpGet": {"path": "/livez", "port": "metrics"},
            "periodSeconds": 1,
            "failureThreshold": 300,
        },
        "readinessProbe": {**probe, "periodSeconds": 2},
        "volumeMounts": [{"name": "data", "mountPath": "/var/lib/etcd"}],
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
    }
    pod = {
        "automountServiceAccountToken": False,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": USER,
            "runAsGroup": USER,
            "fsGroup": USER,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [container],
    }
    claim = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
    return {
        "metadata": {"name": NAME, "namespace": namespace},
        "spec": {
            "replicas": size,
            "serviceName": f"{NAME}-peers",
            "podManagementPolicy": "Parallel",
            "selector": {"matchLabels": {"app": NAME}},
            "template": {"metadata": {"labels": {"app": NAME}}, "spec": pod},
            "volumeClaimTemplates": [{"metadata": {"name": "data"}, "spec": claim}],
        },
    }
