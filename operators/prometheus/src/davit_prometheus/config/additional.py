"""What users hand us ready-made: additional scrape configs, Alertmanagers and alert relabelings. Pure.

Each entry stands for itself: one that can't be loaded is left out, and said which one it is.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from functools import partial
from typing import Any, TypeVar

from davit.monitoring.assets import secret
from davit.monitoring.http import Context, Unusable
from davit.monitoring.types import RelabelConfig, SecretKeySelector
from davit.monitoring.units import parse_duration
from pydantic import ValidationError

from davit_prometheus.config import goyaml, relabeling, sharding
from davit_prometheus.config.section import Section
from davit_prometheus.model import Job, Json

T = TypeVar("T")
_CAPITAL = re.compile("[A-Z]")
_STEP = ("source_labels", "separator", "regex", "modulus", "target_label", "replacement", "action")
_SCALARS = (str, int, float, bool)
_DEFAULT_INTERVAL = 60_000
"""Milliseconds; what Prometheus takes an interval of 0 for."""


def scrape_jobs(section: Section, selector: SecretKeySelector | None) -> tuple[Job, ...]:
    """The jobs of additionalScrapeConfigs, spread over shards unless they do it themselves."""
    names: set[str] = set()

    def job(entry: Json, path: str) -> Job:
        name = _job_name(entry, path, names)
        _check_times(section, entry, path)
        for key in ("relabel_configs", "metric_relabel_configs"):
            _check_steps(section, entry.get(key), f"{path}.{key}")
        names.add(name)
        return Job(name, _sharded(section, entry))

    return tuple(_entries(section, selector, "spec.additionalScrapeConfigs", job) or ())


def alert_relabelings(section: Section, selector: SecretKeySelector | None) -> list[Json] | None:
    """The steps of additionalAlertRelabelConfigs, None when there is no such Secret."""

    def step(entry: Json, path: str) -> Json:
        _check_step(section, entry, path)
        return entry

    return _entries(section, selector, "spec.additionalAlertRelabelConfigs", step)


def alertmanagers(section: Section, selector: SecretKeySelector | None) -> list[Json] | None:
    """The entries of additionalAlertManagerConfigs, None when there is no such Secret."""

    def manager(entry: Json, path: str) -> Json:
        for key in ("relabel_configs", "alert_relabel_configs"):
            _check_steps(section, entry.get(key), f"{path}.{key}")
        return entry

    return _entries(section, selector, "spec.additionalAlertManagerConfigs", manager)


def _entries(section: Section, selector: SecretKeySelector | None, path: str, check: Callable[[Json, str], T]) -> list[T] | None:
    text = _text(section, selector, path)
    if text is None:
        return None
    try:
        found = goyaml.entries(text)
    except goyaml.Malformed as error:
        section.fault(path, str(error))
        return []
    checked: list[T] = []
    for index, entry in enumerate(found):
        where = f"{path}[{index}]"
        kept = section.entry(where, partial(_checked, check, entry, where))
        if kept is not None:
            checked.append(kept)
    return checked


def _text(section: Section, selector: SecretKeySelector | None, path: str) -> str | None:
    if selector is None:
        return None
    ref = secret(selector, section.scope.namespace)
    if ref.optional and ref not in section.assets:
        return None
    try:
        return section.assets.text(ref)
    except ValueError as error:
        section.fault(path, str(error))
        return None


def _checked(check: Callable[[Json, str], T], entry: Any, path: str, _: Context) -> T:
    if isinstance(entry, goyaml.Flaw):
        raise ValueError(entry.message)
    if not isinstance(entry, dict):
        raise ValueError("is not a mapping: write keys with values below the '- '")
    return check(entry, path)


def _job_name(entry: Json, path: str, taken: Collection[str]) -> str:
    given = entry.get("job_name")
    if given is None or given == "" or isinstance(given, dict | list):
        raise Unusable(f"{path}.job_name", "is missing: give the job a name")
    name = _word(given)
    if name in taken:
        raise Unusable(f"{path}.job_name", f"{name!r} is taken by an earlier entry: choose another name")
    return name


def _check_times(section: Section, entry: Json, path: str) -> None:
    """The timeout may not outlast the interval; 0 takes the global value."""
    interval = _time(entry, "scrape_interval", path) or parse_duration(section.scope.scrape_interval) or _DEFAULT_INTERVAL
    timeout = _time(entry, "scrape_timeout", path)
    if timeout > interval:
        raise Unusable(f"{path}.scrape_timeout", f"{entry['scrape_timeout']} is longer than the scrape interval: shorten it")


def _time(entry: Json, key: str, path: str) -> int:
    given = entry.get(key)
    if given is None:
        return 0
    try:
        return parse_duration(_word(given))
    except ValueError as error:
        raise Unusable(f"{path}.{key}", str(error)) from None


def _check_steps(section: Section, given: Any, path: str) -> None:
    if given is None:
        return
    if not isinstance(given, list):
        raise Unusable(path, "is not a list: begin each step with '- '")
    for index, step in enumerate(given):
        if not isinstance(step, dict):
            raise Unusable(f"{path}[{index}]", "is not a relabeling step: write for example action: keep below the '- '")
        _check_step(section, step, f"{path}[{index}]")


def _check_step(section: Section, step: Json, path: str) -> None:
    for key in step:
        if key not in _STEP:
            raise Unusable(f"{path}.{key}", f"is no part of a relabeling step: write one of {', '.join(_STEP)}")
    words = {key: _word(value) if isinstance(value, _SCALARS) else value for key, value in step.items() if value is not None}
    if isinstance(words.get("source_labels"), list):
        words["source_labels"] = [_word(label) for label in words["source_labels"]]
    if isinstance(words.get("action"), str):
        words["action"] = words["action"].lower()
    if isinstance(step.get("modulus"), goyaml.Plain):
        # Some spelling of a number above 0, such as 0x10.
        words["modulus"] = 1
    try:
        config = RelabelConfig.model_validate(words)
    except ValidationError as error:
        problem = error.errors(include_url=False)[0]
        raise Unusable(f"{path}.{problem['loc'][0]}", f"{problem['msg']}: correct the value") from None
    try:
        relabeling.check((config,), "", section.scope.version, relabeling.names_of(section.scope))
    except Unusable as error:
        field = _CAPITAL.sub(lambda found: f"_{found[0].lower()}", error.path.rpartition(".")[2])
        raise Unusable(f"{path}.{field}", error.message) from None


def _word(value: Any) -> str:
    """The text that a scalar was written as."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _sharded(section: Section, entry: Json) -> Json:
    """Spread over shards like any other job, unless one of its own steps is a hashmod."""
    scope = section.scope
    if scope.daemon_set or scope.shards == 1:
        return entry
    own = list(entry.get("relabel_configs") or ())
    if not any(step.get("action") == "hashmod" for step in own):
        own += sharding.steps(scope)
    return {**{key: value for key, value in entry.items() if key != "relabel_configs"}, "relabel_configs": own}
