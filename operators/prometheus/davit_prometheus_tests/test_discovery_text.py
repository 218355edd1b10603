"""Selectors as Kubernetes reads them; the cases were tried on apimachinery itself."""

from __future__ import annotations

import pytest
from davit_prometheus.config.discovery import selectors
from hypothesis import given
from hypothesis import strategies as st

GOOD_LABELS = [
    "", " ", "a", "!a", "a=b", "a==b", "a!=b", "a = b , c", "a=", "a=,b", "a in (b)", "a notin (b, c)", "a in (,)", "a in (b,)",
    "in", "notin", "in in (in)", "a>1", "a<1", "a in ()", "a=in", "app.kubernetes.io/name=x", "a/B.c_d", "\ta\n", "a,b,!c",
]  # fmt: skip
BAD_LABELS = [
    ",", "a,", ",a", "a,,b", "=", "!", "!!a", "!a=b", "a=b=c", "a b", "a=b c",
    "a in", "a in b", "a in (", "a in (b", "a in (b c)",
    "a in (b))", "a>b", "a>", "a>1.5", "a/b/c", "-a", "a-", "/a", "a/", "A_b/c", "a=-b", "a=b/c", "é",
    "a=é", "a" * 64, f"a={'b' * 64}",
    f"{'a' * 254}/b", "a in (b,c", "a in (b)c", "(a)", "a=(b)",
]  # fmt: skip
GOOD_FIELDS = ["", ",", "a=b", "a==b", "a!=b", "a=b,c=d", "=", "a=", r"a=b\,c", r"a=\=", r"a=\\", "metadata.name=web,,", r"\=b"]
BAD_FIELDS = ["a", "a,b=c", "a=b=c", "a!b", r"a=\b", "a=b\\", r"a\=b=c"]


@pytest.mark.parametrize("text", GOOD_LABELS)
def test_a_label_selector_is_taken(text: str) -> None:
    assert selectors.label_problem(text) == ""


@pytest.mark.parametrize("text", BAD_LABELS)
def test_what_is_no_label_selector_is_told(text: str) -> None:
    assert selectors.label_problem(text).startswith(f"{text!r} is no label selector: ")


@pytest.mark.parametrize("text", GOOD_FIELDS)
def test_a_field_selector_is_taken(text: str) -> None:
    assert selectors.field_problem(text) == ""


@pytest.mark.parametrize("text", BAD_FIELDS)
def test_what_is_no_field_selector_is_told(text: str) -> None:
    assert selectors.field_problem(text).startswith(f"{text!r} is no field selector: ")


@given(st.text())
def test_no_text_is_too_strange_to_be_judged(text: str) -> None:
    assert isinstance(selectors.label_problem(text), str)
    assert isinstance(selectors.field_problem(text), str)
