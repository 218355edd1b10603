"""Real SIGKILL and SIGSTOP to containers: deleting a pod, even by force, lets its processes end in order.

The sender is a pod that sees its node's processes. It lives in a namespace of its own, since the test's namespace
enforces `restricted`.
"""

from __future__ import annotations

import signal
from collections.abc import Callable

from e2e.support.kinds import NAMESPACE, POD
from e2e.support.kube import Json, dig
from e2e.support.sandbox import LABEL, Sandbox, create_pod, scripts


class NobodyHit(AssertionError):
    """The container has no process any more."""


def send(sandbox: Sandbox, namespace: str, pod: str, number: signal.Signals) -> None:
    """Signal every process of a pod's first container; `NobodyHit` when there is none."""
    run(sandbox, namespace, pod, "signals", lambda container: [container, str(int(number))])


def run(sandbox: Sandbox, namespace: str, pod: str, script: str, words: Callable[[str], list[str]]) -> None:
    """Run one of our scripts on the node of a pod, as root, with words about the pod's first container."""
    found = sandbox.kube.read(POD, namespace, pod)
    status = (dig(found, "status", "containerStatuses") or [{}])[0]
    container = str(status.get("containerID", "")).partition("://")[2]
    sender = prepare(sandbox, str(found["spec"]["nodeName"]))
    argv = ["python3", "-m", f"e2e.support.pod.{script}", *words(container)]
    done = sandbox.kube.exec(privileged(sandbox), sender, "main", argv)
    if not container or done.code != 0:
        raise NobodyHit(f"{argv[2:]} on {namespace}/{pod} ({container or 'not started'}): {done.out}{done.err}")


def prepare(sandbox: Sandbox, node: str) -> str:
    """The sender on a node, started at the first use; tests that must be quick call this beforehand."""
    name = f"signals-{node}".replace(".", "-")
    if name not in sandbox.pods:
        namespace = privileged(sandbox)
        if namespace not in sandbox.namespaces:
            labels = {LABEL: "true", "pod-security.kubernetes.io/enforce": "privileged"}
            sandbox.kube.create(NAMESPACE, {"metadata": {"name": namespace, "labels": labels}})
            scripts(sandbox.kube, namespace)
            sandbox.namespaces.append(namespace)
        idle = ["python3", "-c", "import signal; signal.pause()"]
        create_pod(sandbox, namespace, name, idle, spec=ON_NODE | {"nodeName": node}, container=AS_ROOT)
    return name


def prepare_all(sandbox: Sandbox, pods: list[Json]) -> None:
    """A sender on every node of these pods."""
    for node in sorted({str(pod["spec"]["nodeName"]) for pod in pods}):
        prepare(sandbox, node)


def privileged(sandbox: Sandbox) -> str:
    """The second namespace of a test, deleted with the first."""
    return f"{sandbox.namespace}-p"


ON_NODE: Json = {"hostPID": True, "securityContext": {}, "tolerations": [{"operator": "Exists"}]}
AS_ROOT: Json = {"securityContext": {"privileged": True, "runAsUser": 0, "runAsNonRoot": False}}
