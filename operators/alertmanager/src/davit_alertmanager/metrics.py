"""What the operator counts beside what every operator of Davit does."""

from __future__ import annotations

from davit.metrics import REGISTRY
from prometheus_client import Gauge, Histogram

_OF = ("namespace", "name")

LIVE_SECONDS = Histogram(
    "davit_alertmanager_live_seconds",
    "From the written configuration to the proof that all processes run it.",
    buckets=(0.1, 0.2, 0.3, 0.5, 0.75, 1, 2, 5, 10, 30),
    registry=REGISTRY,
)
SELECTED = Gauge("davit_alertmanager_selected", "AlertmanagerConfigs that an Alertmanager takes.", _OF, registry=REGISTRY)
REJECTED = Gauge("davit_alertmanager_rejected", "AlertmanagerConfigs of which a part is left out.", _OF, registry=REGISTRY)
LIVE = Gauge("davit_alertmanager_config_live", "1 when all processes run what is written.", _OF, registry=REGISTRY)
PEERS = Gauge(
    "davit_alertmanager_cluster_peers",
    "Members of the cluster that the worst informed process sees, itself included.",
    _OF,
    registry=REGISTRY,
)
