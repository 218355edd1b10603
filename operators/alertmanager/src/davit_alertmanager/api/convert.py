"""AlertmanagerConfigs between v1alpha1 and v1beta1. Pure, and never loses a field.

The renderers understand both spellings in either version, so nothing needs this to work; it is for who wants an object in
one version's own spelling (a conversion webhook, a migration).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from davit.model import Kind, Manifest

from davit_alertmanager.api import v1alpha1, v1beta1

VERSIONS: dict[str, Kind] = {kind.api_version: kind for kind in (v1alpha1.ALERTMANAGER_CONFIG, v1beta1.ALERTMANAGER_CONFIG)}
_MATCHERS = ("matchers", "sourceMatch", "targetMatch")
_ALPHA, _BETA = "muteTimeIntervals", "timeIntervals"


def convert(manifest: Manifest, api_version: str) -> Manifest:
    """The same object in another version's spelling; raises ValueError for a version that there is not.

    To v1beta1 every matcher says how it compares, as that version asks for; back to v1alpha1 it goes on saying so.
    """
    if api_version not in VERSIONS:
        raise ValueError(f"{api_version!r} is no version of AlertmanagerConfig: use one of {', '.join(sorted(VERSIONS))}")
    spec = manifest.get("spec")
    converted = {**manifest, "apiVersion": api_version}
    if not isinstance(spec, Mapping):
        return converted
    beta = api_version == v1beta1.ALERTMANAGER_CONFIG.api_version
    renamed = _renamed(spec, *((_ALPHA, _BETA) if beta else (_BETA, _ALPHA)))
    return {**converted, "spec": _compared(renamed) if beta else renamed}


def _renamed(spec: Mapping[str, Any], old: str, new: str) -> dict[str, Any]:
    """With both spellings' lists under the new one, each in the place of the first."""
    if old not in spec:
        return dict(spec)
    both = [*(spec.get(old) or ()), *(spec.get(new) or ())]
    return {new if key == old else key: both if key == old else value for key, value in spec.items() if key != new}


def _compared(spec: Mapping[str, Any]) -> dict[str, Any]:
    result = dict(spec)
    if isinstance(spec.get("route"), Mapping):
        result["route"] = _with_types(spec["route"])
    if isinstance(spec.get("inhibitRules"), list):
        result["inhibitRules"] = [_with_types(rule) for rule in spec["inhibitRules"]]
    return result


def _with_types(node: Any) -> Any:
    """A route with those below it, or a rule, whose matchers have matchType instead of regex."""
    if not isinstance(node, Mapping):
        return node
    result = dict(node)
    for name in _MATCHERS:
        if isinstance(node.get(name), list):
            result[name] = [_matcher(item) for item in node[name]]
    if isinstance(node.get("routes"), list):
        result["routes"] = [_with_types(child) for child in node["routes"]]
    return result


def _matcher(given: Any) -> Any:
    if not isinstance(given, Mapping):
        return given
    kind = given.get("matchType") or ("=~" if given.get("regex") else "=")
    return {**{key: value for key, value in given.items() if key != "regex"}, "matchType": kind}
