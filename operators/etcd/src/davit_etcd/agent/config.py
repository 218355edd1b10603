"""What an agent is told: JSON in one environment variable, without secrets, written by `davit_etcd.manifests.jobs`. Pure."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from davit.backup.model import Cipher, Rules, Store, Subject

from davit_etcd.agent.errors import AgentError
from davit_etcd.versions import Version

T = TypeVar("T")

ENGINE = "etcd"
"""In every marker."""


@dataclass(frozen=True, slots=True)
class Stored:
    """A backup in a store; `id` may be latest or latestVerified."""

    store: Store
    cipher: Cipher | None
    namespace: str
    name: str
    id: str

    @property
    def folder(self) -> str:
        """Where the backups of the one that is asked for are."""
        return f"{self.namespace}/{self.name}"


@dataclass(frozen=True, slots=True)
class Surviving:
    """A member that still runs."""

    member: str
    url: str


@dataclass(frozen=True, slots=True)
class Backup:
    """For `backup`: read from one of `members` (name, client URL), write as `id`.

    keep: ids that retention leaves alone; hashed: it will be verified, so that the member's hash is wanted.
    """

    store: Store
    cipher: Cipher | None
    subject: Subject
    id: str
    group: str
    compression: str
    members: tuple[tuple[str, str], ...]
    retention: Rules | None
    keep: tuple[str, ...] = ()
    hashed: bool = True

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> Backup:
        """From the JSON of `backup_job`."""
        return cls(
            store=Store.from_json(data["store"]),
            cipher=_cipher(data),
            subject=Subject.from_json(data["subject"]),
            id=data["id"],
            group=data["group"],
            compression=data["compression"],
            members=tuple((member["name"], member["url"]) for member in data["members"]),
            retention=_rules(data),
            keep=tuple(data.get("keep") or ()),
            hashed=bool(data.get("hashed", True)),
        )


@dataclass(frozen=True, slots=True)
class Fetch:
    """For `fetch`: put the source's snapshot on `volume`; less than `revision` is refused.

    target: the release that will restore it; scratch: a folder to download to where the volume has no room for that;
    proving: it is to be verified, and the volume is the node's own disk.
    """

    source: Stored | Surviving
    target: Version
    volume: str
    revision: int = 0
    scratch: str = ""
    proving: bool = False

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> Fetch:
        """From the JSON of `restore_job` or `verify_job`."""
        return cls(
            _source(data["source"]), Version.parse(data["target"]), data["volume"], data["revision"], data.get("scratch", ""),
            bool(data.get("proving")),
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Settle:
    """For `settle`: make the unpacked data the member's. `bump` is what the revision was raised by."""

    volume: str
    scratch: str
    bump: int

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> Settle:
        """From the JSON of `restore_job`."""
        return cls(data["volume"], data["scratch"], data["bump"])


@dataclass(frozen=True, slots=True)
class Verify:
    """For `verify`: compare the member at `etcd` with the backup that was fetched to `volume`.

    retention: of the backup's group, applied only once it is proved; keep: ids that it leaves alone.
    """

    source: Stored
    etcd: str
    volume: str
    retention: Rules | None = None
    keep: tuple[str, ...] = ()

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> Verify:
        """From the JSON of `verify_job`."""
        source = _source(data["source"])
        if isinstance(source, Surviving):
            raise ValueError("only what is in a store can be verified")
        return cls(source, data["etcd"], data["volume"], _rules(data), tuple(data.get("keep") or ()))


def parse(text: str | None, of: Callable[[Mapping[str, Any]], T]) -> T:
    """The configuration; raises `AgentError` where it is none: the operator and the agent are of different releases."""
    try:
        return of(json.loads(text or ""))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        said = f"{type(error).__name__} {error}"
        raise AgentError("ConfigurationInvalid", f"DAVIT_AGENT is not what this agent reads: {said}", permanent=True) from error


def _cipher(data: Mapping[str, Any]) -> Cipher | None:
    return Cipher.from_json(data["cipher"]) if data["cipher"] else None


def _rules(data: Mapping[str, Any]) -> Rules | None:
    return Rules.from_json(data["retention"]) if data.get("retention") else None


def _source(data: Mapping[str, Any]) -> Stored | Surviving:
    if "url" in data:
        return Surviving(data["member"], data["url"])
    return Stored(Store.from_json(data["store"]), _cipher(data), data["namespace"], data["name"], data["id"])
