"""The frozen commands of a plan. No I/O."""

from __future__ import annotations

from dataclasses import dataclass

from davit.monitoring.processes import Pod

from davit_alertmanager.edition import Edition


@dataclass(frozen=True, slots=True)
class MakeLive:
    """Bring the written configuration into processes: have the kubelet refresh the files, reload, and prove it."""

    pods: tuple[Pod, ...]
    edition: Edition
    destructive: bool = False
    reason: str = ""

    @property
    def message(self) -> str:
        """What is done and why."""
        return f"{', '.join(pod.name for pod in self.pods)}: loading configuration {self.edition.digest}"
