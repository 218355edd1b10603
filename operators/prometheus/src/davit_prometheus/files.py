"""Whether a process found the files beside prometheus.yaml.

A pattern that matches no file is no error of Prometheus, and the kubelet, which watches each Secret by itself, may bring
prometheus.yaml before the files that it names. The loaded configuration shows prometheus.yaml only, so of each file one job
is looked for. The pool of a job that was scraped goes at the reload that does not find it; but a new job gets one only once
its targets were discovered. Metrics name a new job at once, and may go on to name one that is gone: from 2.46 to 3.3 at
least, nothing deletes it (DeleteLabelValues with a label too many in discovery/manager.go).
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass

from davit_prometheus.assembly import Configuration
from davit_prometheus.client import PrometheusClient, PrometheusError

DISCOVERY, LOOK = 6.0, 0.5
"""Seconds within which discovery tells of its targets (5 at most, as of discovery/manager.go), and between two looks."""


@dataclass(slots=True)
class Files:
    """Asks one process, which must be reloaded between `before` and `found`; `clock` is monotonic, in seconds."""

    prometheus: PrometheusClient
    url: str
    wanted: Configuration
    clock: Callable[[], float] = time.monotonic
    _scraped: bool = False
    """Whether a job of each file was scraped before."""
    _known: set[str] | None = None
    """Names that metrics had before, None while that is not known."""
    _waited: bool = False

    async def before(self) -> None:
        """Remember what the process has; one that does not answer has nothing that counts."""
        if not self.wanted.buckets:
            return
        try:
            self._scraped = not self.wanted.lacks(await self.prometheus.jobs(self.url))
            if not self._scraped:
                self._known = await self.prometheus.loaded_jobs(self.url)
        except PrometheusError:
            self._known = None

    async def found(self) -> bool:
        """Whether all files were read by the last reload; may wait for discovery, in which a reload would interfere.

        Raises `PrometheusError` when the process does not answer.
        """
        if not self.wanted.lacks(jobs := await self.prometheus.jobs(self.url)):
            return True
        if self._scraped:
            return False
        if self._known is not None and not self.wanted.lacks(jobs | (await self.prometheus.loaded_jobs(self.url) - self._known)):
            return True
        if self._waited:
            # The kubelet has had its time since, and another reload: what has no pool has no targets to discover.
            return not self.wanted.lacks(jobs | await self.prometheus.loaded_jobs(self.url))
        self._waited = True
        return await self._discovered()

    async def _discovered(self) -> bool:
        end = self.clock() + DISCOVERY
        while self.wanted.lacks(await self.prometheus.jobs(self.url)):
            if self.clock() >= end:
                return False
            await asyncio.sleep(LOOK)
        return True
