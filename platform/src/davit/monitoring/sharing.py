"""What all Prometheus objects, or all Alertmanagers, of a namespace share: one Service that belongs to each of them.

In every pass of one of them all others are looked at, so what is done for each must be little.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from davit.drift import drift
from davit.errors import Invalid
from davit.model import Key, Manifest

T = TypeVar("T")


@dataclass(slots=True)
class Sharers(Generic[T]):
    """Resources by uid, each validated once for a generation; an invalid one counts as it was before."""

    validate: Callable[[Manifest], T]
    _known: dict[str, tuple[Any, T | None]] = field(default_factory=dict)

    def of(self, resource: Manifest) -> T | None:
        """The domain object, None for one that was never valid."""
        uid, generation = resource["metadata"]["uid"], resource["metadata"].get("generation")
        before = self._known.get(uid)
        if before is not None and before[0] == generation:
            return before[1]
        try:
            found: T | None = self.validate(resource)
        except Invalid:
            found = before[1] if before else None
        self._known[uid] = (generation, found)
        return found

    def within(self, namespace: str, resources: Iterable[tuple[Key, Manifest]]) -> Iterator[T]:
        """Those of a namespace by name; whoever is not among `resources`, which are of all namespaces, is forgotten."""
        every = sorted(resources, key=lambda one: one[0])
        self.keep({resource["metadata"]["uid"] for _, resource in every})
        for key, resource in every:
            if key.namespace == namespace and (found := self.of(resource)) is not None:
                yield found

    def keep(self, uids: Collection[str]) -> None:
        """Forget all others."""
        if len(self._known) > len(uids):
            self._known = {uid: one for uid, one in self._known.items() if uid in uids}


def services(shared: Manifest | None, own: Manifest | None, live: Iterable[Manifest], manager: str) -> Iterator[Manifest]:
    """The Services to apply for one of them: the shared one if it is not as it should be, and its own."""
    if shared is not None:
        name = shared["metadata"]["name"]
        found = next((one for one in live if one["kind"] == "Service" and one["metadata"]["name"] == name), None)
        if not settled(shared, found, manager):
            yield shared
    if own is not None:
        yield own


def settled(wanted: Manifest, live: Manifest | None, manager: str) -> bool:
    """Whether the Service is there as it should be; owners are compared as sets, as lists it would take n² for n of them."""
    if live is None or _owners(wanted) != _owners(live):
        return False
    return not drift(_ownerless(wanted), _ownerless(live), manager)


def _owners(service: Manifest) -> set[tuple[str, str, str, bool]]:
    references = service["metadata"].get("ownerReferences") or ()
    return {(one["uid"], one["kind"], one["name"], bool(one.get("controller"))) for one in references}


def _ownerless(service: Manifest) -> Manifest:
    metadata = {key: value for key, value in service["metadata"].items() if key != "ownerReferences"}
    if "managedFields" in metadata:
        metadata["managedFields"] = [{**one, "fieldsV1": _fields(one.get("fieldsV1") or {})} for one in metadata["managedFields"]]
    return {**service, "metadata": metadata}


def _fields(fields: Mapping[str, Any]) -> dict[str, Any]:
    below = {key: value for key, value in (fields.get("f:metadata") or {}).items() if key != "f:ownerReferences"}
    return {**fields, **({"f:metadata": below} if "f:metadata" in fields else {})}
