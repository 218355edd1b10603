"""Versions and what they know."""

from __future__ import annotations

import pytest
from davit.errors import Invalid
from davit.monitoring.versions import Gate, Version

IN_ORDER = [
    "2.45.0",
    "2.53.0-alpha",
    "2.53.0-rc.1",
    "2.53.0-rc.2",
    "2.53.0-rc.10",
    "2.53.0",
    "2.53.1",
    "2.100.0",
    "3.0.0-beta.0",
    "3.0.0",
]


def test_versions_are_ordered_as_semver_orders_them() -> None:
    assert sorted(map(Version.parse, reversed(IN_ORDER))) == [Version.parse(text) for text in IN_ORDER]


@pytest.mark.parametrize(
    ("text", "printed"), [("v2.45.0", "2.45.0"), ("3", "3.0.0"), (" v3.5 ", "3.5.0"), ("3.5.1+build.7", "3.5.1")]
)
def test_every_usual_spelling_is_understood(text: str, printed: str) -> None:
    assert str(Version.parse(text)) == printed


@pytest.mark.parametrize("text", ["", "latest", "v", "3.x", "3.5.1.2", "main-3.5.0", "3.5.0-"])
def test_what_is_no_version_is_refused_with_its_field(text: str) -> None:
    with pytest.raises(Invalid) as error:
        Version.parse(text, "spec.thanos.version")
    assert error.value.problems[0].field == "spec.thanos.version"
    assert "write for example" in error.value.problems[0].message


def test_a_gate_lets_through_what_the_version_knows() -> None:
    gate = Gate(Version.parse("2.53.0"))
    assert gate.since("2.53.0", "spec.a")
    assert gate.until("3.0.0", "spec.b")
    assert gate.ignored == ()


def test_a_gate_says_once_what_the_version_does_not_know() -> None:
    gate = Gate(Version.parse("3.0.0"), "Alertmanager")
    assert not any(gate.since("3.1.0", "spec.a") for _ in range(2))
    assert not gate.until("3.0.0", "spec.b")
    gate.ignore("spec.c", "only Thanos has it")
    assert gate.ignored == (
        "spec.a is ignored by Alertmanager 3.0.0: needs 3.1.0",
        "spec.b is ignored by Alertmanager 3.0.0: gone since 3.0.0",
        "spec.c is ignored by Alertmanager 3.0.0: only Thanos has it",
    )


def test_a_release_candidate_does_not_yet_know_what_the_release_does() -> None:
    assert not Gate(Version.parse("3.0.0-rc.0")).since("3.0.0", "spec.a")
