"""How many decisions a second: plan() over every golden scenario of the operator's own tests."""

from __future__ import annotations

import sys
import time

from e2e.bench.report import Result
from e2e.support.settings import REPO

SECONDS = 3.0


def plans(repeat: int) -> Result:
    """Passes over validate() and plan(), without I/O, on one core."""
    sys.path[:0] = [str(REPO / "operators" / "etcd"), str(REPO / "platform")]
    from davit.testing import golden  # the operator's packages are only needed here
    from davit_etcd.plan import plan
    from davit_etcd.validate import validate
    from davit_etcd_tests import builders

    folder = REPO / "operators" / "etcd" / "davit_etcd_tests" / "golden"
    cases = []
    for scenario in sorted(path for path in folder.iterdir() if path.is_dir()):
        resource = builders.resource(**golden.load(scenario / "cr.yaml"))
        cases.append((resource, builders.snapshot(validate(resource), golden.load(scenario / "observed.yaml"))))
    rates = []
    for _ in range(repeat):
        done, start = 0, time.perf_counter()
        while time.perf_counter() - start < SECONDS:
            for resource, snapshot in cases:
                plan(validate(resource), snapshot, 0.0)
            done += len(cases)
        rates.append(done / (time.perf_counter() - start))
    return Result("validate() and plan() per second", tuple(rates), unit="", remark=f"{len(cases)} scenarios, one core")
