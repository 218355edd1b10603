"""YAML that users hand us to be put into prometheus.yaml, read as Prometheus' own loader reads it. Pure.

Prometheus decides by the field, not by the text, what a plain scalar is: `on` is true for honor_labels and "on" for
regex. So a plain scalar whose type is not certain stays `Plain`: its text is written again as it was.
Source: gopkg.in/yaml.v2 resolve.go.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import yaml
from yaml._yaml import CParser
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode
from yaml.resolver import BaseResolver

_MORE = 50_000
"""How many values a document may have beyond the length of its text; aliases of aliases could mean any number."""
_NULL = ("", "~", "null", "Null", "NULL")
_BOOL = {word for low in ("y", "n", "yes", "no", "on", "off", "true", "false") for word in {low, low.capitalize(), low.upper()}}
_INTEGER = re.compile(r"0|-?[1-9][0-9]{0,17}")
_NUMBER = re.compile(
    r"[-+]?(?:0[xX][0-9a-fA-F]+|0[bB][01]+|0[oO]?[0-7]+|(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?)"
    r"|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)|[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}(?:[Tt ][0-9:.+Zz -]*)?"
)
_BLANK = re.compile(r"\s*(?:#.*|---.*|%.*)?\s*")
_DASH = re.compile(r"( *)-(?:\s|\Z)")
_PLAIN = "plain"
_STRING = "tag:yaml.org,2002:str"
_BINARY = "tag:yaml.org,2002:binary"
_TYPED = tuple(f"tag:yaml.org,2002:{name}" for name in ("bool", "int", "float", "null", "timestamp"))


class Plain(str):
    """A plain scalar whose type the field decides; `davit.monitoring.emit` writes it as it is, without quotes."""

    __slots__ = ()
    verbatim = True


class _Parser(CParser, BaseResolver):
    """A composer that leaves the types of plain scalars open."""

    def __init__(self, text: str) -> None:
        CParser.__init__(self, text)
        BaseResolver.__init__(self)

    def resolve(self, kind: type[Node], value: Any, implicit: Any) -> str:
        """What a node without a tag is."""
        if kind is ScalarNode and implicit[0]:
            return _PLAIN
        return _STRING


class Malformed(ValueError):
    """YAML that Prometheus could not read; the message says where."""


@dataclass(frozen=True, slots=True)
class Flaw:
    """Stands for an entry that can't be read."""

    message: str


def entries(text: str) -> list[Any]:
    """The items of the list that the first document holds, a `Flaw` in the place of each that can't be read.

    Raises `Malformed` when it is no list. A syntax error spoils only the item that it is in.
    """
    try:
        root = _compose(text)
    except Malformed:
        chunks = _split(text)
        if len(chunks) < 2:
            raise
        return [_alone(chunk, line) for line, chunk in chunks]
    if root is None or (isinstance(root, ScalarNode) and root.tag == _PLAIN and root.value in _NULL):
        return []
    if not isinstance(root, SequenceNode):
        raise Malformed(f"holds {_kind(root)}: write a list, each entry beginning with '- ' and no key above them")
    reader = _Reader(len(text) + _MORE)
    return [reader.entry(node) for node in root.value]


def _compose(text: str, first: int = 0) -> Node | None:
    try:
        parser = _Parser(text)
        return parser.get_node() if parser.check_node() else None
    except (yaml.YAMLError, UnicodeError) as error:
        raise Malformed(
            f"is not YAML{_where(error, first)}: {getattr(error, 'problem', None) or 'unreadable characters'}"
        ) from None
    except RecursionError:
        raise Malformed("is nested too deeply: write it without aliases") from None


def _where(error: Exception, first: int) -> str:
    mark = getattr(error, "problem_mark", None)
    return f" (line {first + mark.line + 1})" if mark else ""


def _split(text: str) -> list[tuple[int, str]]:
    """The lines of each item with the number of its first line, from the dashes in the column of the first one."""
    lines = text.splitlines(keepends=True)
    first = next((number for number, line in enumerate(lines) if not _BLANK.fullmatch(line)), len(lines))
    found = _DASH.match(lines[first]) if first < len(lines) else None
    if found is None:
        return []
    starts = [number for number, line in enumerate(lines) if (item := _DASH.match(line)) and item[1] == found[1]]
    ends = [*starts[1:], len(lines)]
    return [(start, "".join(lines[start:end])) for start, end in zip(starts, ends, strict=True)]


