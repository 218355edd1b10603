"""Whole StatefulSets, as a person has looked at them."""

from __future__ import annotations

from pathlib import Path

import pytest
from davit.testing import golden
from davit_prometheus.manifests.stateful_set import stateful_set

from davit_prometheus_tests.manifests_cases import AGENTS, CASES
from davit_prometheus_tests.manifests_made import instance

FOLDER = Path(__file__).parent / "manifests_golden"


@pytest.mark.parametrize("case", ["default", "kube-prometheus", "two-forty-five", "thanos-delayed", "tls", "patched", "agent"])
def test_golden_stateful_set(case: str) -> None:
    agent = case in AGENTS
    one = instance((AGENTS if agent else CASES)[case], agent=agent)
    golden.check(FOLDER / f"{case}.yaml", stateful_set(one, 0))
