"""MinIO over TLS as the object store of the demo and of the tests: manifests (pure), and the way in from outside."""

from __future__ import annotations

import base64
import re
import secrets
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import urllib3
from minio import Minio, MinioAdmin
from minio.credentials.providers import StaticProvider

from ci.cluster.pki import Pair
from ci.errors import CommandFailed
from ci.images.table import MINIO

Json = dict[str, Any]

NAME, PORT, USER = "minio", 9000, 65534
CERTS, DATA = "/etc/minio/certs", "/data"
LABELS = {"app.kubernetes.io/name": NAME}
RIGHTS_IN_BUCKET = ("s3:ListBucket", "s3:GetBucketLocation", "s3:ListBucketMultipartUploads")
RIGHTS_ON_OBJECTS = (
    "s3:GetObject", "s3:PutObject", "s3:DeleteObject", "s3:AbortMultipartUpload", "s3:ListMultipartUploadParts",
)  # fmt: skip


@dataclass(frozen=True)
class Login:
    """A key pair; it is never printed."""

    key: str
    secret: str

    def __repr__(self) -> str:
        return "Login(...)"

    @classmethod
    def random(cls) -> Login:
        """One that nobody has had; MinIO takes keys of 3 to 20 characters and secrets of 8 to 40."""
        return cls(secrets.token_hex(8), secrets.token_hex(20))


def hosts(namespace: str) -> list[str]:
    """What the certificate must name: the Service, and this machine for a forwarded port."""
    return [f"{NAME}.{namespace}.svc", f"{NAME}.{namespace}.svc.cluster.local", "localhost", "127.0.0.1"]


def endpoint(namespace: str) -> str:
    """Where pods reach it."""
    return f"https://{NAME}.{namespace}.svc:{PORT}"


def least_rights(bucket: str) -> Json:
    """The policy of a user of one bucket who makes, reads and prunes backups, and neither makes nor removes buckets."""
    statements = ((RIGHTS_IN_BUCKET, f"arn:aws:s3:::{bucket}"), (RIGHTS_ON_OBJECTS, f"arn:aws:s3:::{bucket}/*"))
    allowed = [{"Effect": "Allow", "Action": list(actions), "Resource": [resource]} for actions, resource in statements]
    return {"Version": "2012-10-17", "Statement": allowed}


def manifests(namespace: str, root: Login, pair: Pair, volume: Json, image: str = MINIO) -> list[Json]:
    """One MinIO: its Secret, Deployment and Service. `volume` is what holds the data, such as {"emptyDir": {}}."""
    metadata = {"name": NAME, "namespace": namespace, "labels": LABELS}
    return [
        {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "data": _encoded(root, pair)},
        {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": metadata,
            "spec": {
                "replicas": 1,
                "strategy": {"type": "Recreate"},
                "selector": {"matchLabels": LABELS},
                "template": {"metadata": {"labels": LABELS}, "spec": _pod(image, volume)},
            },
        },
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": metadata,
            "spec": {"selector": LABELS, "ports": [{"name": "https", "port": PORT, "targetPort": "https"}]},
        },
    ]


def _encoded(root: Login, pair: Pair) -> dict[str, str]:
    values = {"user": root.key.encode(), "password": root.secret.encode(), "public.crt": pair.cert, "private.key": pair.key}
    return {key: base64.b64encode(value).decode() for key, value in values.items()}


def _pod(image: str, volume: Json) -> Json:
    """Admitted under `restricted`; MinIO reads its root user from files, so that it is in no environment."""
    container = {
        "name": NAME,
        "image": image,
        "args": ["server", DATA, "--address", f":{PORT}", "--certs-dir", CERTS, "--quiet"],
        "env": [
            {"name": "MINIO_ROOT_USER_FILE", "value": f"{CERTS}/user"},
            {"name": "MINIO_ROOT_PASSWORD_FILE", "value": f"{CERTS}/password"},
            {"name": "MINIO_BROWSER", "value": "off"},
            {"name": "HOME", "value": "/tmp"},
        ],
        "ports": [{"name": "https", "containerPort": PORT}],
        "readinessProbe": {"httpGet": {"path": "/minio/health/ready", "port": "https", "scheme": "HTTPS"}, "periodSeconds": 1},
        "resources": {"requests": {"cpu": "20m", "memory": "128Mi"}},
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
        "volumeMounts": [
            {"name": "certs", "mountPath": CERTS, "readOnly": True},
            {"name": "data", "mountPath": DATA},
            {"name": "tmp", "mountPath": "/tmp"},
        ],
    }
    return {
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": 5,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": USER,
            "runAsGroup": USER,
            "fsGroup": USER,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [container],
        "volumes": [
            {"name": "certs", "secret": {"secretName": NAME}},
            {"name": "data", **volume},
            {"name": "tmp", "emptyDir": {}},
        ],
    }


@contextmanager
def forwarded(kubectl: str, kubeconfig: Path, namespace: str, target: str = f"svc/{NAME}", port: int = PORT) -> Iterator[int]:
    """A port of this machine that leads to the store for as long as the block runs."""
    argv = [
        kubectl,
        "--kubeconfig",
        str(kubeconfig),
        "-n",
        namespace,
        "port-forward",
        "--address",
        "127.0.0.1",
        target,
        f":{port}",
    ]
    with tempfile.TemporaryFile("w+") as errors:
        process = subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=errors, text=True)
        try:
            yield _local_port(process, errors)
        finally:
            process.terminate()
            process.wait()
            if process.stdout:
                process.stdout.close()


def _local_port(process: subprocess.Popen[str], errors: Any) -> int:
    """From kubectl's first line, which comes when it listens."""
    assert process.stdout
    line = process.stdout.readline()
    found = re.search(r"127\.0\.0\.1:(\d+)", line)
    if found is None:
        process.wait(10)
        errors.seek(0)
        raise CommandFailed(f"kubectl port-forward: {line}{errors.read().strip()}")
    return int(found[1])


@dataclass(frozen=True)
class Access:
    """The store at a port of this machine, as a user, trusting one authority."""

    port: int
    ca: Path
    login: Login

    def s3(self) -> Minio:
        """Objects and buckets."""
        return Minio(self._address, self.login.key, self.login.secret, region="us-east-1", http_client=self._pool())

    def admin(self) -> MinioAdmin:
        """Users and policies."""
        return MinioAdmin(
            endpoint=self._address, credentials=StaticProvider(self.login.key, self.login.secret), http_client=self._pool()
        )

    def add_bucket(self, bucket: str) -> None:
        """A bucket, unless it is there."""
        client = self.s3()
        if not client.bucket_exists(bucket):
            client.make_bucket(bucket)

    def add_user(self, login: Login, bucket: str, policy: Json | None = None) -> None:
        """A user with the least rights on a bucket, or with `policy`; again is fine."""
        admin, name = self.admin(), f"of-{login.key}"
        admin.user_add(login.key, login.secret)
        admin.policy_add(name, policy=policy or least_rights(bucket))
        admin.policy_set(name, user=login.key)

    @property
    def _address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def _pool(self) -> urllib3.PoolManager:
        return urllib3.PoolManager(
            cert_reqs="CERT_REQUIRED",
            ca_certs=str(self.ca),
            timeout=urllib3.Timeout(connect=5, read=60),
            retries=urllib3.Retry(total=3, backoff_factor=0.2, status_forcelist=(500, 502, 503, 504)),
        )
