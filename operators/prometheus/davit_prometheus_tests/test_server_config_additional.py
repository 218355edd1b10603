"""What users hand us ready-made: each entry stands for itself, and means what it meant to Prometheus."""

from __future__ import annotations

import json
from typing import Any

import pytest
import yaml
from davit.monitoring import emit
from davit_prometheus.config.goyaml import Flaw, Malformed, Plain, entries
from davit_prometheus.model import Json, Top
from hypothesis import given, settings
from hypothesis import strategies as st

from davit_prometheus_tests.server_made import faults, key, top


def jobs(text: str, **spec: Any) -> Top:
    return top({"additionalScrapeConfigs": key("k", "mine"), **spec}, mine={"k": text})


def names(found: Top) -> list[str]:
    return [job.name for job in found.jobs]


# Reading


@pytest.mark.parametrize(
    "word",
    ["on", "Off", "y", "N", "yes", "1e3", "010", "0x1f", "1_000", "+1", "-0", ".5", ".inf", "2001-01-01", "2001-01-01T10:00:00Z"],
)
def test_a_plain_scalar_whose_type_the_field_decides_is_written_as_it_was(word: str) -> None:
    (entry,) = entries(f"- a: {word}")
    assert isinstance(entry["a"], Plain)
    assert emit.text([entry]) == f"- a: {word}\n"


@pytest.mark.parametrize("word", ["on", "1e3", "true", "~", "1"])
def test_a_quoted_scalar_stays_text(word: str) -> None:
    (entry,) = entries(f"- a: '{word}'\n  b: !!str {word}\n  c: |-\n    {word}\n")
    for value in entry.values():
        assert type(value) is str
    assert set(yaml.safe_load(emit.text([entry]))[0].values()) == {word}


@pytest.mark.parametrize("word", ["2001-01-01 a: b", "2001-01-01 # a", "2001-01-01 \u2028- a"])
def test_a_text_that_only_begins_like_a_date_is_written_as_text(word: str) -> None:
    (entry,) = entries(f"- a: !!timestamp {json.dumps(word)}")
    assert yaml.safe_load(emit.text([entry])) == [{"a": word}]


def test_what_every_loader_reads_alike_is_plain_data() -> None:
    text = "- a: true\n  b: 12\n  c: ~\n  d:\n  e: abc\n  f: =\n  g: 1:30\n  h: [x, {y: z}]\n  on: 1\n"
    assert entries(text) == [
        {"a": True, "b": 12, "c": None, "d": None, "e": "abc", "f": "=", "g": "1:30", "h": ["x", {"y": "z"}], "on": 1}
    ]


def test_aliases_and_merges_are_resolved() -> None:
    text = "- &a {x: 1, y: 2}\n- {<<: *a, x: 3}\n- {<<: [*a, {z: 4, x: 5}]}\n"
    assert entries(text) == [{"x": 1, "y": 2}, {"x": 3, "y": 2}, {"x": 1, "y": 2, "z": 4}]


