"""The nouns of backups: where they go, whose they are, and what the store says of each. Frozen, no I/O."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from davit.backup import api

Json = dict[str, Any]

STORE_FOLDER = "/etc/davit/store"
CA_FOLDER = "/etc/davit/ca"
CIPHER_FOLDER = "/etc/davit/encryption"
MARKER_FILE = "backup.json"
VERIFIED_FILE = "verified.json"
REFUSED_FILE = "refused.json"
CA_FILE = "ca.crt"
LIMIT = 64 * 1024
"""Bytes that a marker may have; a longer one is not ours."""

_FORMAT = "davit.dev/backup/v1"
_VERIFIED_FORMAT = "davit.dev/verified/v1"
_REFUSED_FORMAT = "davit.dev/refused/v1"
_YEARS = (2000, 9000)
"""In which a marker's time may be: at the ends of the calendar no time can be reckoned with."""
_ID = re.compile(r"[0-9]{8}T[0-9]{6}Z-[0-9a-f]{8}")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
_DAYS = {"h": 3600, "d": 86400, "w": 7 * 86400, "m": 30 * 86400, "y": 365 * 86400}
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
_DURATION = re.compile(r"([0-9]+(?:\.[0-9]+)?)(ms|s|m|h)")


@dataclass(frozen=True, slots=True)
class Ca:
    """Where the certificates are by which a store's own is judged: `kind` is Secret or ConfigMap."""

    kind: str
    name: str
    key: str


