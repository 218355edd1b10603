"""Label and field selectors as text, which Prometheus parses when it loads. Pure.

Source: k8s.io/apimachinery pkg/labels `Parse` and pkg/fields `ParseSelector`.
"""

from __future__ import annotations

import re

_TOKEN = re.compile(r"\s*(==|!=|[=!()<>,]|[^=!()<>,\s]+)")
_PREFIX = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_NAME = re.compile(r"([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]")
_SYMBOLS = frozenset(("=", "==", "!=", "!", "(", ")", "<", ">", ","))
_END = ""


class _Tokens:
    """The words of a label selector, one after the other."""

    def __init__(self, text: str) -> None:
        self._words = [found[1] for found in _TOKEN.finditer(text)]
        self._next = 0

    def peek(self) -> str:
        return self._words[self._next] if self._next < len(self._words) else _END

    def take(self) -> str:
        word = self.peek()
        self._next += 1
        return word


def label_problem(text: str) -> str:
    """Why a text is no label selector, empty when it is one."""
    tokens = _Tokens(text)
    try:
        while tokens.peek() != _END:
            _requirement(tokens)
            if tokens.peek() == _END:
                break
            if tokens.take() != "," or (tokens.peek() in _SYMBOLS and tokens.peek() != "!") or tokens.peek() == _END:
                raise ValueError("conditions must be separated by one comma each")
    except ValueError as error:
        return f"{text!r} is no label selector: {error}"
    return ""


def _requirement(tokens: _Tokens) -> None:
    absent = tokens.peek() == "!"
    if absent:
        tokens.take()
    _check_key(tokens.take())
    if absent or tokens.peek() in (_END, ","):
        return
    operator = tokens.take()
    if operator in ("in", "notin"):
        for value in _listed(tokens):
            _check_value(value)
    elif operator in ("=", "==", "!=", "<", ">"):
        value = "" if tokens.peek() in (_END, ",") else tokens.take()
        _check_value(value)
        if operator in "<>" and not re.fullmatch(r"[+-]?[0-9]{1,19}", value):
            raise ValueError(f"{value!r} after {operator} is no integer")
    else:
        raise ValueError(f"{operator!r} is none of =, !=, in, notin, <, >")


def _listed(tokens: _Tokens) -> list[str]:
    if tokens.take() != "(":
        raise ValueError("in and notin need their values in parentheses")
    values = [""]
    while (word := tokens.take()) != ")":
        if word == ",":
            values.append("")
        elif word in _SYMBOLS or word == _END or values[-1]:
            raise ValueError("in and notin need values separated by commas and a closing parenthesis")
        else:
            values[-1] = word
    return values


def _check_key(key: str) -> None:
    prefix, slash, name = key.rpartition("/")
    if slash and (len(prefix) > 253 or not _PREFIX.fullmatch(prefix)):
        raise ValueError(f"{key!r} is no label: what stands before / must be a DNS name")
    if not name or len(name) > 63 or not _NAME.fullmatch(name):
        raise ValueError(f"{key!r} is no label: use at most 63 letters, digits, '-', '_' and '.'")


def _check_value(value: str) -> None:
    if value in _SYMBOLS or len(value) > 63 or (value and not _NAME.fullmatch(value)):
        raise ValueError(f"{value!r} is no value of a label: use at most 63 letters, digits, '-', '_' and '.'")


def field_problem(text: str) -> str:
    """Why a text is no field selector, empty when it is one."""
    for term in re.findall(r"(?:\\.|[^,\\]|\\\Z)+", text, re.DOTALL):
        found = re.match(r"(.*?)(!=|==|=)", term, re.DOTALL)
        if found is None:
            return f"{text!r} is no field selector: write conditions such as metadata.name=web, separated by commas"
        value = term[found.end() :]
        if not re.fullmatch(r"(?:\\[\\,=]|[^\\,=])*", value, re.DOTALL):
            return f"{text!r} is no field selector: write \\\\, \\, or \\= for \\, comma and = in the value {value!r}"
    return ""
