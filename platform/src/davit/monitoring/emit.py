"""YAML text of plain data, fast, and read alike by every YAML loader. Pure.

PyYAML takes seconds for a thousand jobs, and YAML 1.1 and 1.2 loaders differ on plain scalars such as `on`, `1e3` and
`=`. So a string is plain only when no loader can take it for anything else, and double-quoted as in JSON otherwise.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

_PLAIN = re.compile(r"[A-Za-z_/][A-Za-z0-9_./-]*(?: [A-Za-z0-9_./(-][A-Za-z0-9_./()-]*)*\Z")
_TYPED = re.compile(r"(?:y|n|yes|no|on|off|true|false|null|nan|inf)\Z", re.IGNORECASE)
_SPECIAL = re.compile("[\x7f-\x9f\u2028\u2029\ud800-\udfff\ufeff\ufffe\uffff]")
"""What YAML does not allow in a stream, or takes for a line's end."""
_LONG = re.compile(r'^( *(?:- )*(?:[A-Za-z_][\w.-]*: )?)("(?:[^"\\]|\\.){18,}")$', re.MULTILINE)
"""A line that ends with a long quoted string."""
INDENT = "  "


def shortened(lines: str) -> str:
    """A document of `text` in which long strings that it holds several times are said once and referred to by YAML aliases."""
    counts = Counter(found[2] for found in _LONG.finditer(lines))
    known: dict[str, int] = {}

    def said(found: re.Match[str]) -> str:
        head, value = found.groups()
        if counts[value] == 1:
            return found[0]
        if value in known:
            return f"{head}*{known[value]}"
        known[value] = len(known)
        return f"{head}&{known[value]} {value}"

    return _LONG.sub(said, lines)


def text(data: Any, depth: int = 0) -> str:
    """The lines of a mapping or sequence, each ended by a newline and indented by `depth` steps."""
    return "".join(f"{line}\n" for line in _lines(data, INDENT * depth))


def scalar(value: Any) -> str:
    """One scalar, on one line; a string with a true attribute `verbatim` is a plain scalar of a user's own YAML."""
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case int():
            return str(value)
        case float():
            return _number(value)
        case str() if getattr(value, "verbatim", False):
            return str(value)
        case str() if _PLAIN.match(value) and not _TYPED.match(value):
            return value
        case _:
            return _SPECIAL.sub(_escaped, json.dumps(str(value), ensure_ascii=False))


def _lines(data: Any, indent: str) -> Iterator[str]:
    match data:
        case Mapping():
            for key, value in data.items():
                yield from _entry(f"{indent}{scalar(key)}:", value, indent)
        case list() | tuple():
            for item in data:
                yield from _item(item, indent)
        case _:
            yield f"{indent}{scalar(data)}"


def _entry(head: str, value: Any, indent: str) -> Iterator[str]:
    if isinstance(value, Mapping | list | tuple):
        if not value:
            yield f"{head} {'{}' if isinstance(value, Mapping) else '[]'}"
            return
        yield head
        # A sequence below a key needs no indent of its own.
        yield from _lines(value, indent + INDENT if isinstance(value, Mapping) else indent)
    else:
        yield f"{head} {scalar(value)}"


def _item(item: Any, indent: str) -> Iterator[str]:
    if not isinstance(item, Mapping | list | tuple):
        yield f"{indent}- {scalar(item)}"
        return
    if not item:
        yield f"{indent}- {'{}' if isinstance(item, Mapping) else '[]'}"
        return
    lines = _lines(item, indent + INDENT)
    yield f"{indent}- {next(lines)[len(indent) + len(INDENT) :]}"
    yield from lines


def _escaped(found: re.Match[str]) -> str:
    return f"\\u{ord(found[0]):04x}"


def _number(value: float) -> str:
    """A YAML 1.1 loader takes 1e-05 for a string, for want of a point."""
    mantissa, e, exponent = repr(value).partition("e")
    return f"{mantissa}.0{e}{exponent}" if e and "." not in mantissa else f"{mantissa}{e}{exponent}"