def _alone(chunk: str, line: int) -> Any:
    try:
        root = _compose(chunk, line)
    except Malformed as error:
        return Flaw(str(error))
    if not isinstance(root, SequenceNode) or not root.value:
        return Flaw("is no entry")
    return _Reader(len(chunk) + _MORE).entry(root.value[0])


def _kind(node: Node) -> str:
    return "a mapping" if isinstance(node, MappingNode) else "a single value"


@dataclass(slots=True)
class _Reader:
    """Nodes to plain data; `left` is how many values the document may still unfold to."""

    left: int
    sizes: dict[int, int] = field(default_factory=dict)

    def entry(self, node: Node) -> Any:
        """An item of the list, or what is wrong with it."""
        try:
            size = self.size(node)
            if size > self.left:
                raise Malformed("unfolds to too many values: write it without aliases")
            self.left -= size
            return self.value(node)
        except Malformed as error:
            return Flaw(str(error))
        except RecursionError:
            return Flaw("is nested too deeply: write it without aliases")

    def size(self, node: Node) -> int:
        """How many values a node unfolds to, without unfolding it."""
        if isinstance(node, ScalarNode):
            return 1
        if id(node) not in self.sizes:
            self.sizes[id(node)] = -1
            parts = (part for pair in node.value for part in pair) if isinstance(node, MappingNode) else node.value
            self.sizes[id(node)] = 1 + sum(map(self.size, parts))
        if self.sizes[id(node)] < 0:
            raise Malformed(f"line {node.start_mark.line + 1}: an alias refers to itself")
        return self.sizes[id(node)]

    def value(self, node: Node) -> Any:
        if isinstance(node, ScalarNode):
            return _scalar(node)
        return self.mapping(node) if isinstance(node, MappingNode) else [self.value(item) for item in node.value]

    def mapping(self, node: MappingNode) -> dict[str, Any]:
        found: dict[str, Any] = {}
        merged: dict[str, Any] = {}
        for key, value in node.value:
            if not isinstance(key, ScalarNode):
                raise Malformed(f"line {key.start_mark.line + 1}: a key must be a name")
            if key.tag == _PLAIN and key.value == "<<":
                merged = {**merged, **self.merge(value)}
            elif key.value in found:
                raise Malformed(f"line {key.start_mark.line + 1}: {key.value} is given twice, keep one of them")
            else:
                found[key.value] = self.value(value)
        return {**merged, **found}

    def merge(self, node: Node) -> dict[str, Any]:
        sources = node.value if isinstance(node, SequenceNode) else [node]
        found: dict[str, Any] = {}
        for source in reversed(sources):
            if not isinstance(source, MappingNode):
                raise Malformed(f"line {source.start_mark.line + 1}: << needs a mapping")
            found |= self.value(source)
        return found


def _scalar(node: ScalarNode) -> Any:
    text: str = node.value
    if node.tag == _PLAIN:
        return _plain(text)
    if node.tag == _STRING:
        return text
    if node.tag in _TYPED:
        return _plain(text)
    if node.tag == _BINARY:
        try:
            return base64.b64decode(text, validate=False).decode()
        except (binascii.Error, UnicodeDecodeError):
            raise Malformed(f"line {node.start_mark.line + 1}: !!binary needs text in base64") from None
    raise Malformed(f"line {node.start_mark.line + 1}: the tag {node.tag} is unknown, remove it")


def _plain(text: str) -> Any:
    if text in ("true", "false"):
        return text == "true"
    if text in _NULL:
        return None
    if _INTEGER.fullmatch(text):
        return int(text)
    return Plain(text) if text in _BOOL or _NUMBER.fullmatch(text.replace("_", "")) else text


def strings(value: Any) -> Iterator[str]:
    """Every text in a value, keys included."""
    if isinstance(value, dict):
        for key, below in value.items():
            yield key
            yield from strings(below)
    elif isinstance(value, list | tuple):
        for below in value:
            yield from strings(below)
    elif isinstance(value, str):
        yield value
