"""The S3 adapter against a real MinIO over TLS, and what it makes of every kind of trouble."""

from __future__ import annotations

import hashlib
import itertools
import json
import os
import random
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import minio.time
import pyrage
import pytest
from davit.backup import catalog, encryption
from davit.backup.errors import (
    AccessDenied,
    BucketMissing,
    CertificateRefused,
    Corrupt,
    CredentialsMissing,
    Missing,
    StoreError,
    StoreFull,
    TooSlow,
    Unreachable,
    WrongClock,
)
from davit.backup.model import Marker, Rules, Store, Subject
from davit.backup.s3 import PART, S3Store, Timeouts
from davit.backup.stream import Packing, unpack
from davit.webhook.authority import make

from davit_tests.api.minio import QUICK, MinioServer, Proxy, free_ports

pytestmark = pytest.mark.api
_serial = itertools.count(1)
MIB = 1024 * 1024


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MinioServer]:
    with MinioServer(tmp_path_factory.mktemp("minio")) as started:
        yield started


@pytest.fixture
def store(server: MinioServer) -> Store:
    """A bucket that no other test has, and a prefix in it."""
    bucket = f"test-{os.getpid()}-{next(_serial)}"
    server.client().make_bucket(bucket)
    return server.store(bucket, "some/prefix")


@pytest.fixture
def s3(server: MinioServer, store: Store) -> S3Store:
    return server.s3(store)


@pytest.fixture
def proxy(server: MinioServer) -> Iterator[Proxy]:
    with Proxy(server.port) as started:
        yield started


def behind(server: MinioServer, store: Store, proxy: Proxy, timeouts: Timeouts = QUICK) -> S3Store:
    return server.s3(server.store(store.bucket, store.prefix, proxy.endpoint), timeouts)


def noise(size: int, chunk: int = 100_000) -> Iterator[bytes]:
    """The same random bytes for the same size."""
    made = random.Random(size)
    for start in range(0, size, chunk):
        yield made.randbytes(min(chunk, size - start))


def unfinished(server: MinioServer, s3: S3Store, store: Store, key: str) -> list[tuple[str, str]]:
    """MinIO shows unfinished uploads for a whole key only."""
    return s3._client.unfinished(store.bucket, store.key(key))


@pytest.mark.parametrize("size", [0, 1, PART - 1, PART, PART + 1, 3 * PART, 5 * PART + 12345])
def test_what_was_put_is_read_again_whatever_its_size(server: MinioServer, s3: S3Store, store: Store, size: int) -> None:
    assert s3.put("ns/name/archive", noise(size)) == size
    assert b"".join(s3.get("ns/name/archive")) == b"".join(noise(size))
    assert s3.size("ns/name/archive") == size
    assert server.client().stat_object(store.bucket, "some/prefix/ns/name/archive").size == size


def test_small_objects_lists_and_deletion(s3: S3Store) -> None:
    for key in ("ns/a/1/x", "ns/a/1/y", "ns/a/2/x", "ns/b/1/x", "ns/ab/1/x", "ns/a/1/x-more"):
        s3.write(key, key.encode())
    assert s3.list("ns/a") == {"ns/a/1/x": 8, "ns/a/1/x-more": 13, "ns/a/1/y": 8, "ns/a/2/x": 8}
    assert s3.folders("ns") == ["a", "ab", "b"]
    assert s3.folders("ns/a") == ["1", "2"]
    assert s3.folders("none") == []
    assert s3.folders("") == ["ns"]
    assert s3.read("ns/a/1/x", 8) == b"ns/a/1/x"
    with pytest.raises(Corrupt, match="more than 7 bytes"):
        s3.read("ns/a/1/x", 7)
    s3.delete("ns/a/1/x")
    s3.delete("ns/a/1/x")
    assert s3.size("ns/a/1/x") is None
    reads: list[Callable[[], object]] = [lambda: s3.read("ns/a/1/x", 8), lambda: next(s3.get("ns/a/1/x"))]
    for read in reads:
        with pytest.raises(Missing, match="NoSuchKey"):
            read()


def test_lists_longer_than_one_answer(s3: S3Store) -> None:
    keys = [f"ns/a/{number:04}" for number in range(1003)]
    for key in keys:
        s3.write(key, b"")
    assert list(s3.list("ns/a")) == keys


