"""The pipeline every operator runs: validate, observe, plan, apply, act, status."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

from davit import apply, metrics
from davit.errors import Blocked, DavitError, Fatal, Invalid, Transient
from davit.kube.client import Client
from davit.model import Action, Key, Kind, Manifest, Notice, Outcome, Plan

log = logging.getLogger(__name__)

Fit = Callable[[Kind, dict[str, Any]], Awaitable[dict[str, Any] | None]]
"""The part of a status that the kind's CRD can hold, None for none: see `davit.kube.schemas`."""

PATIENCE = 5.0
"""Seconds of loading after which the status is written though the pass goes on: longer than it takes to believe a refusal."""

D = TypeVar("D")
"""The validated domain object."""


class Snapshot(Protocol):
    """What `observe` returns; the library reads only the live children."""

    @property
    def children(self) -> Sequence[Manifest]:
        """Every live child that `plan` may apply or prune, with its managedFields."""


S = TypeVar("S", bound=Snapshot)
"""The operator's snapshot of the world."""


class Operator(Protocol[D, S]):
    """The rooms of one operator, as the pipeline sees them."""

    @property
    def name(self) -> str:
        """The field manager."""

    @property
    def kind(self) -> Kind:
        """The main kind."""

    def validate(self, resource: Manifest) -> D:
        """Pure: the resource to a frozen, defaulted domain object; raises `Invalid`."""

    async def observe(self, domain: D, resource: Manifest) -> S:
        """The only reader of the world."""

    def plan(self, domain: D, snapshot: S, now: float) -> Plan:
        """Pure: decide the next step; `now` is Unix time in seconds."""

    async def execute(self, action: Action, domain: D, snapshot: S) -> None:
        """Carry out one action of the plan."""

    def status(self, resource: Manifest, outcome: Outcome[D, S], now: float) -> dict[str, Any]:
        """Pure: the whole status to write."""


