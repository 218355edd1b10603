"""Files beside prometheus.yaml, which promtool does not follow: here their content is the configuration itself."""

from __future__ import annotations

import pytest
import yaml
from davit_prometheus import assembly
from davit_prometheus.assembly import assemble, block
from davit_prometheus.model import Job, Json

from davit_prometheus_tests.manifests_made import instance
from davit_prometheus_tests.promtools import every_release, promtool

pytestmark = pytest.mark.differential

DENSE = {"source_labels": ["a"], "regex": "b", "target_label": "c", "replacement": "d", "action": "replace", "separator": ";"}
BROAD = {"source_labels": [f"label{number}" for number in range(12)], "regex": "b", "action": "drop"}
DISCOVERY = {"role": "endpoints", "namespaces": {"names": ["shop"]}, "selectors": [{"role": "pod", "label": "a=b"}]}
CASES = {"dense": [DENSE] * 40, "broad": [BROAD] * 20}


def job(number: int, steps: list[Json]) -> Job:
    name = f"serviceMonitor/shop/web{number}/0"
    return Job(
        name, {"job_name": name, "kubernetes_sd_configs": [DISCOVERY], "relabel_configs": steps, "metric_relabel_configs": steps}
    )


@every_release
@pytest.mark.parametrize("case", CASES)
def test_as_many_aliases_as_are_ever_written_are_read(release: str, case: str) -> None:
    """go-yaml takes many of them for an attack: "document contains excessive aliasing"."""
    steps = CASES[case]
    count = assembly.ALIASED // (2 * sum(len(yaml.dump([step], indent=4).splitlines()) for step in steps)) + 50
    made = [block(job(number, steps)) for number in range(count)]
    lines = assembly._short(made)
    assert promtool(release, lines) == ""
    spent = lines.split("  - *")
    assert len(spent) > 2_000
    # The last jobs are written without: all of the budget was used.
    assert spent[-1].count("job_name") > 10


@every_release
def test_a_file_is_read_as_it_would_be_in_full(release: str) -> None:
    made = [block(job(number, [DENSE, BROAD, {"target_label": "mine", "replacement": f"x{number}"}])) for number in range(2_000)]
    found = assemble(instance({}).scope, 0, {}, {}, made)
    assert found.buckets
    for _, lines in found.buckets.values():
        assert "  - *0\n" in lines
        assert promtool(release, lines) == ""
