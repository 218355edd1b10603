"""What one AlertmanagerConfig adds to the configuration, whatever of it can be used. Pure.

A bad integration is left out of its receiver, which goes on with its other integrations; a receiver without any left is
left out, and `config.routes` says what becomes of the routes that name it. A bad time interval or inhibition rule is left
out by itself: more people are notified then, never fewer.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from davit.model import Key, Manifest
from davit.monitoring import emit
from davit.monitoring.assets import Assets, Ref, references
from davit.monitoring.faults import Fault
from davit.monitoring.http import Context, Unusable
from davit.monitoring.pods import without_nulls
from davit.monitoring.unknown import unknown_fields
from davit.monitoring.versions import Gate
from pydantic import BaseModel, ValidationError

from davit_alertmanager.api.parts import TimeInterval
from davit_alertmanager.api.v1alpha1 import AlertmanagerConfigSpec
from davit_alertmanager.config.client import SUPPORT
from davit_alertmanager.config.inhibition import inhibit_rule
from davit_alertmanager.config.intervals import interval
from davit_alertmanager.config.matchers import of_namespace
from davit_alertmanager.config.parsing import entries, parse
from davit_alertmanager.config.receivers.table import KINDS, Receiver, Writing
from davit_alertmanager.config.routes import Named, Tree
from davit_alertmanager.model import TLS_ASSETS, Contribution, Facts, Json, Scope, Sections

INTERVALS = ("muteTimeIntervals", "timeIntervals")
"""v1alpha1's spelling and v1beta1's: either version may hold either."""
_NOTHING: Mapping[str, str] = MappingProxyType({})


def key(manifest: Manifest) -> Key:
    """Namespace and name."""
    return Key(manifest["metadata"]["namespace"], manifest["metadata"]["name"])


@dataclass(slots=True)
class Builder:
    """Reads one AlertmanagerConfig; `prefix` stands before its names in the configuration."""

    scope: Scope
    facts: Facts
    manifest: Manifest
    assets: Assets
    without: Mapping[str, str] = field(default_factory=lambda: _NOTHING)
    faults: list[Fault] = field(default_factory=list)
    parts: list[str] = field(default_factory=list)
    lost: set[str] = field(default_factory=set)
    lost_intervals: set[str] = field(default_factory=set)
    gate: Gate = field(init=False)
    context: Context = field(init=False)
    key: Key = field(init=False)

    def __post_init__(self) -> None:
        self.gate = self.scope.gate()
        self.key = key(self.manifest)
        self.context = Context(self.gate, self.assets, self.key.namespace, TLS_ASSETS, SUPPORT)

    @property
    def spec(self) -> Mapping[str, Any]:
        """The spec as written."""
        given = self.manifest.get("spec")
        return given if isinstance(given, Mapping) else {}

    def named(self, name: str) -> str:
        """A name of the object's own in the whole configuration."""
        return f"{self.key}/{name}"

    def each(self, field: str) -> Iterator[tuple[str, Any]]:
        """The items of a list of the spec with their paths."""
        try:
            yield from entries(self.spec.get(field), f"spec.{field}")
        except Unusable as error:
            self.leave_out(error)

    def leave_out(self, error: Unusable) -> None:
        """Remember what can't be used."""
        self.faults.append(Fault(error.path, error.message))

    def unless_without(self, path: str) -> None:
        """Raises `Unusable` for a part that is to be left out."""
        if path in self.without:
            raise Unusable(path, self.without[path])

    def receivers(self) -> dict[str, Receiver]:
        """By the name in the object."""
        found: dict[str, Receiver] = {}
        writing = Writing(self.context, self.facts, self.without, files=self.key.namespace == self.scope.namespace)
        for path, raw in self.each("receivers"):
            name = raw.get("name") if isinstance(raw, Mapping) else None
            if not isinstance(name, str) or not name:
                self.leave_out(Unusable(f"{path}.name", "is missing: name the receiver"))
            elif name in found or name in self.lost:
                self.leave_out(Unusable(f"{path}.name", f"{name!r} is there twice: rename one of the two"))
            elif path in self.without:
                self.leave_out(Unusable(path, self.without[path]))
                self.lost.add(name)
            else:
                self._keep(found, name, writing.receiver(raw, self.named(name), path))
        return found

    def _keep(self, found: dict[str, Receiver], name: str, one: Receiver) -> None:
        self.faults += one.faults
        if one.config is None:
            self.lost.add(name)
        else:
            self.parts += one.parts
            found[name] = one

    def intervals(self) -> dict[str, Json]:
        """By the name in the object."""
        found: dict[str, Json] = {}
        for spelling in INTERVALS:
            for path, raw in self.each(spelling):
                try:
                    self._interval(found, raw, path)
                except Unusable as error:
                    self.leave_out(error)
                    if isinstance(raw, Mapping):
                        self.lost_intervals.add(str(raw.get("name")))
        return found

    def _interval(self, found: dict[str, Json], raw: Any, path: str) -> None:
        self.unless_without(path)
        given = parse(TimeInterval, raw, path)
        if not given.name:
            raise Unusable(f"{path}.name", "is missing: name the time interval")
        if given.name in found:
            raise Unusable(f"{path}.name", f"{given.name!r} is there twice: rename one of the two")
        found[given.name] = interval(given, self.named(given.name), path)
        self.parts.append(path)

    def inhibit_rules(self, namespace: str) -> list[Json]:
        """Those that can be used."""
        found = []
        for path, raw in self.each("inhibitRules"):
            try:
                self.unless_without(path)
                found.append(inhibit_rule(self.scope, raw, path, namespace))
                self.parts.append(path)
            except Unusable as error:
                self.leave_out(error)
        return found

    def tree(self, receivers: Mapping[str, Receiver], intervals: Mapping[str, Json], fallback: str) -> Tree:
        """What renders the routes."""
        named = Named(
            usable={name: self.named(name) for name, one in receivers.items() if not one.silent},
            silent={name: self.named(name) for name, one in receivers.items() if one.silent},
            intervals={name: self.named(name) for name in intervals},
            lost=frozenset(self.lost),
            lost_intervals=frozenset(self.lost_intervals),
            fallback=fallback,
        )
        return Tree(self.scope, named, self.gate, self.without)

    def ignored(self, tree: Tree | None) -> tuple[str, ...]:
        """What has no effect, in words."""
        unknown = unknown_fields(AlertmanagerConfigSpec, self.manifest.get("spec"), "spec")
        nested = [path for path in tree.unknown if path not in unknown] if tree else []
        sentences = [f"{path} is not known and has no effect: remove it, or correct its name" for path in (*unknown, *nested)]
        return (*sentences, *self.gate.ignored)


