"""The whole alertmanager.yaml: the base configuration with what every selected AlertmanagerConfig adds. Pure.

Routes of AlertmanagerConfigs stand before those of the base, each with `continue: true`, so that every alert passes all of
them and then the base's own. What is left out of an object, and what that does to its alerts, is said in `config.routes`
and `config.contribution`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType

from davit.model import Key, Manifest
from davit.monitoring import emit
from davit.monitoring.assets import Assets, Ref, either, references
from davit.monitoring.faults import Fault

from davit_alertmanager.config.base import foundation
from davit_alertmanager.config.contribution import contribute, key, refers_to
from davit_alertmanager.model import Base, Contribution, Foundation, Instance, Json, Object, Raw, Rendered, Scope

_ENVIRONMENT = re.compile(r"\$\([A-Za-z_0-9]+\)")
_NOTHING: Mapping[Key, Mapping[str, str]] = MappingProxyType({})
LARGE = 900_000
"""Bytes of a text from which on repetitions are taken out of it: the Secret that holds it takes 1 MiB."""
_ADDED = ("inhibit_rules", "receivers", "mute_time_intervals")


def render(
    scope: Scope,
    base: Base,
    configs: Sequence[Manifest],
    assets: Assets,
    without: Mapping[Key, Mapping[str, str]] = _NOTHING,
) -> Rendered:
    """The configuration of the base and the selected AlertmanagerConfigs, in whatever order they come, the base among them.

    without: per object, paths of parts to leave out and why (see `config.contribution.contribute`). Raises `Invalid` when
    the base can't be used.
    """
    if not scope.merging and isinstance(base, Raw):
        return Rendered(base.text, ignored=_not_expanded(base.text))
    home = key(base.manifest) if isinstance(base, Object) else None
    ground = foundation(scope, base, assets, without.get(home, {}) if home else {})
    others = [one for one in ordered(configs) if key(one) != home]
    added = [contribute(scope, ground.facts, one, assets, without.get(key(one), {})) for one in others]
    return assemble(ground, added)


def ordered(configs: Iterable[Manifest]) -> list[Manifest]:
    """By namespace/name, as upstream orders them."""
    return sorted(configs, key=lambda one: str(key(one)))


def assemble(ground: Foundation, contributions: Sequence[Contribution]) -> Rendered:
    """One configuration of the base and what was rendered of each object before."""
    files = dict(ground.files)
    for one in contributions:
        files |= one.files
    text = _text(ground, contributions)
    return Rendered(
        text=emit.shortened(text) if len(text.encode()) > LARGE else text,
        config=_merged(ground, contributions),
        faults=ground.faults,
        ignored=(*ground.ignored, *_not_expanded(text)),
        silenced=ground.silenced,
        configs=MappingProxyType({one.key: one for one in contributions}),
        files=MappingProxyType({name: files[name] for name in sorted(files)}),
    )


def _merged(ground: Foundation, contributions: Sequence[Contribution]) -> Json:
    config = dict(ground.config)
    routes = [*(route for one in contributions for route in one.sections.routes), *config["route"].get("routes", ())]
    config["route"] = {**config["route"], **({"routes": routes} if routes else {})}
    for section in _ADDED:
        more = [item for one in contributions for item in getattr(one.sections, section)]
        if more:
            config[section] = [*config.get(section, ()), *more]
    return {name: config[name] for name in _names(config)}


def _names(config: Json) -> list[str]:
    """The sections in upstream's order, also those that only AlertmanagerConfigs have."""
    known = ["global", "route", "inhibit_rules", "receivers", "mute_time_intervals", "time_intervals", "templates"]
    return [name for name in known if name in config] + [name for name in config if name not in known]


def _text(ground: Foundation, contributions: Sequence[Contribution]) -> str:
    """The same as text, joined of what each object's lines are already."""
    config = ground.config
    extra = {section: "".join(one.texts.get(section, "") for one in contributions) for section in ("routes", *_ADDED)}
    lines = []
    for name in _names({**config, **{section: None for section in _ADDED if extra[section]}}):
        if name == "route":
            lines.append(_route_text(config["route"], extra["routes"]))
        elif extra.get(name):
            lines += [f"{name}:\n", emit.text(config[name]) if config.get(name) else "", extra[name]]
        else:
            lines.append(emit.text({name: config[name]}))
    return "".join(lines)


def _route_text(route: Json, first: str) -> str:
    head = emit.text({"route": {key: value for key, value in route.items() if key != "routes"}})
    own = emit.text(route["routes"], 1) if route.get("routes") else ""
    return f"{head}  routes:\n{first}{own}" if first or own else head


def _not_expanded(text: str) -> tuple[str, ...]:
    """What upstream's reloader would have replaced."""
    found = sorted(set(_ENVIRONMENT.findall(text)))
    return (
        (f"{', '.join(found)} in the configuration is taken literally: nothing replaces it by the environment",) if found else ()
    )


def base_references(instance: Instance, base: Base) -> frozenset[Ref]:
    """Every key of a Secret or ConfigMap that the base configuration needs."""
    found = set(references(instance.scope.globals, instance.key.namespace))
    given = instance.model.alertmanager_configuration
    found |= {either(one, instance.key.namespace) for one in (given.templates if given else None) or () if not one.empty}
    return frozenset(found | (refers_to(base.manifest) if isinstance(base, Object) else set()))


def config_references(manifest: Manifest) -> frozenset[Ref]:
    """Every key of a Secret or ConfigMap that an AlertmanagerConfig needs; all in its own namespace."""
    return refers_to(manifest)


def all_references(instance: Instance, base: Base, configs: Iterable[Manifest]) -> frozenset[Ref]:
    """Both of all."""
    return base_references(instance, base).union(*(refers_to(one) for one in configs))


def template_faults(instance: Instance, assets: Assets) -> tuple[Fault, ...]:
    """Templates that are not there: pods wait for them before they start."""
    given = instance.model.alertmanager_configuration
    found = []
    for index, one in enumerate((given.templates if given else None) or ()):
        ref = either(one, instance.key.namespace)
        if one.empty or ref not in assets:
            message = f"{ref} is missing: create it, or remove the template; until then no pod of this Alertmanager starts"
            found.append(Fault(f"spec.alertmanagerConfiguration.templates[{index}]", message))
    return tuple(found)
