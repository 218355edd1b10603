"""Read an annotated values.yaml: what each value is for, and what its schema adds. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import yaml

Json = dict[str, Any]


class Malformed(Exception):
    """The annotations of a values.yaml can't be understood."""


@dataclass(frozen=True)
class Value:
    """One value: its path, default, comment, schema annotation and, for maps with keys, its children."""

    path: tuple[str, ...]
    default: Any
    text: str
    schema: Json
    children: tuple[Value, ...] = ()

    def walk(self) -> Iterator[Value]:
        """This value and all below it, in file order."""
        yield self
        for child in self.children:
            yield from child.walk()


def parse(text: str) -> tuple[Value, ...]:
    """The top-level values of a values.yaml."""
    root = yaml.compose(text, Loader=yaml.SafeLoader)
    if not isinstance(root, yaml.MappingNode):
        raise Malformed("values.yaml must be a map")
    return _children(root, (), text.splitlines())


def _children(node: yaml.MappingNode, path: tuple[str, ...], lines: list[str]) -> tuple[Value, ...]:
    return tuple(_value(key, below, path, lines) for key, below in node.value)


def _value(key: yaml.Node, node: yaml.Node, parent: tuple[str, ...], lines: list[str]) -> Value:
    path = (*parent, str(key.value))
    text, schema = _comment(lines, key.start_mark.line, path)
    children = _children(node, path, lines) if isinstance(node, yaml.MappingNode) else ()
    return Value(path, _plain(node), text, schema, children)


def _plain(node: yaml.Node) -> Any:
    return yaml.safe_load(yaml.serialize(node))


def _comment(lines: list[str], line: int, path: tuple[str, ...]) -> tuple[str, Json]:
    """The comment block right above a key, from its `# --` on."""
    block: list[str] = []
    while line and lines[line - 1].strip().startswith("#"):
        line -= 1
        block.insert(0, lines[line].strip().removeprefix("#").strip())
    schema: Json = {}
    words: list[str] = []
    for said in block:
        if said.startswith("@schema "):
            schema.update(_json(said.removeprefix("@schema "), path))
        elif said.startswith("-- "):
            words = [said.removeprefix("-- ")]
        elif words:
            words.append(said)
    return " ".join(words), schema


def _json(text: str, path: tuple[str, ...]) -> Json:
    try:
        loaded = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise Malformed(f"{'.'.join(path)}: @schema: {error}") from error
    if not isinstance(loaded, dict):
        raise Malformed(f"{'.'.join(path)}: @schema must be a map")
    return loaded


def sentence(text: str) -> str:
    """Text for a Markdown table cell."""
    return re.sub(r"\s+", " ", text).replace("|", "\\|")
