"""What is said of a resource when it is applied: refused when it can't work anywhere, warned about when it can't work fully.

By the object alone: a monitor is judged as a Prometheus of the default version would that has no limits and every scrape
class, and what it refers to may come later.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache

from davit.errors import Blocked, Transient
from davit.model import Kind, Manifest
from davit.monitoring.assets import Unseen
from davit.monitoring.emit import text
from davit.monitoring.faults import Fault, refuse
from davit.monitoring.unknown import unknown_fields
from davit.webhook.registration import Endpoint
from davit.webhook.review import reviewer, unknown

from davit_prometheus import validate
from davit_prometheus.api.monitors import POD_MONITOR, PROBE, SERVICE_MONITOR
from davit_prometheus.api.prometheus import PROMETHEUS, PROMETHEUS_AGENT
from davit_prometheus.api.rules import PROMETHEUS_RULE
from davit_prometheus.api.scrapeconfig import SCRAPE_CONFIG
from davit_prometheus.assembly import digest_of
from davit_prometheus.config import jobs, rules
from davit_prometheus.config.server import render_server
from davit_prometheus.inventory import Memory
from davit_prometheus.judge import Judge
from davit_prometheus.model import Instance
from davit_prometheus.parts import MODELS

PROMQL = (
    "promql-delayed-name-removal",
    "promql-duration-expr",
    "promql-experimental-functions",
    "promql-extended-range-selectors",
)
"""Features with which some Prometheus may run: source: promtool 3.13, flag --enable-feature."""
_LONGEST = "100y"
Check = Callable[[Manifest], Awaitable[Iterable[str]]]


@dataclass(frozen=True, slots=True)
class Admission:
    """The reviewers; `judge` asks promtool about rules, and is done without while it can't be asked."""

    judge: Judge
    ours: Callable[[Manifest], bool] = lambda resource: True
    """Which Prometheus objects are not another operator's."""

    def endpoints(self) -> tuple[Endpoint, ...]:
        """A row for each kind."""
        checks: dict[Kind, Check] = {
            PROMETHEUS: self.check_main,
            PROMETHEUS_AGENT: self.check_main,
            PROMETHEUS_RULE: self.check_rule,
        }
        checks |= dict.fromkeys((SERVICE_MONITOR, POD_MONITOR, PROBE, SCRAPE_CONFIG), check_monitor)
        return tuple(Endpoint((kind,), reviewer(check)) for kind, check in checks.items())

    async def check_main(self, manifest: Manifest) -> Iterable[str]:
        """Another operator's may mean what ours would refuse."""
        return await check_prometheus(manifest) if self.ours(manifest) else ()

    async def check_rule(self, manifest: Manifest) -> Iterable[str]:
        """Every expression is parsed by promtool."""
        instance = _anybody(manifest)
        found = rules.render(instance.scope, manifest)
        faults = list(found.rendered.faults)
        groups = {digest_of(text(group)): group for _, group in found.groups}
        try:
            proved = await self.judge.prove(Memory(), instance.scope, instance.image, {}, blocks=(), groups=groups)
        except (Transient, Blocked):
            warnings = ["the expressions could not be checked now: status will say whether they are in use"]
        else:
            warnings = []
            for path, group in found.groups:
                if said := proved.complaints.get(digest_of(text(group))):
                    faults.append(Fault(path, said))
        refuse(faults)
        return (*warnings, *_unknown(PROMETHEUS_RULE, manifest), *found.rendered.ignored)


async def check_prometheus(manifest: Manifest) -> Iterable[str]:
    """As the operator will judge it, and whether every entry of it can be rendered."""
    instance = validate.validate(manifest)
    top = render_server(instance.scope, Unseen())
    refuse(top.faults)
    return (*unknown(instance.unknown), *instance.ignored, *top.ignored)


async def check_monitor(manifest: Manifest) -> Iterable[str]:
    """Whether every endpoint can be rendered; Secrets are not looked at, or they could be sounded out."""
    rendered = jobs.render(_anybody(manifest).scope, manifest, Unseen())
    refuse(rendered.faults)
    kind = next(kind for kind in MODELS if kind.kind == manifest["kind"])
    return (*_unknown(kind, manifest), *rendered.ignored)


def _anybody(manifest: Manifest) -> Instance:
    asked = (manifest.get("spec") or {}).get("scrapeClass")
    return _somebody(manifest["metadata"].get("namespace", "default"), asked if asked and isinstance(asked, str) else "any")


@lru_cache(maxsize=16)
def _somebody(namespace: str, scrape_class: str) -> Instance:
    """A Prometheus of the default version that takes everything: with the scrape class that is asked for, an interval that
    no timeout exceeds, and everything switched on that PromQL can be."""
    metadata = {"name": "any", "namespace": namespace, "uid": "any", "generation": 1}
    spec = {
        "enableFeatures": list(PROMQL),
        "scrapeInterval": _LONGEST,
        "scrapeClasses": [{"name": scrape_class, "default": True, "authorization": {"credentialsFile": "/any"}}],
    }
    return validate.validate({"apiVersion": PROMETHEUS.api_version, "kind": PROMETHEUS.kind, "metadata": metadata, "spec": spec})


def _unknown(kind: Kind, manifest: Manifest) -> tuple[str, ...]:
    return unknown(unknown_fields(MODELS[kind], manifest.get("spec") or {}, "spec"))


DEFAULT_IMAGE = _anybody({"metadata": {}}).image
"""Whose promtool judges rules when they are applied."""
