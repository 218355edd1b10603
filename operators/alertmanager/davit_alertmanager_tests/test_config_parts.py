"""The small parts of a configuration: durations, URLs, matchers, time intervals, a user's own text."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from davit.errors import Invalid
from davit.monitoring import emit
from davit.monitoring.http import Unusable
from davit_alertmanager.api.parts import Matcher, TimeInterval
from davit_alertmanager.config.durations import canonical, for_go, readable_by_go
from davit_alertmanager.config.intervals import interval
from davit_alertmanager.config.matchers import check_labels, matcher
from davit_alertmanager.config.raw import Plain, read
from davit_alertmanager.config.urls import check_address, template_url_problem, url_problem
from hypothesis import given, settings
from hypothesis import strategies as st

from davit_alertmanager_tests.routing import matches
from davit_alertmanager_tests.world import Json, scope

DURATIONS = [
    ("0", "0s", "0s"), ("90s", "1m30s", "1m30s"), ("1500ms", "1s500ms", "1s500ms"), ("36h", "1d12h", "36h"), ("1w", "1w", "168h"),
    ("8d", "8d", "192h"), ("1y", "1y", "8760h"), ("366d", "366d", "8784h"),
]  # fmt: skip


@pytest.mark.parametrize(("given", "prometheus", "go"), DURATIONS)
def test_durations_are_written_as_their_reader_takes_them(given: str, prometheus: str, go: str) -> None:
    assert canonical(given) == prometheus
    assert for_go(given) == go
    assert readable_by_go(given) == (go if set("ywd") & set(given) else given)


GOOD_URLS = [
    "http://a", "https://a.example.com:8443/x?y=1#z", "HTTP://a", "http://u:p%40@a", "http://[::1]:9093/", "http://a_b:80", "http://a:/",
    "https://größe.example", "http://a/%41", "http://a/x y",
]  # fmt: skip
BAD_URLS = [
    "", "a", "a:80/x", "ftp://a", "http:/a", "http://", "http:///x", "http://a:b", "http://a b", "http://[::1", "http://a\n",
    "http://a/%zz", "://a", "http://u p@a", "http://a[b]",
]  # fmt: skip


@pytest.mark.parametrize("url", GOOD_URLS)
def test_urls_are_taken(url: str) -> None:
    assert url_problem(url) == ""


@pytest.mark.parametrize("url", BAD_URLS)
def test_what_is_no_url_is_told_without_telling_the_text(url: str) -> None:
    problem = url_problem(url)
    assert problem
    assert len(url) < 4 or url not in problem


def test_templates_of_urls_are_taken_when_their_actions_end() -> None:
    assert template_url_problem("{{ .X }}://y") == ""
    assert "}}" in template_url_problem("http://{{ .X")
    assert template_url_problem("ftp://a")


@pytest.mark.parametrize("text", ["a:25", "[::1]:25", "mail:smtp", ":25"])
def test_addresses_are_taken(text: str) -> None:
    check_address(text, "smarthost")


@pytest.mark.parametrize("text", ["a", "a:", "::1:25", "[::1]", "[a:25", "a]:25"])
def test_what_is_no_address_is_told(text: str) -> None:
    with pytest.raises(Unusable, match=r"smarthost: .*host:port"):
        check_address(text, "smarthost")


MATCHERS = [
    ({"name": "a", "value": "b"}, 'a="b"'), ({"name": "a", "value": "b", "regex": True}, 'a=~"b"'),
    ({"name": "a", "value": "b", "matchType": "!~", "regex": False}, 'a!~"b"'), ({"name": "a"}, 'a=""'),
    ({"name": "a", "value": 'q"\\\n'}, 'a="q\\"\\\\\\n"'), ({"name": "größe", "value": "x"}, 'größe="x"'),
    ({"name": "foo bar", "value": "x"}, '"foo bar"="x"'), ({"name": '"foo bar"', "value": "x"}, '"foo bar"="x"'),
    ({"name": 'a"b', "value": "x"}, '"a\\"b"="x"'),
]  # fmt: skip


@pytest.mark.parametrize(("given", "text"), MATCHERS)
def test_matchers_are_written_so_that_they_can_be_read(given: Json, text: str) -> None:
    assert matcher(scope(), Matcher.model_validate(given), "m") == text


@settings(deadline=None)
@given(st.text(min_size=1).filter(str.strip), st.text(), st.booleans())
def test_any_matcher_means_what_was_meant(name: str, value: str, equal: bool) -> None:
    if name.lstrip().startswith('"') or name != name.strip():
        return
    text = matcher(scope(), Matcher(name=name, value=value, match_type="=" if equal else "!="), "m")
    assert matches({"matchers": [text]}, {name: value}) is equal
    assert matches({"matchers": [text]}, {name: value + "x"}) is not equal


@pytest.mark.parametrize(
    ("given", "version", "message"),
    [
        ({"name": "  "}, "0.33.1", "m.name: is missing"),
        ({"name": "a.b"}, "0.26.0", "m.name: 'a.b' is not a label name: it needs Alertmanager 0.27.0"),
        ({"name": "a", "value": "(", "matchType": "=~"}, "0.33.1", "m.value: "),
        ({"name": "a", "value": "(?!x)", "matchType": "!~"}, "0.33.1", "m.value: "),
    ],
)
def test_matchers_that_would_not_load_are_told(given: Json, version: str, message: str) -> None:
    with pytest.raises(Unusable, match=message.replace("(", r"\(")):
        matcher(scope(version), Matcher.model_validate(given), "m")


def test_label_names_may_be_any_text_from_their_version_on() -> None:
    check_labels(scope("0.28.0"), ["a.b"], "equal", "0.28.0")
    for version, name in (("0.27.0", "a.b"), ("0.28.0", "")):
        with pytest.raises(Unusable, match=r"equal\[0\]"):
            check_labels(scope(version), [name], "equal", "0.28.0")
    with pytest.raises(Unusable, match="classic-mode"):
        check_labels(scope(enableFeatures=["classic-mode"]), ["a.b"], "equal")


PERIODS = [
    ({}, {}),
    ({"times": [{"startTime": "09:00", "endTime": "24:00"}]}, {"times": [{"start_time": "09:00", "end_time": "24:00"}]}),
    ({"weekdays": ["Monday:FRIDAY", "sunday", "6"]}, {"weekdays": ["monday:friday", "sunday", "saturday"]}),
    ({"daysOfMonth": [{"start": 1, "end": 1}, {"start": -3, "end": -1}]}, {"days_of_month": ["1", "-3:-1"]}),
    ({"daysOfMonth": [{"start": 1, "end": -1}]}, {"days_of_month": ["1:-1"]}),
    ({"months": ["1:3", "May", "june:8"]}, {"months": ["1:3", "5", "6:8"]}),
    ({"years": ["2026", "2026:2030"]}, {"years": ["2026", "2026:2030"]}),
]  # fmt: skip


@pytest.mark.parametrize(("given", "written"), PERIODS)
def test_periods_are_written_in_one_spelling(given: Json, written: Json) -> None:
    one = TimeInterval.model_validate({"name": "x", "timeIntervals": [given]})
    assert interval(one, "n", "t") == {"name": "n", "time_intervals": [written]}


WRONG_PERIODS = [
    ({"times": [{"startTime": "09:00"}]}, "times[0].endTime"),
    ({"times": [{"startTime": "9:00", "endTime": "10:00"}]}, "times[0].startTime"),
    ({"times": [{"startTime": "10:00", "endTime": "10:00"}]}, "times[0].endTime"),
    ({"weekdays": ["monday:sunday"]}, "weekdays[0]"),
    ({"weekdays": ["mon"]}, "weekdays[0]"), ({"weekdays": ["7"]}, "weekdays[0]"), ({"weekdays": ["a:b:c"]}, "weekdays[0]"),
    ({"daysOfMonth": [{"start": 1}]}, "daysOfMonth[0].end"), ({"daysOfMonth": [{"start": -1, "end": 1}]}, "daysOfMonth[0].end"),
    ({"daysOfMonth": [{"start": 20, "end": 10}]}, "daysOfMonth[0].end"), ({"months": ["13"]}, "months[0]"),
    ({"months": ["may:april"]}, "months[0]"), ({"years": ["soon"]}, "years[0]"), ({"years": ["2030:2026"]}, "years[0]"),
]  # fmt: skip


@pytest.mark.parametrize(("given", "path"), WRONG_PERIODS)
def test_periods_that_can_never_be_are_told(given: Json, path: str) -> None:
    one = TimeInterval.model_validate({"name": "x", "timeIntervals": [given]})
    with pytest.raises(Unusable) as error:
        interval(one, "n", "t")
    assert error.value.path == f"t.timeIntervals[0].{path}"


def test_texts_are_read_by_their_field() -> None:
    text = """
    global: {smtp_auth_username: 0123, smtp_require_tls: Off, resolve_timeout: 0090s, smtp_from: ~, smtp_hello: ''}
    route: {receiver: yes, group_by: [on, 1e3], group_wait: 010s, continue: no, routes: []}
    receivers:
    - name: 12:30
      webhook_configs: [{url: 'http://a', max_alerts: 10, timeout: 1d}]
      email_configs: [{to: 5, html: '', text: ~}]
    """
    assert read(text, scope().gate(), "f") == {
        "global": {"smtp_auth_username": "0123", "smtp_require_tls": False, "resolve_timeout": "1m30s", "smtp_hello": ""},
        "route": {"receiver": "yes", "group_by": ["on", "1e3"], "group_wait": "010s"},
        "receivers": [
            {
                "name": "12:30",
                "webhook_configs": [{"url": "http://a", "max_alerts": 10, "timeout": "24h"}],
                "email_configs": [{"to": "5", "html": ""}],
            }
        ],
    }


def test_an_interval_without_periods_is_one_of_none() -> None:
    text = "{route: {receiver: x}, receivers: [{name: x}], time_intervals: [{name: a}, {name: b, time_intervals: []}]}"
    assert read(text, scope().gate(), "f")["time_intervals"] == [
        {"name": "a", "time_intervals": []},
        {"name": "b", "time_intervals": []},
    ]


ODD = ["on", "0x1F", "010", "1e3", "1_000", ".inf", "2026-01-01", "0.50", "+1", "y"]


@pytest.mark.parametrize("scalar", ODD)
def test_what_no_field_explains_is_written_again_as_it_was(scalar: str) -> None:
    found = read(f"new: {{a: {scalar}, b: [{scalar}]}}\n", scope().gate(), "f")
    assert found["new"]["a"] == Plain(scalar)
    assert emit.text(found) == f"new:\n  a: {scalar}\n  b:\n  - {scalar}\n"


@pytest.mark.parametrize("scalar", ["'on'", "text", "5", "true", "null", '"0x1F"', "a b", "-7"])
def test_what_is_certain_is_read(scalar: str) -> None:
    assert read(f"new: {scalar}", scope().gate(), "f")["new"] == yaml.safe_load(scalar)


def test_merged_mappings_are_unfolded() -> None:
    text = "a: &a {x: 1, y: 2}\nb: &b {y: 3, z: 4}\nc: {<<: [*a, *b], x: 5}\n"
    assert read(text, scope().gate(), "f")["c"] == {"x": 5, "y": 2, "z": 4}


UNREADABLE = [
    ("a: [", "not YAML on line"), ("a: {b: 1, b: 2}", "b is there twice"), ("- a", "must be a mapping"),
    ("", "must be a mapping"),
    ("? [a]\n: b", "a key must be a name"), ("a: &a\n  b: *a", "refers to itself"), ("a: {<<: 1}", "<< needs a mapping"),
    ("route: &r {routes: [*r]}", "refers to itself"), ("a: \x01", "not YAML"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "message"), UNREADABLE)
def test_texts_that_alertmanager_could_not_read_are_told(text: str, message: str) -> None:
    with pytest.raises(Invalid, match=message):
        read(text, scope().gate(), "f")


def test_aliases_of_aliases_do_not_explode() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 9)]
    with pytest.raises(Invalid, match="unfolds to too many values"):
        read("\n".join(lines), scope().gate(), "f")


def test_what_is_of_another_form_is_left_for_alertmanager_to_judge() -> None:
    text = "global: []\nroute: {routes: x, group_by: {a: b}}\nreceivers: {a: b}\ntemplates: x\n"
    found: Any = read(text, scope().gate(), "f")
    assert found == {"global": [], "route": {"routes": "x", "group_by": {"a": "b"}}, "receivers": {"a": "b"}, "templates": "x"}
