"""Whether a resource takes an object by labels and namespace, and in words why not. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from davit.monitoring.selection import NAMESPACE_NAME, matches, why_not
from davit.monitoring.types import LabelSelector

Labels = Mapping[str, str]


def refusal(  # noqa: PLR0917
    labels_wanted: LabelSelector | None,
    namespaces_wanted: LabelSelector | None,
    own: str,
    namespace: str,
    namespace_labels: Labels,
    labels: Labels,
    field: str = "",
) -> str:
    """Why a resource in namespace `own` does not take an object with `labels` in `namespace`; empty when it does.

    Names the fields that begin with `field`, such as spec.alertmanagerConfig. Without a selector of labels nothing is taken,
    without one of namespaces only what is in the own namespace.
    """
    if labels_wanted is None:
        return f"{field}Selector is not set, which selects nothing: set it to {{}} to select all"
    if namespaces_wanted is None:
        if namespace != own:
            return f"{field}NamespaceSelector is not set, which selects namespace {own} only: set it to {{}} to select all"
    elif not matches(namespaces_wanted, known := {NAMESPACE_NAME: namespace, **namespace_labels}):
        return f"{field}NamespaceSelector does not match namespace {namespace}: {why_not(namespaces_wanted, known)}"
    if not matches(labels_wanted, labels):
        return f"{field}Selector does not match: {why_not(labels_wanted, labels)}"
    return ""
