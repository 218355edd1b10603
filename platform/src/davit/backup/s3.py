"""The ObjectStore on anything that speaks S3, by minio's client.

Memory: three parts of 5 MiB, one that is filled while two are on their way. Time: every connection, read and write has a limit.
Integrity on the way: Content-MD5 over TLS, the SHA-256 in the signature without. Messages name bucket, endpoint and the
store's error code, never what the store or a library wrote, which may hold keys and signatures.
"""

from __future__ import annotations

import ssl
import time
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit
from xml.etree.ElementTree import ParseError

import certifi
import urllib3
from minio import Minio
from minio.datatypes import Part
from minio.error import InvalidResponseError, MinioException, S3Error, ServerError
from minio.helpers import check_bucket_name

from davit.backup.errors import CertificateRefused, Corrupt, CredentialsMissing, Missing, StoreError
from davit.backup.failures import of_code, of_connection, of_status
from davit.backup.model import CA_FILE, CA_FOLDER, STORE_FOLDER, Store
from davit.backup.pipe import close

PART = 5 * 1024 * 1024
"""Bytes of every part but the last: the least that S3 allows; some stores want all of one size."""
BUFFERS = 3
"""With two, one part at a time is on its way while the other is filled, and the store's answer to each is waited for."""
PARTS = 10_000
"""As many as S3 allows, so that an object has 48 GiB at most."""
CHUNK = 256 * 1024
T = TypeVar("T")
Parts = list[Part]


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds until a connection stands, and until an answer goes on; how often to try again, and the first pause."""

    connect: float = 10.0
    read: float = 60.0
    retries: int = 4
    pause: float = 0.5


class _Client(Minio):
    """Minio's own steps of an upload: its `put_object` reads a stream to its end after a part has failed."""

    def bucket_in_path(self, wanted: bool) -> None:
        self._base_url.virtual_style_flag = not wanted

    def begin(self, bucket: str, name: str) -> str:
        return self._create_multipart_upload(bucket, name, {"Content-Type": "application/octet-stream"})

    def part(self, bucket: str, name: str, data: memoryview, upload: str, number: int) -> str:
        return self._upload_part(bucket, name, data, None, upload, number)  # type: ignore[arg-type]

    def complete(self, bucket: str, name: str, upload: str, parts: list[Part]) -> str | None:
        return self._complete_multipart_upload(bucket, name, upload, parts).etag

    def abort(self, bucket: str, name: str, upload: str) -> None:
        self._abort_multipart_upload(bucket, name, upload)

    def whole(self, bucket: str, name: str, data: memoryview | bytes) -> None:
        self._put_object(bucket, name, data, {"Content-Type": "application/octet-stream"})  # type: ignore[arg-type]

    def unfinished(self, bucket: str, prefix: str) -> list[tuple[str, str]]:
        found = self._list_multipart_uploads(bucket, prefix=prefix).uploads
        return [(upload.object_name, upload.upload_id) for upload in found if upload.upload_id]


