"""The one adapter of `davit.kube.client.Client`: kopf's way of logging in, aiohttp, and our own JSON.

No client library: each would bring models and an HTTP stack of its own into every operator's memory
(docs/design/20261121.memory.md), and none knows delete preconditions.
"""

from __future__ import annotations

import json
import logging
import os
import re
import ssl
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from http import HTTPStatus
from io import BytesIO
from typing import Any

import aiohttp
import kopf
import yaml

from davit import metrics
from davit.errors import Blocked, Fatal, Transient
from davit.kube import events
from davit.kube.exec import Done, run
from davit.kube.failures import Conflict, Missing, failure
from davit.kube.kinds import POD
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


Login = Callable[[], kopf.ConnectionInfo]
"""Reads credentials anew, since tokens are rotated; raises what reading files raises."""
_LOGIN_ERRORS = (kopf.LoginError, OSError, KeyError, TypeError, ValueError, yaml.YAMLError)
_ENVIRONMENT = threading.Lock()
"""kopf's thread logs in too."""
_IN_CLUSTER = "https://kubernetes.default.svc"


class Credentials:
    """The bearer token, read again when the server refuses it; none where a certificate speaks for us."""

    def __init__(self, login: Login) -> None:
        self._login = login
        self._read = False
        self._token: str | None = None

    def token(self) -> str | None:
        """The token to send; raises `Transient` when it can't be read."""
        if not self._read:
            self.renew()
        return self._token

    def renew(self) -> bool:
        """Read it again after a 401; whether it is another one now."""
        before = self._token
        try:
            self._token = self._login().token
        except _LOGIN_ERRORS as error:
            raise Transient(f"no credentials for the API server: {error}") from error
        self._read = True
        return self._token != before


