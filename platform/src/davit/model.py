"""The nouns that rooms exchange. Frozen, no I/O."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, Protocol, TypeVar

from davit.errors import DavitError

Manifest = dict[str, Any]
"""A Kubernetes object as plain JSON data: apiVersion, kind, metadata, spec, ..."""


@dataclass(frozen=True, slots=True, order=True)
class Key:
    """Which object: `namespace` is empty for cluster-scoped ones."""

    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}" if self.namespace else self.name


@dataclass(frozen=True, slots=True)
class Kind:
    """A resource type of the Kubernetes API; `group` is empty for the core group."""

    group: str
    version: str
    kind: str
    plural: str
    namespaced: bool = True

    @property
    def api_version(self) -> str:
        """The value of `apiVersion` in a manifest of this kind."""
        return f"{self.group}/{self.version}" if self.group else self.version

    def matches(self, manifest: Mapping[str, Any]) -> bool:
        """Whether the manifest is of this kind."""
        return bool(manifest.get("kind") == self.kind and manifest.get("apiVersion") == self.api_version)


class Action(Protocol):
    """A frozen command that `execute` carries out; idempotent.

    `destructive` ones pass the gate of `davit.reconcile` first. `reason` (CamelCase) and `message` become the
    Event that announces the action; an empty `reason` announces nothing.
    """

    @property
    def destructive(self) -> bool:
        """Whether it must pass the gate."""

    @property
    def reason(self) -> str:
        """The Event's reason, empty for no Event."""

    @property
    def message(self) -> str:
        """What is done and why."""


@dataclass(frozen=True, slots=True)
class Notice:
    """An Event to post on the resource: `warning` only when a person should look."""

    reason: str
    message: str
    warning: bool = False


@dataclass(frozen=True, slots=True)
class Plan:
    """What one pass should do, decided without I/O.

    intent: status fields to write before anything else happens, so that a crash resumes;
    manifests: desired children, in the order in which they are applied;
    prune: kinds of which our labelled, no longer desired objects are removed;
    actions: at most one risky step, after the manifests;
    requeue_after: seconds until the next look, None to wait for an event;
    files: desired children that processes read, applied before the manifests;
    load: brings the files into the processes, last, and also where the API server refuses something of the rest.
    """

    manifests: tuple[Manifest, ...] = ()
    actions: tuple[Action, ...] = ()
    prune: tuple[Kind, ...] = ()
    intent: Mapping[str, Any] = field(default_factory=dict)
    notices: tuple[Notice, ...] = ()
    requeue_after: float | None = None
    files: tuple[Manifest, ...] = ()
    load: Action | None = None
    detail: Any = None
    """The operator's own findings for its status room, never read by the library."""


@dataclass(frozen=True, slots=True)
class Watch:
    """Events of which objects wake which resource: a row of an operator's watch table.

    to_keys: from an object to the resources that it concerns, often one; cheap, and the keys need not exist.
    labels: only objects with all of these; the API server filters by them where it can.
    metadata_only: the object comes without its content, for kinds that are large or secret.
    """

    kind: Kind
    to_keys: Callable[[Manifest], Iterable[Key]]
    labels: Mapping[str, str] = field(default_factory=dict)
    metadata_only: bool = False


D = TypeVar("D")
S = TypeVar("S")


@dataclass(frozen=True, slots=True)
class Outcome(Generic[D, S]):
    """How far one pass came: later fields are None when an earlier room failed."""

    domain: D | None = None
    snapshot: S | None = None
    plan: Plan | None = None
    error: DavitError | None = None
