"""Discovery of Kubernetes objects. Pure."""

from __future__ import annotations

from typing import Any

from davit.monitoring.http import Context, Unusable

from davit_prometheus.api.discovery.kubernetes import KubernetesSDConfig
from davit_prometheus.config.discovery import selectors
from davit_prometheus.config.discovery.table import AUTH, REDIRECTS, Discovery, choice, required, tls, url
from davit_prometheus.model import Json

ROLES = ("pod", "endpoints", "endpointslice", "service", "node", "ingress")
_SELECTED = {
    "pod": ("pod",),
    "service": ("service",),
    "endpointslice": ("pod", "service", "endpointslice"),
    "endpoints": ("pod", "service", "endpoints"),
    "node": ("node",),
    "ingress": ("ingress",),
}
"""Which objects the selectors of a role may limit."""
_ATTACHED = {"pod": "2.35.0", "endpoints": "2.37.0", "endpointslice": "2.37.0"}
_HARMLESS = {"follow_redirects": True, "enable_http2": True, "proxy_from_environment": False, "no_proxy": ""}
_HARMLESS_TLS: Json = {"insecure_skip_verify": False}


def _api_server(context: Context, entry: Any, path: str) -> Json:
    return {} if entry.api_server is None else url("api_server", hosted=False)(context, entry, path)


def _client(context: Context, entry: Any, path: str) -> Json:
    """Authentication, proxy and TLS, which need a server of their own."""
    rendered: Json = {}
    for step in (*AUTH, REDIRECTS, tls):
        rendered |= step(context, entry, path)
    if entry.api_server is None:
        for key, value in rendered.items():
            if not _is_default(key, value):
                raise Unusable(f"{path}.apiServer", f"is missing: {key} is for a server that is named; name it or remove {key}")
    return rendered


def _is_default(key: str, value: Any) -> bool:
    if key == "tls_config":
        return all(name in _HARMLESS_TLS and part == _HARMLESS_TLS[name] for name, part in value.items())
    return key in _HARMLESS and bool(value == _HARMLESS[key])


def _namespaces(_: Context, entry: Any, path: str) -> Json:
    given = entry.namespaces
    if given is None:
        return {}
    if entry.api_server is not None and given.own_namespace:
        raise Unusable(f"{path}.namespaces.ownNamespace", "can't go with apiServer: name the namespace instead")
    own = {} if given.own_namespace is None else {"own_namespace": given.own_namespace}
    return {"namespaces": {"names": given.names or [], **own}}


def _selectors(context: Context, entry: Any, path: str) -> Json:
    role = entry.role.lower()
    rendered: list[Json] = []
    for index, each in enumerate(entry.selectors or ()):
        where, selected = f"{path}.selectors[{index}]", each.role.lower()
        allowed = _SELECTED[role] + (("node",) if role == "pod" and context.gate.at_least("3.11.0") else ())
        if selected not in allowed:
            raise Unusable(f"{where}.role", f"{each.role!r} can't limit the role {entry.role}: write one of {', '.join(allowed)}")
        if selected in (earlier["role"] for earlier in rendered):
            raise Unusable(f"{where}.role", f"{each.role!r} has a selector already: put both into one")
        for name, value, problem_of in (
            ("label", each.label, selectors.label_problem),
            ("field", each.field, selectors.field_problem),
        ):
            if problem := problem_of(value or ""):
                raise Unusable(f"{where}.{name}", problem)
        given = {"label": each.label, "field": each.field}
        rendered.append({"role": selected, **{name: value for name, value in given.items() if value is not None}})
    return {"selectors": rendered} if rendered and context.gate.since("2.17.0", f"{path}.selectors") else {}


def _attach_metadata(context: Context, entry: Any, path: str) -> Json:
    if entry.attach_metadata is None:
        return {}
    where, minimum = f"{path}.attachMetadata", _ATTACHED.get(entry.role.lower())
    if minimum is None:
        context.gate.ignore(where, f"the role {entry.role} has none")
        return {}
    return {"attach_metadata": {"node": entry.attach_metadata.node}} if context.gate.since(minimum, where) else {}


KUBERNETES = Discovery(
    "kubernetesSDConfigs",
    "kubernetes_sd_configs",
    KubernetesSDConfig,
    (_api_server, required("role"), choice("role", ROLES), _client, _namespaces, _selectors, _attach_metadata),
)