def test_a_store_without_prefix(server: MinioServer, store: Store) -> None:
    s3 = server.s3(server.store(store.bucket))
    s3.write("ns/a/1", b"x")
    assert s3.list("ns/a") == {"ns/a/1": 1}
    assert s3.folders("") == ["ns"]
    assert s3.folders("ns") == ["a"]


def test_an_object_is_replaced_whole_or_not_at_all(s3: S3Store) -> None:
    s3.write("ns/a", b"old")

    def breaking() -> Iterator[bytes]:
        yield from noise(2 * PART + 1)
        raise RuntimeError("the source broke")

    with pytest.raises(RuntimeError, match="the source broke"):
        s3.put("ns/a", breaking())
    assert s3.read("ns/a", 10) == b"old"
    s3.put("ns/a", iter([b"new"]))
    assert s3.read("ns/a", 10) == b"new"


def test_a_source_that_breaks_leaves_no_parts_behind(server: MinioServer, s3: S3Store, store: Store) -> None:
    closed = []

    def breaking() -> Iterator[bytes]:
        try:
            yield from noise(3 * PART + 1)
            assert unfinished(server, s3, store, "ns/a")
            raise RuntimeError("the source broke")
        finally:
            closed.append(True)

    with pytest.raises(RuntimeError, match="the source broke"):
        s3.put("ns/a", breaking())
    assert unfinished(server, s3, store, "ns/a") == []
    assert closed == [True]


def test_uploads_that_were_left_are_given_up(server: MinioServer, s3: S3Store, store: Store) -> None:
    for _ in range(2):
        s3._client.begin(store.bucket, store.key("ns/a"))
    assert s3.abort_uploads("ns/a") == 2
    assert unfinished(server, s3, store, "ns/a") == []
    assert s3.abort_uploads("ns/a") == 0


def test_an_upload_gets_over_one_cut_connection(server: MinioServer, store: Store, proxy: Proxy) -> None:
    s3 = behind(server, store, proxy)
    proxy.cut(sent=7 * MIB)
    assert s3.put("ns/a", noise(4 * PART)) == 4 * PART
    assert proxy.cuts == 0
    assert b"".join(s3.get("ns/a")) == b"".join(noise(4 * PART))


def test_an_upload_that_is_cut_again_and_again_fails_and_leaves_no_object(
    server: MinioServer, s3: S3Store, store: Store, proxy: Proxy
) -> None:
    read = []

    def source() -> Iterator[bytes]:
        for chunk in noise(40 * PART, MIB):
            read.append(len(chunk))
            yield chunk

    proxy.cut(sent=3 * MIB, times=10**6)
    with pytest.raises(Unreachable, match=f"https://127.0.0.1:{proxy.port}"):
        behind(server, store, proxy).put("ns/a", source())
    assert sum(read) < 10 * PART, "the source is not read on when a part has failed"
    assert s3.size("ns/a") is None


def test_a_read_goes_on_where_it_was_cut(server: MinioServer, s3: S3Store, store: Store, proxy: Proxy) -> None:
    s3.put("ns/a", noise(4 * PART))
    proxy.cut(received=6 * MIB, times=2)
    assert b"".join(behind(server, store, proxy).get("ns/a")) == b"".join(noise(4 * PART))
    assert proxy.cuts == 0


