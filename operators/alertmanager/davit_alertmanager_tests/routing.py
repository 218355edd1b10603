"""Which receivers get an alert: a small interpreter of alertmanager.yaml.

Source: Alertmanager dispatch/route.go `Match`; test_differential shows that amtool agrees.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping

from davit_alertmanager_tests.world import Json

Labels = Mapping[str, str]
_MATCHER = re.compile(r'\s*("(?:[^"\\]|\\.)*"|[^\s{}!=~,"]+)\s*(=~|!~|!=|=)\s*(.*?)\s*', re.DOTALL)


def receivers(config: Json, labels: Labels) -> list[str]:
    """The names of the receivers that the alert is routed to, in order."""
    return _walk(config["route"], labels, config["route"]["receiver"])


def notified(config: Json, labels: Labels) -> list[str]:
    """Those of them that notify anybody."""
    loud = {one["name"] for one in config["receivers"] if len(one) > 1}
    return [name for name in receivers(config, labels) if name in loud]


def _walk(route: Json, labels: Labels, inherited: str) -> list[str]:
    if not matches(route, labels):
        return []
    receiver = route.get("receiver") or inherited
    found: list[str] = []
    for child in route.get("routes") or ():
        below = _walk(child, labels, receiver)
        found += below
        if below and not child.get("continue"):
            break
    return found or [receiver]


def matches(route: Json, labels: Labels) -> bool:
    """Whether all conditions of a route hold."""
    return all(_conditions(route, labels))


def _conditions(route: Json, labels: Labels) -> Iterator[bool]:
    for name, value in (route.get("match") or {}).items():
        yield labels.get(name, "") == value
    for name, pattern in (route.get("match_re") or {}).items():
        yield bool(re.fullmatch(pattern, labels.get(name, "")))
    for text in route.get("matchers") or ():
        yield _holds(text, labels)


def _holds(text: str, labels: Labels) -> bool:
    found = _MATCHER.fullmatch(text)
    assert found is not None, text
    name, operator, value = found.groups()
    given, wanted = labels.get(_unquoted(name), ""), _unquoted(value)
    equal = given == wanted if operator in ("=", "!=") else bool(re.fullmatch(wanted, given))
    return equal != operator.startswith("!")


def _unquoted(text: str) -> str:
    return str(json.loads(text, strict=False)) if text.startswith('"') else text
