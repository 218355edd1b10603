"""How targets are spread over shards: the last relabeling steps of every job. Pure.

`$(...)` are placeholders for each shard's own values, see `davit_prometheus.model`.
"""

from __future__ import annotations

from davit_prometheus.model import INZONE_SHARD, SHARD, TOPOLOGY_ZONE, Json, Scope

_HASH = "__tmp_hash"
_DISABLE = "__tmp_disable_sharding"
_ZONE = "__tmp_topology"
_CURRENT = "__tmp_current_shard"
_SLICE_ZONE = "__meta_kubernetes_endpointslice_endpoint_zone"
_LABELLED = "topology_kubernetes_io_zone"


def steps(scope: Scope, label: str = "__address__") -> list[Json]:
    """Keep the targets of this shard: those whose `label` hashes to it, in its zone if shards are by zone."""
    zoned = scope.sharded_by_zone
    shard, modulus = (INZONE_SHARD, scope.shards_per_zone) if zoned else (SHARD, scope.shards)
    return [
        *(_active(scope) if scope.retention_policy else ()),
        *(_zone(scope) if zoned else ()),
        _replace([label, _HASH], _HASH, "(.+);"),
        {"source_labels": [_HASH], "target_label": _HASH, "modulus": modulus, "action": "hashmod"},
        {"source_labels": [_HASH, _DISABLE], "regex": f"{shard};|.+;.+", "action": "keep"},
    ]


def _active(scope: Scope) -> list[Json]:
    """Shards that live on only for their data scrape nothing."""
    numbers = "|".join(str(number) for number in range(scope.shards))
    return [
        {"target_label": _CURRENT, "replacement": SHARD, "action": "replace"},
        {"source_labels": [_CURRENT], "regex": numbers, "action": "keep"},
    ]


def _zone(scope: Scope) -> list[Json]:
    """The target's zone from its EndpointSlice, else from its pod or node; only this shard's zone is kept."""
    owner = "pod" if scope.pod_topology_labels else "node"
    labels = [f"__meta_kubernetes_{owner}_{part}_{_LABELLED}" for part in ("label", "labelpresent")]
    return [
        _replace([_SLICE_ZONE, _ZONE], _ZONE, "(.+);"),
        _replace([*labels, _ZONE], _ZONE, "(.+);true;"),
        {"source_labels": [_ZONE, _DISABLE], "regex": f"{TOPOLOGY_ZONE};|.+;.+", "action": "keep"},
    ]


def _replace(labels: list[str], target: str, regex: str) -> Json:
    return {"source_labels": labels, "target_label": target, "regex": regex, "replacement": "$1", "action": "replace"}