def test_a_read_never_goes_on_with_another_object(
    server: MinioServer, s3: S3Store, store: Store, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    s3.put("ns/a", noise(4 * PART))
    proxy.cut(received=6 * MIB)
    reader = behind(server, store, proxy)

    def replaced_meanwhile(left: int) -> float:
        s3.put("ns/a", noise(4 * PART + 1))
        return 0.0

    monkeypatch.setattr(reader, "_pause", replaced_meanwhile)
    with pytest.raises(Corrupt, match="replaced while it was read"):
        for _ in reader.get("ns/a"):
            pass


def test_a_read_that_is_cut_again_and_again_fails(server: MinioServer, s3: S3Store, store: Store, proxy: Proxy) -> None:
    s3.put("ns/a", noise(4 * PART))
    proxy.cut(received=20_000, times=10**6)
    with pytest.raises(Unreachable):
        b"".join(behind(server, store, proxy).get("ns/a"))


@pytest.mark.parametrize("operation", ["put", "get", "list"])
def test_a_store_that_does_not_answer_is_too_slow(
    server: MinioServer, s3: S3Store, store: Store, proxy: Proxy, operation: str
) -> None:
    s3.put("ns/a", noise(4 * PART))
    slow = behind(server, store, proxy, Timeouts(connect=0.5, read=0.5, retries=1, pause=0.01))
    slow.list("ns")
    work: dict[str, Callable[[], object]] = {
        "put": lambda: slow.put("ns/b", noise(4 * PART)),
        "get": lambda: b"".join(slow.get("ns/a")),
        "list": lambda: slow.list("ns"),
    }
    proxy.stalled.set()
    began = time.monotonic()
    with pytest.raises(TooSlow, match="did not answer in time"):
        work[operation]()
    assert time.monotonic() - began < 20
    proxy.stalled.clear()
    assert s3.size("ns/b") is None


def test_a_store_that_is_not_there(server: MinioServer, store: Store) -> None:
    with pytest.raises(Unreachable, match="ECONNREFUSED"):
        server.s3(server.store(store.bucket, endpoint=f"https://127.0.0.1:{free_ports(1)[0]}")).list("ns")


def test_a_host_without_address(server: MinioServer, store: Store) -> None:
    with pytest.raises(Unreachable, match="has no address"):
        server.s3(server.store(store.bucket, endpoint="https://store.invalid:9000")).list("ns")


def test_plain_http_to_a_tls_port(server: MinioServer, store: Store) -> None:
    with pytest.raises(Unreachable, match="http or https"):
        server.s3(server.store(store.bucket, endpoint=f"http://127.0.0.1:{server.port}")).list("ns")


@pytest.mark.parametrize("operation", ["write", "put", "list", "read", "size"])
def test_a_bucket_that_is_missing(server: MinioServer, operation: str) -> None:
    s3 = server.s3(server.store("no-such-bucket"))
    work: dict[str, Callable[[], object]] = {
        "write": lambda: s3.write("a", b"x"),
        "put": lambda: s3.put("a", noise(2 * PART)),
        "list": lambda: s3.list("a"),
        "read": lambda: s3.read("a", 10),
        "size": lambda: s3.size("a"),
    }
    with pytest.raises(BucketMissing, match="no bucket no-such-bucket") as caught:
        work[operation]()
    assert caught.value.permanent


def test_a_key_pair_that_the_store_does_not_know(server: MinioServer, store: Store) -> None:
    with pytest.raises(AccessDenied, match="AWS_ACCESS_KEY_ID in Secret minio-key"):
        server.s3(store, key=("nobody", server.password)).list("ns")


def test_a_secret_key_that_is_wrong_never_stands_in_the_message(server: MinioServer, store: Store) -> None:
    with pytest.raises(AccessDenied, match="AWS_SECRET_ACCESS_KEY in Secret minio-key") as caught:
        server.s3(store, key=(server.root, "wrong-secret-key")).list("ns")
    assert caught.value.permanent
    assert "wrong-secret-key" not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


def test_a_user_who_may_only_read(server: MinioServer, s3: S3Store, store: Store, tmp_path: Path) -> None:
    statement = {
        "Effect": "Allow",
        "Action": ["s3:GetObject", "s3:ListBucket"],
        "Resource": [f"arn:aws:s3:::{store.bucket}", f"arn:aws:s3:::{store.bucket}/*"],
    }
    policy = tmp_path / "policy.json"
    policy.write_text(json.dumps({"Version": "2012-10-17", "Statement": [statement]}))
    admin = server.admin()
    admin.user_add("reader", "reader-password")
    admin.policy_add("read", str(policy))
    admin.policy_set("read", user="reader")
    s3.put("ns/a", noise(10))
    reader = server.s3(store, key=("reader", "reader-password"))
    assert b"".join(reader.get("ns/a")) == b"".join(noise(10))
    writes: list[Callable[[], object]] = [
        lambda: reader.put("ns/b", noise(2 * PART)),
        lambda: reader.write("ns/b", b""),
        lambda: reader.delete("ns/a"),
    ]
    for write in writes:
        with pytest.raises(AccessDenied, match=f"may not do this in bucket {store.bucket}") as caught:
            write()
        assert "reader-password" not in str(caught.value)
    assert s3.list("ns") == {"ns/a": 10}


def test_a_user_of_one_namespace(server: MinioServer, s3: S3Store, store: Store, tmp_path: Path) -> None:
    """The policy of docs/etcd/backup.md, for the namespace ns."""
    bucket = f"arn:aws:s3:::{store.bucket}"
    below = store.key("ns", "*")
    write = ["s3:GetObject", "s3:PutObject", "s3:DeleteObject", "s3:AbortMultipartUpload", "s3:ListMultipartUploadParts"]
    only = {"StringLike": {"s3:prefix": [below]}}
    statements = [
        {"Effect": "Allow", "Action": ["s3:GetBucketLocation", "s3:ListBucketMultipartUploads"], "Resource": bucket},
        {"Effect": "Allow", "Action": ["s3:ListBucket"], "Resource": bucket, "Condition": only},
        {"Effect": "Allow", "Action": write, "Resource": f"{bucket}/{below}"},
    ]
    policy = tmp_path / "policy.json"
    policy.write_text(json.dumps({"Version": "2012-10-17", "Statement": statements}))
    admin = server.admin()
    admin.user_add("tenant", "tenant-password")
    admin.policy_add("tenant", str(policy))
    admin.policy_set("tenant", user="tenant")
    s3.write("other/a", b"theirs")
    tenant = server.s3(store, key=("tenant", "tenant-password"))
    assert tenant.put("ns/c/a", noise(2 * PART)) == s3.size("ns/c/a")
    tenant.write("ns/c/b", b"b")
    assert set(tenant.list("ns/c")) == {"ns/c/a", "ns/c/b"}
    tenant.abort_uploads("ns/c/x")
    tenant.delete("ns/c/b")
    assert tenant.list("ns/c/x") == {}
    forbidden: list[Callable[[], object]] = [
        lambda: tenant.list("other"),
        lambda: tenant.read("other/a", 10),
        lambda: tenant.write("other/a", b""),
        lambda: tenant.delete("other/a"),
    ]
    for attempt in forbidden:
        with pytest.raises(AccessDenied):
            attempt()


def test_a_clock_that_is_an_hour_off(server: MinioServer, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    real = minio.time.utcnow

    def later() -> datetime:
        return real() + timedelta(hours=1)

    monkeypatch.setattr(minio.time, "utcnow", later)
    with pytest.raises(WrongClock, match="RequestTimeTooSkewed"):
        server.s3(store).list("ns")


def test_a_certificate_of_another_authority(server: MinioServer, store: Store, tmp_path: Path) -> None:
    (tmp_path / "ca.crt").write_bytes(make("127.0.0.1", time.time()).authorities)
    folder = server.credentials(server.root, server.password)
    with pytest.raises(CertificateRefused, match="Secret minio-ca") as caught:
        S3Store(store, str(folder), str(tmp_path), QUICK).list("ns")
    assert caught.value.permanent


def test_without_a_ca_only_public_authorities_are_trusted(server: MinioServer, store: Store) -> None:
    folder = server.credentials(server.root, server.password)
    plain = Store(store.bucket, "minio-key", endpoint=server.endpoint, path_style=True)
    with pytest.raises(CertificateRefused, match="name the CA"):
        S3Store(plain, str(folder), timeouts=QUICK).list("ns")


def test_a_host_name_that_the_certificate_has_not(server: MinioServer, store: Store) -> None:
    with pytest.raises(CertificateRefused, match="host name"):
        server.s3(server.store(store.bucket, endpoint=f"https://localhost:{server.port}")).list("ns")


def test_secrets_that_are_not_mounted(server: MinioServer, store: Store, tmp_path: Path) -> None:
    with pytest.raises(CredentialsMissing, match=r"Secret minio-key is missing, or its key AWS_ACCESS_KEY_ID") as caught:
        S3Store(store, str(tmp_path), str(server.ca), QUICK)
    assert not caught.value.permanent
    (tmp_path / "AWS_ACCESS_KEY_ID").write_text("x")
    (tmp_path / "AWS_SECRET_ACCESS_KEY").write_text("two words")
    with pytest.raises(CredentialsMissing, match="AWS_SECRET_ACCESS_KEY") as caught:
        S3Store(store, str(tmp_path), str(server.ca), QUICK)
    assert "two words" not in str(caught.value)
    folder = server.credentials(server.root, server.password)
    with pytest.raises(CredentialsMissing, match="Secret minio-ca"):
        S3Store(store, str(folder), str(tmp_path), QUICK)
    (tmp_path / "ca.crt").write_text("no certificate")
    with pytest.raises(CertificateRefused, match="no PEM certificates"):
        S3Store(store, str(folder), str(tmp_path), QUICK)


def test_a_store_that_is_down_and_comes_back(tmp_path: Path) -> None:
    with MinioServer(tmp_path) as server:
        server.client().make_bucket("bucket")
        s3 = server.s3(server.store("bucket"))
        s3.write("a", b"x")
        server.stop()
        with pytest.raises(Unreachable):
            s3.read("a", 10)
        server.start()
        assert s3.read("a", 10) == b"x"


class Scripted:
    """A server over plain HTTP that answers with these statuses and bodies in turn, the last one for ever."""

    def __init__(self, *answers: tuple[int, str]) -> None:
        left, self.requests = list(answers), list[str]()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self) -> None:
                self.rfile.read(int(self.headers.get("Content-Length") or 0))
                outer.requests.append(self.command)
                status, body = left.pop(0) if len(left) > 1 else left[0]
                self.send_response(status)
                self.send_header("Content-Type", "application/xml" if body.startswith("<") else "text/plain")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body.encode())

            do_PUT = do_GET = do_POST = do_DELETE = answer

            def log_message(self, format: str, *args: object) -> None:
                """Nothing: the test looks at the requests."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        self.endpoint = f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Scripted:
        self._thread.start()
        return self

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def said(code: str) -> str:
    return f"<Error><Code>{code}</Code><Message>s3cr3t</Message><StringToSign>s3cr3t</StringToSign></Error>"


def plain(tmp_path: Path, endpoint: str) -> S3Store:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        (tmp_path / name).write_text("s3cr3t")
    return S3Store(Store("bucket", "key", endpoint=endpoint, path_style=True), str(tmp_path), timeouts=QUICK)


@pytest.mark.parametrize(
    ("answer", "kind", "tries"),
    [
        ((507, said("XMinioStorageFull")), StoreFull, 1),
        ((400, said("QuotaExceeded")), StoreFull, 1),
        ((507, "full"), StoreFull, 1),
        ((503, said("SlowDown")), TooSlow, 3),
        ((429, said("TooManyRequests")), TooSlow, 3),
        ((503, "a proxy's page"), Unreachable, 3),
        ((502, ""), Unreachable, 3),
        ((500, said("InternalError")), Unreachable, 3),
        ((403, said("RequestTimeTooSkewed")), WrongClock, 1),
        ((404, "a web server's page"), Unreachable, 1),
        ((403, "<html>"), Unreachable, 1),
    ],
)
def test_what_a_store_answers_that_is_in_trouble(
    tmp_path: Path, answer: tuple[int, str], kind: type[StoreError], tries: int
) -> None:
    with Scripted(answer) as store, pytest.raises(kind) as caught:
        plain(tmp_path, store.endpoint).write("key", b"data")
    assert len(store.requests) == tries
    assert "s3cr3t" not in str(caught.value)
    assert caught.value.__suppress_context__


def test_a_store_that_is_overwhelmed_for_a_moment(tmp_path: Path) -> None:
    with Scripted((503, said("SlowDown")), (503, said("SlowDown")), (200, "")) as store:
        plain(tmp_path, store.endpoint).write("key", b"data")
    assert store.requests == ["PUT", "PUT", "PUT"]


def test_an_upload_that_the_store_fails_to_complete_is_no_success(tmp_path: Path) -> None:
    """S3 may answer 200, and say in the body that it failed."""
    begun = "<InitiateMultipartUploadResult><UploadId>u</UploadId></InitiateMultipartUploadResult>"
    answers = (200, begun), (200, ""), (200, said("InternalError")), (204, "")
    with Scripted(*answers) as store, pytest.raises(StoreError, match="did not complete the upload"):
        plain(tmp_path, store.endpoint).put("key", iter([bytes(PART)]))
    assert store.requests == ["POST", "PUT", "POST", "DELETE"]


@pytest.mark.parametrize(
    "store", [Store("my..bucket", "key"), Store("192.168.1.1", "key"), Store("bucket", "key", endpoint="https://minio:99999")]
)
def test_names_that_no_store_has(tmp_path: Path, store: Store) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        (tmp_path / name).write_text("s3cr3t")
    with pytest.raises(StoreError, match="S3 has no such names") as caught:
        S3Store(store, str(tmp_path))
    assert caught.value.permanent


def test_amazon_is_reached_by_the_name_of_the_bucket(tmp_path: Path) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        (tmp_path / name).write_text("key")
    s3 = S3Store(Store("bucket", "key", region="eu-central-1"), str(tmp_path))
    assert s3._client.get_presigned_url("GET", "bucket", "a").startswith("https://bucket.s3.eu-central-1.amazonaws.com/a?")
    s3 = S3Store(Store("bucket", "key", region="eu-central-1", path_style=True), str(tmp_path))
    assert s3._client.get_presigned_url("GET", "bucket", "a").startswith("https://s3.eu-central-1.amazonaws.com/bucket/a?")


def test_a_whole_backup_from_engine_to_engine(s3: S3Store) -> None:
    key = str(pyrage.x25519.Identity.generate())
    recipients = encryption.keys(key).recipients
    subject = Subject("ns", "name", "uid")
    for number in range(3):
        packing = Packing(noise(3 * PART + number), "zstd", recipients)
        name = f"2026112{number}T000000Z-0000000{number}"
        s3.put(f"{subject.folder}/{name}/snapshot.db.zst.age", iter(packing))
        marker = Marker(
            name, "etcd", f"2026-11-2{number}T00:00:00Z", subject, "schedule:u", "3.6.0",
            packing.archive.blob("snapshot.db.zst.age"), packing.content.blob("snapshot.db"), "zstd", recipients,
        )  # fmt: skip
        assert name not in [entry.id for entry in catalog.listed(s3, subject.folder).entries]
        catalog.commit(s3, marker)
    pruned = catalog.prune(s3, subject, "schedule:u", Rules(keep_last=2), time.time())
    assert (pruned.removed, pruned.kept, pruned.warnings) == (("20261120T000000Z-00000000",), 2, ())
    found = catalog.listed(s3, subject.folder)
    newest = catalog.pick(found, "latest").marker
    content = hashlib.sha256()
    for chunk in unpack(s3.get(f"{newest.folder}/{newest.archive.name}"), newest, key):
        content.update(chunk)
    assert content.hexdigest() == hashlib.sha256(b"".join(noise(3 * PART + 2))).hexdigest()
    assert len(s3.list(subject.folder)) == 4


STREAMING = """
import json, os, sys, time
from davit.backup.model import Store
from davit.backup.s3 import S3Store
from davit.backup.stream import Packing
from davit.backup import encryption
store, credentials, ca, size, compression, recipient = sys.argv[1:]
s3 = S3Store(Store.from_json(json.loads(store)), credentials, ca)
def peak():
    # Not ru_maxrss, which begins with that of the process that forked us.
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) // 1024 for line in status if line.startswith("VmHWM:"))
before = peak()
def source():
    for number in range(int(size) * 8):
        yield os.urandom(65536) + bytes(65536)
began = time.monotonic()
packing = Packing(source(), compression, (recipient,) if recipient else ())
s3.put("archive", iter(packing))
seconds = time.monotonic() - began
print(json.dumps({"before": before, "peak": peak(), "seconds": seconds,
    "archive": packing.archive.size, "size": s3.size("archive")}))
"""


@pytest.mark.parametrize(("compression", "encrypted"), [("zstd", True), ("none", False)])
def test_a_long_stream_needs_little_memory(
    server: MinioServer, store: Store, compression: str, encrypted: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    recipient = str(pyrage.x25519.Identity.generate().to_public()) if encrypted else ""
    folder = server.credentials(server.root, server.password)
    argv = [sys.executable, "-OO", "-c", STREAMING, json.dumps(store.to_json()), str(folder), str(server.ca), "200"]
    source = Path(catalog.__file__).parents[2]
    done = subprocess.run(
        [*argv, compression, recipient],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(source)},
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    with capsys.disabled():
        print(f"\n200 MiB, {compression}, encrypted {encrypted}: {found}")
    assert found["peak"] < 90
    assert found["size"] == found["archive"]
