"""How Prometheus compacts when a Thanos sidecar uploads its blocks. Pure.

Source: thanos.io/tip/components/sidecar.md, "Prometheus"; prometheus-operator#8266 for delayed compaction.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from davit.monitoring.pods import Argument
from davit.monitoring.versions import Gate, Version

from davit_prometheus.manifests import STORAGE_DIR
from davit_prometheus.model import Json

SHIPPER_FILE = "thanos.shipper.json"
"""What the sidecar writes and Prometheus waits for."""


@dataclass(frozen=True, slots=True)
class Compaction:
    """usual: Prometheus' own; off: blocks stay as long as they begin; delayed: until they are uploaded."""

    mode: Literal["usual", "off", "delayed"]
    block_size: str = "2h"
    out_of_order: bool = False

    def arguments(self, gate: Gate) -> Iterator[Argument]:
        """The flags of Prometheus."""
        if self.mode == "off":
            yield "storage.tsdb.max-block-duration", self.block_size
            yield "storage.tsdb.min-block-duration", self.block_size
        if self.mode == "delayed":
            yield "storage.tsdb.delay-compact-file.path", f"{STORAGE_DIR}/{SHIPPER_FILE}"
        if self.mode != "usual" and self.out_of_order and gate.at_least("2.55.0"):
            # Neither mode keeps overlapping blocks from being merged before they are uploaded (prometheus-operator#6829).
            yield "no-storage.tsdb.allow-overlapping-compaction", ""

    @property
    def sidecar_arguments(self) -> tuple[Argument, ...]:
        """The flags of the sidecar."""
        if self.mode != "delayed":
            return ()
        return ("shipper.meta-file-name", SHIPPER_FILE), ("shipper.ignore-unequal-block-size", "")


def uploads(thanos: Json | None) -> bool:
    """Whether a sidecar sends blocks to an object store."""
    return bool(thanos) and any(name in (thanos or {}) for name in ("objectStorageConfig", "objectStorageConfigFile"))


def compaction(spec: Json, prometheus: Version, thanos: Version | None) -> Compaction:
    """For a spec and the versions of both; `thanos` None without a sidecar."""
    given = spec.get("thanos") or {}
    rest = given.get("blockSize") or "2h", "outOfOrderTimeWindow" in (spec.get("tsdb") or {})
    if spec.get("disableCompaction"):
        return Compaction("off", *rest)
    if thanos is None or not uploads(given):
        return Compaction("usual", *rest)
    both = prometheus >= Version(3, 9) and thanos >= Version(0, 41)
    return Compaction("delayed" if both else "off", *rest)
