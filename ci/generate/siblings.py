"""Templates that are the same in several operators' charts but for the chart's name: copied, so that each chart is whole."""

from __future__ import annotations

from pathlib import Path

from ci.generate.charts import CHARTS

COMMON = (
    "_helpers.tpl", "_validate.tpl", "deployment.yaml", "extra-objects.yaml", "networkpolicy.yaml",
    "poddisruptionbudget.yaml", "rbac-cluster.yaml", "rbac-crds.yaml", "rbac-lease.yaml", "rbac-namespaces.yaml",
    "rbac-users.yaml", "service.yaml", "serviceaccount.yaml", "servicemonitor.yaml", "tests/readyz.yaml",
)  # fmt: skip
MONITORING = ("_surroundings.tpl", "_cluster-rules.tpl", "rbac-admission.yaml", "rbac-home.yaml", "service-webhook.yaml")
COPIES = (
    ("etcd-operator", ("prometheus-operator", "alertmanager-operator"), COMMON),
    ("prometheus-operator", ("alertmanager-operator",), MONITORING),
)
"""The chart to edit, the charts that follow it, and their templates; what differs is in each chart's own other templates."""
MARK = "{{- /* A copy from charts/%s by `python -m ci.generate`: edit that. */}}\n"


def copies() -> dict[Path, str]:
    """Each copied template."""
    return {
        CHARTS / chart / "templates" / file: MARK % source
        + copy((CHARTS / source / "templates" / file).read_text(), source, chart)
        for source, charts, files in COPIES
        for chart in charts
        for file in files
    }


def copy(text: str, source: str, chart: str) -> str:
    """With the chart's name, and with the product's where a name must begin with a letter."""
    short, own = (name.removesuffix("-operator") for name in (source, chart))
    return text.replace(source, chart).replace(f'"{short}-%s"', f'"{own}-%s"')
