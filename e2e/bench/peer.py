"""The peer: what one would write without an operator, a parallel StatefulSet with a static member list."""

from __future__ import annotations

from signal import SIGKILL

from e2e.support import signals
from e2e.support.cluster import SMALL
from e2e.support.kinds import POD, SERVICE, STATEFUL_SET
from e2e.support.kube import Json, dig, pod_ready
from e2e.support.sandbox import USER, Sandbox
from e2e.support.wait import until

NAME = "bare"
REPOSITORY = "quay.io/coreos/etcd"


def create(sandbox: Sandbox, version: str, size: int = 3) -> None:
    """Both Services and the StatefulSet; returns at once."""
    headless = {"clusterIP": "None", "publishNotReadyAddresses": True}
    for suffix, port, spec in (("client", 2379, {}), ("peers", 2380, headless)):
        service = {"selector": {"app": NAME}, "ports": [{"name": suffix, "port": port}], **spec}
        metadata = {"name": f"{NAME}-{suffix}", "namespace": sandbox.namespace}
        sandbox.kube.create(SERVICE, {"metadata": metadata, "spec": service})
    sandbox.kube.create(STATEFUL_SET, stateful_set(sandbox.namespace, f"{REPOSITORY}:v{version}", size))


def upgrade(sandbox: Sandbox, version: str) -> None:
    """As `kubectl set image`: the StatefulSet rolls its pods itself, highest first."""
    path = "/spec/template/spec/containers/0/image"
    change = [{"op": "replace", "path": path, "value": f"{REPOSITORY}:v{version}"}]
    sandbox.kube.json_patch(STATEFUL_SET, sandbox.namespace, NAME, change)


def pods(sandbox: Sandbox) -> dict[str, Json]:
    """Its pods that are not on their way out, by name."""
    found = sandbox.kube.all(POD, sandbox.namespace, {"app": NAME})
    return {pod["metadata"]["name"]: pod for pod in found if "deletionTimestamp" not in pod["metadata"]}


def ready(sandbox: Sandbox) -> int:
    """How many of its pods are ready."""
    return sum(pod_ready(pod) for pod in pods(sandbox).values())


def runs(sandbox: Sandbox, version: str) -> bool:
    """Whether three pods are ready and all have this version's image."""
    found = pods(sandbox).values()
    return ready(sandbox) >= 3 and all(pod["spec"]["containers"][0]["image"].endswith(f":v{version}") for pod in found)


def wait_ready(sandbox: Sandbox, size: int = 3) -> None:
    """Until so many of its pods are ready."""
    until(f"{size} pods of the bare StatefulSet ready", lambda: ready(sandbox) >= size, deadline=sandbox.seconds(180))


def leader(sandbox: Sandbox) -> str:
    """The pod that leads."""
    found = pods(sandbox)
    signals.prepare_all(sandbox, list(found.values()))
    urls = [f"http://{dig(pod, 'status', 'podIP')}:2379" for pod in found.values()]
    asked = [{"url": url, "path": "/v3/maintenance/status", "body": {}} for url in urls]
    answers = [answer.get("ok", {}) for answer in sandbox.call(asked)]
    leads = (dig(answer, "header", "member_id") == answer.get("leader", "") for answer in answers)
    return next(name for name, leading in zip(found, leads, strict=True) if leading)


def kill(sandbox: Sandbox, pod: str) -> None:
    """SIGKILL and deletion, as is done to the operator's members."""
    signals.send(sandbox, sandbox.namespace, pod, SIGKILL)
    sandbox.kube.delete(POD, sandbox.namespace, pod, grace=0)


def stateful_set(namespace: str, image: str, size: int) -> Json:
    """As hardened and probed as the operator's own, so that the comparison is of the way and not of the pods."""
    return {
        "metadata": {"name": NAME, "namespace": namespace},
        "spec": {
            "replicas": size,
            "serviceName": f"{NAME}-peers",
            "podManagementPolicy": "Parallel",
            "selector": {"matchLabels": {"app": NAME}},
            "template": {"metadata": {"labels": {"app": NAME}}, "spec": _pod(namespace, image, size)},
            "volumeClaimTemplates": [
                {
                    "metadata": {"name": "data"},
                    "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
                }
            ],
        },
    }


def _pod(namespace: str, image: str, size: int) -> Json:
    return {
        "automountServiceAccountToken": False,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": USER,
            "runAsGroup": USER,
            "fsGroup": USER,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [_container(namespace, image, size)],
    }


def _container(namespace: str, image: str, size: int) -> Json:
    initial = ",".join(f"{NAME}-{n}=http://{NAME}-{n}.{NAME}-peers.{namespace}.svc:2380" for n in range(size))
    own = f"$(POD_NAME).{NAME}-peers.{namespace}.svc"
    return {
        "name": "etcd",
        "image": image,
        "command": ["etcd"],
        "args": [
            "--name=$(POD_NAME)",
            "--data-dir=/var/lib/etcd/data",
            "--listen-peer-urls=http://0.0.0.0:2380",
            "--listen-client-urls=http://0.0.0.0:2379",
            "--listen-metrics-urls=http://0.0.0.0:2381",
            f"--initial-advertise-peer-urls=http://{own}:2380",
            f"--advertise-client-urls=http://{own}:2379",
            f"--initial-cluster={initial}",
            "--initial-cluster-state=new",
        ],
        "env": [{"name": "POD_NAME", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}],
        "ports": [{"name": "client", "containerPort": 2379}, {"name": "metrics", "containerPort": 2381}],
        "resources": SMALL,
        "startupProbe": _probe("/livez", periodSeconds=1, failureThreshold=300),
        "readinessProbe": _probe("/readyz", periodSeconds=2, failureThreshold=3),
        "volumeMounts": [{"name": "data", "mountPath": "/var/lib/etcd"}],
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
    }


def _probe(path: str, **times: int) -> Json:
    return {"httpGet": {"path": path, "port": "metrics"}, "timeoutSeconds": 3, **times}
