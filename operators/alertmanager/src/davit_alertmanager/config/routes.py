"""The routes of an AlertmanagerConfig, and what becomes of a route when its receiver can't be used. Pure.

The rule, in order of what it protects:

1. Nobody else's alerts change their way. The first-level route keeps the namespace's matcher and `continue: true`; what is
   left out of one object never shows in where the alerts of others go.
2. No alert is swallowed. A route whose receiver is left out keeps its place, its matchers, its timing and the routes below
   it, so that later siblings get no alert that was never meant for them. It notifies, in its receiver's stead, the nearest
   ancestor's receiver in the same object that notifies anybody (one without integrations is meant to be silent and doesn't
   count), else the default receiver of the base configuration: whoever had got these alerts had there been no object.
3. Where no receiver of the object is left below its first-level route, that route is left out as a whole, and its alerts go
   exactly where they go without the object.

What else can be wrong with a route costs that only: without a bad time interval it notifies more often than it should,
without a bad timing or grouping it takes its parent's. A route with a bad matcher is left out with all below it, since
nobody can say which alerts it is for; those then go on to its siblings and its parent.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from davit.monitoring.faults import Fault
from davit.monitoring.http import Unusable
from davit.monitoring.types import Items
from davit.monitoring.units import parse_duration
from davit.monitoring.unknown import unknown_fields
from davit.monitoring.versions import Gate
from pydantic import Field

from davit_alertmanager.api.parts import Matcher
from davit_alertmanager.api.v1alpha1 import Route
from davit_alertmanager.config.matchers import check_labels, matchers
from davit_alertmanager.config.parsing import entries, parse
from davit_alertmanager.model import Json, Scope

_ALL = "..."
_INTERVALS = (("muteTimeIntervals", "mute_time_intervals"), ("activeTimeIntervals", "active_time_intervals"))
_TIMING = (("groupWait", "group_wait"), ("groupInterval", "group_interval"), ("repeatInterval", "repeat_interval"))


class _Node(Route):
    """A route whose timing is judged here and not by the model, since a bad one costs only itself."""

    group_wait: str | None = None
    group_interval: str | None = None
    repeat_interval: str | None = None
    matchers: Items[Matcher] | None = None
    routes: Any = Field(default=None)


@dataclass(frozen=True, slots=True)
class Named:
    """What routes can refer to: names in the object -> names in the configuration.

    usable, silent: receivers with integrations that work, and those that have none by wish; lost: receivers and time
    intervals that are declared and left out; intervals: time intervals that work; fallback: the base's default receiver.
    """

    usable: Mapping[str, str]
    silent: Mapping[str, str]
    intervals: Mapping[str, str]
    lost: frozenset[str]
    lost_intervals: frozenset[str]
    fallback: str


@dataclass(slots=True)
class Tree:
    """Renders the routes of one object; collects what was left out, what is ignored, and which parts there are."""

    scope: Scope
    named: Named
    gate: Gate
    without: Mapping[str, str]
    faults: list[Fault] = field(default_factory=list)
    parts: list[str] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)
    used: set[str] = field(default_factory=set)
    """Names of the object's receivers that routes notify."""

    def root(self, raw: Any, path: str = "spec.route") -> Json | None:
        """The first-level route, None when it has to be left out."""
        faults = len(self.faults)
        route = self.node(raw, path, self.named.fallback, top=True)
        if route is not None and not self.used and len(self.faults) > faults:
            self.faults.append(Fault(path, "none of its receivers can be used: its alerts go where they go without this object"))
            self.parts.clear()
            return None
        return route

    def node(self, raw: Any, path: str, inherited: str, *, top: bool = False) -> Json | None:
        """A route with all below it; `inherited` notifies in the stead of a receiver that is left out."""
        try:
            if path in self.without:
                raise Unusable(path, self.without[path])
            self.unknown += unknown_fields(Route, raw, path)
            given = parse(_Node, raw, path)
            conditions = matchers(self.scope, given.matchers, f"{path}.matchers")
        except Unusable as error:
            self._leave_out(error)
            return None
        self.parts.append(path)
        receiver = self._receiver(given, path, inherited, top=top)
        heir = receiver if receiver and given.receiver in self.named.usable else inherited
        route: Json = {"receiver": receiver, "group_by": self._group_by(given, path), "matchers": conditions}
        route["continue"] = bool(given.continue_)
        route["routes"] = [child for child in self._children(given, path, heir) if child is not None]
        route |= dict(self._timing(given, path)) | dict(self._muting(given, path))
        return {key: value for key, value in route.items() if value}

    def _children(self, given: _Node, path: str, heir: str) -> Iterator[Json | None]:
        try:
            found = entries(given.routes, f"{path}.routes")
        except Unusable as error:
            self._leave_out(error)
            return
        for where, raw in found:
            yield self.node(raw, where, heir)

    def _receiver(self, given: _Node, path: str, inherited: str, *, top: bool) -> str:
        """What the route notifies; empty for what its parent does."""
        name, named = given.receiver or "", self.named
        if name in named.usable or name in named.silent:
            self.used.add(name)
            return named.usable.get(name) or named.silent[name]
        if not name:
            if top:
                self.faults.append(
                    Fault(f"{path}.receiver", f"is missing: name one of spec.receivers. {self._meanwhile(inherited)}")
                )
            return inherited if top else ""
        why = "is left out, see above" if name in named.lost else "is not among spec.receivers: add it there, or correct the name"
        self.faults.append(Fault(f"{path}.receiver", f"{name!r} {why}. {self._meanwhile(inherited)}"))
        return inherited

    def _meanwhile(self, inherited: str) -> str:
        what = "the default receiver" if inherited == self.named.fallback else f"receiver {inherited.rpartition('/')[2]!r}"
        return f"Meanwhile {what} gets its alerts"

    def _group_by(self, given: _Node, path: str) -> list[str]:
        labels, where = list(given.group_by or ()), f"{path}.groupBy"
        try:
            if len(set(labels)) < len(labels):
                raise Unusable(where, "names a label twice: keep one of them")
            if _ALL in labels and len(labels) > 1:
                raise Unusable(where, "has '...' beside labels: '...' stands for all labels, and must be alone")
            check_labels(self.scope, [label for label in labels if label != _ALL], where)
        except Unusable as error:
            self._leave_out(error)
            return []
        return labels

    def _timing(self, given: _Node, path: str) -> Iterator[tuple[str, str]]:
        for name, key in _TIMING:
            text: str | None = getattr(given, key)
            if not text:
                continue
            try:
                zero = parse_duration(text) == 0
            except ValueError as error:
                self._leave_out(Unusable(f"{path}.{name}", str(error)))
                continue
            if zero and key != "group_wait":
                self.gate.ignore(f"{path}.{name}", "must be longer than 0")
            else:
                yield key, text

    def _muting(self, given: _Node, path: str) -> Iterator[tuple[str, list[str]]]:
        for name, key in _INTERVALS:
            wanted: Sequence[str] = getattr(given, key) or ()
            lost = [(index, one) for index, one in enumerate(wanted) if one not in self.named.intervals]
            for index, one in lost:
                why = "is left out, see above" if one in self.named.lost_intervals else "is no time interval of this object"
                self._leave_out(Unusable(f"{path}.{name}[{index}]", f"{one!r} {why}. Meanwhile the route notifies at any time"))
            # A route that may notify in only some of its active intervals would keep silent in the lost ones.
            kept = [] if lost and key == "active_time_intervals" else wanted
            if found := [self.named.intervals[one] for one in kept if one in self.named.intervals]:
                yield key, found

    def _leave_out(self, error: Unusable) -> None:
        self.faults.append(Fault(error.path, error.message))
