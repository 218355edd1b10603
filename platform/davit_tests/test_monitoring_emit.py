"""Whatever is emitted is read back as it was, by YAML 1.1 and 1.2 loaders alike."""

from typing import Any

import pytest
import yaml
from davit.monitoring.emit import shortened, text
from hypothesis import given
from hypothesis import strategies as st

WORDS = [
    "on",
    "off",
    "=",
    "1e3",
    "0x1F",
    "0777",
    "1:30",
    "~",
    "<<",
    "null",
    "y",
    "- a",
    "a: b",
    "a #b",
    "%x",
    "2020-01-01",
    ".inf",
]
SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False), st.text(max_size=12),
    st.sampled_from([*WORDS, "a\x85b"]),
)  # fmt: skip
KEYS = st.text(min_size=1, max_size=8)
DATA = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4), max_leaves=20)


@given(st.dictionaries(KEYS, DATA, min_size=1, max_size=5))
def test_it_is_read_back_as_it_was(data: dict[str, Any]) -> None:
    assert yaml.safe_load(text(data)) == data


@pytest.mark.parametrize("word", ["on", "No", "=", "1e3", "010", "0b1", "12:30", "null", "~", ".5", "+1", "", " a", "a "])
def test_a_string_that_some_loader_takes_for_something_else_is_quoted(word: str) -> None:
    assert text({"a": word}) == f'a: "{word}"\n'


def test_ordinary_words_stay_readable() -> None:
    job = {"job_name": "serviceMonitor/a/b/0", "params": {"x": ["y", "zed"]}, "a": [], "b": {}, "n": [[1]]}
    lines = ["- job_name: serviceMonitor/a/b/0", "  params:", "    x:", '    - "y"', "    - zed", "  a: []", "  b: {}"]
    assert text({"scrape_configs": [job]}).splitlines() == ["scrape_configs:", *lines, '  "n":', "  - - 1"]


LONG = '{{ range .Alerts }}- *0 "quoted" &1\n{{ end }}'


@given(st.lists(st.dictionaries(KEYS, st.one_of(DATA, st.just(LONG), st.lists(st.just(LONG)))), min_size=1, max_size=5))
def test_a_shortened_text_is_read_back_as_it_was(data: list[dict[str, Any]]) -> None:
    assert yaml.safe_load(shortened(text({"a": data}))) == {"a": data}


def test_long_strings_are_said_once() -> None:
    lines = shortened(text({"a": LONG, "b": [LONG, {"c": LONG, "d": "a: b"}, {"d": "a: b"}], "e": "a: " + "x" * 30}))
    assert lines.count("range") == 1
    assert lines.splitlines()[1:] == ["b:", "- *0", "- c: *0", '  d: "a: b"', '- d: "a: b"', f'e: "a: {"x" * 30}"']
