"""Which Prometheus takes which monitor, and in words why one is not taken. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from davit.monitoring.selection import NAMESPACE_NAME, matches, why_not

from davit_prometheus.model import Selection

Labels = Mapping[str, str]


def chosen(selection: Selection, own: str, namespace: str, namespace_labels: Labels, labels: Labels) -> bool:
    """Whether a Prometheus in namespace `own` takes an object with these labels in `namespace`."""
    return not refusal(selection, own, namespace, namespace_labels=namespace_labels, labels=labels)


def refusal(selection: Selection, own: str, namespace: str, *, namespace_labels: Labels, labels: Labels, field: str = "") -> str:
    """Why not, naming the Prometheus' fields that begin with `field` (such as spec.serviceMonitor); empty when it is taken."""
    if selection.labels is None:
        return f"{field}Selector is not set, which selects nothing: set it to {{}} to select all"
    if selection.namespaces is None:
        if namespace != own:
            return f"{field}NamespaceSelector is not set, which selects namespace {own} only: set it to {{}} to select all"
    elif not matches(selection.namespaces, known := {NAMESPACE_NAME: namespace, **namespace_labels}):
        return f"{field}NamespaceSelector does not match namespace {namespace}: {why_not(selection.namespaces, known)}"
    if not matches(selection.labels, labels):
        return f"{field}Selector does not match: {why_not(selection.labels, labels)}"
    return ""
