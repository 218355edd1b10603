"""Label selectors: whether they match, and in words why not. Pure.

Source: Kubernetes documentation, "Labels and Selectors"; `metav1.LabelSelectorAsSelector`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from davit.errors import Invalid, Problem
from davit.monitoring.types import LabelSelector, LabelSelectorRequirement

Labels = Mapping[str, str]
NAMESPACE_NAME = "kubernetes.io/metadata.name"
"""The label that the API server gives every namespace."""


_KEY = r"[A-Za-z0-9][A-Za-z0-9_./-]*"
_REQUIREMENT = re.compile(
    rf"\s*(?:(?P<not>!)\s*(?P<absent>{_KEY})|(?P<key>{_KEY})\s*(?:(?P<equals>!?=?=)\s*(?P<value>[A-Za-z0-9_.-]*)"
    rf"|(?P<set>in|notin)\s*\((?P<values>[^()]*)\))?)\s*(?:,|$)"
)


def parse_selector(text: str) -> LabelSelector:
    """From what kubectl takes: `a=b,c!=d,e in (f,g),h,!i`; empty selects all. Raises `Invalid`."""
    found: list[LabelSelectorRequirement] = []
    position = 0
    while position < len(text.rstrip()):
        part = _REQUIREMENT.match(text, position)
        if part is None or part.end() == position:
            raise Invalid(
                Problem("selector", f"{text!r} is not a label selector from position {position} on: write for example team=a")
            )
        found.append(_requirement(part))
        position = part.end()
    return LabelSelector(match_expressions=found)


def _requirement(part: re.Match[str]) -> LabelSelectorRequirement:
    if part["not"]:
        return LabelSelectorRequirement(key=part["absent"], operator="DoesNotExist")
    if part["set"]:
        values = [value.strip() for value in part["values"].split(",")]
        return LabelSelectorRequirement(key=part["key"], operator="In" if part["set"] == "in" else "NotIn", values=values)
    if part["equals"]:
        operator = "NotIn" if part["equals"] == "!=" else "In"
        return LabelSelectorRequirement(key=part["key"], operator=operator, values=[part["value"]])
    return LabelSelectorRequirement(key=part["key"], operator="Exists")


def matches(selector: LabelSelector, labels: Labels) -> bool:
    """Whether all requirements are met; an empty selector matches everything."""
    return next(_unmet(selector, labels), None) is None


def why_not(selector: LabelSelector, labels: Labels) -> str:
    """The unmet requirements in words, empty when it matches."""
    return "; ".join(_unmet(selector, labels))


def _unmet(selector: LabelSelector, labels: Labels) -> Iterator[str]:
    for name, wanted in (selector.match_labels or {}).items():
        if labels.get(name) != wanted:
            yield f"label {name} must be {wanted!r}, {_is(labels, name)}"
    for requirement in selector.match_expressions or ():
        name, values = requirement.key, list(requirement.values or ())
        match requirement.operator:
            case "In" if labels.get(name) not in values:
                yield f"label {name} must be one of {', '.join(values)}, {_is(labels, name)}"
            case "NotIn" if labels.get(name) in values:
                yield f"label {name} must be none of {', '.join(values)}, {_is(labels, name)}"
            case "Exists" if name not in labels:
                yield f"label {name} is missing"
            case "DoesNotExist" if name in labels:
                yield f"label {name} must not be there, {_is(labels, name)}"


def _is(labels: Labels, name: str) -> str:
    return f"it is {labels[name]!r}" if name in labels else "it is missing"
