"""The top level of prometheus.yaml, without the jobs of monitors. Pure.

Source of the order of keys: prometheus-operator 0.93 pkg/prometheus/promcfg.go.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from davit.monitoring.assets import Assets, Ref
from davit.monitoring.assets import references as walk

from davit_prometheus.api.prometheus import CommonPrometheusFields, PrometheusSpec
from davit_prometheus.config import additional, sections
from davit_prometheus.config.alerting import alerting
from davit_prometheus.config.globals import global_config
from davit_prometheus.config.goyaml import strings
from davit_prometheus.config.remote import remote_read, remote_write
from davit_prometheus.config.section import Section
from davit_prometheus.model import RULES, Json, Scope, Top


def references(spec: CommonPrometheusFields, namespace: str) -> frozenset[Ref]:
    """What `render_server` and the renderers of monitors ask of assets on behalf of the Prometheus itself."""
    own = spec.model_copy(update={"web": None, "thanos": None})
    return walk(own, namespace)


def render_server(scope: Scope, assets: Assets, *, rule_files: Sequence[str] = ()) -> Top:
    """The top level of a Prometheus or an agent; `rule_files` are names of ConfigMaps of rules.

    What can't be loaded is left out entry by entry, and said in `faults`.
    """
    section = Section(scope, assets, scope.gate())
    spec = scope.spec
    jobs = additional.scrape_jobs(section, spec.additional_scrape_configs)
    config = _server(section, spec, rule_files) if isinstance(spec, PrometheusSpec) else _agent(section)
    for path in _unexpanded(config):
        section.gate.ignore(path, "$(POD_NAME) is replaced in spec.externalLabels only, pods share one configuration")
    return Top(config, jobs, tuple(section.faults), section.gate.ignored, section.files)


def _server(section: Section, spec: PrometheusSpec, rule_files: Sequence[str]) -> Json:
    config: Json = {"global": global_config(section), **sections.runtime(section)}
    if spec.rule_selector is not None:
        config["rule_files"] = [f"{RULES}/{name}/*.yaml" for name in rule_files]
    config["scrape_configs"] = []
    config |= sections.server_storage(section, spec)
    config |= alerting(section, spec)
    if spec.remote_write:
        config["remote_write"] = remote_write(section, spec.remote_write)
    if spec.remote_read:
        config["remote_read"] = remote_read(section, spec.remote_read)
    return config | sections.otlp(section) | sections.tracing(section)


def _agent(section: Section) -> Json:
    config: Json = {"global": global_config(section), **sections.runtime(section), "scrape_configs": []}
    config |= sections.agent_storage(section)
    if section.scope.spec.remote_write:
        config["remote_write"] = remote_write(section, section.scope.spec.remote_write)
    return config | sections.otlp(section) | sections.tracing(section)


def _unexpanded(config: Json) -> Iterator[str]:
    """Sections that hope for the pod's name, which a reloader would have put in."""
    for key, value in config.items():
        shown = {name: below for name, below in value.items() if name != "external_labels"} if key == "global" else value
        if any("$(POD_NAME)" in text for text in strings(shown)):
            yield key
