"""The frozen commands of a plan. No I/O."""

from __future__ import annotations

from dataclasses import dataclass

from davit_prometheus.assembly import Configuration, RuleMap
from davit_prometheus.snapshot import Pod


@dataclass(frozen=True, slots=True)
class MakeLive:
    """Bring the written configuration into processes: have the kubelet refresh the files, reload, and prove it."""

    pods: tuple[Pod, ...]
    configurations: tuple[Configuration, ...]
    rules: tuple[RuleMap, ...]
    destructive: bool = False
    reason: str = ""

    @property
    def message(self) -> str:
        """What is done and why."""
        return f"{', '.join(pod.name for pod in self.pods)}: loading configuration {self.configurations[0].digest}"
