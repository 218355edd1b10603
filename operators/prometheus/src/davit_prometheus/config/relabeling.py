"""Relabeling: single steps, what users wrote, and whether the version that runs takes it. Pure.

Source: Prometheus model/relabel/relabel.go, `Config.Validate`; the order of keys is prometheus-operator's.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Literal

from davit.monitoring.http import Unusable
from davit.monitoring.re2 import regex_problem
from davit.monitoring.types import RelabelConfig
from davit.monitoring.versions import Version, version

from davit_prometheus.model import Json, Scope

_LABEL = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*", re.ASCII)
_TEMPLATE = re.compile(r"(?:[a-zA-Z_]|\$(?:\{\w+\}|\w))(?:\w|\$(?:\{\w+\}|\w))*", re.ASCII)
"""Prometheus' own pattern says the same in a way that takes Python for ever."""
_UNSAFE = re.compile(r"[^a-zA-Z0-9_]")
_DEFAULTS = {"separator": ";", "regex": "(.*)", "replacement": "$1", "modulus": 0, "targetLabel": "", "sourceLabels": []}
_CASE = ("lowercase", "uppercase")
_EQUAL = ("keepequal", "dropequal")
_LABELS = ("labeldrop", "labelkeep")
_NEEDED = {"lowercase": "2.36.0", "uppercase": "2.36.0", "keepequal": "2.41.0", "dropequal": "2.41.0"}
ACTIONS = ("replace", "keep", "drop", "hashmod", "labelmap", *_LABELS, *_CASE, *_EQUAL)
UTF8_SINCE = version("3.0.0")

Names = Literal["legacy", "utf8"]


def sanitize(name: str) -> str:
    """A label of Kubernetes as service discovery spells it: app.kubernetes.io/name becomes app_kubernetes_io_name."""
    return _UNSAFE.sub("_", name)


def keep(labels: Sequence[str], regex: str | int) -> Json:
    """Keep only targets whose labels match."""
    return {"action": "keep", "source_labels": list(labels), "regex": regex}


def drop(labels: Sequence[str], regex: str) -> Json:
    """Drop targets whose labels match."""
    return {"action": "drop", "source_labels": list(labels), "regex": regex}


def copy(label: str, target: str) -> Json:
    """Copy a label."""
    return {"source_labels": [label], "target_label": target}


def copy_filled(label: str, target: str) -> Json:
    """Copy a label if it has a value."""
    return {"source_labels": [label], "target_label": target, "regex": "(.+)", "replacement": "${1}"}


def constant(target: str, value: str) -> Json:
    """Set a label."""
    return {"target_label": target, "replacement": value}


def first_step() -> Json:
    """What every job begins with: the job's name stays readable after its label is replaced."""
    return copy("job", "__tmp_prometheus_job_name")


def names_of(scope: Scope) -> Names:
    """Which label names the Prometheus takes."""
    return label_names(scope.version, scope.spec.name_validation_scheme)


def label_names(running: Version, scheme: str | None) -> Names:
    """Which label names a version takes under a name validation scheme, which does not concern those that it only reads."""
    return "utf8" if running >= UTF8_SINCE and (scheme or "UTF8") == "UTF8" else "legacy"


def valid_label(name: str, names: Names) -> bool:
    """Whether it is the name of a label."""
    if names == "legacy":
        return _LABEL.fullmatch(name) is not None
    return bool(name) and not any(0xD800 <= ord(char) <= 0xDFFF for char in name)


def render(configs: Sequence[RelabelConfig] | None) -> list[Json]:
    """The steps as users wrote them."""
    return [_rendered(config) for config in configs or ()]


def _rendered(config: RelabelConfig) -> Json:
    step: Json = {}
    if config.source_labels:
        step["source_labels"] = list(config.source_labels)
    if config.separator is not None:
        step["separator"] = config.separator
    if config.target_label:
        step["target_label"] = config.target_label
    if config.regex:
        step["regex"] = config.regex
    if config.modulus:
        step["modulus"] = config.modulus
    if config.replacement is not None:
        step["replacement"] = config.replacement
    if config.action:
        step["action"] = config.action.lower()
    return step


