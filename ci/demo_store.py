"""The demo's object store: made once with keys made up at random, found again by every later run."""

from __future__ import annotations

import base64
import json
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ci.cluster.pki import Pair, new_authority
from ci.cluster.providers import provider
from ci.images.table import MINIO
from ci.paths import KUBECONFIG
from ci.progress import wait_for
from ci.store import NAME, Access, Login, forwarded, hosts, manifests

Json = dict[str, Any]
Kubectl = Callable[..., str]
"""Runs kubectl with these words and `stdin`, and gives what it prints."""

NAMESPACE, BUCKET = "davit-store", "backups"
LOGIN, CA = "backup-store", "backup-store-ca"
"""Secret and ConfigMap that docs/samples refer to."""
PUBLISHED = "quay.io/minio/minio:RELEASE.2025-09-07T16-13-09Z"
"""The last image that upstream published: for clusters that pull, as what we build ourselves is nowhere to be had."""


def start(kubectl: Kubectl, program: str, users: str, note: Callable[[str], None]) -> None:
    """Have the store, its bucket, and in the namespace `users` the login of a user with the least rights."""
    apply(kubectl, namespace(NAMESPACE))
    keys = _secret(kubectl, NAMESPACE, NAME) or _new_keys()
    root = Login(keys["user"], keys["password"])
    pair = Pair(keys["private.key"].encode(), keys["public.crt"].encode())
    image = os.environ.get("DAVIT_MINIO_IMAGE") or (MINIO if provider().loads else PUBLISHED)
    claim = _claim()
    secret, *rest = manifests(NAMESPACE, root, pair, {"persistentVolumeClaim": {"claimName": NAME}}, image)
    secret["data"]["ca.crt"] = base64.b64encode(keys["ca.crt"].encode()).decode()
    apply(kubectl, secret, claim, *rest)
    wait_for(lambda: _unready(kubectl), 120, note)
    login = _secret(kubectl, users, LOGIN)
    user = Login(login["AWS_ACCESS_KEY_ID"], login["AWS_SECRET_ACCESS_KEY"]) if login else Login.random()
    with tempfile.TemporaryDirectory() as folder, forwarded(program, KUBECONFIG, NAMESPACE) as port:
        trusted = Path(folder) / "ca.crt"
        trusted.write_text(keys["ca.crt"])
        access = Access(port, trusted, root)
        access.add_bucket(BUCKET)
        access.add_user(user, BUCKET)
    apply(kubectl, *_of_users(users, user, keys["ca.crt"]))


def namespace(name: str) -> Json:
    """One in which every pod must be restricted."""
    labels = {"pod-security.kubernetes.io/enforce": "restricted"}
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}}


def apply(kubectl: Kubectl, *objects: Json) -> None:
    """Have them so; what is in Secrets goes through standard input, which no process list shows."""
    listed = {"apiVersion": "v1", "kind": "List", "items": list(objects)}
    kubectl("apply", "--server-side", "-f", "-", stdin=json.dumps(listed))


def _new_keys() -> dict[str, str]:
    """Of a new store; its authority's key is thrown away."""
    authority, root = new_authority("davit demo store"), Login.random()
    pair = authority.issue(NAME, hosts=hosts(NAMESPACE))
    made = {"public.crt": pair.cert, "private.key": pair.key, "ca.crt": authority.pair.cert}
    return {"user": root.key, "password": root.secret, **{name: pem.decode() for name, pem in made.items()}}


def _claim() -> Json:
    """What the backups are on."""
    spec = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "2Gi"}}}
    return {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": NAME, "namespace": NAMESPACE}, "spec": spec}


def _of_users(where: str, user: Login, ca: str) -> list[Json]:
    """What docs/samples refer to."""
    login = {"AWS_ACCESS_KEY_ID": user.key, "AWS_SECRET_ACCESS_KEY": user.secret}
    return [
        {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": LOGIN, "namespace": where}, "stringData": login},
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": CA, "namespace": where}, "data": {"ca.crt": ca}},
    ]


def _secret(kubectl: Kubectl, where: str, name: str) -> dict[str, str] | None:
    """A Secret's values, None where there is none."""
    found = kubectl("get", "secret", "-n", where, name, "--ignore-not-found", "-o", "json")
    if not found.strip():
        return None
    return {key: base64.b64decode(value).decode() for key, value in json.loads(found).get("data", {}).items()}


def _unready(kubectl: Kubectl) -> str | None:
    path = "jsonpath={.status.observedGeneration}/{.metadata.generation} {.status.updatedReplicas} {.status.availableReplicas}"
    seen, *counts = kubectl("get", "deployment", "-n", NAMESPACE, NAME, "-o", path).split()
    observed, _, wanted = seen.partition("/")
    return None if observed == wanted and counts == ["1", "1"] else f"{NAME} in {NAMESPACE}"
