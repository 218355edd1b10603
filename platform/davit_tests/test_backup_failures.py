"""What a store's answers and broken connections are called, and that no text of others gets into a message."""

from __future__ import annotations

import errno
import socket
import ssl

import pytest
import urllib3
from davit.backup import errors
from davit.backup.errors import (
    AccessDenied,
    BucketMissing,
    CertificateRefused,
    Corrupt,
    Missing,
    StoreError,
    StoreFull,
    TooSlow,
    Unreachable,
    WrongClock,
)
from davit.backup.failures import of_code, of_connection, of_status
from davit.backup.model import Store
from hypothesis import given
from hypothesis import strategies as st

STORE = Store("backups", "minio-key", endpoint="https://minio:9000", region="eu")


@pytest.mark.parametrize(
    ("code", "status", "kind", "permanent", "words"),
    [
        ("AccessDenied", 403, AccessDenied, True, "The key pair in Secret minio-key may not do this in bucket backups"),
        ("InvalidAccessKeyId", 403, AccessDenied, True, "AWS_ACCESS_KEY_ID"),
        ("SignatureDoesNotMatch", 403, AccessDenied, True, "AWS_SECRET_ACCESS_KEY"),
        ("ExpiredToken", 400, AccessDenied, True, "session token"),
        ("SomethingNew", 403, AccessDenied, True, "said SomethingNew"),
        ("RequestTimeTooSkewed", 403, WrongClock, False, "clock"),
        ("XMinioStorageFull", 507, StoreFull, False, "no room in bucket backups"),
        ("QuotaExceeded", 400, StoreFull, False, "quota"),
        ("SomethingNew", 507, StoreFull, False, "no room"),
        ("SlowDown", 503, TooSlow, False, "can't keep up"),
        ("RequestTimeout", 400, TooSlow, False, "can't keep up"),
        ("", 429, TooSlow, False, "HTTP 429"),
        ("NoSuchBucket", 404, BucketMissing, True, "There is no bucket backups at https://minio:9000"),
        ("NoSuchKey", 404, Missing, True, "s3://backups/some/key is not there"),
        ("PermanentRedirect", 301, StoreError, True, "not in region eu"),
        ("BadDigest", 400, Corrupt, False, "changed on the way"),
        ("PreconditionFailed", 412, Corrupt, False, "replaced"),
        ("InternalError", 500, Unreachable, False, "InternalError"),
        ("", 502, Unreachable, False, "HTTP 502"),
        ("MalformedXML", 400, StoreError, False, "MalformedXML (HTTP 400)"),
    ],
)
def test_codes(code: str, status: int, kind: type[StoreError], permanent: bool, words: str) -> None:
    found = of_code(STORE, code, status, "some/key")
    assert type(found) is kind
    assert found.permanent is permanent
    assert words in found.message


@given(st.text(max_size=100), st.integers(300, 599))
def test_only_what_looks_like_a_code_is_repeated(code: str, status: int) -> None:
    found = of_code(STORE, code + "<secret>", status)
    assert "<secret>" not in found.message


@pytest.mark.parametrize(
    ("status", "kind"), [(200, Unreachable), (400, Unreachable), (429, TooSlow), (502, Unreachable), (507, StoreFull)]
)
def test_answers_that_are_not_of_s3(status: int, kind: type[StoreError]) -> None:
    found = of_status(STORE, status)
    assert type(found) is kind
    assert not found.permanent


def wrapped(inner: Exception) -> Exception:
    """As urllib3 hands it out, with a URL in its text that holds a signature."""
    pool = urllib3.HTTPSConnectionPool("minio")
    return urllib3.exceptions.MaxRetryError(pool, "/x?X-Amz-Signature=s3cr3t", inner)


def verification() -> ssl.SSLCertVerificationError:
    found = ssl.SSLCertVerificationError(1, "certificate verify failed")
    found.verify_code, found.verify_message = 18, "self-signed certificate"
    return found


@pytest.mark.parametrize(
    ("inner", "kind", "words"),
    [
        (urllib3.exceptions.SSLError(verification()), CertificateRefused, "self-signed certificate"),
        (urllib3.exceptions.SSLError(ssl.SSLError(1, "[SSL: WRONG_VERSION_NUMBER] s3cr3t")), Unreachable, "speaks no TLS"),
        (urllib3.exceptions.SSLError(ssl.SSLEOFError(8, "EOF s3cr3t")), Unreachable, "failed or broke off"),
        (urllib3.exceptions.ReadTimeoutError(urllib3.HTTPSConnectionPool("m"), "/s3cr3t", "s3cr3t"), TooSlow, "did not answer"),
        (urllib3.exceptions.ProtocolError("aborted", TimeoutError("s3cr3t")), TooSlow, "did not answer"),
        (
            urllib3.exceptions.ProtocolError("aborted", ConnectionResetError(errno.ECONNRESET, "s3cr3t")),
            Unreachable,
            "ECONNRESET",
        ),
        (urllib3.exceptions.ProtocolError("s3cr3t"), Unreachable, "failed or broke off."),
        (OSError(99999, "s3cr3t"), Unreachable, "failed or broke off."),
        (socket.gaierror(-2, "s3cr3t"), Unreachable, "has no address"),
    ],
)
def test_connections(inner: Exception, kind: type[StoreError], words: str) -> None:
    for error in (inner, wrapped(inner)):
        found = of_connection(STORE, error)
        assert type(found) is kind
        assert words in found.message
        assert "https://minio:9000" in found.message
        assert "s3cr3t" not in found.message


def test_every_error_has_a_reason_of_its_own_and_stands_in_the_overview() -> None:
    kinds = StoreError.__subclasses__()
    assert len({kind.reason for kind in kinds}) == len(kinds) == 13
    assert all(f" {kind.__name__} " in (errors.__doc__ or "") for kind in kinds)
