"""The object store of demo and tests: hardened, its secrets in one Secret, its users with few rights."""

from __future__ import annotations

import base64
import json
import ssl
from pathlib import Path
from typing import Any

from ci import store
from ci.cluster import pki

NAMESPACE = "somewhere"
ROOT = store.Login("root-user", "root-password")


def made() -> dict[str, dict[str, Any]]:
    """The manifests by kind."""
    pair = pki.new_authority("store").issue("minio", hosts=store.hosts(NAMESPACE))
    found = store.manifests(NAMESPACE, ROOT, pair, {"emptyDir": {}}, "minio:1")
    return {one["kind"]: one for one in found}


def test_its_root_user_is_in_the_secret_alone() -> None:
    objects = made()
    assert base64.b64decode(objects["Secret"]["data"]["password"]).decode() == ROOT.secret
    others = json.dumps([one for kind, one in objects.items() if kind != "Secret"])
    assert ROOT.key not in others
    assert ROOT.secret not in others
    assert ROOT.secret not in repr(ROOT)


def test_its_pod_is_restricted() -> None:
    pod = made()["Deployment"]["spec"]["template"]["spec"]
    assert pod["automountServiceAccountToken"] is False
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    (container,) = pod["containers"]
    assert container["securityContext"]["readOnlyRootFilesystem"] is True
    assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
    mounted = {mount["name"] for mount in container["volumeMounts"]}
    assert mounted == {volume["name"] for volume in pod["volumes"]}


def test_the_service_leads_to_the_pod() -> None:
    objects = made()
    service, deployment = objects["Service"]["spec"], objects["Deployment"]["spec"]
    assert service["selector"].items() <= deployment["template"]["metadata"]["labels"].items()
    names = {port["name"] for port in deployment["template"]["spec"]["containers"][0]["ports"]}
    assert {port["targetPort"] for port in service["ports"]} <= names
    assert store.endpoint(NAMESPACE) == f"https://{store.hosts(NAMESPACE)[0]}:{service['ports'][0]['port']}"


def test_the_certificate_is_good_for_the_service_and_a_forwarded_port(tmp_path: Path) -> None:
    authority = pki.new_authority("store")
    pair = authority.issue("minio", hosts=store.hosts(NAMESPACE))
    (tmp_path / "crt").write_bytes(pair.cert)
    (tmp_path / "key").write_bytes(pair.key)
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(tmp_path / "crt", tmp_path / "key")
    client = ssl.create_default_context(cadata=authority.pair.cert.decode())
    for name in (f"minio.{NAMESPACE}.svc", "127.0.0.1"):
        handshake(client, server, name)


def handshake(client: ssl.SSLContext, server: ssl.SSLContext, name: str) -> None:
    """Raises unless the client trusts the server under this name."""
    a, b = ssl.MemoryBIO(), ssl.MemoryBIO()
    ends = client.wrap_bio(a, b, server_hostname=name), server.wrap_bio(b, a, server_side=True)
    done: set[int] = set()
    for turn in range(10):
        try:
            ends[turn % 2].do_handshake()
            done.add(turn % 2)
        except ssl.SSLWantReadError:
            continue
    assert done == {0, 1}


def test_a_user_has_no_right_on_other_buckets_or_on_buckets_themselves() -> None:
    statements = store.least_rights("mine")["Statement"]
    assert {resource for one in statements for resource in one["Resource"]} == {"arn:aws:s3:::mine", "arn:aws:s3:::mine/*"}
    actions = {action for one in statements for action in one["Action"]}
    assert not [action for action in actions if "*" in action or action in ("s3:CreateBucket", "s3:DeleteBucket")]


def test_logins_are_random_and_within_what_the_store_takes() -> None:
    one, other = store.Login.random(), store.Login.random()
    assert one != other
    assert 3 <= len(one.key) <= 20
    assert 8 <= len(one.secret) <= 40