class S3Store:
    """An ObjectStore in a bucket.

    credentials, ca: folders where the Secrets are mounted. Raises CredentialsMissing and CertificateRefused at once;
    connects at the first use.
    """

    def __init__(
        self, store: Store, credentials: str = STORE_FOLDER, ca: str = CA_FOLDER, timeouts: Timeouts | None = None
    ) -> None:
        self._store, self._timeouts = store, timeouts or Timeouts()
        context = _trusted(store, ca)
        url = urlsplit(store.endpoint or "https://s3.amazonaws.com")
        access = _secret(store, credentials, "AWS_ACCESS_KEY_ID")
        secret = _secret(store, credentials, "AWS_SECRET_ACCESS_KEY")
        token = _secret(store, credentials, "AWS_SESSION_TOKEN", required=False)
        pool = _pool(context, self._timeouts)
        try:
            check_bucket_name(store.bucket, s3_check=not store.endpoint)
            self._client = _Client(url.netloc, access, secret, token, url.scheme == "https", store.region, pool)
        except ValueError:
            where = f"bucket {store.bucket}, endpoint {store.url} and region {store.region}"
            raise StoreError(f"S3 has no such names: correct {where}.", permanent=True) from None
        self._client.bucket_in_path(store.path_style)

    def put(self, key: str, chunks: Iterator[bytes]) -> int:
        """In one piece where it fits into a part, else in parts; an upload that fails is given up at the store."""
        try:
            return self._put(self._store.key(key), chunks)
        finally:
            close(chunks)

    def get(self, key: str) -> Iterator[bytes]:
        """Goes on where it was after a connection broke; of the same object, or Corrupt is raised."""
        name = self._store.key(key)
        offset, etag, left = 0, "", self._timeouts.retries
        while True:
            headers: dict[str, Any] = {"If-Match": etag} if offset and etag else {}
            response = self._call(partial(self._open, name, offset, headers), name)
            etag = response.headers.get("etag", "")
            if offset and response.status != 206:
                response.close()
                raise StoreError(f"The connection to {self._store.url} broke, and the store can't go on in the middle.")
            try:
                for chunk in response.stream(CHUNK, decode_content=False):
                    offset, left = offset + len(chunk), self._timeouts.retries
                    yield chunk
                return
            except urllib3.exceptions.HTTPError as error:
                if left == 0:
                    raise of_connection(self._store, error) from None
                time.sleep(self._pause(left))
                left -= 1
            finally:
                response.close()

    def read(self, key: str, limit: int) -> bytes:
        """In one piece."""
        found = bytearray()
        stream = self.get(key)
        for chunk in stream:
            found += chunk
            if len(found) > limit:
                raise Corrupt(f"{self._store.location(key)} has more than {limit} bytes.")
        return bytes(found)

    def write(self, key: str, data: bytes) -> None:
        """In one piece."""
        name = self._store.key(key)
        self._call(lambda: self._client.whole(self._store.bucket, name, data), name)

    def size(self, key: str) -> int | None:
        """By a listing: the answer to a HEAD says nothing when it fails."""
        name = self._store.key(key)
        for found in self._listing(name, recursive=True):
            return int(found.size or 0) if found.object_name == name else None
        return None

    def folders(self, prefix: str) -> list[str]:
        """By a listing with a delimiter."""
        below = self._below(prefix)
        found = self._listing(below, recursive=False)
        return sorted((o.object_name or "")[len(below) :].rstrip("/") for o in found if o.is_dir)

    def list(self, prefix: str) -> dict[str, int]:
        """By listings of a thousand."""
        start = len(self._store.key("x")) - 1
        found = self._listing(self._below(prefix), recursive=True)
        return dict(sorted(((o.object_name or "")[start:], int(o.size or 0)) for o in found if not o.is_dir))

    def delete(self, key: str) -> None:
        """Where the bucket keeps versions, this leaves one behind; the bucket's own rules remove those."""
        name = self._store.key(key)
        with suppress(Missing):
            self._call(lambda: self._client.remove_object(self._store.bucket, name), name)

    def abort_uploads(self, prefix: str) -> int:
        """MinIO lists the uploads of a whole key only, and removes them itself after a day."""
        name, aborted = self._store.key(prefix), set[tuple[str, str]]()
        while True:
            found = self._call(lambda: self._client.unfinished(self._store.bucket, name), name)
            if not set(found) - aborted:
                return len(aborted)
            for upload in found:
                with suppress(Missing):
                    self._abort(*upload)
                aborted.add(upload)

    def _put(self, name: str, chunks: Iterator[bytes]) -> int:
        bucket, buffer = self._store.bucket, bytearray(PART)
        rest = memoryview(b"")
        filled, rest = _fill(buffer, rest, chunks)
        if filled < PART:
            self._call(lambda: self._client.whole(bucket, name, memoryview(buffer)[:filled]), name)
            return filled
        upload = self._call(lambda: self._client.begin(bucket, name), name)
        try:
            parts, size = self._send(name, upload, buffer, rest, chunks)
            if not self._call(lambda: self._client.complete(bucket, name, upload, parts), name):
                # S3 may answer 200 and say in the body that it failed.
                raise StoreError(f"The store did not complete the upload to {self._store.location()}.")
        except BaseException:
            with suppress(StoreError):
                self._abort(name, upload)
            raise
        return size

    def _send(self, name: str, upload: str, buffer: bytearray, rest: memoryview, chunks: Iterator[bytes]) -> tuple[Parts, int]:
        """All parts; buffers go round, and one is filled again only when its part has arrived: meanwhile the other is sent."""
        free = deque(bytearray(PART) for _ in range(BUFFERS - 1))
        sending: deque[tuple[Future[str], bytearray]] = deque()
        etags: list[str] = []
        filled, size = PART, 0
        with ThreadPoolExecutor(BUFFERS, "part") as threads:
            try:
                while filled:
                    number = len(etags) + len(sending) + 1
                    if number > PARTS:
                        raise StoreError(
                            f"The archive has more than {PART * PARTS} bytes, more than can be stored.", permanent=True
                        )
                    sending.append((threads.submit(self._part, name, upload, number, memoryview(buffer)[:filled]), buffer))
                    size += filled
                    if filled < PART:
                        break
                    if not free:
                        done, emptied = sending.popleft()
                        etags.append(done.result())
                        free.append(emptied)
                    buffer = free.popleft()
                    filled, rest = _fill(buffer, rest, chunks)
                etags += [done.result() for done, _ in sending]
            except BaseException:
                threads.shutdown(wait=True, cancel_futures=True)
                raise
        return [Part(number, etag) for number, etag in enumerate(etags, 1)], size

    def _part(self, name: str, upload: str, number: int, data: memoryview) -> str:
        return self._call(lambda: self._client.part(self._store.bucket, name, data, upload, number), name)

    def _abort(self, name: str, upload: str) -> None:
        self._call(lambda: self._client.abort(self._store.bucket, name, upload), name)

    def _open(self, name: str, offset: int, headers: dict[str, Any]) -> urllib3.BaseHTTPResponse:
        return self._client.get_object(self._store.bucket, name, offset=offset, request_headers=headers)

    def _below(self, prefix: str) -> str:
        return f"{self._store.key(prefix)}/" if self._store.key(prefix) else ""

    def _listing(self, prefix: str, recursive: bool) -> Iterator[Any]:
        listing = iter(self._client.list_objects(self._store.bucket, prefix=prefix, recursive=recursive))
        while (found := self._call(lambda: next(listing, None), prefix)) is not None:
            yield found

    def _call(self, work: Callable[[], T], name: str) -> T:
        """Do it again where the store says that it is overwhelmed; connections are retried below."""
        for left in range(self._timeouts.retries, -1, -1):
            try:
                return work()
            except (MinioException, urllib3.exceptions.HTTPError, ParseError, ValueError, OSError) as error:
                failure = self._failure(error, name)
                if left == 0 or not _overwhelmed(error):
                    # Without a cause: the text of the library's error may hold signatures.
                    raise failure from None
            time.sleep(self._pause(left))
        raise AssertionError("not reached")

    def _pause(self, left: int) -> float:
        return self._timeouts.pause * float(2 ** (self._timeouts.retries - left))

    def _failure(self, error: Exception, name: str) -> StoreError:
        if isinstance(error, S3Error):
            return of_code(self._store, error.code or "", error.response.status, name)
        if isinstance(error, ServerError):
            return of_status(self._store, error.status_code)
        if isinstance(error, InvalidResponseError):
            return of_status(self._store, int(getattr(error, "_code", 0) or 0))
        if isinstance(error, ParseError | ValueError):
            return of_status(self._store, 200)
        return of_connection(self._store, error)


