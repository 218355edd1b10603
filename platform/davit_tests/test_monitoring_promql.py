"""Expressions confined to one namespace: no selector escapes, and what is not understood is refused."""

from __future__ import annotations

import re

import pytest
from davit.monitoring.promql import confine
from hypothesis import given, settings
from hypothesis import strategies as st

METRIC = st.sampled_from(["up", "a:b", "sum", "offset", "start", "by"])
MATCHERS = st.sampled_from(["", "{}", '{a="b"}', '{ns="other"}', "{a=~'x|y',ns!='b',}", '{"ns"="c", d!~`e`}', "{a='}#{'}"])
MODIFIERS = st.sampled_from(["", " offset 5m", " offset -1h", " @ start()", " @ 12.5", "[5m:1m]", " # ns='b'\n"])
selectors = st.builds(lambda *parts: "".join(parts), METRIC, MATCHERS, MODIFIERS)
leaves = st.one_of(selectors, st.sampled_from(["1", "5m", "Inf", "'{a=1}'", "time()", "0x1F", "1e-3"]))
expressions = st.recursive(
    leaves,
    lambda below: st.one_of(
        st.builds(lambda one: f"({one})", below),
        st.builds(lambda one: f"-{one}", below),
        st.builds(lambda name, one: f"{name}({one})", st.sampled_from(["rate", "sum", "absent"]), below),
        st.builds(lambda one: f"sum by (ns, a) ({one})", below),
        st.builds(lambda one: f"avg({one}) without (le)", below),
        st.builds(lambda one, two: f"topk({one}, {two})", below, below),
        st.builds(
            lambda one, how, two: f"{one} {how} {two}",
            below,
            st.sampled_from(
                [
                    "+",
                    "> bool",
                    "and on (ns)",
                    "* on(a) group_left(ns)",
                    "unless",
                    "/ ignoring (b) group_right ()",
                    "== ",
                    "atan2",
                ]
            ),
            below,
        ),
    ),
    max_leaves=6,
)


@settings(max_examples=100, deadline=None)
@given(expressions)
def test_every_selector_has_the_matcher_and_no_other_of_its_label(expression: str) -> None:
    confined = confine(expression, "ns", "mine")
    bare = re.sub(r"#[^\n]*\n", "", re.sub(r"'[^']*'", "''", confined))
    braces = re.findall(r"\{([^}]*)\}", bare)
    assert all(found.endswith('ns="mine"') for found in braces)
    assert not re.search(r"ns\"?\s*(?:=~|!~|!=|=)(?!\"mine\")", bare)
    assert len(braces) == len(re.findall(r"\{", re.sub(r"'[^']*'", "''", confine(confined, "ns", "mine"))))


@given(expressions)
def test_confining_twice_changes_nothing(expression: str) -> None:
    once = confine(expression, "ns", "mine")
    assert confine(once, "ns", "mine") == once


@pytest.mark.parametrize(
    "expression",
    ["", "(", "up)", "up up", "up{", "up{a}", "up{a=b}", "sum by (a", "up[5m", "up @", "a +", "up }", "a ! b", "up{a='b' c='d'}"],
)
def test_what_is_not_understood_is_refused(expression: str) -> None:
    with pytest.raises(ValueError, match="can't be confined"):
        confine(expression, "ns", "mine")


def test_labels_and_values_are_quoted_where_they_must_be() -> None:
    assert confine("up", "k8s.ns", 'a"b\\') == r'up{"k8s.ns"="a\"b\\"}'


def test_strings_and_comments_are_no_selectors() -> None:
    expression = 'label_replace(up, "a", "$1", "b", "x{y}") # z{}'
    assert confine(expression, "ns", "n") == 'label_replace(up{ns="n"}, "a", "$1", "b", "x{y}") # z{}'


@pytest.mark.parametrize(
    "expression", ["sum by (" + "a" * 50_000 + "!", "a{" + "b='c'," * 20_000, "(" * 50_000, "# \n" * 50_000 + "!"]
)
def test_no_expression_keeps_the_operator_busy(expression: str) -> None:
    with pytest.raises(ValueError, match="can't be confined"):
        confine(expression, "ns", "mine")
