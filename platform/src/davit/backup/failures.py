"""What a store's answer or a broken connection means to a person. Pure: codes and kinds go in, no text of others comes out."""

from __future__ import annotations

import errno
import re
import socket
import ssl
from collections.abc import Iterator
from dataclasses import dataclass

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
from davit.backup.model import Store

_CODE = re.compile(r"[A-Za-z0-9.]{1,64}")


@dataclass(frozen=True, slots=True)
class _Said:
    """Some codes of S3 and what they mean; in the text stand bucket, url, secret, region, code, said and object."""

    error: type[StoreError]
    text: str
    codes: tuple[str, ...]
    statuses: tuple[int, ...] = ()
    permanent: bool | None = None


_MEANINGS = (
    _Said(
        AccessDenied,
        "The store at {url} does not know the access key ({code}): correct AWS_ACCESS_KEY_ID in Secret {secret}.",
        ("InvalidAccessKeyId", "InvalidSecurity", "InvalidClientTokenId"),
    ),
    _Said(
        AccessDenied,
        "The secret key does not fit the access key ({code}): correct AWS_SECRET_ACCESS_KEY in Secret {secret}.",
        ("SignatureDoesNotMatch",),
    ),
    _Said(
        AccessDenied,
        "The session token is not valid any more ({code}): renew the credentials in Secret {secret}.",
        ("ExpiredToken", "ExpiredTokenException", "InvalidToken", "TokenRefreshRequired"),
    ),
    _Said(
        WrongClock,
        "The clock of this node and that of the store at {url} differ by too much ({code}): set both by NTP.",
        ("RequestTimeTooSkewed", "RequestExpired", "RequestNotValidYet"),
    ),
    _Said(
        StoreFull,
        "There is no room in bucket {bucket}, {said}: make room or raise the quota.",
        ("XMinioStorageFull", "XMinioAdminBucketQuotaExceeded", "QuotaExceeded", "InsufficientStorage", "EntityTooLarge"),
        (507,),
    ),
    _Said(
        TooSlow,
        "The store can't keep up, {said}: back up at another time, or give it more capacity.",
        ("SlowDown", "SlowDownRead", "SlowDownWrite", "RequestTimeout", "TooManyRequests", "Throttling", "RequestLimitExceeded"),
        (429,),
    ),
    _Said(
        BucketMissing,
        "There is no bucket {bucket} at {url} ({code}): create it, or correct bucket, endpoint and region.",
        ("NoSuchBucket", "InvalidBucketName"),
    ),
    _Said(Missing, "s3://{bucket}/{object} is not there: {said}.", ("NoSuchKey", "NoSuchVersion")),
    _Said(
        StoreError,
        "Bucket {bucket} is not in region {region} ({code}): correct region or endpoint.",
        ("AuthorizationHeaderMalformed", "PermanentRedirect", "TemporaryRedirect", "InvalidRegion"),
        permanent=True,
    ),
    _Said(
        Corrupt,
        "Bytes were changed on the way to the store ({code}).",
        ("BadDigest", "InvalidDigest", "XAmzContentSHA256Mismatch", "IncompleteBody"),
        permanent=False,
    ),
    _Said(Corrupt, "s3://{bucket}/{object} was replaced while it was read.", ("PreconditionFailed",), (412,), permanent=False),
    _Said(
        AccessDenied,
        "The key pair in Secret {secret} may not do this in bucket {bucket}: {said}. Allow it to get, put, list and delete.",
        ("AccessDenied", "AllAccessDisabled", "AccountProblem", "NotSignedUp", "MethodNotAllowed", "ObjectLocked"),
        (401, 403),
    ),
    _Said(
        Unreachable,
        "The store is not able to serve: {said}.",
        ("ServiceUnavailable", "InternalError", "XMinioServerNotInitialized", "XMinioBackendDown", "NoSuchUpload"),
        tuple(range(500, 600)),
    ),
)
"""The first that knows the code, else the first that knows the HTTP status."""


def of_code(store: Store, code: str, status: int, key: str = "") -> StoreError:
    """What an error code of S3 means; `status` is the HTTP status beside it, `key` what was asked for."""
    shown = code if _CODE.fullmatch(code) else f"HTTP {status}"
    names = {
        "bucket": store.bucket, "url": store.url, "secret": store.secret, "region": store.region, "object": key,
        "code": shown, "said": f"the store at {store.url} said {shown}",
    }  # fmt: skip
    found = next((m for m in _MEANINGS if code in m.codes), None) or next((m for m in _MEANINGS if status in m.statuses), None)
    if found is None:
        return StoreError(f"A request for bucket {store.bucket} was refused: {names['said']} (HTTP {status}).")
    return found.error(found.text.format_map(names), permanent=found.permanent)


def of_status(store: Store, status: int) -> StoreError:
    """What an answer means that is not S3's: of a proxy, or of something else at this address."""
    if status == 507:
        return StoreFull(f"There is no room in bucket {store.bucket}: the store at {store.url} answered HTTP {status}.")
    if status == 429:
        return TooSlow(f"The store at {store.url} can't keep up (HTTP {status}): back up at another time.")
    if status >= 500:
        return Unreachable(f"The store at {store.url} is not able to serve (HTTP {status}).")
    return Unreachable(
        f"What answers at {store.url} is no S3 (HTTP {status}): correct endpoint, and see whether it is http or https."
    )


def of_connection(store: Store, error: BaseException) -> StoreError:
    """What a failed connection means, by the kinds of errors in it and never by their texts."""
    causes = list(_causes(error))
    for cause in causes:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return CertificateRefused(f"The certificate of {store.url} is refused ({cause.verify_message}): {_remedy(store)}")
    if any(isinstance(cause, ssl.SSLError) and not _timed_out(cause) and _handshake(cause) for cause in causes):
        return Unreachable(f"What answers at {store.url} speaks no TLS that is understood: correct endpoint, perhaps it is http.")
    if any(_timed_out(cause) for cause in causes):
        return TooSlow(f"The store at {store.url} did not answer in time.")
    if any(isinstance(cause, socket.gaierror) or type(cause).__name__ == "NameResolutionError" for cause in causes):
        return Unreachable(f"The host of {store.url} has no address: correct endpoint, or see to the DNS.")
    number = next((c.errno for c in causes if isinstance(c, OSError) and not isinstance(c, ssl.SSLError) and c.errno), None)
    why = f" ({errno.errorcode[number]})" if number and number in errno.errorcode else ""
    return Unreachable(f"The connection to {store.url} failed or broke off{why}.")


def _remedy(store: Store) -> str:
    if store.ca:
        return f"put the CA that signed it into {store.ca.kind} {store.ca.name}, and use a host name that it has."
    return "name the CA that signed it in ca, and use a host name that it has."


def _handshake(error: ssl.SSLError) -> bool:
    return not isinstance(error, ssl.SSLEOFError | ssl.SSLZeroReturnError | ssl.SSLSyscallError)


def _timed_out(error: BaseException) -> bool:
    return isinstance(error, TimeoutError) or "Timeout" in type(error).__name__


def _causes(error: BaseException) -> Iterator[BaseException]:
    """The error and all that is in it: urllib3 keeps the first one as `reason` or among the arguments."""
    seen: list[BaseException] = []
    waiting: list[object] = [error]
    while waiting:
        found = waiting.pop(0)
        if isinstance(found, BaseException) and not any(found is one for one in seen):
            seen.append(found)
            yield found
            waiting += [found.__cause__, found.__context__, getattr(found, "reason", None), *found.args]
