"""Which Prometheus takes which monitor, and in words why one is not taken. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from davit.monitoring import choice

from davit_prometheus.model import Selection

Labels = Mapping[str, str]


def chosen(selection: Selection, own: str, namespace: str, namespace_labels: Labels, labels: Labels) -> bool:
    """Whether a Prometheus in namespace `own` takes an object with these labels in `namespace`."""
    return not refusal(selection, own, namespace, namespace_labels=namespace_labels, labels=labels)


def refusal(selection: Selection, own: str, namespace: str, *, namespace_labels: Labels, labels: Labels, field: str = "") -> str:
    """Why not, naming the Prometheus' fields that begin with `field` (such as spec.serviceMonitor); empty when it is taken."""
    wanted = selection.labels, selection.namespaces
    return choice.refusal(*wanted, own, namespace, namespace_labels, labels, field)