@dataclass(frozen=True, slots=True)
class Store:
    """A bucket, and how to reach it; all defaults filled in, no secrets.

    endpoint: URL without a path, empty for Amazon S3 in the region; prefix: without slashes at its ends, may be empty;
    secret: name of the Secret with the key pair.
    """

    bucket: str
    secret: str
    prefix: str = ""
    endpoint: str = ""
    region: str = "us-east-1"
    path_style: bool = False
    ca: Ca | None = None

    @classmethod
    def of(cls, given: api.ObjectStore) -> Store:
        """What the user's `objectStore` means."""
        ca = given.ca
        return cls(
            bucket=given.bucket,
            secret=given.credentials_secret.name,
            prefix=given.prefix or "",
            endpoint=(given.endpoint or "").rstrip("/"),
            region=given.region or "us-east-1",
            path_style=bool(given.endpoint) if given.path_style is None else given.path_style,
            ca=Ca(ca.kind or "Secret", ca.name, ca.key or CA_FILE) if ca else None,
        )

    @property
    def url(self) -> str:
        """Where it is, for messages: the endpoint, also Amazon's own."""
        return self.endpoint or f"https://s3.{self.region}.amazonaws.com"

    def key(self, *parts: str) -> str:
        """The key of an object below the prefix."""
        return "/".join(part for part in (self.prefix, *parts) if part)

    def location(self, *parts: str) -> str:
        """The same as a URL such as s3://bucket/prefix/namespace/name/id."""
        return f"s3://{self.bucket}/{self.key(*parts)}"

    def to_json(self) -> Json:
        """What `from_json` reads."""
        ca = {"ca": {"kind": self.ca.kind, "name": self.ca.name, "key": self.ca.key}} if self.ca else {}
        return {
            "bucket": self.bucket, "secret": self.secret, "prefix": self.prefix, "endpoint": self.endpoint,
            "region": self.region, "pathStyle": self.path_style, **ca,
        }  # fmt: skip

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Store:
        """The inverse of `to_json`; raises KeyError or TypeError for anything else."""
        ca = data.get("ca")
        return cls(
            bucket=data["bucket"], secret=data["secret"], prefix=data["prefix"], endpoint=data["endpoint"],
            region=data["region"], path_style=data["pathStyle"],
            ca=Ca(ca["kind"], ca["name"], ca["key"]) if ca else None,
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Cipher:
    """Which Secret holds the age key, and under which of its keys."""

    secret: str
    key: str = "age.key"

    @classmethod
    def of(cls, given: api.Encryption) -> Cipher:
        """What the user's `encryption` means."""
        return cls(given.secret_name, given.key or "age.key")

    def to_json(self) -> Json:
        """What `from_json` reads."""
        return {"secret": self.secret, "key": self.key}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Cipher:
        """The inverse of `to_json`; raises KeyError for anything else."""
        return cls(data["secret"], data["key"])


@dataclass(frozen=True, slots=True)
class Subject:
    """The resource that is backed up. `uid` tells it from an earlier one of the same name."""

    namespace: str
    name: str
    uid: str

    @property
    def folder(self) -> str:
        """Where its backups are, below the store's prefix."""
        return f"{self.namespace}/{self.name}"

    def to_json(self) -> Json:
        """What `from_json` reads."""
        return {"namespace": self.namespace, "name": self.name, "uid": self.uid}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Subject:
        """The inverse of `to_json`; raises KeyError or ValueError for anything else."""
        return cls(_text(data, "namespace"), _text(data, "name"), _text(data, "uid"))


@dataclass(frozen=True, slots=True)
class Blob:
    """Some bytes: their file name, their number, and their SHA-256 in hexadecimal."""

    name: str
    size: int
    sha256: str

    def to_json(self) -> Json:
        """What `from_json` reads."""
        return {"name": self.name, "size": self.size, "sha256": self.sha256}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Blob:
        """The inverse of `to_json`; raises KeyError or ValueError for anything else."""
        name, sha256, size = _text(data, "name"), _text(data, "sha256"), data["size"]
        if not _NAME.fullmatch(name):
            raise ValueError(f"{name!r} is no file name of a backup")
        if not _SHA256.fullmatch(sha256):
            raise ValueError(f"{sha256!r} is no SHA-256")
        if not isinstance(size, int) or isinstance(size, bool) or size < 0:
            raise ValueError(f"{size!r} is no size")
        return cls(name, size, sha256)


@dataclass(frozen=True, slots=True)
class Marker:
    """`backup.json`, written last: with it the folder is a backup, without it something unfinished.

    engine: "etcd"; time: when the data was read, RFC 3339; group: which backups one retention concerns, empty for none;
    archive: the object beside the marker; content: what comes out of it; compression: "zstd" or "none";
    recipients: age's public keys, empty where it is not encrypted; facts: the engine's own, plain JSON.
    """

    id: str
    engine: str
    time: str
    subject: Subject
    group: str
    engine_version: str
    archive: Blob
    content: Blob
    compression: str
    recipients: tuple[str, ...] = ()
    facts: Mapping[str, Any] = field(default_factory=dict, hash=False)

    @property
    def at(self) -> float:
        """`time` in seconds since 1970."""
        return instant(self.time)

    @property
    def folder(self) -> str:
        """Where it is, below the store's prefix."""
        return f"{self.subject.folder}/{self.id}"

    def to_json(self) -> bytes:
        """The object's content, with a checksum over itself."""
        return _sealed(
            {
                "format": _FORMAT, "id": self.id, "engine": self.engine, "time": self.time, "subject": self.subject.to_json(),
                "group": self.group, "engineVersion": self.engine_version, "archive": self.archive.to_json(),
                "content": self.content.to_json(), "compression": self.compression, "recipients": list(self.recipients),
                "facts": dict(self.facts),
            }
        )  # fmt: skip

    @classmethod
    def parse(cls, data: bytes) -> Marker:
        """The inverse of `to_json`; raises ValueError, which says what is wrong, for anything else."""
        found = _opened(data, _FORMAT)
        try:
            marker = cls(
                id=_text(found, "id"), engine=_text(found, "engine"), time=_text(found, "time"),
                subject=Subject.from_json(found["subject"]), group=_text(found, "group"),
                engine_version=_text(found, "engineVersion"), archive=Blob.from_json(found["archive"]),
                content=Blob.from_json(found["content"]), compression=_text(found, "compression"),
                recipients=tuple(str(recipient) for recipient in found["recipients"]), facts=dict(found["facts"]),
            )  # fmt: skip
        except (KeyError, TypeError) as error:
            raise ValueError(f"a field is missing or of the wrong type: {error}") from error
        if not is_backup_id(marker.id):
            raise ValueError(f"{marker.id!r} is no id of a backup")
        if marker.compression not in ("zstd", "none"):
            raise ValueError(f"compression {marker.compression!r} is not known to this release")
        if not _YEARS[0] <= datetime.fromisoformat(marker.time).year < _YEARS[1]:
            raise ValueError(f"{marker.time!r} is no time at which a backup was made")
        instant(marker.time)
        return marker


@dataclass(frozen=True, slots=True)
class Verified:
    """`verified.json`: the backup was restored and compared. `sha256` is its archive's, so that it speaks of no other."""

    time: str
    sha256: str
    facts: Mapping[str, Any] = field(default_factory=dict, hash=False)

    def to_json(self) -> bytes:
        """The object's content, with a checksum over itself."""
        return _sealed({"format": _VERIFIED_FORMAT, "time": self.time, "sha256": self.sha256, "facts": dict(self.facts)})

    @classmethod
    def parse(cls, data: bytes) -> Verified:
        """The inverse of `to_json`; raises ValueError for anything else."""
        found = _opened(data, _VERIFIED_FORMAT)
        try:
            verified = cls(_text(found, "time"), _text(found, "sha256"), dict(found["facts"]))
        except (KeyError, TypeError) as error:
            raise ValueError(f"a field is missing or of the wrong type: {error}") from error
        instant(verified.time)
        return verified


@dataclass(frozen=True, slots=True)
class Refused:
    """`refused.json`: a verification proved the backup to be bad. `sha256` is its archive's, as in `Verified`."""

    time: str
    sha256: str
    reason: str
    message: str

    def to_json(self) -> bytes:
        """The object's content, with a checksum over itself."""
        content = {"time": self.time, "sha256": self.sha256, "reason": self.reason, "message": self.message}
        return _sealed({"format": _REFUSED_FORMAT, **content})

    @classmethod
    def parse(cls, data: bytes) -> Refused:
        """The inverse of `to_json`; raises ValueError for anything else."""
        found = _opened(data, _REFUSED_FORMAT)
        try:
            refused = cls(_text(found, "time"), _text(found, "sha256"), _text(found, "reason"), _text(found, "message"))
        except KeyError as error:
            raise ValueError(f"a field is missing: {error}") from error
        instant(refused.time)
        return refused


@dataclass(frozen=True, slots=True)
class Entry:
    """A backup that is complete in the store; one that was refused is bad, whatever was found of it before."""

    marker: Marker
    verified: Verified | None = None
    refused: Refused | None = None

    @property
    def id(self) -> str:
        """Its folder's name."""
        return self.marker.id


@dataclass(frozen=True, slots=True)
class Rules:
    """Which backups of a group are kept: what any of the counts keeps, but nothing older than `max_age` seconds.

    Without any rule all are kept; with `max_age` alone all that are younger.
    """

    keep_last: int | None = None
    hourly: int | None = None
    daily: int | None = None
    weekly: int | None = None
    monthly: int | None = None
    yearly: int | None = None
    max_age: float | None = None

    @classmethod
    def of(cls, given: api.Retention | None) -> Rules:
        """What the user's `retention` means; raises ValueError for a `maxAge` that is none."""
        if given is None:
            return cls()
        return cls(
            given.keep_last, given.hourly, given.daily, given.weekly, given.monthly, given.yearly,
            days(given.max_age) if given.max_age else None,
        )  # fmt: skip

    @property
    def counts(self) -> tuple[int | None, ...]:
        """The rules that keep something."""
        return (self.keep_last, self.hourly, self.daily, self.weekly, self.monthly, self.yearly)

    def to_json(self) -> Json:
        """What `from_json` reads."""
        found = {
            "keepLast": self.keep_last, "hourly": self.hourly, "daily": self.daily, "weekly": self.weekly,
            "monthly": self.monthly, "yearly": self.yearly, "maxAge": self.max_age,
        }  # fmt: skip
        return {name: value for name, value in found.items() if value is not None}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Rules:
        """The inverse of `to_json`."""
        return cls(
            data.get("keepLast"), data.get("hourly"), data.get("daily"), data.get("weekly"), data.get("monthly"),
            data.get("yearly"), data.get("maxAge"),
        )  # fmt: skip


def backup_id(created: str, uid: str) -> str:
    """The id of the backup that a resource asks for: the same at every try, and ids sort by time.

    created: the resource's creationTimestamp; uid: its uid. Raises ValueError where `created` is no RFC 3339 time.
    """
    moment = datetime.fromtimestamp(instant(created), UTC)
    return f"{moment:%Y%m%dT%H%M%SZ}-{hashlib.sha256(uid.encode()).hexdigest()[:8]}"


def is_backup_id(text: str) -> bool:
    """Whether it is the form of an id."""
    return bool(_ID.fullmatch(text))


def instant(text: str) -> float:
    """Seconds since 1970 of an RFC 3339 time; raises ValueError for anything else, and where the time zone is missing."""
    found = datetime.fromisoformat(text)
    if found.tzinfo is None:
        raise ValueError(f"{text!r} has no time zone: write for example 2026-11-21T10:00:00Z")
    return found.timestamp()


def seconds(text: str) -> float:
    """Seconds of a Go duration such as 1h30m or 1.5h; raises ValueError for anything else."""
    found = _DURATION.findall(text)
    if not found or "".join(number + unit for number, unit in found) != text:
        raise ValueError(f"{text!r} is not a duration: write for example 90s, 30m or 1h30m")
    return sum(float(number) * _SECONDS[unit] for number, unit in found)


def days(text: str) -> float:
    """Seconds of an age such as 72h, 30d, 8w, 12m (of 30 days) or 2y (of 365); raises ValueError for anything else."""
    if not re.fullmatch(r"[0-9]{1,9}[hdwmy]", text, re.ASCII) or not int(text[:-1]):
        raise ValueError(f"{text!r} is not an age: write for example 72h, 30d, 8w, 12m or 2y")
    return float(int(text[:-1]) * _DAYS[text[-1]])


def _text(data: Mapping[str, Any], name: str) -> str:
    value = data[name]
    if not isinstance(value, str):
        raise ValueError(f"{name} is not a text")
    return value


def _sealed(content: Json) -> bytes:
    """Indented, for people; the checksum is over the compact form with sorted keys."""
    return json.dumps({**content, "checksum": _checksum(content)}, indent=2, sort_keys=True).encode() + b"\n"


def _opened(data: bytes, form: str) -> Json:
    if len(data) > LIMIT:
        raise ValueError(f"it has more than {LIMIT} bytes")
    try:
        found = json.loads(data.decode())
    except (UnicodeDecodeError, json.JSONDecodeError, RecursionError) as error:
        raise ValueError("it is no JSON, or cut off") from error
    if not isinstance(found, dict):
        raise ValueError("it is no JSON object")
    if found.get("format") != form:
        raise ValueError(f"its format is {found.get('format')!r}, and this release reads {form}")
    if found.pop("checksum", None) != _checksum(found):
        raise ValueError("its checksum does not match: it was changed after it was written")
    return found


def _checksum(content: Json) -> str:
    compact = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return f"sha256:{hashlib.sha256(compact.encode()).hexdigest()}"
