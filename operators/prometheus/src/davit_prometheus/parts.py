"""From selected objects to rendered parts, and from parts and complaints to what is said of each. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from davit.model import Kind, Manifest
from davit.monitoring.assets import Assets, Ref
from davit.monitoring.bindings import ObjectId, Report
from davit.monitoring.emit import INDENT, text
from davit.monitoring.faults import Fault
from davit.monitoring.unknown import unknown_fields
from pydantic import BaseModel

from davit_prometheus.api.monitors import POD_MONITOR, PROBE, SERVICE_MONITOR, PodMonitorSpec, ProbeSpec, ServiceMonitorSpec
from davit_prometheus.api.rules import PROMETHEUS_RULE, PrometheusRuleSpec
from davit_prometheus.api.scrapeconfig import SCRAPE_CONFIG, ScrapeConfigSpec
from davit_prometheus.assembly import JOB_LIMIT, LIVE, RULES_LIMIT, Block, block, digest_of
from davit_prometheus.config import jobs, rules
from davit_prometheus.inventory import Part
from davit_prometheus.judge import Proved
from davit_prometheus.model import Instance, Json, Pool

ENDPOINTS = {"ServiceMonitor": "spec.endpoints[{}]", "PodMonitor": "spec.podMetricsEndpoints[{}]"}
"""Where the job with a number at the end of its name comes from; other kinds have one job, of their spec."""
TOO_LARGE = "is too large for one object of Kubernetes: split it up"
MODELS: dict[Kind, type[BaseModel]] = {
    SERVICE_MONITOR: ServiceMonitorSpec,
    POD_MONITOR: PodMonitorSpec,
    PROBE: ProbeSpec,
    SCRAPE_CONFIG: ScrapeConfigSpec,
    PROMETHEUS_RULE: PrometheusRuleSpec,
}


def part_references(instance: Instance, kind: Kind, manifest: Manifest) -> frozenset[Ref]:
    """What the object refers to, as far as rendering needs it."""
    return frozenset() if kind == PROMETHEUS_RULE else jobs.references(instance.scope, manifest)


def part(
    instance: Instance, kind: Kind, manifest: Manifest, assets: Assets, *, stamp: tuple[Any, ...], refs: frozenset[Ref]
) -> Part:
    """The object as jobs or rule groups."""
    unknown = unknown_fields(MODELS[kind], manifest.get("spec") or {})
    if kind == PROMETHEUS_RULE:
        found = rules.render(instance.scope, manifest)
        return _fitting(Part(stamp, refs, found.rendered, file=found.file, unknown=unknown), found.groups)
    rendered = jobs.render(instance.scope, manifest, assets)
    blocks = [block(job) for job in rendered.jobs]
    huge = tuple(Fault(_endpoint(kind, one.name), TOO_LARGE) for one in blocks if one.size > JOB_LIMIT)
    rendered = replace(rendered, faults=(*rendered.faults, *huge))
    return Part(stamp, refs, rendered, tuple(one for one in blocks if one.size <= JOB_LIMIT), unknown=unknown)


def _fitting(part: Part, given: Iterable[tuple[str, Json]]) -> Part:
    """With as many groups as one file has room for: a file can't be larger than the object that holds it."""
    groups, faults, room = [], [], RULES_LIMIT - 1000
    for path, group in given:
        lines = text(group)
        size = len(lines.encode()) + lines.count("\n") * len(INDENT) * 2
        if size > room:
            faults.append(Fault(path, TOO_LARGE))
        else:
            groups.append((path, group, digest_of(lines)))
            room -= size
    rendered = replace(part.rendered, faults=(*part.rendered.faults, *faults))
    return replace(part, rendered=rendered, groups=tuple(groups), lines=_file(group for _, group, _ in groups))


def rule_file(part: Part, complaints: Mapping[str, str]) -> str:
    """The file of a PrometheusRule with its good groups, empty when it has none."""
    if not complaints or all(digest not in complaints for _, _, digest in part.groups):
        return part.lines
    return _file(group for _, group, digest in part.groups if digest not in complaints)


def _file(groups: Iterable[Json]) -> str:
    good = list(groups)
    return text({"groups": good}) if good else ""


def in_order(parts: Mapping[ObjectId, Part], extra: Sequence[Block], *, agent: bool) -> list[Block]:
    """The jobs in upstream's order: additional ones last, but of an agent after those of PodMonitors, which then come first."""
    ahead = [block for (kind, _), part in parts.items() if agent and kind == POD_MONITOR for block in part.blocks]
    others = [block for (kind, _), part in parts.items() if not agent or kind != POD_MONITOR for block in part.blocks]
    return [*ahead, *extra, *others] if agent else [*others, *extra]


def report(one: ObjectId, part: Part, proved: Proved) -> Report:
    """What became of an object."""
    good = [block.name for block in part.blocks if block.digest not in proved.complaints]
    good += [str(group["name"]) for _, group, digest in part.groups if digest not in proved.complaints]
    ignored = (*part.rendered.ignored, *unheard(part.unknown))
    return Report(part.stamp[1] or 0, tuple(good), faults(one, part, proved), ignored)


def unheard(fields: Iterable[str]) -> tuple[str, ...]:
    """Sentences about fields that nothing reads."""
    return tuple(f"{field} is not known: it is kept but has no effect, check its name and place" for field in fields)


def faults(one: ObjectId, part: Part, proved: Proved) -> tuple[Fault, ...]:
    """What was left out of an object, by us or on promtool's word."""
    if not proved.complaints:
        return part.rendered.faults
    refused = [
        Fault(_endpoint(one[0], block.name), proved.complaints[block.digest])
        for block in part.blocks
        if block.digest in proved.complaints
    ]
    refused += [Fault(path, proved.complaints[digest]) for path, _, digest in part.groups if digest in proved.complaints]
    return (*part.rendered.faults, *refused)


def quarantined(parts: Mapping[ObjectId, Part], proved: Proved) -> dict[str, tuple[Fault, ...]]:
    """The objects of which something was left out, as `Kind namespace/name`."""
    found = ((one, faults(one, part, proved)) for one, part in parts.items())
    return {f"{kind.kind} {key}": some for (kind, key), some in found if some}


def counts(parts: Iterable[ObjectId]) -> dict[str, int]:
    """How many objects of each kind are selected."""
    return dict(Counter(kind.kind for kind, _ in parts))


def homes(prefix: str, children: Sequence[Manifest]) -> list[list[str]]:
    """The rule files that each ConfigMap holds now."""
    start = f"{prefix}-rulefiles-"
    found = {
        int(number): [name for name in child.get("data") or {} if name != f"{LIVE}.yaml"]
        for child in children
        if child["kind"] == "ConfigMap"
        and child["metadata"]["name"].startswith(start)
        and (number := child["metadata"]["name"].removeprefix(start)).isdigit()
    }
    return [found.get(number, []) for number in range(max(found, default=-1) + 1)]


def with_rule_files(top: Json, patterns: Sequence[str]) -> Json:
    """The top level that also reads these; in upstream's place, before what follows it."""
    return {**top, "rule_files": [*(top.get("rule_files") or ()), *patterns]} if patterns else top


def total(pools: Iterable[Pool]) -> Pool:
    """The targets of one pool over all shards."""
    some = list(pools)
    errors = sorted({error for pool in some for error in pool.errors})
    return Pool(sum(pool.active for pool in some), sum(pool.up for pool in some), tuple(errors[:3]))


def _endpoint(kind: Kind, job: str) -> str:
    return ENDPOINTS.get(kind.kind, "spec").format(job.rpartition("/")[2])
