"""What the operator itself costs: memory, CPU and API calls, from its own metrics and the API server's audit log."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass

from e2e.bench.clusters import Bench
from e2e.bench.report import Result
from e2e.support.errors import Unreachable
from e2e.support.installation import Installation
from e2e.support.kinds import DEPLOYMENT
from e2e.support.quiet import AuditLog
from e2e.support.wait import until

SCRAPE = "import urllib.request as r; print(r.urlopen('http://127.0.0.1:8080/metrics').read().decode())"
SAMPLE = re.compile(r"^(?P<name>[a-z_]+)(?:\{(?P<labels>[^}]*)\})? (?P<value>\S+)$")
WINDOW = 60


@dataclass(frozen=True)
class Footprint:
    """One reading: bytes, seconds of CPU since the start, requests since the start by verb and code."""

    memory: float
    cpu: float
    requests: dict[str, float]

    @property
    def total(self) -> float:
        """All requests to the API server, watches that were opened included."""
        return sum(self.requests.values())


def read(operator: Installation) -> Footprint:
    """Ask the operator's metrics from inside its container."""
    (pod,) = operator.pods()
    done = operator.kube.exec(operator.namespace, pod["metadata"]["name"], "operator", ["python3", "-c", SCRAPE])
    if done.code:
        raise Unreachable(done.err)
    samples = [found for line in done.out.splitlines() if (found := SAMPLE.match(line))]
    values = {found["name"]: float(found["value"]) for found in samples}
    requests = {found["labels"]: float(found["value"]) for found in samples if found["name"] == "davit_kube_requests_total"}
    return Footprint(values["process_resident_memory_bytes"], values["process_cpu_seconds_total"], requests)


def restart(operator: Installation) -> None:
    """A new process: memory that was once needed is not given back."""
    stamp = {"e2e.davit.dev/restarted": str(time.time())}
    template = {"spec": {"template": {"metadata": {"annotations": stamp}}}}
    before = {pod["metadata"]["uid"] for pod in operator.pods()}
    operator.kube.patch(DEPLOYMENT, operator.namespace, operator.name, template)
    until("the old operator is gone", lambda: not before & {pod["metadata"]["uid"] for pod in operator.pods()}, deadline=120)
    operator.wait_ready()


def pass_time(seconds: float) -> None:
    """The window itself; a benchmark has nothing else to wait for."""
    time.sleep(seconds)


def idle(bench: Bench, operator: Installation) -> list[Result]:
    """A fresh operator, with whatever clusters there are; and one settled cluster of three for a minute."""
    with bench.sandbox("settled") as box:
        cluster = bench.cluster(box).create(3)
        cluster.wait_ready()
        restart(operator)
        pass_time(WINDOW)
        log = AuditLog(bench.settings.audit_log) if bench.settings.audit_log else None
        mark, before = log.mark() if log else 0, read(operator)
        pass_time(WINDOW)
        after = read(operator)
        account = operator.deployment()["spec"]["template"]["spec"]["serviceAccountName"]
        writes = log.writes(mark, f"system:serviceaccount:{operator.namespace}:{account}") if log else []
    calls = sorted((k, v - before.requests.get(k, 0)) for k, v in after.requests.items() if v != before.requests.get(k, 0))
    said = ", ".join(f"{labels.replace(chr(34), '')} {count:.0f}" for labels, count in calls)
    return [
        Result("operator memory, one settled cluster", (after.memory / 1e6,), unit="MB"),
        Result(f"- CPU in {WINDOW} s", (after.cpu - before.cpu,)),
        Result(f"- API calls in {WINDOW} s", (after.total - before.total,), unit="", remark=said),
        Result(f"- writes in {WINDOW} s, Lease aside", (float(len(writes)),) if log else (), unit=""),
    ]