def _overwhelmed(error: Exception) -> bool:
    if isinstance(error, S3Error):
        return error.response.status in (429, 500, 502, 503, 504)
    if isinstance(error, ServerError):
        return error.status_code in (429, 500, 502, 503, 504)
    return isinstance(error, InvalidResponseError) and getattr(error, "_code", 0) in (429, 500, 502, 503, 504)


def _fill(buffer: bytearray, rest: memoryview, chunks: Iterator[bytes]) -> tuple[int, memoryview]:
    """Fill the buffer with what was left over and with chunks; how much is in it, and what is left over now."""
    view, filled = memoryview(buffer), 0
    while filled < len(view):
        if not rest:
            chunk = next(chunks, None)
            if chunk is None:
                break
            rest = memoryview(chunk)
        taken = rest[: len(view) - filled]
        view[filled : filled + len(taken)] = taken
        filled, rest = filled + len(taken), rest[len(taken) :]
    return filled, rest


def _pool(context: ssl.SSLContext, timeouts: Timeouts) -> urllib3.PoolManager:
    return urllib3.PoolManager(
        maxsize=BUFFERS + 1,
        timeout=urllib3.Timeout(connect=timeouts.connect, read=timeouts.read),
        ssl_context=context,
        retries=urllib3.Retry(
            total=timeouts.retries,
            redirect=0,
            raise_on_redirect=False,
            status=0,
            raise_on_status=False,
            respect_retry_after_header=False,
            backoff_factor=timeouts.pause,
        ),
    )


def _trusted(store: Store, folder: str) -> ssl.SSLContext:
    if store.ca is None:
        return ssl.create_default_context(cafile=certifi.where())
    of = f"{store.ca.kind} {store.ca.name}"
    path = Path(folder) / CA_FILE
    if not path.is_file():
        raise CredentialsMissing(
            f"{of} is missing, or has no key {store.ca.key}: put the PEM certificates of the store's CA there."
        )
    try:
        return ssl.create_default_context(cafile=str(path))
    except (ssl.SSLError, OSError, ValueError) as error:
        raise CertificateRefused(
            f"Key {store.ca.key} of {of} holds no PEM certificates: put those of the store's CA there."
        ) from error


def _secret(store: Store, folder: str, key: str, required: bool = True) -> str | None:
    try:
        # Files often end with a line break that is no part of the key.
        found = (Path(folder) / key).read_text("ascii").strip()
    except (OSError, UnicodeDecodeError):
        found = ""
    if found and found.isprintable() and " " not in found:
        return found
    if found or required:
        raise CredentialsMissing(f"Secret {store.secret} is missing, or its key {key} is missing or holds what can't be a key.")
    return None
