"""What backups have in common in every operator's API. Every description here is what `kubectl explain` shows."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from davit.crd import Model

ATOMIC = {"x-kubernetes-list-type": "atomic"}
DURATION = r"^([0-9]+(\.[0-9]+)?(ms|s|m|h))+$"
DAYS = r"^[0-9]+[hdwmy]$"

Duration = Annotated[str, Field(min_length=2, max_length=32, pattern=DURATION)]
"""A Go duration such as 1h30m."""


class CredentialsSecret(Model):
    """The Secret with the key pair of the store."""

    name: str = Field(
        min_length=1,
        max_length=253,
        description="Name of a Secret in the same namespace with the keys AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, and AWS_SESSION_TOKEN where "
        "the credentials are temporary.",
    )


class CertificateAuthority(Model):
    """Which certificates of the store are trusted."""

    kind: Literal["Secret", "ConfigMap"] | None = Field(default=None, description="Where the certificates are. Default: Secret.")
    name: str = Field(min_length=1, max_length=253, description="Name of the Secret or ConfigMap in the same namespace.")
    key: str | None = Field(
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

    secret_name: str = Field(
        min_length=1,
        max_length=253,
        description="Name of a Secret in the same namespace with an age key. Keep a copy elsewhere: without the key no backup can be read.",
    )
    key: str | None = Field(
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

    backup: str | None = Field(
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
    namespace: str | None = Field(
        default=None,
        max_length=63,
        description="With objectStore: namespace of the resource that was backed up. Default: this one.",
    )
    name: str | None = Field(
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
