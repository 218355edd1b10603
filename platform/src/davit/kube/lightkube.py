"""The one adapter of `davit.kube.client.Client`: lightkube's configuration and authentication, our own JSON.

lightkube's resource models are not used: they cost memory, and its delete knows no preconditions.
"""

from __future__ import annotations

import json
import logging
import ssl
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import httpx2
from lightkube.config.client_adapter import ConnectionParams
from lightkube.config.kubeconfig import PROXY_CONF, KubeConfig

from davit import metrics
from davit.errors import Blocked, Transient
from davit.kube import events
from davit.kube.failures import Conflict, Missing, failure
from davit.model import Key, Kind, Manifest, Notice

log = logging.getLogger(__name__)

TIMEOUT = 10.0
"""Seconds for connecting, and for each silence while reading or writing."""
PAGE = 500
"""Objects per LIST request, as kubectl does it."""

_JSON = "application/json"
_NAMES_ONLY = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
_CONTENT_TYPES = {"apply": "application/apply-patch+yaml", "patch": "application/json-patch+json"}
_METHODS = {
    "get": "GET",
    "list": "GET",
    "create": "POST",
    "update": "PUT",
    "apply": "PATCH",
    "patch": "PATCH",
    "delete": "DELETE",
}


@dataclass(frozen=True, slots=True)
class Connection:
    """Where the API server is and how to be let in; shared by our client and by kopf's session."""

    server: str
    tls: ssl.SSLContext
    auth: httpx2.Auth | None
    namespace: str
    """Of the service account or the kubeconfig's context: where the operator itself lives."""

    @classmethod
    def load(cls, kubeconfig: str | None = None) -> Connection:
        """From this file, or else the service account, $KUBECONFIG or ~/.kube/config.

        Raises `lightkube.ConfigError` when there is none. Proxy variables are not obeyed: a pod reaches its API
        server without one, and kopf does not obey them either.
        """
        found = KubeConfig.from_file(kubeconfig) if kubeconfig else KubeConfig.from_env()
        config = found.get() or PROXY_CONF
        parameters = ConnectionParams(trust_env=False).httpx_params(config)
        tls: ssl.SSLContext = parameters["verify"]
        # Strict since Python 3.13, and stricter than any Go client: refuses cluster CAs without key identifiers.
        tls.verify_flags &= ~ssl.VERIFY_X509_STRICT
        return cls(config.cluster.server, tls, parameters["auth"], config.namespace)

    def client(self, manager: str, version: str = "", instance: str = "") -> KubeClient:
        """A client that writes as field manager `manager`; `instance` (the pod's name) signs Events."""
        http = httpx2.AsyncClient(
            base_url=self.server,
            verify=self.tls,
            auth=self.auth,
            timeout=TIMEOUT,
            trust_env=False,
            headers={"User-Agent": f"{manager}/{version or 'unknown'}"},
            limits=httpx2.Limits(max_connections=32, max_keepalive_connections=8, keepalive_expiry=30.0),
        )
        return KubeClient(http, manager, instance=instance)

    async def authorization(self, *, refused: bool = False) -> str | None:
        """The value of the Authorization header for another HTTP library; None when a certificate does it.

        After a 401 ask with `refused`, so that a rotated token is read; None then means that there is no other.
        """
        if self.auth is None:
            return None
        flow = self.auth.async_auth_flow(httpx2.Request("GET", self.server))
        try:
            request = await anext(flow)
            if refused:
                request = await flow.asend(httpx2.Response(401, request=request))
        except StopAsyncIteration:
            return None
        finally:
            await flow.aclose()
        return request.headers.get("Authorization")


@dataclass(frozen=True, slots=True)
class _Call:
    verb: str
    what: str
    url: str
    body: object = None
    query: Mapping[str, str] = field(default_factory=dict)
    accept: str = _JSON


