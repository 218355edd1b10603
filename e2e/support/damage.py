"""Faults to members and their data, by means that any cluster has: deletion, and a pod that shares the volume."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from signal import SIGKILL

from e2e.support import signals
from e2e.support.cluster import EtcdCluster, claim_name, pod_name
from e2e.support.errors import ApiError
from e2e.support.kinds import POD, PVC, RESOURCE_QUOTA
from e2e.support.kube import dig, pod_ready
from e2e.support.wait import until


def kill(cluster: EtcdCluster, member: str) -> str:
    """SIGKILL to a member's process, then deletion of its pod; returns the dead pod's uid."""
    sandbox, name = cluster.sandbox, pod_name(member)
    pod = sandbox.kube.read(POD, sandbox.namespace, name)
    signals.send(sandbox, sandbox.namespace, name, SIGKILL)
    sandbox.kube.delete(POD, sandbox.namespace, name, grace=0)
    return str(pod["metadata"]["uid"])


def kill_all(cluster: EtcdCluster) -> dict[str, str]:
    """All pods at once; returns the dead pods' uids by member."""
    signals.prepare_all(cluster.sandbox, list(cluster.pods().values()))
    return {member: kill(cluster, member) for member in cluster.pods()}


def wait_revived(cluster: EtcdCluster, dead: dict[str, str], seconds: float = 120) -> None:
    """Until each member has another pod than the dead one, and it is ready."""

    def back() -> bool:
        pods = cluster.pods()
        return all(
            member in pods and pods[member]["metadata"]["uid"] != uid and pod_ready(pods[member]) for member, uid in dead.items()
        )

    cluster.until(f"pods of {', '.join(dead)} are back", back, seconds=seconds)


def lose_volumes(cluster: EtcdCluster, members: Iterable[str]) -> None:
    """Delete claims and kill their pods, so that the data is really gone, all of them at once."""
    lost = list(members)
    sandbox = cluster.sandbox
    before = cluster.claims()
    signals.prepare_all(sandbox, list(cluster.pods().values()))
    for member in lost:
        # It stays until the pod is gone, which must not end in order and hand its data over.
        sandbox.kube.delete(PVC, sandbox.namespace, claim_name(member))
    for member in lost:
        # The operator may be faster: it stops a member as soon as its claim is being deleted.
        with suppress(signals.NobodyHit, ApiError):
            kill(cluster, member)
    gone = {before[claim_name(member)] for member in lost}
    cluster.until("the volumes are gone", lambda: not gone & set(cluster.claims().values()), seconds=60)


def corrupt_log(cluster: EtcdCluster, member: str) -> None:
    """Overwrite a part of the member's write-ahead log that it will read again, then kill it.

    The pod shares the volume from the same node, as ReadWriteOnce allows, so nothing has to be stopped before.
    """
    sandbox = cluster.sandbox
    pod = sandbox.kube.read(POD, sandbox.namespace, pod_name(member))
    vandal = f"vandal-{member}"
    sandbox.run_pod(
        vandal,
        ["python3", "-c", VANDAL],
        spec={
            "nodeName": pod["spec"]["nodeName"],
            "securityContext": pod["spec"]["securityContext"],
            "volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": claim_name(member)}}],
        },
        container={"volumeMounts": [{"name": "data", "mountPath": "/data"}]},
    )
    until(
        "the log is damaged",
        lambda: dig(sandbox.kube.get(POD, sandbox.namespace, vandal), "status", "phase"),
        lambda phase: phase == "Succeeded",
        deadline=sandbox.seconds(60),
        show=lambda: sandbox.kube.logs(sandbox.namespace, vandal),
    )
    # A pod that is only Succeeded still protects the claim from deletion.
    sandbox.kube.delete(POD, sandbox.namespace, vandal, grace=0)
    # In place: it is the same pod that finds its log damaged.
    signals.send(sandbox, sandbox.namespace, pod_name(member), SIGKILL)


def evict(cluster: EtcdCluster, member: str) -> bool:
    """Whether the eviction API let the pod go; False when a disruption budget forbade it."""
    metadata = {"name": pod_name(member), "namespace": cluster.sandbox.namespace}
    body = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": metadata}
    try:
        cluster.sandbox.kube.request("POST", POD.path(cluster.sandbox.namespace, pod_name(member), "eviction"), body=body)
    except ApiError as error:
        if error.status != 429:
            raise
        return False
    return True


def admit_no_pods(cluster: EtcdCluster) -> None:
    """From now on no new pod is admitted into the namespace, as with an exhausted quota."""
    sandbox, spec = cluster.sandbox, {"hard": {"pods": "0"}}
    sandbox.kube.create(RESOURCE_QUOTA, {"metadata": {"name": "none", "namespace": sandbox.namespace}, "spec": spec})
    cluster.until(
        "the quota is in force",
        lambda: dig(sandbox.kube.read(RESOURCE_QUOTA, sandbox.namespace, "none"), "status", "hard"),
        seconds=30,
    )


def admit_pods(cluster: EtcdCluster) -> None:
    """Lift the quota."""
    cluster.sandbox.kube.delete(RESOURCE_QUOTA, cluster.sandbox.namespace, "none")


VANDAL = """
import glob, os
logs = glob.glob('/data/**/wal/*.wal', recursive=True)
assert logs, 'no write-ahead log below /data: %s' % os.listdir('/data')
for path in logs:
    with open(path, 'r+b') as log:
        log.seek(4096)
        log.write(os.urandom(256))
        log.flush()
        os.fsync(log.fileno())
    print('damaged', path)
"""
