"""A real MinIO over TLS in the sandbox, a user with the least rights in it, and direct access for tests to do harm."""

from __future__ import annotations

import io
import json
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from minio import Minio

from ci import store as minio
from ci.cluster.pki import Authority, Pair, new_authority
from ci.images.table import MINIO
from ci.store import Access, Login
from e2e.support.kinds import DEPLOYMENT, POD, SECRET, SERVICE
from e2e.support.kube import Json, dig, pod_ready
from e2e.support.kubectl import Kubectl
from e2e.support.process import Process
from e2e.support.sandbox import Sandbox, helper_pod
from e2e.support.wait import until

BUCKET, PREFIX = "backups", "of/the/test"
LOGIN, CA = "store-login", "store-ca"
"""Secrets of the sandbox that a spec.objectStore names."""
PROXY, PROXY_PORT, CONTROL_PORT = "store-proxy", 9000, 8080
KINDS = {"Secret": SECRET, "Deployment": DEPLOYMENT, "Service": SERVICE}


@dataclass
class Store:
    """One MinIO; `root` is the tests' own way in, `login` is what Davit gets."""

    sandbox: Sandbox
    authority: Authority
    login: Login
    root: Access

    def spec(self, **over: Any) -> Json:
        """spec.objectStore; None in `over` leaves a key out."""
        full = {
            "bucket": BUCKET,
            "prefix": PREFIX,
            "endpoint": minio.endpoint(self.sandbox.namespace),
            "credentialsSecret": {"name": LOGIN},
            "ca": {"name": CA},
            **over,
        }
        return {key: value for key, value in full.items() if value is not None}

    @property
    def s3(self) -> Minio:
        """As root."""
        return self.root.s3()

    def sizes(self, below: str = "") -> dict[str, int]:
        """Sizes of the objects below a prefix, such as a backup's folder, by key."""
        found = self.s3.list_objects(BUCKET, prefix=below, recursive=True)
        return {str(one.object_name): int(one.size or 0) for one in found}

    def read(self, key: str) -> bytes:
        """An object."""
        answer = self.s3.get_object(BUCKET, key)
        try:
            return bytes(answer.read())
        finally:
            answer.close()
            answer.release_conn()

    def read_json(self, key: str) -> Json:
        """An object that is JSON."""
        found: Json = json.loads(self.read(key))
        return found

    def write(self, key: str, data: bytes) -> None:
        """Put an object in its place, whatever was there."""
        self.s3.put_object(BUCKET, key, io.BytesIO(data), len(data))

    def delete(self, key: str) -> None:
        """Remove an object."""
        self.s3.remove_object(BUCKET, key)

    def flip(self, key: str, at: int) -> None:
        """Turn over the bits of one byte; below 0 it counts from the end."""
        data = bytearray(self.read(key))
        data[at] ^= 0xFF
        self.write(key, bytes(data))

    def truncate(self, key: str, size: int) -> None:
        """Keep the first bytes only."""
        self.write(key, self.read(key)[:size])

    def copy(self, source: str, target: str) -> list[str]:
        """Every object below one prefix to another; the new keys."""
        copies = {target + key.removeprefix(source): self.read(key) for key in self.sizes(source)}
        for key, data in copies.items():
            self.write(key, data)
        return sorted(copies)

    def unfinished(self) -> list[str]:
        """Keys of multipart uploads that were neither completed nor aborted."""
        # minio-py has it, and keeps it to itself; there is no other way to ask S3.
        listed = self.s3._list_multipart_uploads(BUCKET)
        return [str(upload.object_name) for upload in listed.uploads]

    def markers(self, below: str = PREFIX) -> dict[str, Json]:
        """Of all complete backups, by their ids."""
        found = (key for key in self.sizes(below) if key.endswith("/backup.json"))
        return {key.split("/")[-2]: self.read_json(key) for key in found}


def folder(location: str) -> str:
    """The prefix of a backup's objects in its bucket, from status.location."""
    scheme, _, rest = location.partition("://")
    bucket, _, key = rest.partition("/")
    assert (scheme, bucket) == ("s3", BUCKET), location
    return key.rstrip("/") + "/"


