"""The Job in which an agent works: least rights, a deadline, and only its own containers see Secrets. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from davit.backup.model import CA_FILE, CA_FOLDER, CIPHER_FOLDER, STORE_FOLDER, Cipher, Store
from davit.backup.report import PERMANENT
from davit.model import Kind, Manifest

JOB = Kind("batch", "v1", "Job", "jobs")
JOB_NAME_LABEL = "batch.kubernetes.io/job-name"
CONFIG = "DAVIT_AGENT"
"""The environment variable with the agent's configuration: JSON without secrets."""
CREDENTIALS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")
USER = 65532
ATTEMPTS = 4

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Container:
    """One container.

    mounts: volume and path; config: what an agent is told, None for any other program; secrets: whether it sees the
    store's key pair, certificates and the age key; sidecar: an init container that stays beside the others; memory_limit: empty
    for none.
    """

    name: str
    image: str
    command: tuple[str, ...]
    args: tuple[str, ...] = ()
    config: Mapping[str, Any] | None = None
    mounts: tuple[tuple[str, str], ...] = ()
    secrets: bool = False
    sidecar: bool = False
    cpu: str = "50m"
    memory: str = "64Mi"
    memory_limit: str = "128Mi"
    disk: str = ""
    """Of the node's own that it asks for, for the whole pod."""
    probe: Mapping[str, Any] | None = None
    """A startup probe, for a sidecar that the others wait for."""


def agent(name: str, image: str, module: str, command: str, config: Mapping[str, Any], **more: Any) -> Container:
    """A container that runs `python3 -OO -m <module> <command>` and sees the Secrets; `more` are fields of Container."""
    return Container(name, image, ("python3", "-OO", "-m", module, command), config=config, **{"secrets": True, **more})


def job(
    *,
    name: str,
    namespace: str,
    labels: Mapping[str, str],
    owner: Mapping[str, Any],
    deadline: int,
    containers: Sequence[Container],
    init: Sequence[Container] = (),
    volumes: Sequence[Mapping[str, Any]] = (),
    store: Store | None = None,
    cipher: Cipher | None = None,
    annotations: Mapping[str, str] | None = None,
    pull_secrets: Sequence[Mapping[str, str]] = (),
    scheduling: Mapping[str, Any] | None = None,
    fixed_user: bool = True,
    attempts: int = ATTEMPTS,
) -> Manifest:
    """The manifest, to be created once and never changed.

    labels: of the Job and its pods; owner: an owner reference; deadline: seconds; volumes: besides those of the Secrets;
    pull_secrets, scheduling (affinity, tolerations, ...): fields of the pod; fixed_user: False where the platform gives
    users (OpenShift); attempts: pods until the Job fails, those not counted that were evicted.
    """
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {
            "name": name,
            "namespace": namespace,
            "labels": dict(labels),
            **({"annotations": dict(annotations)} if annotations else {}),
            "ownerReferences": [dict(owner)],
        },
        "spec": {
            "activeDeadlineSeconds": deadline,
            "backoffLimit": attempts - 1,
            "podFailurePolicy": {
                "rules": [
                    {"action": "FailJob", "onExitCodes": {"operator": "In", "values": [PERMANENT]}},
                    {"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]},
                ]
            },
            "template": {
                "metadata": {"labels": dict(labels)},
                "spec": {
                    "restartPolicy": "Never",
                    "automountServiceAccountToken": False,
                    "enableServiceLinks": False,
                    "terminationGracePeriodSeconds": 30,
                    "securityContext": _context(fixed_user),
                    **({"imagePullSecrets": [dict(secret) for secret in pull_secrets]} if pull_secrets else {}),
                    **(scheduling or {}),
                    **({"initContainers": [_container(c, store, cipher) for c in init]} if init else {}),
                    "containers": [_container(c, store, cipher) for c in containers],
                    **_volumes(volumes, store, cipher, fixed_user),
                },
            },
        },
    }


def _context(fixed_user: bool) -> Json:
    return {
        "runAsNonRoot": True,
        **({"runAsUser": USER, "runAsGroup": USER, "fsGroup": USER} if fixed_user else {}),
        "fsGroupChangePolicy": "OnRootMismatch",
        "seccompProfile": {"type": "RuntimeDefault"},
    }


def _container(given: Container, store: Store | None, cipher: Cipher | None) -> Json:
    mounts = [{"name": name, "mountPath": path} for name, path in given.mounts]
    found: Json = {
        "name": given.name,
        "image": given.image,
        "command": list(given.command),
        **({"args": list(given.args)} if given.args else {}),
        **({"env": [{"name": CONFIG, "value": _text(given.config)}]} if given.config is not None else {}),
        "resources": {
            "requests": {
                "cpu": given.cpu,
                "memory": given.memory,
                **({"ephemeral-storage": given.disk} if given.disk else {}),
            },
            **({"limits": {"memory": given.memory_limit}} if given.memory_limit else {}),
        },
        # An agent writes a report; of another program, or of an agent that died early, the last log lines are kept.
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "volumeMounts": mounts + (_secret_mounts(store, cipher) if given.secrets else []),
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
    }
    sidecar = {"restartPolicy": "Always"} if given.sidecar else {}
    return found | sidecar | ({"startupProbe": dict(given.probe)} if given.probe else {})


def _text(config: Mapping[str, Any]) -> str:
    """Kubernetes expands $(NAME) in the values of variables, and reads $$ as a $."""
    return json.dumps(config, sort_keys=True, separators=(",", ":")).replace("$", "$$")


def _secret_mounts(store: Store | None, cipher: Cipher | None) -> list[Json]:
    folders = {
        "store": STORE_FOLDER if store else "",
        "ca": CA_FOLDER if store and store.ca else "",
        "encryption": CIPHER_FOLDER if cipher else "",
    }
    return [{"name": name, "mountPath": path, "readOnly": True} for name, path in folders.items() if path]


def _volumes(volumes: Sequence[Mapping[str, Any]], store: Store | None, cipher: Cipher | None, fixed_user: bool) -> Json:
    """Secrets are optional to the kubelet: the agent says at once what is missing, where a pod would wait for ever.

    A volume names its keys one by one, so that nothing else of a Secret reaches the pod.
    """
    mode = {"defaultMode": 0o440 if fixed_user else 0o444, "optional": True}
    found: list[Json] = [dict(volume) for volume in volumes]
    if store:
        keys = [{"key": key, "path": key} for key in CREDENTIALS]
        found.append({"name": "store", "secret": {"secretName": store.secret, "items": keys, **mode}})
    if store and store.ca:
        items = {"items": [{"key": store.ca.key, "path": CA_FILE}], **mode}
        of = {"name": store.ca.name} if store.ca.kind == "ConfigMap" else {"secretName": store.ca.name}
        found.append({"name": "ca", "configMap" if store.ca.kind == "ConfigMap" else "secret": {**of, **items}})
    if cipher:
        keys = [{"key": cipher.key, "path": cipher.key}]
        found.append({"name": "encryption", "secret": {"secretName": cipher.secret, "items": keys, **mode}})
    return {"volumes": found} if found else {}