def enforced(scope: Scope, kind: str, namespace: str, name: str) -> list[Json]:
    """The step that no other can undo: the namespace label of multi-tenant Prometheuses."""
    if not scope.enforces_namespace(kind, namespace, name):
        return []
    return [constant(scope.enforced_namespace_label, namespace)]


def steps(scope: Scope, configs: Sequence[RelabelConfig] | None, path: str, *, scheme: str | None = None) -> list[Json]:
    """The steps as users wrote them; raises `Unusable` for what the Prometheus would refuse.

    scheme: the name validation scheme of a job that has one of its own.
    """
    check(configs, path, scope.version, label_names(scope.version, scheme or scope.spec.name_validation_scheme))
    return render(configs)


def check(configs: Sequence[RelabelConfig] | None, path: str, running: Version, names: Names) -> None:
    """Raise `Unusable` for the first step that the version would refuse."""
    for index, config in enumerate(configs or ()):
        for field, problem in _problems(config, running, names):
            raise Unusable(f"{path}[{index}].{field}", problem)


def _problems(config: RelabelConfig, running: Version, names: Names) -> Iterator[tuple[str, str]]:
    action = (config.action or "replace").lower()
    if action not in ACTIONS:
        yield "action", f"{config.action!r} is no action: write one of {', '.join(ACTIONS)}"
        return
    if action in _NEEDED and running < version(_NEEDED[action]):
        yield "action", f"{config.action} needs Prometheus {_NEEDED[action]}: {running} runs"
    if config.regex and (problem := regex_problem(config.regex)):
        yield "regex", problem
    if action == "hashmod" and not config.modulus:
        yield "modulus", "is missing: HashMod needs a number above 0"
    read = label_names(running, None)
    for label in config.source_labels or ():
        if not valid_label(label, read):
            yield "sourceLabels", _not_a_label(label, read)
    yield from _target_problems(config, action, names)
    yield from _surplus(config, action)


def _target_problems(config: RelabelConfig, action: str, names: Names) -> Iterator[tuple[str, str]]:
    target = config.target_label or ""
    if action in ("replace", "hashmod", *_CASE, *_EQUAL):
        if not target:
            yield "targetLabel", f"is missing: {config.action or 'Replace'} writes to it"
        elif not (valid_label(target, names) or (action == "replace" and _TEMPLATE.fullmatch(target))):
            yield "targetLabel", _not_a_label(target, names)
    if action == "labelmap" and config.replacement is not None:
        replacement = config.replacement
        if not (valid_label(replacement, names) if names == "utf8" else _TEMPLATE.fullmatch(replacement)):
            yield "replacement", _not_a_label(replacement, names)


def _surplus(config: RelabelConfig, action: str) -> Iterator[tuple[str, str]]:
    given = {
        "sourceLabels": config.source_labels or [],
        "separator": config.separator,
        "targetLabel": config.target_label or "",
        "regex": config.regex or "(.*)",
        "modulus": config.modulus or 0,
        "replacement": config.replacement,
    }
    unwanted: tuple[str, ...] = ()
    if action in _CASE:
        unwanted = ("replacement",)
    elif action in _EQUAL:
        unwanted = ("separator", "regex", "modulus", "replacement")
    elif action in _LABELS:
        unwanted = ("sourceLabels", "separator", "targetLabel", "modulus", "replacement")
    for field in unwanted:
        if given[field] is not None and given[field] != _DEFAULTS[field]:
            yield field, f"has no place with {config.action}: remove it"


def _not_a_label(name: str, names: Names) -> str:
    allowed = "letters, digits and _, not beginning with a digit" if names == "legacy" else "any text that is not empty"
    return f"{name!r} is not a label name: write {allowed}"
