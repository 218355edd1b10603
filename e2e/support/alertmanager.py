"""One Alertmanager under test: what a user sees of it through the API, and what its processes say."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import yaml

from e2e.support.instance import SMALL, Instance
from e2e.support.kinds import ALERTMANAGER, ALERTMANAGER_CONFIG
from e2e.support.kube import Json
from e2e.support.process import Process


@dataclass(frozen=True)
class Alertmanager(Instance):
    """It takes every AlertmanagerConfig in its own namespace."""

    KIND = ALERTMANAGER
    PORT = 9093

    def defaults(self) -> Json:
        """See `Instance`."""
        return {"replicas": 1, "version": self.version, "alertmanagerConfigSelector": {}, "resources": SMALL}

    def create(self, *, live: bool = True, **spec: Any) -> Alertmanager:
        """Apply it and wait until its configuration is live."""
        self.apply(**spec)
        if live:
            self.wait_live()
        return self

    def wait_cluster(self, size: int, seconds: float = 60) -> None:
        """Until every process sees so many members, itself included."""

        def seen() -> list[int]:
            return [len(status(process)["cluster"].get("peers") or []) for process in self.processes()]

        self.until(f"{size} processes see {size} members", seen, lambda found: found == [size] * size, seconds)


def status(process: Process) -> Json:
    """What a process says of itself."""
    found: Json = process.json("/api/v2/status")
    return found


def config(process: Process) -> Json:
    """The configuration that a process has loaded, secrets hidden."""
    found: Json = yaml.safe_load(loaded(process))
    return found


def loaded(process: Process) -> str:
    """The same as text."""
    return str(status(process)["config"]["original"])


def receivers(process: Process) -> set[str]:
    """The names of the receivers that a process knows."""
    return {receiver["name"] for receiver in config(process)["receivers"]}


def post(process: Process, *alerts: Json) -> None:
    """Send it alerts as a Prometheus would: each {"labels", "annotations"}."""
    process.send("POST", "/api/v2/alerts", list(alerts))


def silence(process: Process, minutes: float = 10, **labels: str) -> str:
    """Silence alerts with these labels; the silence's ID."""
    now = datetime.now(UTC)
    matchers = [{"name": name, "value": value, "isRegex": False, "isEqual": True} for name, value in labels.items()]
    times = {"startsAt": now.isoformat(), "endsAt": (now + timedelta(minutes=minutes)).isoformat()}
    answer = process.send("POST", "/api/v2/silences", {"matchers": matchers, "createdBy": "e2e", "comment": "e2e", **times})
    return str(json.loads(answer)["silenceID"])


def silences(process: Process) -> set[str]:
    """The IDs of all active silences that a process knows."""
    return {one["id"] for one in process.json("/api/v2/silences") if one["status"]["state"] == "active"}


def webhook_config(namespace: str, name: str, url: str, **route: Any) -> tuple[Any, Json]:
    """An AlertmanagerConfig that sends everything of its namespace to a URL at once; kind and manifest for `Kube.apply`."""
    fast = {"groupWait": "1s", "groupInterval": "1s", "repeatInterval": "1h"}
    spec = {
        "route": {"receiver": "hook", "groupBy": ["alertname"], **fast, **route},
        "receivers": [{"name": "hook", "webhookConfigs": [{"url": url, "sendResolved": True}]}],
    }
    return ALERTMANAGER_CONFIG, {"metadata": {"name": name, "namespace": namespace}, "spec": spec}
