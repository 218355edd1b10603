"""Confine a PromQL expression to series with one label: for Prometheuses that several tenants share. Pure.

No full parser: a scanner that knows where an operand may stand, and so which names are selectors. What it does not know it
refuses, because a selector that it missed would show a tenant what others own. Source: Prometheus promql/parser.
"""

from __future__ import annotations

import re

_BLANK = re.compile(r"(?:\s+|#[^\n]*)*")
_NAME = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*", re.ASCII)
_NUMBER = re.compile(r"(?:0[xX][0-9a-fA-F_]+|(?:\d[\d_]*\.?[\d_]*|\.\d[\d_]*)(?:[eE][+-]?\d+)?[a-zA-Z0-9]*)", re.ASCII)
_STRING = re.compile(r'"(?:[^"\\\n]|\\.)*"|\'(?:[^\'\\\n]|\\.)*\'|`[^`]*`')
_OPERATOR = re.compile(r"==|!=|<=|>=|</|>/|[-+*/%^<>]")
_LABEL = r"(?:[a-zA-Z_:][\w:]*|\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*')"
_LABELS = re.compile(rf"\(\s*(?:{_LABEL}\s*(?:,\s*{_LABEL}\s*)*,?\s*)?\)", re.ASCII)
_MATCH = re.compile(r"=~|!~|!=|=")
_SIMPLE = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*", re.ASCII)
_SETS = ("and", "or", "unless", "atan2")
_AGGREGATIONS = (
    "sum", "avg", "count", "min", "max", "group", "stddev", "stdvar", "topk", "bottomk", "count_values", "quantile", "limitk",
    "limit_ratio",
)  # fmt: skip
_GROUPINGS = ("by", "without")
_JOINS = ("bool", "on", "ignoring", "group_left", "group_right")
_FILLS = ("fill", "fill_left", "fill_right")
_MARKS = ("anchored", "smoothed")


def confine(expression: str, label: str, value: str) -> str:
    """The expression whose every selector has `label="value"`, in the place of what it says of that label itself.

    Raises ValueError for what is no PromQL, or none that is understood here.
    """
    name = label if _SIMPLE.fullmatch(label) else _quoted(label)
    return _Scanner(expression, label, f"{name}={_quoted(value)}").run()


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


