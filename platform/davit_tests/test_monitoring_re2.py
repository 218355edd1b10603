"""Regular expressions of Go, judged without Go; the differential tests hold the same list against Go itself."""

from __future__ import annotations

import pytest
from davit.monitoring.re2 import regex_problem

COMPILE = [
    "",
    "(.*)",
    "a|b",
    "(?i)x",
    "(?P<n>x)",
    "(?<n>x)",
    r"\d+\.\w*",
    "[a-z]",
    "[]a]",
    "[^]]",
    "[[:alpha:]]",
    r"\Qa*\E",
    "a{2,3}",
    "a{",
    "a*?",
]
FAIL = {
    "(": "a ) is missing",
    "a**": "can't follow another repetition",
    "*": "nothing for * to repeat",
    "[a": "the ] of",
    "[z-a]": "does not count up",
    "(?=a)": "no look-around",
    r"\1": "not an escape sequence",
    "a{3,2}": "must count up",
    "a{1001}": "at most to 1000",
    "[[:foo:]]": "not a character class",
    "(?P<>a)": "name is empty",
}


@pytest.mark.parametrize("pattern", COMPILE)
def test_what_go_compiles_is_taken(pattern: str) -> None:
    assert regex_problem(pattern) == ""


@pytest.mark.parametrize("pattern", FAIL)
def test_what_go_does_not_compile_is_explained(pattern: str) -> None:
    problem = regex_problem(pattern)
    assert FAIL[pattern] in problem
    assert repr(pattern) in problem
