"""Whether Go's regexp package compiles a pattern. Pure.

What is refused here is refused there; a few rare faults (the size of nested repetitions, names of Unicode classes) are left
to the proof by Prometheus itself. Source: Go's regexp/syntax, with the Perl flags.
"""

from __future__ import annotations

import functools
import re

_REPEAT = re.compile(r"\{(\d{1,9})(?:(,)(\d{0,9}))?\}")
_GROUP = re.compile(r"\(\?P?<(\w*)>", re.ASCII)
_FLAGS = re.compile(r"\(\?([imsU]*(?:-[imsU]+)?)([:)])")
_CLASS = re.compile(r"\[:(\^?)(\w+):\]", re.ASCII)
_CLASSES = (
    "alnum", "alpha", "ascii", "blank", "cntrl", "digit", "graph", "lower", "print", "punct", "space", "upper", "word", "xdigit",
)  # fmt: skip
_ESCAPE = re.compile(
    r"\\(?:[dDsSwWbBAzaftnrv]|[pP](?:\{\^?\w+\}|[A-Z])|[1-7][0-7]{1,2}|0[0-7]{0,2}|x(?:[0-9A-Fa-f]{2}|\{[0-9A-Fa-f]{1,6}\})|[^A-Za-z0-9])",
    re.ASCII | re.DOTALL,
)
_SETS = re.compile(r"\\[dDsSwWpP]")
_CONTROL = {"a": 7, "f": 12, "t": 9, "n": 10, "r": 13, "v": 11}
_MOST = 1000


class _Refused(ValueError):
    pass


@functools.lru_cache(maxsize=4096)
def regex_problem(pattern: str) -> str:
    """Why a relabeling regex doesn't compile, empty when it does."""
    try:
        _Scanner(f"^(?s:{pattern})$").scan()
    except _Refused as refused:
        return f"{pattern!r} is not a regular expression: {refused}"
    return ""


class _Scanner:
    def __init__(self, text: str) -> None:
        self.text, self.at, self.depth = text, 0, 0
        self.operand = self.repeated = False

    def scan(self) -> None:
        """Go through the whole pattern once."""
        while self.at < len(self.text):
            char = self.text[self.at]
            if char in "*+?" or (char == "{" and _REPEAT.match(self.text, self.at)):
                self.repeat(char)
                continue
            self.repeated = False
            {"(": self.group, ")": self.close, "[": self.bracket, "\\": self.escape, "|": self.alternative}.get(
                char, self.literal
            )()
        if self.depth:
            raise _Refused("a ) is missing")

    def literal(self) -> None:
        """One character."""
        self.at, self.operand = self.at + 1, True

    def alternative(self) -> None:
        """The bar."""
        self.at, self.operand = self.at + 1, False

    def repeat(self, char: str) -> None:
        """A repetition with its optional ?."""
        if not self.operand:
            raise _Refused(f"there is nothing for {char} to repeat")
        if self.repeated:
            raise _Refused(f"{char} can't follow another repetition")
        self.at += self.bounds() if char == "{" else 1
        if self.text[self.at : self.at + 1] == "?":
            self.at += 1
        self.repeated = True

    def bounds(self) -> int:
        """The length of {n}, {n,} or {n,m}."""
        found = _REPEAT.match(self.text, self.at)
        if found is None:
            return 1
        low = int(found[1])
        high = int(found[3]) if found[3] else low
        if high < low or max(low, high) > _MOST:
            raise _Refused(f"{found[0]} must count up and at most to {_MOST}")
        return len(found[0])

    def group(self) -> None:
        """An opening parenthesis with what it says of its group."""
        flags = _FLAGS.match(self.text, self.at)
        if flags and flags[2] == ")":
            self.at = flags.end()
            return
        named = _GROUP.match(self.text, self.at)
        if named and not named[1]:
            raise _Refused("a group's name is empty")
        if not named and not flags and self.text.startswith("(?", self.at):
            raise _Refused("(? must begin a named group, (?: or flags; there is no look-around")
        begin = named or flags
        self.at = begin.end() if begin else self.at + 1
        self.depth, self.operand = self.depth + 1, False

    def close(self) -> None:
        """A closing parenthesis."""
        if not self.depth:
            raise _Refused("a ) has no (")
        self.depth, self.at, self.operand = self.depth - 1, self.at + 1, True

    def escape(self) -> None:
        """A backslash outside brackets."""
        self.operand = True
        if self.text.startswith(r"\Q", self.at):
            end = self.text.find(r"\E", self.at)
            self.at = len(self.text) if end < 0 else end + 2
            return
        self.at = self.escaped().end()

    def escaped(self) -> re.Match[str]:
        """The escape sequence at this place."""
        found = _ESCAPE.match(self.text, self.at)
        if found is None:
            raise _Refused(f"{self.text[self.at : self.at + 2]} is not an escape sequence")
        return found

    def bracket(self) -> None:
        """A character class, with its ranges."""
        start, self.operand = self.at, True
        self.at += 2 if self.text.startswith("[^", self.at) else 1
        first = True
        while first or not self.text.startswith("]", self.at):
            if self.at >= len(self.text):
                raise _Refused(f"the ] of {self.text[start : start + 10]} is missing")
            first = False
            if found := _CLASS.match(self.text, self.at):
                if found[2] not in _CLASSES:
                    raise _Refused(f"{found[0]} is not a character class")
                self.at = found.end()
                continue
            self.span()
        self.at += 1

    def span(self) -> None:
        """One character of a class, or a range."""
        if _SETS.match(self.text, self.at):
            self.at = self.escaped().end()
            return
        start, low = self.at, self.character()
        if self.text[self.at : self.at + 1] == "-" and self.text[self.at + 1 : self.at + 2] not in ("]", ""):
            self.at += 1
            if _SETS.match(self.text, self.at) or self.character() < low:
                raise _Refused(f"the range {self.text[start : self.at]} does not count up")

    def character(self) -> int:
        """The code of one character of a class."""
        if self.at >= len(self.text):
            raise _Refused("a ] is missing")
        if self.text[self.at] != "\\":
            self.at += 1
            return ord(self.text[self.at - 1])
        found = self.escaped()
        self.at = found.end()
        body = found[0][1:]
        if body in ("b", "B", "A", "z"):
            raise _Refused(f"{found[0]} has no place in brackets")
        return _code(body)


def _code(body: str) -> int:
    if body[0] == "x":
        return int(body[1:].strip("{}"), 16)
    if body[0].isdigit():
        return int(body, 8)
    return _CONTROL.get(body, ord(body[0]))
