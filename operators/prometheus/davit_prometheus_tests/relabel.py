"""What Prometheus does with relabel_configs, in little: for replaying jobs on made-up targets.

Source: Prometheus model/relabel/relabel.go, `relabel`.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from typing import Any

Labels = dict[str, str]


def relabel(steps: Sequence[Mapping[str, Any]], labels: Mapping[str, str]) -> Labels | None:
    """The labels after all steps, None when the target is dropped; empty labels are no labels."""
    found = dict(labels)
    for step in steps:
        changed = _apply(step, found)
        if changed is None:
            return None
        found = {name: value for name, value in changed.items() if value}
    return found


def target(steps: Sequence[Mapping[str, Any]], labels: Mapping[str, str], shard: int = 0) -> Labels | None:
    """The labels that samples of the target get in a shard."""
    text = {"$(SHARD)": str(shard), "$(INZONE_SHARD)": str(shard)}
    placed = [{key: _placed(value, text) for key, value in step.items()} for step in steps]
    found = relabel(placed, labels)
    return None if found is None else {name: value for name, value in found.items() if not name.startswith("__")}


def _placed(value: Any, text: Mapping[str, str]) -> Any:
    if isinstance(value, str):
        for placeholder, own in text.items():
            value = value.replace(placeholder, own)
    return value


def _apply(step: Mapping[str, Any], labels: Labels) -> Labels | None:
    value = step.get("separator", ";").join(labels.get(name, "") for name in step.get("source_labels", ()))
    regex = re.compile(str(step.get("regex", "(.*)")), re.DOTALL)
    action, name = step.get("action", "replace"), step.get("target_label", "")
    found = regex.fullmatch(value)
    match action:
        case "keep" | "drop":
            return labels if (found is not None) == (action == "keep") else None
        case "keepequal" | "dropequal":
            return labels if (labels.get(name, "") == value) == (action == "keepequal") else None
        case "replace":
            return labels if found is None else {**labels, expand(found, name): expand(found, step.get("replacement", "$1"))}
        case "lowercase" | "uppercase":
            return {**labels, name: value.lower() if action == "lowercase" else value.upper()}
        case "hashmod":
            return {**labels, name: str(hashmod(value, step["modulus"]))}
        case "labelmap":
            copies = {
                expand(one, step.get("replacement", "$1")): labels[label] for label in labels if (one := regex.fullmatch(label))
            }
            return {**labels, **copies}
        case _:
            wanted = action == "labelkeep"
            return {label: text for label, text in labels.items() if (regex.fullmatch(label) is not None) == wanted}


def hashmod(value: str, modulus: int) -> int:
    """The shard of a value."""
    return int.from_bytes(hashlib.md5(value.encode()).digest()[8:], "big") % modulus


def expand(found: re.Match[str], template: str) -> str:
    """The template with $1 and ${1} replaced."""
    return re.sub(r"\$(?:\{(\w+)\}|(\w+))", lambda name: _group(found, name[1] or name[2]), template)


def _group(found: re.Match[str], name: str) -> str:
    try:
        return found[int(name) if name.isdigit() else name] or ""
    except IndexError:
        return ""
