"""All custom resources of the operator."""

from __future__ import annotations

from davit_prometheus.api.monitors import POD_MONITOR_CRD, PROBE_CRD, SERVICE_MONITOR_CRD
from davit_prometheus.api.prometheus import AGENT_CRD, CRD
from davit_prometheus.api.rules import CRD as RULE_CRD
from davit_prometheus.api.scrapeconfig import SCRAPE_CONFIG_CRD

CRDS = (CRD, AGENT_CRD, SERVICE_MONITOR_CRD, POD_MONITOR_CRD, PROBE_CRD, RULE_CRD, SCRAPE_CONFIG_CRD)
