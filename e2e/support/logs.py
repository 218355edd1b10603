"""The operator's log, followed while the tests run, because a killed pod takes its log with it."""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from e2e.support.errors import ApiError, Unreachable
from e2e.support.kinds import POD
from e2e.support.kube import Kube, dig

BAD_LEVELS = ("error", "critical", "fatal", "panic")


@dataclass(frozen=True)
class Line:
    """One line of a pod's log; `stamp` is the kubelet's time, which also tells repeated reads apart."""

    pod: str
    stamp: str
    text: str

    @property
    def data(self) -> dict[str, Any]:
        """The line's JSON object, empty for plain text."""
        try:
            found = json.loads(self.text)
        except ValueError:
            return {}
        return found if isinstance(found, dict) else {}

    @property
    def bad(self) -> bool:
        """Whether a line means that something went wrong that the operator did not foresee."""
        level = str(self.data.get("level") or self.data.get("levelname") or self.data.get("severity") or "")
        return level.lower() in BAD_LEVELS or "Traceback (most recent call last)" in self.text

    @property
    def namespace(self) -> str:
        """The namespace of the resource that the line is about, empty when it is about none."""
        key = str(self.data.get("key") or "")
        return key.split("/")[0] if "/" in key else ""


def unexpected(lines: Iterable[Line], namespace: str, expected: Sequence[str] = ()) -> list[Line]:
    """The bad lines that a test answers for: those about its namespace or about none, save what it declared.

    Lines about other namespaces belong to the tests that run beside it.
    """
    patterns = [re.compile(pattern) for pattern in expected]
    mine = (line for line in lines if line.bad and line.namespace in ("", namespace))
    return [line for line in mine if not any(pattern.search(line.text) for pattern in patterns)]


@dataclass
class Follower:
    """Collects the log of every pod of the operator, from whichever replica and restart."""

    kube: Kube
    namespace: str
    labels: dict[str, str]
    lines: list[Line] = field(default_factory=list)
    _seen: set[Line] = field(default_factory=set)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _following: set[str] = field(default_factory=set)
    _stop: threading.Event = field(default_factory=threading.Event)

    def start(self) -> None:
        """Look for pods until `stop`; threads are daemons, since a log stream can't be interrupted."""
        threading.Thread(target=self._discover, name="operator-logs", daemon=True).start()

    def stop(self) -> None:
        """No new pods are looked for."""
        self._stop.set()

    def mark(self) -> int:
        """Where the log stands now, to be given to `since`."""
        self.drain()
        return len(self.lines)

    def since(self, mark: int) -> list[Line]:
        """Every line since a mark, those included that the stream has not brought yet."""
        self.drain()
        return self.lines[mark:]

    def drain(self) -> None:
        """Read what each living pod has written up to now."""
        for pod, container, restarts in self._running():
            self._read(pod, container=container, previous=None)
            if restarts:
                self._read(pod, container=container, previous="true")

    def _read(self, pod: str, **query: object) -> None:
        try:
            text = self.kube.logs(self.namespace, pod, timestamps="true", **query)  # type: ignore[arg-type]
        except (ApiError, Unreachable):
            return
        for line in text.splitlines():
            self._keep(pod, line)

    def _keep(self, pod: str, raw: str) -> None:
        stamp, _, text = raw.partition(" ")
        line = Line(pod, stamp, text)
        with self._lock:
            if line not in self._seen:
                self._seen.add(line)
                self.lines.append(line)

    def _running(self) -> list[tuple[str, str, int]]:
        try:
            pods = self.kube.all(POD, self.namespace, self.labels)
        except (ApiError, Unreachable):
            return []
        return [
            (pod["metadata"]["name"], status["name"], status["restartCount"])
            for pod in pods
            for status in dig(pod, "status", "containerStatuses") or []
            if status.get("started") or status["restartCount"] or "terminated" in status.get("state", {})
        ]

    def _discover(self) -> None:
        while not self._stop.is_set():
            for pod, container, restarts in self._running():
                incarnation = f"{pod}/{container}/{restarts}"
                if incarnation not in self._following:
                    self._following.add(incarnation)
                    threading.Thread(target=self._follow, args=(pod, container, incarnation), daemon=True).start()
            self._stop.wait(1.0)

    def _follow(self, pod: str, container: str, incarnation: str) -> None:
        try:
            for line in self.kube.follow(self.namespace, pod, container=container, timestamps="true"):
                self._keep(pod, line)
        except (ApiError, Unreachable):
            time.sleep(1)
        finally:
            self._stop.wait(1.0)
            self._following.discard(incarnation)
