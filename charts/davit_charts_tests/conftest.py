"""What all tests of the charts take: the two Helms, the charts, the value sets."""

from __future__ import annotations

from pathlib import Path

import pytest

from ci.generate.charts import OPERATORS
from davit_charts_tests import helm, kube
from davit_charts_tests.cases import CASES, PAIRS


@pytest.fixture(params=helm.VERSIONS)
def version(request: pytest.FixtureRequest) -> str:
    """Helm 3 and Helm 4."""
    return str(request.param)


@pytest.fixture(params=list(CASES))
def chart(request: pytest.FixtureRequest) -> str:
    """Each chart."""
    return str(request.param)


@pytest.fixture(params=OPERATORS)
def operator(request: pytest.FixtureRequest) -> str:
    """Each operator's chart."""
    return str(request.param)


@pytest.fixture(params=PAIRS, ids=["-".join(pair) for pair in PAIRS])
def pair(request: pytest.FixtureRequest) -> tuple[str, str]:
    """Each chart with each of its value sets."""
    chart, case = request.param
    return chart, case


@pytest.fixture
def objects(pair: tuple[str, str]) -> list[helm.Object]:
    """What a chart makes of a value set; by Helm 4, because the two Helms are compared elsewhere."""
    chart, case = pair
    return helm.template("helm4", chart, CASES[chart][case])


@pytest.fixture(scope="session")
def schemas(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """JSON schemas of the lowest and the highest supported Kubernetes and of our own kinds, for kubeconform."""
    folder = tmp_path_factory.mktemp("schemas")
    kube.write_schemas(folder, (helm.LOWEST, helm.HIGHEST))
    return folder
