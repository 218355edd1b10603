"""What the operator counts beside what every operator of Davit does."""

from __future__ import annotations

from davit.metrics import REGISTRY
from prometheus_client import Gauge, Histogram

LIVE_SECONDS = Histogram(
    "davit_prometheus_live_seconds",
    "From the written configuration to the proof that all processes run it.",
    buckets=(0.1, 0.2, 0.3, 0.5, 0.75, 1, 2, 5, 10, 30),
    registry=REGISTRY,
)
SELECTED = Gauge(
    "davit_prometheus_selected", "Objects that a Prometheus takes.", ("namespace", "name", "kind"), registry=REGISTRY
)
REJECTED = Gauge("davit_prometheus_rejected", "Objects of which a part is left out.", ("namespace", "name"), registry=REGISTRY)
LIVE = Gauge(
    "davit_prometheus_config_live", "1 when all processes run what is written.", ("namespace", "name"), registry=REGISTRY
)
