"""`kubernetes_sd_configs` of everything that the operator discovers itself. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from davit.monitoring.assets import Ref, references
from davit.monitoring.http import Context, authorization, basic_auth, check_client, proxy, tls_config
from davit.monitoring.types import LabelSelector, NamespaceSelector

from davit_prometheus.config.selecting import selector_text
from davit_prometheus.model import Json, Role, Scope

_PATH = "Prometheus spec.apiserverConfig"


def namespaces(scope: Scope, selector: NamespaceSelector | None, own: str) -> list[str]:
    """Where to look for targets; empty for everywhere."""
    if scope.spec.ignore_namespace_selectors or selector is None:
        return [own]
    if selector.any:
        return []
    return list(selector.match_names or ()) or [own]


def endpoint_role(scope: Scope, wanted: str | None) -> Role:
    """The flavour of endpoints discovery that a monitor asks for."""
    if wanted is None:
        return scope.endpoint_role
    return "endpointslice" if wanted == "EndpointSlice" and scope.gate().at_least("2.21.0") else "endpoints"


def kubernetes_sd(
    scope: Scope,
    context: Context,
    role: str,
    within: Sequence[str],
    *,
    attach: Json | None = None,
    selectors: Sequence[Json] = (),
) -> Json:
    """The key with its one entry; `context` is of any namespace, credentials are those of the Prometheus."""
    config: Json = {"role": role}
    if within:
        config["namespaces"] = {"names": list(within)}
    config |= api_server(scope, context)
    if attach is not None:
        config["attach_metadata"] = attach
    on_this_node = [{"role": "pod", "field": "spec.nodeName=$(NODE_NAME)"}] if scope.daemon_set else []
    if on_this_node or selectors:
        config["selectors"] = [*on_this_node, *selectors]
    return {"kubernetes_sd_configs": [config]}


def role_selectors(selector: LabelSelector, roles: Sequence[str]) -> list[Json]:
    """Ask the API server for what matches, instead of filtering by relabeling."""
    text = selector_text(selector)
    return [{"role": role, "label": text} for role in roles]


def api_server(scope: Scope, context: Context) -> Json:
    """How Prometheus reaches the Kubernetes API, when the Prometheus says so."""
    config = scope.spec.apiserver_config
    if config is None:
        return {}
    own = context.within(scope.namespace)
    rendered: Json = {"api_server": config.host, **basic_auth(own, config.basic_auth, f"{_PATH}.basicAuth")}
    if config.bearer_token:
        rendered["bearer_token"] = config.bearer_token
    if config.bearer_token_file:
        rendered["bearer_token_file"] = config.bearer_token_file
    rendered |= authorization(own, config.authorization, f"{_PATH}.authorization")
    rendered |= tls_config(own, config.tls_config, f"{_PATH}.tlsConfig")
    rendered |= proxy(own, config, _PATH)
    check_client(rendered, _PATH)
    return rendered


def api_server_references(scope: Scope) -> frozenset[Ref]:
    """The Secrets that `api_server` reads."""
    return references(scope.spec.apiserver_config, scope.namespace)
