from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from davit.kube.quantity import normal_quantity, parse_quantity, same_quantity
from hypothesis import given, settings
from hypothesis import strategies as st


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0", "0"), ("1", "1"), ("0.5", "0.5"), (".5", "0.5"), ("1.", "1"), ("-1", "-1"), ("+1", "1"), ("500m", "0.5"),
        ("100n", "1e-7"), ("1u", "1e-6"), ("1k", "1000"), ("1Ki", "1024"), ("8Gi", str(8 << 30)), ("1E", "1e18"), ("1e3", "1000"),
        ("1E3", "1000"), ("12e-1", "1.2"), ("1Ei", str(1 << 60)), (2, "2"), (0.5, "0.5"),
    ],
)  # fmt: skip
def test_parses(text: str | int | float, value: str) -> None:
    assert parse_quantity(text) == Decimal(value)


@pytest.mark.parametrize("text", ["", "Gi", "8 Gi", "8GB", "8gi", "1e", "1Kii", "--1", "1_000", "0x10", "NaN", "inf", "1e3Gi"])
def test_refuses_what_the_api_server_refuses(text: str) -> None:
    with pytest.raises(ValueError, match="not a quantity"):
        parse_quantity(text)


@pytest.mark.parametrize("text", ["1e999999999", "12e4567890123456", "1e-99999", "9" * 100])
def test_a_short_text_never_means_a_huge_number(text: str) -> None:
    """Hexadecimal digests may look like these."""
    with pytest.raises(ValueError, match="out of range"):
        parse_quantity(text)
    assert not same_quantity(text, "1")


@pytest.mark.parametrize(
    ("one", "other"), [("0.5", "500m"), ("1Gi", "1024Mi"), (1, "1"), ("1e3", "1k"), ("1.0", 1), ("100m", "0.1"), (0.1, "100m")]
)
def test_same_value_however_written(one: Any, other: Any) -> None:
    assert same_quantity(one, other)
    assert same_quantity(other, one)


@pytest.mark.parametrize(
    ("one", "other"), [("1Gi", "1G"), ("a", "b"), ("", ""), (True, 1), (1, True), (None, 0), ([1], [1]), ("1", {}), ("1", "x")]
)
def test_other_things_are_not_the_same(one: Any, other: Any) -> None:
    assert not same_quantity(one, other)


@given(st.text(max_size=20), st.text(alphabet="0123456789eE+-.mKMGi", max_size=20))
@settings(derandomize=True, max_examples=100, deadline=None)
def test_never_raises_anything_else(one: str, other: str) -> None:
    assert same_quantity(one, other) in (True, False)
    assert same_quantity(other, one) == same_quantity(one, other)


@pytest.mark.parametrize(
    ("written", "normal"),
    [
        (1, "1"), ("1", "1"), ("1000m", "1"), (0.5, "500m"), ("0.5", "500m"), (".1", "100m"), ("20m", "20m"), ("1.5", "1500m"),
        ("1Gi", "1Gi"), ("1024Mi", "1Gi"), (1 << 30, "1Gi"), ("1.5Gi", "1536Mi"), ("128Mi", "128Mi"), ("1000Mi", "1000Mi"),
        ("512M", "512M"), ("1e3", "1k"), ("1G", "1G"), ("1000", "1k"), ("0", "0"), ("0.0Gi", "0"), (0, "0"), ("-1000m", "-1"),
        ("100n", "100n"), ("0.1n", "1n"), ("1Ei", "1Ei"), ("2E", "2E"),
    ],
)  # fmt: skip
def test_one_spelling_for_all_of_equal_value(written: Any, normal: str) -> None:
    assert normal_quantity(written) == normal


QUANTITIES = st.builds(
    "{}{}".format,
    st.one_of(st.integers(-5000, 5000), st.decimals(-99, 99, places=3)),
    st.sampled_from(["", "m", "u", "k", "M", "G", "T", "Ki", "Mi", "Gi", "Ti", "e3", "E-2"]),
)


@given(QUANTITIES, QUANTITIES)
@settings(derandomize=True, max_examples=100, deadline=None)
def test_the_normal_spelling_keeps_the_value_and_tells_values_apart(one: str, other: str) -> None:
    normal = normal_quantity(one)
    assert same_quantity(normal, one)
    assert normal_quantity(normal) == normal
    assert (normal == normal_quantity(other)) == same_quantity(one, other)


@pytest.mark.parametrize("text", ["1GB", "", "1e99", None, True])
def test_no_normal_spelling_of_what_is_no_quantity(text: Any) -> None:
    with pytest.raises(ValueError, match="quantity"):
        normal_quantity(text)
