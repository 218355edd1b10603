"""The store's keys and the age key are in their Secrets and nowhere else."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator

import pyrage

from e2e.support import etcd
from e2e.support.backups import Backup, Restore
from e2e.support.cluster import EtcdCluster
from e2e.support.kinds import BACKUP_KINDS, CONFIG_MAP, ETCD_CLUSTER, EVENT, JOB, POD, PVC, SERVICE, STATEFUL_SET
from e2e.support.kube import Json, dig
from e2e.support.logs import Follower
from e2e.support.store import Faults, Store, put_secret

LOOKED_AT = (ETCD_CLUSTER, *BACKUP_KINDS, JOB, POD, STATEFUL_SET, PVC, SERVICE, CONFIG_MAP, EVENT)


def forms(secret: str) -> set[str]:
    """As it is, and as base64 shows it."""
    return {secret, base64.b64encode(secret.encode()).decode().rstrip("=")[:-1]}


def everything(cluster: EtcdCluster, operator_log: Follower, mark: int) -> Iterator[tuple[str, str]]:
    """All that people and machines without a right to read Secrets may see, by where it is."""
    box = cluster.sandbox
    for kind in LOOKED_AT:
        for one in box.kube.all(kind, box.namespace):
            yield f"{kind.kind} {one['metadata']['name']}", json.dumps(one)
    for pod in box.kube.all(POD, box.namespace):
        for name in containers(pod):
            yield f"log of {pod['metadata']['name']}/{name}", box.kube.logs(box.namespace, pod["metadata"]["name"], name)
    yield "the operators' log", "\n".join(line.text for line in operator_log.since(mark))


def containers(pod: Json) -> list[str]:
    """Those of its containers that have started."""
    statuses = [*(dig(pod, "status", "initContainerStatuses") or []), *(dig(pod, "status", "containerStatuses") or [])]
    return [one["name"] for one in statuses if one.get("containerID")]


def test_in_no_log_event_status_or_spec(cluster: EtcdCluster, objects: Store, faults: Faults, operator_log: Follower) -> None:
    """After a backup that was verified, one that was refused, one that was cut off, and a restore, with the operator's log."""
    mark = operator_log.mark()
    identity = pyrage.x25519.Identity.generate()
    put_secret(cluster.sandbox, "backup-key", {"age.key": f"{identity}\n"})
    sealed: Json = {"encryption": {"secretName": "backup-key"}}
    cluster.create(1, objectStore=objects.spec(endpoint=faults.endpoint), safetyBackup=False, **sealed)
    etcd.put(cluster, planted="before")
    Backup(cluster.sandbox, "good").create(cluster=cluster.name, verify="restore", deadline="3m").succeeded(180)
    faults.switch("answer", status=403, code="SignatureDoesNotMatch", message=f"the key {objects.login.key} is wrong")
    Backup(cluster.sandbox, "refused").create(cluster=cluster.name, deadline="40s").failed()
    faults.switch("cut", upload=100)
    Backup(cluster.sandbox, "cut").create(cluster=cluster.name, deadline="30s").failed()
    faults.end()
    restore = Restore(cluster.sandbox, "back").create(
        cluster=cluster.name, confirm=cluster.name, source={"backup": "good"}, deadline="3m"
    )
    seen = dict(everything(cluster, operator_log, mark))
    restore.succeeded(200)
    seen |= {f"{where}, later": text for where, text in everything(cluster, operator_log, mark)}

    jobs = [pod for pod in seen if pod.startswith("log of good-backup")]
    assert jobs, f"the logs of the Jobs' pods were not there to be looked at: {sorted(seen)}"
    canaries = {"secret key": objects.login.secret, "age key": str(identity), "root's secret key": objects.root.login.secret}
    canaries["key id"] = objects.login.key
    leaks = [
        f"{what} in {where}"
        for where, text in seen.items()
        for what, secret in canaries.items()
        for form in forms(secret)
        if form in text
    ]
    assert not leaks, "\n".join(leaks)
    assert re.search("AccessDenied|SignatureDoesNotMatch", json.dumps(seen)), "the refusal itself is told"


def test_agents_have_the_least_rights(cluster: EtcdCluster, objects: Store) -> None:
    """No token, no privileges, no environment with secrets, a read-only root; Secrets only in the containers that need them."""
    cluster.create(1, objectStore=objects.spec(), resources={"limits": {"memory": "600Mi"}})
    Backup(cluster.sandbox, "one").create(cluster=cluster.name, verify="restore", deadline="3m").succeeded(180)
    jobs = cluster.sandbox.kube.all(JOB, cluster.sandbox.namespace)
    assert len(jobs) == 2
    for job in jobs:
        pod = job["spec"]["template"]["spec"]
        assert pod["automountServiceAccountToken"] is False
        assert pod["restartPolicy"] == "Never"
        assert job["spec"]["activeDeadlineSeconds"] > 0
        secret = {volume["name"] for volume in pod["volumes"] if "secret" in volume or "projected" in volume}
        every = [*pod.get("initContainers", []), *pod["containers"]]
        for container in every:
            assert container["securityContext"]["readOnlyRootFilesystem"] is True
            assert container["securityContext"]["allowPrivilegeEscalation"] is False
            # etcd and its tool need as much as a member, so they are bounded as the members are.
            agent = container["image"].startswith(agent_image(every))
            assert agent or container["resources"]["limits"]["memory"] == "600Mi"
            assert container["resources"]["limits"]["memory"], "a leak ends the Job, not the node"
            assert not [one for one in container.get("env", []) if "valueFrom" in one and "secretKeyRef" in one["valueFrom"]]
        strangers = [c["name"] for c in every if not c["image"].startswith(agent_image(every)) and secret & mounted(c)]
        assert not strangers, f"etcd's own tools see the store's Secret: {strangers}"


def agent_image(every: list[Json]) -> str:
    """The image of whoever runs our agent."""
    return next(str(c["image"]) for c in every if "davit_etcd.agent" in json.dumps([c.get("command"), c.get("args")]))


def mounted(container: Json) -> set[str]:
    """Names of the volumes that a container sees."""
    return {mount["name"] for mount in container.get("volumeMounts", [])}