def test_aliases_of_aliases_do_not_unfold_for_ever() -> None:
    lines = ["- &a0 [x, x, x, x, x, x, x, x, x, x]"] + [f"- &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 9)]
    found = entries("\n".join(lines))
    assert isinstance(found[8], Flaw)
    assert found[0] == ["x"] * 10
    (flaw,) = entries("- &a [*a]")
    assert isinstance(flaw, Flaw)


def test_a_syntax_error_spoils_only_its_own_entry() -> None:
    found = entries("# mine\n- a: 1\n- b: [\n  c: 2\n- d: 3\n")
    assert [type(entry) for entry in found] == [dict, Flaw, dict]
    assert "(line " in found[1].message


def test_a_key_given_twice_spoils_only_its_own_entry() -> None:
    found = entries("- a: 1\n  a: 2\n- b: 1\n")
    assert isinstance(found[0], Flaw)
    assert "line 2: a is given twice" in found[0].message
    assert found[1] == {"b": 1}


@pytest.mark.parametrize("text", ["scrape_configs:\n- job_name: a\n", "a", "a: [", "\0"])
def test_what_is_no_list_is_malformed(text: str) -> None:
    with pytest.raises(Malformed):
        entries(text)


@pytest.mark.parametrize("text", ["", "# nothing\n", "null", "[]", "---\n"])
def test_nothing_is_no_entries(text: str) -> None:
    assert entries(text) == []


def test_only_the_first_document_counts() -> None:
    assert entries("- a: 1\n---\n- b: 2\n") == [{"a": 1}]


SCALARS = st.none() | st.booleans() | st.integers(-(10**20), 10**20) | st.text()
VALUES = st.recursive(
    SCALARS, lambda below: st.lists(below, max_size=3) | st.dictionaries(st.text(min_size=1), below, max_size=3), max_leaves=8
)


@settings(derandomize=True, max_examples=60, deadline=None)
@given(st.lists(st.dictionaries(st.text(min_size=1), VALUES, max_size=3), max_size=3))
def test_what_we_write_is_read_back_the_same(data: list[Json]) -> None:
    text = emit.text(data) if data else "[]"
    assert yaml.safe_load(emit.text(entries(text)) if data else text) == yaml.safe_load(text)


# Jobs


def test_bad_jobs_are_left_out_one_by_one() -> None:
    found = jobs(
        "- job_name: a\n- just text\n- scheme: http\n- job_name: a\n- job_name: ''\n- job_name: b\n"
        "- {job_name: c, scrape_interval: 5x}\n- {job_name: d, scrape_timeout: 2m}\n"
        "- {job_name: e, relabel_configs: [{action: jump}]}\n- {job_name: f, relabel_configs: {}}\n"
        "- {job_name: g, metric_relabel_configs: [{regexp: a}]}\n- {job_name: h, relabel_configs: [~]}\n-\n- {job_name: z}\n"
    )
    assert names(found) == ["a", "b", "z"]
    path = "spec.additionalScrapeConfigs"
    assert list(faults(found)) == [
        f"{path}[1]",
        f"{path}[2].job_name",
        f"{path}[3].job_name",
        f"{path}[4].job_name",
        f"{path}[6].scrape_interval",
        f"{path}[7].scrape_timeout",
        f"{path}[8].relabel_configs[0].action",
        f"{path}[9].relabel_configs",
        f"{path}[10].metric_relabel_configs[0].regexp",
        f"{path}[11].relabel_configs[0]",
        f"{path}[12]",
    ]
    assert "is taken by an earlier entry" in faults(found)[f"{path}[3].job_name"]


def test_a_name_whose_first_bearer_is_left_out_is_free() -> None:
    assert names(jobs("- {job_name: a, scrape_interval: 5x}\n- {job_name: a}\n")) == ["a"]


def test_a_whole_configuration_instead_of_its_jobs_is_told_how_to_be_written() -> None:
    found = jobs("scrape_configs:\n- job_name: a\n")
    assert not found.jobs
    assert "no key above them" in faults(found)["spec.additionalScrapeConfigs"]


@pytest.mark.parametrize("optional", [False, True])
def test_a_missing_secret_is_a_fault_unless_it_is_optional(optional: bool) -> None:
    selectors = ("additionalScrapeConfigs", "additionalAlertRelabelConfigs", "additionalAlertManagerConfigs")
    found = top({name: {**key("k", "gone"), "optional": optional} for name in selectors})
    assert set(faults(found)) == (set() if optional else {f"spec.{name}" for name in selectors})
    assert "alerting" not in found.config


def test_the_timeout_is_judged_by_the_global_interval_when_the_job_has_none() -> None:
    text = "- {job_name: a, scrape_timeout: 1m}\n"
    assert names(jobs(text)) == []
    assert names(jobs(text, scrapeInterval="1m")) == ["a"]


def test_numbers_and_words_for_text_are_judged_as_text() -> None:
    found = jobs("- {job_name: 010, relabel_configs: [{source_labels: [on], regex: 200, target_label: y, replacement: 1e3}]}\n")
    assert names(found) == ["010"]
    assert "regex: 200" in emit.text([found.jobs[0].config])
    assert "replacement: 1e3" in emit.text([found.jobs[0].config])


@pytest.mark.parametrize(
    "step", ["{action: LabelDROP, regex: a}", "{action: HASHMOD, modulus: 0x10, target_label: x}", "{target_label: a}"]
)
def test_steps_that_prometheus_takes_are_taken(step: str) -> None:
    assert names(jobs(f"- {{job_name: a, relabel_configs: [{step}]}}\n")) == ["a"]


def test_a_job_is_spread_over_shards_unless_it_is_already() -> None:
    text = "- {job_name: a, scheme: http}\n- {job_name: b, relabel_configs: [{action: hashmod, modulus: 2, target_label: x}]}\n"
    first, second = jobs(text, shards=3).jobs
    steps = first.config["relabel_configs"]
    assert [step["action"] for step in steps] == ["replace", "keep", "replace", "hashmod", "keep"]
    assert steps[-1]["regex"] == "$(SHARD);|.+;.+"
    assert steps[3]["modulus"] == 3
    assert len(second.config["relabel_configs"]) == 1
    assert "relabel_configs" not in jobs(text).jobs[0].config


# Alerting


def alerting(**data: str) -> Top:
    spec = {
        "alerting": {"alertmanagers": [{"name": "am", "port": "web"}]},
        "additionalAlertRelabelConfigs": key("steps", "mine"),
        "additionalAlertManagerConfigs": key("managers", "mine"),
    }
    return top(spec, mine={"steps": "", "managers": "", **data})


def test_bad_alert_relabelings_are_left_out_one_by_one() -> None:
    found = alerting(
        steps="- {action: labeldrop, regex: a}\n- {action: labeldrop, regex: (}\n- {target_label: x}\n- {regex: x}\n"
    )
    steps = found.config["alerting"]["alert_relabel_configs"]
    assert steps == [
        {"action": "labeldrop", "regex": "prometheus_replica"},
        {"action": "labeldrop", "regex": "a"},
        {"target_label": "x"},
    ]
    path = "spec.additionalAlertRelabelConfigs"
    assert list(faults(found)) == [f"{path}[1].regex", f"{path}[3].target_label"]


def test_bad_alertmanagers_are_left_out_one_by_one() -> None:
    found = alerting(managers="- static_configs: [{targets: ['a:1']}]\n- a\n- {relabel_configs: [{action: x}]}\n")
    assert len(found.config["alerting"]["alertmanagers"]) == 2
    path = "spec.additionalAlertManagerConfigs"
    assert list(faults(found)) == [f"{path}[1]", f"{path}[2].relabel_configs[0].action"]


def test_alerting_is_there_when_only_a_secret_says_so() -> None:
    found = top({"additionalAlertManagerConfigs": key("m", "mine")}, mine={"m": "- scheme: http\n"})
    assert found.config["alerting"]["alertmanagers"] == [{"scheme": "http"}]
