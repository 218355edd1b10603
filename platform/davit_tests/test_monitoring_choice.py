"""Whether an object is taken, and in words why not."""

import pytest
from davit.monitoring.choice import refusal
from davit.monitoring.types import LabelSelector

ALL = LabelSelector()
TEAM = LabelSelector.model_validate({"matchLabels": {"team": "a"}})
HOME = LabelSelector.model_validate({"matchLabels": {"kubernetes.io/metadata.name": "other"}})


def said(labels: LabelSelector | None, namespaces: LabelSelector | None, namespace: str = "own", **tags: str) -> str:
    return refusal(labels, namespaces, "own", namespace, {"stage": "b"}, tags, "spec.x")


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (said(ALL, None), ""),
        (said(ALL, ALL, "other"), ""),
        (said(TEAM, HOME, "other", team="a"), ""),
        (said(None, ALL), "spec.xSelector is not set, which selects nothing: set it to {} to select all"),
        (
            said(ALL, None, "other"),
            "spec.xNamespaceSelector is not set, which selects namespace own only: set it to {} to select all",
        ),
        (
            said(ALL, TEAM, "other"),
            "spec.xNamespaceSelector does not match namespace other: label team must be 'a', it is missing",
        ),
        (said(TEAM, ALL, "own", team="b"), "spec.xSelector does not match: label team must be 'a', it is 'b'"),
    ],
)
def test_a_refusal_names_field_and_label(found: str, expected: str) -> None:
    assert found == expected
