"""A PrometheusAgent scrapes and sends on; a Prometheus stores what it is sent."""

from __future__ import annotations

from e2e.support import monitors
from e2e.support import prometheus as prom
from e2e.support.kinds import SERVICE_MONITOR
from e2e.support.kube import Json
from e2e.support.prometheus import Agent, Prometheus
from e2e.support.witness import Witness

NOBODY: Json = {"matchLabels": {"for": "nobody"}}


def test_what_an_agent_scrapes_is_stored_where_it_writes_to(prometheus: Prometheus, witness: Witness) -> None:
    """Samples arrive with the agent's external labels; an edit of the monitor and of the destination is live in the agent."""
    box = prometheus.sandbox
    agent = Agent(box, prometheus.version, "edge")
    witness.tell(witness_level=7)
    job = monitors.service_monitor(box, "m")
    prometheus.create(serviceMonitorSelector=NOBODY, enableRemoteWriteReceiver=True)
    destination = {"url": f"http://prometheus-main.{box.namespace}.svc:9090/api/v1/write"}
    agent.create(remoteWrite=[destination], externalLabels={"site": "e2e"})
    agent.wait_up(job)
    stored = prometheus.until("a sample has arrived", lambda: prom.query(prometheus.process, "witness_level"))
    labels = stored[0]["metric"]
    assert stored[0]["value"][1] == "7"
    assert labels.items() >= {"job": "witness", "site": "e2e", "prometheus": f"{box.namespace}/edge"}.items()
    assert prom.targets(prometheus.process) == []
    found = monitors.wait_status(box, SERVICE_MONITOR, "m", "says who takes it", lambda s: "edge" in monitors.bindings(box, s))
    assert [one["resource"] for one in found["bindings"]] == ["prometheusagents"]

    before = agent.uids()
    monitors.service_monitor(box, "m", {"port": "metrics", "params": {"after": ["edit"]}})
    agent.until_all("the monitor's edit is live", lambda one: prom.jobs(one)[job].get("params") == {"after": ["edit"]})
    agent.edit(remoteWrite=[{**destination, "name": "second"}])
    agent.until_all("the destination's edit is live", lambda one: prom.config(one)["remote_write"][0].get("name") == "second")
    agent.wait_live()
    assert agent.uids() == before
