"""Inhibition rules of an AlertmanagerConfig. Pure."""

from __future__ import annotations

from typing import Any

from davit_alertmanager.api.parts import InhibitRule
from davit_alertmanager.config.matchers import check_labels, has, matchers, of_namespace
from davit_alertmanager.config.parsing import parse
from davit_alertmanager.model import Json, Scope

EQUAL_SINCE = "0.28.0"
"""Since when `equal` takes the label names that matchers take since 0.27."""


def inhibit_rule(scope: Scope, raw: Any, path: str, namespace: str = "") -> Json:
    """An entry of inhibit_rules, for alerts of the namespace only when one is given; raises `Unusable`."""
    given = parse(InhibitRule, raw, path)
    sides: Json = {
        "target_matchers": matchers(scope, given.target_match, f"{path}.targetMatch"),
        "source_matchers": matchers(scope, given.source_match, f"{path}.sourceMatch"),
    }
    if namespace:
        own = of_namespace(namespace)
        sides = {side: texts if has(own, texts) else [*texts, own] for side, texts in sides.items()}
    equal = list(given.equal or ())
    check_labels(scope, equal, f"{path}.equal", EQUAL_SINCE)
    return {key: value for key, value in {**sides, "equal": equal}.items() if value}