class _Scanner:
    def __init__(self, text: str, label: str, matcher: str) -> None:
        self.text, self.label, self.matcher = text, label, matcher
        self.at, self.depth, self.done = 0, 0, False
        self.out: list[str] = []

    def run(self) -> str:
        """The whole expression; `done` says that an operand stands, so that an operator must follow."""
        self.blank()
        while self.at < len(self.text):
            if self.done:
                self.operator()
            else:
                self.operand()
            self.blank()
        if not self.done or self.depth:
            raise self.unknown()
        return "".join(self.out)

    def unknown(self) -> ValueError:
        """What to raise at this place."""
        rest = self.text[self.at : self.at + 20] or "its end"
        return ValueError(
            f"the expression can't be confined to {self.matcher}: {rest!r} was not expected; write it in plain PromQL"
        )

    def blank(self) -> None:
        """White space and comments."""
        self.take(_BLANK)

    def take(self, pattern: re.Pattern[str]) -> str:
        """What matches here, copied; empty when nothing does."""
        found = pattern.match(self.text, self.at)
        if found is None:
            return ""
        self.at = found.end()
        self.out.append(found[0])
        return found[0]

    def need(self, pattern: re.Pattern[str]) -> str:
        """The same, and something must match."""
        taken = self.take(pattern)
        if not taken:
            raise self.unknown()
        return taken

    def peek(self) -> str:
        """The next character after blanks."""
        found = _BLANK.match(self.text, self.at)
        after = found.end() if found else self.at
        return self.text[after : after + 1]

    def peek_name(self) -> str:
        """The next name after blanks, in lower case."""
        blank = _BLANK.match(self.text, self.at)
        found = _NAME.match(self.text, blank.end() if blank else self.at)
        return found[0].lower() if found else ""

    def char(self) -> None:
        """Copy one character."""
        self.out.append(self.text[self.at])
        self.at += 1

    def operand(self) -> None:
        """A selector, a literal, a sign, a call or a parenthesis."""
        char = self.text[self.at]
        if char == "(":
            self.depth += 1
            self.char()
        elif char == ")":
            self.close()
        elif char in "+-":
            self.char()
        elif char == "{":
            self.braces()
            self.done = True
        elif self.take(_STRING) or self.take(_NUMBER):
            self.done = True
        else:
            self.named()

    def named(self) -> None:
        """A function, an aggregation or a metric."""
        name = self.need(_NAME).lower()
        if name in ("inf", "nan"):
            self.done = True
        elif name in _AGGREGATIONS and self.peek_name() in _GROUPINGS:
            self.blank()
            self.need(_NAME)
            self.grouping()
            if self.peek() != "(":
                raise self.unknown()
        elif self.peek() == "(":
            return
        else:
            self.selector()

    def selector(self) -> None:
        """What follows the name of a metric."""
        if self.peek() == "{":
            self.blank()
            self.braces()
        else:
            self.out.append("{" + self.matcher + "}")
        self.done = True

    def braces(self) -> None:
        """The matchers in braces, without those of the label and with the one that confines."""
        self.char()
        kept: list[str] = []
        self.at = self.skip(self.at)
        while not self.text.startswith("}", self.at):
            item, name = self.item()
            if name != self.label:
                kept.append(item)
            self.at = self.skip(self.at)
            if self.text.startswith(",", self.at):
                self.at = self.skip(self.at + 1)
            elif not self.text.startswith("}", self.at):
                raise self.unknown()
        self.at += 1
        self.out.append(",".join([*kept, self.matcher]) + "}")

    def skip(self, at: int) -> int:
        """The place after blanks, which are not copied."""
        found = _BLANK.match(self.text, at)
        return found.end() if found else at

    def item(self) -> tuple[str, str]:
        """One matcher and its label; a lone string is the name of a metric."""
        start = self.at
        key = _STRING.match(self.text, start) or _NAME.match(self.text, start)
        if key is None:
            raise self.unknown()
        self.at = self.skip(key.end())
        match = _MATCH.match(self.text, self.at)
        quoted = key[0][0] in "\"'`"
        if match is None:
            if not quoted:
                raise self.unknown()
            return key[0], "__name__"
        self.at = self.skip(match.end())
        value = _STRING.match(self.text, self.at)
        if value is None:
            raise self.unknown()
        self.at = value.end()
        return key[0] + match[0] + value[0], _unquoted(key[0]) if quoted else key[0]

    def close(self) -> None:
        """The end of a parenthesis or of a call."""
        if not self.depth:
            raise self.unknown()
        self.depth -= 1
        self.char()
        self.done = True

    def operator(self) -> None:
        """Whatever may follow an operand."""
        char = self.text[self.at]
        if char == "[":
            self.range()
        elif char == ")":
            self.close()
        elif char == ",":
            self.char()
            self.done = False
        elif char == "@":
            self.char()
            self.moment()
        elif self.take(_OPERATOR):
            self.matching()
        else:
            self.word()

    def word(self) -> None:
        """An operator or a modifier with a name."""
        name = self.need(_NAME).lower()
        if name in _SETS:
            self.matching()
        elif name in _GROUPINGS:
            self.grouping()
        elif name == "offset":
            self.moment()
        elif name not in _MARKS:
            raise self.unknown()

    def range(self) -> None:
        """What is in brackets selects nothing."""
        end = self.text.find("]", self.at)
        if end < 0:
            raise self.unknown()
        self.out.append(self.text[self.at : end + 1])
        self.at = end + 1

    def moment(self) -> None:
        """What follows @ or offset: a number, start() or the like, or durations in parentheses."""
        self.blank()
        while self.text.startswith(("+", "-"), self.at):
            self.char()
            self.blank()
        if self.take(_NUMBER):
            return
        self.take(_NAME)
        self.blank()
        depth = 0
        while self.at < len(self.text):
            char = self.text[self.at]
            depth += (char == "(") - (char == ")")
            self.char()
            if not depth:
                return
        raise self.unknown()

    def matching(self) -> None:
        """What may follow an operator before its second operand."""
        self.done = False
        while (name := self.peek_name()) in _JOINS or (name in _FILLS and self.called()):
            self.blank()
            self.need(_NAME)
            if name in _FILLS:
                self.moment()
            elif name in ("on", "ignoring") or (name != "bool" and self.peek() == "("):
                self.grouping()

    def called(self) -> bool:
        """Whether a parenthesis follows the next name, which else is a metric's."""
        blank = _BLANK.match(self.text, self.at)
        found = _NAME.match(self.text, blank.end() if blank else self.at)
        after = _BLANK.match(self.text, found.end()) if found else None
        return after is not None and self.text.startswith("(", after.end())

    def grouping(self) -> None:
        """Labels in parentheses."""
        self.blank()
        self.need(_LABELS)


def _unquoted(text: str) -> str:
    """The text of a quoted label; an escape in it makes it another one than any that can be enforced."""
    return text[1:-1]
