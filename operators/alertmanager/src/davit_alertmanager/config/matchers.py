"""Matchers and label names: how Alertmanager's two parsers take them. Pure.

Since 0.27 label names may be any text, quoted where it needs to be; before, and with the feature flag classic-mode, only
letters, digits and underscores. Upstream writes every name as it is given, and one that the parser refuses keeps the whole
configuration from loading: here it is quoted where that helps, and a Fault otherwise.
Sources: Alertmanager matcher/parse, matcher/compat and pkg/labels.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from davit.monitoring.http import Unusable
from davit.monitoring.re2 import regex_problem
from davit.monitoring.versions import version

from davit_alertmanager.api.parts import Matcher
from davit_alertmanager.model import Scope

_CLASSIC = re.compile(r"\s*[a-zA-Z_:][a-zA-Z0-9_:]*\s*")
_LABEL = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
_UNQUOTED = re.compile(r"\s*[^\s{}!=~,\\\"'`]+\s*")
_QUOTED = re.compile(r'\s*"(?:[^"\\\n]|\\["\\abfnrtv])+"\s*')
_NEWER = "needs Alertmanager 0.27.0 without the feature flag classic-mode: use only letters, digits and underscores"


def escaped(value: str) -> str:
    """As the values of matchers are written between double quotes."""
    return value.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')


def of_namespace(namespace: str) -> str:
    """The matcher that keeps an AlertmanagerConfig to its own alerts."""
    return f'namespace="{escaped(namespace)}"'


def matcher(scope: Scope, given: Matcher, path: str) -> str:
    """The text of a matcher; raises `Unusable`."""
    operator = given.match_type or ("=~" if given.regex else "=")
    if operator in ("=~", "!~") and (problem := regex_problem(given.value)):
        raise Unusable(f"{path}.value", problem)
    return f'{_name(scope, given.name, f"{path}.name")}{operator}"{escaped(given.value)}"'


def matchers(scope: Scope, given: Sequence[Matcher] | None, path: str) -> list[str]:
    """The texts of matchers; raises `Unusable`."""
    return [matcher(scope, item, f"{path}[{index}]") for index, item in enumerate(given or ())]


def _name(scope: Scope, name: str, path: str) -> str:
    if not name.strip():
        raise Unusable(path, "is missing: name the label to match")
    if _CLASSIC.fullmatch(name):
        return name
    if not scope.utf8:
        raise Unusable(path, f"{name!r} is not a label name: it {_NEWER}")
    if _UNQUOTED.fullmatch(name) or _QUOTED.fullmatch(name):
        return name
    return f'"{escaped(name)}"'


def check_labels(scope: Scope, names: Sequence[str], path: str, since: str = "0.27.0") -> None:
    """Raises `Unusable` for what is no label name; any text is one from the version `since` on."""
    for index, name in enumerate(names):
        if not name:
            raise Unusable(f"{path}[{index}]", "is empty: name a label, or remove it")
        if not _LABEL.fullmatch(name) and not (scope.utf8 and scope.version >= version(since)):
            raise Unusable(f"{path}[{index}]", f"{name!r} is not a label name: it {_NEWER.replace('0.27.0', since)}")


def has(matcher: str, among: Sequence[str]) -> bool:
    """Whether the matcher is among others, spaces aside."""
    return matcher.replace(" ", "") in (other.replace(" ", "") for other in among)