def contribute(
    scope: Scope, facts: Facts, manifest: Manifest, assets: Assets, without: Mapping[str, str] = _NOTHING
) -> Contribution:
    """What the AlertmanagerConfig adds; `without` are parts to leave out (paths of `Contribution.parts`) and why.

    A path may also be that of a whole receiver, spec.receivers[0]. Without spec.route only its inhibition rules count.
    """
    builder = Builder(scope, facts, manifest, assets, without)
    namespace = builder.key.namespace if scope.enforces_namespace(builder.key.namespace) else ""
    rules = builder.inhibit_rules(namespace)
    if builder.spec.get("route") is None:
        for unused in ("receivers", *INTERVALS):
            if builder.spec.get(unused):
                builder.gate.ignore(f"spec.{unused}", "there is no spec.route that could use it")
        return _result(builder, Sections(inhibit_rules=tuple(rules)), None)
    receivers, intervals = builder.receivers(), builder.intervals()
    tree = builder.tree(receivers, intervals, facts.receiver)
    route = tree.root(builder.spec["route"])
    if route is None:
        return _result(builder, Sections(inhibit_rules=tuple(rules)), tree)
    sections = Sections(
        routes=(first_level(route, namespace),),
        inhibit_rules=tuple(rules),
        receivers=tuple(one.config for one in receivers.values() if one.config is not None),
        mute_time_intervals=tuple(intervals.values()),
    )
    return _result(builder, sections, tree)


def first_level(route: Json, namespace: str) -> Json:
    """A route that lets alerts go on to the others, and gets those of the namespace only when one is given."""
    conditions = [*route.get("matchers", ()), *([of_namespace(namespace)] if namespace else ())]
    front: Json = {key: route[key] for key in ("receiver", "group_by") if key in route}
    rest = {key: value for key, value in route.items() if key not in (*front, "matchers", "continue")}
    return {**front, **({"matchers": conditions} if conditions else {}), "continue": True, **rest}


def _result(builder: Builder, sections: Sections, tree: Tree | None) -> Contribution:
    faults = builder.faults + (tree.faults if tree else [])
    in_use = tuple(name for name in sorted(tree.used)) if tree and sections.routes else ()
    return Contribution(
        key=builder.key,
        sections=sections,
        texts=MappingProxyType(texts(sections)),
        parts=(*builder.parts, *(tree.parts if tree else ())),
        receivers=in_use,
        faults=tuple(faults),
        ignored=builder.ignored(tree),
        files=MappingProxyType(dict(builder.context.files)),
    )


def texts(sections: Sections) -> dict[str, str]:
    """The lines of each section: routes two steps deep, the others at the margin."""
    return {
        "routes": emit.text(list(sections.routes), 1) if sections.routes else "",
        "inhibit_rules": emit.text(list(sections.inhibit_rules)) if sections.inhibit_rules else "",
        "receivers": emit.text(list(sections.receivers)) if sections.receivers else "",
        "mute_time_intervals": emit.text(list(sections.mute_time_intervals)) if sections.mute_time_intervals else "",
    }


def refers_to(manifest: Manifest) -> frozenset[Ref]:
    """Every key of a Secret or ConfigMap that the AlertmanagerConfig names; parts that can't be read name none."""
    spec = manifest.get("spec")
    found: set[Ref] = set()
    for raw in (spec.get("receivers") if isinstance(spec, Mapping) else None) or ():
        for kind in KINDS:
            items = raw.get(kind.field) if isinstance(raw, Mapping) else None
            for item in items if isinstance(items, list) else ():
                found |= references(_lenient(kind.model, item), key(manifest).namespace)
    return frozenset(found)


def _lenient(model: type[BaseModel], raw: Any) -> BaseModel | None:
    try:
        return model.model_validate(without_nulls(raw))
    except ValidationError:
        return None