@contextmanager
def running(sandbox: Sandbox, kubectl: Kubectl, image: str = "") -> Iterator[Store]:
    """A store in the sandbox's namespace, and its Secrets for Davit; it goes with the sandbox. Ours without an `image`."""
    authority, root, login = new_authority("store"), Login.random(), Login.random()
    pair = authority.issue("minio", hosts=minio.hosts(sandbox.namespace))
    for one in minio.manifests(sandbox.namespace, root, pair, {"emptyDir": {}}, image or MINIO):
        sandbox.kube.apply(KINDS[one["kind"]], one)
    until(
        "the store is ready",
        lambda: sandbox.kube.get(DEPLOYMENT, sandbox.namespace, minio.NAME),
        lambda found: dig(found, "status", "availableReplicas") == 1,
        deadline=sandbox.seconds(60),
    )
    with ExitStack() as stack:
        trusted = Path(stack.enter_context(tempfile.TemporaryDirectory())) / "ca.crt"
        trusted.write_bytes(authority.pair.cert)
        port = stack.enter_context(minio.forwarded(kubectl.binary, kubectl.kubeconfig, sandbox.namespace))
        store = Store(sandbox, authority, login, Access(port, trusted, root))
        store.root.add_bucket(BUCKET)
        store.root.add_user(login, BUCKET)
        secrets(sandbox, login, authority.pair)
        yield store


def secrets(sandbox: Sandbox, login: Login, authority: Pair) -> None:
    """What a spec.objectStore refers to."""
    put_secret(sandbox, LOGIN, {"AWS_ACCESS_KEY_ID": login.key, "AWS_SECRET_ACCESS_KEY": login.secret})
    put_secret(sandbox, CA, {"ca.crt": authority.cert.decode()})


def put_secret(sandbox: Sandbox, name: str, values: dict[str, str]) -> None:
    """A Secret with these values and no others."""
    sandbox.kube.apply(SECRET, {"metadata": {"name": name, "namespace": sandbox.namespace}, "stringData": values})


@dataclass(frozen=True)
class Faults:
    """The proxy in front of a store; see e2e/support/pod/store_proxy.py."""

    sandbox: Sandbox

    @property
    def endpoint(self) -> str:
        """Where pods reach it, instead of the store."""
        return f"https://{PROXY}.{self.sandbox.namespace}.svc:{PROXY_PORT}"

    def switch(self, mode: str, **what: Any) -> None:
        """From now on this fault holds, and no other."""
        self._process.send("PUT", "/fault", {"mode": mode, **what})

    def end(self) -> None:
        """All passes again."""
        self.switch("pass")

    def log(self) -> list[Json]:
        """The requests that it has seen."""
        found: list[Json] = self._process.json("/log")
        return found

    def wait_request(self, what: str, wanted: Any, seconds: float = 60) -> Json:
        """Until a request that is wanted has come."""

        def look() -> Json | None:
            return next((one for one in self.log() if wanted(one)), None)

        found = until(
            f"a request to the store: {what}", look, deadline=self.sandbox.seconds(seconds), show=lambda: self.log()[-10:]
        )
        assert found is not None
        return found

    @property
    def _process(self) -> Process:
        return Process(self.sandbox.kube, self.sandbox.namespace, PROXY, CONTROL_PORT)


def proxied(store: Store) -> Faults:
    """Start the proxy, without any fault."""
    sandbox = store.sandbox
    pair = store.authority.issue(PROXY, hosts=[f"{PROXY}.{sandbox.namespace}.svc"])
    files = {"tls.crt": pair.cert, "tls.key": pair.key, "ca.crt": store.authority.pair.cert}
    put_secret(sandbox, PROXY, {name: data.decode() for name, data in files.items()})
    argv = ["python3", "-m", "e2e.support.pod.store_proxy", minio.endpoint(sandbox.namespace),
            "--port", str(PROXY_PORT), "--control", str(CONTROL_PORT)]  # fmt: skip
    probe = {"httpGet": {"path": "/", "port": CONTROL_PORT}, "periodSeconds": 1}
    container = {"readinessProbe": probe, "volumeMounts": [{"name": "certs", "mountPath": "/etc/proxy", "readOnly": True}]}
    spec = {"volumes": [{"name": "certs", "secret": {"secretName": PROXY}}]}
    pod = helper_pod(sandbox.namespace, PROXY, sandbox.image, argv, spec, container)
    pod["metadata"]["labels"] = {**pod["metadata"]["labels"], "app": PROXY}
    sandbox.kube.create(POD, pod)
    ports = [{"name": "https", "port": PROXY_PORT}]
    sandbox.kube.create(SERVICE, {"metadata": {"name": PROXY, "namespace": sandbox.namespace},
                             "spec": {"selector": {"app": PROXY}, "ports": ports}})  # fmt: skip
    until(
        "the proxy of the store is ready",
        lambda: sandbox.kube.get(POD, sandbox.namespace, PROXY),
        lambda found: found is not None and pod_ready(found),
        deadline=sandbox.seconds(60),
    )
    return Faults(sandbox)
