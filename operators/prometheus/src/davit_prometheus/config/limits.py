"""How much a job may bring in, and in which formats: the user's limits under the enforced ones. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from davit.monitoring.http import Unusable
from davit.monitoring.types import NativeHistogramConfig
from davit.monitoring.units import parse_byte_size
from davit.monitoring.versions import Gate

from davit_prometheus.config.section import fraction
from davit_prometheus.model import Json, Scope

_LIMITS = (
    ("sample_limit", "sampleLimit", ""),
    ("target_limit", "targetLimit", "2.21.0"),
    ("label_limit", "labelLimit", "2.27.0"),
    ("label_name_length_limit", "labelNameLengthLimit", "2.27.0"),
    ("label_value_length_limit", "labelValueLengthLimit", "2.27.0"),
    ("keep_dropped_targets", "keepDroppedTargets", "2.47.0"),
)
"""Key in prometheus.yaml and name of the attribute; field; version that it came with."""
_TEXT_1 = "PrometheusText1.0.0"


def limits(scope: Scope, gate: Gate, spec: Any, path: str = "spec") -> Json:
    """`sample_limit` to `keep_dropped_targets`; `spec` has the fields of a monitor."""
    rendered: Json = {}
    for key, field, since in _LIMITS:
        limit = _lower(gate, getattr(spec, key), getattr(scope.spec, f"enforced_{key}"))
        if limit is not None and (not since or gate.since(since, f"{path}.{field}")):
            rendered[key] = limit
    return rendered


def _lower(gate: Gate, user: int | None, bound: int | None) -> int | None:
    if not bound:
        return user
    if not user:
        # From 2.45 on the global section holds the bound for every job that sets none.
        return None if gate.at_least("2.45.0") else bound
    return min(user, bound)


def body_size(scope: Scope, gate: Gate, user: str | None, path: str = "spec.bodySizeLimit") -> Json:
    """`body_size_limit`, the lower of the user's and the enforced one."""
    bound = scope.spec.enforced_body_size_limit
    lower = user or bound
    if user and bound and parse_byte_size(user) > parse_byte_size(bound):
        lower = bound
    return {"body_size_limit": lower} if lower and gate.since("2.28.0", path) else {}


def histograms(gate: Gate, spec: NativeHistogramConfig, path: str = "spec") -> Json:
    """How native and classic histograms are scraped."""
    rendered: Json = {}
    if spec.scrape_native_histograms is not None and gate.since("3.8.0", f"{path}.scrapeNativeHistograms"):
        rendered["scrape_native_histograms"] = spec.scrape_native_histograms
    if spec.native_histogram_bucket_limit is not None and gate.since("2.45.0", f"{path}.nativeHistogramBucketLimit"):
        rendered["native_histogram_bucket_limit"] = spec.native_histogram_bucket_limit
    factor = spec.native_histogram_min_bucket_factor
    if factor is not None and gate.since("2.50.0", f"{path}.nativeHistogramMinBucketFactor"):
        rendered["native_histogram_min_bucket_factor"] = fraction(factor)
    if spec.scrape_classic_histograms is not None:
        rendered |= _classic(gate, spec.scrape_classic_histograms, f"{path}.scrapeClassicHistograms")
    if spec.convert_classic_histograms_to_nhcb is not None and gate.since("3.0.0", f"{path}.convertClassicHistogramsToNHCB"):
        rendered["convert_classic_histograms_to_nhcb"] = spec.convert_classic_histograms_to_nhcb
    return rendered


def _classic(gate: Gate, wanted: bool, path: str) -> Json:
    if gate.version.major == 3:
        return {"always_scrape_classic_histograms": wanted}
    return {"scrape_classic_histograms": wanted} if gate.since("2.45.0", path) else {}


def protocols(gate: Gate, wanted: Sequence[str] | None, path: str = "spec.scrapeProtocols") -> Json:
    """`scrape_protocols`, without those that the version does not speak."""
    if not wanted:
        return {}
    if len(set(wanted)) < len(wanted):
        raise Unusable(path, "names a protocol twice: remove one of the two")
    known = [name for name in wanted if name != _TEXT_1 or gate.since("3.0.0-rc.0", f"{path} {_TEXT_1}")]
    return {"scrape_protocols": known} if known and gate.since("2.49.0", path) else {}


def fallback_protocol(gate: Gate, wanted: str | None, path: str = "spec.fallbackScrapeProtocol") -> Json:
    """`fallback_scrape_protocol`."""
    return {"fallback_scrape_protocol": wanted} if wanted is not None and gate.since("3.0.0", path) else {}
