"""One Prometheus under test: what a user sees of it through the API, and what its processes say."""

from __future__ import annotations

import base64
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import yaml

from e2e.support.instance import SMALL, Instance
from e2e.support.kinds import MONITORING, PROMETHEUS, SECRET, SERVICE_ACCOUNT, Kind
from e2e.support.kube import Json, dig
from e2e.support.process import Process
from e2e.support.rights import CLUSTER_ROLE, ROLE_BINDING

PROMETHEUS_AGENT = Kind(MONITORING, "v1alpha1", "PrometheusAgent", "prometheusagents")
ACCOUNT = "prometheus"
ROLE = {"app.kubernetes.io/name": "prometheus-operator", "app.kubernetes.io/component": "prometheus"}
EVERYTHING: Json = {
    f"{kind}Selector": {} for kind in ("serviceMonitor", "podMonitor", "probe", "scrapeConfig", "rule")
}  # fmt: skip


@dataclass(frozen=True)
class Prometheus(Instance):
    """It takes everything in its own namespace, and scrapes and evaluates each second."""

    KIND = PROMETHEUS
    PORT = 9090

    def defaults(self) -> Json:
        """See `Instance`."""
        return {
            "replicas": 1,
            "version": self.version,
            "serviceAccountName": ACCOUNT,
            "scrapeInterval": "1s",
            "evaluationInterval": "1s",
            "resources": SMALL,
            **EVERYTHING,
        }

    def create(self, *, live: bool = True, labels: Json | None = None, **spec: Any) -> Prometheus:
        """Apply it with a ServiceAccount that may discover, and wait until its configuration is live."""
        self.allow(self.home)
        self.apply(labels=labels, **spec)
        if live:
            self.wait_live()
        return self

    def allow(self, namespace: str) -> None:
        """Let its ServiceAccount discover in a namespace, by the role that the chart brings."""
        kube = self.sandbox.kube
        kube.apply(SERVICE_ACCOUNT, {"metadata": {"name": ACCOUNT, "namespace": self.home}})
        found = kube.all(CLUSTER_ROLE, labels=ROLE)
        names = [role["metadata"]["name"] for role in found]
        assert names, "the chart's ClusterRole for Prometheuses is not there: install it with prometheusRole.create=true"
        role = {"apiGroup": CLUSTER_ROLE.group, "kind": CLUSTER_ROLE.kind, "name": names[0]}
        subject = {"kind": "ServiceAccount", "name": ACCOUNT, "namespace": self.home}
        metadata = {"name": f"{ACCOUNT}-of-{self.home}"[:63].rstrip("-"), "namespace": namespace}
        kube.apply(ROLE_BINDING, {"metadata": metadata, "roleRef": role, "subjects": [subject]})

    def until_all(self, what: str, holds: Callable[[Process], Any], *, seconds: float = 30, count: int = 1) -> None:
        """Until it holds of every process, of which there must be so many."""

        def look() -> list[Any]:
            return [holds(process) for process in self.processes()]

        self.until(what, look, lambda found: len(found) >= count and all(found), seconds)

    def wait_job(self, name: str, *, there: bool = True, seconds: float = 30) -> Json:
        """Until all processes have loaded a job (or none has any more); what the first has of it."""
        what = f"all processes have job {name}" if there else f"no process has job {name}"
        self.until_all(what, lambda process: (name in jobs(process)) == there, seconds=seconds)
        return jobs(self.process).get(name, {})

    def wait_up(self, pool: str, count: int = 1, seconds: float = 60) -> list[Json]:
        """Until so many targets of a pool are up; these."""

        def up() -> list[Json]:
            return [target for target in targets(self.process, pool) if target["health"] == "up"]

        found: list[Json] = self.until(f"{count} targets of {pool} are up", up, lambda found: len(found) >= count, seconds)
        return found


@dataclass(frozen=True)
class Agent(Prometheus):
    """A PrometheusAgent, which scrapes, sends on, and stores nothing."""

    KIND = PROMETHEUS_AGENT

    @property
    def prefix(self) -> str:
        """See `Instance`."""
        return f"prom-agent-{self.name}"

    @property
    def selector(self) -> dict[str, str]:
        """See `Instance`."""
        return {**super().selector, "app.kubernetes.io/name": "prometheus-agent"}

    def defaults(self) -> Json:
        """See `Instance`."""
        return {key: value for key, value in super().defaults().items() if key not in ("evaluationInterval", "ruleSelector")}


def config(process: Process) -> Json:
    """The configuration that a process has loaded, secrets hidden."""
    found: Json = yaml.safe_load(loaded(process))
    return found


def loaded(process: Process) -> str:
    """The same as text."""
    return str(process.json("/api/v1/status/config")["data"]["yaml"])


def jobs(process: Process) -> dict[str, Json]:
    """The scrape configurations in the main file, by job name."""
    return {job["job_name"]: job for job in config(process).get("scrape_configs") or []}


def pools(process: Process) -> set[str]:
    """The names of all scrape pools, those of scrape_config_files included."""
    return set(process.json("/api/v1/scrape_pools")["data"]["scrapePools"])


def targets(process: Process, pool: str | None = None) -> list[Json]:
    """Active targets."""
    found: list[Json] = process.json("/api/v1/targets", state="active", scrapePool=pool)["data"]["activeTargets"]
    return found


def groups(process: Process) -> dict[str, list[Json]]:
    """The rules of each group that is not the operator's own."""
    found = process.json("/api/v1/rules")["data"]["groups"]
    return {group["name"]: group["rules"] for group in found if not group["name"].startswith("davit")}


def expressions(process: Process) -> set[str]:
    """The expressions of all rules that a process evaluates."""
    return {rule["query"] for rules in groups(process).values() for rule in rules}


def query(process: Process, expression: str) -> list[Json]:
    """The result of an instant query."""
    found: list[Json] = process.json("/api/v1/query", query=expression)["data"]["result"]
    return found


def values(process: Process, selector: str, begin: float, end: float, step: float = 1.0) -> list[tuple[float, float]]:
    """Time and value of the first series of a range query."""
    asked = {"query": selector, "start": begin, "end": end, "step": step}
    found = process.json("/api/v1/query_range", **asked)["data"]["result"]
    return [(float(at), float(value)) for at, value in found[0]["values"]] if found else []


@dataclass
class Reader:
    """Tells cheaply whether a process runs a text: the configuration is only fetched when it was loaded anew."""

    process: Process
    marker: str
    _seen: str = ""
    _fetched: float = 0.0

    def __call__(self) -> bool:
        """Whether the text is in the loaded configuration, or in a file that it loads further jobs from."""
        info = self.process.json("/api/v1/status/runtimeinfo")["data"]
        stamp = f"{info['startTime']} {info['lastConfigTime']}"
        # The stamp has no fractions: a second load within the same second does not show in it.
        if stamp == self._seen and time.time() - self._fetched > 2.0:
            return False
        if stamp != self._seen:
            self._seen, self._fetched = stamp, time.time()
        text = loaded(self.process)
        return self.marker in text or self.marker in further(self.process, text)


def further(process: Process, text: str) -> str:
    """The jobs in the scrape_config_files that a configuration names, from the Secrets that hold them by that name."""
    names = set(re.findall(r"^- \S*/(jobs-\S+\.yaml)$", text, re.MULTILINE))
    if not names:
        return ""
    found = [dig(secret, "data") or {} for secret in process.kube.all(SECRET, process.namespace)]
    return "".join(base64.b64decode(data[name]).decode() for data in found for name in names & data.keys())
