"""Patches of containers, as typed clients of Kubernetes make them. Pure.

Source: "Strategic Merge Patch" in the Kubernetes documentation, and the merge keys of a Container in core/v1.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

Json = dict[str, Any]

MERGE_KEYS = {"env": "name", "ports": "containerPort", "volumeMounts": "mountPath", "volumeDevices": "devicePath"}
_HANDLERS = ("exec", "grpc", "httpGet", "tcpSocket")
_POINTERS = ("optional", "resources", "securityContext", "service", "terminationGracePeriodSeconds")
"""Fields in or at which a client written in Go tells a false or zero from an absent one."""


def merge_container(container: Mapping[str, Any], patch: Mapping[str, Any]) -> Json:
    """A strategic merge patch of a core/v1 Container, as typed clients make it: empty values in the patch say nothing."""
    said = _said(patch)
    merged = _merge(container, said, top=True)
    for name in ("startupProbe", "readinessProbe", "livenessProbe"):
        probe = merged.get(name) or {}
        if sum(handler in probe for handler in _HANDLERS) > 1:
            kept = {key: value for key, value in probe.items() if key not in _HANDLERS}
            merged[name] = kept | {key: said[name][key] for key in _HANDLERS if key in said[name]}
    return merged


def _said(value: Any, *, pointers: bool = False) -> Any:
    """What of a patch has an effect."""
    if not isinstance(value, Mapping):
        return value
    return {
        key: _said(below, pointers=pointers or key in _POINTERS)
        for key, below in value.items()
        if not key.startswith("$")
        and below is not None
        and below != []
        and (below not in ("", 0) or pointers or key in _POINTERS)
    }


def _merge(base: Mapping[str, Any], patch: Mapping[str, Any], *, top: bool = False) -> Json:
    merged = dict(base)
    for key, value in patch.items():
        before = merged.get(key)
        if top and key in MERGE_KEYS:
            merged[key] = list(_merge_list(before or [], [_said(item) for item in value], MERGE_KEYS[key]))
        elif isinstance(before, Mapping) and isinstance(value, Mapping):
            merged[key] = _merge(before, value)
        else:
            merged[key] = value
    return merged


def _merge_list(base: Sequence[Mapping[str, Any]], patch: Sequence[Mapping[str, Any]], key: str) -> Iterator[Json]:
    """In the order of the API server's own merge, since an environment variable may refer to earlier ones."""
    order = [item.get(key) for item in base]
    patched = {item.get(key): item for item in patch}
    untouched = [dict(item) for item in base if item.get(key) not in patched]
    for item in patched.values():
        name = item.get(key)
        while name in order and untouched and order.index(untouched[0][key]) < order.index(name):
            yield untouched.pop(0)
        before = base[order.index(name)] if name in order else {}
        yield _merge(_without_source(before, item), item)
    yield from untouched


def _without_source(before: Mapping[str, Any], patch: Mapping[str, Any]) -> Json:
    """An environment variable has a value or a source of it, never both."""
    dropped = {"value": "valueFrom", "valueFrom": "value"}
    return {key: value for key, value in before.items() if dropped.get(key) not in patch}
