"""Instances for the tests of manifests, and what they look up in a StatefulSet."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from davit.model import Manifest
from davit.testing.builders import resource
from davit_prometheus.api.prometheus import PROMETHEUS, PROMETHEUS_AGENT
from davit_prometheus.manifests.stateful_set import stateful_set
from davit_prometheus.model import Instance
from davit_prometheus.validate import validate

Json = dict[str, Any]


def instance(spec: Mapping[str, Any] | None = None, *, name: str = "k8s", agent: bool = False, **metadata: Any) -> Instance:
    """As a resource with this spec becomes one; `metadata` are further fields of the resource's."""
    kind = PROMETHEUS_AGENT if agent else PROMETHEUS
    return validate(resource(kind, name, {"version": "v3.5.0", **(spec or {})}, **metadata))


def made(spec: Mapping[str, Any] | None = None, *, shard: int = 0, agent: bool = False, **more: Any) -> Manifest:
    """The StatefulSet of a shard."""
    return stateful_set(instance(spec, agent=agent, **more), shard)


def pod(manifest: Manifest) -> Json:
    """The pod spec of a StatefulSet."""
    body: Json = manifest["spec"]["template"]["spec"]
    return body


def container(manifest: Manifest, name: str = "prometheus") -> Json:
    """The container of that name in a StatefulSet."""
    (found,) = (one for one in pod(manifest)["containers"] if one["name"] == name)
    return dict(found)


def flags(manifest: Manifest, name: str = "prometheus") -> dict[str, list[str]]:
    """The flags of a container: every value of each."""
    found: dict[str, list[str]] = {}
    for argument in container(manifest, name)["args"]:
        if argument.startswith("--"):
            flag, _, value = argument[2:].partition("=")
            found.setdefault(flag, []).append(value)
    return found


def volume(manifest: Manifest, name: str) -> Json:
    """The volume of that name in a StatefulSet."""
    (found,) = (one for one in pod(manifest)["volumes"] if one["name"] == name)
    return dict(found)


def mount(manifest: Manifest, name: str, of: str = "prometheus") -> Json:
    """The mount of that volume in a container."""
    (found,) = (one for one in container(manifest, of)["volumeMounts"] if one["name"] == name)
    return dict(found)
