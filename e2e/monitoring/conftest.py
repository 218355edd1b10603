"""Fixtures of the monitoring tests: handles on what is not made yet."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from e2e.support.alertmanager import Alertmanager
from e2e.support.installation import Installation
from e2e.support.kinds import ALERTMANAGER, PROMETHEUS
from e2e.support.kube import Json, Kube
from e2e.support.prometheus import PROMETHEUS_AGENT, Prometheus
from e2e.support.sandbox import Sandbox
from e2e.support.settings import Settings
from e2e.support.witness import Witness


def present(operators: dict[str, Installation], product: str) -> Installation:
    """An operator that the tests need; they fail without it, they don't skip."""
    operator = operators[product]
    assert operator.exists(), f"no {product} operator in {operator.namespace}: install the chart with {product}.enabled=true"
    return operator


@pytest.fixture
def prometheus(sandbox: Sandbox, settings: Settings, operators: dict[str, Installation]) -> Prometheus:
    """A Prometheus of the newer version named `main`, not made yet."""
    present(operators, "prometheus")
    return Prometheus(sandbox, settings.prometheus[1])


@pytest.fixture
def alertmanager(sandbox: Sandbox, settings: Settings, operators: dict[str, Installation]) -> Alertmanager:
    """An Alertmanager of the newer version named `main`, not made yet."""
    present(operators, "alertmanager")
    return Alertmanager(sandbox, settings.alertmanager[1])


@pytest.fixture
def nobody_takes_all(kube: Kube) -> None:
    """For tests of what nobody selects: the reason is told only of what no other of the cluster takes either."""
    found = [
        f"{kind.kind} {one['metadata']['namespace']}/{one['metadata']['name']}"
        for kind in (PROMETHEUS, PROMETHEUS_AGENT, ALERTMANAGER)
        for one in kube.all(kind)
        if takes_all(one["spec"])
    ]
    assert not found, f"these take the objects of every namespace, so nothing goes unselected here: {found}"


def takes_all(spec: Json) -> bool:
    """Whether both selectors of a kind, of labels and of namespaces, are there and leave none out."""
    empty = {key for key, value in spec.items() if key.endswith("Selector") and value is not None and not any(value.values())}
    return any(key.replace("NamespaceSelector", "Selector") in empty for key in empty if key.endswith("NamespaceSelector"))


@pytest.fixture
def start_witness(sandbox: Sandbox, settings: Settings) -> Callable[..., Witness]:
    """Starts a witness: start_witness("name", authorization=..., labels=...)."""

    def start(name: str = "witness", authorization: str = "", labels: dict[str, str] | None = None) -> Witness:
        return Witness(sandbox, name).start(authorization=authorization, labels=labels, image=settings.witness_image)

    return start


@pytest.fixture
def witness(start_witness: Callable[..., Witness]) -> Witness:
    """One that runs."""
    return start_witness()
