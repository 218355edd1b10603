"""Which resources an event wakes: the watch tables of an operator's controllers, put together. Pure."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from davit.cache import Cache
from davit.model import Key, Kind, Manifest, Watch

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Target:
    """What the queue holds: a resource of one of the main kinds."""

    kind: Kind
    key: Key

    def __str__(self) -> str:
        return f"{self.kind.kind} {self.key}"


@dataclass(frozen=True, slots=True)
class Controller:
    """A main kind, how one of its resources is reconciled, and what else wakes it.

    The kind's own events need no Watch. Without `required` the process is ready even while a kind is
    not served. The `cache` is filled by the watches before the tables are asked.
    """

    kind: Kind
    reconcile: Callable[[Key], Awaitable[float | None]]
    watches: tuple[Watch, ...] = ()
    required: bool = True
    cache: Cache | None = None

    def table(self) -> tuple[Watch, ...]:
        """All rows, the one of the main kind first."""
        return (Watch(self.kind, _own_keys), *self.watches)


class Routes:
    """All watch tables in one."""

    def __init__(self, controllers: Sequence[Controller]) -> None:
        self.required = {row.kind for one in controllers if one.required for row in one.table()}
        """The kinds without which the process is not ready."""
        self._rows: dict[Kind, list[tuple[Kind, Watch]]] = {}
        for controller in controllers:
            for row in controller.table():
                self._rows.setdefault(row.kind, []).append((controller.kind, row))

    def kinds(self) -> set[Kind]:
        """Everything that is watched."""
        return set(self._rows)

    def selector(self, kind: Kind) -> str:
        """The labels that all rows of a kind ask for, as a label selector: what the API server may filter by."""
        shared = set.intersection(*(set(row.labels.items()) for _, row in self._rows[kind]))
        return ",".join(f"{name}={value}" for name, value in sorted(shared))

    def metadata_only(self, kind: Kind) -> bool:
        """Whether no row wants the content of a kind."""
        return all(row.metadata_only for _, row in self._rows[kind])

    def targets(self, kind: Kind, manifest: Manifest) -> Iterator[Target]:
        """The resources that an object concerns; a row that fails is logged and spoils no other."""
        return _targets(self._rows[kind], manifest)


def own_key(manifest: Mapping[str, Any]) -> Key:
    """The object's own key."""
    return Key(manifest["metadata"].get("namespace", ""), manifest["metadata"]["name"])


def _own_keys(manifest: Manifest) -> tuple[Key]:
    return (own_key(manifest),)


def _targets(rows: Iterable[tuple[Kind, Watch]], manifest: Manifest) -> Iterator[Target]:
    labels = manifest["metadata"].get("labels", {}).items()
    for main, row in rows:
        if not row.labels.items() <= labels:
            continue
        try:
            keys = tuple(row.to_keys(manifest))
        except Exception:
            log.exception("the watch table has no key for %s %s", row.kind.kind, own_key(manifest))
            continue
        yield from (Target(main, key) for key in keys)