@dataclass(frozen=True, slots=True)
class Connection:
    """Where the API server is and how to be let in; shared by our client and kopf."""

    server: str
    tls: ssl.SSLContext
    credentials: Credentials
    namespace: str
    """Of the service account or the kubeconfig's context: where the operator itself lives."""

    @classmethod
    def load(cls, kubeconfig: str | None = None) -> Connection:
        """From this file, or else the service account, $KUBECONFIG or ~/.kube/config; exec plugins are not run.

        Raises `Fatal` when there is none. Proxy variables are not obeyed: a pod reaches its API server without one.
        """

        def login() -> kopf.ConnectionInfo:
            return _login(kubeconfig)

        try:
            found = login()
            tls = found.as_ssl_context()
        except _LOGIN_ERRORS as error:
            raise Fatal(f"no way to the API server: {error}") from error
        # Strict since Python 3.13, and stricter than any Go client: refuses cluster CAs without key identifiers.
        tls.verify_flags &= ~ssl.VERIFY_X509_STRICT
        return cls(_address(str(found.server)), tls, Credentials(login), found.default_namespace or "default")

    def client(self, manager: str, version: str = "", instance: str = "") -> KubeClient:
        """A client that writes as field manager `manager`; `instance` (the pod's name) signs Events.

        To be called in the event loop that it will live in.
        """
        return KubeClient(self.session(f"{manager}/{version or 'unknown'}"), manager, instance=instance)

    def session(self, user_agent: str, *middlewares: aiohttp.ClientMiddlewareType) -> aiohttp.ClientSession:
        """An HTTP session with the server, which authorizes each request; for kopf too."""
        return aiohttp.ClientSession(
            self.server.rstrip("/") + "/",
            connector=aiohttp.TCPConnector(limit=0, ssl=self.tls, keepalive_timeout=30.0),
            headers={"User-Agent": user_agent},
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=TIMEOUT, sock_read=TIMEOUT),
            middlewares=(*middlewares, self._authorized),
            trust_env=False,
        )

    async def _authorized(self, request: aiohttp.ClientRequest, send: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
        self._authorize(request)
        response = await send(request)
        if response.status == HTTPStatus.UNAUTHORIZED and self.credentials.renew():
            response.close()
            self._authorize(request)
            response = await send(request)
        return response

    def _authorize(self, request: aiohttp.ClientRequest) -> None:
        if (token := self.credentials.token()) is not None:
            request.headers["Authorization"] = f"Bearer {token}"


def _login(kubeconfig: str | None) -> kopf.ConnectionInfo:
    settings = kopf.OperatorSettings()
    found = None if kubeconfig else kopf.login_with_service_account(settings=settings)
    if found is None:
        with _ENVIRONMENT, _kubeconfig(kubeconfig):
            found = kopf.login_with_kubeconfig(settings=settings)
    if found is None:
        raise kopf.LoginError("neither a service account nor a kubeconfig was found")
    return found


@contextmanager
def _kubeconfig(file: str | None) -> Iterator[None]:
    """kopf takes the file's name from the environment only."""
    before = os.environ.get("KUBECONFIG")
    if file is not None:
        os.environ["KUBECONFIG"] = file
    try:
        yield
    finally:
        if file is not None:
            os.environ.pop("KUBECONFIG")
            os.environ.update({} if before is None else {"KUBECONFIG": before})


def _address(server: str) -> str:
    """Inside a cluster by the address that every pod is told, as Go clients do it, so that DNS may be down."""
    host, port = os.environ.get("KUBERNETES_SERVICE_HOST"), os.environ.get("KUBERNETES_SERVICE_PORT", "443")
    if server != _IN_CLUSTER or not host:
        return server
    return f"https://[{host}]:{port}" if ":" in host else f"https://{host}:{port}"


@dataclass(frozen=True, slots=True)
class _Call:
    verb: str
    what: str
    url: str
    body: object = None
    query: Mapping[str, str] = field(default_factory=dict)
    accept: str = _JSON
    refused: str = ""
    """Why it is not sent: no object can have the name."""


class KubeClient:
    """See `davit.kube.client.Client` for what each method does and raises."""

    def __init__(
        self,
        http: aiohttp.ClientSession,
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
        await self._http.close()

    async def get(self, kind: Kind, key: Key) -> Manifest | None:
        """See Client."""
        try:
            return await self._send(_call("get", kind, key))
        except Missing:
            return None

    async def each(self, kind: Kind, namespace: str | None, *, names: bool = False) -> AsyncIterator[Manifest]:
        """As `list`, for who does not keep all of it: one page is held at a time. With `names`, of each its metadata only."""
        call = _call("list", kind, Key(namespace or "", ""))
        head = {"apiVersion": kind.api_version, "kind": kind.kind}
        async for item in self._items(replace(call, accept=_NAMES_ONLY) if names else call):
            yield {**head, "metadata": item["metadata"]} if names else {**head, **item}

    async def list(
        self,
        kind: Kind,
        namespace: str | None,
        *,
        labels: Mapping[str, str] | None = None,
        unlike: Mapping[str, str] | None = None,
        fields: Mapping[str, str] | None = None,
    ) -> list[Manifest]:
        """See Client."""
        selectors = {"labelSelector": _selector(labels, unlike), "fieldSelector": _selector(fields)}
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

    async def apply(self, kind: Kind, manifest: Manifest, *, subresource: str = "", manager: str = "") -> Manifest:
        """See Client."""
        manager = manager or (f"{self._manager}-status" if subresource == "status" else self._manager)
        query = {"fieldManager": manager, "force": "true"}
        return await self._send(_call("apply", kind, _key(manifest), manifest, subresource=subresource, query=query))

    async def patch(self, kind: Kind, key: Key, operations: Sequence[Mapping[str, Any]]) -> Manifest:
        """See Client."""
        body = [dict(operation) for operation in operations]
        return await self._send(_call("patch", kind, key, body, query={"fieldManager": self._manager}))

    async def delete(self, kind: Kind, key: Key, *, uid: str, grace_seconds: int | None = None, orphan: bool = False) -> bool:
        """See Client; in the background: the garbage collector takes the children."""
        body: Manifest = {
            "apiVersion": "v1",
            "kind": "DeleteOptions",
            "preconditions": {"uid": uid},
            "propagationPolicy": "Orphan" if orphan else "Background",
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

    async def exec(self, pod: Key, container: str, argv: Sequence[str], *, stdin: bytes, patience: float) -> Done:
        """Run a command in a container: see `davit.kube.exec.run`."""
        return await run(self._http, path(POD, pod, "exec"), container, argv, stdin=stdin, patience=patience)

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
            # An empty list of metadata says `items: null`.
            for item in page["items"] or ():
                yield item
            if not (more := page["metadata"].get("continue")):
                return
            query["continue"] = more

    async def _send(self, call: _Call) -> Manifest:
        if call.refused:
            raise Missing(call.refused)
        # A stream, because aiohttp warns of plain bytes of more than 1 MiB, and a Secret may have as many.
        content = None if call.body is None else BytesIO(json.dumps(call.body, separators=(",", ":")).encode())
        headers = {"Accept": call.accept, "Content-Type": _CONTENT_TYPES.get(call.verb, _JSON)}
        request = self._http.request(_METHODS[call.verb], call.url.lstrip("/"), params=call.query, data=content, headers=headers)
        what, code = f"{call.verb} {call.what}", "error"
        try:
            async with request as response:
                answer = await response.read()
            code = str(response.status)
            if response.ok:
                found: Manifest = json.loads(answer)
                return found
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise Transient(f"{what}: {type(error).__name__} {error}".rstrip()) from error
        finally:
            metrics.KUBE_REQUESTS.labels(call.verb, code).inc()
        raise failure(what, response.status, response.headers.get("Retry-After", ""), answer)


_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,252}")
"""No object has another name (Kubernetes documentation, "Object Names and IDs"; RBAC's names may hold a colon)."""


def path(kind: Kind, key: Key, subresource: str = "") -> str:
    """The URL path of an object, or of a list when the key has no name.

    Raises Missing for names that no object can have: people write names into specs, and with one like
    `../../other/secrets/x` the operator would read where they may not.
    """
    for part in (key.namespace, key.name):
        if part and not _NAME.fullmatch(part):
            raise Missing(f"no {kind.kind} can be named {part!r}")
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
    what = resource + name + where
    if not key.name and verb not in ("list", "create"):
        return _Call(verb, what, "", refused=f"no {kind.kind} has an empty name")
    try:
        return _Call(verb, what, path(kind, key, subresource), body, query or {})
    except Missing as error:
        return _Call(verb, what, "", refused=str(error))


def _group(kind: Kind) -> str:
    return f"/apis/{kind.api_version}" if kind.group else f"/api/{kind.version}"


def _selector(wanted: Mapping[str, str] | None, unwanted: Mapping[str, str] | None = None) -> str:
    terms = [f"{name}={value}" for name, value in (wanted or {}).items()]
    return ",".join([*terms, *(f"{name}!={value}" for name, value in (unwanted or {}).items())])


def _key(manifest: Mapping[str, Any]) -> Key:
    return Key(manifest["metadata"].get("namespace", ""), manifest["metadata"]["name"])
