"""The base configuration: the user's own text, or an AlertmanagerConfig beside the Alertmanager. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from davit.errors import Invalid, Problem
from davit.model import Manifest
from davit.monitoring.assets import Assets
from davit.monitoring.faults import Fault
from davit.monitoring.http import Context

from davit_alertmanager.config.client import SUPPORT
from davit_alertmanager.config.contribution import Builder
from davit_alertmanager.config.globals import global_section
from davit_alertmanager.config.raw import read
from davit_alertmanager.config.receivers.table import Receiver
from davit_alertmanager.model import CONFIG_FILE, TLS_ASSETS, Base, Facts, Foundation, Json, Raw, Scope

_ORDER = ("global", "route", "inhibit_rules", "receivers", "mute_time_intervals", "time_intervals", "templates")
_ROOT_WITHOUT = ("continue", "matchers", "mute_time_intervals", "active_time_intervals")
_TEXT = "spec.configSecret"
_OBJECT = "spec.alertmanagerConfiguration.name"
_NOTHING: Mapping[str, str] = MappingProxyType({})


def foundation(scope: Scope, base: Base, assets: Assets, without: Mapping[str, str] = _NOTHING) -> Foundation:
    """The base configuration, read; `without` are paths of parts of an AlertmanagerConfig to leave out and why.

    Raises `Invalid` when there is no default route with a receiver, since nothing could be added to that.
    """
    return _from_text(scope, base.text) if isinstance(base, Raw) else _from_object(scope, base.manifest, assets, without)


def facts(config: Mapping[str, Any]) -> Facts:
    """What AlertmanagerConfigs need to know of a configuration."""
    given = config.get("global")
    known = frozenset(key for key, value in given.items() if value) if isinstance(given, Mapping) else frozenset()
    return Facts(config["route"]["receiver"], known)


def _from_text(scope: Scope, text: str) -> Foundation:
    gate = scope.gate()
    config = read(text, gate, _TEXT)
    route = config.get("route")
    if not isinstance(route, Mapping):
        raise Invalid(Problem(_TEXT, f"{CONFIG_FILE} has no route: add one with a receiver for all alerts"))
    if not isinstance(route.get("receiver"), str) or not route["receiver"]:
        raise Invalid(Problem(_TEXT, f"{CONFIG_FILE}: route has no receiver: name the one for all other alerts"))
    for key in (*_ROOT_WITHOUT, "match", "match_re"):
        if route.get(key):
            raise Invalid(
                Problem(_TEXT, f"{CONFIG_FILE}: route must not have {key}: it is for all alerts, move it to a route below")
            )
    for key in ("routes", "receivers", "inhibit_rules", "mute_time_intervals"):
        holder = route if key == "routes" else config
        if not isinstance(holder.get(key, []), list):
            raise Invalid(Problem(_TEXT, f"{CONFIG_FILE}: {key} must be a list"))
    return Foundation(_ordered({**config, "templates": config.get("templates", [])}), facts(config), ignored=gate.ignored)


def _from_object(scope: Scope, manifest: Manifest, assets: Assets, without: Mapping[str, str]) -> Foundation:
    gate = scope.gate()
    context = Context(gate, assets, scope.namespace, TLS_ASSETS, SUPPORT)
    section, faults = global_section(context, scope.globals)
    known = Facts("", frozenset(key for key, value in section.items() if value))
    builder = Builder(scope, known, manifest, assets, without)
    name = _root_receiver(builder)
    receivers, intervals = builder.receivers(), builder.intervals()
    silenced = name in builder.lost
    if name not in receivers and not silenced:
        raise Invalid(Problem(_OBJECT, f"{builder.key}: spec.route.receiver {name!r} is not among spec.receivers: add it there"))
    tree = builder.tree(receivers, intervals, builder.named(name))
    route, more = _as_root(tree.node(builder.spec["route"], "spec.route", builder.named(name), top=True) or {})
    config: Json = {
        **({"global": section} if scope.globals is not None else {}),
        "route": {"receiver": builder.named(name), **route},
        "inhibit_rules": builder.inhibit_rules(""),
        "receivers": _all(builder, receivers, name if silenced else ""),
        "mute_time_intervals": list(intervals.values()),
    }
    config = {key: value for key, value in config.items() if value or key == "global"} | {"templates": list(scope.templates)}
    return Foundation(
        _ordered(config),
        Facts(builder.named(name), known.set),
        faults=(*faults, *_of_object(builder, (*builder.faults, *_of_routes(tree.faults, silenced), *more))),
        ignored=(*gate.ignored, *(f"AlertmanagerConfig {builder.key}: {said}" for said in builder.ignored(tree))),
        files={**context.files, **builder.context.files},
        silenced=silenced,
    )


def _root_receiver(builder: Builder) -> str:
    route = builder.spec.get("route")
    if not isinstance(route, Mapping):
        raise Invalid(Problem(_OBJECT, f"{builder.key} has no spec.route: add one with a receiver for all alerts"))
    name = route.get("receiver")
    if not isinstance(name, str) or not name:
        raise Invalid(Problem(_OBJECT, f"{builder.key} has no spec.route.receiver: name the one for all other alerts"))
    return name


def _as_root(route: Json) -> tuple[Json, list[Fault]]:
    """The route without what the route of all alerts can't have."""
    spelled = {"mute_time_intervals": "muteTimeIntervals", "active_time_intervals": "activeTimeIntervals"}
    wrong = [key for key in _ROOT_WITHOUT if route.get(key)]
    message = "is left out, since this route is for all alerts: move it to a route below"
    faults = [Fault(f"spec.route.{spelled.get(key, key)}", message) for key in wrong]
    return {key: value for key, value in route.items() if key not in wrong}, faults


def _all(builder: Builder, receivers: Mapping[str, Receiver], silenced: str) -> list[Json]:
    """The receivers, with an empty one in the place of a default that can't be used: there must be one."""
    found = [one.config for one in receivers.values() if one.config is not None]
    return [*found, {"name": builder.named(silenced)}] if silenced else found


def _of_routes(faults: list[Fault], silenced: bool) -> list[Fault]:
    """With the right word about the default receiver itself, in whose stead there is none."""
    if not silenced:
        return faults
    said = "can't be used, see above: alerts that no route below takes notify nobody"
    return [Fault(fault.path, said) if fault.path == "spec.route.receiver" else fault for fault in faults]


def _of_object(builder: Builder, faults: tuple[Fault, ...]) -> list[Fault]:
    return [Fault(f"AlertmanagerConfig {builder.key} {fault.path}", fault.message) for fault in faults]


def _ordered(config: Json) -> Json:
    """As upstream orders the sections, then what it does not know."""
    return {key: config[key] for key in (*_ORDER, *config) if key in config}
