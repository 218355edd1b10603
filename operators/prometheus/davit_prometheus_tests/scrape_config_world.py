"""What prometheus-operator and we make of a ScrapeConfig."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from davit.model import Manifest
from davit.monitoring.assets import Assets
from davit_prometheus.config import scrape_config
from davit_prometheus.model import Rendered, Scope

from davit_prometheus_tests import monitors_world, scrape_config_samples
from davit_prometheus_tests.monitors_world import Upstream, jobs, step_meaning

Json = dict[str, Any]


def prometheus(spec: Mapping[str, Any] | None = None, *, agent: bool = False) -> Manifest:
    """A Prometheus or a PrometheusAgent that selects everything."""
    made = monitors_world.prometheus(**{"version": "3.13.2", **(spec or {})})
    if not agent:
        return made
    selecting = {name: value for name, value in made["spec"].items() if not name.startswith("rule")}
    return {**made, "apiVersion": "monitoring.coreos.com/v1alpha1", "kind": "PrometheusAgent", "spec": selecting}


def assets(objects: Sequence[Manifest] | None = None) -> Assets:
    """What is in Secrets and ConfigMaps."""
    return monitors_world.assets(scrape_config_samples.secrets() if objects is None else objects)


EVERYTHING = assets()


def rendered(resource: Manifest, spec: Mapping[str, Any] | None = None, found: Assets | None = None) -> Rendered:
    """What becomes of a ScrapeConfig in a Prometheus with this spec, with only those assets that it says it needs."""
    return rendered_by(monitors_world.scope(prometheus(spec)), resource, found)


def rendered_by(where: Scope, resource: Manifest, found: Assets | None = None) -> Rendered:
    """The same for any scope."""
    everything = found or EVERYTHING
    wanted = scrape_config.references(where, resource)
    return scrape_config.render(where, resource, Assets({ref: everything.content(ref) for ref in wanted if ref in everything}))


def differences(upstream: Upstream, spec: Json, of_prometheus: Json) -> Iterator[str]:
    """What we make otherwise, apart from what is refused by both: upstream refuses an object as a whole, we an entry."""
    resource = scrape_config_samples.scrape_config(spec)
    answer = upstream.ask([prometheus(of_prometheus), resource, *scrape_config_samples.secrets()])
    if answer.get("error"):
        yield f"upstream makes nothing at all: {answer['error']}"
        return
    ours = rendered(resource, of_prometheus)
    refusal = answer["rejected"].get("ScrapeConfig/default/one")
    if refusal is not None:
        if not ours.faults:
            yield f"upstream refuses it: {refusal}"
        return
    yield from (f"we refuse {fault}" for fault in ours.faults)
    theirs = [loadable(meaning(job)) for name, job in jobs(answer).items() if name.startswith("scrapeConfig/")]
    if not ours.faults:
        yield from unlike(theirs, [meaning(job.config) for job in ours.jobs], "")


def meaning(job: Mapping[str, Any]) -> Json:
    """A job with the defaults of its relabeling filled in."""
    found = dict(job)
    for key in ("relabel_configs", "metric_relabel_configs"):
        if key in found:
            found[key] = [step_meaning(step) for step in found[key]]
    return found


def loadable(job: Json) -> Json:
    """A job without the authorization of a scrape class beside the user's own: Prometheus takes one way to authenticate."""
    return {key: value for key, value in job.items() if key != "authorization" or not {"basic_auth", "oauth2"} & job.keys()}


def unlike(theirs: Any, ours: Any, path: str) -> Iterator[str]:
    """Where two values differ; the order of a mapping's keys is no difference."""
    if isinstance(theirs, dict) and isinstance(ours, dict):
        for key in sorted({*theirs, *ours}):
            if key not in ours or key not in theirs:
                yield f"{path}.{key}: {'ours' if key in ours else 'theirs'} alone has {ours.get(key, theirs.get(key))!r}"
            else:
                yield from unlike(theirs[key], ours[key], f"{path}.{key}")
    elif isinstance(theirs, list) and isinstance(ours, list) and len(theirs) == len(ours):
        for index, (one, other) in enumerate(zip(theirs, ours, strict=True)):
            yield from unlike(one, other, f"{path}[{index}]")
    elif theirs != ours or isinstance(theirs, bool) != isinstance(ours, bool):
        yield f"{path}: theirs is {theirs!r}, ours {ours!r}"
