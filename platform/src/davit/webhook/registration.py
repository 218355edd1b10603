"""The ValidatingWebhookConfiguration: built from a table, and kept as built.

It is nobody's child in a chart, for the caBundle in it changes. Where the operator's ClusterRole owns it, the garbage
collector removes it with the release; left behind it does no harm, since it fails open.
"""

from __future__ import annotations

import base64
import logging
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from davit.errors import Blocked
from davit.kube.client import Client
from davit.kube.labels import MANAGED_BY, PART_OF
from davit.model import Key, Kind, Manifest
from davit.webhook.review import Reviewer

log = logging.getLogger(__name__)

Json = dict[str, Any]

CONFIGURATION = Kind(
    "admissionregistration.k8s.io",
    "v1",
    "ValidatingWebhookConfiguration",
    "validatingwebhookconfigurations",
    namespaced=False,
)
CLUSTER_ROLE = Kind("rbac.authorization.k8s.io", "v1", "ClusterRole", "clusterroles", namespaced=False)

TIMEOUT = 5
"""Seconds that the API server waits for us."""
OPERATIONS = ("CREATE", "UPDATE")

_CONDITIONS = (
    # Nothing may hold up the end of an object, whatever its finalizers still need to write.
    ("not-being-deleted", "!has(object.metadata.deletionTimestamp)"),
    # Labels, annotations, finalizers, and status where a CRD has no subresource for it.
    (
        "changes-spec",
        "request.operation == 'CREATE' || !has(object.spec) || !has(oldObject.spec) || object.spec != oldObject.spec",
    ),
)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A row of the table: the versions of one resource, and who reviews them."""

    kinds: tuple[Kind, ...]
    reviewer: Reviewer
    operations: tuple[str, ...] = OPERATIONS

    @property
    def path(self) -> str:
        """Of the URL."""
        return f"/validate/{self.kinds[0].group}/{self.kinds[0].plural}"


@dataclass(frozen=True, slots=True)
class Address:
    """Where the API server reaches us: `host` is what our certificate must be for."""

    host: str
    client_config: Json

    @classmethod
    def service(cls, name: str, namespace: str, port: int = 443) -> Address:
        """By a Service in front of all replicas."""
        return cls(f"{name}.{namespace}.svc", {"service": {"name": name, "namespace": namespace, "port": port}})

    @classmethod
    def local(cls, host: str, port: int) -> Address:
        """By a URL, for a process outside the cluster."""
        return cls(host, {"url": f"https://{host}:{port}"})

    def at(self, path: str, bundle: bytes) -> Json:
        """The clientConfig for one path."""
        encoded = base64.b64encode(bundle).decode()
        if url := self.client_config.get("url"):
            return {"url": url + path, "caBundle": encoded}
        return {"service": {**self.client_config["service"], "path": path}, "caBundle": encoded}


@dataclass(frozen=True, slots=True)
class Registration:
    """What the configuration says, but for the caBundle.

    namespaces: those that are served, None for all; selector: a label selector for the objects that are ours, empty
    for all. Namespaces such as kube-system are not left out: people keep monitors there, and nothing but these kinds
    is ever held up.
    """

    name: str
    operator: str
    address: Address
    endpoints: tuple[Endpoint, ...]
    namespaces: tuple[str, ...] | None = None
    selector: Mapping[str, Any] = field(default_factory=dict)

    def manifest(self, bundle: bytes, owners: Sequence[Manifest] = ()) -> Manifest:
        """The object. Defaults are spelled out, so that it equals what the API server makes of it."""
        metadata: Json = {"name": self.name, "labels": {MANAGED_BY: self.operator, PART_OF: "davit"}}
        if owners:
            metadata["ownerReferences"] = list(owners)
        webhooks = [self._webhook(endpoint, bundle) for endpoint in self.endpoints]
        return {"apiVersion": CONFIGURATION.api_version, "kind": CONFIGURATION.kind, "metadata": metadata, "webhooks": webhooks}

    def _webhook(self, endpoint: Endpoint, bundle: bytes) -> Json:
        first = endpoint.kinds[0]
        rule = {
            "apiGroups": [first.group],
            "apiVersions": list(dict.fromkeys(kind.version for kind in endpoint.kinds)),
            "operations": list(endpoint.operations),
            "resources": [first.plural],
            "scope": "Namespaced" if first.namespaced else "Cluster",
        }
        return {
            "name": f"{first.plural}.{self.operator}.davit.dev",
            "admissionReviewVersions": ["v1"],
            "clientConfig": self.address.at(endpoint.path, bundle),
            "failurePolicy": "Ignore",
            "matchConditions": [{"name": name, "expression": expression} for name, expression in _CONDITIONS],
            "matchPolicy": "Equivalent",
            "namespaceSelector": _namespaces(self.namespaces),
            "objectSelector": dict(self.selector),
            "rules": [rule],
            "sideEffects": "None",
            "timeoutSeconds": TIMEOUT,
        }


def _namespaces(names: Collection[str] | None) -> Json:
    if names is None:
        return {}
    return {"matchExpressions": [{"key": "kubernetes.io/metadata.name", "operator": "In", "values": sorted(names)}]}


def stands(wanted: Manifest, live: Manifest, settled: Sequence[Any] | None) -> bool:
    """Whether the live object is as wanted, or as the API server made it of our last write. Pure."""
    metadata, ours = live["metadata"], wanted["metadata"]
    return (
        live.get("webhooks") in (wanted["webhooks"], settled)
        and ours["labels"].items() <= metadata.get("labels", {}).items()
        and all(owner in metadata.get("ownerReferences", []) for owner in ours.get("ownerReferences", []))
    )


class Registrar:
    """Keeps the configuration as it should be; for the leader."""

    def __init__(self, client: Client, registration: Registration) -> None:
        self._client = client
        self._registration = registration
        self._written: tuple[Manifest, Any] | None = None

    async def ensure(self, bundle: bytes, owners: Sequence[Manifest] = ()) -> None:
        """Write it where it differs from what it should be; strangers' additions are taken away."""
        key, wanted = Key("", self._registration.name), self._registration.manifest(bundle, owners)
        live = await self._client.get(CONFIGURATION, key)
        settled = self._written[1] if self._written and self._written[0] == wanted else None
        if live is not None and stands(wanted, live, settled):
            return
        live = await self._client.apply(CONFIGURATION, wanted)
        if not stands(wanted, live, None):
            # Apply leaves what others put beside our fields.
            replaced = {"op": "replace", "path": "/webhooks", "value": wanted["webhooks"]}
            live = await self._client.patch(CONFIGURATION, key, [replaced])
        self._written = (wanted, live["webhooks"])
        log.info("the webhooks are registered", extra={"configuration": str(key)})


async def owner(client: Client, cluster_role: str) -> Manifest:
    """An owner reference to this ClusterRole.

    Raises `Blocked` when it is gone: then the release is being removed, and what is made now would stay.
    """
    found = await client.get(CLUSTER_ROLE, Key("", cluster_role))
    if found is None:
        raise Blocked(
            "OwnerMissing",
            f"the ClusterRole {cluster_role}, with which certificate and registration are to be removed, is not there: "
            "restore it, or name none",
        )
    kind, uid = CLUSTER_ROLE.kind, found["metadata"]["uid"]
    return {"apiVersion": CLUSTER_ROLE.api_version, "kind": kind, "name": cluster_role, "uid": uid}
