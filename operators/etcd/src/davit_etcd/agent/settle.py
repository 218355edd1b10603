"""`settle`: what etcd's own tool has unpacked becomes the member's data, in one step."""

from __future__ import annotations

from davit.backup.report import Report

from davit_etcd.agent.config import Settle
from davit_etcd.agent.place import Place
from davit_etcd.agent.progress import step


def run(config: Settle) -> Report:
    """The report; raises `AgentError`. Facts: those of fetch, and `bump`: by how much the revision was raised after it."""
    place = Place(config.volume, config.scratch)
    fetched = place.remembered()["facts"]
    place.settle()
    step("the volume is ready", revision=fetched["revision"], bump=config.bump)
    message = f"The volume holds the data of revision {fetched['revision']}."
    return Report(True, "Restored", message, {**fetched, "bump": config.bump})