@dataclass(frozen=True, slots=True)
class Reconciler(Generic[D, S]):
    """Runs the pipeline for one operator; `holds_lease` is asked before every write."""

    operator: Operator[D, S]
    client: Client
    holds_lease: Callable[[], bool] = lambda: True
    clock: Callable[[], float] = time.time
    fit: Fit | None = None
    """Where somebody else's CRD may be served."""

    async def __call__(self, key: Key) -> float | None:
        """One pass for one resource; returns seconds until the next, None to wait for an event.

        Raises `Transient` so that the queue backs off: after the status is written, unless nothing new could be read.
        """
        self._must_lead()
        resource = await self.client.get(self.operator.kind, key)
        if resource is None or resource["metadata"].get("deletionTimestamp"):
            return None
        outcome = await self._run(resource)
        if outcome.plan is None and isinstance(outcome.error, Transient) and resource.get("status", {}).get("conditions"):
            raise outcome.error
        await self._write(resource, outcome)
        return await self._settle(resource, outcome)

    async def _write(self, resource: Manifest, outcome: Outcome[D, S]) -> None:
        self._must_lead()
        status: dict[str, Any] | None = self._status(resource, outcome)
        if self.fit is not None and status is not None:
            status = await self.fit(self.operator.kind, status)
        if status is not None:
            await write_status(self.client, self.operator.kind, resource, status)

    async def _run(self, resource: Manifest) -> Outcome[D, S]:
        domain: D | None = None
        snapshot: S | None = None
        plan: Plan | None = None
        try:
            domain, invalid = self._domain(resource)
            snapshot = await self.operator.observe(domain, resource)
            plan = self.operator.plan(domain, snapshot, self.clock())
            await self._carry_out(resource, domain, snapshot, plan)
        except Fatal:
            raise
        except DavitError as error:
            return Outcome(domain, snapshot, plan, error)
        return Outcome(domain, snapshot, plan, invalid)

    def _domain(self, resource: Manifest) -> tuple[D, Invalid | None]:
        """The domain object, or what stands in for it while the resource is invalid."""
        try:
            return self.operator.validate(resource), None
        except Invalid as error:
            if error.fallback is None:
                raise
            return error.fallback, error

    async def _carry_out(self, resource: Manifest, domain: D, snapshot: S, plan: Plan) -> None:
        self._must_lead()
        if plan.intent:
            await write_status(self.client, self.operator.kind, resource, {**resource.get("status", {}), **plan.intent})
        await apply.apply_all(self.client, self.operator.name, resource, snapshot.children, plan.files)
        if plan.load is None:
            await self._change(resource, domain, snapshot, plan)
            return
        refused: Blocked | None = None
        try:
            await self._change(resource, domain, snapshot, plan)
        except Blocked as error:
            refused = error
        try:
            await self._load(resource, domain, snapshot, plan, refused)
        except (Blocked, Transient) as error:
            if refused is None:
                raise
            # What was refused says more: it may be why nothing could be loaded.
            raise refused from error
        if refused is not None:
            raise refused

    async def _load(self, resource: Manifest, domain: D, snapshot: S, plan: Plan, refused: Blocked | None) -> None:
        """Where it takes long, because a process hangs or has much to load, the status says meanwhile what is not live."""
        assert plan.load is not None
        loading = asyncio.ensure_future(self._act(resource, domain, snapshot, plan.load))
        try:
            done, _ = await asyncio.wait({loading}, timeout=PATIENCE)
            if not done:
                try:
                    await self._write(resource, Outcome(domain, snapshot, plan, refused))
                except (Blocked, Transient) as error:
                    log.info("the status is not written before the end of the pass: %s", error)
            await loading
        finally:
            loading.cancel()
            await asyncio.gather(loading, return_exceptions=True)

    async def _change(self, resource: Manifest, domain: D, snapshot: S, plan: Plan) -> None:
        children = snapshot.children
        await apply.apply_all(self.client, self.operator.name, resource, children, plan.manifests)
        await apply.prune(self.client, resource, children, (*plan.files, *plan.manifests), plan.prune)
        for notice in plan.notices:
            await self.client.event(resource, notice)
        for action in plan.actions:
            await self._act(resource, domain, snapshot, action)

    async def _act(self, resource: Manifest, domain: D, snapshot: S, action: Action) -> None:
        if action.destructive:
            domain, snapshot = await self._gate(resource, action)
        self._must_lead()
        if action.reason:
            await self.client.event(resource, Notice(action.reason, action.message))
        await self.operator.execute(action, domain, snapshot)
        log.info("%s", action.message, extra={"action": type(action).__name__})

    async def _gate(self, resource: Manifest, action: Action) -> tuple[D, S]:
        """Look at the world once more; a destructive action passes only if it is still what the plan says."""
        live = await self.client.get(self.operator.kind, _key(resource))
        if live is None or _identity(live) != _identity(resource):
            raise Transient(f"not done, the resource changed meanwhile: {action.message}", retry_after=0.0)
        domain, _ = self._domain(live)
        snapshot = await self.operator.observe(domain, live)
        if action not in self.operator.plan(domain, snapshot, self.clock()).actions:
            raise Transient(f"not done, no longer called for on a second look: {action.message}", retry_after=1.0)
        return domain, snapshot

    def _must_lead(self) -> None:
        """Asked before every write: a process that was frozen wakes in the middle of a pass, beside a new leader."""
        if not self.holds_lease():
            raise Fatal("another process may hold the lease by now")

    def _status(self, resource: Manifest, outcome: Outcome[D, S]) -> dict[str, Any]:
        return self.operator.status(resource, outcome, self.clock())

    async def _settle(self, resource: Manifest, outcome: Outcome[D, S]) -> float | None:
        match outcome.error:
            case None:
                return outcome.plan.requeue_after if outcome.plan else None
            case Invalid() as error:
                await self.client.event(resource, Notice("Invalid", str(error), warning=True))
                return outcome.plan.requeue_after if outcome.plan else None
            case Blocked() as error:
                await self.client.event(resource, Notice(error.reason, str(error), warning=True))
                return error.retry_after
            case error:
                raise error


def _key(resource: Mapping[str, Any]) -> Key:
    return Key(resource["metadata"].get("namespace", ""), resource["metadata"]["name"])


def _identity(resource: Mapping[str, Any]) -> tuple[str, int, bool]:
    """What must not change between decision and deed."""
    metadata = resource["metadata"]
    return metadata["uid"], metadata.get("generation", 0), "deletionTimestamp" in metadata


async def write_status(client: Client, kind: Kind, resource: Manifest, status: Mapping[str, Any]) -> None:
    """Write the whole status unless it is what the resource has; the resource in hand is brought up to date.

    The resourceVersion is the precondition, so that a resource that was deleted and made anew never gets its
    predecessor's status (the API server ignores a uid here); `Transient` when somebody was faster.
    """
    _publish(kind, resource, status)
    if resource.get("status") == status:
        return
    kept = ("name", "namespace", "resourceVersion")
    metadata = {key: resource["metadata"][key] for key in kept if key in resource["metadata"]}
    body: Manifest = {"apiVersion": kind.api_version, "kind": kind.kind, "metadata": metadata, "status": dict(status)}
    written = await client.apply(kind, body, subresource="status")
    resource["status"] = dict(status)
    resource["metadata"]["resourceVersion"] = written["metadata"]["resourceVersion"]


def _publish(kind: Kind, resource: Manifest, status: Mapping[str, Any]) -> None:
    ready = any(c["type"] == "Ready" and c["status"] == "True" for c in status.get("conditions", ()))
    metadata = resource["metadata"]
    metrics.resource_ready(kind.kind, Key(metadata.get("namespace", ""), metadata["name"]), ready)
