"""The Secret that holds the webhook's keys: made by whoever comes first, the same for all replicas."""

from __future__ import annotations

import asyncio
import base64
import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from davit.errors import Blocked, DavitError, Transient
from davit.kube.client import Client
from davit.kube.kinds import SECRET
from davit.kube.labels import MANAGED_BY, PART_OF
from davit.model import Key, Manifest
from davit.webhook import maker
from davit.webhook.certificates import Due, Facts, Material, Unusable, due
from davit.webhook.tls import prove

log = logging.getLogger(__name__)

TYPE = "kubernetes.io/tls"
_FIELDS = {"authorities": "ca.crt", "authority_key": "ca.key", "certificate": "tls.crt", "key": "tls.key"}
_ATTEMPTS = 4
"""Writes that others may be ahead of: there are no more than five replicas."""


@dataclass(frozen=True, slots=True)
class Held:
    """Material that was proved."""

    material: Material
    facts: Facts


class Store:
    """`host` is what the certificate is for; `operator` marks the Secret as ours."""

    def __init__(self, client: Client, key: Key, host: str, operator: str, *, clock: Callable[[], float] = time.time) -> None:
        self._client = client
        self._key = key
        self._host = host
        self._operator = operator
        self._clock = clock
        self._held: Held | None = None

    async def current(self, owners: list[Manifest]) -> Held:
        """What to serve with now; makes, renews and mends what is due, and then belongs to these owners.

        Raises `Blocked("NameTaken", ...)` when the Secret is a stranger's, and what the client raises.
        """
        for _ in range(_ATTEMPTS):
            live = await self._client.get(SECRET, self._key)
            found = self._read(live)
            what = due(found.facts, self._clock()) if found else Due.ALL
            if found and live and what is None and _owned(live, owners):
                self._held = found
                return found
            try:
                self._held = await self._write(live, found, what, owners)
                return self._held
            except Transient as error:
                # Most likely another replica was faster: what it wrote will do.
                trouble: DavitError = error
            except Blocked as error:
                trouble = error
                break
        if found is None or found.facts.serving_until < self._clock():
            raise trouble
        log.warning("the Secret %s is not renewed: %s", self._key, trouble)
        return found

    def _read(self, live: Manifest | None) -> Held | None:
        """What the Secret holds, None when it must be made anew."""
        if live is None:
            return None
        if live["metadata"].get("labels", {}).get(MANAGED_BY) != self._operator:
            raise Blocked(
                "NameTaken",
                f"the Secret {self._key} is not ours, the label {MANAGED_BY}={self._operator} is missing: "
                "move it out of the way, or give the webhook's Secret another name",
            )
        try:
            material = _material(live)
            if self._held is not None and material == self._held.material:
                return self._held
            return Held(material, prove(material, self._host))
        except Unusable as error:
            log.warning("the Secret %s is made anew: %s", self._key, error)
            return None

    async def _write(self, live: Manifest | None, found: Held | None, what: Due | None, owners: list[Manifest]) -> Held:
        made = found if found and what is None else await asyncio.to_thread(self._make, found, what or Due.ALL)
        body = self._manifest(live, made.material, owners)
        if live is None:
            await self._client.create(SECRET, body)
        else:
            await self._client.replace(SECRET, body)
        if what is not None:
            log.info("the webhook's certificate was made", extra={"secret": str(self._key), "due": what.name.lower()})
        return made

    def _make(self, found: Held | None, what: Due) -> Held:
        """Proved too. What was there is followed up if that can be: the Secret's, or if that was lost, what we hold."""
        before, now = found, self._clock()
        if found is None and self._held is not None and due(self._held.facts, now) is not Due.ALL:
            before, what = self._held, Due.AUTHORITY
        try:
            made = maker.make(self._host, now, what, before.material if before else None)
            return Held(made, prove(made, self._host))
        except Unusable as error:
            log.warning("the webhook's authority is made anew: %s", error)
        made = maker.make(self._host, now)
        return Held(made, prove(made, self._host))

    def _manifest(self, live: Manifest | None, material: Material, owners: list[Manifest]) -> Manifest:
        before = live["metadata"] if live else {}
        metadata: dict[str, Any] = {
            **before,
            "name": self._key.name,
            "namespace": self._key.namespace,
            "labels": {**before.get("labels", {}), MANAGED_BY: self._operator, PART_OF: "davit"},
        }
        if owners:
            ours = {(one["kind"], one["name"]) for one in owners}
            others = [one for one in before.get("ownerReferences", []) if (one["kind"], one["name"]) not in ours]
            metadata["ownerReferences"] = [*others, *owners]
        encoded = {name: base64.b64encode(getattr(material, field)).decode() for field, name in _FIELDS.items()}
        return {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "type": TYPE, "data": encoded}


def _owned(live: Manifest, owners: list[Manifest]) -> bool:
    return all(owner in live["metadata"].get("ownerReferences", []) for owner in owners)


def _material(secret: Mapping[str, Any]) -> Material:
    data = secret.get("data") or {}
    if missing := sorted(set(_FIELDS.values()) - set(data)):
        raise Unusable(f"it has no {', '.join(missing)}")
    try:
        return Material(**{field: base64.b64decode(data[name]) for field, name in _FIELDS.items()})
    except ValueError as error:
        raise Unusable("it is not base64") from error
