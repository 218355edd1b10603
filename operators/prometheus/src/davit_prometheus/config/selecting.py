"""Label selectors of monitors: as relabeling steps, or as a question to the API server. Pure.

Source: apimachinery pkg/labels and `metav1.LabelSelectorAsSelector`, for what is valid and how it is spelt.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence

from davit.monitoring.http import Unusable
from davit.monitoring.types import LabelSelector, LabelSelectorRequirement

from davit_prometheus.config.relabeling import drop, keep, sanitize
from davit_prometheus.model import Json

_NAME = re.compile(r"[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?", re.ASCII)
_PREFIX = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*", re.ASCII)
_OPERATORS = ("In", "NotIn", "Exists", "DoesNotExist")
_PREFIX_LENGTH = 253


def selector_steps(selector: LabelSelector, kind: str) -> list[Json]:
    """Keep what matches; `kind` is service, pod or ingress."""
    labels = selector.match_labels or {}
    steps = [_value(keep, kind, name, labels[name]) for name in sorted(labels)]
    for requirement in selector.match_expressions or ():
        values = "|".join(requirement.values or ())
        present = f"__meta_kubernetes_{kind}_labelpresent_{sanitize(requirement.key)}"
        match requirement.operator:
            case "In":
                steps.append(_value(keep, kind, requirement.key, values))
            case "NotIn":
                steps.append(_value(drop, kind, requirement.key, values))
            case "Exists":
                steps.append(keep([present], "true"))
            case "DoesNotExist":
                steps.append(drop([present], "true"))
    return steps


def _value(step: Callable[[Sequence[str], str], Json], kind: str, name: str, values: str) -> Json:
    prefix, label = f"__meta_kubernetes_{kind}", sanitize(name)
    return step([f"{prefix}_label_{label}", f"{prefix}_labelpresent_{label}"], f"({values});true")


def selector_text(selector: LabelSelector) -> str:
    """The selector as the API server's labelSelector parameter takes it."""
    terms = [(name, f"{name}={value}") for name, value in sorted((selector.match_labels or {}).items())]
    terms += [(requirement.key, _term(requirement)) for requirement in selector.match_expressions or ()]
    return ",".join(term for _, term in sorted(terms, key=lambda item: item[0]))


def _term(requirement: LabelSelectorRequirement) -> str:
    values = ",".join(sorted(requirement.values or ()))
    forms = {
        "In": f"{requirement.key} in ({values})",
        "NotIn": f"{requirement.key} notin ({values})",
        "Exists": requirement.key,
        "DoesNotExist": f"!{requirement.key}",
    }
    return forms[requirement.operator]


def check_selector(selector: LabelSelector, path: str) -> None:
    """Raise `Unusable` for a selector that Kubernetes itself would not take."""
    for field, problem in (*_label_problems(selector), *_expression_problems(selector)):
        raise Unusable(f"{path}.{field}", problem)


def check_operators(selector: LabelSelector, path: str) -> None:
    """The same, without a look at names and values of labels."""
    for field, problem in _operator_problems(selector):
        raise Unusable(f"{path}.{field}", problem)


def _label_problems(selector: LabelSelector) -> Iterator[tuple[str, str]]:
    for name, value in (selector.match_labels or {}).items():
        if problem := _name_problem(name) or _value_problem(value):
            yield f"matchLabels.{name}", problem


def _expression_problems(selector: LabelSelector) -> Iterator[tuple[str, str]]:
    yield from _operator_problems(selector)
    for index, requirement in enumerate(selector.match_expressions or ()):
        if problem := _name_problem(requirement.key):
            yield f"matchExpressions[{index}].key", problem
        for value in requirement.values or ():
            if problem := _value_problem(value):
                yield f"matchExpressions[{index}].values", problem


def _operator_problems(selector: LabelSelector) -> Iterator[tuple[str, str]]:
    for index, requirement in enumerate(selector.match_expressions or ()):
        path = f"matchExpressions[{index}]"
        if requirement.operator not in _OPERATORS:
            yield f"{path}.operator", f"{requirement.operator!r} is no operator: write {', '.join(_OPERATORS)}"
        elif requirement.operator in ("In", "NotIn") and not requirement.values:
            yield f"{path}.values", f"are missing: {requirement.operator} needs at least one"
        elif requirement.operator not in ("In", "NotIn") and requirement.values:
            yield f"{path}.values", f"have no place with {requirement.operator}: remove them"


def _name_problem(name: str) -> str:
    prefix, slash, last = name.rpartition("/")
    if _NAME.fullmatch(last) and (not slash or (len(prefix) <= _PREFIX_LENGTH and _PREFIX.fullmatch(prefix))):
        return ""
    return f"{name!r} is not a label of Kubernetes: write for example app.kubernetes.io/name"


def _value_problem(value: str) -> str:
    if not value or _NAME.fullmatch(value):
        return ""
    return f"{value!r} is not a label's value: write at most 63 letters, digits, '-', '_' and '.', none of the latter at its ends"
