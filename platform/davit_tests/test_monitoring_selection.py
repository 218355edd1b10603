"""Label selectors match as Kubernetes has them, and say in words why not."""

import pytest
from davit.errors import Invalid
from davit.monitoring.selection import matches, parse_selector, why_not
from davit.monitoring.types import LabelSelector


def selector(**fields: object) -> LabelSelector:
    return LabelSelector.model_validate(fields)


def expression(key: str, operator: str, *values: str) -> LabelSelector:
    return selector(matchExpressions=[{"key": key, "operator": operator, "values": list(values)}])


def test_an_empty_selector_matches_everything() -> None:
    assert matches(selector(), {})
    assert matches(selector(), {"a": "b"})


@pytest.mark.parametrize(
    ("chosen", "labels", "taken"),
    [
        (selector(matchLabels={"a": "b"}), {"a": "b", "c": "d"}, True),
        (selector(matchLabels={"a": "b"}), {"a": "c"}, False),
        (expression("a", "In", "b", "c"), {"a": "c"}, True),
        (expression("a", "In", "b", "c"), {}, False),
        (expression("a", "NotIn", "b"), {"a": "b"}, False),
        (expression("a", "NotIn", "b"), {}, True),
        (expression("a", "Exists"), {"a": ""}, True),
        (expression("a", "Exists"), {}, False),
        (expression("a", "DoesNotExist"), {"a": ""}, False),
        (expression("a", "DoesNotExist"), {}, True),
    ],
)
def test_requirements(chosen: LabelSelector, labels: dict[str, str], taken: bool) -> None:
    assert matches(chosen, labels) is taken
    assert (why_not(chosen, labels) == "") is taken


def test_it_says_which_label_differs_and_how() -> None:
    chosen = selector(matchLabels={"release": "kps", "team": "a"})
    assert why_not(chosen, {"team": "b"}) == "label release must be 'kps', it is missing; label team must be 'a', it is 'b'"


@pytest.mark.parametrize(
    ("text", "yes", "no"),
    [
        ("", {}, None),
        ("a=b", {"a": "b"}, {"a": "c"}),
        ("a == b , c!=d", {"a": "b"}, {"a": "b", "c": "d"}),
        ("a in (x, y),!z", {"a": "y"}, {"a": "y", "z": ""}),
        ("a notin (x)", {}, {"a": "x"}),
        ("example.com/a", {"example.com/a": ""}, {}),
    ],
)
def test_selectors_as_kubectl_takes_them(text: str, yes: dict[str, str], no: dict[str, str] | None) -> None:
    assert matches(parse_selector(text), yes)
    if no is not None:
        assert not matches(parse_selector(text), no)


@pytest.mark.parametrize("text", ["a=b,,c", "=b", "a in x", "a b"])
def test_what_is_no_selector_is_refused(text: str) -> None:
    with pytest.raises(Invalid, match="is not a label selector"):
        parse_selector(text)
