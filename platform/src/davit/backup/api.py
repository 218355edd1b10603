"""What backups have in common in every operator's API. Every description here is what `kubectl explain` shows."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

from davit.backup.model import seconds
from davit.crd import Model

ATOMIC = {"x-kubernetes-list-type": "atomic"}
DURATION = r"^([0-9]+(\.[0-9]+)?(ms|s|m|h))+$"
DAYS = r"^[0-9]+[hdwmy]$"

Duration = Annotated[str, Field(min_length=2, max_length=32, pattern=DURATION)]
"""A Go duration such as 1h30m."""

LABEL = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"
SUBDOMAIN = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$"
SERVICE = r"^[a-z]([-a-z0-9]*[a-z0-9])?$"
DATA_KEY = r"^([-_a-zA-Z0-9]|\.[-_a-zA-Z0-9])[-._a-zA-Z0-9]*$"
"""Names by Kubernetes' rules: with a slash or `..` in them, requests and paths would lead elsewhere."""
LONGEST_DEADLINE = 72 * 3600.0
"""Seconds. Well below `davit.backup.catalog.ABANDONED`, and what the Job controller can count."""


def _must(pattern: str, remedy: str) -> AfterValidator:
    """Where the CRD that is installed does not check it yet."""
    compiled = re.compile(pattern)

    def check(value: str) -> str:
        if not compiled.fullmatch(value):
            raise PydanticCustomError("name", "{said}", {"said": f"{value!r} can't be its name: {remedy}"})
        return value

    return AfterValidator(check)


def _bounded(value: str) -> str:
    if seconds(value) > LONGEST_DEADLINE:
        raise PydanticCustomError("deadline", "{said}", {"said": f"{value} is too long: at most 72h, write for example 30m"})
    return value


def _pattern(text: str) -> dict[str, Any]:
    return {"pattern": text}


_LOWER = "write lower-case letters, digits and -"
Label = Annotated[str, _must(LABEL, _LOWER), Field(json_schema_extra=_pattern(LABEL))]
Subdomain = Annotated[str, _must(SUBDOMAIN, f"{_LOWER}, and dots between"), Field(json_schema_extra=_pattern(SUBDOMAIN))]
ServiceName = Annotated[str, _must(SERVICE, f"{_LOWER}, a letter first"), Field(json_schema_extra=_pattern(SERVICE))]
DataKey = Annotated[
    str, _must(DATA_KEY, "write letters, digits, -, _ and ., not two dots first"), Field(json_schema_extra=_pattern(DATA_KEY))
]
Deadline = Annotated[Duration, AfterValidator(_bounded)]
"""How long something may take: at most 72h."""


class CredentialsSecret(Model):
    """The Secret with the key pair of the store."""

    name: Subdomain = Field(
        min_length=1,
        max_length=253,
        description="Name of a Secret in the same namespace with the keys AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, and AWS_SESSION_TOKEN where "
        "the credentials are temporary.",
    )


class CertificateAuthority(Model):
    """Which certificates of the store are trusted."""

    kind: Literal["Secret", "ConfigMap"] | None = Field(default=None, description="Where the certificates are. Default: Secret.")
    name: Subdomain = Field(min_length=1, max_length=253, description="Name of the Secret or ConfigMap in the same namespace.")
    key: DataKey | None = Field(
        default=None, min_length=1, max_length=253, description="Key with the PEM certificates. Default: ca.crt."
    )


class ObjectStore(Model):
    """An S3-compatible object store."""

    bucket: str = Field(
        min_length=3,
        max_length=63,
        pattern=r"^[a-z0-9][a-z0-9.-]*[a-z0-9]$",
        description="The bucket. It must exist: Davit never makes or removes one.",
    )
    prefix: str | None = Field(
        default=None,
        max_length=256,
        pattern=r"^[A-Za-z0-9!_.*'()-]+(/[A-Za-z0-9!_.*'()-]+)*$",
        description="What the keys of all objects begin with, without a slash at either end. Below it come namespace, resource and backup.",
    )
    endpoint: str | None = Field(
        default=None,
        max_length=512,
        pattern=r"^https?://[A-Za-z0-9.\[\]:-]+$",
        description="URL of the store, such as https://minio.minio.svc:9000, without a path. Default: that of Amazon S3 in the region.",
    )
    region: str | None = Field(default=None, max_length=64, pattern=r"^[a-z0-9-]+$", description="Region. Default: us-east-1.")
    path_style: bool | None = Field(
        default=None,
        description="Whether the bucket stands in the URL's path instead of its host name. Default: true where endpoint is given, as most "
        "stores other than Amazon's want.",
    )
    credentials_secret: CredentialsSecret = Field(description="The Secret with the key pair of the store.")
    ca: CertificateAuthority | None = Field(
        default=None, description="Certificates by which the store's own is judged. Default: those that public authorities sign."
    )


