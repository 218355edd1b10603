"""The user's own alertmanager.yaml, read as Alertmanager reads it and brought into upstream's spelling. Pure.

Alertmanager decides by the field, not by the text, what a plain scalar is: `on` is true for send_resolved and a text for a
user name. So known fields are read by their type, and unknown ones (upstream refuses a configuration with any) keep their
very text. What this version of Alertmanager does not know yet, and upstream therefore leaves out, is left out and said.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import yaml
from davit.errors import Invalid, Problem
from davit.monitoring.http import Unusable
from davit.monitoring.versions import Gate
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from davit_alertmanager.config import intervals
from davit_alertmanager.config.durations import canonical, for_go
from davit_alertmanager.config.shapes import Shape, shapes
from davit_alertmanager.model import CONFIG_FILE, Json

_LIMIT = 500_000
"""Values of a document; aliases of aliases could mean many more than its text is long."""
_NULL = ("", "~", "null", "Null", "NULL")
_TRUE = {word for low in ("y", "yes", "on", "true") for word in (low, low.capitalize(), low.upper())}
_FALSE = {word for low in ("n", "no", "off", "false") for word in (low, low.capitalize(), low.upper())}
_INTEGER = re.compile(r"0|-?[1-9][0-9]{0,17}")
_NUMBER = re.compile(
    r"[-+]?(0[xX][0-9a-fA-F]+|0[bB][01]+|0[oO]?[0-7]+|(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?)"
    r"|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)|[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}([Tt ].*)?"
)
_NORMAL: dict[str, Callable[[str, str], str]] = {
    "weekdays": intervals.weekdays,
    "months": intervals.months,
    "years": intervals.years,
}


class _Malformed(ValueError):
    pass


class Plain(int):
    """A plain scalar whose type is not certain: `emit` writes an int by its `str`, which here is the very text."""

    def __new__(cls, text: str) -> Plain:
        """The scalar of this text."""
        made = super().__new__(cls)
        made.text = text
        return made

    text: str

    def __str__(self) -> str:
        return self.text

    __repr__ = __str__

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Plain) and other.text == self.text

    def __hash__(self) -> int:
        return hash(self.text)


def read(text: str, gate: Gate, path: str) -> Json:
    """The configuration as data; raises `Invalid` that names the field `path` when it is no mapping in YAML."""
    try:
        loader = yaml.CSafeLoader(text)
        root = loader.get_node() if loader.check_node() else None
        if not isinstance(root, MappingNode):
            raise _Malformed("must be a mapping with a route and receivers")
        return _Reader(gate).section(root, "root", "")
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f" on line {mark.line + 1}" if mark else ""
        said = getattr(error, "problem", None) or "unreadable characters"
        raise Invalid(Problem(path, f"{CONFIG_FILE} is not YAML{where}: {said}")) from None
    except (_Malformed, RecursionError) as error:
        said = "is nested too deeply" if isinstance(error, RecursionError) else str(error)
        raise Invalid(Problem(path, f"{CONFIG_FILE}: {said}")) from None


@dataclass(slots=True)
class _Reader:
    gate: Gate
    left: int = _LIMIT
    above: list[Node] = field(default_factory=list)

    def section(self, node: MappingNode, name: str, path: str) -> Json:
        """A mapping whose fields are known by name."""
        known, found = shapes(name), {}
        for key, below in self.pairs(node):
            shape, where = known.get(key), f"{path}.{key}" if path else key
            if shape is None:
                found[key] = self.any(below)
                continue
            value = self.value(below, shape, where)
            if _empty(value, shape):
                continue
            if not shape.since or self.gate.since(shape.since, f"{CONFIG_FILE}: {where}"):
                found[key] = value
        if name == "tls":
            found.setdefault("insecure_skip_verify", False)
        if name == "interval":
            found.setdefault("time_intervals", [])
        return _normal_period(found) if name == "period" else found

    def value(self, node: Node, shape: Shape, path: str) -> Any:
        """A field by its type; what has another form is kept as it is, for Alertmanager to judge."""
        if shape.type == "section":
            return self.below(node, shape, path)
        if shape.type == "texts" and isinstance(node, SequenceNode):
            with_texts = [self.text(item) if isinstance(item, ScalarNode) else self.any(item) for item in node.value]
            return with_texts
        if shape.type == "map" and isinstance(node, MappingNode):
            return {key: self.text(item) if isinstance(item, ScalarNode) else self.any(item) for key, item in self.pairs(node)}
        if not isinstance(node, ScalarNode) or shape.type in ("any", "texts", "map"):
            return self.any(node)
        return self.scalar(node, shape)

    def below(self, node: Node, shape: Shape, path: str) -> Any:
        """A section, or a list of them."""
        if shape.many and isinstance(node, SequenceNode):
            inner = Shape("section", section=shape.section)
            return [self.nested(item, inner, f"{path}[{index}]") for index, item in enumerate(node.value)]
        return self.any(node) if shape.many else self.nested(node, shape, path)

    def nested(self, node: Node, shape: Shape, path: str) -> Any:
        """One section."""
        if not isinstance(node, MappingNode):
            return self.any(node)
        self.enter(node)
        found = self.section(node, shape.section, path)
        self.above.pop()
        return found

    def scalar(self, node: ScalarNode, shape: Shape) -> Any:
        """A scalar by its type."""
        if _is_null(node):
            return None
        text: str = node.value
        match shape.type:
            case "bool" | "flag" if text in _TRUE or text in _FALSE:
                return text in _TRUE
            case "int" if _INTEGER.fullmatch(text):
                return int(text)
            case "text":
                return text
            case "span" | "go":
                return _duration(text, canonical if shape.type == "span" else for_go)
            case _:
                return self.any(node)

    def text(self, node: ScalarNode) -> str:
        """A scalar in a list or mapping of texts."""
        return "" if _is_null(node) else str(node.value)

    def any(self, node: Node) -> Any:
        """A value of no known type, so that it is written again as it was."""
        self.left -= 1
        if self.left < 0:
            raise _Malformed("unfolds to too many values: write it without aliases")
        if isinstance(node, ScalarNode):
            return _scalar(node)
        self.enter(node)
        found: Any = (
            {key: self.any(below) for key, below in self.pairs(node)}
            if isinstance(node, MappingNode)
            else [self.any(item) for item in node.value]
        )
        self.above.pop()
        return found

    def enter(self, node: Node) -> None:
        """Before what is below a node is read."""
        self.left -= 1
        if any(node is other for other in self.above) or self.left < 0:
            raise _Malformed(f"line {node.start_mark.line + 1}: the alias refers to itself")
        self.above.append(node)

    def pairs(self, node: MappingNode) -> Iterator[tuple[str, Node]]:
        """Keys and values with merged mappings in; raises `_Malformed` for a key that is there twice."""
        found: dict[str, Node] = {}
        merged: dict[str, Node] = {}
        for key, below in node.value:
            if not isinstance(key, ScalarNode):
                raise _Malformed(f"line {key.start_mark.line + 1}: a key must be a name")
            if key.value == "<<" and not key.style:
                merged = {**dict(self.merged(below)), **merged}
            elif key.value in found:
                raise _Malformed(f"line {key.start_mark.line + 1}: {key.value} is there twice, keep one of them")
            else:
                found[key.value] = below
        yield from {**merged, **found}.items()

    def merged(self, node: Node) -> Iterator[tuple[str, Node]]:
        """What `<<` brings in; of several mappings the first wins."""
        sources = node.value if isinstance(node, SequenceNode) else [node]
        self.enter(node)
        for source in reversed(sources):
            if not isinstance(source, MappingNode):
                raise _Malformed(f"line {source.start_mark.line + 1}: << needs a mapping")
            yield from self.pairs(source)
        self.above.pop()


def _empty(value: Any, shape: Shape) -> bool:
    """Whether upstream leaves the value out, which then means the same."""
    if value is None:
        return True
    if shape.type == "bool":
        return False
    if isinstance(value, Plain) or shape.keep or (shape.type == "section" and not shape.many):
        return False
    return value in ("", [], {}, False, 0)


def _is_null(node: ScalarNode) -> bool:
    return not node.style and node.value in _NULL


def _scalar(node: ScalarNode) -> Any:
    text: str = node.value
    if node.style:
        return text
    if text in ("true", "false"):
        return text == "true"
    if text in _NULL:
        return None
    if _INTEGER.fullmatch(text):
        return int(text)
    return Plain(text) if text in _TRUE or text in _FALSE or _NUMBER.fullmatch(text.replace("_", "")) else text


def _duration(text: str, normal: Callable[[str], str]) -> str:
    try:
        return normal(text)
    except ValueError:
        return text


def _normal_period(period: Json) -> Json:
    """A period of time in upstream's spelling, as far as it can be read."""
    result = dict(period)
    for name, normal in _NORMAL.items():
        if isinstance(given := period.get(name), list):
            result[name] = [_tried(normal, text) for text in given]
    if isinstance(days := period.get("days_of_month"), list):
        result["days_of_month"] = [_collapsed(text) for text in days]
    return result


def _tried(normal: Callable[[str, str], str], text: Any) -> Any:
    try:
        return normal(text, "") if isinstance(text, str) else text
    except Unusable:
        return text


def _collapsed(text: Any) -> Any:
    first, colon, last = str(text).partition(":")
    return first if colon and first == last else text