class KubeClient:
    """See `davit.kube.client.Client` for what each method does and raises."""

    def __init__(
        self,
        http: httpx2.AsyncClient,
        manager: str,
        *,
        instance: str = "",
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._http = http
        self._manager = manager
        self._instance = instance or manager
        self._clock = clock
        self._posted = events.Memory()

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def get(self, kind: Kind, key: Key) -> Manifest | None:
        """See Client."""
        try:
            return await self._send(_call("get", kind, key))
        except Missing:
            return None

    async def list(
        self,
        kind: Kind,
        namespace: str | None,
        *,
        labels: Mapping[str, str] | None = None,
        fields: Mapping[str, str] | None = None,
    ) -> list[Manifest]:
        """See Client."""
        selectors = {"labelSelector": _selector(labels), "fieldSelector": _selector(fields)}
        query = {name: value for name, value in selectors.items() if value}
        call = _call("list", kind, Key(namespace or "", ""), query=query)
        head = {"apiVersion": kind.api_version, "kind": kind.kind}
        return [{**head, **item} async for item in self._items(call)]

    async def keys(self, kind: Kind, namespace: str | None) -> set[Key]:
        """The keys of all objects, by a LIST of metadata only; None means all namespaces."""
        call = replace(_call("list", kind, Key(namespace or "", "")), accept=_NAMES_ONLY)
        return {_key(item) async for item in self._items(call)}

    async def serves(self, kind: Kind) -> bool:
        """Whether the API server knows the kind; needs no rights beyond discovery."""
        try:
            found = await self._send(_Call("get", f"the resources of {kind.api_version}", _group(kind)))
        except Missing:
            return False
        return any(resource["name"] == kind.plural for resource in found["resources"])

    async def create(self, kind: Kind, manifest: Manifest) -> Manifest:
        """See Client."""
        return await self._send(_call("create", kind, Key(_key(manifest).namespace, ""), manifest))

    async def replace(self, kind: Kind, manifest: Manifest) -> Manifest:
        """See Client."""
        return await self._send(_call("update", kind, _key(manifest), manifest))

    async def apply(self, kind: Kind, manifest: Manifest, *, subresource: str = "") -> Manifest:
        """See Client."""
        manager = f"{self._manager}-status" if subresource == "status" else self._manager
        query = {"fieldManager": manager, "force": "true"}
        return await self._send(_call("apply", kind, _key(manifest), manifest, subresource=subresource, query=query))

    async def patch(self, kind: Kind, key: Key, operations: Sequence[Mapping[str, Any]]) -> Manifest:
        """See Client."""
        body = [dict(operation) for operation in operations]
        return await self._send(_call("patch", kind, key, body, query={"fieldManager": self._manager}))

    async def delete(self, kind: Kind, key: Key, *, uid: str, grace_seconds: int | None = None) -> bool:
        """See Client; in the background: the garbage collector takes the children."""
        body: Manifest = {
            "apiVersion": "v1",
            "kind": "DeleteOptions",
            "preconditions": {"uid": uid},
            "propagationPolicy": "Background",
        }
        if grace_seconds is not None:
            body["gracePeriodSeconds"] = grace_seconds
        try:
            await self._send(_call("delete", kind, key, body))
        except Missing:
            return False
        except Conflict:
            live = await self.get(kind, key)
            if live is not None and live["metadata"]["uid"] == uid:
                raise
            return False
        return True

    async def event(self, regarding: Manifest, notice: Notice) -> None:
        """See Client; trouble is logged, never raised."""
        if not self._posted.is_news(regarding, notice, self._clock()):
            return
        event = events.manifest(regarding, notice, self._manager, self._instance, self._clock())
        try:
            await self.create(events.EVENT, event)
        except Conflict:
            # The same Event of this window: posted before a restart, or by the other replica.
            return
        except (Transient, Blocked) as error:
            log.warning("the event %s was not posted: %s", notice.reason, error)

    async def _items(self, call: _Call) -> AsyncIterator[Manifest]:
        """Page by page, so that a long list is never held twice; nothing for an unknown kind."""
        query = {"limit": str(PAGE), **call.query}
        while True:
            try:
                page = await self._send(replace(call, query=query))
            except Missing:
                return
            for item in page["items"]:
                yield item
            if not (more := page["metadata"].get("continue")):
                return
            query["continue"] = more

    async def _send(self, call: _Call) -> Manifest:
        content = None if call.body is None else json.dumps(call.body, separators=(",", ":")).encode()
        headers = {"Accept": call.accept, "Content-Type": _CONTENT_TYPES.get(call.verb, _JSON)}
        what = f"{call.verb} {call.what}"
        try:
            response = await self._http.request(
                _METHODS[call.verb], call.url, params=call.query or None, content=content, headers=headers
            )
        except (httpx2.TransportError, OSError) as error:
            metrics.KUBE_REQUESTS.labels(call.verb, "error").inc()
            raise Transient(f"{what}: {type(error).__name__} {error}".rstrip()) from error
        metrics.KUBE_REQUESTS.labels(call.verb, str(response.status_code)).inc()
        if response.is_success:
            answer: Manifest = json.loads(response.content)
            return answer
        raise failure(what, response.status_code, response.headers.get("Retry-After", ""), response.content)


def path(kind: Kind, key: Key, subresource: str = "") -> str:
    """The URL path of an object, or of a list when the key has no name."""
    parts = [_group(kind)]
    if key.namespace and kind.namespaced:
        parts += ["namespaces", key.namespace]
    return "/".join(part for part in (*parts, kind.plural, key.name, subresource) if part)


def _call(
    verb: str,
    kind: Kind,
    key: Key,
    body: object = None,
    *,
    subresource: str = "",
    query: Mapping[str, str] | None = None,
) -> _Call:
    resource = f"{kind.plural}.{kind.group}".rstrip(".") + f"/{subresource}".rstrip("/")
    name = f" {key.name}" if key.name else ""
    where = f" in namespace {key.namespace}" if key.namespace else ""
    return _Call(verb, resource + name + where, path(kind, key, subresource), body, query or {})


def _group(kind: Kind) -> str:
    return f"/apis/{kind.api_version}" if kind.group else f"/api/{kind.version}"


def _selector(wanted: Mapping[str, str] | None) -> str:
    return ",".join(f"{name}={value}" for name, value in (wanted or {}).items())


def _key(manifest: Mapping[str, Any]) -> Key:
    return Key(manifest["metadata"].get("namespace", ""), manifest["metadata"]["name"])
