"""A model's complaints in the words of the user."""

from __future__ import annotations

from typing import Any

import pytest
from davit.monitoring.parse import problems
from davit.monitoring.types import ByteSize, Duration, IntOrString, Items, Limit, Quantity, Scheme, Spec
from pydantic import ValidationError


class Part(Spec):
    wait: Duration | None = None
    size: ByteSize | None = None
    port: IntOrString | None = None
    least: Quantity | None = None
    scheme: Scheme | None = None
    limit: Limit | None = None


class Whole(Spec):
    parts: Items[Part] | None = None


def complaints(**part: Any) -> list[tuple[str, str]]:
    with pytest.raises(ValidationError) as error:
        Whole.model_validate({"parts": [{}, part]})
    return [(problem.field, problem.message) for problem in problems(error.value)]


def test_every_field_is_named_once_with_what_to_write() -> None:
    assert complaints(wait="5 m", size="x", limit=-1, scheme="ftp") == [
        ("spec.parts[1].wait", "'5 m' is not a duration: write for example 30s, 5m or 1h30m"),
        ("spec.parts[1].size", "'x' is not a size: write for example 512MB or 1GiB"),
        ("spec.parts[1].scheme", "must be 'http', 'https', 'HTTP' or 'HTTPS'"),
        ("spec.parts[1].limit", "must be greater than or equal to 0"),
    ]


def test_the_branches_of_a_union_are_not_shown() -> None:
    assert [field for field, _ in complaints(port=[], least="1 Ki")] == ["spec.parts[1].port", "spec.parts[1].least"]


def test_absent_null_and_empty_are_the_same() -> None:
    assert Whole.model_validate({"parts": [{"wait": None, "size": "", "port": 0}]}).parts
