"""Service accounts with given rights, and the kinds that only tests need."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import yaml
from davit.kube.crds import CRD
from davit.kube.http import KubeClient
from davit.model import Kind, Manifest

from ci.cluster.controlplane import ControlPlane

NAMESPACE = Kind("", "v1", "Namespace", "namespaces", namespaced=False)
SERVICE_ACCOUNT = Kind("", "v1", "ServiceAccount", "serviceaccounts")
ROLE = Kind("rbac.authorization.k8s.io", "v1", "Role", "roles")
ROLE_BINDING = Kind("rbac.authorization.k8s.io", "v1", "RoleBinding", "rolebindings")

Rule = tuple[str, str, str]
"""API group, resource, and verbs joined by commas."""


async def person(plane: ControlPlane, admin: KubeClient, namespace: str, rules: Iterable[Rule], folder: Path) -> Path:
    """A service account with these rights in one namespace and none elsewhere; returns its kubeconfig."""
    await admin.apply(SERVICE_ACCOUNT, _object(SERVICE_ACCOUNT, namespace))
    granted = [{"apiGroups": [group], "resources": [resource], "verbs": verbs.split(",")} for group, resource, verbs in rules]
    await admin.apply(ROLE, _object(ROLE, namespace, rules=granted))
    subject = {"kind": "ServiceAccount", "name": "person", "namespace": namespace}
    role = {"apiGroup": ROLE.group, "kind": "Role", "name": "person"}
    await admin.apply(ROLE_BINDING, _object(ROLE_BINDING, namespace, roleRef=role, subjects=[subject]))
    token = plane.kubectl("create", "token", "person", "--namespace", namespace).strip()
    config = yaml.safe_load(plane.kubeconfig.read_text())
    config["users"] = [{"name": config["users"][0]["name"], "user": {"token": token}}]
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "kubeconfig"
    path.write_text(yaml.safe_dump(config))
    return path


def _object(kind: Kind, namespace: str, **more: Any) -> Manifest:
    metadata = {"name": "person", "namespace": namespace}
    return {"apiVersion": kind.api_version, "kind": kind.kind, "metadata": metadata, **more}


def toy_crd(kind: Kind, *fields: str, labels: dict[str, str] | None = None) -> Manifest:
    """A CRD with a status and these text fields in its spec."""
    properties = {name: {"type": "string"} for name in fields}
    status = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    schema = {"type": "object", "properties": {"spec": {"type": "object", "properties": properties}, "status": status}}
    version = {
        "name": kind.version,
        "served": True,
        "storage": True,
        "subresources": {"status": {}},
        "schema": {"openAPIV3Schema": schema},
    }
    names = {"kind": kind.kind, "plural": kind.plural, "singular": kind.kind.lower(), "listKind": f"{kind.kind}List"}
    return {
        "apiVersion": CRD.api_version,
        "kind": CRD.kind,
        "metadata": {"name": f"{kind.plural}.{kind.group}", "labels": labels or {}},
        "spec": {"group": kind.group, "names": names, "scope": "Namespaced", "versions": [version]},
    }
