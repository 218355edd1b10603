"""A thin JSON layer over the official client: kubeconfig, TLS and credentials are its work, models are not needed."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import urllib3
from kubernetes import client, config
from kubernetes.client.exceptions import ApiException

from e2e.support.errors import ApiError, Unreachable
from e2e.support.exec import Done, run
from e2e.support.kinds import EVENT, POD, Kind

Json = dict[str, Any]

APPLY = "application/apply-patch+yaml"
MERGE = "application/merge-patch+json"
JSON_PATCH = "application/json-patch+json"
MANAGER = "davit-e2e"


class Kube:
    """One connection pool to one cluster; safe to share between threads."""

    def __init__(self, kubeconfig: Path) -> None:
        self.kubeconfig = kubeconfig
        self._configuration = client.Configuration()
        config.load_kube_config(  # type: ignore[no-untyped-call]
            str(kubeconfig), client_configuration=self._configuration
        )
        self._configuration.connection_pool_maxsize = 16
        self._api = client.ApiClient(self._configuration)

    def request(
        self,
        method: str,
        path: str,
        query: Mapping[str, object] | None = None,
        body: object = None,
        content_type: str = "application/json",
        timeout: float = 30.0,
        accept: str = "application/json, */*",
    ) -> bytes:
        """One request; the body of a good answer, else ApiError or Unreachable."""
        response = self._send(method, path, query, body, content_type, timeout, accept)
        try:
            data: bytes = response.read()
        except urllib3.exceptions.HTTPError as error:
            raise Unreachable(f"{method} {path}: {error}") from error
        if not 200 <= response.status < 300:
            raise ApiError(f"{method} {path}", response.status, data)
        return data

    def _send(
        self,
        method: str,
        path: str,
        query: Mapping[str, object] | None,
        body: object,
        content_type: str,
        timeout: float,
        accept: str = "application/json, */*",
    ) -> Any:
        headers = {"Accept": accept, "Content-Type": content_type}
        call = self._api.param_serialize(
            method,
            path,
            query_params=[(key, value) for key, value in (query or {}).items() if value is not None],
            header_params=headers,
            body=body,
            auth_settings=["BearerToken"],
        )
        try:
            return self._api.call_api(*call, _request_timeout=timeout)
        except (urllib3.exceptions.HTTPError, ApiException) as error:
            raise Unreachable(f"{method} {path}: {error}") from error

    def get(self, kind: Kind, namespace: str | None, name: str) -> Json | None:
        """The object, None when there is none."""
        try:
            return _json(self.request("GET", kind.path(namespace, name)))
        except ApiError as error:
            if error.status == 404:
                return None
            raise

    def read(self, kind: Kind, namespace: str | None, name: str) -> Json:
        """The object, which must exist."""
        return _json(self.request("GET", kind.path(namespace, name)))

    def all(self, kind: Kind, namespace: str | None = None, labels: Mapping[str, str] | None = None) -> list[Json]:
        """All objects of a kind with these labels, by name."""
        selector = ",".join(f"{key}={value}" for key, value in (labels or {}).items())
        found = _json(self.request("GET", kind.path(namespace), {"labelSelector": selector or None}, timeout=60.0))
        items: list[Json] = found["items"]
        return sorted(items, key=lambda item: str(item["metadata"]["name"]))

    def versions(self, kind: Kind, namespace: str) -> dict[str, str]:
        """The resourceVersions of all objects of a kind by name, without their contents."""
        accept = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
        found = _json(self.request("GET", kind.path(namespace), accept=accept))
        return {item["metadata"]["name"]: item["metadata"]["resourceVersion"] for item in found["items"]}

    def create(self, kind: Kind, manifest: Json, *, dry_run: bool = False) -> Json:
        """Create, or with `dry_run` only ask whether it would be admitted."""
        query = {"fieldManager": MANAGER, "dryRun": "All" if dry_run else None}
        path = kind.path(manifest["metadata"].get("namespace"))
        return _json(self.request("POST", path, query, {"apiVersion": kind.api_version, "kind": kind.kind, **manifest}))

    def apply(self, kind: Kind, manifest: Json, *, dry_run: bool = False) -> Json:
        """Server-side apply as `davit-e2e`, by force."""
        metadata = manifest["metadata"]
        query = {"fieldManager": MANAGER, "force": "true", "dryRun": "All" if dry_run else None}
        body = {"apiVersion": kind.api_version, "kind": kind.kind, **manifest}
        return _json(self.request("PATCH", kind.path(metadata.get("namespace"), metadata["name"]), query,
                                  body, APPLY))  # fmt: skip

    def patch(
        self,
        kind: Kind,
        namespace: str | None,
        name: str,
        change: Mapping[str, Any],
        subresource: str | None = None,
    ) -> Json:
        """JSON merge patch: null removes."""
        path = kind.path(namespace, name, subresource)
        return _json(self.request("PATCH", path, {"fieldManager": MANAGER}, dict(change), MERGE))

    def json_patch(self, kind: Kind, namespace: str | None, name: str, operations: Sequence[Json]) -> Json:
        """JSON patch, where merge can't say it (one item of a list)."""
        path = kind.path(namespace, name)
        return _json(self.request("PATCH", path, {"fieldManager": MANAGER}, list(operations), JSON_PATCH))

    def delete(self, kind: Kind, namespace: str | None, name: str, *, grace: int | None = None, uid: str = "") -> None:
        """Delete; `grace` 0 is a kill. Already gone is fine, unless a `uid` was asked for."""
        options: Json = {"apiVersion": "v1", "kind": "DeleteOptions", "propagationPolicy": "Background"}
        if grace is not None:
            options["gracePeriodSeconds"] = grace
        if uid:
            options["preconditions"] = {"uid": uid}
        try:
            self.request("DELETE", kind.path(namespace, name), body=options)
        except ApiError as error:
            if error.status != 404 or uid:
                raise

    def events(self, namespace: str, about: str | None = None) -> list[Json]:
        """Events of a namespace in order, those of one object when its name is given."""
        found = self.all(EVENT, namespace)
        mine = [event for event in found if about in (None, event["involvedObject"].get("name"))]
        return sorted(
            mine,
            key=lambda e: str(e.get("lastTimestamp") or e.get("eventTime") or e["metadata"]["creationTimestamp"]),
        )

    def logs(self, namespace: str, pod: str, container: str | None = None, **query: object) -> str:
        """A container's log; query: previous, tailLines, sinceTime, timestamps ..."""
        asked = {"container": container, **query}
        path = POD.path(namespace, pod, "log")
        return self.request("GET", path, asked, timeout=60.0).decode(errors="replace")

    def follow(self, namespace: str, pod: str, **query: object) -> Iterator[str]:
        """A container's log line by line until it ends; quiet when the pod is gone."""
        path = POD.path(namespace, pod, "log")
        response = self._send("GET", path, {"follow": "true", **query}, None, "application/json", 3600.0)
        if response.status != 200:
            raise ApiError(f"GET {path}", response.status, response.read())
        rest = b""
        try:
            for chunk in response.response.stream(amt=None):
                *lines, rest = (rest + chunk).split(b"\n")
                yield from (line.decode(errors="replace") for line in lines)
        except urllib3.exceptions.HTTPError:
            pass
        finally:
            response.response.close()
        if rest:
            yield rest.decode(errors="replace")

    def exec(self, namespace: str, pod: str, container: str, argv: Sequence[str], timeout: float = 30.0) -> Done:
        """Run a command in a container."""
        return run(self._configuration, namespace, pod, container, argv, timeout)


def _json(data: bytes) -> Json:
    try:
        found = json.loads(data)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {"items": found}


def condition(resource: Mapping[str, Any] | None, kind: str) -> Json:
    """A condition of a resource by its type, empty when it has none."""
    status = (resource or {}).get("status") or {}
    return next((dict(c) for c in status.get("conditions") or [] if c["type"] == kind), {})


def pod_ready(pod: Mapping[str, Any]) -> bool:
    """Whether a pod is Ready and not on its way out."""
    return "deletionTimestamp" not in pod["metadata"] and condition(pod, "Ready").get("status") == "True"


def dig(resource: Mapping[str, Any] | None, *path: str) -> Any:
    """The value at a path of keys, None when any is absent."""
    value: Any = resource
    for key in path:
        value = value.get(key) if isinstance(value, Mapping) else None
    return value