class Encryption(Model):
    """Encryption before anything leaves the pod, in the format of age (age-encryption.org)."""

    secret_name: Subdomain = Field(
        min_length=1,
        max_length=253,
        description="Name of a Secret in the same namespace with an age key. Keep a copy elsewhere: without the key no backup can be read.",
    )
    key: DataKey | None = Field(
        default=None,
        min_length=1,
        max_length=253,
        description="Key in the Secret that holds age identities (AGE-SECRET-KEY-1...), or recipients (age1...) which can make backups but "
        "neither restore nor verify them. Default: age.key.",
    )


class Retention(Model):
    """Which backups are kept. What any of the rules keeps stays; the last good and the last verified one always stay."""

    keep_last: int | None = Field(default=None, ge=1, le=10000, description="The newest so many.")
    hourly: int | None = Field(default=None, ge=1, le=10000, description="The newest of each of so many hours that have one.")
    daily: int | None = Field(default=None, ge=1, le=10000, description="The newest of each of so many days (UTC) that have one.")
    weekly: int | None = Field(
        default=None, ge=1, le=10000, description="The newest of each of so many weeks (ISO 8601) that have one."
    )
    monthly: int | None = Field(default=None, ge=1, le=10000, description="The newest of each of so many months that have one.")
    yearly: int | None = Field(default=None, ge=1, le=10000, description="The newest of each of so many years that have one.")
    max_age: str | None = Field(
        default=None,
        max_length=16,
        pattern=DAYS,
        description="Nothing older is kept whatever the other rules say, such as 72h, 30d, 8w, 12m (of 30 days) or 2y. Alone it keeps all that is younger.",
    )


class RestoreSource(Model):
    """Which backup: one of this namespace by name, or one that is found in a store."""

    backup: Subdomain | None = Field(
        default=None,
        min_length=1,
        max_length=253,
        description="Name of a backup resource in the same namespace that succeeded; it says where the backup is.",
    )
    object_store: ObjectStore | None = Field(
        default=None, description="The store to look in, for a backup that this Kubernetes cluster knows nothing of."
    )
    encryption: Encryption | None = Field(
        default=None, description="The age identity with which to read the backup, where it is not the one that it was made with."
    )
    namespace: Label | None = Field(
        default=None,
        max_length=63,
        description="With objectStore: namespace of the resource that was backed up. Default: this one.",
    )
    name: Subdomain | None = Field(
        default=None,
        max_length=63,
        description="With objectStore: name of the resource that was backed up. Default: that of the target.",
    )
    id: str | None = Field(
        default=None,
        max_length=64,
        pattern=r"^(latest|latestVerified|[0-9]{8}T[0-9]{6}Z-[0-9a-f]{8})$",
        description="With objectStore: the backup's id, as in its status and in the store, or latest (the default), or latestVerified.",
    )


class StoredStatus(Model):
    """A backup as it is in the store."""

    id: str | None = Field(default=None, description="The backup's id, its folder's name in the store.")
    time: str | None = Field(
        default=None,
        json_schema_extra={"format": "date-time"},
        description="When the data was read, which is what it restores to.",
    )
    location: str | None = Field(default=None, description="URL of the folder, such as s3://bucket/prefix/namespace/name/id.")
    size: str | None = Field(default=None, description="Size in the store, as a quantity.")
    revision: int | None = Field(default=None, description="The revision that it surely holds.")
    name: str | None = Field(default=None, description="Name of the backup resource.")
